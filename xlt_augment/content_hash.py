"""Hash of typed columns, independent of chunks, offsets, dictionary encoding and files (docs/format.md, "Logical hash")."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from xlt_augment.arrays import bool_numpy
from xlt_augment.canonical import sha256_json
from xlt_augment.sha256 import Digest

BLOCK_ROWS = 65_536  # source rows a block
NewDigest = Callable[[], Digest]


def is_text(kind: pa.DataType) -> bool:
    """Whether a type is a string type of any offset width."""
    return bool(pt.is_string(kind) or pt.is_large_string(kind) or pt.is_string_view(kind))


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(is_text(kind) or pt.is_binary(kind) or pt.is_large_binary(kind) or pt.is_binary_view(kind))


def _is_list(kind: pa.DataType) -> bool:
    return bool(pt.is_list(kind) or pt.is_large_list(kind) or pt.is_fixed_size_list(kind) or pt.is_map(kind))


def type_name(kind: pa.DataType) -> str:
    """Name of a type without its encoding: every list is `list`, a dictionary is its value type.

    Raises TypeError for types without a canonical form (unions, run-end encoding, list views).
    """
    if pt.is_dictionary(kind):
        return type_name(kind.value_type)
    if isinstance(kind, pa.BaseExtensionType):
        return type_name(kind.storage_type)
    if is_text(kind):
        return "string"
    if _is_bytes(kind):
        return "binary"
    if _is_list(kind):
        item = pa.struct([kind.key_field, kind.item_field]) if pt.is_map(kind) else kind.value_type
        return f"list<{type_name(item)}>"
    if pt.is_struct(kind):
        return "struct<" + ",".join(f"{field.name}:{type_name(field.type)}" for field in kind) + ">"
    if pt.is_null(kind) or kind.id in _FIXED_WIDTH:
        return str(kind)
    raise TypeError(str(kind))


_FIXED_WIDTH = {
    kind.id
    for kind in (
        pa.bool_(), pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64(),
        pa.float16(), pa.float32(), pa.float64(), pa.date32(), pa.date64(), pa.time32("s"), pa.time64("us"),
        pa.timestamp("s"), pa.duration("s"), pa.decimal128(1), pa.decimal256(1), pa.binary(1),
    )
}  # fmt: skip


class _Values:
    """Running hash of some values: positions of nulls, lengths, bytes, children. Nulls add no bytes of their own."""

    def __init__(self, new: NewDigest) -> None:
        self.count, self._new = 0, new
        self.nulls, self.lengths, self.data = new(), new(), new()
        self.children: list[_Values] | None = None

    def update(self, array: pa.Array) -> None:
        if isinstance(array, pa.ExtensionArray):
            array = array.storage
        if pt.is_dictionary(array.type):
            array = array.dictionary_decode()
        if pt.is_string_view(array.type) or pt.is_binary_view(array.type):
            array = array.cast(pa.large_binary())
        if pt.is_map(array.type):
            array = array.cast(pa.list_(pa.struct([array.type.key_field, array.type.item_field])))
        if array.null_count and not pt.is_null(array.type):
            where = np.flatnonzero(bool_numpy(array.is_null())) + self.count
            self.nulls.update(where.astype("<i8").data)
        self.count += len(array)
        if array.null_count:
            array = array.drop_null()
        if len(array) == 0 or pt.is_null(array.type):
            return
        if _is_bytes(array.type):
            self._update_bytes(array)
        elif _is_list(array.type):
            self.lengths.update(_fixed(pc.list_value_length(array).cast(pa.uint32())))
            self._update_children([array.flatten()])
        elif pt.is_struct(array.type):
            self._update_children(array.flatten())
        else:
            self.data.update(_fixed(array.cast(pa.uint8()) if pt.is_boolean(array.type) else array))

    def _update_bytes(self, array: pa.Array) -> None:
        width = np.int64 if pt.is_large_string(array.type) or pt.is_large_binary(array.type) else np.int32
        _, offsets, data = array.buffers()
        cuts = np.frombuffer(offsets, width)[array.offset : array.offset + len(array) + 1]
        self.lengths.update(np.diff(cuts).astype("<u4").data)
        if data is not None:
            self.data.update(memoryview(data)[cuts[0] : cuts[-1]])

    def _update_children(self, arrays: Sequence[pa.Array]) -> None:
        if self.children is None:
            self.children = [_Values(self._new) for _ in arrays]
        for child, array in zip(self.children, arrays, strict=True):
            child.update(array)

    def open(self) -> Iterator[Digest]:
        """What the values went into."""
        yield from (self.nulls, self.lengths, self.data)
        for child in self.children or ():
            yield from child.open()

    def digest(self) -> bytes:
        parts = [self.count.to_bytes(8, "little"), self.nulls.digest(), self.lengths.digest(), self.data.digest()]
        return hashlib.sha256(b"".join(parts + [child.digest() for child in self.children or ()])).digest()


def _fixed(array: pa.Array) -> memoryview:
    """The value bytes of a fixed-width array without nulls."""
    width = array.type.bit_width // 8
    return memoryview(array.buffers()[1])[array.offset * width : (array.offset + len(array)) * width]


class ColumnHasher:
    """Hash of one column's values in blocks of `block_rows`, given in order and in any cut."""

    def __init__(self, block_rows: int, new: NewDigest = hashlib.sha256) -> None:
        self.rows, self._block_rows, self._new = 0, block_rows, new
        self._closed: list[bytes] = []
        self._open: _Values | None = None

    def update(self, array: pa.Array) -> None:
        """Add values."""
        start = 0
        while start < len(array):
            part = array.slice(start, self._block_rows - self.rows % self._block_rows)
            self._open = self._open or _Values(self._new)
            self._open.update(part)
            self.rows += len(part)
            start += len(part)
            if self.rows % self._block_rows == 0:
                self._close()

    def _close(self) -> None:
        if self._open is not None:
            self._closed.append(self._open.digest())
        self._open = None

    def open(self) -> Iterator[Digest]:
        """Digests of the block under way."""
        return self._open.open() if self._open else iter(())

    def digests(self) -> list[bytes]:
        """The blocks' digests, the last one closed as it is."""
        self._close()
        return self._closed


