"""`gc`: remove what no reference reaches, once it is older than the grace period."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from xlt_augment.errors import UsageError
from xlt_augment.store.intents import Sweep, intended, sweep
from xlt_augment.store.repository import OBJECTS, Store
from xlt_augment.store.storage import Entry
from xlt_augment.store.storage.base import INCOMING

GRACE = 7 * 86_400.0  # seconds
SHORTEST_GRACE = 86_400.0  # seconds: what a publisher at work says of its objects is older than that only if it stands still


@dataclass(frozen=True, kw_only=True)
class Collected:
    """`garbage`: what no reference reaches nor a publisher means to; `young`: what is not that old, or meant; `removed`: of the
    garbage."""

    garbage: tuple[Entry, ...]
    young: tuple[Entry, ...]
    removed: tuple[Entry, ...]


def collect(
    store: Store, *, grace: float = GRACE, apply: bool = False, progress: Callable[[Entry], object] = lambda entry: None
) -> Collected:
    """Find the objects and partial files that nothing refers to, and with `apply` remove them.

    `grace` is in seconds, by the store's clock. What publishers at work are about to refer to is kept, whatever its age. A
    damaged reference or manifest ends it all with a StoreError before anything is removed: what it reaches could not be told.
    """
    if grace < SHORTEST_GRACE:
        raise UsageError(
            "reading --grace",
            found=f"{grace / 3600:g} hours",
            expected=f"at least {SHORTEST_GRACE / 3600:g}, so that nothing of a publisher at work is removed",
            remedy="Leave it out for 7 days",
        )
    if not apply:
        return _found(store, grace)
    with sweep(store.storage) as mine:
        found = _found(store, grace, mine)
        removed = tuple(_removed(store, found, mine, progress))
    return replace(found, removed=removed)


def _found(store: Store, grace: float, mine: Sweep | None = None) -> Collected:
    """What there is to remove."""
    keep = mine.keep if mine else lambda: None
    storage = store.storage
    limit = storage.now() - grace
    meant = intended(storage, limit)  # before the references: a publisher that has ended since has made its own
    listed = []
    for entry in (entry for prefix in (OBJECTS, INCOMING) for entry in storage.entries(prefix)):
        listed.append(entry)
        keep()
    reached = store.reached(keep)
    unreached = [entry for entry in listed if _name(entry) not in reached and not (mine and entry.path == mine.path)]
    young = {entry.path: entry for entry in unreached if entry.modified >= limit or _name(entry) in meant}
    garbage = tuple(entry for entry in unreached if entry.path not in young)
    return Collected(garbage=garbage, young=tuple(young.values()), removed=())


def _removed(store: Store, found: Collected, mine: Sweep, progress: Callable[[Entry], object]) -> Iterator[Entry]:
    mine.write(_name(entry) for entry in found.garbage)  # publishers of other objects need not wait any more
    for entry in found.garbage:
        mine.keep()
        store.storage.remove(entry.path)
        progress(entry)
        yield entry


def _name(entry: Entry) -> str:
    return entry.path.rpartition("/")[2]
