"""What object stores have in common: objects appear whole when a request ends, large ones in parts, completed or abandoned."""

import os
import random
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any, TypeVar

from xlt_augment.errors import StoreError, XltError
from xlt_augment.store.storage.base import (
    PIECE_BYTES,
    Entry,
    Missing,
    check_content,
    checked,
    counted,
    incoming_name,
    is_plain_path,
    regrouped,
    too_large,
)
from xlt_augment.store.storage.faults import Advice, Kind, fault
from xlt_augment.store.storage.timing import timeout_seconds

T = TypeVar("T")
_PARTS = 9_000  # below the 10,000 of S3
_ATTEMPTS = 4
_TRANSIENT = (Kind.UNREACHABLE, Kind.BUSY)


class Listing:
    """Items of a listing, page by page. A generator would be over after a fault; here the page is asked for again."""

    def __init__(self, page: Callable[[str | None], tuple[list[tuple[str, int, float]], str | None]]) -> None:
        self._page = page  # from a token, None for the first page, to items and the token of the next page, None after the last
        self._items: Iterator[tuple[str, int, float]] = iter(())
        self._token: str | None = None
        self._over = False

    def __iter__(self) -> Iterator[tuple[str, int, float]]:
        return self

    def __next__(self) -> tuple[str, int, float]:
        while (item := next(self._items, None)) is None:
            if self._over:
                raise StopIteration
            items, self._token = self._page(self._token)
            self._items, self._over = iter(items), self._token is None
        return item


