"""Counter-fitting written pair by pair, from the paper (Mrkšić et al. 2016, equations 1 to 4), and a brute-force search.

Nothing is shared with the package. Vectors are a dict of float64 rows; pairs are sets of ordered tuples, both ways. A pair
(u, v) moves u; that of (v, u) moves v. Within a step all gradients are taken at the vectors before it.
"""

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

Pair = tuple[int, int]
Vectors = dict[int, np.ndarray]


class Settings(NamedTuple):
    """The paper's values; `tolerance` is the package's: VSP acts on what is farther than beforehand by more than that."""

    delta: float = 1.0
    gamma: float = 0.0
    rho: float = 0.2
    k1: float = 0.1
    k2: float = 0.1
    k3: float = 0.1
    steps: int = 20
    tolerance: float = 1e-5


class Fitted(NamedTuple):
    """`matrix` float64 [V, D]; `terms` (AR, SA, VSP, total) before each step and after the last; `vsp_pairs`, both ways."""

    matrix: np.ndarray
    terms: list[tuple[float, float, float, float]]
    vsp_pairs: int


def normalized(v: np.ndarray) -> np.ndarray:
    """v over the square root of its sum of squares + 1e-6."""
    return v / math.sqrt(float(v @ v) + 1e-6)


def distance(u: np.ndarray, v: np.ndarray) -> float:
    """Cosine distance of normalised vectors."""
    return 1.0 - float(u @ v)


def gradient(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Of the cosine distance 1 - u·v / (|u| |v|), by u."""
    size_u, size_v = math.sqrt(float(u @ u)), math.sqrt(float(v @ v))
    return u * float(u @ v) / (size_u**3 * size_v) - v / (size_u * size_v)


def both_ways(pairs: Iterable[Iterable[int]]) -> set[Pair]:
    """Each pair and its reverse, once."""
    found = set()
    for a, b in pairs:
        found |= {(int(a), int(b)), (int(b), int(a))}
    return found


def near_pairs(vectors: Vectors, rho: float) -> dict[Pair, float]:
    """Pairs nearer than rho, both ways, with their distances. Blocked, for time's sake; what is near is computed again."""
    matrix, found = np.array(list(vectors.values())), {}
    for start in range(0, len(matrix), 500):
        near = np.argwhere(matrix[start : start + 500] @ matrix.T > 1.0 - rho - 1e-9)
        for i, j in ((start + int(a), int(b)) for a, b in near):
            if i < j and 1.0 - rho < float(vectors[i] @ vectors[j]):
                found[i, j] = found[j, i] = distance(vectors[i], vectors[j])
    return found


def counter_fit(
    matrix: np.ndarray, synonyms: Iterable[Iterable[int]], antonyms: Iterable[Iterable[int]], settings: Settings
) -> Fitted:
    """The whole algorithm on a matrix [V, D]; a pair in both lists counts as antonym."""
    vectors = {row: normalized(v) for row, v in enumerate(matrix.astype(np.float64))}
    apart = both_ways(antonyms)
    together = both_ways(synonyms) - apart
    near = near_pairs(vectors, settings.rho) if settings.k3 > 0 and settings.rho > 0 else {}
    near = {pair: before for pair, before in near.items() if pair not in apart}
    terms = []
    for _ in range(settings.steps):
        sums, vectors = step(vectors, apart, together, near, settings)
        terms.append(sums)
    terms.append(step(vectors, apart, together, near, settings)[0])
    return Fitted(np.array(list(vectors.values())), terms, len(near))


def step(
    vectors: Vectors, antonyms: set[Pair], synonyms: set[Pair], near: dict[Pair, float], settings: Settings
) -> tuple[tuple[float, float, float, float], Vectors]:
    """The terms at `vectors`, and the vectors after a step down the gradient, by each word's mean over its acting pairs."""
    updates: dict[int, np.ndarray] = {}
    counts: dict[int, int] = {}
    sums = [0.0, 0.0, 0.0]

    def act(word: int, term: int, value: float, change: np.ndarray) -> None:
        sums[term] += value
        updates[word] = updates.get(word, np.zeros_like(change)) + change
        counts[word] = counts.get(word, 0) + 1

    for u, v in sorted(antonyms):
        if (now := distance(vectors[u], vectors[v])) < settings.delta:
            act(u, 0, settings.delta - now, settings.k1 * gradient(vectors[u], vectors[v]))
    for u, v in sorted(synonyms):
        if (now := distance(vectors[u], vectors[v])) > settings.gamma:
            act(u, 1, now - settings.gamma, -settings.k2 * gradient(vectors[u], vectors[v]))
    for (u, v), before in sorted(near.items()):
        if (farther := distance(vectors[u], vectors[v]) - before) > settings.tolerance:
            act(u, 2, farther, -settings.k3 * gradient(vectors[u], vectors[v]))
    moved = {word: normalized(v + updates[word] / counts[word] if word in counts else v) for word, v in vectors.items()}
    total = settings.k1 * sums[0] + settings.k2 * sums[1] + settings.k3 * sums[2]
    return (sums[0], sums[1], sums[2], total), moved


def neighbors(
    matrix: np.ndarray, k: int, threshold: float, metric: str, order: Iterable[int] | None = None
) -> list[list[tuple[int, int]]]:
    """For each row its k nearest others within the threshold, as (row, distance in millionths); ties go by `order`."""
    rows = matrix.astype(np.float64)
    places = list(range(len(rows)) if order is None else order)
    found = []
    for i, row in enumerate(rows):
        if metric == "cosine":
            cosines = (rows * row).sum(axis=1) / (np.sqrt((rows * rows).sum(axis=1)) * np.sqrt((row * row).sum()))
            distances = np.maximum(1.0 - cosines, 0.0)
        else:
            distances = np.sqrt(((rows - row) ** 2).sum(axis=1))
        micros = np.rint(distances * 1e6)
        near = [j for j in np.lexsort((places, micros)).tolist() if j != i and micros[j] <= np.rint(threshold * 1e6)]
        found.append([(j, int(micros[j])) for j in near[:k]])
    return found
