"""How far apart aligned words lie (Huang et al. 2021, arXiv version 1, Section 4.2), and how many inside a ball."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from xlt_train.probing.aligners import Links
from xlt_train.probing.vectors import Vectors
from xlt_train.probing.words import Sentence


@dataclass(frozen=True, kw_only=True)
class Distances:
    """Figures of some aligned pairs at one depth; all but `pairs` None where there is no pair.

    `euclidean`: mean Euclidean distance, `quartiles` its three quartiles, `linf`: mean L-infinity norm of the difference,
    `inside`: for each epsilon the share of pairs whose difference has at most that norm.
    """

    pairs: int
    euclidean: float | None
    quartiles: list[float] | None
    linf: float | None
    inside: list[float] | None

    @classmethod
    def of(cls, euclidean: np.ndarray, linf: np.ndarray, norm: str, epsilons: Sequence[float]) -> "Distances":
        """From the norms [P] of the differences; `norm` is linf or l2."""
        if not len(euclidean):
            return cls(pairs=0, euclidean=None, quartiles=None, linf=None, inside=None)
        size = linf if norm == "linf" else euclidean
        return cls(
            pairs=len(euclidean),
            euclidean=float(euclidean.mean()),
            quartiles=[float(q) for q in np.quantile(euclidean, (0.25, 0.5, 0.75))],
            linf=float(linf.mean()),
            inside=[float((size <= epsilon).mean()) for epsilon in epsilons],
        )

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> "Distances":
        """The value that `asdict` made a dictionary of."""
        return cls(**{field.name: body[field.name] for field in fields(cls)})


@dataclass(frozen=True)
class Pairs:
    """Aligned words of parallel sentences: where they stand, arrays [P], and by depth the norms of their differences, [P]
    float64.

    `source` and `target` are positions in the two sentences.
    """

    item: np.ndarray
    column: np.ndarray
    source: np.ndarray
    target: np.ndarray
    euclidean: dict[str, np.ndarray]
    linf: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.item)

    def figures(self, depth: str, norm: str, epsilons: Sequence[float], chosen: np.ndarray | None = None) -> Distances:
        """Figures of all pairs at a depth, or of those `chosen` by a mask [P]."""
        euclidean, linf = self.euclidean[depth], self.linf[depth]
        if chosen is not None:
            euclidean, linf = euclidean[chosen], linf[chosen]
        return Distances.of(euclidean, linf, norm, epsilons)


def linked_rows(
    sources: Sequence[Sentence], links: Sequence[Links], starts: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Aligned words of sentences k and k: where they stand, [P, 4] (item, column, position in either), and their rows among the
    words of all sentences, [P, 2]; `starts`: of either side, as in `Vectors`.
    """
    sizes = [len(found) for found in links]
    owner = np.repeat(np.arange(len(links)), sizes)
    flat = np.concatenate([np.empty((0, 2), np.int64), *links])
    keys = np.array([sentence.key for sentence in sources], np.int64).reshape(-1, 2)
    rows = flat + np.stack((starts[0][owner], starts[1][owner]), axis=1)
    return np.concatenate((keys[owner], flat), axis=1), rows


def measured(places: np.ndarray, rows: np.ndarray, source: Vectors, target: Vectors, depths: Sequence[str]) -> Pairs:
    """The norms of the differences of aligned words; `places` and `rows` as of `linked_rows`."""
    euclidean, linf = {}, {}
    for depth in depths:
        apart = source.by_depth[depth][rows[:, 0]].astype(np.float64) - target.by_depth[depth][rows[:, 1]]
        euclidean[depth] = np.sqrt((apart**2).sum(1))
        linf[depth] = np.abs(apart).max(1, initial=0)
    return Pairs(places[:, 0], places[:, 1], places[:, 2], places[:, 3], euclidean, linf)


def joined(parts: Sequence[Pairs]) -> Pairs:
    """Pairs of several batches in the order of where they stand, so that figures do not depend on the batches."""
    places = np.concatenate([np.stack((p.item, p.column, p.source, p.target), axis=1) for p in parts])
    order = np.lexsort(places.T[::-1])
    item, column, source, target = places[order].T

    def together(kind: str) -> dict[str, np.ndarray]:
        return {depth: np.concatenate([getattr(p, kind)[depth] for p in parts])[order] for depth in getattr(parts[0], kind)}

    return Pairs(item, column, source, target, together("euclidean"), together("linf"))
