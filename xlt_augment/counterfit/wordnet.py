"""WordNet through nltk: synonym and antonym pairs of its lemmas, and what inflected words are forms of."""

import functools
import hashlib
import io
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from xlt_augment.canonical import sha256_file
from xlt_augment.counterfit.constraints import Pair, PairList
from xlt_augment.errors import ConstraintError

SYSTEM_FOLDERS = (Path("/usr/share/wordnet"), Path("/usr/local/WordNet-3.0/dict"), Path("/usr/share/wordnet-3.0/dict"))
_PARTS = {"n": "noun", "v": "verb", "a": "adj", "r": "adv"}
_FILES = [f"{kind}.{part}" for kind in ("index", "data") for part in _PARTS.values()]
_FILES += [f"{part}.exc" for part in _PARTS.values()] + ["index.sense"]
# Lexicographer files by number and part of speech (lexnames(5WN)); Debian's package leaves the file out, nltk wants it.
_LEXNAMES = (
    "adj.all:3 adj.pert:3 adv.all:4 noun.Tops:1 noun.act:1 noun.animal:1 noun.artifact:1 noun.attribute:1 noun.body:1 "
    "noun.cognition:1 noun.communication:1 noun.event:1 noun.feeling:1 noun.food:1 noun.group:1 noun.location:1 noun.motive:1 "
    "noun.object:1 noun.person:1 noun.phenomenon:1 noun.plant:1 noun.possession:1 noun.process:1 noun.quantity:1 "
    "noun.relation:1 noun.shape:1 noun.state:1 noun.substance:1 noun.time:1 verb.body:2 verb.change:2 verb.cognition:2 "
    "verb.communication:2 verb.competition:2 verb.consumption:2 verb.contact:2 verb.creation:2 verb.emotion:2 verb.motion:2 "
    "verb.perception:2 verb.possession:2 verb.social:2 verb.stative:2 verb.weather:2 adj.ppl:3"
)


class Form(NamedTuple):
    """What a word may be: a form ("base", "plural", "past" ...) of a lemma with a part of speech (n, v, a, r)."""

    lemma: str
    part: str
    form: str


class Sense(NamedTuple):
    """One sense of a lemma: its synset's offset, part of speech, number in the index (1 is the most frequent), times it was
    tagged in running text."""

    synset: int
    part: str
    number: int
    tagged: int


