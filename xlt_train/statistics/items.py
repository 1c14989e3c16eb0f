"""Bootstrap over test items. What it says is conditional on the trained models: the items alone are drawn anew.

An item is one row of the parallel files. It is drawn with all its languages and pairs together: the same item in another
language is not a new observation, and counting it as one makes intervals of a mean far too narrow.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from xlt_train.errors import StatisticsError
from xlt_train.statistics.shapes import check_draws, check_level

_BLOCK = 2**21  # weights held at once: 16 MB


class ItemTest(NamedTuple):
    """Each [K], one entry a set of pairs: difference of the mean accuracies (b - a), its interval, two-sided p."""

    difference: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p: np.ndarray


def bootstrap_items(
    a: np.ndarray,
    b: np.ndarray,
    sets: Sequence[Sequence[int]] | None = None,
    *,
    draws: int = 10_000,
    seed: int = 0,
    level: float = 0.95,
) -> ItemTest:
    """Cluster bootstrap of the difference between `b` [T, P, I] and `a` [S, P, I]: runs, pairs and items, right or wrong.

    `sets`: the pairs, by position, whose mean each entry of the result is about; by default each pair by itself. An item's
    difference is the mean over the runs and the pairs of the set; `draws` samples of I items give means D*, and with D that
    of all items p = (1 + samples with |D* - D| >= |D|) / (1 + draws), the interval D +- the `level` quantile of |D* - D|
    (Efron and Tibshirani 1993, chapters 8 and 16; symmetric as in Hall 1988). So the interval holds 0 just where p is above
    1 - level, and few differing items make it claim less than equal tails would: five items right in b alone have p = 0.04,
    where exact McNemar has 0.06 and the percentile interval 0.01. A set with a missing value (NaN) is missing. Raises
    StatisticsError for items or pairs that are not the same, too few draws, or a set without pairs.
    """
    doing = "bootstrapping over test items"
    check_draws(doing, draws)
    check_level(doing, level)
    _check(doing, a, b)
    per_pair = _mean_of_runs(b) - _mean_of_runs(a)  # [P, I]
    columns = _columns(doing, per_pair, sets)  # [I, K]
    difference = columns.mean(0)
    away = np.empty((draws, columns.shape[1]))
    generator = np.random.Generator(np.random.PCG64(seed))
    items, start = len(columns), 0
    block = max(1, _BLOCK // items)
    while start < draws:
        weights = _weights(generator, min(block, draws - start), items)
        away[start : start + len(weights)] = np.abs(weights @ columns / items - difference)
        start += len(weights)
    p = (1 + (away >= np.abs(difference) - 1e-12).sum(0)) / (1 + draws)
    place = min(draws, int(np.ceil(level * (draws + 1) - 1e-9))) - 1
    half = np.partition(away, place, axis=0)[place]
    missing = np.isnan(difference)
    half = np.where(missing, np.nan, half)
    return ItemTest(difference, difference - half, difference + half, np.where(missing, np.nan, p))


def _weights(generator: np.random.Generator, draws: int, items: int) -> np.ndarray:
    """How often each item is in each sample, [draws, items], rows multinomial."""
    drawn = generator.integers(0, items, size=(draws, items), dtype=np.int64)
    drawn += items * np.arange(draws)[:, None]
    return np.bincount(drawn.ravel(), minlength=draws * items).reshape(draws, items).astype(np.float64)


def _mean_of_runs(correct: np.ndarray) -> np.ndarray:
    """[P, I] in float64 of [S, P, I], run by run, so that no float copy of all is made."""
    total = np.zeros(correct.shape[1:])
    for run in correct:
        total += run
    return total / len(correct)


def _columns(doing: str, per_pair: np.ndarray, sets: Sequence[Sequence[int]] | None) -> np.ndarray:
    if sets is None:
        return np.ascontiguousarray(per_pair.T)
    for chosen in sets:
        if not chosen or not all(0 <= k < len(per_pair) for k in chosen):
            raise StatisticsError(
                doing,
                found=f"the set of pairs {list(chosen)}",
                expected=f"positions from 0 to {len(per_pair) - 1}",
                remedy="Name pairs that were judged",
            )
    return np.stack([per_pair[list(chosen)].mean(0) for chosen in sets], axis=1) if sets else np.empty((per_pair.shape[1], 0))


def _check(doing: str, a: np.ndarray, b: np.ndarray) -> None:
    if a.ndim != 3 or b.ndim != 3 or a.shape[1:] != b.shape[1:] or not (a.size and b.size):
        raise StatisticsError(
            doing,
            found=f"right or wrong in the shapes {a.shape} and {b.shape}",
            expected="runs, pairs and items, with the same pairs and items on both sides",
            remedy="Evaluate both on the same test files",
        )
