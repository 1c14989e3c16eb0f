"""Statistics over seeds against scipy, plain Python and the enumeration of every sample."""

import itertools
import math
import statistics

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy import stats

from xlt_train.errors import StatisticsError
from xlt_train.statistics.seeds import bootstrapped_t, paired_t, spread, welch_t

accuracies = st.floats(0, 1, width=32)
groups = npst.arrays(np.float64, st.tuples(st.integers(2, 8), st.just(3)), elements=accuracies)


@given(groups)
def test_the_spread_is_that_of_plain_python(values: np.ndarray) -> None:
    found = spread(values)
    count = len(values)
    for k, column in enumerate(values.T.tolist()):
        mean, sd = statistics.fmean(column), statistics.stdev(column)
        half = stats.t.ppf(0.975, count - 1) * sd / math.sqrt(count)
        assert [found.mean[k], found.sd[k]] == pytest.approx([mean, sd], abs=1e-12)
        assert [found.low[k], found.high[k]] == pytest.approx([mean - half, mean + half], abs=1e-12)


def test_one_seed_has_a_mean_and_no_spread() -> None:
    found = spread(np.array([[0.8, 0.9]]))
    assert found.mean.tolist() == [0.8, 0.9]
    assert np.isnan([found.sd, found.low, found.high]).all()
    assert np.isnan(paired_t(np.array([[0.8]]), np.array([[0.8]])).p).all()
    assert np.isnan(bootstrapped_t(np.array([[0.8]]), np.array([[0.9]]))).all()


@pytest.mark.parametrize("count", [2, 3, 5, 10])
def test_the_paired_test_is_that_of_scipy(count: int) -> None:
    numbers = np.random.default_rng(count)
    a, b = numbers.random((2, count, 4))
    found, known = paired_t(a, b, level=0.9), stats.ttest_rel(b, a)
    interval = known.confidence_interval(0.9)
    assert found.p == pytest.approx(known.pvalue)
    assert found.low == pytest.approx(interval.low)
    assert found.high == pytest.approx(interval.high)
    assert found.difference == pytest.approx((b - a).mean(0))
    assert (found.degrees == count - 1).all()


@pytest.mark.parametrize(("first", "second"), [(2, 2), (3, 7), (10, 4)])
def test_welch_is_that_of_scipy(first: int, second: int) -> None:
    numbers = np.random.default_rng(first)
    a, b = numbers.random((first, 4)), 3 * numbers.random((second, 4))
    found, known = welch_t(a, b), stats.ttest_ind(b, a, equal_var=False)
    interval = known.confidence_interval()
    assert found.p == pytest.approx(known.pvalue)
    assert found.degrees == pytest.approx(known.df)
    assert found.low == pytest.approx(interval.low)
    assert found.high == pytest.approx(interval.high)


def test_welch_with_one_seed_on_a_side_is_missing() -> None:
    assert np.isnan(welch_t(np.array([[0.8]]), np.array([[0.8], [0.9]])).p).all()


def enumerated(d: list[float]) -> float:
    """Share of all S ** S samples of the centred differences with a t at least as large; equal values count as infinite."""
    count, mean = len(d), statistics.fmean(d)
    t = abs(mean) / (statistics.stdev(d) / math.sqrt(count))
    extreme = 0
    for sample in itertools.product([x - mean for x in d], repeat=count):
        middle, sd = statistics.fmean(sample), statistics.stdev(sample)
        if sd < 1e-12:
            extreme += abs(middle) > 1e-12
        else:
            extreme += abs(middle) / (sd / math.sqrt(count)) >= t * (1 - 1e-9)
    return extreme / count**count


@pytest.mark.parametrize(
    "d",
    [
        [0.01, 0.03],
        [0.01, 0.02, 0.04],
        [0.02, 0.02, 0.05],
        [-0.01, 0.02, 0.03],
        [0.03, -0.01, 0.0, 0.01],
        [0.02, 0.021, 0.019, 0.024],
        [0.005, 0.02, -0.003, 0.011, 0.02],
    ],
)
def test_the_bootstrapped_test_is_the_enumeration_of_all_samples(d: list[float]) -> None:
    a = np.full((len(d), 1), 0.8)
    draws = 40_000
    p = bootstrapped_t(a, a + np.array(d)[:, None], draws=draws, seed=5)[0]
    exact = enumerated(d)
    assert p == pytest.approx(exact, abs=4.5 * math.sqrt(max(exact * (1 - exact), 1e-4) / draws) + 1 / draws)


