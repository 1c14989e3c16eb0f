"""One process at a time in a folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from xlt_train.errors import RunError

RUN_LOCK = ".xlt-run.lock"  # in a run folder, while a process trains there


@contextmanager
def held(path: Path, busy: RunError) -> Iterator[None]:
    """Hold the lock file `path`, which is gone afterwards; the system lets go of it when a process is killed.

    Raises `busy` where another process holds it, OSError where it cannot be written.
    """
    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise busy from error
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        lock.release()
