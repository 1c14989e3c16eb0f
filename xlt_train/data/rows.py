"""Rows of Arrow stream files by memory map, in any order, without reading more of them than is asked for."""

import json
import mmap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from xlt_train.data.lists import IDS, Lists, is_ids
from xlt_train.errors import DatasetError

_NEEDED = {"source_id": pa.int64(), "variant": pa.int16(), "label": pa.int64()}


class MappedRows:
    """The rows of some files, one after the other.

    Opening reads the schema and where each record batch lies. Arrow's own map, which `datasets` uses, asks the kernel to fetch
    every batch at once, and the kernel reads megabytes around a page that is touched: with both, opening 1 GB reads 1 GB.
    """

    def __init__(self, paths: Sequence[Path], text_columns: Sequence[str], token_columns: Sequence[str] = ()) -> None:
        """Map the files. Raises DatasetError for one that is no Arrow stream or lacks a column that training needs."""
        self.paths, self.names, self.token_names = tuple(paths), (*text_columns, *_NEEDED), tuple(token_columns)
        self._columns: list[dict[str, pa.Array]] = []  # of each record batch
        self._tokens: list[list[Lists]] = []  # of each record batch and token column
        lengths = []
        schema: pa.Schema | None = None
        for path in self.paths:
            for batch in _batches(path):
                schema = schema or batch.schema
                self._check(path, batch.schema)
                self._columns.append({name: batch.column(name) for name in self.names})
                self._tokens.append([Lists.of(batch.column(name), f"{path}, {name}") for name in self.token_names])
                lengths.append(batch.num_rows)
        self.label_names = _label_names(schema)
        self._starts = np.concatenate(([0], np.cumsum(lengths, dtype=np.int64)))

    def __len__(self) -> int:
        return int(self._starts[-1])

    def take(self, rows: Sequence[int], names: Sequence[str] = ()) -> dict[str, list[Any]]:
        """The columns `names` of these rows (default: texts, `source_id`, `variant`, `label`) as lists. Raises IndexError."""
        places = self._places(rows)
        return {name: [self._columns[p][name][k].as_py() for p, k in places] for name in names or self.names}

    def take_ids(self, rows: Sequence[int]) -> list[list[np.ndarray]]:
        """For each token column a view [tokens] int32 of the map for each of these rows. Raises IndexError, DatasetError."""
        places = self._places(rows)
        return [[self._tokens[p][c][k] for p, k in places] for c in range(len(self.token_names))]

    def lengths(self, *, in_bytes: bool = False) -> np.ndarray:
        """How long each row is, [rows] int32: tokens of its token columns together; where there are none, or with `in_bytes`,
        bytes of its texts. Only the offsets of the columns are read.
        """
        texts = [name for name in self.names if name not in _NEEDED]
        found = np.empty(len(self), np.int32)
        for start, stop, columns, tokens in zip(self._starts, self._starts[1:], self._columns, self._tokens):
            lists = (not in_bytes and tokens) or [Lists.of(columns[name], name) for name in texts]
            found[start:stop] = sum(one.lengths() for one in lists)
        return found

    def _places(self, rows: Sequence[int]) -> list[tuple[int, int]]:
        """The record batch of each row, and its place there."""
        index = np.asarray(rows, np.int64)
        if len(index) and not 0 <= index.min() <= index.max() < len(self):
            raise IndexError(f"rows {index.min()} to {index.max()} of {len(self)}")
        part = np.searchsorted(self._starts, index, side="right") - 1
        return list(zip(part.tolist(), (index - self._starts[part]).tolist()))

    def _check(self, path: Path, schema: pa.Schema) -> None:
        kinds = {field.name: field.type for field in schema}
        wanted = {name: _NEEDED.get(name, pa.string()) for name in self.names} | dict.fromkeys(self.token_names, IDS)
        for name, kind in wanted.items():
            if name not in kinds or not (is_ids(kinds[name]) if kind == IDS else kinds[name] == kind):
                raise DatasetError(
                    f"opening {path}",
                    found=f"the columns {', '.join(f'{f.name}: {f.type}' for f in schema)}",
                    expected=f"{name}: {kind} among them",
                    remedy="Fetch or build the dataset again",
                )


def _batches(path: Path) -> list[pa.RecordBatch]:
    try:
        with path.open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if hasattr(mmap, "MADV_RANDOM"):  # rows are asked for in random order: read no page but theirs
            mapped.madvise(mmap.MADV_RANDOM)
        return list(pa.ipc.open_stream(pa.BufferReader(pa.py_buffer(mapped))))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DatasetError(
            f"opening {path}",
            found=str(error).splitlines()[0],
            expected="a complete Arrow stream",
            remedy="Fetch or build the dataset again",
        ) from error


def _label_names(schema: pa.Schema | None) -> tuple[str, ...] | None:
    """Class names in the schema's features, as `datasets` keeps them; None where there are none."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"] if schema else {}
        return tuple(map(str, features["label"]["names"]))
    except (ValueError, KeyError, TypeError):
        return None
