"""Counter-fitting: pull synonyms together, push antonyms apart, keep the rest of the space (Mrkšić et al. 2016, section 2)."""

import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import reverse_cuthill_mckee

from xlt_augment.counterfit import kernel_fit as kernel
from xlt_augment.counterfit.kernel_dot import norms
from xlt_augment.counterfit.search import close_pairs
from xlt_augment.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class CounterFit:
    """Settings, by default the published ones. Distances are cosine distances, 1 - cos.

    delta: antonyms are pushed until they are this far apart. gamma: synonyms are pulled until they are this near. rho: pairs
    nearer than this beforehand are to stay as near. k1, k2, k3: weights of the terms AR, SA and VSP. steps: passes over all
    pairs. tolerance: VSP acts on a pair that is farther apart than beforehand by more than this. The original compares
    without a tolerance, so rounding decides in the first step; the 1e-6 in its norm alone moves distances by up to 1e-6 in
    the second.
    Raises UsageError for a value out of range.
    """

    delta: float = 1.0
    gamma: float = 0.0
    rho: float = 0.2
    k1: float = 0.1
    k2: float = 0.1
    k3: float = 0.1
    steps: int = 20
    tolerance: float = 1e-5

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            top = {"delta": 2.0, "gamma": 2.0, "rho": 2.0}.get(name, math.inf)
            if not 0 <= value <= top or not math.isfinite(value):
                raise UsageError(
                    f"reading --{name}",
                    found=f"{value}",
                    expected=f"a number from 0 to {top:g}" if top < math.inf else "a finite number, 0 or above",
                    remedy="See docs/synonyms.md, counter-fitting",
                )


_DRIFT = 2e-6  # more than the 1e-6 in the norm parts two words by that no pair moves


class Terms(NamedTuple):
    """The objective before a step: sums over all pairs, both ways, and the weighted total (equation 4)."""

    step: int
    ar: float
    sa: float
    vsp: float
    total: float


class Fitted(NamedTuple):
    """`matrix` float32 [V, D], rows of norm 1 (but for the 1e-6); `terms` before each step and after the last."""

    matrix: np.ndarray
    terms: tuple[Terms, ...]
    vsp_pairs: int


class _Pairs(NamedTuple):
    first: np.ndarray  # int64 [V + 1]
    other: np.ndarray  # int32 [E]
    kinds: np.ndarray  # int8 [E]
    origins: np.ndarray  # float64 [E], 0 for AR and SA


def counter_fit(
    matrix: np.ndarray,
    synonyms: np.ndarray,
    antonyms: np.ndarray,
    settings: CounterFit | None = None,
    *,
    threads: int | None = None,
    progress: Callable[[Terms], object] | None = None,
) -> Fitted:
    """Counter-fit vectors [V, D] to pairs of rows, `synonyms` and `antonyms` int32 [n, 2], each pair in any one direction.

    All arithmetic is float64 in a fixed order: the same bits for any number of `threads`. `progress` is called with the terms
    of each step. Raises VectorError for more VSP pairs than
    memory should hold.
    """
    settings = settings or CounterFit()
    workers = threads or os.cpu_count() or 1
    old = matrix.astype(np.float64)
    kernel.normalize(old, 0, len(old))
    antonyms, synonyms = _both_ways(antonyms), _both_ways(synonyms)
    synonyms = _without(synonyms, antonyms, len(old))
    near, products = np.empty((0, 2), np.int32), np.empty(0)
    if settings.k3 > 0 and settings.rho > 0:
        near, products = close_pairs(old, above=1.0 - settings.rho)
    pairs, order = _near_in_memory(_pairs(len(old), synonyms, antonyms, near, 1.0 - products))
    old = old[order]
    new, terms = np.empty_like(old), []
    moved = np.full(len(old), settings.tolerance < _DRIFT)
    with ThreadPoolExecutor(workers) as pool:
        for number in range(settings.steps + 1):
            last = number == settings.steps
            step, moved = _step(old, new, moved, pairs, settings, number, pool, workers, move=not last)
            terms.append(step)
            if progress:
                progress(terms[-1])
            if not last:
                old, new = new, old
    vsp_pairs = int(np.count_nonzero(pairs.kinds == kernel.VSP))
    fitted = np.empty_like(matrix, np.float32)
    fitted[order] = old
    return Fitted(fitted, tuple(terms), vsp_pairs)


