"""Compiled loops of the search: which scores of a block are worth an exact look, and the exact selection among them.

A score is a float32 proposal that is higher for nearer rows. `bounds` float32 [V]: a pair concerns row i only with a score
of at least bounds[i]. `slots` int32 [V, C] holds the candidates of each row, `proposed` float32 [V, C] their scores, `counts`
int32 [V] how many there are. Where a search is for some rows only, these arrays are theirs: row i stands in place i - base.
"""

import numpy as np

from xlt_augment.compiled import compiled
from xlt_augment.counterfit.kernel_dot import dot, squared_distance

COSINE, EUCLIDEAN = 0, 1
MICRO = 1e6  # distances are compared in millionths
_SEGMENT = 128


@compiled
def micro_distance(x: np.ndarray, norms: np.ndarray, i: int, j: int, metric: int) -> np.int64:
    """Distance of rows i and j in millionths, rounded to the nearest, ties to even."""
    if metric == EUCLIDEAN:
        return np.int64(np.rint(np.sqrt(squared_distance(x, i, j)) * MICRO))
    return np.int64(max(np.rint((1.0 - dot(x, i, x, j) / (norms[i] * norms[j])) * MICRO), 0.0))


@compiled
def least_score(micro: np.int64, metric: int, margin: float) -> np.float32:
    """The lowest proposal that a pair of at most this distance can get; `margin` bounds the error of a proposal."""
    distance = (micro + 1) / MICRO  # one millionth more than rounding can hide
    exact = -0.5 * distance * distance if metric == EUCLIDEAN else 1.0 - distance
    return np.float32(exact - margin)


@compiled
def worse_score(score: float, metric: int, margin: float) -> np.float32:
    """With k proposals of at least `score`, the greatest one that cannot be among the k nearest, whatever the errors."""
    if metric == EUCLIDEAN:
        distance = np.sqrt(max(0.0, -2.0 * (score - margin))) + 2.0 / MICRO
        return np.float32(-0.5 * distance * distance - margin)
    return np.float32(score - 2.0 * margin - 2.0 / MICRO)


@compiled
def prune(
    p: int, slots: np.ndarray, proposed: np.ndarray, counts: np.ndarray, bounds: np.ndarray, k: int, metric: int, margin: float
) -> None:
    """Drop the candidates of the row in place p that their scores alone rule out, and raise its bound."""
    count = counts[p]
    least = np.partition(proposed[p, :count], count - k)[count - k]
    bounds[p] = max(bounds[p], worse_score(least, metric, margin))
    kept = 0
    for c in range(count):
        if proposed[p, c] >= bounds[p]:
            slots[p, kept], proposed[p, kept] = slots[p, c], proposed[p, c]
            kept += 1
    counts[p] = kept


@compiled
def select(
    x: np.ndarray, norms: np.ndarray, i: int, p: int, slots: np.ndarray, proposed: np.ndarray, counts: np.ndarray, k: int,
    limit: np.int64, order: np.ndarray, metric: int,
) -> np.int64:  # fmt: skip
    """Keep the k nearest of the candidates of row i, in place p, within `limit`, nearest first, ties by `order`.

    Returns the distance of the k-th, or -1 when there are fewer.
    """
    kept = 0
    micros = np.empty(counts[p], np.int64)
    for c in range(counts[p]):
        j, score = slots[p, c], proposed[p, c]
        micro = micro_distance(x, norms, i, j, metric)
        if micro > limit:
            continue
        place = kept
        while place > 0:
            before = slots[p, place - 1]
            if micros[place - 1] < micro or (micros[place - 1] == micro and order[before] < order[j]):
                break
            place -= 1
        if place >= k:
            continue
        kept = min(kept + 1, k)
        for q in range(kept - 1, place, -1):
            micros[q] = micros[q - 1]
            slots[p, q], proposed[p, q] = slots[p, q - 1], proposed[p, q - 1]
        micros[place] = micro
        slots[p, place], proposed[p, place] = j, score
    counts[p] = kept
    return micros[k - 1] if kept == k else np.int64(-1)


@compiled
def _push(
    x: np.ndarray, norms: np.ndarray, i: int, p: int, j: int, score: np.float32, slots: np.ndarray, proposed: np.ndarray,
    counts: np.ndarray, bounds: np.ndarray, k: int, limit: np.int64, order: np.ndarray, metric: int, margin: float,
) -> None:  # fmt: skip
    slots[p, counts[p]], proposed[p, counts[p]] = j, score
    counts[p] += 1
    if counts[p] < slots.shape[1]:
        return
    prune(p, slots, proposed, counts, bounds, k, metric, margin)
    if 4 * counts[p] > 3 * slots.shape[1]:  # too many within the error of the scores, ties perhaps
        last = select(x, norms, i, p, slots, proposed, counts, k, limit, order, metric)
        if last >= 0:
            bounds[p] = max(bounds[p], least_score(last, metric, margin))


