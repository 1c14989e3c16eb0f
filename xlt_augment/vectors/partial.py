"""A download that is not whole yet: its bytes in a hidden file beside the target, and what they are the beginning of."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import NamedTuple

from xlt_augment.canonical import pretty_json
from xlt_augment.errors import DownloadError


class Version(NamedTuple):
    """Which version of which file the bytes belong to."""

    url: str
    validator: str | None  # strong ETag or Last-Modified, as the server wrote it; None: it named none
    total: int | None  # bytes of the whole file, where the server says


class Partial:
    """The bytes of `target` so far. This process alone writes them while `open_partial` holds the lock."""

    def __init__(self, target: Path, stream: FileIO) -> None:
        self.target, self.path, self.about = target, *_hidden(target)
        self._stream = stream
        self._published = False

    @property
    def size(self) -> int:
        """Bytes so far."""
        return os.fstat(self._stream.fileno()).st_size

    def version(self, url: str | None = None) -> Version | None:
        """What the bytes are the beginning of; None where they cannot be gone on with (from `url`, if given)."""
        try:
            fields = json.loads(self.about.read_bytes())
            found = Version(fields["url"], fields["validator"], fields["total"])
        except (OSError, KeyError, TypeError, ValueError):  # none, or half written: then the bytes are worth nothing
            return None
        usable = isinstance(found.validator, str) and isinstance(found.total, int | None) and self.size > 0
        return found if usable and url in (None, found.url) else None

    def begin(self, version: Version) -> None:
        """Forget all bytes; those to come are of this version. Raises DownloadError."""
        self.clear()  # first: a stop before the next line leaves no bytes under a wrong version
        try:
            self.about.write_bytes(pretty_json(version._asdict()))
        except OSError as error:
            raise self.unwritable(error) from error

    def append(self, chunk: bytes) -> None:
        """Add bytes. Raises DownloadError where the disk is full; what fitted stays."""
        rest = memoryview(chunk)
        try:
            while rest:  # unbuffered, so a write may take a part
                rest = rest[self._stream.write(rest) :]
        except OSError as error:
            raise self.unwritable(error) from error

    def clear(self) -> None:
        """Forget all bytes. Raises DownloadError."""
        try:
            self._stream.truncate(0)
        except OSError as error:
            raise self.unwritable(error) from error

    def publish(self) -> None:
        """Give the bytes their final name, in one step. Raises DownloadError."""
        try:
            os.fsync(self._stream.fileno())
            self.path.replace(self.target)
            self._published = True
        except OSError as error:
            raise self.unwritable(error) from error

    def tidy(self) -> None:
        """Remove what no later call could go on with; after `publish` that is the note of the version."""
        if not self._published and self.version():
            return
        with suppress(OSError):
            self.about.unlink(missing_ok=True)
            if not self._published:
                self.path.unlink(missing_ok=True)

    def kept(self) -> str:
        """A clause that says what is kept and how to go on."""
        if self.version():
            return f"{self.size:,} bytes are kept in {self.path}, and the same command goes on from there"
        return "nothing is kept that could be gone on with, and the same command starts anew"

    def unwritable(self, error: OSError) -> DownloadError:
        """The error of a disk or folder that does not take the bytes."""
        return DownloadError(
            f"writing {self.target}",
            found=error.strerror or str(error),
            expected="a folder with room that can be written to",
            remedy=f"Make room or choose another folder with --to; {self.kept()}",
        )


@contextmanager
def open_partial(target: Path) -> Iterator[Partial]:
    """Take hold of the bytes of `target` so far, alone; its folder is made where needed.

    What is kept when the block ends early can be gone on with; anything else is removed, and so is a folder made for nothing.
    An exception that is no error, as Ctrl-C, leaves with a note of what is kept.
    Raises DownloadError when another process holds them and when the folder cannot be written to.
    """
    made = [folder for folder in target.parents if not folder.exists()]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        stream = _locked(target)
    except OSError as error:
        raise DownloadError(
            f"writing {target}",
            found=error.strerror or str(error),
            expected="a folder that can be written to",
            remedy="Choose another with --to",
        ) from error
    partial = Partial(target, stream)
    try:
        yield partial
    except BaseException as error:
        if not isinstance(error, Exception):
            error.add_note(partial.kept())
        raise
    finally:
        partial.tidy()
        stream.close()  # and with it the lock
        for folder in made:
            with suppress(OSError):  # not empty
                folder.rmdir()


def _hidden(target: Path) -> tuple[Path, Path]:
    return target.with_name(f".{target.name}.partial"), target.with_name(f".{target.name}.partial.json")


def _locked(target: Path) -> FileIO:
    path = _hidden(target)[0]
    while True:
        stream = path.open("ab", buffering=0)
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.exists() and path.stat().st_ino == os.fstat(stream.fileno()).st_ino:
                return stream
        except BlockingIOError as error:
            stream.close()
            raise DownloadError(
                f"fetching {target}",
                found="another process that is fetching it",
                expected="one at a time",
                remedy="Wait until it is done, or stop it; what it has fetched by then is kept",
            ) from error
        except BaseException:
            stream.close()
            raise
        stream.close()  # moved or removed by the process that held it a moment ago
