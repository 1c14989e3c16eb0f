"""Random numbers: the published table, the reference, and what statistics expects of good ones."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from tests.perturb import reference
from xlt_augment.perturb.rng import draw

GOLDEN = [  # docs/format.md, "Random numbers": seed, column, source_id, variant, position, u
    (0, "sentence1", 0, 1, 0, 0x418F298CD6396E52),
    (0, "sentence1", 0, 1, 1, 0x792CE1A20E7BEC23),
    (0, "sentence2", 0, 1, 0, 0xC252352A7728B919),
    (0, "sentence1", 1, 1, 0, 0x52DE4A8A8AEB6E5B),
    (0, "sentence1", 0, 2, 0, 0xEC10EA600C6AD85F),
    (42, "text", 123456789, 10, 17, 0xDB6321D842D4DE44),
]
N = 10_000
HALVES = {"high": 32, "low": 0}  # "high" decides whether a word acts, "low" what it becomes


@pytest.mark.parametrize(("seed", "column", "source_id", "variant", "position", "u"), GOLDEN)
def test_published_numbers_come_out(seed: int, column: str, source_id: int, variant: int, position: int, u: int) -> None:
    assert reference.draw(seed, column, source_id, variant, position) == u
    assert draw(seed=seed, column=column, source_id=source_id, variant=variant, position=position) == u


@given(
    seed=st.integers(0, 2**64 - 1),
    column=st.text(st.characters(codec="utf-8"), max_size=20),
    source_id=st.integers(0, 2**63 - 1),
    variant=st.integers(0, 32_767),
    position=st.integers(0, 2**31 - 1),
)
def test_every_number_in_range_is_that_of_the_reference(
    seed: int, column: str, source_id: int, variant: int, position: int
) -> None:
    expected = reference.draw(seed, column, source_id, variant, position)
    assert draw(seed=seed, column=column, source_id=source_id, variant=variant, position=position) == expected


def numbers(axis: str, start: int = 0, **others: int | str) -> np.ndarray:
    """N draws along one of the five arguments: uint64 [N]."""
    place: dict[str, int | str] = {"seed": 7, "column": "text", "source_id": 3, "variant": 1, "position": 2, **others}
    walk: Callable[[int], int | str] = str if axis == "column" else int
    return np.array([draw(**{**place, axis: walk(start + k)}) for k in range(N)], np.uint64)


def half(u: np.ndarray, name: str) -> np.ndarray:
    """The high or low 32 bits of each number."""
    return (u >> np.uint64(HALVES[name])) & np.uint64(0xFFFFFFFF)


@pytest.mark.parametrize("part", HALVES)
@pytest.mark.parametrize("axis", ["seed", "column", "source_id", "variant", "position"])
def test_numbers_are_uniform_along_every_argument(axis: str, part: str) -> None:
    u = half(numbers(axis), part)
    for bits in (u >> np.uint64(24), u & np.uint64(0xFF)):
        assert chisquare(np.bincount(bits.astype(int), minlength=256)).pvalue > 1e-4


@pytest.mark.parametrize("part", HALVES)
@pytest.mark.parametrize(
    ("axis", "neighbor"),
    [
        ("position", {"source_id": 4}),
        ("position", {"variant": 2}),
        ("position", {"column": "sentence2"}),
        ("position", {"seed": 8}),
        ("source_id", {"position": 3}),
        ("source_id", {"variant": 2}),
        ("source_id", {"column": "sentence2"}),
        ("source_id", {"seed": 8}),
    ],
)
def test_neighbouring_rows_variants_positions_columns_and_seeds_are_independent(
    axis: str, neighbor: dict[str, int | str], part: str
) -> None:
    here, there = half(numbers(axis), part), half(numbers(axis, **neighbor), part)
    assert abs(np.corrcoef(here.astype(float), there.astype(float))[0, 1]) < 4 / N**0.5
    table = np.histogram2d(here, there, bins=8, range=[[0, 2**32]] * 2)[0]
    assert chisquare(table.ravel()).pvalue > 1e-4


@pytest.mark.parametrize("part", HALVES)
@pytest.mark.parametrize("axis", ["source_id", "variant", "position"])
def test_each_number_is_independent_of_the_next(axis: str, part: str) -> None:
    u = half(numbers(axis), part).astype(float)
    assert abs(np.corrcoef(u[:-1], u[1:])[0, 1]) < 4 / N**0.5


def test_whether_a_word_acts_says_nothing_about_what_it_becomes() -> None:
    u = numbers("source_id")
    assert abs(np.corrcoef(half(u, "high").astype(float), half(u, "low").astype(float))[0, 1]) < 4 / N**0.5
