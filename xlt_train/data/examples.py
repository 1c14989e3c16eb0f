"""Development and test files: TSV in the XTREME layout or with a header, CSV, JSONL and Parquet.

A TSV has no quoting. Without a header its fields are the text columns in their order, then the label where there is one.
"""

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from xlt_train.errors import ExamplesError, UsageError
from xlt_train.files import sha256_file

ENDINGS = (".tsv", ".csv", ".jsonl", ".parquet")
Record = tuple[str, dict[str, Any]]  # where it stands (FILE:LINE), and its fields by name
BLANK: dict[str, Any] = {}  # the fields of a blank line


@dataclass(frozen=True, kw_only=True)
class Layout:
    """What the columns of a file are: the texts in the order of the training set's, the label, and, where they were given, the
    names of a headerless file's fields."""

    text_columns: tuple[str, ...]
    label_column: str = "label"
    columns: tuple[str, ...] | None = None

    @classmethod
    def of(
        cls,
        trained: Sequence[str],
        *,
        columns: Sequence[str] | None,
        text_columns: Sequence[str] | None,
        label_column: str,
    ) -> "Layout":
        """The layout for a model trained on the columns `trained`. Raises UsageError when the texts are fewer or more."""
        texts = tuple(text_columns or trained)
        missing = [name for name in texts if columns and name not in columns]
        if len(texts) != len(trained) or missing:
            raise UsageError(
                "naming the columns of a file",
                found=f"--text-columns {','.join(texts)}" + (f", without {missing[0]} in --columns" if missing else ""),
                expected=f"{len(trained)} of the file's columns, standing for {', '.join(trained)}",
                remedy="Name them in that order; --columns names all fields of a file without header",
            )
        return cls(text_columns=texts, label_column=label_column, columns=tuple(columns) if columns else None)

    @property
    def plain(self) -> tuple[str, ...]:
        """The fields of a headerless line: those given, else the text columns and the label."""
        return self.columns or (*self.text_columns, self.label_column)


@dataclass(frozen=True, kw_only=True)
class Examples:
    """Rows of one file. `texts`: one list per text column. `labels`: class names, or None where the file has none."""

    path: Path
    sha256: str
    texts: tuple[list[str], ...]
    labels: list[str] | None
    places: list[str] = field(repr=False)

    def __len__(self) -> int:
        return len(self.texts[0])

    def part(self, rows: tuple[int, int] | None) -> "Examples":
        """Rows FROM up to, not including, TO. Raises UsageError for no range, ExamplesError for a file that is too short."""
        if rows is None:
            return self
        start, stop = rows
        if not 0 <= start < stop:
            raise UsageError(
                f"taking rows {start}:{stop} of {self.path}",
                found=f"{start}:{stop}",
                expected="FROM below TO, both counted from 0",
                remedy="Give a range such as 0:500, the first 500 rows",
            )
        if stop > len(self):
            raise ExamplesError(
                f"taking rows {start}:{stop} of {self.path}",
                found=f"{len(self):,} rows",
                expected=f"at least {stop:,}",
                remedy="Give a range inside the file; rows count from 0 and TO is not included",
            )
        return self.take(range(start, stop))

    def take(self, rows: Sequence[int]) -> "Examples":
        """These rows, in this order."""
        texts = tuple([column[k] for k in rows] for column in self.texts)
        labels = None if self.labels is None else [self.labels[k] for k in rows]
        return replace(self, texts=texts, labels=labels, places=[self.places[k] for k in rows])

    def label_ids(self, ids: dict[str, int]) -> list[int] | None:
        """The labels as the model numbers them. Raises ExamplesError that names the row of a label it does not know."""
        if self.labels is None:
            return None
        for place, label in zip(self.places, self.labels):
            if label not in ids:
                raise ExamplesError(
                    f"reading {place}",
                    found=f"the label {label!r}",
                    expected=f"one of {', '.join(ids)}, the labels of the training set",
                    remedy="Rename the labels in the file, or name its columns with --columns",
                )
        return [ids[label] for label in self.labels]


def read_examples(path: str | Path, layout: Layout, *, gaps: bool = False) -> Examples:
    """Read one file. With `gaps` a blank line, or a null for a text, is a row whose text is empty and which needs no label.

    Raises ExamplesError that names file and line of the first row that cannot be used.
    """
    path = Path(path)
    reader = _READERS.get(path.suffix)
    if reader is None:
        raise _wrong(path, f"the ending {path.suffix or 'of no kind'}", " or ".join(ENDINGS), "Convert the file")
    texts: tuple[list[str], ...] = tuple([] for _ in layout.text_columns)
    labels: list[str | None] = []
    places: list[str] = []
    try:
        digest = sha256_file(path)
        for place, record in reader(path, layout):
            if record is BLANK and not gaps:
                raise _wrong(place, "a blank line", "a row", "Remove that line")
            places.append(place)
            labels.append(_label(record, layout))
            for name, column in zip(layout.text_columns, texts):
                gap = gaps and (record is BLANK or (name in record and record[name] is None))
                column.append("" if gap else _text(place, record, name, layout))
    except OSError as error:
        raise _wrong(path, error.strerror or str(error), "a file that can be read", "Check the path") from error
    if not places:
        raise _wrong(path, "no rows", "at least one", "Check that this is the right file")
    known = any(label is not None for label in labels)
    bare = [k for k, row in enumerate(zip(*texts)) if labels[k] is None and not (gaps and "" in row)]
    if known and bare:
        raise _wrong(places[bare[0]], "no label", "a label in every row, or in none", "Repair that row")
    return Examples(path=path, sha256=digest, texts=texts, labels=[k or "" for k in labels] if known else None, places=places)


