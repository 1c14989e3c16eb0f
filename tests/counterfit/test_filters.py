"""Filters, each by one contract; what a lexicon knows; neighbors, whose counts add up."""

from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import nltk
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.counterfit import reference
from tests.small_wordnet import write_wordnet
from xlt_augment.counterfit.filters import PAIR_FILTERS, WORD_FILTERS, Filters, Relations, Vocabulary
from xlt_augment.counterfit.lexicon import SNOWBALL, WORD_LISTS, Lexicon, lexicon
from xlt_augment.counterfit.neighbors import Neighborhood, Neighbors, find_neighbors
from xlt_augment.counterfit.wordnet import WordNet
from xlt_augment.errors import ConstraintError, SynonymError, UsageError, VectorError

BARE = Lexicon(frozenset(), frozenset(), lambda word: frozenset((word,)))
OFF: dict[str, Any] = dict.fromkeys([*WORD_FILTERS, *PAIR_FILTERS], False) | {"max_rank": None, "rarity": None}


def words_of(words: list[str], known: Lexicon, max_rank: int | None = None) -> Vocabulary:
    return Vocabulary(words, np.arange(1, len(words) + 1), known, max_rank)


def passing(name: str, words: list[str], known: Lexicon, max_rank: int | None = None) -> list[str]:
    mask = WORD_FILTERS[name](words_of(words, known, max_rank))
    assert mask.dtype == bool
    assert mask.shape == (len(words),)
    return [word for word, stays in zip(words, mask) if stays]


@pytest.fixture(scope="module")
def wordnet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WordNet]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nltk.data, "path", list(nltk.data.path))
        opened = WordNet.open(write_wordnet(tmp_path_factory.mktemp("wordnet")))
        yield opened
        for stream in opened._reader._data_file_map.values():
            stream.close()


@pytest.fixture(scope="module")
def english(wordnet: WordNet) -> Lexicon:
    return lexicon("en", wordnet)


# filter: words, those that stay
WORD_CASES = {
    "one_word": ["movie well-known don't New\xa0York a.b --- movie! .com 's", "movie well-known don't"],
    "max_rank": ["one two three four five", "one two three"],
    "numbers": ["movie seven Seven seventh monday b2b 1999 ２ letter once", "movie letter"],
    "function_words": ["movie the The by or than nor always better", "movie better"],
    "foreign": ["movie movies Movie buena хороший movieс went x Paris paris", "movie movies Movie went"],
}
PAIR_CASES = {
    "antonyms": (("good", "movie"), ("good", "bad")),
    "same_lemma": (("movie", "film"), ("movie", "movies")),
    "agreement": (("movies", "films"), ("movies", "film")),
    "rarity": (("movie", "film"), ("movie", "hound")),
}


def test_every_filter_has_its_case_and_its_setting() -> None:
    assert WORD_CASES.keys() == WORD_FILTERS.keys()
    assert PAIR_CASES.keys() == PAIR_FILTERS.keys()
    assert {field.name for field in fields(Filters)} == {*WORD_FILTERS, *PAIR_FILTERS, "mutual"}


@pytest.mark.parametrize("name", WORD_FILTERS)
def test_word_filters(name: str, english: Lexicon) -> None:
    words, staying = (text.split(" ") for text in WORD_CASES[name])
    assert passing(name, words, english, max_rank=3) == staying
    assert len(staying) < len(words)


@pytest.mark.parametrize("known", [BARE, None])
@pytest.mark.parametrize("name", WORD_FILTERS)
def test_word_filters_on_odd_vocabularies(name: str, known: Lexicon | None, english: Lexicon) -> None:
    for words in ([], [""], ["", "", "x"], ["qwzzk", "ф", "中", "🎬", "\ud83c", "a b", "\t"][:4]):
        passing(name, words, known or english)


