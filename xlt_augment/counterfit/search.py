"""Exact self-join of a matrix: nearest rows, and all pairs closer than a bound.

Blocked float32 matrix products propose pairs, with a margin above any rounding error of theirs (Higham 2002, section 3.1: an
inner product of D terms is off by at most D u / (1 - D u) times the norms); what they propose is computed again in float64
in a fixed order. So neither BLAS, block size nor threads show in the result. Only half of the products are needed.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from xlt_augment.counterfit import kernel_search as kernel
from xlt_augment.counterfit.kernel_dot import norms as row_norms
from xlt_augment.errors import VectorError

METRICS = {"cosine": kernel.COSINE, "euclidean": kernel.EUCLIDEAN}
BLOCK = 2048  # rows: a block of scores has 16 MiB
MAX_PAIRS = 20_000_000  # counter-fitting takes some 100 bytes for each
_ROUNDING = 2.0**-24  # unit roundoff of float32


class Nearest(NamedTuple):
    """Neighbors of row i: `rows[first[i]:first[i + 1]]`, nearest first; `distances` float64, multiples of 1e-6."""

    first: np.ndarray
    rows: np.ndarray
    distances: np.ndarray


def nearest(
    matrix: np.ndarray,
    *,
    k: int,
    threshold: float,
    metric: str = "cosine",
    order: np.ndarray | None = None,
    block: int = BLOCK,
) -> Nearest:
    """The k nearest rows of each row within `threshold` (inclusive) of a float32 matrix [V, D], itself left out.

    Distances are rounded to 1e-6 before they are compared; ties go by `order` int64 [V], by row number without it.
    `metric` is "cosine" or "euclidean". Beside the matrix, a copy of it and `block`² scores, memory holds 8 (2 k + 64) bytes
    a row.
    Raises VectorError when k is not below the number of rows.
    """
    search = Search(matrix, k, threshold, metric, order)
    places = _Places(search, range(len(matrix)))
    for left, right, scores in _blocks(search.proposals, search.halves, block):
        kernel.collect(scores, left, right, matrix, search.norms, *places, *search.limits)
    return places.result(search)


class Search:
    """What a search knows of the whole matrix; `of` finds the nearest rows of some, the same that `nearest` finds of all.

    The arguments are those of `nearest`.
    """

    def __init__(self, matrix: np.ndarray, k: int, threshold: float, metric: str, order: np.ndarray | None) -> None:
        check_count(k, len(matrix))
        self.matrix, self.norms, kind = matrix, row_norms(matrix), METRICS[metric]
        self.proposals, self.halves, margin = _proposals(matrix, self.norms, kind)
        order = np.arange(len(matrix)) if order is None else np.ascontiguousarray(order, np.int64)
        limit = np.int64(round(min(threshold, 1e12) * kernel.MICRO))
        self.limits = (k, limit, order, kind, margin)  # as the kernels take them
        self.bound = kernel.least_score(limit, kind, margin)

    def of(self, rows: range, block: int = BLOCK) -> Nearest:
        """The nearest of all rows to each of `rows`, whose number in `first` counts from `rows.start`."""
        places = _Places(self, rows)
        for left, right, scores in _blocks(self.proposals, self.halves, block, rows):
            kernel.collect_rows(scores, left, right, rows.start, self.matrix, self.norms, *places, *self.limits)
        return places.result(self)


class _Places:
    """The candidates of some rows, as the kernels see them."""

    def __init__(self, search: Search, rows: range) -> None:
        self._base, count = rows.start, len(rows)
        self._slots, self._counts = np.empty((count, 2 * search.limits[0] + 64), np.int32), np.zeros(count, np.int32)
        self._proposed = np.empty(self._slots.shape, np.float32)
        self._bounds = np.full(count, search.bound, np.float32)

    def __iter__(self) -> Iterator[np.ndarray]:
        return iter((self._slots, self._proposed, self._counts, self._bounds))

    def result(self, search: Search) -> Nearest:
        """The exact choice among the candidates."""
        k, limit, order, kind, _ = search.limits
        x, slots, counts = (search.matrix, search.norms, self._base), self._slots, self._counts
        kernel.finish(*x, slots, self._proposed, counts, k, limit, order, kind)
        first = np.concatenate((np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)))
        rows = slots[np.arange(slots.shape[1])[None, :] < counts[:, None]]
        return Nearest(first, rows, kernel.micro_distances(*x, slots, counts, kind) / kernel.MICRO)


def check_count(k: int, count: int) -> None:
    """Raises VectorError when k is not below the number of rows."""
    if not 0 < k < count:
        raise VectorError(
            "searching for neighbors",
            found=f"k = {k} and {count:,} words",
            expected="k from 1 to one less than the words",
            remedy="Lower --k, or take more vectors in",
        )


def close_pairs(matrix: np.ndarray, *, above: float, block: int = BLOCK) -> tuple[np.ndarray, np.ndarray]:
    """All pairs of rows i < j of a float64 matrix [V, D] whose dot product is greater than `above`.

    Returns int32 [n, 2], ordered, and their products float64 [n]. Raises VectorError for more than 20 million pairs.
    """
    proposals = matrix.astype(np.float32)
    largest = float(row_norms(matrix).max(initial=0.0))
    bound = np.float32(above - (matrix.shape[1] + 8) * 1.1 * _ROUNDING * max(largest * largest, abs(above)))
    found, used = np.empty((1 << 16, 2), np.int32), 0
    for left, right, scores in _blocks(proposals, None, block):
        after = kernel.close_pairs(scores, left, right, bound, found, used)
        if after > len(found):
            found = np.concatenate((found[:used], np.empty((after, 2), np.int32)))
            kernel.close_pairs(scores, left, right, bound, found, used)
        used = after
        if used > MAX_PAIRS:
            raise VectorError(
                "collecting pairs of near words",
                found=f"more than {MAX_PAIRS:,} pairs with a cosine above {above:.3g}",
                expected="vectors that tell words apart",
                remedy="Lower --rho, take fewer words in (--limit, --vocabulary), or check the vectors",
            )
    products = kernel.pair_dots(matrix, found[:used])
    keep = products > above
    pairs, products = found[:used][keep], products[keep]
    sorted_rows = np.lexsort((pairs[:, 1], pairs[:, 0]))
    return pairs[sorted_rows], products[sorted_rows]


def pair_distances(matrix: np.ndarray, pairs: np.ndarray, metric: str) -> np.ndarray:
    """Distances of the pairs of rows `pairs` int32 [n, 2] of a float32 matrix [V, D], the same that `nearest` gives them."""
    return np.asarray(kernel.pair_micros(matrix, row_norms(matrix), pairs, METRICS[metric]) / kernel.MICRO)


def _proposals(matrix: np.ndarray, norms: np.ndarray, metric: int) -> tuple[np.ndarray, np.ndarray | None, float]:
    """The float32 matrix to multiply, half the squared norms for the Euclidean score, and the greatest error of a score.

    Scores: the cosine, or x·y - |x|²/2 - |y|²/2 = -(distance²)/2.
    """
    terms = (matrix.shape[1] + 8) * 1.1 * _ROUNDING
    if metric == kernel.COSINE:
        units = np.empty_like(matrix)
        for start in range(0, len(matrix), BLOCK):  # float64 in between, for norms that float32 cannot hold
            units[start : start + BLOCK] = matrix[start : start + BLOCK] / norms[start : start + BLOCK, None]
        return units, None, terms
    largest = float(norms.max(initial=0.0))
    return matrix, (0.5 * norms * norms).astype(np.float32), terms * largest * largest


def _blocks(
    matrix: np.ndarray, halves: np.ndarray | None, block: int, rows: range | None = None
) -> Iterator[tuple[int, int, np.ndarray]]:
    """Scores of the blocks on and above the diagonal, or of `rows` with all; each in the same memory as the one before."""
    count = len(matrix)
    memory = np.empty(min(block, count) ** 2, np.float32)
    for left in range(0, count, block) if rows is None else rows[::block]:
        here = matrix[left : min(left + block, rows.stop if rows else count)]
        for right in range(0 if rows else left, count, block):
            columns = matrix[right : right + block]
            scores = memory[: len(here) * len(columns)].reshape(len(here), len(columns))
            np.dot(here, columns.T, out=scores)
            if halves is not None:
                scores -= halves[left : left + len(here), None]
                scores -= halves[None, right : right + block]
            yield left, right, scores
