"""The rows that are kept of a vector file: which ones, under which word, in one matrix that grows in place."""

from array import array
from collections.abc import Callable, Sequence

import numpy as np

from xlt_augment.vectors.streams import refuse

_REPAIR = "Repair or remove that row"


class Rows:
    """Kept rows of a file with `dimensions` numbers a row; `place` maps a row's number (1-based) to FILE:LINE.

    `wanted` are the words to keep, None for all. With `lower` a word is kept in lower case: of several spellings the one
    that is lower-case already gives the vector, else the first; the place in the order is that of the first of them.
    """

    def __init__(self, dimensions: int, place: Callable[[int], str], wanted: frozenset[str] | None, lower: bool) -> None:
        self.index: dict[str, int] = {}
        self.ranks = array("q")
        self.collisions = 0
        self._place, self._wanted, self._lower = place, wanted, lower
        self._spellings: dict[str, int] = {}  # with `lower`: spelling -> row, to tell a spelling that stands twice
        self._matrix = np.empty((0, dimensions), np.float32)

    def choose(self, words: Sequence[bytes], first: int) -> dict[int, int]:
        """Which of `words`, those of the rows from number `first` on, to store: row of the matrix -> index in `words`.

        Raises VectorError for an empty word, invalid UTF-8 and a duplicate.
        """
        chosen: dict[int, int] = {}
        for k, raw in enumerate(words):
            try:
                spelling = raw.decode()
            except UnicodeDecodeError:
                if self._wanted is None:
                    refuse(self._place(first + k), f"the word {raw[:40]!r}, not UTF-8", "words in UTF-8", _REPAIR)
                continue
            word = spelling.lower() if self._lower else spelling
            if self._wanted is not None and word not in self._wanted:
                continue
            if not spelling:
                refuse(self._place(first + k), "an empty word", "a word and its numbers", _REPAIR)
            slot = self._slot(spelling, word, first + k)
            if slot is not None:
                chosen[slot] = k
        return chosen

    def _slot(self, spelling: str, word: str, row: int) -> int | None:
        slot = self.index.setdefault(word, len(self.ranks))
        new = slot == len(self.ranks)
        if new:
            self.ranks.append(row)
        if self._lower:
            earlier = self._spellings.setdefault(spelling, row)
        else:
            earlier = self.ranks[slot]
        if earlier != row:
            found = f"the word {spelling!r} again, first at {self._place(earlier)}"
            refuse(self._place(row), found, "each word once", "Remove one of the two rows")
        if new:
            return slot
        self.collisions += 1
        return slot if spelling == word else None

    def store(self, values: np.ndarray, chosen: dict[int, int], first: int) -> None:
        """Keep float32 [len(chosen), D], in the order of `chosen`, which was made with this `first`.

        Raises VectorError for NaN, infinite values and a vector of zeros.
        """
        self._check(values, chosen, first)
        if len(self.ranks) > len(self._matrix):
            # An eighth to spare: each growth moves pages, not bytes, and what is reserved is memory in use.
            room = max(len(self.ranks), len(self._matrix) + len(self._matrix) // 8)
            self._matrix.resize((room, values.shape[1]), refcheck=False)
        self._matrix[list(chosen)] = values

    def _check(self, values: np.ndarray, chosen: dict[int, int], first: int) -> None:
        with np.errstate(over="ignore", invalid="ignore"):
            finite = np.isfinite(values).all(axis=1)
        bad = np.flatnonzero(~(finite & values.any(axis=1)))
        if not len(bad):
            return
        k = min(bad.tolist(), key=list(chosen.values()).__getitem__)
        where = self._place(first + list(chosen.values())[k])
        if finite[k]:
            refuse(where, "a vector of zeros, which has no direction", "at least one number that is not 0", _REPAIR)
        column = int(np.flatnonzero(~np.isfinite(values[k]))[0])
        refuse(where, f"{values[k, column]} as number {column + 1}", "finite numbers", _REPAIR)

    def matrix(self) -> np.ndarray:
        """All that was stored, float32 [V, D], without a copy; nothing can be stored after."""
        self._matrix.resize((len(self.ranks), self._matrix.shape[1]), refcheck=False)
        return self._matrix

    def row_numbers(self) -> np.ndarray:
        """The row of the file, from 1, that gave each word its place, int64 [V]."""
        return np.array(self.ranks, np.int64)
