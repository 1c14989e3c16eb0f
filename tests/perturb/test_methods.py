"""What both methods promise, one contract for every combination of their settings; and how case is carried over."""

import itertools
import json
import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.perturb import reference
from tests.perturb.reference import Place
from xlt_augment import Substitute, Swap, SynonymSet, augment
from xlt_augment.perturb.operator import Perturbed
from xlt_augment.perturb.rng import Stream
from xlt_augment.words.split import split_text
from xlt_augment.words.texts import Texts

CASES = json.loads((Path(__file__).parent / "cases" / "methods.json").read_text(encoding="utf-8"))
NEIGHBORS = {
    "good": ["fine", "nice", "great"],
    "film": ["movie"],
    "Film": ["Kino"],
    "bad": ["poor", "bad"],  # itself among its neighbors, as sets from elsewhere may have it
    "US": ["America", "USA"],
    "weg": ["straße", "ßa", "gasse"],
    "λόγος": ["μῦθος"],
    "i": ["ıo", "we"],
    "ǆa": ["ǆb", "ŉ"],
    "ⱥ": ["ⱥⱥⱥ", "a"],
    "don't": ["do-not", "never"],
    "well-known": ["famous", "known far and wide"],
    "cafe\u0301": ["bar"],
    "नमस्ते": ["हेलो"],
    "שלום": ["היי", "a"],
    "می\u200cروم": ["رفتم"],
    "👍": ["👎👎👎"],  # a word between spaces only
    "good.": ["fine."],
    "lone": [],
    "GOOD": [],
}
SYNONYMS = SynonymSet.from_mapping(NEIGHBORS)
ALL_PROTECTED = ("film", "US", "re:go+d", "re:[0-9].*", "re:[א-ת]+")
GAPS = [" ", " ", " ", "  ", ", ", ". ", "\n", "\t", " 👍 ", " \u200f", "\u00a0", " - ", '" "', "...", " '"]
LOOSE = ["", "'", "-", "’", "\u0301", "\u200d", "\u200c", "1", "x", "İ", "Σ", "👩\u200d👩", "\r\n"]
STYLES = (str, str.title, str.upper, str.swapcase, str.capitalize)
VOCABULARY = sorted({style(word) for word in [*NEIGHBORS, "x", "2nd", "R2D2"] for style in STYLES})

pytestmark = pytest.mark.skipif(not reference.SAME_UNICODE, reason="this Python's Unicode table is another version")


class Settings(NamedTuple):
    """One combination; `case` is None for a swap."""

    method: str
    words: str
    case: str | None
    p: float | str
    protect: tuple[str, ...]

    def __str__(self) -> str:
        return "-".join(map(str, [*self[:4], "protect" if self.protect else "free"]))

    def operator(self) -> Substitute | Swap:
        if self.case is None:
            return Swap(p=self.p, words=self.words, protect=self.protect)  # type: ignore[arg-type]
        return Substitute(SYNONYMS, p=self.p, words=self.words, case=self.case, protect=self.protect)  # type: ignore[arg-type]

    def candidates(self, words: list[str]) -> list[list[str]]:
        """Replacements of each word, by the reference."""
        return [reference.replacements(w, i, NEIGHBORS, str(self.case), self.protect) for i, w in enumerate(words)]

    def fixed(self, words: list[str]) -> list[bool]:
        return [reference.is_protected(word, self.protect) for word in words]

    def expected(self, words: list[str], place: Place) -> list[str]:
        """The words of one variant, by the reference."""
        if self.case is None:
            return reference.swap(words, place, float(self.p), self.fixed(words))
        return reference.substitute(words, place, self.p, self.candidates(words))


def combinations() -> list[Settings]:
    modes, protections = ("span", "space"), ((), ALL_PROTECTED)
    substitutions = itertools.product(
        ["synonym"], modes, ["exact", "initial", "any"], [0, 0.1, 0.5, 1.0, "uniform"], protections
    )
    swaps = itertools.product(["swap"], modes, [None], [0, 0.1, 0.5, 1.0], protections)
    return [Settings(*values) for values in (*substitutions, *swaps)]


CONTRACT = combinations()
RANDOM = [s for s in CONTRACT if s.p in (0.1, 0.5, "uniform")]
LONG = ["".join(w + g for w, g in zip([*VOCABULARY, *NEIGHBORS] * 3, itertools.cycle(GAPS))), "good weg bad λόγος " * 12]

