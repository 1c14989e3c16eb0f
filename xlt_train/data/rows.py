"""Rows of Arrow stream files by memory map, in any order, without reading more of them than is asked for."""

import json
import mmap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from xlt_train.errors import DatasetError

_NEEDED = {"source_id": pa.int64(), "variant": pa.int16(), "label": pa.int64()}


class MappedRows:
    """The rows of some files, one after the other.

    Opening reads the schema and where each record batch lies. Arrow's own map, which `datasets` uses, asks the kernel to fetch
    every batch at once, and the kernel reads megabytes around a page that is touched: with both, opening 1 GB reads 1 GB.
    """

    def __init__(self, paths: Sequence[Path], text_columns: Sequence[str]) -> None:
        """Map the files. Raises DatasetError for one that is no Arrow stream or lacks a column that training needs."""
        self.paths, self.names = tuple(paths), (*text_columns, *_NEEDED)
        self._columns: list[dict[str, pa.Array]] = []  # of each record batch
        lengths = []
        schema: pa.Schema | None = None
        for path in self.paths:
            for batch in _batches(path):
                schema = schema or batch.schema
                self._check(path, batch.schema)
                self._columns.append({name: batch.column(name) for name in self.names})
                lengths.append(batch.num_rows)
        self.label_names = _label_names(schema)
        self._starts = np.concatenate(([0], np.cumsum(lengths, dtype=np.int64)))

    def __len__(self) -> int:
        return int(self._starts[-1])

    def take(self, rows: Sequence[int]) -> dict[str, list[Any]]:
        """Text columns, `source_id`, `variant` and `label` of these rows, as lists by column. Raises IndexError."""
        index = np.asarray(rows, np.int64)
        if len(index) and not 0 <= index.min() <= index.max() < len(self):
            raise IndexError(f"rows {index.min()} to {index.max()} of {len(self)}")
        part = np.searchsorted(self._starts, index, side="right") - 1
        places = [(self._columns[p], k) for p, k in zip(part.tolist(), (index - self._starts[part]).tolist())]
        return {name: [columns[name][k].as_py() for columns, k in places] for name in self.names}

    def _check(self, path: Path, schema: pa.Schema) -> None:
        wanted = {name: _NEEDED.get(name, pa.string()) for name in self.names}
        wrong = [name for name in wanted if name not in schema.names or schema.field(name).type != wanted[name]]
        if wrong:
            raise DatasetError(
                f"opening {path}",
                found=f"the columns {', '.join(f'{f.name}: {f.type}' for f in schema)}",
                expected=f"{wrong[0]}: {wanted[wrong[0]]} among them",
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
