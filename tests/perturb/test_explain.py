"""What is said of a variant is what was done to it: every change, and nothing else, against the reference and the text."""

from itertools import accumulate

import pytest
from hypothesis import example, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from tests.perturb import reference
from tests.perturb.reference import Place
from tests.perturb.test_methods import CONTRACT, LONG, SYNONYMS, Settings, rows_of_text, seeds
from xlt_augment import Substitute, Swap, augment
from xlt_augment.errors import UsageError
from xlt_augment.perturb.explain import Change, Explained, explain

pytestmark = pytest.mark.skipif(not reference.SAME_UNICODE, reason="this Python's Unicode table is another version")
AWKWARD = [
    "",
    "👩\u200d👩 good\u0301 film",
    "𠮷 weg 𠮷 WEG",
    "cafe\u0301 film",
    "\u0301 US\u0301 us",
    "!!",
    "well-known bad bad good.",
]
for_every_setting = pytest.mark.parametrize("settings", CONTRACT, ids=str)


def replayed(text: str, changes: list[Change]) -> str:
    """The text with the changes made, what stands around them copied."""
    ends = [0, *(change.before_stop for change in changes)]
    kept = [text[a:b] for a, b in zip(ends, [*(change.before_start for change in changes), len(text)])]
    return "".join(piece + change.after for piece, change in zip(kept, changes)) + kept[-1]


def expected_changes(settings: Settings, text: str, place: Place) -> list[Change]:
    """The places where the words of the reference differ."""
    words, gaps = reference.split(text, settings.words)
    found, at, then = [], len(gaps[0]), len(gaps[0])
    for old, new, gap in zip(words, settings.expected(words, place), gaps[1:]):
        if old != new:
            found.append(Change(at, at + len(old), old, then, then + len(new), new))
        at, then = at + len(old) + len(gap), then + len(new) + len(gap)
    return found


@for_every_setting
@given(rows=rows_of_text, seed=seeds, first_id=st.integers(0, 2**40), column=st.sampled_from(["text", "열"]))
@example(rows=AWKWARD, seed=0, first_id=0, column="text")
@examples(max_examples=12)
def test_changes_are_those_of_the_reference(settings: Settings, rows: list[str], seed: int, first_id: int, column: str) -> None:
    found = explain(rows, settings.operator(), m=3, seed=seed, column=column, first_id=first_id)
    assert [[v.text for v in one.variants] for one in found] == augment(rows, settings.operator(), 3, seed, column, first_id)
    for t, (text, one) in enumerate(zip(rows, found, strict=True)):
        words = reference.split(text, settings.words)[0]
        fixed = [True, *settings.fixed(words), True]
        movable = sum(not here and not (left and right) for left, here, right in zip(fixed, fixed[1:], fixed[2:]))
        assert one.words == len(words)
        assert one.eligible == (movable if settings.case is None else sum(map(bool, settings.candidates(words))))
        for k, variant in enumerate(one.variants, 1):
            assert variant.changes == expected_changes(settings, text, Place(seed, column, first_id + t, k))
            assert variant.changed == len(variant.changes)


@for_every_setting
@given(rows=rows_of_text, seed=seeds)
@example(rows=AWKWARD, seed=1)
@examples(max_examples=12)
def test_the_changes_lead_from_the_text_to_the_variant(settings: Settings, rows: list[str], seed: int) -> None:
    for text, one in zip(rows, explain(rows, settings.operator(), m=2, seed=seed), strict=True):
        for variant in one.variants:
            assert replayed(text, variant.changes) == variant.text
            for change in variant.changes:
                assert text[change.before_start : change.before_stop] == change.before != change.after
                assert variant.text[change.start : change.stop] == change.after


def test_neighbors_of_several_words_and_moved_words_are_told_exactly() -> None:
    told = explain(["A well-known 👍 film"], Substitute(SYNONYMS, p=1), m=1)[0]
    assert told.variants[0].changes[-1] == Change(
        15, 19, "film", told.variants[0].text.index("movie"), len(told.variants[0].text), "movie"
    )
    assert told.variants[0].changes[0].after in ("famous", "known far and wide")
    several = {v.changes[0].after: v for v in explain(["x well-known film"], Substitute(SYNONYMS, p=1), m=20)[0].variants}
    assert several["known far and wide"].changes[1] == Change(13, 17, "film", 21, 26, "movie")
    moved = explain(["one, two. two three"], Swap(p=1), m=1)[0]
    assert moved == Explained(4, 4, [moved.variants[0]])
    assert moved.variants[0].text == "two, one. three two"
    assert moved.variants[0].changes == [
        Change(0, 3, "one", 0, 3, "two"), Change(5, 8, "two", 5, 8, "one"), Change(10, 13, "two", 10, 15, "three"),
        Change(14, 19, "three", 16, 19, "two"),
    ]  # fmt: skip
    assert explain(["two two"], Swap(p=1), m=1)[0].variants[0].changes == []


@pytest.mark.parametrize("settings", [s for s in CONTRACT if s.p == 0.5 and s.case in (None, "any")], ids=str)
def test_cutting_the_work_into_parts_changes_nothing(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [LONG[t % 2] for t in range(5)]
    whole = explain(rows, settings.operator(), m=5, first_id=3)
    assert all(len(one.variants) == 5 for one in whole)
    monkeypatch.setattr("xlt_augment.perturb.operator.MAX_BYTES", 4 * max(len(text.encode()) for text in LONG))
    assert explain(rows, settings.operator(), m=5, first_id=3) == whole


@pytest.mark.parametrize("p", [0.3, "uniform"])
def test_what_was_prepared_serves_other_settings(p: float | str) -> None:
    prepared = {case: Substitute(SYNONYMS, p=0, case=case) for case in ("exact", "any")}
    for operator in prepared.values():
        operator.prepare()
    for case in ("exact", "initial", "any"):
        settings = {"p": p, "words": "space", "case": case, "protect": ("film",)}
        fresh = augment([*LONG, *AWKWARD], Substitute(SYNONYMS, **settings), m=3)  # type: ignore[arg-type]
        for operator in prepared.values():
            assert augment([*LONG, *AWKWARD], operator.with_settings(**settings), m=3) == fresh  # type: ignore[arg-type]
    shared = [prepared["any"].with_settings(p=1, words="span", case=case)._tables for case in ("exact", "initial", "any")]
    assert all(tables is prepared["any"]._tables for tables in shared)


def test_what_augment_refuses_is_refused() -> None:
    for wrong in ({"texts": "one"}, {"m": 0}, {"seed": -1}, {"first_id": -1}, {"column": "\ud800"}, {"texts": ["\ud800"]}):
        with pytest.raises(UsageError):
            explain(**{"texts": ["a b"], "operator": Swap(), **wrong})  # type: ignore[arg-type]


def test_long_lists_count_on() -> None:
    rows = ["good bad film"] * 4_100
    found = explain(rows, Swap(p=0.5), m=1)
    starts = list(accumulate(len(one.variants) for one in found))
    assert starts[-1] == len(rows)
    assert found[4_099] == explain(rows[:1], Swap(p=0.5), m=1, first_id=4_099)[0]