separated = st.lists(st.tuples(st.sampled_from(VOCABULARY), st.sampled_from(GAPS)), max_size=12).map(
    lambda pairs: "".join(word + gap for word, gap in pairs)
)
crowded = st.lists(st.sampled_from([*VOCABULARY, *GAPS, *LOOSE]), max_size=16).map("".join)
arbitrary = st.text(st.characters(codec="utf-8"))
rows_of_text = st.lists(separated | crowded | arbitrary, max_size=6)
seeds = st.integers(0, 2**64 - 1)
for_every_setting = pytest.mark.parametrize("settings", CONTRACT, ids=str)
for_random_settings = pytest.mark.parametrize("settings", RANDOM, ids=str)


def perturb(settings: Settings, rows: list[str], stop: int, seed: int = 0) -> Perturbed:
    """Variants 0 ... stop - 1 with their counts."""
    return settings.operator().perturb(Texts.from_strings(rows), Stream(seed, "text"), 0, stop)


@for_every_setting
@given(rows=rows_of_text, seed=seeds, first_id=st.integers(0, 2**40), column=st.sampled_from(["text", "sentence1", "열"]))
def test_variants_are_those_of_the_reference(
    settings: Settings, rows: list[str], seed: int, first_id: int, column: str
) -> None:
    expected = []
    for t, text in enumerate(rows):
        words, gaps = reference.split(text, settings.words)
        places = [Place(seed, column, first_id + t, variant) for variant in (1, 2, 3)]
        expected.append([reference.join(settings.expected(words, place), gaps) for place in places])
    assert augment(rows, settings.operator(), m=3, seed=seed, column=column, first_id=first_id) == expected


@for_every_setting
@given(rows=rows_of_text, seed=seeds)
def test_counts_tell_what_happened(settings: Settings, rows: list[str], seed: int) -> None:
    stop = 4
    result = perturb(settings, rows, stop, seed)
    texts = result.texts.to_strings()
    for t, text in enumerate(rows):
        words, gaps = reference.split(text, settings.words)
        drawn = [settings.expected(words, Place(seed, "text", t, variant)) for variant in range(1, stop)]
        variants, signatures = texts[t * stop : (t + 1) * stop], result.signature[t * stop : (t + 1) * stop]
        changed = [0] + [sum(new != old for new, old in zip(variant, words)) for variant in drawn]
        assert variants == [text] + [reference.join(variant, gaps) for variant in drawn]
        assert result.changed[t * stop : (t + 1) * stop].tolist() == changed
        assert [s == signatures[0] for s in signatures] == [variant == text for variant in variants]
        assert len(set(signatures.tolist())) == len(set(map(tuple, [words, *drawn])))
        assert result.words[t] == len(words)
        fixed = [True, *settings.fixed(words), True]
        movable = sum(not here and not (left and right) for left, here, right in zip(fixed, fixed[1:], fixed[2:]))
        assert result.eligible[t] == (movable if settings.case is None else sum(map(bool, settings.candidates(words))))


@pytest.mark.parametrize("settings", [s for s in CONTRACT if s.p == 0], ids=str)
@given(rows=rows_of_text, seed=seeds)
def test_p_zero_changes_nothing(settings: Settings, rows: list[str], seed: int) -> None:
    assert augment(rows, settings.operator(), m=2, seed=seed) == [[text] * 2 for text in rows]


@pytest.mark.parametrize("settings", [s for s in CONTRACT if s.p in (0.5, "uniform") and s.case is not None], ids=str)
@given(text=separated | crowded, seed=seeds)
def test_text_outside_of_replaced_words_stays_byte_for_byte(settings: Settings, text: str, seed: int) -> None:
    words, gaps = split_text(text, settings.words)
    forms = {form for many in NEIGHBORS.values() for n in many for form in (n, n.upper(), n[0].title() + n[1:])}
    any_form = "|".join(map(re.escape, sorted(forms)))
    shape = "".join(re.escape(gap) + f"(?:{re.escape(word)}|{any_form})" for gap, word in zip(gaps, words))
    for variant in augment([text], settings.operator(), m=3, seed=seed)[0]:
        assert re.fullmatch(shape + re.escape(gaps[-1]), variant)


@pytest.mark.parametrize("settings", [s for s in CONTRACT if s.case is None], ids=str)
@given(text=separated, seed=seeds)
def test_swaps_keep_every_gap_and_all_words(settings: Settings, text: str, seed: int) -> None:
    words, gaps = split_text(text, settings.words)
    for variant in augment([text], settings.operator(), m=3, seed=seed)[0]:
        moved, gaps_then = split_text(variant, settings.words)
        assert gaps_then == gaps
        assert Counter(moved) == Counter(words)


