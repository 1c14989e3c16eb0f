"""TSV without quoting (the XTREME layout, or with a header) and CSV with quotes (RFC 4180)."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from xlt_augment.arrays import string_array
from xlt_augment.errors import SourceError
from xlt_augment.materialize.sources.base import Chunk, Layout, columns_differ, no_rows, ragged
from xlt_augment.materialize.sources.lines import Lines, read_lines
from xlt_augment.words.kernel_words import gather
from xlt_augment.words.texts import Texts

_CHARS = 4 << 20  # of a chunk
_ROW_CHARS = 100  # what a row costs beside its text


@dataclass
class TsvSource:
    """Tab-separated files; a quote is a character like any other."""

    name: str
    files: tuple[Path, ...]
    layout: Layout
    features: dict[str, Any] = field(default_factory=dict)
    remark: str = ""
    guessed: bool = False

    def chunks(self) -> Iterator[Chunk]:
        """See `Source.chunks`."""
        names: tuple[str, ...] = ()
        for path in self.files:
            rows = 0
            for lines in read_lines(path):
                if lines.first == 1:
                    first = lines.text(0).split("\t")
                    found, header = self.layout.names(first, f"{path}:1", header_expected=False)
                    names = _same_names(self.files[0], names, path, found)
                    self.remark = "line 1 is the header" if header else "no header"
                    self.guessed = not header and self.layout.columns is None
                    lines = lines.tail() if header else lines
                if rows_here := len(lines.starts):
                    yield Chunk(_split(lines, names, path), _Locator(path, lines.first))
                    rows += rows_here
            if rows == 0:
                raise no_rows(str(path))


class _Locator:
    """Row of a chunk -> FILE:LINE where rows are lines."""

    def __init__(self, path: Path, first: int) -> None:
        self.path, self.first = path, first

    def __call__(self, row: int) -> str:
        return f"{self.path}:{self.first + row}"


def _split(lines: Lines, names: Sequence[str], path: Path) -> pa.RecordBatch:
    data, starts, stops, first = lines
    begin, end = int(starts[0]), int(stops[-1])
    tabs = np.flatnonzero(data[begin:end] == 9) + begin
    counts = np.searchsorted(tabs, stops) - np.searchsorted(tabs, starts)
    bad = np.flatnonzero(counts != len(names) - 1)
    if len(bad):
        raise ragged(f"{path}:{first + bad[0]}", int(counts[bad[0]]) + 1, names)
    cuts = tabs.reshape(len(starts), len(names) - 1)
    lefts = np.column_stack((starts, cuts + 1))
    rights = np.column_stack((cuts, stops))
    columns = [Texts(*gather(data, lefts[:, c].copy(), rights[:, c].copy())).to_arrow() for c in range(len(names))]
    return pa.RecordBatch.from_arrays(columns, names=list(names))


@dataclass
class CsvSource:
    """Comma-separated files with quotes; a quoted field may hold line breaks."""

    name: str
    files: tuple[Path, ...]
    layout: Layout
    features: dict[str, Any] = field(default_factory=dict)
    remark: str = ""
    guessed: bool = False

    def chunks(self) -> Iterator[Chunk]:
        """See `Source.chunks`."""
        names: tuple[str, ...] = ()
        csv.field_size_limit(max(csv.field_size_limit(), 2**31 - 1))  # texts of megabytes are legal; it is process-wide
        for path in self.files:
            records = _records(path)
            line, first = next(records)
            found, header = self.layout.names(first, f"{path}:{line}", header_expected=True)
            names = _same_names(self.files[0], names, path, found)
            self.remark = "line 1 is the header" if header else "no header"
            self.guessed = not header and self.layout.columns is None
            rows, numbers, held, empty = [], [], 0, True
            for number, row in records if header else chain([(line, first)], records):
                if len(row) != len(names):
                    raise ragged(f"{path}:{number}", len(row), names)
                rows.append(row)
                numbers.append(number)
                held += sum(map(len, row)) + _ROW_CHARS
                empty = False
                if held > _CHARS:
                    yield _chunk(path, names, rows, numbers)
                    rows, numbers, held = [], [], 0
            if rows:
                yield _chunk(path, names, rows, numbers)
            if empty:
                raise no_rows(str(path))


def _records(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Records of a CSV with the number of the line that each starts on."""
    raw = (lines.raw(k) for lines in read_lines(path, blank_lines=True) for k in range(len(lines.starts)))
    reader = csv.reader(raw, strict=True)
    start = 1
    try:
        for row in reader:
            if not row:
                raise SourceError(f"reading {path}:{start}", found="a blank line", expected="a row", remedy="Remove that line")
            yield start, row
            start = reader.line_num + 1
    except csv.Error as error:
        raise SourceError(
            f"reading {path}:{start}",
            found=f"a row that is no CSV ({error})",
            expected="fields between commas, quotes doubled inside quoted fields",
            remedy="Repair that line; if the file has no quoting, save it as .tsv",
        ) from error


def _chunk(path: Path, names: Sequence[str], rows: list[list[str]], numbers: list[int]) -> Chunk:
    columns = [string_array(column) for column in zip(*rows)]
    return Chunk(pa.RecordBatch.from_arrays(columns, names=list(names)), lambda row: f"{path}:{numbers[row]}")


def _same_names(first: Path, names: tuple[str, ...], path: Path, found: tuple[str, ...]) -> tuple[str, ...]:
    if names and names != found:
        raise columns_differ(path, found, first, names)
    return found