@pytest.mark.parametrize("name", PAIR_FILTERS)
def test_pair_filters(name: str, english: Lexicon) -> None:
    words = {"movie": 20, "film": 100, "hound": 101, "qwzzk": 90, "vrrt": 91, "": 92}
    relations = replace(Relations.of(english, [("good", "bad")], words), rarity=5.0)
    stays, goes = PAIR_CASES[name]
    assert PAIR_FILTERS[name](relations, *stays)
    assert not PAIR_FILTERS[name](relations, *goes)
    assert PAIR_FILTERS[name](relations, *reversed(goes)) is (name == "rarity")  # the others look both ways
    for pair in (("qwzzk", "movie"), ("movie", "qwzzk"), ("qwzzk", "vrrt"), ("", "vrrt")):
        assert PAIR_FILTERS[name](relations, *pair) is (name != "agreement")  # nothing known, nothing agrees


@pytest.mark.parametrize(
    ("language", "name", "words", "staying"),
    [
        ("ru", "one_word", "хороший кто-то из-за г.", "хороший кто-то из-за"),
        ("ru", "numbers", "хороший семь седьмой январь 7-й", "хороший"),
        ("ru", "function_words", "хороший и через Что фильм", "хороший фильм"),
        ("ru", "foreign", "хороший плохой movie фильм фильmы я ёлка", "хороший плохой фильм ёлка"),
        ("de", "one_word", "schön Straßenbahn z.B.", "schön Straßenbahn"),
        ("de", "numbers", "schön sieben dritte Montag Dezember", "schön"),
        ("de", "function_words", "schön über Während dass und Haus", "schön Haus"),
        ("de", "foreign", "schön Straße Übung хороший Ω größer", "schön Straße Übung größer"),
        ("zh", "foreign", "电影 好 movie 影片 большой", "电影 好 影片"),  # one letter is a word
        ("el", "foreign", "καλός μικρός good", "καλός μικρός"),
        ("el", "function_words", "καλός the und", "καλός the und"),  # no list, nothing removed
    ],
)
def test_other_languages(language: str, name: str, words: str, staying: str) -> None:
    assert passing(name, words.split(), lexicon(language)) == staying.split()


@pytest.mark.parametrize(
    ("words", "staying"),
    [
        ("ab хороший cd", "ab cd"),  # entries count, not letters
        ("movie film 电影 影片 好", "电影 影片 好"),
        ("dog кот", "кот"),  # equal: by name, CYRILLIC first
        ("12 --", ""),
    ],
)
def test_the_main_script_is_that_of_most_entries(words: str, staying: str) -> None:
    assert passing("foreign", words.split(), BARE) == staying.split()


def test_antonyms_and_their_inflections(english: Lexicon) -> None:
    relations = Relations.of(english, [("good", "bad"), ("bought", "sold")])
    apart = [("bad", "good"), ("better", "worse"), ("best", "bad"), ("bought", "sold"), ("buying", "sells"), ("sell", "buy")]
    for a, b in apart:
        assert not PAIR_FILTERS["antonyms"](relations, a, b)
        assert not PAIR_FILTERS["antonyms"](relations, b, a)
    assert PAIR_FILTERS["antonyms"](relations, "good", "best")
    assert PAIR_FILTERS["antonyms"](relations, "buy", "bad")


def test_antonyms_by_stems() -> None:
    """Without WordNet, inflections are found by the stemmer."""
    russian = Relations.of(lexicon("ru"), [("хороший", "плохой")])
    for a, b in (("хорошая", "плохие"), ("плохого", "хорошим"), ("хороший", "плохой")):
        assert not PAIR_FILTERS["antonyms"](russian, a, b)
    assert PAIR_FILTERS["antonyms"](russian, "хороший", "фильм")
    assert not PAIR_FILTERS["same_lemma"](russian, "хорошая", "хорошие")
    german = Relations.of(lexicon("de"), [("schön", "hässlich")])
    assert not PAIR_FILTERS["antonyms"](german, "schönes", "hässlichen")


def test_agreement_is_of_usual_readings(english: Lexicon) -> None:
    agrees = PAIR_FILTERS["agreement"]
    relations = Relations.of(english, [])
    assert agrees(relations, "movie", "film")
    assert agrees(relations, "film", "movie")  # rarely a verb
    assert agrees(relations, "went", "ran")
    assert not agrees(relations, "went", "gone")
    assert not agrees(relations, "quickly", "quick")
    assert not agrees(relations, "end", "coating")  # a verb as often as a noun


