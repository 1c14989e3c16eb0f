"""Compiled step of counter-fitting (Mrkšić et al. 2016): one pass over the words, each with all its pairs.

A word reads the old vectors and writes only its own new one, its sums in the order of its pairs, so the result does not
depend on how the words are cut among threads. Pairs run both ways: those of word i are `first[i] <= e < first[i + 1]`,
the other word `other[e]`, the kind `kinds[e]`, for VSP the distance before the first step `origins[e]`.
"""

import numpy as np

from xlt_augment.compiled import compiled
from xlt_augment.counterfit.kernel_dot import dot

AR, SA, VSP = 0, 1, 2  # antonym repel, synonym attract, vector-space preservation
_NORM = 1e-6  # inside the square root of the norm, as in the original


@compiled
def normalize(x: np.ndarray, start: int, stop: int) -> None:
    """Divide rows by sqrt(sum of squares + 1e-6)."""
    for i in range(start, stop):
        scale = np.sqrt(dot(x, i, x, i) + _NORM)
        for d in range(x.shape[1]):
            x[i, d] /= scale


@compiled
def pull(kind: int, distance: float, origin: float, delta: float, gamma: float, tolerance: float) -> float:
    """The term of one pair; a pair acts on its words where this is above 0 (equations 1 to 3)."""
    if kind == AR:
        return max(0.0, delta - distance)
    if kind == SA:
        return max(0.0, distance - gamma)
    return distance - origin if distance - origin > tolerance else 0.0


@compiled
def step(
    old: np.ndarray, norms: np.ndarray, new: np.ndarray, first: np.ndarray, other: np.ndarray, kinds: np.ndarray,
    origins: np.ndarray, weights: np.ndarray, delta: float, gamma: float, tolerance: float, moved: np.ndarray,
    moves: np.ndarray, terms: np.ndarray, start: int, stop: int, move: bool,
) -> None:  # fmt: skip
    """Terms of the words start..stop at `old` into `terms` float64 [V, 3], and their vectors after the step into `new`.

    The gradient of the cosine distance of u and v by u is (u (u·v) - v |u|²) / (|v| |u|³). `weights` are k1, k2, k3 with the
    sign that each term moves a word along its gradient with: AR up, the others down. A word's update is divided by its
    acting pairs. `moved` bool [V]: words that any step before has moved; `moves` takes those that this one moves too.
    """
    size = old.shape[1]
    update = np.empty(size)
    for i in range(start, stop):
        terms[i, :] = 0.0
        acting, along = 0, 0.0
        update[:] = 0.0
        for e in range(first[i], first[i + 1]):
            j, kind = other[e], kinds[e]
            if kind == VSP and not moved[i] and not moved[j]:
                continue  # only the norm has changed: by less than the tolerance, or towards each other
            product = dot(old, i, old, j)
            term = pull(kind, 1.0 - product, origins[e], delta, gamma, tolerance)
            if term <= 0.0:
                continue
            terms[i, kind] += term
            acting += 1
            scale = weights[kind] / (norms[i] * norms[j])
            along += scale * product / (norms[i] * norms[i])
            for d in range(size):
                update[d] -= scale * old[j, d]
        moves[i] = moved[i] or acting > 0
        if not move:
            continue
        for d in range(size):
            new[i, d] = old[i, d] + (update[d] + along * old[i, d]) / acting if acting else old[i, d]
        normalize(new, i, i + 1)