def test_three_seeds_are_never_significant_by_the_bootstrapped_test() -> None:
    b = np.array([[0.3, 0.3], [0.3001, 0.3001], [0.3002, 0.30025]])
    p = bootstrapped_t(np.zeros((3, 2)), b, draws=20_000)
    assert p == pytest.approx([2 / 27, 1 / 9], abs=0.01)  # of the even ones, three times the middle has t* = 0
    assert (paired_t(np.zeros((3, 2)), b).p < 1e-6).all()


def test_the_smallest_p_is_one_of_all_draws_and_one() -> None:
    d = np.linspace(0.30, 0.3001, 12)[:, None]
    assert bootstrapped_t(np.zeros_like(d), d, draws=999)[0] == pytest.approx(1 / 1000)


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_no_difference_at_all_is_no_evidence_and_equal_ones_are_no_spread(seeds: int) -> None:
    a = np.array([0.8, 0.7, 0.9, 0.6, 0.75])[:seeds, None] * np.ones(2)
    b = a + np.array([0.0, 0.02])
    for p in (paired_t(a, b).p, bootstrapped_t(a, b)):
        assert p[0] == 1
        assert np.isnan(p[1])
    found = paired_t(a, b)
    assert (found.low[0], found.high[0]) == (0, 0)
    assert np.isnan(found.low[1])
    assert found.difference[1] == pytest.approx(0.02)
    same = np.full((seeds, 1), 0.5)
    assert welch_t(same, same).p[0] == 1
    assert np.isnan(welch_t(same, same + 0.1).p[0])


@given(groups, st.integers(0, 7), st.integers(0, 2))
def test_a_missing_value_stays_in_its_column(values: np.ndarray, row: int, column: int) -> None:
    broken = values.copy()
    broken[row % len(values), column] = np.nan
    other = np.linspace(0, 1, values.size).reshape(values.shape)
    for test in (lambda v: spread(v).sd, lambda v: paired_t(other, v).p, lambda v: bootstrapped_t(other, v, draws=99)):
        whole, found = test(values), test(broken)
        rest = np.arange(3) != column
        assert np.isnan(found[column])
        assert np.array_equal(found[rest], whole[rest], equal_nan=True)


@given(groups, st.permutations(range(8)))
def test_the_order_of_seeds_and_of_sides_does_not_matter(values: np.ndarray, order: list[int]) -> None:
    other = np.sqrt(np.linspace(0, 1, values.size)).reshape(values.shape)
    assume(((values - other).std(0) > 1e-6).all())
    shuffled = [k for k in order if k < len(values)]
    one, two, turned = paired_t(values, other), paired_t(values[shuffled], other[shuffled]), paired_t(other, values)
    assert two.p == pytest.approx(one.p)
    assert turned.p == pytest.approx(one.p)
    assert turned.low == pytest.approx(-one.high)


def test_the_draws_follow_the_seed_and_not_the_columns_beside() -> None:
    numbers = np.random.default_rng(3)
    a, b = numbers.random((2, 6, 50))
    whole = bootstrapped_t(a, b, draws=500, seed=1)
    assert np.array_equal(whole, bootstrapped_t(a, b, draws=500, seed=1))
    assert not np.array_equal(whole, bootstrapped_t(a, b, draws=500, seed=2))
    assert np.array_equal(whole[7:8], bootstrapped_t(a[:, 7:8], b[:, 7:8], draws=500, seed=1))


def test_shapes_and_settings_are_checked() -> None:
    two, three = np.zeros((2, 1)), np.zeros((3, 1))
    for call in (
        lambda: paired_t(two, three),
        lambda: bootstrapped_t(two, three),
        lambda: welch_t(two, np.zeros((2, 2))),
        lambda: spread(np.zeros((0, 2))),
        lambda: bootstrapped_t(two, two, draws=10),
        lambda: paired_t(two, two, level=95),
    ):
        with pytest.raises(StatisticsError, match="found .*; expected"):
            call()
