"""WordNet as a source of pairs and forms: on the tests' own small database, and on the real one where it is."""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nltk
import pytest

from tests.small_wordnet import ANTONYMS, SYNSETS, Synset, write_wordnet
from xlt_augment.counterfit import wordnet as module
from xlt_augment.counterfit.wordnet import Form, WordNet
from xlt_augment.errors import ConstraintError

REAL = Path("/usr/share/wordnet")


@pytest.fixture(autouse=True)
def nltk_folders(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """nltk's list of folders, put back after the test."""
    monkeypatch.setattr(nltk.data, "path", list(nltk.data.path))
    return list(nltk.data.path)


@pytest.fixture(autouse=True)
def closed_files(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Close what nltk leaves open, before the garbage collector complains."""
    readers, make = [], module._reader

    def kept(place: Path) -> Any:
        readers.append(make(place))
        return readers[-1]

    monkeypatch.setattr(module, "_reader", kept)
    yield
    for reader in readers:
        for stream in reader._data_file_map.values():
            stream.close()


@pytest.fixture
def small(tmp_path: Path) -> WordNet:
    return WordNet.open(write_wordnet(tmp_path / "dict"))


def opened(folder: Path, *synsets: Synset, antonyms: tuple[tuple[str, str], ...] = ()) -> WordNet:
    return WordNet.open(write_wordnet(folder / "own", synsets, antonyms, {}))


def named(forms: frozenset[Form]) -> set[str]:
    """Forms as "go v past"."""
    return {f"{form.lemma} {form.part} {form.form}" for form in forms}


def test_the_small_database_is_what_nltk_reads(small: WordNet) -> None:
    """Every synset comes back from its offset, with its gloss, its words, and keys that the sense index has."""
    reader = small._reader
    found, keys = list(reader.all_synsets()), reader.index_sense()
    assert len(found) == len(SYNSETS)
    for synset in found:
        assert reader.synset_from_pos_and_offset(synset.pos(), synset.offset()) == synset
        assert {lemma.key() for lemma in synset.lemmas()} <= keys.keys()
    good = reader.synset("good.a.01")
    assert good.definition() == "as it should be"
    assert good.examples() == ["a good report", "good news"]
    assert reader.synset("glad.s.01").similar_tos() == [reader.synset("happy.a.01")]


def test_senses_by_tagged_count(small: WordNet) -> None:
    found = {
        word: [(s.part, s.number, s.tagged) for s in small.senses[word]]
        for word in ("film", "good", "run", "cheerful", "costly")
    }
    assert found == {
        "film": [("n", 1, 14), ("v", 1, 3), ("n", 2, 2)],
        "good": [("a", 1, 190), ("n", 1, 9), ("a", 2, 9), ("r", 1, 2)],
        "run": [("v", 1, 106), ("n", 1, 8)],
        "cheerful": [("a", 1, 0)],
        "costly": [("a", 1, 4)],  # the file has costly(p)
    }
    assert not {"Paris", "paris", "moving_picture", "City_of_Light"} & small.senses.keys()
    assert list(small.senses) == sorted(small.senses)


def test_senses_of_equal_count(tmp_path: Path) -> None:
    """By number, then noun, verb, adjective, adverb."""
    own = [Synset(part, "bark", "") for part in ("r", "a", "v", "n")] + [Synset("n", "bark", ""), Synset("v", "bark:1", "")]
    found = [(s.part, s.number) for s in opened(tmp_path, *own).senses["bark"]]
    assert found == [("v", 1), ("n", 1), ("a", 1), ("r", 1), ("n", 2), ("v", 2)]


def test_synonyms_within_the_most_frequent_senses(small: WordNet) -> None:
    first, second, all_of_them = (small.synonyms(n) for n in (1, 2, 9))
    assert first < second < all_of_them
    assert {("film", "movie", "n"), ("big", "large", "a"), ("go", "travel", "v"), ("begin", "start", "v")} <= first
    # The second sense of fast is that of quickly, the third that of quick; leave is the second of go.
    assert ("fast", "quickly", "r") in second - first
    assert ("go", "leave", "v") in second - first
    assert ("fast", "quick", "a") in all_of_them - second
    assert ("coating", "film", "n") in all_of_them - second
    assert all(a < b for a, b, _ in all_of_them)
    assert small.synonyms(0) == set()


def test_both_words_must_be_in_a_frequent_sense(tmp_path: Path) -> None:
    """Rare of one is enough to leave the pair out."""
    wordnet = opened(tmp_path, Synset("n", "bank:9 shore:1", ""), Synset("n", "shore:7 coast:5", ""))
    assert wordnet.synonyms(1) == {("coast", "shore", "n")}
    assert wordnet.synonyms(2) == {("coast", "shore", "n"), ("bank", "shore", "n")}


def test_synonyms_by_share(small: WordNet) -> None:
    """Of film, tagged 14 + 3 + 2 times, each sense once more: 15, 4 and 3 of 22."""
    pair = ("coating", "film", "n")
    assert pair in small.synonyms(3, share=3 / 22 - 1e-9)
    assert pair not in small.synonyms(3, share=3 / 22 + 1e-9)
    assert ("film", "movie", "n") in small.synonyms(3, share=0.6)
    assert small.pair_lists((), senses=3, share=0.2)[0].pairs == sorted({(a, b) for a, b, _ in small.synonyms(3, 0.2)})


def test_common_forms(small: WordNet) -> None:
    """Weighed by the tagged counts of the lemma: film is a noun 18 times in 22; running has one reading."""
    assert named(small.common_forms("films")) == {"film n plural"}
    assert named(small.common_forms("films", share=0.1)) == {"film n plural", "film v third"}
    assert named(small.common_forms("running")) == {"run v gerund"}
    assert named(small.common_forms("better")) == {"good a comparative", "well r comparative"}
    assert small.common_forms("zebra") == frozenset()


def test_common_forms_of_words_never_tagged(tmp_path: Path) -> None:
    """By the number of senses: ten against two, then against three."""
    nouns = [Synset("n", "bark", "")] * 10
    assert named(opened(tmp_path / "two", *nouns, *[Synset("v", "bark", "")] * 2).common_forms("barks")) == {"bark n plural"}
    assert len(opened(tmp_path / "three", *nouns, *[Synset("v", "bark", "")] * 3).common_forms("barks")) == 2


def test_antonyms(small: WordNet) -> None:
    expected = {(*sorted(name.split(".")[0] for name in pair), pair[0].split(".")[1]) for pair in ANTONYMS}
    assert small.antonyms() == expected
    assert {("bad", "good", "a"), ("buy", "sell", "v"), ("quickly", "slowly", "r"), ("man", "woman", "n")} <= expected


def test_antonyms_are_links_of_words_not_of_synsets(tmp_path: Path) -> None:
    own = [Synset("a", "big large", ""), Synset("a", "small little", ""), Synset("a", "not_big", "")]
    wordnet = opened(tmp_path, *own, antonyms=(("big.a.1", "small.a.1"), ("big.a.1", "not_big.a.1")))
    assert wordnet.antonyms() == {("big", "small", "a")}


FORMS = """
movie: movie n base; movies: movie n plural; films: film n plural, film v third; women: woman n plural; childs: child n plural
go: go v base; goes: go v third; going: go v gerund; went: go v past; gone: go v participle; sang: sing v past
sung: sing v participle; eaten: eat v participle; begun: begin v participle; bought: buy v past, buy v participle
loved: love v past, love v participle; loving: love v gerund; stopped: stop v past, stop v participle; running: run v gerund
fast: fast a base, fast r base; faster: fast a comparative; largest: large a superlative; happier: happy a comparative
worst: bad a superlative; better: good a comparative, well r comparative; best: good a superlative, well r superlative
quickly: quickly r base; s: ; zebra: ; хороший:
"""


def test_forms(small: WordNet) -> None:
    for entry in FORMS.strip().replace("\n", "; ").split("; "):
        word, _, forms = entry.partition(":")
        assert named(small.forms(word)) == {form.strip() for form in forms.split(",") if form.strip()}, word
    assert small.forms("") == frozenset()


def test_irregular_third_persons(tmp_path: Path) -> None:
    wordnet = WordNet.open(write_wordnet(tmp_path, [Synset("v", "quiz", "ask")], (), {"v": ["quizzes quiz", "quizzed quiz"]}))
    assert named(wordnet.forms("quizzes")) == {"quiz v third"}


def test_pairs_without_and_with_inflection(small: WordNet) -> None:
    vocabulary = (
        "movie movies film films went goes travels bought sold selling buying better worse best good bad starts".split()
    )
    plain = small.pair_lists(vocabulary, senses=1, inflect=False)
    assert plain[0].pairs == sorted({(a, b) for a, b, _ in small.synonyms(1)})
    assert plain[1].pairs == sorted({(a, b) for a, b, _ in small.antonyms()})
    more = small.pair_lists(vocabulary, senses=1, inflect=True)
    either = [{frozenset(pair) for pair in source.pairs} for source in more]
    added = [found - {frozenset(pair) for pair in before.pairs} for found, before in zip(either, plain)]
    assert added[0] == {frozenset(pair) for pair in (("movies", "films"), ("goes", "travels"))}
    assert added[1] == {frozenset(pair) for pair in (("bought", "sold"), ("selling", "buying"), ("better", "worse"))}
    assert all(source.pairs == sorted(set(source.pairs)) for source in more)


def test_pairs_say_where_from(small: WordNet) -> None:
    synonyms, antonyms = small.pair_lists(["movie"], senses=2, inflect=True)
    assert synonyms.made == small.made | {"inflect": True, "senses": 2, "share": 0.0, "pairs": len(synonyms.pairs)}
    assert antonyms.made == small.made | {"inflect": True, "pairs": len(antonyms.pairs)}
    again = small.pair_lists(iter(["movie"]), senses=2, inflect=True)
    assert again == (synonyms, antonyms)


def test_glosses(small: WordNet) -> None:
    found = {names[0]: (names, text) for names, text in small.glosses()}
    assert found["movie"] == (["movie", "film", "picture"], "a story told in moving images; they saw a movie on Friday")
    assert len(list(small.glosses())) == len(SYNSETS)


def test_identity_follows_the_content(tmp_path: Path) -> None:
    one, two = (WordNet.open(write_wordnet(tmp_path / name)) for name in ("one", "two"))
    other = opened(tmp_path, *SYNSETS[:-1])
    assert one.made == two.made
    assert one.made["version"] == other.made["version"] == "3.0"
    assert one.made["sha256"] != other.made["sha256"]


@pytest.mark.parametrize("file", ["data.noun", "index.adv", "verb.exc"])
def test_a_missing_file(file: str, tmp_path: Path) -> None:
    (write_wordnet(tmp_path / "dict") / file).unlink()
    with pytest.raises(ConstraintError, match=f"opening WordNet: found no {file} in .*dict; expected the files of WordNet"):
        WordNet.open(tmp_path / "dict")


def test_a_missing_sense_index(tmp_path: Path) -> None:
    (write_wordnet(tmp_path / "dict") / "index.sense").unlink()
    with pytest.raises(ConstraintError, match=r"index\.sense"):
        WordNet.open(tmp_path / "dict").synonyms(1)


def test_identity_follows_the_sense_index(tmp_path: Path) -> None:
    one, two = (write_wordnet(tmp_path / name) for name in ("one", "two"))
    text = (two / "index.sense").read_text().replace(" 1 190\n", " 1 0\n")
    (two / "index.sense").write_text(text)
    first, second = WordNet.open(one), WordNet.open(two)
    assert first.senses["good"] != second.senses["good"]
    assert first.made != second.made


def test_a_missing_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConstraintError, match="found no index.noun in .*nowhere"):
        WordNet.open(tmp_path / "nowhere")
    monkeypatch.setattr(nltk.data, "path", [str(tmp_path)])
    monkeypatch.setattr(module, "SYSTEM_FOLDERS", (tmp_path / "usr",))
    with pytest.raises(ConstraintError, match="found none in nltk's data folders nor in the system's"):
        WordNet.open()
    write_wordnet(tmp_path / "usr")
    assert WordNet.open().folder == tmp_path / "usr"
    write_wordnet(tmp_path / "corpora" / "wordnet")
    assert WordNet.open().folder == tmp_path / "corpora" / "wordnet"


def test_nltk_is_left_as_it_was(nltk_folders: list[str], clean_folder: Path) -> None:
    """But for one folder, once, at the end of its list; the reader goes on when the user changes folder."""
    write_wordnet(clean_folder / "dict")
    first, second = WordNet.open("dict"), WordNet.open(clean_folder / "dict")
    assert nltk.data.path == [*nltk_folders, str(clean_folder.resolve() / "dict")]
    assert first.senses == second.senses
    with pytest.raises(LookupError):
        nltk.data.find("corpora/no_such_corpus")


def test_no_file_is_left_open(tmp_path: Path) -> None:
    own = opened(tmp_path.resolve(), *SYNSETS, antonyms=ANTONYMS)
    assert own.antonyms()
    assert own.made
    still = [str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    assert not [name for name in still if name.startswith(str(own.folder))]


def test_two_databases_at_once(tmp_path: Path) -> None:
    one = opened(tmp_path / "one", Synset("n", "movie film", ""))
    two = opened(tmp_path / "two", Synset("n", "dog hound", ""))
    assert one.synonyms(1) == {("film", "movie", "n")}
    assert two.synonyms(1) == {("dog", "hound", "n")}


@pytest.fixture(scope="module")
def real() -> Iterator[WordNet]:
    """The system's WordNet 3.0."""
    if not (REAL / "data.noun").is_file():
        if os.environ.get("XLT_REQUIRE_WORDNET"):
            pytest.fail(f"no WordNet in {REAL}, and this run may not skip it")
        pytest.skip(f"no WordNet in {REAL} (Debian: apt install wordnet-base wordnet-sense-index)")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nltk.data, "path", [*nltk.data.path, str(REAL)])
        wordnet = WordNet.open(REAL)
        yield wordnet
        for stream in wordnet._reader._data_file_map.values():
            stream.close()


@pytest.fixture(autouse=True)
def folder_of_the_real(request: pytest.FixtureRequest, nltk_folders: list[str]) -> None:
    if "real" in request.fixturenames:
        nltk.data.path.append(str(REAL))


def test_the_real_senses(real: WordNet) -> None:
    assert real.made["version"] == "3.0"
    assert len(real.senses) > 60_000
    reader = real._reader
    first = {
        word: reader.synset_from_pos_and_offset(s[0].part, s[0].synset).name()
        for word, s in real.senses.items()
        if word in FIRST
    }
    assert first == FIRST
    dog = real.senses["dog"]
    assert [(s.part, s.number, s.tagged) for s in dog[:3]] == [("n", 1, 42), ("v", 1, 2), ("n", 2, 0)]
    assert len(dog) == 8
    for senses in itertools.islice(real.senses.values(), 2_000):
        assert all(s.number >= 1 for s in senses)  # all of them are in the sense index
        assert len({(s.part, s.number) for s in senses}) == len(senses)


FIRST = {"dog": "dog.n.01", "movie": "movie.n.01", "go": "travel.v.01", "good": "good.a.01", "cheap": "cheap.a.01"}


def test_the_real_pairs(real: WordNet) -> None:
    synonyms, antonyms = real.synonyms(1), real.antonyms()
    assert {("film", "movie", "n"), ("auto", "car", "n"), ("cheap", "inexpensive", "a"), ("big", "large", "a")} <= synonyms
    assert {("bad", "good", "a"), ("cold", "hot", "a"), ("happy", "unhappy", "a"), ("buy", "sell", "v")} <= antonyms
    assert len(real.synonyms(2)) > len(synonyms) > 20_000
    assert len(antonyms) > 3_000
    vocabulary = "movie movies film films hotter colder hot cold bought sold".split()
    synonyms_found, antonyms_found = real.pair_lists(vocabulary, senses=1, inflect=True)
    assert {("movies", "films"), ("films", "movies")} & set(synonyms_found.pairs)
    assert {("hotter", "colder"), ("colder", "hotter")} & set(antonyms_found.pairs)
    assert {("sold", "bought"), ("bought", "sold")} & set(antonyms_found.pairs)


def test_the_real_forms(real: WordNet) -> None:
    expected = {
        "movies": {"movie n plural"}, "went": {"go v past"}, "gone": {"go v participle"}, "geese": {"goose n plural"},
        "sang": {"sing v past"}, "hotter": {"hot a comparative"}, "earliest": {"early a superlative"},
    }  # fmt: skip
    for word, forms in expected.items():
        assert forms <= named(real.forms(word)), word
    assert {form for form in named(real.forms("sung")) if " v " in form} == {"sing v participle"}
    assert "go v past" not in named(real.forms("gone"))
    assert real.forms("asdfgh") == frozenset()


def test_every_irregular_form_is_understood(real: WordNet) -> None:
    for part, table in real.exceptions.items():
        for word, lemmas in table.items():
            forms = real.forms(word)
            assert {lemma for lemma in lemmas if lemma in real.lemmas[part]} <= {f.lemma for f in forms if f.part == part}, word


def test_a_link_to_the_real_database(tmp_path: Path, real: WordNet) -> None:
    (tmp_path / "link").symlink_to(REAL)
    assert WordNet.open(tmp_path / "link").made == real.made
