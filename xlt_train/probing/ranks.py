"""How many other words lie nearer to a word than its translation does."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

_ROUNDING = 1e-9  # of the squares: what float64 products may be off by, with a wide margin
_BLOCK = 1_024  # source words at a time, so that the distances to all words fit


@dataclass(frozen=True, kw_only=True)
class Rank:
    """`words`: how many distinct words could be nearest. `pairs`: how many were ranked. `mean` rank, mean `reciprocal` rank,
    and the share whose translation comes `first`; None where no pair was ranked."""

    words: int
    pairs: int
    mean: float | None
    reciprocal: float | None
    first: float | None

    @classmethod
    def of(cls, ranks: np.ndarray, words: int) -> "Rank":
        """From the ranks [P], counted from 1."""
        if not len(ranks):
            return cls(words=words, pairs=0, mean=None, reciprocal=None, first=None)
        means = (ranks.mean(), (1 / ranks).mean(), (ranks == 1).mean())
        return cls(words=words, pairs=len(ranks), **dict(zip(("mean", "reciprocal", "first"), map(float, means))))

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> "Rank":
        """The value that `asdict` made a dictionary of."""
        return cls(**{field.name: body[field.name] for field in fields(cls)})


def translation_ranks(source: np.ndarray, targets: np.ndarray, words: Sequence[str], truth: np.ndarray) -> np.ndarray:
    """Rank [P] of the true translation among all distinct words, by Euclidean distance from the source word's vector.

    `source` [P, D], `targets` [W, D] every word in its place in a text, `words` what each is, `truth` [P] the row of each
    translation. A word is as near as its nearest place. Only words nearer than the translation in its own place go before it;
    other places of the same word do not count.
    """
    _, kinds = np.unique(np.array(words, dtype=np.str_), return_inverse=True)
    order = np.argsort(kinds, kind="stable")
    firsts = np.flatnonzero(np.diff(kinds[order], prepend=-1))
    wide = targets.astype(np.float64)
    sorted_targets, squares = wide[order], (wide**2).sum(1)
    found = np.empty(len(source), np.int64)
    for start in range(0, len(source), _BLOCK):
        part, true = source[start : start + _BLOCK].astype(np.float64), truth[start : start + _BLOCK]
        own = (part**2).sum(1)
        apart = own[:, None] + squares[order] - 2 * part @ sorted_targets.T
        wanted = ((part - wide[true]) ** 2).sum(1)
        nearest = np.minimum.reduceat(apart, firsts, axis=1)  # [P, distinct words]
        nearest[np.arange(len(part)), kinds[true]] = np.inf
        margin = _ROUNDING * (own + squares.max())
        found[start : start + _BLOCK] = 1 + (nearest < (wanted - margin)[:, None]).sum(1)
    return found