def test_agreement_needs_a_source(english: Lexicon) -> None:
    with pytest.raises(UsageError, match="reading --agreement: found no source of parts of speech"):
        Filters(agreement=True).check(lexicon("de"))
    Filters(agreement=True).check(english)
    Filters().check(lexicon("de"))


@pytest.mark.parametrize("language", [*SNOWBALL, "zh", "xx"])
def test_lexicon_of_each_language(language: str) -> None:
    known = lexicon(language)
    assert bool(known.function) == bool(known.numbers) == (language in WORD_LISTS)
    assert known.forms is known.known is None
    assert len(known.lemmas("word")) >= 1
    assert known.made["lemmas"] == (f"Snowball, {SNOWBALL[language]}" if language in SNOWBALL else None)
    assert known.made["function"] == (f"embedded, {language}" if language in WORD_LISTS else None)


def test_lexicon_with_and_without_wordnet(english: Lexicon) -> None:
    assert english.lemmas("went") == {"go"}
    assert english.lemmas("better") == {"good", "well"}
    assert english.lemmas("qwzzk") == {"qwzzk"}
    assert [bool(english.known and english.known(word)) for word in ("movies", "buena")] == [True, False]
    assert english.forms
    assert english.forms("qwzzk") == frozenset()
    assert english.made["lemmas"] == english.made["words"] == "WordNet"
    stems = lexicon("en")
    assert stems.lemmas("movies") & stems.lemmas("movie")
    assert not stems.lemmas("went") & stems.lemmas("go")
    assert stems.known is None
    assert "the" in stems.function - stems.numbers
    assert "seven" in stems.numbers - stems.function


def test_lexicon_from_files(tmp_path: Path, wordnet: WordNet) -> None:
    (tmp_path / "function.txt").write_bytes("\ufeffdas\r\nder\r\n".encode())
    (tmp_path / "words.txt").write_text("schön\nfilm\n", encoding="utf-8")
    known = lexicon("en", wordnet, function_words=tmp_path / "function.txt", words=str(tmp_path / "words.txt"))
    assert known.function == {"das", "der"}
    assert known.made["function"]["name"] == "function.txt"
    assert known.made["words"]["words"] == 2
    assert passing("foreign", ["schön", "film", "Film", "movie"], known) == ["schön", "film", "Film"]
    for option in ("function_words", "words"):
        (tmp_path / "bad.txt").write_bytes(b"\n \n")
        with pytest.raises(ConstraintError, match=r"reading the words in .*bad\.txt: found no word"):
            lexicon("de", **{option: tmp_path / "bad.txt"})
        (tmp_path / "bad.txt").write_bytes(b"gr\xf6\xdfe\n")
        with pytest.raises(ConstraintError, match="UTF-8 file"):
            lexicon("de", **{option: tmp_path / "bad.txt"})
        with pytest.raises(ConstraintError, match="found No such file"):
            lexicon("de", **{option: tmp_path / "none.txt"})


def vectors_of(count: int, size: int = 4, seed: int = 1) -> np.ndarray:
    """All within 1 of each other by cosine distance."""
    return (np.random.default_rng(seed).normal(size=(count, size)) + 1.5).astype(np.float32)


def found_in(words: list[str], matrix: np.ndarray, known: Lexicon, opposites: Any = (), **settings: Any) -> Neighbors:
    filters = Filters(**{name: settings.pop(name) for name in list(settings) if name in {f.name for f in fields(Filters)}})
    vocabulary = words_of(words, known, filters.max_rank)
    relations = Relations.of(known, opposites, {word: rank for rank, word in enumerate(words, 1)})
    return find_neighbors(matrix, vocabulary, relations, Neighborhood(**settings), filters)


def check_counts(found: Neighbors) -> None:
    words, pairs = found.counts["words"], found.counts["pairs"]
    assert words["vocabulary"] == words["searched"] + sum(words["removed"].values())
    assert pairs["near"] == pairs["kept"] + sum(pairs["removed"].values())
    assert pairs["kept"] == sum(map(len, found.rows.values()))
    assert all(found.rows.values())


