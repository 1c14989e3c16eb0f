"""How many bytes rows take, told from their values alone, so that whoever cuts by it cuts everywhere in the same way."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from xlt_augment.arrays import bool_numpy, number_numpy, scalar
from xlt_augment.content_hash import is_text


def row_sizes(batch: pa.RecordBatch) -> np.ndarray:
    """The bytes of the values of each row, int64 [rows]; how a reader cut its chunks plays no part in it."""
    sizes = np.zeros(batch.num_rows, np.int64)
    for column in batch.columns:
        sizes += _sizes(column)
    return sizes


def _sizes(array: pa.Array) -> np.ndarray | int:
    """Bytes of each value: int64 [n], or one number for all."""
    kind = array.type
    if is_text(kind) or pt.is_binary(kind) or pt.is_large_binary(kind):
        lengths = pc.binary_length(array)
        return number_numpy(pc.fill_null(lengths, scalar(0).cast(lengths.type)))
    if not pt.is_nested(kind):
        return 0 if pt.is_null(kind) else (kind.bit_width + 7) // 8
    sizes = np.zeros(len(array), np.int64)
    there = bool_numpy(array.is_valid())
    array = array.drop_null()
    if pt.is_struct(kind):
        sizes[there] = sum((_sizes(child) for child in array.flatten()), np.zeros(len(array), np.int64))
        return sizes
    values = array.flatten()
    ends = np.cumsum(number_numpy(pc.list_value_length(array).cast(pa.int64())))
    inner = np.concatenate((np.zeros(1, np.int64), np.cumsum(np.zeros(len(values), np.int64) + _sizes(values))))
    sizes[there] = np.diff(inner[ends], prepend=0)
    return sizes
