"""SynonymSet: which words may stand for which; an immutable table with an identity of its own."""

import functools
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from xlt_augment.errors import SynonymError
from xlt_augment.synonyms import files
from xlt_augment.synonyms.table import checked_table, table_from_mapping, table_mapping, table_sha256, table_statistics


class Neighbor(NamedTuple):
    """A word that may stand for another; `distance` is None where the set does not know it."""

    word: str
    distance: float | None


class SynonymSet:
    """Words and their neighbors, as a table `word`, `neighbors`, `distance` sorted by word (docs/format.md).

    Make one with `default()`, `load()`, `from_json()` or `from_mapping()`. Nothing in it can be changed afterwards.
    """

    def __init__(self, table: pa.Table, name: str, made: Mapping[str, Any] | None = None) -> None:
        """`table` has the columns of `SCHEMA` in any row order; `made` says how the set came to be.

        Raises SynonymError for a word given twice, an empty word or neighbor, and distances that do not pair up.
        """
        self.name, self.made = name, dict(made or {})
        self.table = checked_table(table, name)

    @classmethod
    def default(cls) -> "SynonymSet":
        """The embedded English set that `xlt-augment build` uses when no other is named."""
        return cls.load(files.DEFAULT)

    @classmethod
    def load(cls, source: str | Path) -> "SynonymSet":
        """An embedded set by name, or a file: Arrow, published JSON, or groups of words. Raises SynonymError."""
        return cls(*files.load(source))

    @classmethod
    def from_json(cls, path: str | Path) -> "SynonymSet":
        """The published layout: one JSON object, word -> list of neighbors. Raises SynonymError."""
        return cls(*files.read_json(Path(path)))

    @classmethod
    def from_mapping(
        cls, neighbors: Mapping[str, Sequence[str]], *, name: str = "mapping", made: Mapping[str, Any] | None = None
    ) -> "SynonymSet":
        """A set without distances from word -> neighbors. Raises SynonymError."""
        return cls(table_from_mapping(neighbors), name, made)

    def save(self, path: str | Path) -> None:
        """Write the Arrow form; an existing file is replaced in one step. Raises OutputError."""
        files.write_arrow(self.table, self.made, Path(path))

    def save_json(self, path: str | Path) -> None:
        """Write the published JSON layout; distances have no place in it. Raises OutputError."""
        files.write_json(self.to_mapping(), Path(path))

    @functools.cached_property
    def sha256(self) -> str:
        """Identity: hash of the sorted rows, whatever the file they came from and however it was made."""
        return table_sha256(self.table)

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def __contains__(self, word: object) -> bool:
        return isinstance(word, str) and self._row(word) is not None

    def __repr__(self) -> str:
        return f"SynonymSet({self.name!r}, {len(self):,} words, sha256 {self.sha256[:12]})"

    def neighbors(self, word: str) -> list[Neighbor]:
        """The neighbors of a word as it is written, nearest first. Raises SynonymError for an unknown word."""
        row = self._row(word)
        if row is None:
            raise SynonymError(
                f"looking up {word!r} in the synonym set {self.name}",
                found="no such word",
                expected=f"one of its {len(self):,} words, written as in the set",
                remedy="Check the spelling and the case",
            )
        names, distances = self.table["neighbors"][row].as_py(), self.table["distance"][row].as_py()
        return [Neighbor(n, d) for n, d in zip(names, distances or [None] * len(names))]

    def _row(self, word: str) -> int | None:
        words = self.table["word"]
        row = bisect_left(range(len(self)), word, key=lambda i: words[i].as_py())
        return row if row < len(self) and words[row].as_py() == word else None

    def statistics(self) -> dict[str, int]:
        """Counts: words, words with a neighbor, pairs, most neighbors of one word, pairs with a known distance."""
        return table_statistics(self.table)

    def to_mapping(self) -> dict[str, list[str]]:
        """word -> neighbors, in the order of the words; distances are left out."""
        return table_mapping(self.table)