@compiled
def collect(
    scores: np.ndarray, left: int, right: int, x: np.ndarray, norms: np.ndarray, slots: np.ndarray, proposed: np.ndarray,
    counts: np.ndarray, bounds: np.ndarray, k: int, limit: np.int64, order: np.ndarray, metric: int, margin: float,
) -> None:  # fmt: skip
    """Offer a block of scores [rows from `left`, rows from `right`] to the rows on both sides; a pair counts once, i < j."""
    for r in range(scores.shape[0]):
        i = left + r
        for start in range(0, scores.shape[1], _SEGMENT):
            segment = scores[r, start : start + _SEGMENT]
            theirs = bounds[right + start : right + start + segment.size]
            mine = bounds[i]
            hits = np.int32(0)
            for c in range(segment.size):  # without branches, so that it runs on vector instructions
                hits += np.int32(segment[c] >= min(mine, theirs[c]))
            if hits == 0:
                continue
            for c in range(segment.size):
                j = right + start + c
                if j <= i:
                    continue
                if segment[c] >= bounds[i]:
                    _push(x, norms, i, i, j, segment[c], slots, proposed, counts, bounds, k, limit, order, metric, margin)
                if segment[c] >= bounds[j]:
                    _push(x, norms, j, j, i, segment[c], slots, proposed, counts, bounds, k, limit, order, metric, margin)


@compiled
def collect_rows(
    scores: np.ndarray, left: int, right: int, base: int, x: np.ndarray, norms: np.ndarray, slots: np.ndarray,
    proposed: np.ndarray, counts: np.ndarray, bounds: np.ndarray, k: int, limit: np.int64, order: np.ndarray, metric: int,
    margin: float,
) -> None:  # fmt: skip
    """Offer a block of scores to the rows on its left side alone, in places from `base`; any row but itself counts."""
    for r in range(scores.shape[0]):
        i = left + r
        p = i - base
        for start in range(0, scores.shape[1], _SEGMENT):
            segment = scores[r, start : start + _SEGMENT]
            mine = bounds[p]
            hits = np.int32(0)
            for c in range(segment.size):
                hits += np.int32(segment[c] >= mine)
            if hits == 0:
                continue
            for c in range(segment.size):
                j = right + start + c
                if j != i and segment[c] >= bounds[p]:
                    _push(x, norms, i, p, j, segment[c], slots, proposed, counts, bounds, k, limit, order, metric, margin)


@compiled
def finish(
    x: np.ndarray, norms: np.ndarray, base: int, slots: np.ndarray, proposed: np.ndarray, counts: np.ndarray, k: int,
    limit: np.int64, order: np.ndarray, metric: int,
) -> None:  # fmt: skip
    """The exact selection for every row that has a place."""
    for p in range(counts.size):
        select(x, norms, base + p, p, slots, proposed, counts, k, limit, order, metric)


@compiled
def micro_distances(
    x: np.ndarray, norms: np.ndarray, base: int, slots: np.ndarray, counts: np.ndarray, metric: int
) -> np.ndarray:
    """Distances of the selected neighbors, row after row, in millionths."""
    out = np.empty(counts.sum(), np.int64)
    place = 0
    for p in range(counts.size):
        for c in range(counts[p]):
            out[place] = micro_distance(x, norms, base + p, slots[p, c], metric)
            place += 1
    return out


@compiled
def close_pairs(scores: np.ndarray, left: int, right: int, bound: np.float32, found: np.ndarray, used: int) -> int:
    """Write the pairs i < j of a block with a score of at least `bound` to `found` int32 [n, 2] from place `used` on.

    Returns the count with these; a count above n says that `found` is too small and holds a part of them.
    """
    for r in range(scores.shape[0]):
        i = left + r
        for start in range(0, scores.shape[1], _SEGMENT):
            segment = scores[r, start : start + _SEGMENT]
            hits = np.int32(0)
            for c in range(segment.size):
                hits += np.int32(segment[c] >= bound)
            if hits == 0:
                continue
            for c in range(segment.size):
                j = right + start + c
                if j > i and segment[c] >= bound:
                    if used < found.shape[0]:
                        found[used, 0] = i
                        found[used, 1] = j
                    used += 1
    return used


@compiled
def pair_dots(x: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Dot products of pairs of rows, float64 [n]."""
    out = np.empty(pairs.shape[0])
    for p in range(pairs.shape[0]):
        out[p] = dot(x, pairs[p, 0], x, pairs[p, 1])
    return out


@compiled
def pair_micros(x: np.ndarray, norms: np.ndarray, pairs: np.ndarray, metric: int) -> np.ndarray:
    """Distances of pairs of rows in millionths, int64 [n]."""
    out = np.empty(pairs.shape[0], np.int64)
    for p in range(pairs.shape[0]):
        out[p] = micro_distance(x, norms, pairs[p, 0], pairs[p, 1], metric)
    return out