class WordNet:
    """A WordNet database. Make one with `open`."""

    def __init__(self, reader: Any, folder: Path) -> None:
        """`reader`: nltk's WordNetCorpusReader over the files of `folder`."""
        self._reader, self.folder = reader, folder

    @classmethod
    def open(cls, folder: str | Path | None = None) -> "WordNet":
        """The WordNet in `folder`, else nltk's corpus `wordnet`, else the system's.

        Raises ConstraintError where there is none.
        """
        place = Path(folder) if folder else _find()
        if lacking := [name for name in _FILES if not (place / name).is_file()]:
            raise _missing(f"no {lacking[0]} in {place}")
        return cls(_reader(place), place)

    @functools.cached_property
    def made(self) -> dict[str, Any]:
        """Version, and one sha256 over the database files."""
        digest = hashlib.sha256("".join(sha256_file(self.folder / name) for name in _FILES).encode()).hexdigest()
        return {"name": "WordNet", "version": self._reader.get_version(), "sha256": digest}

    @functools.cached_property
    def lemmas(self) -> dict[str, frozenset[str]]:
        """Lemmas by part of speech, as the index has them: lower case, `_` for a space."""
        return {part: frozenset(self._reader.all_lemma_names(part)) for part in _PARTS}

    @functools.cached_property
    def senses(self) -> dict[str, tuple[Sense, ...]]:
        """The senses of each single word, most frequent first: by tagged count, then by number, noun before verb before others.

        Names, which are written with a capital, are left out.
        """
        found: dict[str, list[Sense]] = defaultdict(list)
        counts = self._counts()
        for part in _PARTS:
            for synset in self._reader.all_synsets(part):
                for lemma in synset.lemmas():
                    name = lemma.name()
                    if name.islower() and "_" not in name:
                        number, count = counts.get((name, part, synset.offset()), (0, 0))
                        found[name].append(Sense(synset.offset(), part, number, count))
        parts = "".join(_PARTS)
        return {
            name: tuple(sorted(senses, key=lambda s: (-s.tagged, s.number, parts.index(s.part), s.synset)))
            for name, senses in sorted(found.items())
        }

    def _counts(self) -> dict[tuple[str, str, int], tuple[int, int]]:
        """(lemma, part of speech, synset) -> sense number and count of tagged occurrences, from the sense index."""
        counts = {}
        with (self.folder / "index.sense").open(encoding="utf-8") as lines:
            for line in lines:
                key, offset, number, count = line.split()
                lemma, _, rest = key.partition("%")
                counts[lemma, "nvara"[int(rest[0]) - 1], int(offset)] = int(number), int(count)
        return counts

    def glosses(self) -> Iterator[tuple[list[str], str]]:
        """Every synset's single-word lemmas, and its gloss with the examples."""
        for synset in self._reader.all_synsets():
            names = [name for name in synset.lemma_names() if "_" not in name]
            yield names, "; ".join([synset.definition(), *synset.examples()])

    def synonyms(self, senses: int, share: float = 0.0) -> set[tuple[str, str, str]]:
        """(lemma, lemma, part of speech) of words that share a synset among the `senses` most frequent senses of both.

        For both, the sense must make up at least `share` of the word's tagged occurrences, each sense counted once more, so
        that words that were never tagged have senses of equal shares.
        """
        members: dict[tuple[str, int], list[str]] = defaultdict(list)
        for name, own in self.senses.items():
            least = share * sum(sense.tagged + 1 for sense in own)
            for sense in (s for s in own[:senses] if s.tagged + 1 >= least):
                members[sense.part, sense.synset].append(name)
        return {(a, b, part) for (part, _), names in members.items() for a, b in product(names, names) if a < b}

    def antonyms(self) -> set[tuple[str, str, str]]:
        """(lemma, lemma, part of speech) of the antonym links between single words."""
        found = set()
        for part in _PARTS:
            for synset in self._reader.all_synsets(part):
                for lemma in synset.lemmas():
                    for other in lemma.antonyms():
                        a, b = sorted((lemma.name(), other.name()))
                        if "_" not in a + b:
                            found.add((a, b, part))
        return found

    def pair_lists(
        self, vocabulary: Iterable[str], *, senses: int, share: float = 0.0, inflect: bool = True
    ) -> tuple[PairList, PairList]:
        """Synonym and antonym pairs; with `inflect`, also of the inflected forms of both that the vocabulary has."""
        forms: dict[Form, list[str]] = defaultdict(list)
        for word in vocabulary if inflect else ():
            for form in self.forms(word):
                forms[form].append(word)
        kinds = sorted({(form.part, form.form) for form in forms})

        def expand(pairs: set[tuple[str, str, str]]) -> list[Pair]:
            words = {(a, b) for a, b, _ in pairs}
            for a, b, part in pairs:
                for _, kind in (k for k in kinds if k[0] == part and k[1] != "base"):
                    words |= set(product(forms.get(Form(a, part, kind), ()), forms.get(Form(b, part, kind), ())))
            return sorted(words)

        synonyms, antonyms = expand(self.synonyms(senses, share)), expand(self.antonyms())
        common = self.made | {"inflect": inflect}
        return (
            PairList(synonyms, common | {"senses": senses, "share": share, "pairs": len(synonyms)}),
            PairList(antonyms, common | {"pairs": len(antonyms)}),
        )

    def forms(self, word: str) -> frozenset[Form]:
        """Everything that a word may be a form of; empty for a word that WordNet does not know."""
        return _forms(self, word)

    def common_forms(self, word: str, share: float = 0.2) -> frozenset[Form]:
        """The forms whose lemmas make up at least `share` of what the word was tagged as, counted as by `synonyms`."""
        weights = {
            form: sum(s.tagged + 1 for s in self.senses.get(form.lemma, ()) if s.part == form.part) for form in self.forms(word)
        }
        least = share * sum(weights.values())
        return frozenset(form for form, weight in weights.items() if weight >= least)

    @functools.cached_property
    def exceptions(self) -> dict[str, dict[str, list[str]]]:
        """Irregular forms by part of speech: form -> lemmas."""
        tables: dict[str, dict[str, list[str]]] = {}
        for part, name in _PARTS.items():
            lines = (self.folder / f"{name}.exc").read_text(encoding="utf-8").splitlines()
            tables[part] = {words[0]: words[1:] for words in map(str.split, lines) if words}
        return tables

    @functools.cached_property
    def irregular_verbs(self) -> dict[str, list[str]]:
        """Verb -> its irregular forms in -s and -ing left out."""
        found: dict[str, list[str]] = defaultdict(list)
        for form, lemmas in self.exceptions["v"].items():
            if not form.endswith(("ing", "s")) and "_" not in form:
                for lemma in lemmas:
                    found[lemma].append(form)
        return found