def _step(
    old: np.ndarray, new: np.ndarray, moved: np.ndarray, pairs: _Pairs, settings: CounterFit, number: int,
    pool: ThreadPoolExecutor, workers: int, *, move: bool,
) -> tuple[Terms, np.ndarray]:  # fmt: skip
    """One pass from `old` to `new`: the terms at `old`, and which words have moved since the start."""
    by_word, weights = np.empty((len(old), 3)), np.array([settings.k1, -settings.k2, -settings.k3])
    lengths, moves = norms(old), np.empty_like(moved)
    # Ranges of like work: pairs and words both cost.
    work = pairs.first[1:] + np.arange(1, len(old) + 1)
    cuts = np.searchsorted(work, np.linspace(0, work[-1], 8 * workers + 1)[1:-1])
    edges = [0, *cuts.tolist(), len(old)]

    def run(start: int, stop: int) -> None:
        kernel.step(
            old, lengths, new, *pairs, weights, settings.delta, settings.gamma, settings.tolerance, moved, moves, by_word,
            start, stop, move,
        )  # fmt: skip

    list(pool.map(run, edges, edges[1:]))
    ar, sa, vsp = (math.fsum(by_word[:, kind]) for kind in range(3))  # exact, so in any order
    return Terms(number, ar, sa, vsp, settings.k1 * ar + settings.k2 * sa + settings.k3 * vsp), moves


def _both_ways(pairs: np.ndarray) -> np.ndarray:
    pairs = np.asarray(pairs, np.int32).reshape(-1, 2)
    return np.asarray(np.unique(np.concatenate((pairs, pairs[:, ::-1])), axis=0))


def _keys(pairs: np.ndarray, count: int) -> np.ndarray:
    return np.asarray(pairs[:, 0].astype(np.int64) * count + pairs[:, 1])


def _without(pairs: np.ndarray, others: np.ndarray, count: int) -> np.ndarray:
    return np.asarray(pairs[~np.isin(_keys(pairs, count), _keys(others, count))])


def _pairs(count: int, synonyms: np.ndarray, antonyms: np.ndarray, near: np.ndarray, distances: np.ndarray) -> _Pairs:
    """All pairs by word, in the order AR, SA, VSP and then by the other word; VSP pairs that are antonyms are left out."""
    free = ~np.isin(_keys(near, count), _keys(antonyms, count))
    near, distances = near[free], distances[free]
    ends = np.concatenate((antonyms, synonyms, near, near[:, ::-1])).astype(np.int32)
    sizes = (len(antonyms), len(synonyms), 2 * len(near))
    kinds = np.repeat(np.array([kernel.AR, kernel.SA, kernel.VSP], np.int8), sizes)
    origins = np.concatenate((np.zeros(sizes[0] + sizes[1]), distances, distances))
    order = np.lexsort((ends[:, 1], kinds, ends[:, 0]))
    first = np.searchsorted(ends[order, 0], np.arange(count + 1)).astype(np.int64)
    return _Pairs(first, np.ascontiguousarray(ends[order, 1]), kinds[order], origins[order])


def _near_in_memory(pairs: _Pairs) -> tuple[_Pairs, np.ndarray]:
    """The pairs with the words in an order that has paired words close to one another, and that order.

    Rows that are read together then lie in the cache: twice as fast for large vocabularies. Each word keeps the order of its
    own pairs, so every sum stays as it is.
    """
    count = len(pairs.first) - 1
    graph = csr_matrix((np.ones(len(pairs.other), np.int8), pairs.other, pairs.first), shape=(count, count))
    order = reverse_cuthill_mckee(graph, symmetric_mode=True).astype(np.int64)
    place = np.empty(count, np.int64)
    place[order] = np.arange(count)
    sizes = np.diff(pairs.first)[order]
    first = np.concatenate((np.zeros(1, np.int64), np.cumsum(sizes)))
    at = np.repeat(pairs.first[:-1][order] - first[:-1], sizes) + np.arange(len(pairs.other))
    return _Pairs(first, place[pairs.other[at]].astype(np.int32), pairs.kinds[at], pairs.origins[at]), order
