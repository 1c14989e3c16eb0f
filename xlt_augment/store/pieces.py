"""Bytes on their way: read in pieces, hashed as they pass, several files at a time."""

import _thread
import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

PIECE = 256 << 10  # bytes at a time: they stay in the processor's cache on their way from file to hash to file
T = TypeVar("T")
R = TypeVar("R")
Progress = Callable[[int], object]  # called with bytes that are done, by one thread at a time


class Stopped(Exception):
    """Another file failed, or a signal came; this one is given up."""


def file_pieces(path: Path, wrong: Callable[[str], Exception]) -> Iterator[bytes]:
    """The bytes of a local file. Raises `wrong(what was found)` where it cannot be read, so that nobody takes it for an error
    of what the bytes are written to."""
    try:
        with path.open("rb", buffering=0) as stream:
            while piece := stream.read(PIECE):
                yield piece
    except OSError as error:
        raise wrong(error.strerror or str(error)) from error


def hashed(pieces: Iterable[bytes], sha256: str, size: int, wrong: Callable[[str], Exception]) -> Iterator[bytes]:
    """The pieces, handed on as they come. Raises `wrong(what was found)` behind the last, so that whoever takes them learns of
    it before the end, when they are not `size` bytes of that sha256."""
    digest, count = hashlib.sha256(), 0
    for piece in pieces:
        digest.update(piece)
        count += len(piece)
        if count > size:
            break
        yield piece
    if count != size:
        raise wrong(f"{'more than ' * (count > size)}{min(count, size):,} bytes")
    if digest.hexdigest() != sha256:
        raise wrong(f"sha256 {digest.hexdigest()[:12]}")


class Crew:
    """Threads that work on a list of files and give up together: the first error, or a signal, stops all at the next piece."""

    def __init__(self, threads: int, progress: Progress = lambda count: None) -> None:
        self._threads, self._progress = max(1, threads), progress
        self._stop, self._lock = threading.Event(), threading.Lock()

    def watch(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """The pieces, counted for the progress. Raises Stopped between two of them when it is time to give up."""
        for piece in pieces:
            if self._stop.is_set():
                raise Stopped
            yield piece
            with self._lock:
                self._progress(len(piece))

    def run(self, items: Sequence[T], work: Callable[[T], R]) -> list[R]:
        """`work` of each item, in their order. Raises the first error, or what a signal does, when all have ended.

        A thread of its own leads the others: Python raises what a signal does in the main thread between any two steps, also
        while a pool holds its locks, and then all wait for ever.
        """
        found: list[R] = []
        errors: list[BaseException] = []
        told: SimpleQueue[None] = SimpleQueue()  # which waits without steps of Python
        begun, over = threading.Lock(), threading.Event()

        def lead() -> None:
            if not begun.acquire(blocking=False):
                return
            try:
                found.extend(self._led(items, work))
            except BaseException as error:  # noqa: BLE001 - raised by who waits
                errors.append(error)
            over.set()
            told.put(None)

        try:
            _thread.start_new_thread(lead, ())  # no Thread, whose start takes many steps
            told.get()
        except BaseException:
            self._stop.set()
            if not begun.acquire(blocking=False):  # else it never will
                over.wait()
            raise
        if errors:
            raise errors[0]
        return found

    def _led(self, items: Sequence[T], work: Callable[[T], R]) -> list[R]:
        with ThreadPoolExecutor(min(self._threads, len(items)) or 1, thread_name_prefix="xlt-store") as pool:
            futures = [pool.submit(self._one, work, item) for item in items]
            try:
                for future in as_completed(futures):
                    future.result()
            except BaseException:
                self._stop.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return [future.result() for future in futures]

    def _one(self, work: Callable[[T], R], item: T) -> R:
        if self._stop.is_set():
            raise Stopped
        return work(item)
