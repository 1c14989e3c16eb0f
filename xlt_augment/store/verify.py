"""`store verify`: whether every byte that references reach is what was published."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from xlt_augment.errors import StoreError
from xlt_augment.store.artifacts import StoredFile
from xlt_augment.store.names import Name
from xlt_augment.store.pieces import Crew, Progress, hashed
from xlt_augment.store.publish import THREADS
from xlt_augment.store.pull import damaged_object
from xlt_augment.store.repository import Reference, Store, object_path
from xlt_augment.store.storage import Missing


class Damage(NamedTuple):
    """Something that is not what was published: the version that is hurt, and the whole message, with file and remedy."""

    name: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Verified:
    """What was read, and all that is wrong with it."""

    references: int
    objects: int
    bytes: int
    damages: tuple[Damage, ...]


def verify_store(
    store: Store, names: Sequence[Name] | None = None, *, threads: int = THREADS, progress: Progress = lambda count: None
) -> Verified:
    """Read every object of these names (of a name without version, of all its versions; None: of all names) and hash it.

    Raises StoreError where the store cannot be reached, or a name is not there; damage is listed, not raised.
    """
    damages: list[Damage] = []
    files: dict[str, tuple[StoredFile, Reference]] = {}
    found = list(_versions(store, names))
    for name in found:
        try:
            reference = store.reference(name)
            for file in store.artifact(reference).files:
                files.setdefault(file.sha256, (file, reference))
        except StoreError as error:
            damages.append(Damage(str(name), str(error)))
    crew = Crew(threads, progress)

    def look(item: tuple[StoredFile, Reference]) -> StoreError | None:
        file, reference = item
        where = f"{store.url}/{object_path(file.sha256)}, {file.path} of {reference.name}"
        try:
            pieces = crew.watch(store.storage.pieces(object_path(file.sha256)))
            for _ in hashed(pieces, file.sha256, file.bytes, lambda found: damaged_object(where, found, file, reference)):
                pass
        except Missing:
            return damaged_object(where, "nothing", file, reference)
        except StoreError as error:
            return error
        return None

    items = list(files.values())
    for (_, reference), wrong in zip(items, crew.run(items, look), strict=True):
        if wrong is not None:
            damages.append(Damage(str(reference.name), str(wrong)))
    n_bytes = sum(file.bytes for file, _ in items)
    return Verified(references=len(found), objects=len(items), bytes=n_bytes, damages=tuple(damages))


def _versions(store: Store, names: Sequence[Name] | None) -> Iterator[Name]:
    if names is None:
        yield from store.every_name()
        return
    for name in names:
        if name.version is not None:
            yield store.resolve(name)
        else:
            newest = store.resolve(name)
            yield from (name.at(version) for version in store.versions(newest))
