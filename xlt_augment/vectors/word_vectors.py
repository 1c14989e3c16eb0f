"""Word vectors in memory: words, their rows in one matrix, where they came from; to and from gensim."""

import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from xlt_augment.errors import OutputError, UsageError, VectorError
from xlt_augment.vectors.binary import LONGEST_WORD
from xlt_augment.vectors.text import flaw_of_spaces

_ENDINGS = (".txt", ".txt.gz", ".bin")


@dataclass(frozen=True, eq=False)
class WordVectors:
    """Words and their vectors, row k of `matrix` for word k.

    `words` are distinct, in the file's order (most frequent first); `matrix` is float32 [V, D] in C order; `ranks` int64 [V]
    holds the row of the file, counted from 1, that gave each word its place; `made` says which file, read how.
    """

    words: tuple[str, ...]
    matrix: np.ndarray
    ranks: np.ndarray
    made: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.matrix.shape[:1] != (len(self.words),) or self.ranks.shape != (len(self.words),) or self.matrix.ndim != 2:
            raise VectorError(
                "making word vectors",
                found=f"{len(self.words)} words, a matrix {self.matrix.shape} and ranks {self.ranks.shape}",
                expected="a row and a rank for each word",
                remedy="Check how the matrix was made",
            )

    @cached_property
    def index(self) -> Mapping[str, int]:
        """Word -> its row."""
        return {word: row for row, word in enumerate(self.words)}

    @classmethod
    def from_keyed_vectors(cls, vectors: Any, name: str = "keyed-vectors") -> "WordVectors":
        """A copy of gensim's KeyedVectors, ranked in their order.

        Raises VectorError for keys that are not strings, and for NaN, infinite and all-zero vectors.
        """
        words = tuple(vectors.index_to_key)
        with np.errstate(over="ignore"):
            matrix = np.array(vectors.vectors, np.float32, order="C")
        bad_keys = [word for word in words if not isinstance(word, str) or not word]
        bad_rows = np.flatnonzero(~(np.isfinite(matrix).all(axis=1) & matrix.any(axis=1)))
        if bad_keys or len(bad_rows) or not words:
            found = f"the key {bad_keys[0]!r}" if bad_keys else f"the vector of {words[bad_rows[0]]!r}" if words else "no word"
            raise VectorError(
                f"taking over {name}",
                found=found,
                expected="words, each with a vector of finite numbers that are not all 0",
                remedy="Remove what cannot be used",
            )
        made = {"name": name, "member": None, "sha256": None, "format": "keyed-vectors", "dimensions": matrix.shape[1]}
        made |= {"rows_read": len(words), "rows_kept": len(words), "limit": None, "lower": False}
        made |= {"vocabulary": None, "collisions": 0}
        return cls(words, matrix, np.arange(1, len(words) + 1), made)

    def to_keyed_vectors(self) -> Any:
        """gensim's KeyedVectors with a copy of the matrix. Raises UsageError where gensim is not installed."""
        try:
            from gensim.models import KeyedVectors
        except ImportError as error:
            raise UsageError(
                "loading gensim", found="no such package", expected="it installed", remedy="Run: pip install 'xlt[synonyms]'"
            ) from error
        vectors = KeyedVectors(self.matrix.shape[1], count=0)
        vectors.add_vectors(list(self.words), self.matrix)
        return vectors

    def save(self, path: str | Path) -> None:
        """Write word2vec text (.txt, .txt.gz) or binary (.bin) beside `path`, then move it there, over a file of that name.

        Floats in text are the shortest that give the same float32. Raises OutputError, also for a word that the format cannot
        hold, and UsageError where gensim is not installed.
        """
        path = Path(path)
        ending = next((e for e in sorted(_ENDINGS, key=len, reverse=True) if path.name.endswith(e)), None)
        if ending is None:
            raise _unwritable(path, f"the ending {path.suffix!r}", f"one of {', '.join(_ENDINGS)}", "Name the file so")
        for word in self.words:
            if flaw := _flaw(word, binary=ending == ".bin"):
                raise _unwritable(path, f"the word {word!r}: {flaw}", "words that this format can hold", "Remove that word")
        vectors = self.to_keyed_vectors()
        vectors.allocate_vecattrs(["count"], [np.int64])
        vectors.expandos["count"][:] = np.arange(len(self.words), 0, -1)  # gensim writes by count, and warns without it
        partial = path.with_name(f".xlt-partial-{secrets.token_hex(4)}{ending}")  # gensim packs by the ending
        try:
            vectors.save_word2vec_format(str(partial), binary=ending == ".bin")
            partial.replace(path)
        except OSError as error:
            found = error.strerror or str(error)
            raise _unwritable(
                path, found, "a folder with room that can be written to", "Choose another, or make room"
            ) from error
        finally:
            with suppress(OSError):
                partial.unlink(missing_ok=True)


def _flaw(word: str, *, binary: bool) -> str | None:
    """What would keep the word from being read again; None where nothing does."""
    try:
        raw = word.encode()
    except UnicodeEncodeError:
        return "half of a surrogate pair"
    if not raw or b"\n" in raw:
        return "empty, or with a line end in it"
    if binary:
        return "a space ends a word in this format" if b" " in raw else "too long" if len(raw) >= LONGEST_WORD else None
    return flaw_of_spaces(raw)


def _unwritable(path: Path, found: str, expected: str, remedy: str) -> OutputError:
    return OutputError(f"writing {path}", found=found, expected=expected, remedy=remedy)
