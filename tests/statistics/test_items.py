"""The bootstrap over items against enumeration, closed form and a plain loop; an item is drawn with all its languages."""

import itertools
import math
import resource
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from xlt_train.errors import StatisticsError
from xlt_train.statistics.items import bootstrap_items

answers = npst.arrays(bool, st.tuples(st.integers(1, 3), st.just(3), st.just(40)))


def test_five_items_are_those_of_the_enumeration() -> None:
    d = np.array([1, 1, 0, -1, 1])
    a, b = (d < 0)[None, None], (d > 0)[None, None]
    away = [abs(np.mean(sample) - d.mean()) for sample in itertools.product(d, repeat=5)]
    exact = np.mean([x >= d.mean() - 1e-12 for x in away])
    found = bootstrap_items(a, b, draws=40_000)
    assert found.p[0] == pytest.approx(exact, abs=4 * math.sqrt(exact * (1 - exact) / 40_000))
    assert found.difference[0] == pytest.approx(0.4)
    half = np.sort(away)[math.ceil(0.95 * len(away)) - 1]  # deviations are multiples of 0.2
    assert found.high[0] - 0.4 == pytest.approx(half)
    assert 0.4 - found.low[0] == pytest.approx(half)


def test_the_interval_of_many_items_is_that_of_the_normal_limit() -> None:
    numbers = np.random.default_rng(1)
    a, b = numbers.random((1, 1, 4_000)) < 0.7, numbers.random((1, 1, 4_000)) < 0.75
    d = b[0, 0].astype(int) - a[0, 0].astype(int)
    found = bootstrap_items(a, b, draws=20_000)
    error = d.std() / math.sqrt(len(d))
    assert found.high[0] - found.difference[0] == pytest.approx(1.96 * error, rel=0.03)
    normal = math.erfc(abs(d.mean()) / error / math.sqrt(2))
    assert found.p[0] == pytest.approx(normal, abs=0.003)


def plain(d: np.ndarray, drawn: np.ndarray) -> float:
    """p of per-item differences `d`, in a loop over samples."""
    mean = d.mean()
    return (1 + sum(abs(d[sample].mean() - mean) >= abs(mean) - 1e-12 for sample in drawn)) / (1 + len(drawn))


@given(answers, answers)
def test_sets_of_pairs_are_the_plain_loop_over_items(a: np.ndarray, b: np.ndarray) -> None:
    found = bootstrap_items(a, b, [[0], [2, 0], [0, 1, 2]], draws=99, seed=4)
    drawn = np.random.Generator(np.random.PCG64(4)).integers(0, 40, size=(99, 40))
    for k, chosen in enumerate(([0], [0, 2], [0, 1, 2])):
        d = np.array([b[:, chosen, i].mean() - a[:, chosen, i].mean() for i in range(40)])
        assert found.difference[k] == pytest.approx(d.mean(), abs=1e-12)
        assert found.p[k] == pytest.approx(plain(d, drawn))


@given(answers, answers)
def test_the_interval_holds_zero_where_p_says_so_and_sides_may_change_places(a: np.ndarray, b: np.ndarray) -> None:
    found, turned = bootstrap_items(a, b, draws=199), bootstrap_items(b, a, draws=199)
    assert turned.p == pytest.approx(found.p)
    assert turned.low == pytest.approx(-found.high)
    outside = (found.low > 1e-9) | (found.high < -1e-9)
    assert (found.p[outside] <= 0.05 + 1e-12).all()
    inside = (found.low < -1e-9) & (found.high > 1e-9)
    assert (found.p[inside] >= 0.05 - 1e-12).all()


def test_the_same_items_in_more_languages_are_no_new_observations() -> None:
    numbers = np.random.default_rng(2)
    a, b = numbers.random((1, 1, 500)) < 0.7, numbers.random((1, 1, 500)) < 0.75
    one = bootstrap_items(a, b)
    seven = bootstrap_items(np.repeat(a, 7, 1), np.repeat(b, 7, 1), [list(range(7))])
    assert np.array_equal(one, seven) or np.allclose(one, seven, atol=1e-12)
    naive = bootstrap_items(np.tile(a, (1, 1, 7)), np.tile(b, (1, 1, 7)))
    assert naive.high[0] - naive.low[0] == pytest.approx((one.high[0] - one.low[0]) / math.sqrt(7), rel=0.05)


def test_groups_of_seeds_count_by_their_mean() -> None:
    numbers = np.random.default_rng(3)
    a, b = numbers.random((5, 2, 300)) < 0.7, numbers.random((2, 2, 300)) < 0.75
    found = bootstrap_items(a, b)
    assert found.difference == pytest.approx(b.mean((0, 2)) - a.mean((0, 2)))


def test_no_difference_has_p_1_and_a_missing_cell_stays_missing() -> None:
    a = (np.random.default_rng(4).random((2, 3, 50)) < 0.7).astype(float)
    same = bootstrap_items(a, a)
    assert same.p.tolist() == [1, 1, 1]
    assert same.low.tolist() == same.high.tolist() == [0, 0, 0]
    broken = a.copy()
    broken[1, 2, 7] = np.nan
    found = bootstrap_items(a, 1 - broken, [[0], [2], [0, 1], [1, 2]])
    for values in found:
        assert np.isnan(values).tolist() == [False, True, False, True]


def test_five_items_right_in_one_alone_claim_no_more_than_the_docstring_says() -> None:
    b = np.zeros((1, 1, 1_000), bool)
    b[..., :5] = True
    assert bootstrap_items(np.zeros_like(b), b, draws=20_000).p[0] == pytest.approx(0.039, abs=0.006)


def test_all_pairs_of_xnli_take_seconds_and_little_memory() -> None:
    numbers = np.random.default_rng(5)
    a, b = (numbers.random((5, 225, 5_010), dtype=np.float32) < 0.8 for _ in range(2))
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    found = bootstrap_items(a, b, [[k] for k in range(225)] + [list(range(225))], draws=2_000)
    assert time.process_time() - start < 10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000  # KiB
    assert found.p.shape == (226,)


def test_shapes_and_settings_are_checked() -> None:
    a = np.zeros((1, 2, 5), bool)
    for call in (
        lambda: bootstrap_items(a, np.zeros((1, 2, 6), bool)),
        lambda: bootstrap_items(a, np.zeros((1, 3, 5), bool)),
        lambda: bootstrap_items(a[0], a[0]),
        lambda: bootstrap_items(a[..., :0], a[..., :0]),
        lambda: bootstrap_items(a, a, [[2]]),
        lambda: bootstrap_items(a, a, [[]]),
        lambda: bootstrap_items(a, a, draws=98),
        lambda: bootstrap_items(a, a, level=0),
    ):
        with pytest.raises(StatisticsError, match="found .*; expected"):
            call()
