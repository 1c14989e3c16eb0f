"""Exact McNemar test of two single runs. What it says is conditional on these two trained models: new test items."""

from typing import NamedTuple

import numpy as np
from scipy import special

from xlt_train.statistics.shapes import check_same_shape


class Discordant(NamedTuple):
    """Each [...]: items right in the first run alone, in the second alone, and the two-sided p."""

    first: np.ndarray
    second: np.ndarray
    p: np.ndarray


def mcnemar(a: np.ndarray, b: np.ndarray) -> Discordant:
    """Whether run `b` is right on as many items as run `a`; both [..., I], right or wrong, the same items.

    Without a difference, an item that one run alone has right is as often the first's as the second's, so
    p = 2 P(X <= min(first, second)), at most 1, X binomial over the discordant items with 1/2 (McNemar 1947, in its exact
    form). It is conservative: at most 0.05 in less than 5% of cases, and never with fewer than six discordant items.
    Missing where a value is NaN. Raises StatisticsError for shapes that differ.
    """
    first, second = check_same_shape("comparing two runs item by item", a, b)
    only_a, only_b = ((x > y).sum(-1).astype(np.float64) for x, y in ((first, second), (second, first)))
    p = np.minimum(1.0, 2 * special.bdtr(np.minimum(only_a, only_b), (only_a + only_b).astype(np.int64), 0.5))
    missing = np.isnan(first + second).any(-1)
    return Discordant(*(np.where(missing, np.nan, found) for found in (only_a, only_b, p)))
