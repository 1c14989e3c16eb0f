"""JSON Lines: one object a line."""

import functools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from xlt_augment.errors import SourceError
from xlt_augment.materialize.sources.base import START, Chunk, Mark, files_from
from xlt_augment.materialize.sources.lines import read_lines

_ROWS = 8_192


@dataclass
class JsonlSource:
    """JSON Lines files. A key that a line lacks is null there; a column holds one type in all files."""

    name: str
    files: tuple[Path, ...]
    features: dict[str, Any] = field(default_factory=dict)
    remark: str = "one object a line"
    guessed: bool = False

    @functools.cached_property
    def schema(self) -> pa.Schema:
        """One schema for all lines of all files; reads them once. Raises SourceError for columns of mixed types."""
        schema = pa.schema([])
        for path in self.files:
            for rows, first, _ in _objects(path, START):
                arrays = {name: _array(path, first, rows, name, None) for name in _names(rows)}
                found = pa.schema([(name, array.type) for name, array in arrays.items()])
                try:
                    schema = pa.unify_schemas([schema, found], promote_options="permissive")
                except pa.ArrowException as error:
                    raise _mixed(f"{path}:{first}", str(error).splitlines()[0]) from error
        return schema

    def chunks(self, start: Mark | None = None) -> Iterator[Chunk]:
        """See `Source.chunks`."""
        for number, path, begin in files_from(self.files, start):
            for rows, first, offsets in _objects(path, begin):
                columns = [_array(path, first, rows, f.name, f.type) for f in self.schema]
                batch = pa.RecordBatch.from_arrays(columns, schema=self.schema)
                mark = functools.partial(_mark, number, first, offsets)
                yield Chunk(batch, functools.partial(_locate, path, first), mark)


def _locate(path: Path, first: int, row: int) -> str:
    return f"{path}:{first + row}"


def _mark(number: int, first: int, offsets: np.ndarray, row: int) -> Mark:
    return Mark(number, int(offsets[row]), first + row)


def _objects(path: Path, begin: Mark) -> Iterator[tuple[list[dict[str, Any]], int, np.ndarray]]:
    """Runs of objects, with the number of their first line and the byte that each starts at."""
    for lines in read_lines(path, start=begin):
        for k in range(0, len(lines.starts), _ROWS):
            stop = min(k + _ROWS, len(lines.starts))
            objects = [_object(path, lines.first + row, lines.text(row)) for row in range(k, stop)]
            yield objects, lines.first + k, lines.starts[k:stop] + lines.offset


def _object(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        value = json.loads(line, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        found = f"no JSON ({error})"
    else:
        if isinstance(value, dict):
            return value
        found = f"a JSON {type(value).__name__}"
    raise SourceError(f"reading {path}:{number}", found=found, expected="one JSON object a line", remedy="Repair that line")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys are all different and can be encoded."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"the key {name!r} twice")
        name.encode()
        found[name] = value
    return found


def _names(rows: list[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def _array(path: Path, first: int, rows: list[dict[str, Any]], name: str, kind: pa.DataType | None) -> pa.Array:
    """One column as an Arrow array; `kind` None lets its type be told from the values."""
    values = [row.get(name) for row in rows]
    try:
        return pa.array(values, kind)
    except (pa.ArrowException, UnicodeEncodeError, OverflowError) as error:
        k = next((k for k in range(len(values)) if not _fits(values[: k + 1], kind)), 0)
        raise _mixed(f"{path}:{first + k}", f"{str(values[k])[:40]!r} in column {name!r}") from error


def _fits(values: list[Any], kind: pa.DataType | None) -> bool:
    try:
        pa.array(values[-1:] if kind else values, kind)
    except (pa.ArrowException, UnicodeEncodeError, OverflowError):
        return False
    return True


def _mixed(where: str, found: str) -> SourceError:
    expected = "values of one type in each column, text that UTF-8 can hold and numbers of at most 64 bits"
    printable = found.encode("utf-8", "backslashreplace").decode()
    return SourceError(f"reading {where}", found=printable, expected=expected, remedy="Repair that line")