class ObjectStorage(ABC):
    """A storage over an fsspec file system of objects; one class a protocol says how each request is made."""

    advice: Advice

    def __init__(self, url: str, container: str, prefix: str) -> None:
        self.url, self._container, self._prefix = url, container, prefix
        self._fs: Any = None
        self._owner = 0  # the process that opened `_fs`: a fork does not inherit connections
        self._lock = threading.Lock()
        self._container_seen = False

    @property
    def fs(self) -> Any:
        """The file system of this process, opened on first use."""
        with self._lock:
            if self._fs is None or self._owner != os.getpid():
                self._fs, self._owner = self._open(), os.getpid()
            return self._fs

    @abstractmethod
    def _open(self) -> Any:
        """A file system without caches, retries of its own or shared instances."""

    @abstractmethod
    def _kind(self, error: Exception) -> Kind | None:
        """The kind of a foreign error, None for an error of the program."""

    @abstractmethod
    def _info(self, key: str) -> tuple[int, float]:
        """Bytes and time of an object. Raises what `_kind` knows as MISSING where there is none."""

    @abstractmethod
    def _get(self, key: str, start: int, end: int) -> bytes:
        """The bytes [start, end) of an object, at least one."""

    @abstractmethod
    def _put(self, key: str, content: bytes) -> None:
        """Write a whole object in one request."""

    @abstractmethod
    def _create(self, key: str, content: bytes) -> bool:
        """Write a whole object in one request where there is none; False where there is one."""

    @abstractmethod
    def _delete(self, key: str) -> None:
        """Remove an object."""

    @abstractmethod
    def _list(self, prefix: str) -> Iterator[tuple[str, int, float]]:
        """Key, bytes and time of every object whose key begins with `prefix`, sorted by key."""

    @abstractmethod
    def _check_container(self) -> None:
        """Raise what `_kind` knows as MISSING or CONTAINER where the bucket does not exist."""

    @abstractmethod
    def _begin(self, key: str, size: int) -> Any:
        """Begin an upload in parts; the result is handed to the next three."""

    @abstractmethod
    def _part(self, upload: Any, number: int, start: int, content: bytes) -> None:
        """Send part `number`, counted from 0, whose first byte is number `start` of the object."""

    @abstractmethod
    def _complete(self, upload: Any) -> None:
        """Make the object appear."""

    @abstractmethod
    def _abandon(self, upload: Any) -> None:
        """Forget the parts."""

    def read(self, path: str, at_most: int = 16 << 20) -> bytes:
        """See Storage."""
        key, doing = self._key(path), f"reading {path} of"
        size, _ = self._call(doing, self._info, key)
        if size > at_most:
            raise too_large(path, self.url, size, at_most)
        return self._call(doing, self._get, key, 0, size) if size else b""

    def pieces(self, path: str) -> Iterator[bytes]:
        """See Storage."""
        key, doing = self._key(path), f"reading {path} of"
        size, _ = self._call(doing, self._info, key)
        for start in range(0, size, PIECE_BYTES):
            yield self._call(doing, self._get, key, start, min(start + PIECE_BYTES, size))

    def size(self, path: str) -> int | None:
        """See Storage."""
        try:
            return self._call(f"looking for {path} in", self._info, self._key(path))[0]
        except Missing:
            return None

    def entries(self, prefix: str) -> Iterator[Entry]:
        """See Storage."""
        doing, start = f"listing {prefix} of", len(self._prefix)
        listing, found = self._list(self._key(prefix) + "/"), False
        while (item := self._call(doing, next, listing, None)) is not None:
            found = True
            if is_plain_path(item[0][start:]):
                yield Entry(item[0][start:], item[1], item[2])
        if not found:
            self._call(doing, self._know_container, doing)

    def upload(self, path: str, pieces: Iterable[bytes], size: int) -> None:
        """See Storage."""
        key, doing = self._key(path), f"uploading {path} to"
        block = max(PIECE_BYTES, -(-size // _PARTS >> 20) + 1 << 20)
        blocks = regrouped(counted(pieces, size, path, self.url), block)
        if size <= block:
            content = b"".join(blocks)
            self._call(doing, self._put, key, content)
            return
        upload = self._call(doing, self._begin, key, size)
        try:
            for number, content in enumerate(blocks):
                self._call(doing, self._part, upload, number, number * block, content)
            self._call(doing, self._complete, upload)
        except BaseException:
            with suppress(XltError):
                self._call(doing, self._abandon, upload)
            raise

    def create(self, path: str, content: bytes) -> bool:
        """See Storage."""
        check_content(path, self.url, content)
        return self._call(f"creating {path} in", self._create, self._key(path), content)

    def remove(self, path: str) -> None:
        """See Storage."""
        with suppress(Missing):
            self._call(f"removing {path} from", self._delete, self._key(path))

    def now(self) -> float:
        """See Storage."""
        path = incoming_name("clock")
        self.upload(path, [b"?"], 1)
        try:
            return self._call("asking the time of", self._info, self._key(path))[1]
        finally:
            self.remove(path)

    def _key(self, path: str) -> str:
        return self._prefix + checked(path)

    def _know_container(self, doing: str) -> None:
        """Where nothing is found, tell a bucket without it from no bucket at all; asked once."""
        if self._container_seen:
            return
        try:
            self._check_container()
        except Exception as error:
            if self._kind(error) in (Kind.MISSING, Kind.CONTAINER):
                raise fault(Kind.CONTAINER, doing, self.url, self.advice, error) from None
            raise
        self._container_seen = True

    def _call(self, doing: str, request: Callable[..., T], *arguments: Any) -> T:
        """The result of a request, tried again for a few seconds where the fault may pass. Raises StoreError alone."""
        begun = time.monotonic()
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return request(*arguments)
            except XltError:
                raise
            except Exception as error:
                failure = self._failure(doing, error)
                if failure is None:
                    raise
                kind, told = failure
            waited = time.monotonic() - begun
            late = attempt > 1 and waited > timeout_seconds()
            if kind not in _TRANSIENT or attempt == _ATTEMPTS or late:
                break
            time.sleep(random.uniform(0.5, 1) * 0.2 * 2**attempt)
        raise told

    def _failure(self, doing: str, error: Exception) -> tuple[Kind, StoreError] | None:
        kind = self._kind(error)
        if kind is Kind.MISSING:
            self._call(doing, self._know_container, doing)  # a bucket that is not there is another message
        return None if kind is None else (kind, fault(kind, doing, self.url, self.advice, error))
