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
    count, kind = len(matrix), METRICS[metric]
    if not 0 < k < count:
        raise VectorError(
            "searching for neighbors",
            found=f"k = {k} and {count:,} words",
            expected="k from 1 to one less than the words",
            remedy="Lower --k, or take more vectors in",
        )
    norms, order = row_norms(matrix), np.arange(count) if order is None else np.ascontiguousarray(order, np.int64)
    proposals, halves, margin = _proposals(matrix, norms, kind)
    limit = np.int64(round(min(threshold, 1e12) * kernel.MICRO))
    slots, counts = np.empty((count, 2 * k + 64), np.int32), np.zeros(count, np.int32)
    proposed = np.empty(slots.shape, np.float32)
    bounds = np.full(count, kernel.least_score(limit, kind, margin), np.float32)
    for left, right, scores in _blocks(proposals, halves, block):
        kernel.collect(scores, left, right, matrix, norms, slots, proposed, counts, bounds, k, limit, order, kind, margin)
    kernel.finish(matrix, norms, slots, proposed, counts, k, limit, order, kind)
    first = np.concatenate((np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)))
    rows = slots[np.arange(slots.shape[1])[None, :] < counts[:, None]]
    return Nearest(first, rows, kernel.micro_distances(matrix, norms, slots, counts, kind) / kernel.MICRO)


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


def _blocks(matrix: np.ndarray, halves: np.ndarray | None, block: int) -> Iterator[tuple[int, int, np.ndarray]]:
    """Scores of the blocks on and above the diagonal, each in the same memory as the one before."""
    count = len(matrix)
    memory = np.empty(min(block, count) ** 2, np.float32)
    for left in range(0, count, block):
        rows = matrix[left : left + block]
        for right in range(left, count, block):
            columns = matrix[right : right + block]
            scores = memory[: len(rows) * len(columns)].reshape(len(rows), len(columns))
            np.dot(rows, columns.T, out=scores)
            if halves is not None:
                scores -= halves[left : left + block, None]
                scores -= halves[None, right : right + block]
            yield left, right, scores
