"""Which word of a sentence translates which word of its parallel: one small contract, and who keeps it.

`mutual` takes vectors alone: two words are a pair when each is the other's nearest in the two sentences (as SimAlign's
"Argmax", Jalili Sabet et al. 2020). Other aligners are programs (`probing.programs`).
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import numpy as np

Links = np.ndarray  # [n, 2] int64: word of the source sentence, word of its parallel; sorted


class Side(NamedTuple):
    """The words of one sentence, and their vectors [W, D] where the aligner uses them."""

    words: Sequence[str]
    vectors: np.ndarray | None = None


class Aligner(Protocol):
    """An aligner that does not use vectors is called once for each language, with all its sentences: it may learn from them."""

    @property
    def name(self) -> str:
        """As the user named it."""

    @property
    def uses_vectors(self) -> bool:
        """Whether sides come with vectors."""

    def align(self, sources: Sequence[Side], targets: Sequence[Side]) -> list[Links]:
        """The links of each pair of sentences. Raises AlignerError."""


Distance = Callable[[np.ndarray, np.ndarray], np.ndarray]


class Mutual:
    """Pairs of words that are each other's nearest; of several as near the first."""

    uses_vectors = True

    def __init__(self, name: str, distance: Distance) -> None:
        self.name, self.distance = name, distance

    def align(self, sources: Sequence[Side], targets: Sequence[Side]) -> list[Links]:
        """The links of each pair of sentences, from their vectors."""
        return [mutual_nearest(_matrix(a), _matrix(b), self.distance) for a, b in zip(sources, targets)]


def mutual_nearest(source: np.ndarray, target: np.ndarray, distance: Distance) -> Links:
    """Rows of [A, D] and [B, D] that are each other's nearest, as pairs of numbers [n, 2]."""
    if not len(source) or not len(target):
        return np.empty((0, 2), np.int64)
    apart = distance(source, target)
    there, back = apart.argmin(1), apart.argmin(0)
    mutual = np.flatnonzero(back[there] == np.arange(len(source)))
    return np.stack((mutual, there[mutual]), axis=1)


def cosine(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """1 - cosine of every pair of rows, [A, B]; a vector of zeros is as far from all."""
    apart: np.ndarray = 1 - _unit(source) @ _unit(target).T
    return apart


def euclidean(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Squared Euclidean distance of every pair of rows, [A, B]."""
    cross = source @ target.T
    squares: np.ndarray = (source**2).sum(1)[:, None] + (target**2).sum(1) - 2 * cross
    return squares


def _unit(vectors: np.ndarray) -> np.ndarray:
    size = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: np.ndarray = np.divide(vectors, size, out=np.zeros_like(vectors), where=size > 0)
    return unit


def _matrix(side: Side) -> np.ndarray:
    return np.asarray(side.vectors, np.float64)  # rounding must not decide between a word and its copy


VECTOR_ALIGNERS = {"mutual": cosine, "mutual-euclidean": euclidean}
