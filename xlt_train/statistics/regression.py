"""Least squares of gain on language distance: the line of Huang et al. 2021, Figure 2, with what it is worth."""

from typing import NamedTuple

import numpy as np
from scipy import special

from xlt_train.statistics.shapes import check_same_shape


class Line(NamedTuple):
    """y = intercept + slope x; r the correlation, p of slope 0, n the points used. `refused` says why there is no line.

    Conditional on the languages being a sample of more of their kind: they are few, related, and share training and test items.
    """

    slope: float
    intercept: float
    r: float
    p: float
    n: int
    refused: str | None
    mean: float = np.nan  # of x
    scatter: float = np.nan  # sum of (x - mean) ** 2
    error: float = np.nan  # residual standard error

    def at(self, x: np.ndarray) -> np.ndarray:
        """The line [x]; NaN where there is none."""
        return self.intercept + self.slope * np.asarray(x, dtype=np.float64)

    def band(self, x: np.ndarray, *, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
        """Confidence band of the line, lower and upper [x], pointwise.

        line +- t(n - 2) s sqrt(1/n + (x - mean)^2 / scatter), s the residual standard error (Draper and Smith 1998, 1.4).
        """
        x = np.asarray(x, dtype=np.float64)
        if self.refused is not None:
            return np.full(x.shape, np.nan), np.full(x.shape, np.nan)
        width = self.error * np.sqrt(1 / self.n + (x - self.mean) ** 2 / self.scatter)
        half = special.stdtrit(self.n - 2, (1 + level) / 2) * width
        return self.at(x) - half, self.at(x) + half


def line_through(x: np.ndarray, y: np.ndarray) -> Line:
    """Least squares through the points [n]; such with a NaN are left out and n says how many were used.

    With fewer than three points, or all at one distance, there is no line: `refused` says so and all else is NaN. Raises
    StatisticsError for shapes that differ.
    """
    first, second = check_same_shape("fitting a line", x, y) if np.size(x) or np.size(y) else (np.empty(0), np.empty(0))
    known = ~np.isnan(first) & ~np.isnan(second)
    first, second = first[known], second[known]
    n = len(first)
    mean = first.mean() if n else np.nan
    scatter = float(((first - mean) ** 2).sum()) if n else 0.0
    if n < 3 or scatter <= 1e-12 * max(1.0, float(np.abs(first).max()) ** 2):
        why = f"{n} point(s), and a line with an error needs three" if n < 3 else "all points at the same distance"
        return Line(np.nan, np.nan, np.nan, np.nan, n, why)
    slope = float(((first - mean) * (second - second.mean())).sum() / scatter)
    intercept = float(second.mean() - slope * mean)
    left = float(((second - intercept - slope * first) ** 2).sum())
    total = float(((second - second.mean()) ** 2).sum())
    error = np.sqrt(left / (n - 2))
    flat = total <= 1e-24 * max(1.0, float(np.abs(second).max()) ** 2)
    r = np.nan if flat else float(np.clip(slope * np.sqrt(scatter / total), -1, 1))
    t = np.inf if error == 0 else abs(slope) / (error / np.sqrt(scatter))
    p = 1.0 if flat else float(2 * special.stdtr(n - 2, -t))
    return Line(slope, intercept, r, p, n, None, float(mean), scatter, float(error))
