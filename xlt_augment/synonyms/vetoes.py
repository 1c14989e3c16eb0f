"""A team's pairs of words never to use for one another: checked, read from text, found in a set and taken out of it."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from xlt_augment.arrays import bool_numpy, string_array
from xlt_augment.errors import SynonymError
from xlt_augment.synonyms.pair_files import read_pair_lines
from xlt_augment.synonyms.table import pair_starts, table_from_rows, table_rows

Pair: TypeAlias = tuple[str, str]


def checked_pair(pair: object, where: str) -> Pair:
    """Two words in sorted order, as a pair has no direction. `where` names their origin. Raises SynonymError."""

    def refuse(found: str, remedy: str) -> SynonymError:
        expected = "a pair of two different words"
        return SynonymError(f"reading the vetoes of {where}", found=found, expected=expected, remedy=remedy)

    if not isinstance(pair, (tuple, list)) or len(pair) != 2 or not all(isinstance(word, str) for word in pair):
        raise refuse(f"{str(pair)[:60]!r}", "Give two words, for example good and bad")
    first, second = pair
    if bad := next((word for word in pair if not word or any(c in word for c in "\t\n\r\0")), None):
        raise refuse(f"the word {bad!r}", "Remove the line break, tab or NUL in it")
    if not first or not second:
        raise refuse("an empty word", "Give two words, for example good and bad")
    if first == second:
        raise refuse(f"{first!r} twice", "Give two words, for example good and bad")
    try:
        (first + second).encode()
    except UnicodeEncodeError:
        raise refuse(f"half of a surrogate pair in {first + second!r}", "Repair that word") from None
    return min(first, second), max(first, second)


def checked_vetoes(pairs: Iterable[object], where: str) -> tuple[Pair, ...]:
    """Distinct pairs in sorted order, each pair sorted too. Raises SynonymError."""
    return tuple(sorted({checked_pair(pair, where) for pair in pairs}))


def read_pairs(path: str | Path) -> list[Pair]:
    """The pairs of a file, one a line. Raises SynonymError, with file and line, for a line that is no pair of two words."""
    lines = read_pair_lines(path, doing="reading the vetoes of", error=SynonymError)
    return [checked_pair((line.first, line.second), line.where) for line in lines]


def partners(vetoes: Iterable[Pair]) -> dict[str, set[str]]:
    """word -> the words that may not be its neighbors, in both directions."""
    found: dict[str, set[str]] = {}
    for first, second in vetoes:
        found.setdefault(first, set()).add(second)
        found.setdefault(second, set()).add(first)
    return found


def occurring(table: pa.Table, vetoes: Iterable[Pair]) -> list[Pair]:
    """Those of the pairs that the rows hold in either direction, sorted."""
    forbidden = partners(vetoes)
    found = set()
    for word, neighbors, _ in table_rows(table.filter(_touched(table, list(forbidden)))):
        found |= {(min(word, n), max(word, n)) for n in neighbors if n in forbidden[word]}
    return sorted(found)


def without_pairs(table: pa.Table, vetoes: Iterable[Pair]) -> pa.Table:
    """The rows without these pairs in either direction, in another order; a word that loses all its neighbors stays."""
    forbidden = partners(vetoes)
    touched = _touched(table, list(forbidden))
    rows = []
    for word, neighbors, distances in table_rows(table.filter(touched)):
        kept = [k for k, n in enumerate(neighbors) if n not in forbidden[word]]
        rows.append((word, [neighbors[k] for k in kept], [distances[k] for k in kept] if distances else []))
    return pa.concat_tables([table.filter(pc.invert(touched)), table_from_rows(rows)])


def outside_pairs(table: pa.Table, vetoes: Iterable[Pair]) -> np.ndarray:
    """Which neighbors, in the order of the rows, are in none of these pairs, bool [pairs]: those that `without_pairs` keeps."""
    forbidden, starts = partners(vetoes), pair_starts(table)
    outside = np.ones(starts[-1], bool)
    touched = _touched(table, list(forbidden))
    rows = np.flatnonzero(bool_numpy(touched.combine_chunks())).tolist()
    for row, (word, neighbors, _) in zip(rows, table_rows(table.filter(touched)), strict=True):
        outside[starts[row] : starts[row + 1]] = [n not in forbidden[word] for n in neighbors]
    return outside


def _touched(table: pa.Table, words: Sequence[str]) -> pa.ChunkedArray:
    """Mask of the rows of these words."""
    return pc.is_in(table["word"], value_set=string_array(words))