def _forms(wordnet: WordNet, word: str) -> frozenset[Form]:
    """By WordNet's own rules of detachment and exception lists (morphy(7WN))."""
    found = set()
    for part in _PARTS:
        known = wordnet.lemmas[part]
        if word in known:
            found.add(Form(word, part, "base"))
        if word in wordnet.exceptions[part]:
            lemmas = wordnet.exceptions[part][word]
        else:
            rules = wordnet._reader.MORPHOLOGICAL_SUBSTITUTIONS[part]
            lemmas = [word[: -len(old)] + new for old, new in rules if word.endswith(old) and len(word) > len(old)]
        for lemma in lemmas:
            if lemma in known and lemma != word:
                found |= {Form(lemma, part, kind) for kind in _kinds(wordnet, word, lemma, part)}
    return frozenset(found)


def _kinds(wordnet: WordNet, word: str, lemma: str, part: str) -> tuple[str, ...]:
    if part == "n":
        return ("plural",)
    if part in "ar":
        return ("superlative",) if word.endswith("st") else ("comparative",)
    if word.endswith("ing"):
        return ("gerund",)
    if word.endswith("s") and lemma != "be":
        return ("third",)
    if lemma.endswith(("run", "come")):  # their participles are the lemmas
        return ("past",)
    irregular = wordnet.irregular_verbs.get(lemma, [])
    if word in irregular and len(irregular) > 1:  # ate, eaten; went, gone; else sang, sung
        marked = [form for form in irregular if form.endswith(("n", "ne"))]
        if len(marked) in (0, len(irregular)):  # sang, sung; began, begun
            marked = [form for form in irregular if "u" in form]
        return ("participle",) if word in marked else ("past",)
    return ("past", "participle")


def _reader(place: Path) -> Any:
    """nltk's reader over the files of a folder, which may lack `lexnames`."""
    import nltk
    from nltk.corpus.reader.wordnet import WordNetCorpusReader
    from nltk.data import SeekableUnicodeStreamReader

    class Reader(WordNetCorpusReader):  # type: ignore[misc]
        def open(self, file: str) -> Any:
            if file == "lexnames":
                return io.StringIO(
                    "".join(f"{k:02d}\t{entry.replace(':', chr(9))}\n" for k, entry in enumerate(_LEXNAMES.split()))
                )
            content = io.BytesIO((place / file).read_bytes())  # nltk never closes what it opens
            return SeekableUnicodeStreamReader(content, self._ENCODING)

        def map_wn(self, version: str = "wordnet") -> None:
            """No map to the nltk corpus of that name, which need not be there."""

    root = str(place.resolve())
    if root not in nltk.data.path:
        nltk.data.path.append(root)  # nltk opens nothing outside of it
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The multilingual functions")
        return Reader(root, None)


def _find() -> Path:
    import nltk

    for folder in (*(Path(name) / "corpora" / "wordnet" for name in nltk.data.path), *SYSTEM_FOLDERS):
        if (folder / "data.noun").is_file():
            return folder
    raise _missing("none in nltk's data folders nor in the system's")


def _missing(found: str) -> ConstraintError:
    return ConstraintError(
        "opening WordNet",
        found=found,
        expected="the files of WordNet 3.0",
        remedy="Install it (Debian: apt install wordnet-base wordnet-sense-index; nltk: unpack its corpus wordnet), "
        "or name its folder with --wordnet-dir",
    )
