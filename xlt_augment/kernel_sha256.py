"""SHA-256 of two streams at once, by the processor's own instructions (FIPS 180-4; Intel SHA extensions).

A round waits for the one before it, and the unit idles meanwhile; the rounds of a second stream fill the gap, so two streams
take the time of one. Caller: `sha256.py`, which also says where these instructions are to be had.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from xlt_augment.compiled import compiled

BLOCK = 64  # bytes that one compression takes


def _roots(power: int, count: int) -> list[int]:
    """First 32 bits of the fractions of the square (2) or cube (3) roots of the first primes (FIPS 180-4, 4.2.2, 5.3.3)."""
    primes = [n for n in range(2, 312) if all(n % k for k in range(2, int(n**0.5) + 1))][:count]
    found = []
    for prime in primes:
        root = round((prime << 32 * power) ** (1 / power))  # near; then exact
        while root**power > prime << 32 * power:
            root -= 1
        while (root + 1) ** power <= prime << 32 * power:
            root += 1
        found.append(root & 0xFFFFFFFF)
    return found


_A, _B, _C, _D, _E, _F, _G, _H = _roots(2, 8)
START = np.array([_F, _E, _B, _A, _H, _G, _D, _C], np.uint32)  # in the order of the instructions
ORDER = np.array([3, 2, 7, 6, 1, 0, 5, 4])  # a, b, c ... h among them

_WORD, _LONG = ir.IntType(32), ir.IntType(64)
_FOUR, _SIXTEEN = ir.VectorType(_WORD, 4), ir.VectorType(ir.IntType(8), 16)
_ROUNDS = _roots(3, 64)
_BIG_ENDIAN = [4 * word + 3 - byte for word in range(4) for byte in range(4)]


class _Stream:
    """One stream while code for a block of it is generated: its state (two vectors) and the last 16 words of the schedule."""

    def __init__(self, builder: Any, state: Any, data: Any) -> None:
        self.builder = builder
        self.places = [builder.bitcast(builder.gep(state, [_LONG(4 * k)]), _FOUR.as_pointer()) for k in range(2)]
        self.start = [builder.load(place, align=4) for place in self.places]
        self.state = list(self.start)
        self.words = [self._words(builder.gep(data, [_LONG(16 * k)])) for k in range(4)]

    def _words(self, place: Any) -> Any:
        raw = self.builder.load(self.builder.bitcast(place, _SIXTEEN.as_pointer()), align=1)
        return self.builder.bitcast(self._shuffle(raw, raw, _BIG_ENDIAN), _FOUR)

    def _shuffle(self, one: Any, other: Any, lanes: list[int]) -> Any:
        return self.builder.shuffle_vector(one, other, ir.Constant(ir.VectorType(_WORD, len(lanes)), lanes))

    def _call(self, name: str, *arguments: Any) -> Any:
        module, name = self.builder.module, f"llvm.x86.sha256{name}"
        function = module.globals.get(name) or ir.Function(module, ir.FunctionType(_FOUR, [_FOUR] * len(arguments)), name)
        return self.builder.call(function, arguments)

    def four_rounds(self, k: int) -> None:
        """Rounds 4 k ... 4 k + 3, and the words of the schedule that come 16 later."""
        words = self.words[k % 4]
        sums = self.builder.add(words, ir.Constant(_FOUR, _ROUNDS[4 * k : 4 * k + 4]))
        abef, cdgh = self.state
        cdgh = self._call("rnds2", cdgh, abef, sums)
        abef = self._call("rnds2", abef, cdgh, self._shuffle(sums, sums, [2, 3, 0, 0]))
        self.state = [abef, cdgh]
        if k < 12:
            after, third, last = (self.words[(k + n) % 4] for n in (1, 2, 3))
            part = self.builder.add(self._call("msg1", words, after), self._shuffle(third, last, [1, 2, 3, 4]))
            self.words[k % 4] = self._call("msg2", part, last)

    def store(self) -> None:
        for place, now, before in zip(self.places, self.state, self.start):
            self.builder.store(self.builder.add(now, before), place, align=4)


def _compressor(streams: int) -> Any:
    """`compress(state, data, i, ...)`, three arguments a stream: the block of each that begins at byte i of its data."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        def address(k: int) -> Any:
            return context.make_array(signature.args[k])(context, builder, arguments[k]).data

        starts = [builder.gep(address(3 * k + 1), [arguments[3 * k + 2]]) for k in range(streams)]
        under_way = [_Stream(builder, address(3 * k), starts[k]) for k in range(streams)]
        for k in range(16):
            for stream in under_way:
                stream.four_rounds(k)
        for stream in under_way:
            stream.store()
        return context.get_dummy_value()

    def one(typing: Any, state: Any, data: Any, i: Any) -> Any:
        return types.void(state, data, types.int64), generate

    def two(typing: Any, state: Any, data: Any, i: Any, other_state: Any, other: Any, j: Any) -> Any:
        return types.void(state, data, types.int64, other_state, other, types.int64), generate

    typed: Any = intrinsic
    return typed(one if streams == 1 else two)


_compress = _compressor(1)
_compress_two = _compressor(2)


@compiled
def compress(state: np.ndarray, data: np.ndarray, i: int, blocks: int) -> None:
    """Take the blocks from byte i of `data` on into `state`."""
    for k in range(blocks):
        _compress(state, data, i + BLOCK * k)


@compiled
def compress_two(
    state: np.ndarray, data: np.ndarray, i: int, other_state: np.ndarray, other: np.ndarray, j: int, blocks: int
) -> None:  # fmt: skip
    """The same for two streams beside each other."""
    for k in range(blocks):
        _compress_two(state, data, i + BLOCK * k, other_state, other, j + BLOCK * k)
