"""Publishers and `gc` beside each other: each writes down what it is about before it looks at what the other wrote.

So of two at the same time at least one sees the other. A publisher waits for a gc that may remove objects of its own; a gc
keeps the objects of publishers. Both kinds of files lie in `incoming/`; one that a killed process left ends by its age.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from xlt_augment.errors import StoreError
from xlt_augment.store.records import sealed, unsealed
from xlt_augment.store.storage import Entry, Missing, Storage
from xlt_augment.store.storage.base import INCOMING, incoming_name

INTENT_FORMAT, SWEEP_FORMAT = "xlt-intent/1", "xlt-sweep/1"
_INTENT, _SWEEP = "publish", "gc"
_RENEWED = 60.0  # seconds after which a process at work writes its file again
_DEAD = 600.0  # seconds: the gc of an older file is gone, or stops by itself before it removes anything more
_LOST = 43_200.0  # seconds: half of the shortest grace; after that a publisher looks for a gc anew
_LARGEST = 256 << 20  # bytes


class _Notice:
    """A file that says what this process is about, kept young while it works."""

    def __init__(self, storage: Storage, kind: str, form: str) -> None:
        self._storage, self.path, self._form = storage, incoming_name(kind), form
        self._lock, self._written, self._ticked = threading.Lock(), 0.0, 0.0
        self._objects: list[str] | None = None

    @property
    def age(self) -> float:
        """Seconds since it was written, by the clock that goes on while a machine sleeps or by the one that nobody sets back:
        whichever says more."""
        return max(time.time() - self._written, time.monotonic() - self._ticked)

    def write(self, objects: Iterable[str] | None) -> None:
        """Say it. `objects`: their sha256; None for any."""
        self._objects = None if objects is None else sorted(objects)
        content = sealed({"format": self._form, "objects": self._objects})
        begun = time.time(), time.monotonic()
        self._storage.upload(self.path, [content], len(content))
        self._written, self._ticked = begun

    def renew(self) -> None:
        """Write it again where it is not young."""
        with self._lock:
            if self.age > _RENEWED:
                self.write(self._objects)

    def remove(self) -> None:
        """Take it away. Where that fails its age ends it."""
        with suppress(StoreError):
            self._storage.remove(self.path)


class Intent(_Notice):
    """What a publisher is about to refer to."""

    def __init__(self, storage: Storage, objects: Iterable[str], waiting: Callable[[], object]) -> None:
        super().__init__(storage, _INTENT, INTENT_FORMAT)
        self._mine, self._waiting = frozenset(objects), waiting

    def keep(self) -> bool:
        """Called before a look at what the store has: True when none of it is removed from now on, as long as this is kept.

        False where so much time went by that objects may be gone that were there.
        """
        held = self.age < _LOST
        if not held:
            self.write(self._mine)
            self._wait()
        self.renew()
        return held

    def _wait(self) -> None:
        """Until no gc is at work that may remove what is mine."""
        told = False
        while self._in_danger():
            if not told:
                self._waiting()
            told = True
            time.sleep(1)

    def _in_danger(self) -> bool:
        sweeps = _notices(self._storage, _SWEEP)
        limit = self._storage.now() - _DEAD if sweeps else 0.0
        for entry in sweeps:
            doomed = _objects(self._storage, entry, SWEEP_FORMAT) if entry.modified > limit else ()
            if doomed is None or not self._mine.isdisjoint(doomed):
                return True
        return False


class Sweep(_Notice):
    """What a gc is about to remove: anything, until `write` says what."""

    def __init__(self, storage: Storage) -> None:
        super().__init__(storage, _SWEEP, SWEEP_FORMAT)

    def keep(self) -> None:
        """Called before each step. Raises StoreError where publishers may have taken this gc for dead."""
        if self.age > _DEAD / 2:
            raise StoreError(
                "removing what nothing reaches",
                found=f"{self.age / 60:.0f} minutes in which this process stood still",
                expected="at most a few, since publishers wait no longer",
                remedy="Run it again",
            )
        self.renew()


@contextmanager
def intent(storage: Storage, objects: Iterable[str], waiting: Callable[[], object]) -> Iterator[Intent]:
    """While the block runs no gc that follows `Intent.keep` removes these objects. `waiting` is called where one is at work."""
    found = Intent(storage, objects, waiting)
    try:
        yield found
    finally:
        found.remove()


@contextmanager
def sweep(storage: Storage) -> Iterator[Sweep]:
    """While the block runs publishers of objects that may be removed wait."""
    found = Sweep(storage)
    try:
        found.write(None)
        yield found
    finally:
        found.remove()


def intended(storage: Storage, since: float) -> set[str]:
    """The objects that publishers wrote down since that time of the store. Raises StoreError for a damaged file."""
    young = [entry for entry in _notices(storage, _INTENT) if entry.modified >= since]
    return {sha256 for entry in young for sha256 in _objects(storage, entry, INTENT_FORMAT) or ()}


def _notices(storage: Storage, kind: str) -> list[Entry]:
    return [entry for entry in storage.entries(INCOMING) if entry.path.startswith(f"{INCOMING}/{kind}-")]


def _objects(storage: Storage, entry: Entry, form: str) -> list[str] | None:
    """What a file says, nothing where it is gone; None for any object."""
    try:
        content = storage.read(entry.path, _LARGEST)
    except Missing:
        return []
    where = f"{storage.url}/{entry.path}"
    return unsealed(content, form, where, _listed, "Remove it, if nobody is publishing")


def _listed(body: dict[str, Any]) -> list[str] | None:
    objects: list[str] | None = body["objects"]
    if objects is not None and not all(isinstance(sha256, str) for sha256 in objects):
        raise ValueError("objects")
    return objects
