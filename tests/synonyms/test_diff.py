"""Diff: nothing between a set and itself, and otherwise exactly what turns the first set into the second."""

import json

from hypothesis import given

from tests.synonyms.sets import from_rows, sets
from xlt_augment import SynonymSet
from xlt_augment.synonyms.diff import SetDiff, diff
from xlt_augment.synonyms.synonym_set import Neighbor
from xlt_augment.synonyms.table import table_from_rows


def applied(a: SynonymSet, found: SetDiff) -> SynonymSet:
    """`a` with the changes made, row by row."""
    rows = {word: a.neighbors(word) for word in a.to_mapping() if word not in found.only_in_a}
    rows |= found.only_in_b | {word: change.after for word, change in found.changed.items()}
    table = table_from_rows(
        (w, [n.word for n in row], [n.distance for n in row if n.distance is not None]) for w, row in rows.items()
    )
    vetoes = (set(a.vetoes) | set(found.vetoes_added)) - set(found.vetoes_removed)
    return SynonymSet(table, "applied", vetoes=vetoes)


@given(synonyms=sets())
def test_a_set_has_no_difference_to_itself(synonyms: SynonymSet) -> None:
    found = diff(synonyms, SynonymSet(synonyms.table, "other", {"made": "otherwise"}, synonyms.vetoes))
    assert found.identical
    assert found.counts() == dict.fromkeys(found.counts(), 0) | {"same": len(synonyms)}


@given(a=sets(), b=sets())
def test_the_difference_applied_to_a_gives_b(a: SynonymSet, b: SynonymSet) -> None:
    found = diff(a, b)
    assert applied(a, found).sha256 == b.sha256
    assert found.identical == (a.sha256 == b.sha256)
    counts = found.counts()
    assert counts["only_in_a"] + counts["changed"] + counts["same"] == len(a)
    assert counts["only_in_b"] + counts["changed"] + counts["same"] == len(b)
    back = diff(b, a)
    assert (back.only_in_a, back.only_in_b, back.vetoes_added) == (found.only_in_b, found.only_in_a, found.vetoes_removed)


@given(a=sets(), b=sets())
def test_each_change_is_told_in_full(a: SynonymSet, b: SynonymSet) -> None:
    for change in diff(a, b).changed.values():
        assert change.added or change.removed or change.reordered or change.distances
        words = {n.word for n in change.before} - {n.word for n in change.removed} | {n.word for n in change.added}
        assert words == {n.word for n in change.after}
        rewritten = dict(change.before) | {n: after for n, (_, after) in change.distances.items()} | dict(change.added)
        assert {n: rewritten[n] for n in words} == dict(change.after)
        kept_before = [n.word for n in change.before if n not in change.removed]
        kept_after = [n.word for n in change.after if n not in change.added]
        assert change.reordered == (kept_before != kept_after)


def test_the_kinds_of_change_by_hand() -> None:
    a = from_rows({"a": (["b", "c"], [0.25, 0.5]), "gone": ([], []), "m": (["x", "y"], []), "s": (["t"], [])}).veto(
        [("o", "p")]
    )
    b = from_rows({"a": (["b", "d"], [0.125, 0.5]), "new": (["z"], []), "m": (["y", "x"], []), "s": (["t"], [])}).veto(
        [("q", "r")]
    )
    found = diff(a, b)
    assert (found.only_in_a, found.only_in_b) == ({"gone": []}, {"new": [Neighbor("z", None)]})
    assert list(found.changed) == ["a", "m"]
    change = found.changed["a"]
    assert (change.added, change.removed, change.reordered) == ([("d", 0.5)], [("c", 0.5)], False)
    assert change.distances == {"b": (0.25, 0.125)}
    assert found.changed["m"].reordered
    assert (found.vetoes_added, found.vetoes_removed) == ([("q", "r")], [("o", "p")])
    assert found.counts() == {
        "only_in_a": 1, "only_in_b": 1, "changed": 2, "same": 1, "neighbors_added": 1, "neighbors_removed": 1,
        "words_reordered": 1, "distances_changed": 1, "vetoes_added": 1, "vetoes_removed": 1,
    }  # fmt: skip
    facts = json.loads(json.dumps(found.to_json()))
    assert facts["changed"]["a"]["neighbors"] == [{"word": "b", "distance": 0.125}, {"word": "d", "distance": 0.5}]
    assert facts["changed"]["a"]["distances"] == {"b": [0.25, 0.125]}
    assert (facts["identical"], facts["vetoes_added"]) == (False, [["q", "r"]])


def test_distances_that_become_known_are_a_change() -> None:
    found = diff(from_rows({"a": (["b"], [])}), from_rows({"a": (["b"], [0.5])}))
    assert found.changed["a"].distances == {"b": (None, 0.5)}
    assert not found.changed["a"].reordered
