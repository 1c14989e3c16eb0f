"""A figure with what must be said beside it, and the values that figures are drawn from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from xlt_train.reporting.tables import Table

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure

SINGLE, DOUBLE = 3.3, 6.9  # print widths in inches: one column, and both, of a two-column page


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A figure at its print size, and its text: title, caption, a description for who cannot see it, its numbers as a table."""

    name: str  # the stem of its files, unique in a report
    title: str
    caption: str
    description: str
    numbers: Table
    figure: "Figure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A fitted line with its band: y [K], low [K], high [K] at x [K], in units of y, as are slope and intercept; level 0..1."""

    x: "np.ndarray"
    y: "np.ndarray"
    low: "np.ndarray"
    high: "np.ndarray"
    slope: float
    intercept: float
    r: float
    p: float
    n: int
    level: float = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One system over a setting: mean [K] with interval low [K], high [K] (NaN: one seed, no interval) at x [K]."""

    name: str
    x: "np.ndarray"
    mean: "np.ndarray"
    low: "np.ndarray"
    high: "np.ndarray"
    seeds: Sequence[int] = ()  # [K] how many seeds; empty where not known


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """Word vectors of one model and two groups of words, for one panel.

    vectors_1 [A, D], vectors_2 [B, D]; `links` pairs a row of the first group with one of the second. `mean_rank`: of the true
    partner among the `candidates` words of the second group, 1 is the best.
    """

    title: str
    words_1: Sequence[str]
    words_2: Sequence[str]
    vectors_1: "np.ndarray"
    vectors_2: "np.ndarray"
    links: Sequence[tuple[int, int]] = ()
    mean_rank: float | None = None
    candidates: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """One system's accuracies, 0..1: mean [L] with interval low [L], high [L] (NaN: none) in the order of the languages."""

    name: str
    mean: "np.ndarray"
    low: "np.ndarray"
    high: "np.ndarray"