WORDS = (
    "movie film films movies good bad better worse quick fast the seven big large small 1999 buena went go sold happy sad glad"
).split()


@given(
    seed=st.integers(0, 1000), k=st.integers(1, 6), threshold=st.sampled_from([0.2, 0.6, 2.0]), mutual=st.booleans(),
    off=st.sets(st.sampled_from([*WORD_FILTERS, *PAIR_FILTERS])), candidates=st.sampled_from([None, 6, 50]),
)  # fmt: skip
def test_counts_add_up(
    seed: int, k: int, threshold: float, mutual: bool, off: set[str], candidates: int | None, english: Lexicon
) -> None:  # fmt: skip
    switches: dict[str, Any] = {"agreement": True, "max_rank": 20, "rarity": 8.0} | {name: OFF[name] for name in off}
    settings = {"k": k, "threshold": threshold, "mutual": mutual, "candidates": candidates} | switches
    try:
        found = found_in(WORDS, vectors_of(len(WORDS), seed=seed), english, [("good", "bad")], **settings)
    except SynonymError:
        assert threshold == 0.2 or "agreement" not in off  # little is left by those
        return
    check_counts(found)
    names = {name for name in (*WORD_FILTERS, *PAIR_FILTERS) if name not in off}
    counted = found.counts["words"]["removed"].keys() | found.counts["pairs"]["removed"].keys()
    assert counted == names | {"beyond_k", "not_mutual"}
    assert max(map(len, found.rows.values())) <= k
    if mutual:
        assert all(word in {n for n, _ in found.rows[other]} for word, row in found.rows.items() for other, _ in row)


def test_without_filters_it_is_the_search() -> None:
    words, matrix = [f"w{k:02d}" for k in range(30)], vectors_of(30)
    matrix[7] = matrix[20]
    found = found_in(words, matrix, BARE, k=5, threshold=0.3, **OFF)
    expected = reference.neighbors(matrix, 5, 0.3, "cosine")
    assert found.rows == {words[i]: [(words[j], micro / 1e6) for j, micro in row] for i, row in enumerate(expected) if row}
    check_counts(found)


def test_ties_go_by_word() -> None:
    """Not by place in the file."""
    words = ["zeta", "beta", "Alpha", "émile", "delta"]
    found = found_in(words, np.ones((5, 3), np.float32), BARE, k=4, threshold=0.1, **OFF)
    assert [word for word, _ in found.rows["zeta"]] == ["Alpha", "beta", "delta", "émile"]


def test_pairs_removed_make_room_for_farther_ones(english: Lexicon) -> None:
    """Nearest of good are better (its lemma) and bad (antonym); glad comes third, and takes the one place."""
    words = ["good", "better", "bad", "glad", "sad"]
    angles = np.array([0.0, 0.1, 0.2, 0.3, 0.9])
    matrix = np.stack((np.cos(angles), np.sin(angles)), axis=1).astype(np.float32)
    pairs = [("good", "bad"), ("glad", "sad")]
    found = found_in(words, matrix, english, pairs, k=1, threshold=0.2)
    assert [n for n, _ in found.rows["good"]] == ["glad"]
    assert found.counts["pairs"]["removed"]["same_lemma"] == 2
    assert found.counts["pairs"]["removed"]["antonyms"] == 6  # good, better - bad; glad - sad: both ways
    assert "good" not in found_in(words, matrix, english, pairs, k=1, threshold=0.2, candidates=1).rows


def test_rarer_neighbors() -> None:
    """Ranks 1 to 4, and a neighbor may be twice as far down: 3 and 4 are too rare for 1, 1 is not too frequent for them."""
    found = found_in(list("abcd"), np.ones((4, 3), np.float32), BARE, k=3, threshold=0.1, **OFF | {"rarity": 2.0})
    assert {w: "".join(n for n, _ in row) for w, row in found.rows.items()} == {"a": "b", "b": "acd", "c": "abd", "d": "abc"}
    assert found.counts["pairs"]["removed"]["rarity"] == 2


