"""A column of lists or strings as what it is in memory: values one after the other, and where each row's begin."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from xlt_train.errors import DatasetError

IDS = pa.list_(pa.int32())  # the type of a token column


def is_ids(kind: pa.DataType) -> bool:
    """Whether a column's type is that of token ids, whatever the name of the item field."""
    return bool(pa.types.is_list(kind) and kind.value_type == pa.int32())


@dataclass(frozen=True, slots=True)
class Lists:
    """A column of one record batch: row k is `values[offsets[k] : offsets[k + 1]]`, a view of the memory map."""

    offsets: np.ndarray  # [rows + 1] int32
    values: np.ndarray  # [tokens] int32 of token ids, [bytes] uint8 of strings
    name: str

    @classmethod
    def of(cls, column: pa.Array, name: str) -> "Lists":
        """View a column of `list<int32>` or strings, reading nothing of it. Raises DatasetError where ids are missing."""
        ids = is_ids(column.type)
        if ids and (column.null_count or column.values.null_count):
            raise _wrong(name, "rows or token ids that are missing", "token ids for every row")
        buffers = column.buffers()
        if not len(column):
            return cls(np.zeros(1, np.int32), np.empty(0, np.int32), name)
        offsets = np.frombuffer(buffers[1], np.int32)[column.offset : column.offset + len(column) + 1]
        content, count = (buffers[3], len(column.values)) if ids else (buffers[2], None)
        kind = np.int32 if ids else np.uint8
        values = np.empty(0, kind) if content is None else np.frombuffer(content, kind)[:count]
        return cls(offsets, values, name)

    def __getitem__(self, k: int) -> np.ndarray:
        start, stop = self.offsets[k], self.offsets[k + 1]
        if not 0 <= start <= stop <= len(self.values):
            raise _wrong(
                self.name, f"offsets {start} to {stop} in row {k:,} of a record batch", f"0 to {len(self.values)}, rising"
            )
        return self.values[start:stop]

    def lengths(self) -> np.ndarray:
        """Values of each row, [rows] int32."""
        return np.diff(self.offsets)


def _wrong(name: str, found: str, expected: str) -> DatasetError:
    return DatasetError(f"reading {name}", found=found, expected=expected, remedy="Fetch or build the dataset again")
