"""What the tests of veto lists share: a set, a clock, a service, a second hand, leave of files that binds root too."""

import ctypes
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from xlt_augment import SynonymSet
from xlt_augment.service.failures import Refused
from xlt_augment.service.settings import Settings
from xlt_augment.service.shelf import Shelf
from xlt_augment.service.state import Service
from xlt_augment.service.vetoes import VetoLists
from xlt_augment.service.workers import Workers

SMALL = {
    "good": ["fine", "bad"],
    "bad": ["poor", "good"],
    "fine": ["good"],
    "lone": ["bad"],
    "#tag": ["good"],
    "New York": ["NY"],
}
PAIR = ("bad", "good")
WITHDRAWN = "withdrawn_by = 'x', withdrawn_reason = 'y', withdrawn_at = 'z'"  # as SQL sets it
BEGIN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def ticking() -> Callable[[], datetime]:
    """A clock that goes on by a second each time it is looked at."""
    seconds = iter(range(10**9))
    return lambda: BEGIN + timedelta(seconds=next(seconds))


def small_shelf(folder: Path, *names: str) -> Shelf:
    """`SMALL` under each of these names, in a file of its own."""
    for name in names:
        SynonymSet.from_mapping(SMALL).save(folder / f"{name}.arrow")
    return Shelf([str(folder / f"{name}.arrow") for name in names])


@contextmanager
def small_service(folder: Path, lists: VetoLists | None) -> Iterator[Service]:
    """A service of two such sets."""
    workers = Workers(2, 4)
    try:
        yield Service(Settings(), small_shelf(folder, "small", "other"), workers, lists)
    finally:
        workers.close()


@contextmanager
def by_hand(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection of somebody else."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as connection:
        yield connection


def propose(lists: VetoLists, second: str = "x") -> None:
    """Strike a pair of the set `s`."""
    lists.propose("s", "ab", "a", second, "Ann", "why")


def refusal(call: Callable[[], object], found: str) -> Refused:
    """What a call is refused with: 503, in four parts, without a path."""
    with pytest.raises(Refused, match=found) as refused:
        call()
    error = refused.value
    assert error.status == 503
    assert all((error.doing, error.expected, error.remedy))
    assert "/" not in str(error)
    return error


_VERSION, _OVERRIDE = 0x20080522, 0b110  # of the structures; CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH


@contextmanager
def bound_by_leave() -> Iterator[None]:
    """Root may read and write everything by two of its capabilities: without them, in this thread and those it starts."""
    if os.geteuid():
        yield
        return
    libc, head, data = ctypes.CDLL(None, use_errno=True), (ctypes.c_uint32 * 2)(_VERSION, 0), (ctypes.c_uint32 * 6)()
    assert libc.capget(head, data) == 0
    before = data[0]
    data[0] &= ~_OVERRIDE
    assert libc.capset(head, data) == 0
    try:
        yield
    finally:
        data[0] = before
        assert libc.capset(head, data) == 0
