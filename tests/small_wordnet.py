"""A tiny database in the files of WordNet 3.0 (wndb(5WN)), so that tests need none installed.

`write_wordnet(folder)` writes it; `WordNet.open(folder)` opens it. What it holds is said by SYNSETS, ANTONYMS and EXCEPTIONS.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

FILES = {"n": "noun", "v": "verb", "a": "adj", "r": "adv"}
_LEXICOGRAPHER = {"n": 6, "v": 38, "a": 0, "s": 0, "r": 2}  # noun.artifact, verb.motion, adj.all, adv.all
_NUMBER = {"n": 1, "v": 2, "a": 3, "r": 4, "s": 5}
_HEADER = (
    "  1 Made by the tests, in the format of WordNet 3.0 Copyright nobody  \n  2 Lines such as these begin with a space  \n"
)


class Synset(NamedTuple):
    """`part`: n, v, a, r, or s for an adjective that is like `head`. `lemmas`: each with its tagged count where it has one.

    `head` names a sense, as ANTONYMS do: "happy.a.1" is the most frequent sense of happy as an adjective.
    """

    part: str
    lemmas: str
    gloss: str
    head: str = ""


SYNSETS = (
    Synset("n", "movie:21 film:14 picture:3 moving_picture", 'a story told in moving images; "they saw a movie on Friday"'),
    Synset("n", "film:2 coating", "a thin layer over something"),
    Synset("n", "picture:19 image:9", "a drawing or photograph"),
    Synset("n", "cinema:6 movie_theater", 'a house where films are shown; "the cinema in our street"'),
    Synset("n", "dog:42 hound", "an animal that barks and is kept in the house"),
    Synset("n", "cat:18 kitty", "a small animal that purrs"),
    Synset("n", "car:71 auto:4 automobile:6", "a machine with four wheels for driving on roads"),
    Synset("n", "man:149", "a grown male person"),
    Synset("n", "woman:114", "a grown female person"),
    Synset("n", "child:98 kid:9", "a young person"),
    Synset("n", "teacher:44 instructor:8", "one who teaches"),
    Synset("n", "start:12 beginning:17", "the time when something begins"),
    Synset("n", "end:29 ending:7", "the time when something is over"),
    Synset("n", "run:8", "a trip on foot, done fast"),
    Synset("n", "Paris:5 City_of_Light", "the capital of France"),
    Synset("n", "good:9", "what is of use"),
    Synset("v", "go:240 move:54 travel:23", 'change place; "we go by train"'),
    Synset("v", "go:51 leave:60", "be away from here; quit"),
    Synset("v", "run:106", "go fast on foot"),
    Synset("v", "sing:23", "make music with the voice"),
    Synset("v", "eat:51", "take in food"),
    Synset("v", "buy:77 purchase:11", "get for money"),
    Synset("v", "sell:40", "give away for money"),
    Synset("v", "start:70 begin:93 get_going", "take the first step"),
    Synset("v", "end:33 stop:20 finish:21", "be over"),
    Synset("v", "love:44", "like very much"),
    Synset("v", "hate:18 detest:4", "dislike very much"),
    Synset("v", "film:3 shoot:1", "make a movie of"),
    Synset("a", "good:190", 'as it should be; "a good report"; "good news"'),
    Synset("a", "bad:114", 'not as it should be; "bad weather"'),
    Synset("s", "beneficial:4 good:9", "doing somebody a service", "good.a.1"),
    Synset("s", "awful:3 terrible:7", "very bad indeed", "bad.a.1"),
    Synset("a", "big:106 large:132", "above the usual in size"),
    Synset("a", "small:110 little:61", "below the usual in size"),
    Synset("s", "huge:12 vast:9", "very big", "big.a.1"),
    Synset("a", "fast:18", "at high speed"),
    Synset("s", "quick:11 fast:2", "done in little time", "fast.a.1"),
    Synset("a", "slow:30", "at low speed"),
    Synset("a", "happy:37", 'in good spirits; "a happy child"'),
    Synset("s", "glad:10 cheerful", "pleased", "happy.a.1"),
    Synset("a", "sad:14 unhappy:6", "in low spirits"),
    Synset("a", "cheap:11 inexpensive:4", "low in price"),
    Synset("a", "expensive:13 costly(p):4", "high in price"),
    Synset("a", "new:160", "not of long standing"),
    Synset("a", "old:150", "of long standing"),
    Synset("r", "quickly:32 fast:9", "with speed"),
    Synset("r", "slowly:29", "without speed"),
    Synset("r", "well:70 good:2", "in a good way"),
    Synset("r", "badly:9", "in a bad way"),
)
ANTONYMS = (
    ("man.n.1", "woman.n.1"), ("start.n.1", "end.n.1"), ("beginning.n.1", "ending.n.1"), ("buy.v.1", "sell.v.1"),
    ("begin.v.1", "end.v.1"), ("love.v.1", "hate.v.1"), ("good.a.1", "bad.a.1"), ("big.a.1", "small.a.1"),
    ("large.a.1", "little.a.1"), ("fast.a.1", "slow.a.1"), ("happy.a.1", "unhappy.a.1"), ("happy.a.1", "sad.a.1"),
    ("cheap.a.1", "expensive.a.1"), ("new.a.1", "old.a.1"), ("quickly.r.1", "slowly.r.1"), ("well.r.1", "badly.r.1"),
)  # fmt: skip
EXCEPTIONS = {
    "n": ("children child", "men man", "women woman"),
    "v": ("ate eat", "began begin", "begun begin", "bought buy", "eaten eat", "gone go", "left leave", "ran run", "running run",
          "sang sing", "shot shoot", "sold sell", "stopped stop", "stopping stop", "sung sing", "went go"),
    "a": ("best good", "better good", "bigger big", "biggest big", "happier happy", "happiest happy", "sadder sad",
          "saddest sad", "worse bad", "worst bad"),
    "r": ("best well", "better well"),
}  # fmt: skip


def write_wordnet(
    folder: Path,
    synsets: Sequence[Synset] = SYNSETS,
    antonyms: Sequence[tuple[str, str]] = ANTONYMS,
    exceptions: Mapping[str, Sequence[str]] = EXCEPTIONS,
) -> Path:
    """Write index.*, data.*, *.exc and index.sense into `folder`, which is made, and return it.

    Senses are numbered by tagged count, then as `synsets` has them; antonym links run both ways.
    """
    folder.mkdir(parents=True, exist_ok=True)
    words = [[_lemma(entry) for entry in synset.lemmas.split()] for synset in synsets]
    senses = _numbered(synsets, words)
    links = _links(synsets, words, antonyms, senses)
    offsets = [0] * len(synsets)
    data = _data(synsets, words, links, offsets)
    for part in FILES:
        at = len(_HEADER.encode())
        for number in (k for k, synset in enumerate(synsets) if _part(synset) == part):
            offsets[number] = at
            at += len(data[number].encode())
    data = _data(synsets, words, links, offsets)  # offsets have eight digits, so lengths are as before
    for part, name in FILES.items():
        own = [line for line, synset in zip(data, synsets) if _part(synset) == part]
        (folder / f"data.{name}").write_bytes((_HEADER + "".join(own)).encode())
        (folder / f"index.{name}").write_bytes((_HEADER + _index(part, words, links, senses, offsets)).encode())
        (folder / f"{name}.exc").write_bytes("".join(f"{line}\n" for line in exceptions.get(part, ())).encode())
    (folder / "index.sense").write_bytes(_sense_index(synsets, words, links, senses, offsets).encode())
    return folder


class _Lemma(NamedTuple):
    name: str
    marker: str
    tagged: int


class _Link(NamedTuple):
    symbol: str
    to: int  # synset
    ends: str  # numbers of both lemmas, hexadecimal, 0000 for whole synsets


def _lemma(entry: str) -> _Lemma:
    name, _, count = entry.partition(":")
    name, mark, rest = name.partition("(")
    return _Lemma(name, mark + rest, int(count or 0))


def _part(synset: Synset) -> str:
    return "a" if synset.part == "s" else synset.part


def _numbered(synsets: Sequence[Synset], words: list[list[_Lemma]]) -> dict[tuple[str, str], list[int]]:
    """(lemma in lower case, part of speech) -> its synsets, most frequent first."""
    counts: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    for number, (synset, lemmas) in enumerate(zip(synsets, words)):
        for lemma in lemmas:
            counts[lemma.name.lower(), _part(synset)].append((-lemma.tagged, number))
    return {key: [number for _, number in sorted(entries)] for key, entries in counts.items()}


def _links(
    synsets: Sequence[Synset], words: list[list[_Lemma]], antonyms: Sequence[tuple[str, str]], senses: dict
) -> list[list[_Link]]:
    found: list[list[_Link]] = [[] for _ in synsets]

    def sense(name: str) -> tuple[int, int]:
        lemma, part, number = name.split(".")
        synset = senses[lemma, part][int(number) - 1]
        return synset, [word.name for word in words[synset]].index(lemma) + 1

    for pair in antonyms:
        for (synset, lemma), (other, other_lemma) in (map(sense, pair), map(sense, reversed(pair))):
            found[synset].append(_Link("!", other, f"{lemma:02x}{other_lemma:02x}"))
    for like, description in enumerate(synsets):
        if description.head:
            head, _ = sense(description.head)
            found[like].append(_Link("&", head, "0000"))
            found[head].append(_Link("&", like, "0000"))
    return found


def _lex_ids(synsets: Sequence[Synset], words: list[list[_Lemma]]) -> list[list[int]]:
    """Tell senses of a lemma in one lexicographer file apart."""
    used: Counter[tuple[str, int]] = Counter()
    ids: list[list[int]] = []
    for synset, lemmas in zip(synsets, words):
        keys = [(lemma.name.lower(), _LEXICOGRAPHER[synset.part]) for lemma in lemmas]
        ids.append([used[key] for key in keys])
        used.update(keys)
    return ids


def _data(
    synsets: Sequence[Synset], words: list[list[_Lemma]], links: list[list[_Link]], offsets: list[int]
) -> list[str]:  # fmt: skip
    ids, lines = _lex_ids(synsets, words), []
    for k, synset in enumerate(synsets):
        fields = [f"{offsets[k]:08d} {_LEXICOGRAPHER[synset.part]:02d} {synset.part} {len(words[k]):02x}"]
        fields += [f"{lemma.name}{lemma.marker} {number:x}" for lemma, number in zip(words[k], ids[k])]
        fields.append(f"{len(links[k]):03d}")
        fields += [f"{link.symbol} {offsets[link.to]:08d} {synsets[link.to].part} {link.ends}" for link in links[k]]
        fields += ["01 + 02 00"] * (synset.part == "v")
        lines.append(f"{' '.join(fields)} | {synset.gloss}  \n")
    return lines


def _index(part: str, words: list[list[_Lemma]], links: list[list[_Link]], senses: dict, offsets: list[int]) -> str:
    lines = []
    for name, numbers in sorted((name, numbers) for (name, own), numbers in senses.items() if own == part):
        symbols = sorted({link.symbol for number in numbers for link in links[number]})
        tagged = sum(lemma.tagged > 0 for number in numbers for lemma in words[number] if lemma.name.lower() == name)
        places = [f"{offsets[number]:08d}" for number in numbers]
        lines.append(
            " ".join([name, part, str(len(numbers)), str(len(symbols)), *symbols, str(len(numbers)), str(tagged), *places])
        )
    return "".join(line + "  \n" for line in lines)


def _sense_index(
    synsets: Sequence[Synset], words: list[list[_Lemma]], links: list[list[_Link]], senses: dict, offsets: list[int]
) -> str:
    ids, lines = _lex_ids(synsets, words), []
    for k, synset in enumerate(synsets):
        head = next((link.to for link in links[k] if link.symbol == "&"), 0) if synset.part == "s" else None
        tail = f"{words[head][0].name}:{ids[head][0]:02d}" if head is not None else ":"
        for lemma, number in zip(words[k], ids[k]):
            name = lemma.name.lower()
            key = f"{name}%{_NUMBER[synset.part]}:{_LEXICOGRAPHER[synset.part]:02d}:{number:02d}:{tail}"
            place = senses[name, _part(synset)].index(k) + 1
            lines.append(f"{key} {offsets[k]:08d} {place} {lemma.tagged}\n")
    return "".join(sorted(lines))