def test_mutual_pairs_only() -> None:
    angles = np.array([0.0, 0.1, 0.3])
    matrix = np.stack((np.cos(angles), np.sin(angles)), axis=1).astype(np.float32)
    words = ["one", "two", "three"]
    both = found_in(words, matrix, BARE, k=1, threshold=0.5, **OFF)
    assert {w: [n for n, _ in row] for w, row in both.rows.items()} == {"one": ["two"], "two": ["one"], "three": ["two"]}
    mutual = found_in(words, matrix, BARE, k=1, threshold=0.5, mutual=True, **OFF)
    assert mutual.rows.keys() == {"one", "two"}
    assert mutual.counts["pairs"]["removed"] == {"beyond_k": 3, "not_mutual": 1}
    check_counts(mutual)


def test_k_beyond_the_vocabulary() -> None:
    words, matrix = ["one", "two", "three"], vectors_of(3)
    with pytest.raises(VectorError, match="found k = 3 and 3 words"):
        found_in(words, matrix, BARE, k=3, threshold=2.0, **OFF)
    assert len(found_in(words, matrix, BARE, k=2, threshold=2.0, **OFF).rows["one"]) == 2
    assert len(found_in(words, matrix, BARE, k=1, threshold=2.0, candidates=99, **OFF).rows["one"]) == 1


def test_nothing_left(english: Lexicon) -> None:
    words = ["movie", "film", "good"]
    with pytest.raises(SynonymError, match=r"found no pair of 3 words left; expected pairs within the distance 1e-06"):
        found_in(words, np.eye(3, dtype=np.float32), english, k=1, threshold=1e-6, **OFF)
    with pytest.raises(SynonymError, match=r"no word left; the filter numbers removed 3; expected words"):
        found_in(["1", "2", "3"], vectors_of(3), english, k=1)
    with pytest.raises(
        SynonymError, match=r"no pair of 2 words left; the filter same lemma removed 2; expected pairs that pass"
    ):
        found_in(["movie", "movies"], np.ones((2, 3), np.float32), english, k=1)


def test_settings_out_of_range() -> None:
    bad = [{"k": 0}, {"threshold": 0}, {"threshold": 2.1}, {"threshold": np.nan}, {"threshold": np.inf, "metric": "euclidean"}]
    for settings in [*bad, {"metric": "manhattan"}, {"k": 8, "candidates": 7}]:
        with pytest.raises(UsageError, match="reading --"):
            Neighborhood(**settings)
    assert Neighborhood(threshold=3.0, metric="euclidean").looked_at == 32
    assert Neighborhood(k=2, candidates=2).looked_at == 2


def test_lists_of_words_in_any_case(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("Haus Straße Der", encoding="utf-8")
    known = lexicon("de-AT", function_words=tmp_path / "words.txt", words=tmp_path / "words.txt")
    assert passing("function_words", ["Der", "der", "Haus", "Baum"], known) == ["Baum"]
    assert passing("foreign", ["Haus", "haus", "Baum"], known) == ["Haus", "haus"]
    assert known.numbers == lexicon("DE").numbers != frozenset()


def test_japanese_words_mix_scripts() -> None:
    words = "食べる コーヒー テレビ うれしい 美しい 東京 x two".split()
    assert passing("foreign", words, lexicon("ja")) == words[:6]


def test_capitals_hide_neither_antonyms_nor_twins(english: Lexicon) -> None:
    relations = Relations.of(english, [("good", "bad")])
    for pair in (("Good", "bad"), ("good", "Bad"), ("GOOD", "BAD")):
        assert not PAIR_FILTERS["antonyms"](relations, *pair)
    assert not PAIR_FILTERS["same_lemma"](relations, "Good", "good")
    assert not PAIR_FILTERS["same_lemma"](Relations.of(lexicon("en"), []), "Movies", "movie")


@pytest.mark.parametrize("language", ["English", "", "e", "12"])
def test_what_is_no_language(language: str) -> None:
    with pytest.raises(UsageError, match="--language"):
        lexicon(language)


def test_wordnet_is_english(wordnet: WordNet) -> None:
    with pytest.raises(UsageError, match="--wordnet"):
        lexicon("de", wordnet)
