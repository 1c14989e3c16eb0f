"""A storage whose user is killed at a chosen operation, or that runs something between two, with a clock to be moved."""

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TypeVar

from xlt_augment.store.repository import Store
from xlt_augment.store.storage import Entry, Storage
from xlt_augment.store.storage.base import incoming_name

T = TypeVar("T")
MOMENTS = ("before", "midway", "after")  # of an operation; of one that is no upload "midway" is "before"
DAY = 86_400.0


class Crash(BaseException):
    """The process is gone. Nothing may catch this, and the storage does nothing for it any more."""


class Crashing:
    """Passes everything on to `inner`, counting the operations since `revive`."""

    def __init__(self, inner: Storage) -> None:
        self.inner, self.url = inner, inner.url
        self.shift = 0.0  # seconds by which the store's clock is ahead of the real one
        self._shifts: dict[str, float] = {}  # by path, when it was written
        self._lock = threading.RLock()
        self.revive()

    def revive(
        self, at: int | None = None, moment: str = "before", between: Callable[[int], object] = lambda number: None
    ) -> None:
        """A new process, which is killed at operation `at`, counted from 1; `between` is called before each operation."""
        self._at, self._moment, self._between = at, moment, between
        self.operations, self._dead = 0, False

    def _begin(self) -> bool:
        """Count an operation; whether it is the one to be killed at."""
        with self._lock:
            if self._dead:
                raise Crash
            self.operations += 1
            number = self.operations
        self._between(number)
        if number == self._at and self._moment == "before":
            self._die()
        return number == self._at

    def _die(self) -> None:
        self._dead = True
        raise Crash

    def _do(self, effect: Callable[[], T], *, changes: bool = False) -> T:
        doomed = self._begin()
        if doomed and not (changes and self._moment == "after"):
            self._die()
        found = effect()
        if doomed:
            self._die()
        return found

    def read(self, path: str, at_most: int = 16 << 20) -> bytes:
        return self._do(lambda: self.inner.read(path, at_most))

    def pieces(self, path: str) -> Iterator[bytes]:
        doomed = self._begin()
        for piece in self.inner.pieces(path):
            if doomed:
                yield piece[: len(piece) // 2]
                self._die()
            yield piece

    def size(self, path: str) -> int | None:
        return self._do(lambda: self.inner.size(path))

    def entries(self, prefix: str) -> Iterator[Entry]:
        listed = self._do(lambda: list(self.inner.entries(prefix)))
        yield from (entry._replace(modified=entry.modified + self._shifts.get(entry.path, 0.0)) for entry in listed)

    def upload(self, path: str, pieces: Iterable[bytes], size: int) -> None:
        doomed = self._begin()
        if doomed and self._moment == "midway":
            self._break(next(iter(pieces), b""))
        self.inner.upload(path, pieces, size)
        self._shifts[path] = self.shift
        if doomed:
            self._die()

    def _break(self, piece: bytes) -> None:
        """What a killed process leaves of an upload, at worst."""
        rest, name = piece[: len(piece) // 2], incoming_name("part")
        self.inner.upload(name, [rest], len(rest))
        self._shifts[name] = self.shift
        self._die()

    def create(self, path: str, content: bytes) -> bool:
        made = self._do(lambda: self._created(path, content), changes=True)
        return made

    def _created(self, path: str, content: bytes) -> bool:
        self._shifts[path] = self.shift
        return self.inner.create(path, content)

    def remove(self, path: str) -> None:
        self._do(lambda: self.inner.remove(path), changes=True)

    def now(self) -> float:
        return self._do(self.inner.now) + self.shift


def crashing(store: Store) -> tuple[Store, Crashing]:
    """The same store over a storage that can crash."""
    storage = Crashing(store.storage)
    return replace(store, storage=storage), storage
