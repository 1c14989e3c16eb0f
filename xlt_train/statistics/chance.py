"""Alarm for cells at chance level: an accuracy that guessing reaches says nothing about a method."""

from typing import NamedTuple

import numpy as np
from scipy import special

from xlt_train.errors import StatisticsError


class Chance(NamedTuple):
    """Each [...]: exact interval of the accuracy, and whether its lower end is at or below each way of guessing."""

    low: np.ndarray
    high: np.ndarray
    majority: np.ndarray  # not shown to be above always giving the most frequent gold label
    uniform: np.ndarray  # not shown to be above guessing evenly among the labels
    below: np.ndarray  # shown to be below the most frequent label


def binomial_interval(right: np.ndarray, total: np.ndarray, *, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Exact interval of the share `right` of `total`, both [...] (Clopper and Pearson 1934); NaN for 0 of 0 and for NaN."""
    right, total = (np.asarray(x, dtype=np.float64) for x in (right, total))
    tail = (1 - level) / 2
    with np.errstate(invalid="ignore"):
        low = np.where(right == 0, 0.0, special.betaincinv(np.maximum(right, 1), total - right + 1, tail))
        high = np.where(right == total, 1.0, special.betaincinv(right + 1, np.maximum(total - right, 1), 1 - tail))
    missing = np.isnan(right) | (total <= 0)
    return np.where(missing, np.nan, low), np.where(missing, np.nan, high)


def chance_level(right: np.ndarray, total: np.ndarray, *, majority: np.ndarray, classes: int, level: float = 0.95) -> Chance:
    """Compare `right` of `total` items [...] with two ways of guessing; conditional on the trained model: new test items.

    `majority` [...]: share of the most frequent gold label; `classes`: number of labels C, guessed evenly 1/C. A NaN raises no
    alarm. Raises StatisticsError for fewer than two labels.
    """
    if classes < 2:
        raise StatisticsError(
            "comparing accuracies with chance",
            found=f"{classes} label(s)",
            expected="two or more",
            remedy="Give the model's labels",
        )
    low, high = binomial_interval(right, total, level=level)
    share = np.asarray(majority, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        return Chance(low, high, low <= share, low <= 1 / classes, high < share)
