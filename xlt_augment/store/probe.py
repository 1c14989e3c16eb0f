"""What a storage really does, found out by trying: exclusive creation in turn and in a race, whole files, fresh listings.

Exclusive creation is what keeps two publishers from making one version twice, and not every server of a protocol has it.
"""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from typing import Any

from xlt_augment.errors import StoreError
from xlt_augment.store.artifacts import is_plain
from xlt_augment.store.storage import Missing, Storage, open_storage
from xlt_augment.store.storage.base import INCOMING, incoming_name

_PIECE = b"0123456789abcdef" * (4 << 16)  # 4 MiB: three of them are more than a storage sends in one request
_PACKAGES = {"s3": ("s3fs", "botocore"), "gs": ("gcsfs",), "abfs": ("adlfs", "azure-storage-blob"), "sftp": ("asyncssh",)}


@dataclass(frozen=True)
class Probe:
    """The outcome of `probe`, which a store keeps in its `xlt-store.json`."""

    exclusive_sequential: bool  # a second creator is told so, and changes nothing
    exclusive_racing: bool  # of many at once exactly one makes the file, with its own content
    whole: bool  # a file is not visible before it is complete, and a broken upload leaves what was there
    listing: bool  # what is written, replaced or removed is read and listed so at once
    winners: list[int]  # writers that were told they made the file, in each round of the race; 1 is right
    clock_skew_seconds: float  # the store's clock less ours
    software: dict[str, str]
    at: str  # ISO 8601, UTC

    @property
    def safe(self) -> bool:
        """Whether several may publish to this storage at once."""
        return self.exclusive_sequential and self.exclusive_racing and self.whole and self.listing

    @property
    def bearable(self) -> bool:
        """Whether one publisher alone may use it: all is well but exclusive creation."""
        return self.whole and self.listing

    @property
    def faults(self) -> list[str]:
        """What is wrong, a phrase each; empty where the storage is safe."""
        winners = ", ".join(map(str, self.winners))
        told = {
            "exclusive_sequential": "a second creator replaces the first one's file or is not told of it",
            "exclusive_racing": f"creators at the same time do not exclude each other (winners of each race: {winners})",
            "whole": "a file is seen before it is complete, or a broken upload leaves something",
            "listing": "what was written or removed is not listed so at once",
        }
        return [phrase for name, phrase in told.items() if not getattr(self, name)]

    def to_json(self) -> dict[str, Any]:
        """A value for JSON, which `from_json` reads."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Any) -> "Probe":
        """Raises StoreError for a value that no probe wrote."""
        sound = isinstance(value, dict) and set(value) == {field.name for field in fields(cls)}
        sound = sound and all(isinstance(value[field.name], bool) for field in fields(cls) if field.type is bool)
        sound = sound and isinstance(value["winners"], list) and all(type(count) is int for count in value["winners"])
        sound = sound and type(value["clock_skew_seconds"]) in (int, float) and is_plain(value["at"])
        if not sound or not isinstance(value["software"], dict):
            raise StoreError(
                "reading what a probe found",
                found="something else",
                expected=f"an object with the keys {', '.join(field.name for field in fields(cls))}",
                remedy="Run xlt-augment store probe again",
            )
        return cls(**value)


def probe(storage: Storage, writers: int = 8, rounds: int = 3, opened: Callable[[str], Storage] = open_storage) -> Probe:
    """Try out a storage; about 40 MB go there and everything is removed again.

    In each of `rounds` races `writers` threads, each with a storage of its own from `opened(storage.url)`, create one name
    at once. Raises StoreError where the storage cannot be reached or used at all.
    """
    skew = _skew(storage)
    rivals = _connected(writers, lambda: opened(storage.url))
    races = [_race(storage, rivals) for _ in range(rounds)]
    return Probe(
        exclusive_sequential=_sequential(storage),
        exclusive_racing=all(fair for _, fair in races),
        whole=_whole(storage),
        listing=_listing(storage),
        winners=[count for count, _ in races],
        clock_skew_seconds=skew,
        software=_software(storage.url),
        at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    )


def _skew(storage: Storage) -> float:
    before = time.time()
    theirs = storage.now()
    return round(theirs - (before + time.time()) / 2, 1)


@contextmanager
def _trial(storage: Storage) -> Iterator[str]:
    """A name for one trial, gone after it."""
    name = incoming_name("probe")
    try:
        yield name
    finally:
        with suppress(StoreError):
            storage.remove(name)


def _read(storage: Storage, name: str) -> bytes | None:
    try:
        return storage.read(name)
    except Missing:
        return None


def _sequential(storage: Storage) -> bool:
    """Also over a file that came by upload, and again after it was removed."""
    with _trial(storage) as name, _trial(storage) as other:
        storage.upload(other, [b"uploaded"], 8)
        first, second, third = storage.create(name, b"first"), storage.create(name, b"second"), storage.create(other, b"third")
        if not first or second or third or _read(storage, name) != b"first" or _read(storage, other) != b"uploaded":
            return False
        storage.remove(name)
        return storage.create(name, b"fourth") and _read(storage, name) == b"fourth"


def _connected(count: int, opened: Callable[[], Storage]) -> list[Storage]:
    """Storages that have each asked something already, so that a race is about creation alone."""
    rivals = [opened() for _ in range(count)]
    with ThreadPoolExecutor(count) as pool:
        list(pool.map(lambda rival: rival.size(incoming_name("probe")), rivals))
    return rivals


def _race(storage: Storage, rivals: list[Storage]) -> tuple[int, bool]:
    """How many were told that they made the file, and whether that was one whose content is there."""
    gate = threading.Barrier(len(rivals))
    with _trial(storage) as name:

        def run(number: int) -> bool | StoreError:
            gate.wait()
            try:
                return rivals[number].create(name, b"writer %d" % number * 50)
            except StoreError as error:
                return error  # no winner; what counts is whether another one is right

        with ThreadPoolExecutor(len(rivals)) as pool:
            told = list(pool.map(run, range(len(rivals))))
        errors = [answer for answer in told if isinstance(answer, StoreError)]
        if len(errors) == len(told):
            raise errors[0]
        winners = [number for number, answer in enumerate(told) if answer is True]
        fair = len(winners) == 1 and _read(storage, name) == b"writer %d" % winners[0] * 50
    return len(winners), fair


class _Broken(Exception):
    """The end of an upload that breaks."""


def _whole(storage: Storage) -> bool:
    with _trial(storage) as name:
        return _breaks_cleanly(storage, name, None) and _replaces(storage, name) and _breaks_cleanly(storage, name, b"old")


def _breaks_cleanly(storage: Storage, name: str, old: bytes | None) -> bool:
    """Whether an upload that breaks shows nothing on its way, and leaves `old`."""
    seen: list[bytes | None] = []

    def pieces() -> Iterator[bytes]:
        for _ in range(3):
            yield _PIECE
        seen.append(_read(storage, name))
        raise _Broken

    with suppress(_Broken):
        storage.upload(name, pieces(), 5 * len(_PIECE))
    return [*seen, _read(storage, name)] == [old, old]


def _replaces(storage: Storage, name: str) -> bool:
    storage.upload(name, [_PIECE] * 3, 3 * len(_PIECE))
    whole = b"".join(storage.pieces(name)) == _PIECE * 3
    storage.upload(name, [b"old"], 3)
    return whole and _read(storage, name) == b"old"


def _listing(storage: Storage) -> bool:
    """Each change is looked at in three ways right after it."""
    with _trial(storage) as name:

        def shows(content: bytes | None) -> bool:
            size = None if content is None else len(content)
            listed = {entry.path: entry.bytes for entry in storage.entries(INCOMING)}.get(name)
            return (_read(storage, name), storage.size(name), listed) == (content, size, size)

        fresh = [shows(None)]
        for content in (b"one", b"longer than that"):
            storage.upload(name, [content], len(content))
            fresh.append(shows(content))
        storage.remove(name)
        return all([*fresh, shows(None)])


def _software(url: str) -> dict[str, str]:
    """Versions of the packages that speak to this kind of storage."""
    from importlib.metadata import PackageNotFoundError, version

    scheme, separator, _ = url.partition("://")
    found = {}
    for package in ("xlt", "fsspec", *(_PACKAGES.get(scheme, ()) if separator else ())):
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found
