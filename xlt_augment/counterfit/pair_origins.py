"""Where the neighbors of a built set come from: the lists that name the pair, and its distance before counter-fitting."""

from collections.abc import Sequence

import numpy as np

from xlt_augment.counterfit import kernel_fit
from xlt_augment.counterfit.constraints import Constraints, Pair, PairList
from xlt_augment.counterfit.search import pair_distances
from xlt_augment.synonyms.origins import Origin, Origins
from xlt_augment.vectors.word_vectors import WordVectors


def pair_origins(
    vectors: WordVectors, pairs: Sequence[Pair], synonyms: Sequence[PairList], constraints: Constraints, metric: str
) -> Origins:
    """The origins of `pairs` of words, in their order. `synonyms`: the lists that `constraints` were made from."""
    index = vectors.index
    rows = np.array([(index[word], index[other]) for word, other in pairs], np.int32).reshape(-1, 2)
    before = distances_before(vectors.matrix, rows, metric).astype(np.float32).tolist()
    drawn = np.isin(_keys(rows, len(index)), _keys(constraints.synonyms, len(index))).tolist()
    named = _named(pairs, synonyms)
    found = zip(pairs, drawn, before)
    return Origins.of(Origin("constraint" if pulled else "vectors", named[_key(pair)], d) for pair, pulled, d in found)


def distances_before(matrix: np.ndarray, pairs: np.ndarray, metric: str) -> np.ndarray:
    """Distances of pairs of rows, int32 [n, 2], where counter-fitting starts: the rows of `matrix` float32 [V, D] at length 1.

    Computed and rounded as those after it, so that without steps both are the same.
    """
    rows, places = np.unique(pairs, return_inverse=True)
    units = matrix[rows].astype(np.float64)
    kernel_fit.normalize(units, 0, len(units))
    return pair_distances(units.astype(np.float32), places.reshape(-1, 2).astype(np.int32), metric)


def _named(pairs: Sequence[Pair], lists: Sequence[PairList]) -> dict[Pair, tuple[str, ...]]:
    """The names of the lists that hold each of the pairs, in the order of the lists, each once."""
    found: dict[Pair, dict[str, None]] = {_key(pair): {} for pair in pairs}
    for source in lists:
        for pair in source.pairs:
            if (names := found.get(_key(pair))) is not None:
                names[str(source.made.get("name", "pairs"))] = None
    return {key: tuple(names) for key, names in found.items()}


def _key(pair: Pair) -> Pair:
    """A pair has no direction."""
    first, second = pair
    return (first, second) if first < second else (second, first)


def _keys(rows: np.ndarray, count: int) -> np.ndarray:
    low, high = rows.min(axis=1, initial=count), rows.max(axis=1, initial=0)
    return np.asarray(low.astype(np.int64) * count + high)
