"""SynonymSet: which words may stand for which; an immutable table with an identity of its own."""

import difflib
import functools
import hashlib
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from xlt_augment.errors import SynonymError
from xlt_augment.synonyms import files
from xlt_augment.synonyms.origins import Origin, Origins, unpacked
from xlt_augment.synonyms.table import (
    checked_table,
    pair_starts,
    table_from_mapping,
    table_mapping,
    table_sha256,
    table_statistics,
)
from xlt_augment.synonyms.vetoes import Pair, checked_vetoes, occurring, outside_pairs, without_pairs


class Neighbor(NamedTuple):
    """A word that may stand for another; `distance` is None where the set does not know it."""

    word: str
    distance: float | None


class SynonymSet:
    """Words and their neighbors, as a table `word`, `neighbors`, `distance` sorted by word (docs/format.md).

    `vetoes` are pairs never to use, each sorted, in sorted order: no row holds one, and they are part of the identity.
    Where each neighbor comes from may be recorded (`origins`), and is not.
    Make one with `default()`, `load()`, `from_json()` or `from_mapping()`. Nothing in it can be changed afterwards.
    """

    def __init__(
        self, table: pa.Table, name: str, made: Mapping[str, Any] | None = None, vetoes: Iterable[Sequence[str]] = (),
        origins: Origins | None = None,
    ) -> None:  # fmt: skip
        """`table` has the columns of `SCHEMA` in any row order; `made` says how the set came to be; `origins` where its
        neighbors come from, in the order of the rows sorted by word.

        Raises SynonymError for a word given twice, an empty word or neighbor, distances that do not pair up or are not
        finite, another number of origins than of neighbors, and rows that hold a pair of `vetoes`.
        """
        self._fill(checked_table(table, name), name, made, vetoes, origins)
        if origins is not None and len(origins) != self._starts[-1]:
            raise SynonymError(
                f"making the synonym set {name}",
                found=f"{len(origins):,} origins",
                expected=f"one for each of its {self._starts[-1]:,} neighbors",
                remedy="Give None for a neighbor whose origin is not known",
            )

    def _fill(
        self, table: pa.Table, name: str, made: Mapping[str, Any] | None, vetoes: Iterable[Sequence[str]],
        origins: Origins | bytes | None,
    ) -> None:  # fmt: skip
        """Take over a table that was checked, and origins as they are or packed."""
        self.name, self.made = name, dict(made or {})
        self.table, self._origins = table, origins
        self.vetoes: tuple[Pair, ...] = checked_vetoes(vetoes, name)
        if self.vetoes and (found := occurring(self.table, self.vetoes)):
            raise SynonymError(
                f"reading the synonym set {name}",
                found=f"{' and '.join(found[0])} as neighbors",
                expected="no pair of its own vetoes",
                remedy="Remove the pair with the veto method, or from the vetoes",
            )

    @classmethod
    def default(cls) -> "SynonymSet":
        """The embedded English set that `xlt-augment build` uses when no other is named."""
        return cls.load(files.DEFAULT)

    @classmethod
    def load(cls, source: str | Path) -> "SynonymSet":
        """An embedded set by name, or a file: Arrow, published JSON, or groups of words. Raises SynonymError."""
        return cls._of(files.load(source))

    @classmethod
    def from_json(cls, path: str | Path) -> "SynonymSet":
        """The published layout: one JSON object, word -> list of neighbors. Raises SynonymError."""
        return cls._of(files.read_json(Path(path)))

    @classmethod
    def _of(cls, loaded: files.Loaded) -> "SynonymSet":
        synonyms = cls.__new__(cls)
        synonyms._fill(*loaded)
        return synonyms

    @classmethod
    def from_mapping(
        cls, neighbors: Mapping[str, Sequence[str]], *, name: str = "mapping", made: Mapping[str, Any] | None = None
    ) -> "SynonymSet":
        """A set without distances from word -> neighbors. Raises SynonymError."""
        return cls(table_from_mapping(neighbors), name, made)

    def save(self, path: str | Path) -> None:
        """Write the Arrow form; an existing file is replaced in one step. Raises OutputError."""
        files.write_arrow(self.table, self.made, Path(path), self.vetoes, self._origins)

    def save_json(self, path: str | Path) -> None:
        """Write the published JSON layout; distances, vetoes and origins have no place in it. Raises OutputError."""
        files.write_json(self.to_mapping(), Path(path))

    @functools.cached_property
    def sha256(self) -> str:
        """Identity: hash of the sorted rows and the vetoes, whatever the file they came from and however it was made."""
        return table_sha256(self.table, self.vetoes)

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def __contains__(self, word: object) -> bool:
        return isinstance(word, str) and self._row(word) is not None

    def __repr__(self) -> str:
        return f"SynonymSet({self.name!r}, {len(self):,} words, sha256 {self.sha256[:12]})"

    def neighbors(self, word: str) -> list[Neighbor]:
        """The neighbors of a word as it is written, nearest first. Raises SynonymError for an unknown word."""
        row = self._known_row(word)
        names, distances = self.table["neighbors"][row].as_py(), self.table["distance"][row].as_py()
        return [Neighbor(n, d) for n, d in zip(names, distances or [None] * len(names))]

    @property
    def has_origins(self) -> bool:
        """Whether the set recorded where its neighbors come from."""
        return self._origins is not None

    def origins(self, word: str) -> list[Origin | None] | None:
        """Where the neighbors of a word come from, one for each of `neighbors(word)`, None where it is not known.

        None where the set recorded nothing at all. Raises SynonymError for an unknown word, and for a file whose origins
        cannot be read.
        """
        row, known = self._known_row(word), self.all_origins
        return None if known is None else known.part(self._starts[row], self._starts[row + 1])

    @functools.cached_property
    def all_origins(self) -> Origins | None:
        """The origins of all neighbors, in the order of the rows. Raises SynonymError where they cannot be read."""
        packed = self._origins
        return unpacked(packed, int(self._starts[-1]), self.name) if isinstance(packed, bytes) else packed

    @functools.cached_property
    def origins_sha256(self) -> str | None:
        """Hash of what is recorded of its neighbors' origins, None where nothing is."""
        known = self._origins
        return None if known is None else hashlib.sha256(known if isinstance(known, bytes) else known.packed()).hexdigest()

    @functools.cached_property
    def _starts(self) -> np.ndarray:
        return pair_starts(self.table)

    def _known_row(self, word: str) -> int:
        if (row := self._row(word)) is not None:
            return row
        close = self._close_to(word)
        raise SynonymError(
            f"looking up {word!r} in the synonym set {self.name}",
            found="no such word",
            expected=f"one of its {len(self):,} words, written as in the set",
            remedy="Check the spelling and the case" + (f"; close to it: {', '.join(close)}" if close else ""),
        )

    def _row(self, word: str) -> int | None:
        words = self.table["word"]
        row = bisect_left(range(len(self)), word, key=lambda i: words[i].as_py())
        return row if row < len(self) and words[row].as_py() == word else None

    def _close_to(self, word: str) -> list[str]:
        """At most three words of the set, the same in another case or of a similar spelling with the same initial."""
        words, initials = self.table["word"], {word[:1].lower(), word[:1].upper()} - {""}
        alike = [w for first in initials for w in words.filter(pc.starts_with(words, pattern=first)).to_pylist()]
        return difflib.get_close_matches(word.lower(), dict.fromkeys(alike), n=3, cutoff=0.7)

    def veto(self, pairs: Iterable[Sequence[str]]) -> "SynonymSet":
        """The set without these pairs, in either direction and for good: they join its vetoes.

        A word that loses all its neighbors stays, without any. Raises SynonymError for what is no pair of two words.
        """
        new = checked_vetoes(pairs, self.name)
        if not new:
            return self
        made = self._edited({"veto": [list(pair) for pair in new]})
        known = self.all_origins
        origins = None if known is None else known.only(outside_pairs(self.table, new))
        return SynonymSet(without_pairs(self.table, new), self.name, made, {*self.vetoes, *new}, origins)

    def allow(self, pairs: Iterable[Sequence[str]]) -> "SynonymSet":
        """The set with these pairs taken off its vetoes. Their neighbors come back only by building or merging again.

        Raises SynonymError for a pair that is not among the vetoes.
        """
        dropped = checked_vetoes(pairs, self.name)
        if not dropped:
            return self
        if strange := next((pair for pair in dropped if pair not in self.vetoes), None):
            raise SynonymError(
                f"allowing a pair in the synonym set {self.name}",
                found=f"{' and '.join(strange)}, which is not vetoed",
                expected=f"one of its {len(self.vetoes):,} vetoes",
                remedy="See them in the output of: xlt-augment synonyms info SET --json",
            )
        made = self._edited({"allow": [list(pair) for pair in dropped]})
        return SynonymSet(self.table, self.name, made, set(self.vetoes) - set(dropped), self.all_origins)

    def origin(self) -> dict[str, Any]:
        """What a set made from this one says of it: `name`, `sha256` and `made`."""
        return {"name": self.name, "sha256": self.sha256, "made": self.made}

    def _edited(self, edit: dict[str, list[list[str]]]) -> dict[str, Any]:
        """`made` after an edit of the vetoes; edits in a row make one list, not a nest that deepens with each."""
        if self.made.get("command") == "veto" and isinstance(edits := self.made.get("edits"), list):
            return {**self.made, "edits": [*edits, edit]}
        return {"command": "veto", "edits": [edit], "from": self.origin()}

    def statistics(self) -> dict[str, int]:
        """Counts: words, words with a neighbor, pairs, most neighbors of one word, pairs with a known distance."""
        return table_statistics(self.table)

    def to_mapping(self) -> dict[str, list[str]]:
        """word -> neighbors, in the order of the words; distances are left out."""
        return table_mapping(self.table)
