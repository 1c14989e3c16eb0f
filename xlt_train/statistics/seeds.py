"""Statistics over training seeds. What they say is conditional on the test items: the seeds alone are drawn anew.

Arrays are [S, ...] with one row a seed; everything is done for each column by itself. A column with a missing value (NaN)
has a missing result. Differences are b minus a.
"""

from typing import NamedTuple

import numpy as np
from scipy import special

from xlt_train.statistics.shapes import check_draws, check_level, check_same_shape

NO_SPREAD = 1e-12  # accuracies are multiples of 1 / items, so a smaller standard deviation is rounding


class Spread(NamedTuple):
    """Over seeds, each [...]: mean, standard deviation (ddof 1), t-interval of the mean; NaN but for the mean for one seed."""

    mean: np.ndarray
    sd: np.ndarray
    low: np.ndarray
    high: np.ndarray


class SeedTest(NamedTuple):
    """Each [...]: mean difference, its interval, two-sided p, degrees of freedom. p is NaN for one seed or without spread."""

    difference: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p: np.ndarray
    degrees: np.ndarray


def spread(values: np.ndarray, *, level: float = 0.95) -> Spread:
    """Mean, standard deviation and interval of `values` [S, ...] over the seeds.

    The interval is mean +- t(S - 1) sd / sqrt(S) (Student 1908). Raises StatisticsError for no seed at all.
    """
    check_level("taking the spread over seeds", level)
    found = check_same_shape("taking the spread over seeds", values)[0]
    mean, sd = _mean_sd(found)
    half = special.stdtrit(max(len(found) - 1, 1), (1 + level) / 2) * sd / np.sqrt(len(found))
    return Spread(mean, sd, mean - half, mean + half)


def paired_t(a: np.ndarray, b: np.ndarray, *, level: float = 0.95) -> SeedTest:
    """Paired t-test of `b` against `a`, both [S, ...], row s of both trained with the same seed.

    t = mean(d) / (sd(d) / sqrt(S)) with S - 1 degrees of freedom (Student 1908), exact where the differences d are normal.
    All differences zero: p = 1. All equal and not zero: no spread to judge by, so p and interval are NaN; else runs that are
    copies of one would seem beyond doubt. One seed: NaN. Raises StatisticsError for shapes that differ.
    """
    check_level("testing over seeds", level)
    first, second = check_same_shape("testing over seeds", a, b)
    mean, sd = _mean_sd(second - first)
    return _t_test(mean, sd / np.sqrt(len(first)), np.full(mean.shape, len(first) - 1.0), level)


def welch_t(a: np.ndarray, b: np.ndarray, *, level: float = 0.95) -> SeedTest:
    """Welch's t-test of `b` [T, ...] against `a` [S, ...], for groups that were not trained with the same seeds.

    Degrees of freedom by Welch (1947) and Satterthwaite. Missing where a group has one seed, as in `paired_t` otherwise.
    Raises StatisticsError for columns that differ.
    """
    check_level("testing over seeds", level)
    first, second = (check_same_shape("testing over seeds", part)[0] for part in (a, b))
    check_same_shape("testing over seeds", first[0], second[0])
    (mean_a, sd_a), (mean_b, sd_b) = _mean_sd(first), _mean_sd(second)
    va, vb = sd_a**2 / len(first), sd_b**2 / len(second)
    with np.errstate(divide="ignore", invalid="ignore"):
        degrees = (va + vb) ** 2 / (va**2 / (len(first) - 1) + vb**2 / (len(second) - 1))
    return _t_test(mean_b - mean_a, np.sqrt(va + vb), degrees, level)


def bootstrapped_t(a: np.ndarray, b: np.ndarray, *, draws: int = 10_000, seed: int = 0) -> np.ndarray:
    """Two-sided p [...] of the bootstrapped paired t-test, which Huang et al. (2021, Tables 1 to 3) underline by.

    The S differences d = b - a, centred on their mean, are drawn with replacement; with t that of `paired_t`,
    p = (1 + draws with |t*| >= |t|) / (1 + draws) (Efron and Tibshirani 1993, chapter 16). A draw of S equal values has no
    spread: its t* is infinite and counts as at least as large, unless its mean is zero. So p is at least about S ** (1 - S),
    0.5 for two seeds and 0.07 or 0.11 for three, which are never significant. It is conservative beyond that too: with normal
    seeds and no difference, p <= 0.05 in 2% of cases at five seeds, 4% at ten and 5% at twenty (benchmarks/calibration.py).
    Missing, and 1 for no difference, as in `paired_t`.
    """
    check_draws("bootstrapping over seeds", draws)
    first, second = check_same_shape("bootstrapping over seeds", a, b)
    count, shape = len(first), first.shape[1:]
    d = (second - first).reshape(count, -1)
    mean, sd = _mean_sd(d)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.abs(mean) / (sd / np.sqrt(count))
    extreme = np.zeros(d.shape[1], dtype=np.int64)
    generator = np.random.Generator(np.random.PCG64(seed))
    block = max(1, min(draws, 2**21 // max(1, d.shape[1])))
    for start in range(0, draws, block):
        drawn = generator.integers(0, count, size=(min(block, draws - start), count))
        extreme += (_drawn_t(d - mean, drawn) >= t * (1 - 1e-9)).sum(0)
    p = (1 + extreme) / (1 + draws)
    return np.asarray(np.where(_judged(mean, sd), p, _without_spread(mean, sd))).reshape(shape)


def _drawn_t(centred: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """|t*| [D, K] of the columns of `centred` [S, K] in the samples `drawn` [D, S]."""
    count = len(centred)
    weights = (drawn[:, :, None] == np.arange(count)).sum(1).astype(np.float64)  # [D, S], how often each seed was drawn
    mean = weights @ centred / count
    variance = np.maximum(weights @ centred**2 - count * mean**2, 0) / max(count - 1, 1)
    flat = (weights.max(1) == count)[:, None] | (variance <= NO_SPREAD * (centred**2).mean(0))
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.abs(mean) / np.sqrt(variance / count)
    return np.where(flat, np.where(np.abs(mean) > NO_SPREAD, np.inf, 0.0), t)


def _mean_sd(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    mean = values.mean(0)
    if len(values) == 1:
        return mean, np.full(mean.shape, np.nan)
    return mean, np.where(np.isnan(mean), np.nan, values.std(0, ddof=1))


def _t_test(mean: np.ndarray, error: np.ndarray, degrees: np.ndarray, level: float) -> SeedTest:
    judged = _judged(mean, error)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = 2 * special.stdtr(degrees, -np.abs(mean / error))
        half = special.stdtrit(degrees, (1 + level) / 2) * error
    rest = _without_spread(mean, error)
    half = np.where(judged, half, np.where(rest == 1, 0.0, np.nan))
    return SeedTest(mean, mean - half, mean + half, np.where(judged, p, rest), np.where(np.isnan(mean), np.nan, degrees))


def _judged(mean: np.ndarray, spread_: np.ndarray) -> np.ndarray:
    return np.asarray(~np.isnan(mean) & (spread_ > NO_SPREAD))


def _without_spread(mean: np.ndarray, spread_: np.ndarray) -> np.ndarray:
    """1 where all differences are zero, NaN where they are equal, missing, or of one seed."""
    return np.where((np.abs(mean) <= NO_SPREAD) & (spread_ <= NO_SPREAD), 1.0, np.nan)
