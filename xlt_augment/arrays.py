"""Between Python, numpy and Arrow without `pyarrow.array`, which imports pandas wherever it is installed (0.3 s)."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def number_array(values: np.ndarray) -> pa.Array:
    """A numeric numpy array as an Arrow array on the same memory."""
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), [None, pa.py_buffer(values)])


def string_array(values: Sequence[str]) -> pa.StringArray:
    """Python strings as an Arrow array. Raises UnicodeEncodeError for half of a surrogate pair."""
    encoded = [value.encode() for value in values]
    lengths = np.fromiter(map(len, encoded), np.int32, len(encoded))
    offsets = np.concatenate((np.zeros(1, np.int32), np.cumsum(lengths, dtype=np.int32)))
    return pa.StringArray.from_buffers(len(encoded), pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded)))


def number_numpy(array: pa.Array) -> np.ndarray:
    """A numeric Arrow array without nulls as a numpy view of its memory."""
    kind = np.dtype(array.type.to_pandas_dtype())
    return np.frombuffer(array.buffers()[1] or b"", kind)[array.offset : array.offset + len(array)]


def bool_numpy(mask: pa.BooleanArray) -> np.ndarray:
    """An Arrow mask without nulls as bool [n]."""
    return number_numpy(pc.cast(mask, pa.uint8())).astype(bool)


def scalar(value: str | int | bool) -> pa.Scalar:
    """A string, int64 or bool as an Arrow scalar, for the functions of `pyarrow.compute`."""
    if isinstance(value, str):
        return string_array([value])[0]
    number = number_array(np.array([value], np.int64))[0]
    return number.cast(pa.bool_()) if isinstance(value, bool) else number
