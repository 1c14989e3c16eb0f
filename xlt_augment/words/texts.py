"""A column of texts as the kernels see it: one run of UTF-8 bytes and the offsets that cut it."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from xlt_augment.arrays import string_array
from xlt_augment.errors import UsageError


class Texts(NamedTuple):
    """n texts: `data` uint8 [bytes], `offsets` int64 [n + 1]; text t is `data[offsets[t]:offsets[t + 1]]`, valid UTF-8."""

    data: np.ndarray
    offsets: np.ndarray

    @classmethod
    def from_arrow(cls, column: pa.StringArray) -> "Texts":
        """A view of an Arrow string array without nulls; nothing is copied but the offsets."""
        _, offsets, data = column.buffers()
        if len(column) == 0:
            return cls(np.empty(0, np.uint8), np.zeros(1, np.int64))
        cuts = np.frombuffer(offsets, np.int32)[column.offset : column.offset + len(column) + 1]
        return cls(np.frombuffer(data or b"", np.uint8), cuts.astype(np.int64))

    @classmethod
    def from_strings(cls, texts: Iterable[str]) -> "Texts":
        """Python strings as UTF-8. Raises UsageError for a text that is none or holds half of a surrogate pair."""
        texts = list(texts)
        for t, text in enumerate(texts):
            if not isinstance(text, str):
                raise UsageError(
                    f"reading text {t}", found=f"a {type(text).__name__}", expected="a str", remedy="Pass a list of str"
                )
        try:
            return cls.from_arrow(string_array(texts))
        except UnicodeEncodeError as error:
            raise UsageError(
                "encoding a text as UTF-8",
                found=f"the lone surrogate U+{ord(error.object[error.start]):04X} in {error.object[:40]!r}",
                expected="text that UTF-8 can hold",
                remedy="Repair the text where it was decoded",
            ) from error

    def slice(self, start: int, stop: int) -> "Texts":
        """Texts start ... stop - 1, on the same bytes."""
        return Texts(self.data, self.offsets[start : stop + 1])

    def to_arrow(self) -> pa.StringArray:
        """The same texts as an Arrow string array; `data` must stay below 2 GiB."""
        offsets = self.offsets.astype(np.int32)
        return pa.StringArray.from_buffers(len(offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(self.data))

    def to_strings(self) -> list[str]:
        """The texts as Python strings."""
        blob, cuts = self.data.tobytes(), self.offsets.tolist()
        return [blob[a:b].decode() for a, b in zip(cuts, cuts[1:])]
