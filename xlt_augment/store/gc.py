"""`gc`: remove what no reference reaches, once it is older than the grace period."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby

from xlt_augment.errors import UsageError
from xlt_augment.store.repository import OBJECTS, Store
from xlt_augment.store.storage import Entry
from xlt_augment.store.storage.base import INCOMING

GRACE = 7 * 86_400.0  # seconds
SHORTEST_GRACE = 86_400.0  # seconds: `publish` keeps away from objects older than half of it


@dataclass(frozen=True, kw_only=True)
class Collected:
    """`garbage`: what no reference reaches, older than the grace; `young`: what is not that old; `removed`: of the garbage."""

    garbage: tuple[Entry, ...]
    young: tuple[Entry, ...]
    removed: tuple[Entry, ...]


def collect(
    store: Store, *, grace: float = GRACE, apply: bool = False, progress: Callable[[Entry], object] = lambda entry: None
) -> Collected:
    """Find the objects and partial files that nothing refers to, and with `apply` remove them.

    `grace` is in seconds, by the store's clock. A publisher writes objects before the reference that reaches them, and anew
    those that it finds half as old as the shortest grace; each folder is listed again just before something of it goes. A
    damaged reference or manifest ends it all with a StoreError before anything is removed: what it reaches could not be told.
    """
    if grace < SHORTEST_GRACE:
        raise UsageError(
            "reading --grace",
            found=f"{grace / 3600:g} hours",
            expected=f"at least {SHORTEST_GRACE / 3600:g}, so that nothing of a publisher at work is removed",
            remedy="Leave it out for 7 days",
        )
    storage = store.storage
    listed = [entry for prefix in (OBJECTS, INCOMING) for entry in storage.entries(prefix)]
    limit = storage.now() - grace
    reached = store.reached()  # after the listing: what was committed meanwhile is reached
    unreached = [entry for entry in listed if _name(entry) not in reached]
    garbage = [entry for entry in unreached if entry.modified < limit]
    removed = []
    for folder, entries in groupby(garbage if apply else (), key=lambda entry: entry.path.rpartition("/")[0]):
        doomed = {entry.path for entry in entries}
        for entry in [e for e in storage.entries(folder) if e.path in doomed and e.modified < limit]:
            storage.remove(entry.path)
            removed.append(entry)
            progress(entry)
    young = tuple(entry for entry in unreached if entry.modified >= limit)
    return Collected(garbage=tuple(garbage), young=young, removed=tuple(removed))


def _name(entry: Entry) -> str:
    return entry.path.rpartition("/")[2]
