"""A store in the memory of this process, for tests and trials: `memory://NAME`. All of the process see the same one."""

import threading
from collections.abc import Iterable, Iterator
from typing import Any

from xlt_augment.store.storage.base import (
    PIECE_BYTES,
    Entry,
    check_content,
    checked,
    counted,
    incoming_name,
    too_large,
)
from xlt_augment.store.storage.faults import Advice, Kind, fault

_LOCK = threading.Lock()  # one for all: fsspec keeps one dictionary for all


class MemoryStorage:
    """The files below a name in fsspec's memory file system."""

    def __init__(self, root: str) -> None:
        from fsspec.implementations.memory import MemoryFileSystem

        self._fs: Any = MemoryFileSystem(skip_instance_cache=True)
        self._root = "/" + root
        self.url = f"memory://{root}"

    def read(self, path: str, at_most: int = 16 << 20) -> bytes:
        """See Storage."""
        content = self._content(path)
        if len(content) > at_most:
            raise too_large(path, self.url, len(content), at_most)
        return content

    def pieces(self, path: str) -> Iterator[bytes]:
        """See Storage."""
        content = self._content(path)
        for start in range(0, len(content), PIECE_BYTES):
            yield content[start : start + PIECE_BYTES]

    def _content(self, path: str) -> bytes:
        with _LOCK:
            try:
                return bytes(self._fs.cat_file(self._full(path)))
            except FileNotFoundError:
                raise fault(Kind.MISSING, f"reading {path} of", self.url, Advice()) from None

    def size(self, path: str) -> int | None:
        """See Storage."""
        with _LOCK:
            full = self._full(path)
            return int(self._fs.size(full)) if self._fs.isfile(full) else None

    def entries(self, prefix: str) -> Iterator[Entry]:
        """See Storage."""
        with _LOCK:
            folder = self._full(prefix)
            found = self._fs.find(folder, detail=True) if self._fs.isdir(folder) else {}
            start = len(self._root) + 1
            listed = [Entry(name[start:], info["size"], _seconds(info["created"])) for name, info in sorted(found.items())]
        yield from listed

    def upload(self, path: str, pieces: Iterable[bytes], size: int) -> None:
        """See Storage."""
        full = self._full(path)
        content = b"".join(counted(pieces, size, path, self.url))
        with _LOCK:
            self._fs.pipe_file(full, content)

    def create(self, path: str, content: bytes) -> bool:
        """See Storage."""
        full = self._full(path)
        check_content(path, self.url, content)
        with _LOCK:
            if self._fs.exists(full):
                return False
            self._fs.pipe_file(full, content)
            return True

    def remove(self, path: str) -> None:
        """See Storage."""
        with _LOCK:
            full = self._full(path)
            if self._fs.isfile(full):
                self._fs.rm_file(full)

    def now(self) -> float:
        """See Storage."""
        path = incoming_name("clock")
        self.upload(path, [b"?"], 1)
        try:
            with _LOCK:
                return _seconds(self._fs.info(self._full(path))["created"])
        finally:
            self.remove(path)

    def _full(self, path: str) -> str:
        return f"{self._root}/{checked(path)}"


def _seconds(created: Any) -> float:
    """Versions of fsspec differ in how they keep a time."""
    return float(created.timestamp() if hasattr(created, "timestamp") else created)
