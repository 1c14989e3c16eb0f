"""Merging: every word and neighbor once, the nearest first where that is known, the vetoes of all for all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.synonyms.sets import from_rows, sets, to_rows
from xlt_augment import SynonymSet
from xlt_augment.errors import UsageError
from xlt_augment.synonyms.merge import merge

MANY = st.lists(sets(), min_size=1, max_size=4)
MANY_KNOWN = st.lists(sets(known=True), min_size=1, max_size=4)
KS = st.none() | st.integers(1, 5)


@given(many=MANY, k=KS)
def test_a_merge_holds_what_its_sets_hold(many: list[SynonymSet], k: int | None) -> None:
    merged = merge(many, k=k)
    vetoes = {frozenset(pair) for synonyms in many for pair in synonyms.vetoes}
    found = to_rows(merged)
    assert {frozenset(pair) for pair in merged.vetoes} == vetoes
    assert set(found) == {word for synonyms in many for word in to_rows(synonyms)}
    for word, (neighbors, distances) in found.items():
        parts = [list(zip(*row)) if row[1] else [(n, None) for n in row[0]] for s in many if (row := to_rows(s).get(word))]
        parts = [[pair for pair in part if frozenset((word, pair[0])) not in vetoes] for part in parts]
        every = [pair for part in parts for pair in part]
        if all(distance is not None for _, distance in every):
            nearest = {n: min(d for m, d in every if m == n) for n, _ in every}
            expected = sorted((d, n) for n, d in nearest.items())[:k]
            assert list(zip(distances, neighbors)) == expected
        else:
            assert neighbors == sorted({n for n, _ in every}, key=[n for n, _ in every].index)[:k]
            assert distances == []


@given(many=MANY_KNOWN, k=KS, chance=st.randoms(use_true_random=False))
def test_with_distances_the_order_of_the_sets_does_not_matter(many: list[SynonymSet], k: int | None, chance: object) -> None:
    shuffled = list(many)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert merge(shuffled, k=k).sha256 == merge(many, k=k).sha256
    assert merge([merge(many[:2]), *many[2:]], k=k).sha256 == merge(many, k=k).sha256


@given(many=MANY)
def test_the_order_of_the_sets_never_changes_which_pairs_there_are(many: list[SynonymSet]) -> None:
    one, two = to_rows(merge(many)), to_rows(merge(many[::-1]))
    assert {word: set(row[0]) for word, row in one.items()} == {word: set(row[0]) for word, row in two.items()}


@given(synonyms=sets(), k=KS)
def test_a_set_merged_with_itself_is_itself(synonyms: SynonymSet, k: int | None) -> None:
    once = merge([synonyms], k=k)
    assert merge([once, once], k=k).sha256 == once.sha256
    assert merge([synonyms, synonyms], k=k).sha256 == once.sha256


def test_distances_need_every_set_that_has_neighbors() -> None:
    known = from_rows({"a": (["x", "y"], [0.25, 0.5]), "b": (["x"], [0.5])})
    unknown = from_rows({"a": (["z", "y"], []), "b": ([], []), "c": (["a"], [])})
    assert to_rows(merge([known, unknown])) == {"a": (["x", "y", "z"], []), "b": (["x"], [0.5]), "c": (["a"], [])}
    assert to_rows(merge([unknown, known], k=2))["a"] == (["z", "y"], [])
    # A veto comes first: with its two pairs gone the second set has nothing to say of a.
    assert to_rows(merge([known, unknown.veto([("a", "z"), ("a", "y")])]))["a"] == (["x"], [0.25])


def test_made_says_how() -> None:
    one, two = (
        SynonymSet.from_mapping({"a": ["b"]}, name="one"),
        SynonymSet.from_mapping({"a": ["c"]}, name="two", made={"n": 2}),
    )
    origins = [{"name": "one", "sha256": one.sha256, "made": {}}, {"name": "two", "sha256": two.sha256, "made": {"n": 2}}]
    assert merge([one, two]).made == {"command": "merge", "from": origins}
    assert merge([one, two], k=8).made == {"command": "merge", "from": origins, "k": 8}
    assert merge([one, two]).name == "one+two"


@pytest.mark.parametrize("k", [0, -1, True, 1.5])
def test_a_bad_k_is_refused(k: int) -> None:
    with pytest.raises(UsageError, match="k at least 1"):
        merge([SynonymSet.from_mapping({"a": ["b"]})], k=k)
    with pytest.raises(UsageError, match="0 sets"):
        merge([])
