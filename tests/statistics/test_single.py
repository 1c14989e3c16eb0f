"""McNemar, Benjamini-Hochberg, chance level and the line, each against another way to compute it."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy import stats

from xlt_train.errors import StatisticsError
from xlt_train.statistics.chance import binomial_interval, chance_level
from xlt_train.statistics.many import benjamini_hochberg
from xlt_train.statistics.mcnemar import mcnemar
from xlt_train.statistics.regression import line_through


def answers(first: int, second: int, both: int = 7) -> tuple[np.ndarray, np.ndarray]:
    """Two runs right on so many items alone, and on some both or neither."""
    a = np.array([True] * first + [False] * second + [True] * both + [False] * 3)
    b = np.array([False] * first + [True] * second + [True] * both + [False] * 3)
    return a, b


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_the_binomial_test_of_the_discordant_items(first: int, second: int) -> None:
    found = mcnemar(*answers(first, second))
    total = first + second
    below = sum(math.comb(total, k) for k in range(min(first, second) + 1)) / 2**total
    assert (found.first, found.second) == (first, second)
    assert float(found.p) == pytest.approx(min(1, 2 * below))
    if total:
        assert float(found.p) == pytest.approx(stats.binomtest(first, total).pvalue)


def test_mcnemar_of_many_cells_keeps_missing_ones_missing() -> None:
    a, b = (np.stack([side, side]).astype(float) for side in answers(9, 1))
    a[1, 3] = np.nan
    found = mcnemar(a, b)
    assert found.p[0] == pytest.approx(2 * 11 / 2**10)
    assert np.isnan([found.p[1], found.first[1], found.second[1]]).all()
    with pytest.raises(StatisticsError):
        mcnemar(a, b[:, :-1])


@given(npst.arrays(np.float64, st.integers(1, 20), elements=st.floats(0, 1)), st.floats(0.01, 0.5))
def test_adjusted_p_call_what_the_step_up_rule_calls(p: np.ndarray, q: float) -> None:
    """The rule as it was published: the largest k with p_(k) <= q k / m, and all up to it."""
    ranked = sorted(p.tolist())
    largest = max((k for k in range(1, len(p) + 1) if ranked[k - 1] <= q * k / len(p) - 1e-12), default=0)
    found = benjamini_hochberg(p)
    threshold = ranked[largest - 1] if largest else -1
    assert (found[p <= threshold] <= q).all()
    near = np.isclose(found, q, rtol=1e-9)
    assert (found[(p > threshold) & ~near] > q).all()
    assert found == pytest.approx(stats.false_discovery_control(p))


@given(npst.arrays(np.float64, (2, 6), elements=st.floats(0, 1)), npst.arrays(bool, (2, 6)))
def test_missing_p_are_not_counted(p: np.ndarray, missing: np.ndarray) -> None:
    found = benjamini_hochberg(np.where(missing, np.nan, p))
    assert np.array_equal(np.isnan(found), missing)
    for row, gone, values in zip(found, missing, p):
        assert row[~gone] == pytest.approx(benjamini_hochberg(values[~gone]))


@given(st.integers(1, 300), st.data())
def test_the_exact_interval_is_that_of_scipy(total: int, data: st.DataObject) -> None:
    right = data.draw(st.integers(0, total))
    low, high = binomial_interval(np.array(right), np.array(total))
    known = stats.binomtest(right, total).proportion_ci(method="exact")
    assert (float(low), float(high)) == pytest.approx((known.low, known.high), abs=1e-9)


def test_the_exact_interval_inverts_the_tails() -> None:
    low, high = (float(x) for x in binomial_interval(np.array(60), np.array(100)))
    assert sum(math.comb(100, k) * low**k * (1 - low) ** (100 - k) for k in range(60, 101)) == pytest.approx(0.025)
    assert sum(math.comb(100, k) * high**k * (1 - high) ** (100 - k) for k in range(61)) == pytest.approx(0.025)


def test_the_alarm_says_which_guess_is_not_beaten() -> None:
    right = np.array([550, 620, 700, 400, np.nan])
    found = chance_level(right, np.full(5, 1_000.0), majority=np.full(5, 0.6), classes=2)
    assert found.majority.tolist() == [True, True, False, True, False]
    assert found.uniform.tolist() == [False, False, False, True, False]
    assert found.below.tolist() == [True, False, False, True, False]
    assert np.isnan(found.low[4])
    with pytest.raises(StatisticsError):
        chance_level(right, right, majority=right, classes=1)


@given(
    npst.arrays(np.float64, st.integers(3, 15), elements=st.integers(0, 1_000).map(lambda k: k / 1_000), unique=True),
    st.integers(0, 99),
)
def test_the_line_is_that_of_scipy(x: np.ndarray, seed: int) -> None:
    y = np.random.default_rng(seed).normal(size=len(x)) + x
    found, known = line_through(x, y), stats.linregress(x, y)
    expected = (known.slope, known.intercept, known.rvalue, known.pvalue)
    assert (found.slope, found.intercept, found.r, found.p) == pytest.approx(expected, rel=1e-6, abs=1e-9)
    assert found.n == len(x)
    assert found.refused is None


def test_the_band_is_that_of_the_design_matrix() -> None:
    numbers = np.random.default_rng(7)
    x, at = numbers.random(9), np.linspace(-0.5, 1.5, 11)
    y = 2 * x + numbers.normal(size=9)
    design = np.stack([np.ones(9), x], 1)
    inverse = np.linalg.inv(design.T @ design)
    beta = inverse @ design.T @ y
    variance = ((y - design @ beta) ** 2).sum() / 7
    points = np.stack([np.ones(11), at], 1)
    half = stats.t.ppf(0.975, 7) * np.sqrt(variance * np.einsum("ij,jk,ik->i", points, inverse, points))
    found = line_through(x, y)
    low, high = found.band(at)
    assert found.at(at) == pytest.approx(points @ beta)
    assert low == pytest.approx(points @ beta - half)
    assert high == pytest.approx(points @ beta + half)


def test_points_without_a_distance_are_left_out_and_counted() -> None:
    x, y = np.array([0.1, 0.2, np.nan, 0.4, 0.5]), np.array([1.0, 2.0, 3.0, np.nan, 5.0])
    found = line_through(x, y)
    assert found.n == 3
    assert found.slope == pytest.approx(10)
    assert (found.r, found.p) == pytest.approx((1, 0), abs=1e-6)


@pytest.mark.parametrize(("x", "why"), [([], "0 point"), ([0.1, 0.2], "2 point"), ([0.3, 0.3, 0.3], "same distance")])
def test_where_there_is_no_line_it_says_why(x: list[float], why: str) -> None:
    found = line_through(np.array(x), np.arange(len(x), dtype=float))
    assert why in str(found.refused)
    assert np.isnan(found.band(np.array([0.2]))[0]).all()
    assert np.isnan([found.slope, found.p, found.at(np.array([1.0]))[0]]).all()


def test_a_flat_line_has_no_correlation_and_no_evidence() -> None:
    found = line_through(np.array([0.1, 0.2, 0.4]), np.full(3, 2.0))
    assert (found.slope, found.p, found.intercept) == (0, 1, 2)
    assert math.isnan(found.r)
    with pytest.raises(StatisticsError):
        line_through(np.zeros(3), np.zeros(4))
