"""Compiled helpers on byte ranges: mix, hash, compare, copy; eight or 64 bytes at a time where the arrays have room.

Callers: the other kernels. Hashes are of one process and stand in no file.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import config, types
from numba.extending import intrinsic

from xlt_augment.compiled import compiled, inlined

WIDE = 64  # bytes that one vector move copies; an output array with so many to spare is never left for the slow way
CELL = 16  # bytes of a cell: a short text, and in the last byte its length, or LONG
LONG = 255
SHORT = 8  # bytes that a hash tells apart for certain
_intrinsic: Any = intrinsic
_COMPILED = not config.DISABLE_JIT  # without, what follows is plain Python, and has no machine words to move
_ONES = np.uint64(0x0101010101010101)
_K1, _K2 = np.uint64(0x9FB21C651E98DF25), np.uint64(0xD6E8FEB86659FD93)


def _pointer(context: Any, builder: Any, signature: Any, arguments: Any, kind: ir.Type) -> Any:
    """Address of byte `arguments[1]` of the array `arguments[0]`, as a pointer to `kind`."""
    array = context.make_array(signature.args[0])(context, builder, arguments[0])
    return builder.bitcast(builder.gep(array.data, [arguments[1]]), kind.as_pointer())


def _typed_load8(typing: Any, data: Any, i: Any) -> Any:
    """Eight bytes from byte i on, little-endian as the machine is; unaligned, unchecked."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load(_pointer(context, builder, signature, arguments, ir.IntType(64)), align=1)

    return types.uint64(data, types.int64), generate


def _typed_low_zeros(typing: Any, value: Any) -> Any:
    """Number of zero bits below the lowest one of a number that is not 0."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.uint64), generate


_load8 = _intrinsic(_typed_load8)
_low_zeros = _intrinsic(_typed_low_zeros)


def _mover(width: int) -> Any:
    """`move(out, o, data, i)`: `out[o : o + width] = data[i : i + width]`, unaligned, unchecked."""

    def move(typing: Any, out: Any, o: Any, data: Any, i: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            kind = ir.VectorType(ir.IntType(8), width)
            source = signature.replace(args=signature.args[2:])
            value = builder.load(_pointer(context, builder, source, arguments[2:], kind), align=1)
            builder.store(value, _pointer(context, builder, signature, arguments, kind), align=1)
            return context.get_dummy_value()

        return types.void(out, types.int64, data, types.int64), generate

    return _intrinsic(move)


_move = _mover(WIDE)
_move_cell = _mover(CELL)


@inlined
def mix(z: np.uint64) -> np.uint64:
    z ^= z >> np.uint64(30)
    z *= np.uint64(0xBF58476D1CE4E5B9)
    z ^= z >> np.uint64(27)
    z *= np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@inlined
def _eight(data: np.ndarray, i: int, stop: int) -> np.uint64:
    """The bytes i ... stop - 1, at most eight of them, as a number; those that are missing count 0."""
    n = min(stop - i, 8)
    if _COMPILED and i + 8 <= data.size:
        return _load8(data, i) & (~np.uint64(0) >> np.uint64(8 * (8 - n)))
    value = np.uint64(0)
    for k in range(n):
        value |= np.uint64(data[i + k]) << np.uint64(8 * k)
    return value


@inlined
def find_byte(data: np.ndarray, i: int, end: int, byte: int) -> int:
    """Where the first such byte stands in the range i ... end - 1; `end` when there is none."""
    while _COMPILED and i < end and i + 8 <= data.size:
        others = _load8(data, i) ^ (_ONES * np.uint64(byte))
        hits = (others - _ONES) & ~others & (_ONES << np.uint64(7))  # the lowest bit set is that of the first zero byte
        if hits:
            return min(i + (_low_zeros(hits) >> 3), end)
        i += 8
    while i < end and data[i] != byte:
        i += 1
    return min(i, end)


@inlined
def hash_bytes(data: np.ndarray, start: int, stop: int) -> np.uint64:
    """Of two ranges of one length up to SHORT, different bytes have different hashes: every step can be undone."""
    h = np.uint64(stop - start) * _K1
    for i in range(start, stop, 8):
        h = (h ^ _eight(data, i, stop)) * _K2
        h ^= h >> np.uint64(32)
    h *= _K1
    return h ^ (h >> np.uint64(29))


@inlined
def same_bytes(a: np.ndarray, a_start: int, a_stop: int, b: np.ndarray, b_start: int, b_stop: int) -> bool:
    if a_stop - a_start != b_stop - b_start:
        return False
    for i in range(0, a_stop - a_start, 8):
        if _eight(a, a_start + i, a_stop) != _eight(b, b_start + i, b_stop):
            return False
    return True


@inlined
def copy_bytes(out: np.ndarray, o: int, data: np.ndarray, start: int, stop: int) -> int:
    """Copy; bytes of `out` behind the copy may be overwritten, as they will be by the next one."""
    end = o + stop - start
    if start >= stop:
        return o
    if _COMPILED and end + WIDE <= out.size and stop + WIDE <= data.size:
        for i in range(0, stop - start, WIDE):
            _move(out, o + i, data, start + i)
    else:
        for i in range(stop - start):
            out[o + i] = data[start + i]
    return end


@inlined
def copy_cell(out: np.ndarray, o: int, cells: np.ndarray, k: int, length: int) -> int:
    """Copy the text of cell k; `out` has WIDE bytes to spare."""
    if _COMPILED:
        _move_cell(out, o, cells, CELL * k)
        return o + length
    return copy_bytes(out, o, cells, CELL * k, CELL * k + length)


@compiled
def make_cells(data: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Texts in cells of their own, so that one is fetched at once: uint8 [CELL * texts]. Longer ones are marked only."""
    cells = np.zeros(CELL * (offsets.size - 1), np.uint8)
    for k in range(offsets.size - 1):
        length = offsets[k + 1] - offsets[k]
        if length < CELL:
            for i in range(length):
                cells[CELL * k + i] = data[offsets[k] + i]
        cells[CELL * k + CELL - 1] = length if length < CELL else LONG
    return cells