class ContentHasher:
    """sha256 over the values of record batches, in blocks of `block_rows` rows, given in order and in any cut.

    `fields` are (name, canonical type) in column order. `columns` may be fed each by itself, in threads of their own. `new`
    makes digests; those under way are `open()`, for `sha256.settle`.
    """

    def __init__(
        self, fields: Sequence[tuple[str, str]], block_rows: int = BLOCK_ROWS, new: NewDigest = hashlib.sha256
    ) -> None:
        self.fields = [list(field) for field in fields]
        self.columns = [ColumnHasher(block_rows, new) for _ in fields]

    def open(self) -> Iterator[Digest]:
        """Digests of the block under way."""
        return chain.from_iterable(column.open() for column in self.columns)

    @property
    def rows(self) -> int:
        """Rows so far."""
        return self.columns[0].rows

    def update(self, batch: pa.RecordBatch) -> None:
        """Add the rows of a batch whose columns are those of `fields`."""
        for state, column in zip(self.columns, batch.columns, strict=True):
            state.update(column)

    def blocks(self) -> list[str]:
        """Hex digests of the blocks, the last one closed as it is; call it at the end."""
        digests = zip(*(column.digests() for column in self.columns), strict=True)
        return [hashlib.sha256(b"".join(columns)).hexdigest() for columns in digests]

    def hexdigest(self, *, format: str, recipe: Any = None) -> str:
        """The hash of all rows so far, the recipe and the format's version; call it at the end."""
        return content_sha256(self.fields, self.rows, self.blocks(), format=format, recipe=recipe)


def content_sha256(
    fields: Sequence[Sequence[str]], rows: int, blocks: Sequence[str], *, format: str, recipe: Any = None
) -> str:
    """The hash of content whose blocks, in order, have these hex digests, wherever each was made."""
    head = {"format": format, "fields": [list(field) for field in fields], "rows": rows, "recipe": recipe}
    return sha256_json(head | {"blocks": list(blocks)})