def _label(record: dict[str, Any], layout: Layout) -> str | None:
    value = record.get(layout.label_column)
    return None if value is None or value == "" else str(value)


def _text(place: str, record: dict[str, Any], name: str, layout: Layout) -> str:
    value = record.get(name)
    if isinstance(value, str):
        if not value.isascii() and value != value.encode("utf-8", "replace").decode():
            raise _wrong(place, f"half of a surrogate pair in {name}", "UTF-8 text", "Repair that row")
        return value
    found = f"{value!r} as {name}" if name in record else f"no column {name!r} among {', '.join(map(str, record))}"
    raise _wrong(
        place, found, f"text in {', '.join(layout.text_columns)}", "Name the columns with the texts: --text-columns a,b"
    )


def _lines(path: Path) -> Iterator[str]:
    """The lines with their ends; U+2028 and the like end none. Raises ExamplesError for bytes that are no text."""
    with path.open("rb") as stream:
        for number, raw in enumerate(stream, 1):
            if b"\0" in raw:
                raise _wrong(f"{path}:{number}", "a NUL byte", "UTF-8 text", "If the file is UTF-16, convert it to UTF-8")
            try:
                line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
                if line:  # all but a byte order mark alone
                    yield line
            except UnicodeDecodeError as error:
                found = f"the byte 0x{raw[error.start]:02x} that is not UTF-8"
                raise _wrong(f"{path}:{number}", found, "UTF-8 text", "Convert the file to UTF-8") from error


def _tsv(path: Path, layout: Layout) -> Iterator[Record]:
    rows = ((k, line.rstrip("\n").removesuffix("\r").split("\t")) for k, line in enumerate(_lines(path), 1))
    yield from _named(path, rows, layout)


def _csv(path: Path, layout: Layout) -> Iterator[Record]:
    csv.field_size_limit(max(csv.field_size_limit(), 2**31 - 1))  # texts of megabytes are legal; it is process-wide
    reader = csv.reader(_lines(path), strict=True)
    try:
        yield from _named(path, ((reader.line_num, row) for row in reader), layout)
    except csv.Error as error:
        place = f"{path}:{reader.line_num}"
        raise _wrong(place, f"a row that is no CSV ({error})", "quotes doubled inside quotes", "Repair it") from error


def _named(path: Path, rows: Iterator[tuple[int, list[str]]], layout: Layout) -> Iterator[Record]:
    """Fields by name: those of the first line where it holds the text columns' names, else the layout's."""
    names: tuple[str, ...] = layout.plain
    for k, (number, fields) in enumerate(rows):
        if k == 0 and layout.columns is None and set(layout.text_columns) <= set(fields):
            names = tuple(fields)
            twice = [name for name in names if names.count(name) > 1]
            if twice:
                raise _wrong(f"{path}:{number}", f"the column {twice[0]!r} twice", "each name once", "Rename one of them")
            continue
        if fields == [""] or not fields:
            yield f"{path}:{number}", BLANK
            continue
        bare = names[:-1] if names[-1] == layout.label_column else names  # a test file may come without labels
        if len(fields) not in (len(names), len(bare)):
            raise _wrong(f"{path}:{number}", f"{len(fields)} fields", f"{len(names)}: {', '.join(names)}", _COLUMNS)
        yield f"{path}:{number}", dict(zip(names, fields))


def _jsonl(path: Path, layout: Layout) -> Iterator[Record]:
    for number, line in enumerate(_lines(path), 1):
        try:
            record = json.loads(line) if line.strip() else BLANK
        except (ValueError, RecursionError) as error:
            found = f"a line that is no JSON ({error})"
            raise _wrong(f"{path}:{number}", found, "one object a line", "Repair that line") from error
        if not isinstance(record, dict):
            raise _wrong(f"{path}:{number}", "JSON that is no object", "one object a line", "Repair that line")
        yield f"{path}:{number}", record


def _parquet(path: Path, layout: Layout) -> Iterator[Record]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        rows = pq.read_table(path).to_pylist()
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise _wrong(path, f"no Parquet with UTF-8 text ({error})", "a Parquet file", "Check the file") from error
    yield from ((f"{path}, row {k}", row) for k, row in enumerate(rows))


def _wrong(place: str | Path, found: str, expected: str, remedy: str) -> ExamplesError:
    return ExamplesError(f"reading {place}", found=found, expected=expected, remedy=remedy)


Reader = Callable[[Path, Layout], Iterator[Record]]
_COLUMNS = "Repair that line, or name the columns: --columns a,b,c"
_READERS: dict[str, Reader] = {".tsv": _tsv, ".csv": _csv, ".jsonl": _jsonl, ".parquet": _parquet}


def parse_rows(text: str) -> tuple[int, int]:
    """FROM:TO as two numbers. Raises ValueError."""
    start, colon, stop = text.partition(":")
    if not (colon and start.isdecimal() and stop.isdecimal() and int(start) < int(stop)):
        raise ValueError(f"{text!r} is no range; give FROM:TO, for example 0:500 for the first 500 rows")
    return int(start), int(stop)


def same_count(files: Sequence[Examples]) -> None:
    """Raises ExamplesError when parallel files differ in their number of rows."""
    for other in files[1:]:
        if len(other) != len(files[0]):
            raise _wrong(
                other.path,
                f"{len(other):,} rows",
                f"{len(files[0]):,} as in {files[0].path.name}: the files of a split hold the same rows in every language",
                "Put blank lines where rows are missing, for evaluate with --placeholders drop, or remove that file",
            )
