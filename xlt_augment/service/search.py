"""Words of a set by their beginning, or by a spelling near to one."""

from bisect import bisect_left

import pyarrow.compute as pc
from rapidfuzz import process
from rapidfuzz.distance import OSA

from xlt_augment.service.shelf import Shelved

MOST_NEAR = 1_000  # words near a spelling that can be paged through
_ALIKE = 0.5  # share of a spelling that is the same


def first_row(shelved: Shelved, word: str) -> int:
    """The first row whose word is not before `word`."""
    words = shelved.synonyms.table["word"]
    return bisect_left(range(len(words)), word, key=lambda i: words[i].as_py())


def rows_with_prefix(shelved: Shelved, prefix: str, after: str | None, limit: int) -> tuple[range, bool]:
    """Rows of words that begin with `prefix` and come behind `after`, at most `limit`; and whether there are more."""
    words = shelved.synonyms.table["word"]
    start = first_row(shelved, prefix if after is None else max(prefix, after + "\0"))  # no word of a set holds NUL
    found = words.slice(start, limit + 1).to_pylist()
    count = next((k for k, word in enumerate(found) if not word.startswith(prefix)), len(found))
    return range(start, start + min(count, limit)), count > limit


def near(shelved: Shelved, word: str, limit: int) -> list[tuple[str, float]]:
    """Words of a similar spelling, case aside, with their similarity (0 to 1: one minus edits by length), nearest first.

    Edits are insertions, deletions, substitutions and transpositions of neighbors (optimal string alignment).
    """
    found = process.extract(
        word.lower(), shelved.lowered, scorer=OSA.normalized_similarity, limit=limit, score_cutoff=_ALIKE, processor=None
    )
    ranked = sorted((-score, shelved.words[at] != word, shelved.words[at]) for _, score, at in found)
    return [(name, -score) for score, _, name in ranked]


def close_words(shelved: Shelved, word: str) -> list[str]:
    """At most five words near an unknown one."""
    return [name for name, _ in near(shelved, word, 5)]


def neighbor_counts(shelved: Shelved, rows: range) -> list[int]:
    """How many neighbors the words of these rows have."""
    lists = shelved.synonyms.table["neighbors"].slice(rows.start, len(rows))
    return list(pc.list_value_length(lists).to_pylist())
