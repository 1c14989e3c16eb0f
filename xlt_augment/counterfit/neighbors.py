"""From fitted vectors to the neighbors of each word: search, then the filters, each with a count of what it removed."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from xlt_augment.counterfit.filters import PAIR_FILTERS, WORD_FILTERS, Filters, Relations, Vocabulary
from xlt_augment.counterfit.search import METRICS, Nearest, nearest
from xlt_augment.errors import SynonymError, UsageError

DEFAULT_THRESHOLDS = {"cosine": 0.2, "euclidean": 0.632}


@dataclass(frozen=True, kw_only=True)
class Neighborhood:
    """At most `k` neighbors within `threshold` (inclusive) by `metric`, out of the nearest `candidates` that the pair filters
    look at, 4 k by default. The default threshold is a cosine distance of 0.2, which is the same for unit vectors as the
    Euclidean sqrt(2 x 0.2) = 0.632. Raises UsageError for a value out of range."""

    k: int = 8
    threshold: float | None = None
    metric: str = "cosine"
    candidates: int | None = None

    def __post_init__(self) -> None:
        def refuse(name: str, value: object, expected: str) -> None:
            raise UsageError(f"reading --{name}", found=str(value), expected=expected, remedy="See docs/synonyms.md, neighbors")

        if self.k < 1:
            refuse("k", self.k, "1 or more")
        if self.metric not in METRICS:
            refuse("metric", self.metric, " or ".join(METRICS))
        if self.threshold is not None and not 0 < self.threshold < math.inf:
            refuse("threshold", self.threshold, "a number above 0")
        if self.threshold is not None and self.metric == "cosine" and self.threshold > 2:
            refuse("threshold", self.threshold, "at most 2 for cosine distances")
        if self.candidates is not None and self.candidates < self.k:
            refuse("candidates", self.candidates, f"at least k, which is {self.k}")

    @property
    def within(self) -> float:
        """The threshold, by default that of the metric."""
        return self.threshold if self.threshold is not None else DEFAULT_THRESHOLDS[self.metric]

    @property
    def looked_at(self) -> int:
        """Candidates of each word that the pair filters see."""
        return self.candidates or 4 * self.k


class Neighbors(NamedTuple):
    """`rows`: word -> (neighbor, distance), nearest first, words without any left out; `counts` of what each filter removed."""

    rows: dict[str, list[tuple[str, float]]]
    counts: dict[str, Any]


def find_neighbors(
    matrix: np.ndarray,
    vocabulary: Vocabulary,
    relations: Relations,
    settings: Neighborhood,
    filters: Filters,
    search: Callable[..., Nearest] = nearest,
) -> Neighbors:
    """The neighbors of the words of `matrix` float32 [V, D]. Word filters come before the search, pair filters after it.

    `search` does what `search.nearest` does.

    Raises VectorError when k is not below the number of words, SynonymError when nothing is left.
    """
    filters.check(vocabulary.known)
    vocabulary = replace(vocabulary, max_rank=filters.max_rank)
    relations = replace(relations, rarity=filters.rarity or math.inf)
    keep, words_removed = _filter_words(vocabulary, filters)
    kept = np.flatnonzero(keep)
    counts: dict[str, Any] = {"words": {"vocabulary": len(keep), "removed": words_removed, "searched": len(kept)}}
    if not len(kept):
        raise _nothing_left("no word", words_removed, "words")
    words = [vocabulary.words[row] for row in kept.tolist()]
    looked_at = min(settings.looked_at, len(words) - 1) if len(words) > settings.k else settings.k
    found = search(
        np.ascontiguousarray(matrix[kept]), k=looked_at, threshold=settings.within, metric=settings.metric,
        order=_word_order(words),
    )  # fmt: skip
    rows, counts["pairs"] = _filter_pairs(words, found, relations, settings.k, filters)
    if not rows:
        removed = counts["pairs"]["removed"]
        what = "pairs" if counts["pairs"]["near"] else f"pairs within the distance {settings.within:g}"
        raise _nothing_left(f"no pair of {len(words):,} words", removed, what)
    return Neighbors(rows, counts)


def _filter_words(vocabulary: Vocabulary, filters: Filters) -> tuple[np.ndarray, dict[str, int]]:
    """Which words stay, and how many each filter removed of those that the filters before it left."""
    keep, removed = np.ones(len(vocabulary.words), bool), {}
    for name, passes in WORD_FILTERS.items():
        if not getattr(filters, name):
            continue
        after = keep & passes(vocabulary)
        removed[name] = int(keep.sum() - after.sum())
        keep = after
    return keep, removed


def _filter_pairs(
    words: Sequence[str], found: Nearest, relations: Relations, k: int, filters: Filters
) -> tuple[dict[str, list[tuple[str, float]]], dict[str, Any]]:
    removed = {name: 0 for name in PAIR_FILTERS if getattr(filters, name)} | {"beyond_k": 0, "not_mutual": 0}
    rows: dict[str, list[tuple[str, float]]] = {}
    for i, word in enumerate(words):
        kept = []
        for at in range(found.first[i], found.first[i + 1]):
            other = words[found.rows[at]]
            name = next((n for n, passes in PAIR_FILTERS.items() if n in removed and not passes(relations, word, other)), None)
            if name:
                removed[name] += 1
            else:
                kept.append((other, float(found.distances[at])))
        removed["beyond_k"] += max(0, len(kept) - k)
        rows[word] = kept[:k]
    if filters.mutual:
        members = {word: {n for n, _ in row} for word, row in rows.items()}
        mutual = {word: [(n, d) for n, d in row if word in members[n]] for word, row in rows.items()}
        removed["not_mutual"] = sum(map(len, rows.values())) - sum(map(len, mutual.values()))
        rows = mutual
    left = sum(map(len, rows.values()))
    return {w: row for w, row in rows.items() if row}, {"near": len(found.rows), "removed": removed, "kept": left}


def _word_order(words: Sequence[str]) -> np.ndarray:
    """Rank of each word in the order of code points, by which ties go."""
    order = np.empty(len(words), np.int64)
    order[sorted(range(len(words)), key=words.__getitem__)] = np.arange(len(words))
    return order


def _nothing_left(found: str, removed: dict[str, int], what: str) -> SynonymError:
    most = max(removed, key=lambda name: removed[name], default=None)
    reason = f"; the filter {most.replace('_', ' ')} removed {removed[most]:,}" if most and removed[most] else ""
    return SynonymError(
        "making a synonym set",
        found=f"{found} left{reason}",
        expected=f"{what} that pass all filters",
        remedy="Raise --threshold, or switch filters off one by one",
    )
