"""Subsets: the share that was asked for, nested, the same for any set that shares the words."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.synonyms.sets import from_rows, sets, to_rows
from xlt_augment import SynonymSet
from xlt_augment.errors import SynonymError, UsageError
from xlt_augment.synonyms.subset import subset

FRACTIONS = st.floats(0, 1, exclude_min=True)
SEEDS = st.integers(0, 2**64 - 1)


def _with_neighbors(synonyms: SynonymSet) -> set[str]:
    return {word for word, (neighbors, _) in to_rows(synonyms).items() if neighbors}


def _taken(synonyms: SynonymSet, fraction: float, seed: int) -> SynonymSet | None:
    """The subset, or None where it would be empty and is refused."""
    if round(fraction * len(_with_neighbors(synonyms))):
        return subset(synonyms, fraction=fraction, seed=seed)
    with pytest.raises(SynonymError, match="of which none would be left"):
        subset(synonyms, fraction=fraction, seed=seed)
    return None


@given(synonyms=sets(), fraction=FRACTIONS, seed=SEEDS)
def test_a_subset_has_its_share_and_keeps_rows_whole(synonyms: SynonymSet, fraction: float, seed: int) -> None:
    part = _taken(synonyms, fraction, seed)
    if part is not None:
        everything = to_rows(synonyms)
        assert len(_with_neighbors(part)) == round(fraction * len(_with_neighbors(synonyms)))
        assert all(everything[word] == row for word, row in to_rows(part).items())
        assert {word for word, row in everything.items() if not row[0]} <= set(to_rows(part))
        assert part.vetoes == synonyms.vetoes


@given(synonyms=sets(), one=FRACTIONS, two=FRACTIONS, seed=SEEDS)
def test_a_smaller_share_is_inside_a_larger_one(synonyms: SynonymSet, one: float, two: float, seed: int) -> None:
    small, large = (_taken(synonyms, fraction, seed) for fraction in sorted((one, two)))
    if small is not None:
        assert large is not None
        assert set(to_rows(small)) <= set(to_rows(large))


@given(synonyms=sets(), seed=SEEDS)
def test_the_whole_is_the_set_itself(synonyms: SynonymSet, seed: int) -> None:
    whole = _taken(synonyms, 1, seed)
    assert whole is None or whole.sha256 == synonyms.sha256


def test_the_words_are_those_with_the_lowest_sha256() -> None:
    words = [f"word{k}" for k in range(1_000)] + ["naïve", "кино"]
    synonyms = SynonymSet.from_mapping({word: ["x"] for word in words})
    for seed in (0, 7):
        order = sorted(words, key=lambda word: hashlib.sha256(f"{seed}\n{word}".encode()).hexdigest())
        for fraction, count in ((0.25, 250), (0.5, 501), (0.75, 752)):  # 250.5, 501, 751.5: half to even
            assert set(to_rows(subset(synonyms, fraction=fraction, seed=seed))) == set(order[:count])
    quarters = [set(to_rows(subset(synonyms, fraction=0.25, seed=seed))) for seed in (0, 7)]
    assert 30 < len(quarters[0] & quarters[1]) < 95  # 62.5 by chance


def test_the_choice_depends_on_neither_neighbors_nor_name() -> None:
    one = SynonymSet.from_mapping({f"w{k}": ["x"] for k in range(100)}, name="one")
    two = from_rows({f"w{k}": (["y", "z"], [0.125, 0.25]) for k in reversed(range(100))}, name="two")
    assert set(to_rows(subset(one, fraction=0.3, seed=5))) == set(to_rows(subset(two, fraction=0.3, seed=5)))


def test_made_says_how() -> None:
    synonyms = SynonymSet.from_mapping({"a": ["b"], "b": ["a"]}, name="small", made={"by": "hand"})
    assert subset(synonyms, fraction=0.5, seed=3).made == {
        "command": "subset",
        "fraction": 0.5,
        "seed": 3,
        "from": {"name": "small", "sha256": synonyms.sha256, "made": {"by": "hand"}},
    }


@pytest.mark.parametrize("fraction", [0, -0.5, 1.5, float("nan"), float("inf"), True, "0.5", None])
def test_a_fraction_outside_is_refused(fraction: float) -> None:
    with pytest.raises(UsageError, match="above 0 and at most 1"):
        subset(SynonymSet.from_mapping({"a": ["b"]}), fraction=fraction)


@pytest.mark.parametrize("seed", [-1, 2**64, 0.5, True, "1"])
def test_a_bad_seed_is_refused(seed: int) -> None:
    with pytest.raises(UsageError, match="reading the seed"):
        subset(SynonymSet.from_mapping({"a": ["b"]}), fraction=1, seed=seed)