@pytest.mark.parametrize("settings", [s for s in CONTRACT if s.protect and s.p], ids=str)
def test_protected_words_neither_change_nor_move(settings: Settings) -> None:
    text = "Film x good x GOOD x US x us x 2nd x שלום x film x bad"
    protected = (0, 2, 4, 6, 10, 12, 14)
    free = augment([text], settings._replace(protect=()).operator(), m=30)[0]
    kept = augment([text], settings.operator(), m=30)[0]
    words = text.split()
    assert all(variant.split()[i] == words[i] for variant in kept for i in protected)
    assert any(variant.split()[i] != words[i] for variant in free for i in protected)


@for_every_setting
def test_same_call_gives_same_variants(settings: Settings) -> None:
    assert augment(LONG, settings.operator(), m=3, seed=5) == augment(LONG, settings.operator(), m=3, seed=5)


@for_every_setting
def test_variant_k_of_few_is_variant_k_of_many(settings: Settings) -> None:
    many = augment(LONG, settings.operator(), m=10)
    assert augment(LONG, settings.operator(), m=3) == [variants[:3] for variants in many]


@for_every_setting
def test_first_id_says_which_row_a_text_is(settings: Settings) -> None:
    rows = [*LONG, "good film", *LONG]
    together = augment(rows, settings.operator(), m=2, first_id=7)
    assert together == [augment([text], settings.operator(), m=2, first_id=7 + t)[0] for t, text in enumerate(rows)]


@for_random_settings
def test_equal_rows_and_all_their_variants_differ(settings: Settings) -> None:
    rows = augment([LONG[1]] * 3, settings.operator(), m=3)
    assert len({variant for variants in rows for variant in variants}) == 9


@for_random_settings
def test_another_seed_or_column_or_row_gives_other_variants(settings: Settings) -> None:
    operator = settings.operator()
    results = [
        augment(LONG, operator, m=1),
        augment(LONG, operator, m=1, seed=1),
        augment(LONG, operator, m=1, column="sentence1"),
        augment(LONG, operator, m=1, column="sentence2"),
        augment(LONG, operator, m=1, first_id=1),
    ]
    assert len({result[1][0] for result in results}) == len(results)


@pytest.mark.parametrize("settings", [s for s in CONTRACT if s.p == 0.5 and s.case in (None, "any")], ids=str)
def test_cutting_the_work_into_parts_changes_nothing(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [LONG[t % 2] for t in range(5)]
    whole = augment(rows, settings.operator(), m=5)
    monkeypatch.setattr("xlt_augment.perturb.operator.MAX_BYTES", 4 * max(len(text.encode()) for text in LONG))
    assert augment(rows, settings.operator(), m=5) == whole


def test_long_lists_count_their_rows_on() -> None:
    operator = Substitute(SYNONYMS, p="uniform")
    rows = augment(["good bad film"] * 9_000, operator, m=1)
    for t in (4_095, 4_096, 8_191, 8_192, 8_999):
        assert rows[t] == augment(["good bad film"], operator, m=1, first_id=t)[0]


def test_no_text_gives_no_variant() -> None:
    assert augment([], Swap(), m=3) == []
    assert augment(["", " "], Substitute(SYNONYMS, p=1), m=2) == [["", ""], [" ", " "]]


@pytest.mark.parametrize("mode", ["exact", "initial", "any"])
@pytest.mark.parametrize("case", CASES, ids=[case["comment"] for case in CASES])
def test_case_is_carried_over(case: dict, mode: str) -> None:
    words, protect = case.get("words", "span"), case.get("protect", ())
    operator = Substitute(SynonymSet.from_mapping(case["neighbors"]), p=1, words=words, case=mode, protect=protect)
    assert augment([case["text"]], operator, m=1) == [[case[mode]]]
    pieces, gaps = reference.split(case["text"], words)
    others = [reference.replacements(word, i, case["neighbors"], mode, protect) for i, word in enumerate(pieces)]
    assert reference.join(reference.substitute(pieces, Place(), 1.0, others), gaps) == case[mode]


@pytest.mark.parametrize("case", ["exact", "initial", "any"])
def test_every_letter_with_case_is_folded_and_carried_over(case: str) -> None:
    letters = [chr(c) for c in range(0x20000) if chr(c).lower() != chr(c) or chr(c).upper() != chr(c)]
    rows = [word for c in letters for word in (f"{c}b", f"{c}B", f"B{c}", f"{c} {c}b")]
    neighbors = {reference.lower(word): [f"{word[0].lower()}q{word[0]}"] for row in rows for word in row.split()}
    operator = Substitute(SynonymSet.from_mapping(neighbors), p=1, words="space", case=case)
    for row, (variant,) in zip(rows, augment(rows, operator, m=1), strict=True):
        words, gaps = reference.split(row, "space")
        others = [reference.replacements(word, i, neighbors, case, ()) for i, word in enumerate(words)]
        assert variant == reference.join(reference.substitute(words, Place(), 1.0, others), gaps)
