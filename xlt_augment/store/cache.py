"""The local cache: objects under their sha256, shared by all processes, and folders of hard links to them."""

import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from xlt_augment.canonical import sha256_file
from xlt_augment.errors import StoreError
from xlt_augment.store.storage.base import write_all
from xlt_augment.store.storage.faults import SPACE

_ABANDONED = 24 * 3600  # seconds after which a partial file belongs to a process that is gone
_READ_ONLY = 0o444


def cache_root() -> Path:
    """`store` below XLT_CACHE, else below `xlt` in XDG_CACHE_HOME (`~/.cache`). Raises StoreError for a user without a home."""
    if chosen := os.environ.get("XLT_CACHE"):
        return Path(chosen).absolute() / "store"
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "xlt" / "store"
    except RuntimeError as error:
        raise StoreError(
            "looking for the local cache", found="no home folder", expected="one", remedy="Name a folder: set XLT_CACHE"
        ) from error


class Cache:
    """Objects below `root/objects`. Files are read-only, since folders elsewhere are links to them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._incoming = root / "incoming"

    def path(self, sha256: str) -> Path:
        """Where the object of that hash lies, once it is there."""
        return self.root / "objects" / sha256[:2] / sha256

    def holds(self, sha256: str, size: int) -> bool:
        """Whether an object of that size is there; its bytes are not looked at."""
        try:
            return self.path(sha256).stat().st_size == size
        except OSError:
            return False

    def sound(self, sha256: str) -> bool:
        """Whether the bytes of an object that is there are those of its hash."""
        try:
            return sha256_file(self.path(sha256)) == sha256
        except OSError:
            return False

    def n_bytes(self) -> int:
        """Size of all objects; those that somebody removes meanwhile may count or not."""
        total = 0
        for folder, _, names in os.walk(self.root / "objects"):
            for name in names:
                with suppress(OSError):
                    total += os.lstat(f"{folder}/{name}").st_size
        return total

    def add(self, sha256: str, pieces: Iterable[bytes]) -> None:
        """Write an object, whole or not at all; `pieces` raises at its end when the bytes are wrong. Raises StoreError."""
        with self._writing(self.path(sha256)) as partial, partial.open("wb", buffering=0) as stream:
            for piece in pieces:
                write_all(stream.fileno(), piece)

    def put(self, target: Path, content: bytes) -> None:
        """Write a small file of the cache that is no object, whole or not at all. Raises StoreError."""
        with self._writing(target) as partial:
            partial.write_bytes(content)

    @contextmanager
    def _writing(self, target: Path) -> Iterator[Path]:
        partial = self._incoming / secrets.token_hex(16)
        with self.writing(target):
            try:
                self._incoming.mkdir(parents=True, exist_ok=True)
                yield partial
                partial.chmod(_READ_ONLY)
                target.parent.mkdir(parents=True, exist_ok=True)
                partial.replace(target)
            finally:
                with suppress(OSError):
                    partial.unlink(missing_ok=True)

    def link(self, files: Iterable[tuple[str, str]], folder: Path) -> None:
        """Make `folder` hold `files` (path, sha256) as links to objects, in place of files that are none. Raises StoreError.

        A new folder appears whole. Other files in one that is there stay.
        """
        with self.writing(folder):
            partial = self._incoming / secrets.token_hex(16)
            try:
                self._link_into(files, folder, partial)
            finally:
                shutil.rmtree(partial, ignore_errors=True)

    def _link_into(self, files: Iterable[tuple[str, str]], folder: Path, partial: Path) -> None:
        if folder.is_symlink():  # not ours, and it leads elsewhere
            folder.unlink()
        wrong = [(name, sha256) for name, sha256 in files if not self.linked([(name, sha256)], folder)]
        for name, sha256 in wrong:
            (partial / name).parent.mkdir(parents=True, exist_ok=True)
            os.link(self.path(sha256), partial / name)
        folder.parent.mkdir(parents=True, exist_ok=True)
        if wrong and not folder.is_dir():
            partial.rename(folder)
            return
        for name, _ in wrong:
            _plain_folders(folder, name)
            (partial / name).replace(folder / name)

    def linked(self, files: Iterable[tuple[str, str]], folder: Path) -> bool:
        """Whether `folder` holds all of `files` as links to objects."""
        try:
            return all(os.path.samestat((folder / name).lstat(), self.path(sha256).lstat()) for name, sha256 in files)
        except OSError:
            return False

    @contextmanager
    def locked(self, name: str, waiting: Callable[[], object] = lambda: None) -> Iterator[None]:
        """One process at a time for what has that name; others wait, after calling `waiting`. Raises StoreError."""
        from filelock import FileLock, Timeout

        path = self.root / "locks" / f"{name}.lock"
        with self.writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(path)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                waiting()
                lock.acquire()
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def writing(self, target: Path) -> Iterator[None]:
        """Turn what the file system says into a StoreError that names the file and what to do."""
        try:
            yield
        except OSError as error:
            full = error.errno in SPACE
            raise StoreError(
                f"writing {error.filename2 or error.filename or target}",
                found="no space left" if full else error.strerror or str(error),
                expected="room in the cache" if full else "a cache that can be written to",
                remedy=f"Make room below {self.root}, or name another folder: set XLT_CACHE"
                if full
                else f"Mend what is in the way below {self.root}, or name another folder: set XLT_CACHE",
            ) from error

    def sweep(self) -> None:
        """Remove partial files and folders of processes that are gone."""
        limit = time.time() - _ABANDONED
        with suppress(OSError):
            for path in self._incoming.iterdir():
                if path.stat().st_mtime < limit:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()


def _plain_folders(folder: Path, name: str) -> None:
    """Make the folders of a file. A link where one belongs, which would lead the file elsewhere, makes way."""
    for place in [folder / parent for parent in reversed(Path(name).parents)]:
        if place.is_symlink() or place.is_file():
            place.unlink()
        place.mkdir(exist_ok=True)
