"""SHA-256 of several streams that grow side by side: two at a time where the processor can, else hashlib's.

A build hashes every byte twice, once as part of a file and once as content; that is most of what it computes. hashlib is bound
by the latency of one stream; two streams beside each other take the time of one.
"""

import functools
import hashlib
import platform
from collections import deque
from collections.abc import Iterable
from typing import Any, Protocol

import numpy as np

_AT_MOST = 8 << 20  # bytes that a stream keeps waiting for others
_BLOCK = 64


class Digest(Protocol):
    """What hashlib's objects and ours have in common."""

    def update(self, data: bytes | memoryview, /) -> None:
        """Add bytes, which must stay as they are until `settle` or a digest."""

    def digest(self) -> bytes:
        """The 32 bytes of all; nothing can be added after it."""

    def hexdigest(self) -> str:
        """The same in hexadecimal digits."""


@functools.cache
def works_in_pairs() -> bool:
    """Whether this processor hashes two streams in the time of one, and the compiler is free to say so to it."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return False
    from llvmlite import binding
    from numba.core import config

    settings: Any = config
    chosen = settings.DISABLE_JIT or settings.CPU_NAME or settings.CPU_FEATURES
    features = binding.get_host_cpu_features()
    return not chosen and all(features.get(name, False) for name in ("sha", "sse4.1", "ssse3"))


def new_sha256() -> Digest:
    """A digest that `settle` can pair with others; hashlib's where there is nothing to gain."""
    return _Sha256() if works_in_pairs() else hashlib.sha256()


def settle(digests: Iterable[Digest]) -> None:
    """Hash what waits in these, two at a time. What hashlib has hashed already stays as it is."""
    waiting = deque(d for d in dict.fromkeys(digests) if isinstance(d, _Sha256) and d.blocks())
    one = waiting.popleft() if waiting else None
    other = waiting.popleft() if waiting else None
    while one and other:
        one.take_with(other, min(one.blocks(), other.blocks()))
        one, other = (stream if stream.blocks() else waiting.popleft() if waiting else None for stream in (one, other))
    if rest := one or other:
        rest.take_all()


class _Sha256:
    """A stream: whole blocks wait for company as views of what was given, the bytes behind them as a copy."""

    def __init__(self) -> None:
        from xlt_augment import kernel_sha256 as kernel

        self._kernel, self._state = kernel, kernel.START.copy()
        self._length, self._held = 0, 0
        self._waiting: deque[np.ndarray] = deque()  # each some whole blocks
        self._at = 0  # in the first of them
        self._tail = b""
        self._digest: bytes | None = None

    def update(self, data: bytes | memoryview, /) -> None:
        if self._digest is not None:
            raise ValueError("update after the digest was taken")
        view = memoryview(data).cast("B") if len(memoryview(data)) else memoryview(b"")
        self._length += len(view)
        if self._tail:
            missing = _BLOCK - len(self._tail)
            self._tail += view[:missing].tobytes()
            view = view[missing:]
            if len(self._tail) < _BLOCK:
                return
            self._wait(np.frombuffer(self._tail, np.uint8))
        whole = len(view) - len(view) % _BLOCK
        if whole:
            self._wait(np.frombuffer(view[:whole], np.uint8))
        self._tail = view[whole:].tobytes()
        if self._held > _AT_MOST:
            self.take_all()

    def _wait(self, blocks: np.ndarray) -> None:
        self._waiting.append(blocks)
        self._held += len(blocks)

    def blocks(self) -> int:
        """Blocks that can be taken at once."""
        return (len(self._waiting[0]) - self._at) // _BLOCK if self._waiting else 0

    def take_with(self, other: "_Sha256", blocks: int) -> None:
        """Hash the next blocks beside those of another stream."""
        here, there = self._waiting[0], other._waiting[0]
        self._kernel.compress_two(self._state, here, self._at, other._state, there, other._at, blocks)
        self._advance(blocks)
        other._advance(blocks)

    def take_all(self) -> None:
        """Hash all that waits."""
        while blocks := self.blocks():
            self._kernel.compress(self._state, self._waiting[0], self._at, blocks)
            self._advance(blocks)

    def _advance(self, blocks: int) -> None:
        self._at += _BLOCK * blocks
        self._held -= _BLOCK * blocks
        if self._at == len(self._waiting[0]):
            self._waiting.popleft()
            self._at = 0

    def digest(self) -> bytes:
        if self._digest is None:
            self._digest = self._finish()
        return self._digest

    def _finish(self) -> bytes:
        padding = b"\x80" + bytes((55 - self._length) % _BLOCK) + (8 * self._length).to_bytes(8, "big")
        self._wait(np.frombuffer(self._tail + padding, np.uint8))
        self._tail = b""
        self.take_all()
        found: bytes = self._state[self._kernel.ORDER].astype(">u4").tobytes()
        return found

    def hexdigest(self) -> str:
        return self.digest().hex()
