"""The words, pairs and vectors that benchmarks/synonyms.py measures with: real constraints where they are at hand."""

from collections import defaultdict, deque
from pathlib import Path

import numpy as np

from xlt_augment.counterfit.constraints import Constraints, PairList, read_pairs, resolve

REAL_FILES = (18_525, 16_101, 6_525)  # words, synonyms, antonyms of the files that random pairs stand in for
TOPIC, IN_REAL, THEME = 60, 15, 10  # words a topic, those of them that have constraints; topics a theme
NEARNESS = (0.68, 0.96)  # of a word to its topic: the product of two is about their cosine


def constraints_of(folder: Path, seed: int) -> tuple[Constraints, int, str]:
    """Pairs, the number of words in them, and where they come from."""
    files = {kind: sorted(folder.glob(f"*{kind}.txt")) for kind in ("synonyms", "antonyms")}
    if all(files.values()):
        lists = {kind: [read_pairs(path) for path in paths] for kind, paths in files.items()}
        words = dict.fromkeys(w for group in lists.values() for found in group for pair in found.pairs for w in pair)
        index = {word: row for row, word in enumerate(words)}
        source = ", ".join(path.name for paths in files.values() for path in paths)
        return resolve(index, lists["synonyms"], lists["antonyms"]), len(index), source
    chance, (count, *sizes) = np.random.default_rng(seed), REAL_FILES
    made = []
    for size in sizes:  # of words that stand near one another, so that pairs share topics
        a = chance.integers(0, count, size)
        ends = np.stack((a, (a + chance.integers(1, IN_REAL, size)) % count), axis=1).astype(str)
        made.append(PairList([(x, y) for x, y in ends.tolist()], {}))
    pairs = resolve({str(row): row for row in range(count)}, made[:1], made[1:])
    return pairs, count, f"random pairs, for {folder} has no constraint files"


def topics_of(words: int, constrained: int, pairs: np.ndarray) -> np.ndarray:
    """A topic for each word, int64 [V]: constrained words go along their pairs, the others are dealt out."""
    beside = defaultdict(list)
    for a, b in pairs.tolist():
        beside[a].append(b)
        beside[b].append(a)
    order: list[int] = []
    seen = np.zeros(constrained, bool)
    for start in range(constrained):
        queue = deque([start])
        while queue:
            word = queue.popleft()
            if not seen[word]:
                seen[word] = True
                order.append(word)
                # A full topic ends the walk; who is left over starts another.
                queue = deque() if len(order) % IN_REAL == 0 else queue + deque(beside[word])
    topics = np.empty(words, np.int64)
    topics[order] = np.arange(constrained) // IN_REAL
    topics[constrained:] = np.arange(words - constrained) % max(words // TOPIC, 1)
    return topics


def vectors(topics: np.ndarray, size: int, seed: int) -> np.ndarray:
    """Rows of norm 1, float32 [V, D]: a direction that all share, a theme, a topic, noise."""
    chance = np.random.default_rng(seed)

    def directions(count: int) -> np.ndarray:
        rows = chance.standard_normal((count, size), np.float32)
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))

    count = int(topics.max()) + 1
    centres = np.sqrt(0.1) * directions(1) + np.sqrt(0.3) * directions(count)[np.arange(count) // THEME]
    centres += np.sqrt(0.6) * directions(count)
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    near = chance.uniform(*NEARNESS, (len(topics), 1)).astype(np.float32)
    rows = near * centres[topics] + np.sqrt(1 - near * near) * directions(len(topics))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def cosines(matrix: np.ndarray, pairs: np.ndarray) -> list[float]:
    """Mean, and the quartiles, of the cosines of pairs of unit rows."""
    found = (matrix[pairs[:, 0]] * matrix[pairs[:, 1]]).sum(1)
    return [round(float(value), 3) for value in (found.mean(), *np.percentile(found, (25, 50, 75)))]
