"""What a source is: chunks of rows that know where each row stands, so that every error can name file and line."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import pyarrow as pa

from xlt_augment.errors import SourceError, UsageError

DEFAULT_COLUMNS = ("sentence1", "sentence2", "label")  # the layout of the XTREME files
_HEADER_WORDS = {"sentence1", "sentence2", "premise", "hypothesis", "label"}
_LIKELY = set("text sentence question question1 question2 gold gold_label labels class target id idx".split())


class Mark(NamedTuple):
    """Where a row starts: in file number `file`; of texts the byte `offset` (uncompressed) and the line, from 1; of tables the
    row `offset` of the file, and as `line` the number that people see."""

    file: int = 0
    offset: int = 0
    line: int = 1


START = Mark()


class Chunk(NamedTuple):
    """Some rows of a source; a function from their index to the place they stand at, "FILE:LINE" for text files; and one to
    the mark that reading may start from."""

    batch: pa.RecordBatch
    locate: Callable[[int], str]
    mark: Callable[[int], Mark]


class Source(Protocol):
    """A corpus as it lies somewhere: `chunks()` reads it as often as it is called, here or, pickled, in another process.

    `features` holds descriptions that the source itself gives of its columns, in the layout of `datasets`;
    `remark` says in a few words what was decided about its layout, for people to check; `guessed` whether its columns have
    the default names because neither the file nor the caller named them.
    """

    name: str
    files: tuple[Path, ...]
    features: dict[str, Any]
    remark: str
    guessed: bool

    def chunks(self, start: Mark | None = None) -> Iterator[Chunk]:
        """The rows in order from `start` on, which a chunk of an earlier reading marked, else all; in chunks of some megabytes.

        Raises SourceError for a row that cannot be read as it is.
        """


@dataclass(frozen=True, kw_only=True)
class Layout:
    """What the caller says about a delimited file: `header` None leaves it to the file, `named` are columns asked for."""

    header: bool | None = None
    columns: tuple[str, ...] | None = None
    named: frozenset[str] = field(default_factory=frozenset)

    def __post_init__(self) -> None:
        if self.header and self.columns:
            raise UsageError(
                "reading --columns", found="--header too", expected="names only for a file without header", remedy="Drop one"
            )
        if self.columns is not None:
            check_names(self.columns, "--columns", UsageError)

    def names(self, first: Sequence[str], where: str, *, header_expected: bool) -> tuple[tuple[str, ...], bool]:
        """Column names of a file whose first line holds the fields `first`, and whether that line is a header.

        Left to the file, a CSV has a header; a TSV has one when its first line holds the name of a column that was asked
        for or that every file of this field uses. Raises SourceError where no names can be told.
        """
        header = self.header
        if header is None:
            usual = bool((_HEADER_WORDS | self.named) & set(first))
            if self.columns == tuple(first) or (
                not self.columns and not header_expected and not usual and _LIKELY & set(first)
            ):
                raise SourceError(
                    f"reading {where}",
                    found=f"what may be a header ({', '.join(first)[:80]})",
                    expected="a row, or a header that is declared",
                    remedy="Say --header if line 1 names the columns (without --columns), --no-header if it is a row",
                )
            header = not self.columns and (header_expected or usual)
        if header:
            return check_names(tuple(first), where, SourceError), True
        if self.columns is None and len(first) not in (2, 3):
            raise SourceError(
                f"reading {where}",
                found=f"{len(first)} field{'s' * (len(first) != 1)} and no header",
                expected="2 or 3 fields (sentence1, sentence2, label)",
                remedy="Name the columns with --columns, or say --header if line 1 names them",
            )
        names = self.columns or DEFAULT_COLUMNS[: len(first)]
        if len(names) != len(first):
            raise ragged(where, len(first), names)
        return names, False


def check_names(names: tuple[str, ...], where: str, error: type[SourceError] | type[UsageError]) -> tuple[str, ...]:
    """`names` again. Raises `error` when one is empty or stands twice."""
    bad = [name for k, name in enumerate(names) if not name.strip() or name in names[:k]]
    if bad or not names:
        found = "no name" if not names else f"the name {bad[0]!r} twice" if bad[0].strip() else "an empty name"
        raise error(f"reading {where}", found=found, expected="names that are all different", remedy="Rename it")
    return names


def files_from(files: Sequence[Path], start: Mark | None) -> Iterator[tuple[int, Path, Mark]]:
    """The files from a mark on, each with its number and where its reading starts."""
    first = start or START
    for number, path in enumerate(files[first.file :], first.file):
        yield number, path, first if number == first.file else START


def ragged(where: str, count: int, names: Sequence[str]) -> SourceError:
    """The error for a row with too many or too few fields."""
    return SourceError(
        f"reading {where}",
        found=f"{count} field{'s' * (count != 1)}",
        expected=f"{len(names)} ({', '.join(names)})",
        remedy="Repair that line: look for a stray or missing separator",
    )


def unreadable(path: Path, error: Exception) -> SourceError:
    """The error for a file that cannot be opened or decoded at all."""
    reason = str(getattr(error, "strerror", "") or error or type(error).__name__).splitlines()[0]
    return SourceError(
        f"reading {path}", found=reason, expected="a readable, complete file", remedy="Check path, permissions and copy"
    )


def no_rows(where: str) -> SourceError:
    """The error for a file or dataset without a row."""
    return SourceError(f"reading {where}", found="no row", expected="at least one row", remedy="Check how the file was made")


def columns_differ(path: Path, names: Sequence[str], first: Path, expected: Sequence[str]) -> SourceError:
    """The error for a file whose columns are not those of the first file."""
    return SourceError(
        f"reading {path}",
        found=f"the columns {', '.join(names)}",
        expected=f"{', '.join(expected)}, as in {first.name}",
        remedy="Give files of one layout, or build them one by one",
    )
