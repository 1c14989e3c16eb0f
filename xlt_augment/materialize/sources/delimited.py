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
from xlt_augment.materialize.sources.base import START, Chunk, Layout, Mark, columns_differ, files_from, no_rows, ragged
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
    names: tuple[str, ...] = ()  # of the columns, once a reading has found them

    def chunks(self, start: Mark | None = None) -> Iterator[Chunk]:
        """See `Source.chunks`."""
        names = self.names if start else ()
        for number, path, begin in files_from(self.files, start):
            rows = 0
            for lines in read_lines(path, start=begin):
                if lines.first == 1:
                    first = lines.text(0).split("\t")
                    found, header = self.layout.names(first, f"{path}:1", header_expected=False)
                    self.names = names = _same_names(self.files[0], names, path, found)
                    self.remark = "line 1 is the header" if header else "no header"
                    self.guessed = not header and self.layout.columns is None
                    lines = lines.tail() if header else lines
                if rows_here := len(lines.starts):
                    places = _Places(number, path, lines.first, lines.starts + lines.offset)
                    yield Chunk(_split(lines, names, path), places.locate, places.mark)
                    rows += rows_here
            if rows == 0 and begin == START:
                raise no_rows(str(path))


class _Places:
    """Where the rows of a chunk stand, where rows are lines; `offsets` int64 [rows] in the file."""

    def __init__(self, number: int, path: Path, first: int, offsets: np.ndarray) -> None:
        self.number, self.path, self.first, self.offsets = number, path, first, offsets

    def locate(self, row: int) -> str:
        return f"{self.path}:{self.first + row}"

    def mark(self, row: int) -> Mark:
        return Mark(self.number, int(self.offsets[row]), self.first + row)


def _split(lines: Lines, names: Sequence[str], path: Path) -> pa.RecordBatch:
    data, starts, stops, first, _ = lines
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
    names: tuple[str, ...] = ()  # of the columns, once a reading has found them

    def chunks(self, start: Mark | None = None) -> Iterator[Chunk]:
        """See `Source.chunks`."""
        names = self.names if start else ()
        csv.field_size_limit(max(csv.field_size_limit(), 2**31 - 1))  # texts of megabytes are legal; it is process-wide
        for number, path, begin in files_from(self.files, start):
            records = _records(number, path, begin)
            if begin == START:
                mark, first = next(records)
                found, header = self.layout.names(first, f"{path}:{mark.line}", header_expected=True)
                self.names = names = _same_names(self.files[0], names, path, found)
                self.remark = "line 1 is the header" if header else "no header"
                self.guessed = not header and self.layout.columns is None
                records = records if header else chain([(mark, first)], records)
            empty = True
            for chunk in _chunks(path, names, records):
                yield chunk
                empty = False
            if empty and begin == START:
                raise no_rows(str(path))


def _chunks(path: Path, names: Sequence[str], records: Iterator[tuple[Mark, list[str]]]) -> Iterator[Chunk]:
    rows: list[list[str]] = []
    marks: list[Mark] = []
    held = 0
    for mark, row in records:
        if len(row) != len(names):
            raise ragged(f"{path}:{mark.line}", len(row), names)
        rows.append(row)
        marks.append(mark)
        held += sum(map(len, row)) + _ROW_CHARS
        if held > _CHARS:
            yield _chunk(path, names, rows, marks)
            rows, marks, held = [], [], 0
    if rows:
        yield _chunk(path, names, rows, marks)


def _records(number: int, path: Path, begin: Mark) -> Iterator[tuple[Mark, list[str]]]:
    """Records of a CSV from `begin` on, with the mark of the line that each starts on."""
    offset = begin.offset

    def raw() -> Iterator[str]:
        nonlocal offset
        for lines in read_lines(path, blank_lines=True, start=begin):
            ends = np.append(lines.starts[1:], len(lines.data)) + lines.offset
            for k, end in enumerate(ends.tolist()):
                offset = end
                yield lines.raw(k)

    reader = csv.reader(raw(), strict=True)
    start = begin._replace(file=number)
    try:
        for row in reader:
            if not row:
                found = f"reading {path}:{start.line}"
                raise SourceError(found, found="a blank line", expected="a row", remedy="Remove that line")
            yield start, row
            start = Mark(number, offset, begin.line + reader.line_num)
    except csv.Error as error:
        raise SourceError(
            f"reading {path}:{start.line}",
            found=f"a row that is no CSV ({error})",
            expected="fields between commas, quotes doubled inside quoted fields",
            remedy="Repair that line; if the file has no quoting, save it as .tsv",
        ) from error


def _chunk(path: Path, names: Sequence[str], rows: list[list[str]], marks: list[Mark]) -> Chunk:
    columns = [string_array(column) for column in zip(*rows)]
    batch = pa.RecordBatch.from_arrays(columns, names=list(names))
    return Chunk(batch, lambda row: f"{path}:{marks[row].line}", marks.__getitem__)


def _same_names(first: Path, names: tuple[str, ...], path: Path, found: tuple[str, ...]) -> tuple[str, ...]:
    if names and names != found:
        raise columns_differ(path, found, first, names)
    return found
