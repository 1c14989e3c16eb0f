"""The neighbor search in row blocks over a cluster: what `search.nearest` finds, to the bit."""

import functools
from dataclasses import dataclass

import numpy as np

from xlt_augment.cluster import Cluster
from xlt_augment.counterfit.search import BLOCK, Nearest, Search, check_count

MOST_RUNS = 4_096


class _Shared:
    """What all workers need; each makes its own of it once."""

    def __init__(self, *arguments: object) -> None:
        self._arguments = arguments

    @functools.cached_property
    def search(self) -> Search:
        return Search(*self._arguments)  # type: ignore[arg-type]


@dataclass(frozen=True)
class SpreadSearch:
    """`search.nearest` on a cluster, the rows in `blocks` runs, by default one for each 2,048."""

    cluster: Cluster
    blocks: int | None = None

    def __call__(
        self, matrix: np.ndarray, *, k: int, threshold: float, metric: str = "cosine", order: np.ndarray | None = None
    ) -> Nearest:
        """See `search.nearest`. Raises ClusterError too."""
        count = len(matrix)
        check_count(k, count)
        runs = cut_rows(count, self.blocks)
        shared = _Shared(matrix, k, threshold, metric, order)
        found = dict(self.cluster.map(search_rows, runs, shared=shared))
        parts = [found[number] for number in range(len(runs))]
        counts = np.concatenate([np.diff(part.first) for part in parts])
        first = np.concatenate((np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)))
        return Nearest(first, np.concatenate([p.rows for p in parts]), np.concatenate([p.distances for p in parts]))


def cut_rows(count: int, wanted: int | None) -> list[range]:
    """So many runs of rows, as far as there are rows."""
    runs = max(1, min(count, wanted or min(-(-count // BLOCK), MOST_RUNS)))
    return [range(count * k // runs, count * (k + 1) // runs) for k in range(runs)]


def search_rows(shared: _Shared, rows: range) -> Nearest:
    """The neighbors of some rows, in any process."""
    return shared.search.of(rows)
