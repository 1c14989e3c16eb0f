"""Counter-fitting as one would write it down from the paper: a yardstick for speed, not part of the package.

Mrkšić et al. 2016, section 2, pair by pair in Python, one float64 numpy row per word. Nothing is slowed down on purpose: words
are numbers and not strings, products are `np.dot`, updates are summed in place. It departs from the paper in one thing, for the
sake of comparison: its gate of VSP has the same `tolerance` as ours, and so opens for the same pairs.
"""

import math
import time
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

Rows = list[np.ndarray]
BLOCK = 1000


class Settings(NamedTuple):
    """The published values; `tolerance` is ours."""

    delta: float = 1.0
    gamma: float = 0.0
    rho: float = 0.2
    k1: float = 0.1
    k2: float = 0.1
    k3: float = 0.1
    tolerance: float = 1e-5


class Problem(NamedTuple):
    """Pairs of word numbers, both ways; `near` has the distance of each VSP pair before the first step."""

    antonyms: list[tuple[int, int]]
    synonyms: list[tuple[int, int]]
    near: dict[tuple[int, int], float]


class Acting(NamedTuple):
    """How many pairs moved a word in a step."""

    ar: int
    sa: int
    vsp: int


def unit(row: np.ndarray) -> np.ndarray:
    """The row divided by sqrt(sum of squares + 1e-6)."""
    return np.asarray(row / math.sqrt(np.dot(row, row) + 1e-6))


def gradient(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Of the cosine distance of u and v, by u."""
    squared_u, squared_v = np.dot(u, u), np.dot(v, v)
    return np.asarray((u * np.dot(u, v) - v * squared_u) / (math.sqrt(squared_v) * math.sqrt(squared_u) ** 3))


def near_pairs(rows: Rows, antonyms: Iterable[tuple[int, int]], settings: Settings) -> dict[tuple[int, int], float]:
    """VSP pairs and their distances, both ways: the whole square of products, block by block."""
    matrix, near, apart = np.stack(rows), {}, set(antonyms)
    for left in range(0, len(matrix), BLOCK):
        for right in range(0, len(matrix), BLOCK):
            products = np.dot(matrix[left : left + BLOCK], matrix[right : right + BLOCK].T)
            for a, b in zip(*np.nonzero(products > 1.0 - settings.rho)):
                pair = (left + int(a), right + int(b))
                if pair[0] != pair[1] and pair not in apart:
                    near[pair] = 1.0 - float(products[a, b])
    return near


def step(rows: Rows, problem: Problem, settings: Settings) -> tuple[Rows, Acting]:
    """One step: the new rows, and how many pairs acted in each term."""
    updates: dict[int, np.ndarray] = {}
    counts: dict[int, int] = {}

    def move(word: int, update: np.ndarray) -> None:
        if word in updates:
            updates[word] += update
            counts[word] += 1
        else:
            updates[word], counts[word] = update, 1

    acting = [0, 0, 0]
    for i, j in problem.antonyms:
        if 1.0 - np.dot(rows[i], rows[j]) < settings.delta:
            move(i, settings.k1 * gradient(rows[i], rows[j]))
            acting[0] += 1
    for i, j in problem.synonyms:
        if 1.0 - np.dot(rows[i], rows[j]) > settings.gamma:
            move(i, -settings.k2 * gradient(rows[i], rows[j]))
            acting[1] += 1
    for (i, j), before in problem.near.items():
        if 1.0 - np.dot(rows[i], rows[j]) - before > settings.tolerance:
            move(i, -settings.k3 * gradient(rows[i], rows[j]))
            acting[2] += 1
    new = [unit(row + updates[word] / counts[word]) if word in updates else unit(row) for word, row in enumerate(rows)]
    return new, Acting(*acting)


def prepare(matrix: np.ndarray, synonyms: np.ndarray, antonyms: np.ndarray, settings: Settings) -> tuple[Rows, Problem]:
    """Rows and pairs; `synonyms` and `antonyms` int [n, 2], no pair in both."""
    rows = [unit(row) for row in matrix.astype(np.float64)]
    both_ways = [[(a, b) for i, j in pairs.tolist() for a, b in ((i, j), (j, i))] for pairs in (antonyms, synonyms)]
    return rows, Problem(both_ways[0], both_ways[1], near_pairs(rows, both_ways[0], settings))


class Whole(NamedTuple):
    """What `counter_fit` gives: the rows, the pairs, and seconds for the VSP pairs and for each step."""

    matrix: np.ndarray
    problem: Problem
    search_s: float
    step_s: list[float]


def counter_fit(matrix: np.ndarray, synonyms: np.ndarray, antonyms: np.ndarray, steps: int) -> Whole:
    """The whole job, with the clock read between its parts."""
    settings, clock = Settings(), [time.perf_counter()]
    rows, problem = prepare(matrix, synonyms, antonyms, settings)
    clock.append(time.perf_counter())
    for _ in range(steps):
        rows, _ = step(rows, problem, settings)
        clock.append(time.perf_counter())
    seconds = np.diff(clock).tolist()
    return Whole(np.stack(rows), problem, seconds[0], seconds[1:])
