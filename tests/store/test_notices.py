"""Notices of publishers and gc: they stay young whatever the clocks do."""

from types import SimpleNamespace

import pytest

from xlt_augment.errors import StoreError
from xlt_augment.store import intents
from xlt_augment.store.intents import sweep
from xlt_augment.store.storage.memory import MemoryStorage


class Clock(SimpleNamespace):
    """What `intents` takes for the module `time`."""

    wall = 1e9
    ticks = 50.0

    def time(self) -> float:
        return self.wall

    def monotonic(self) -> float:
        return self.ticks


class Counting(MemoryStorage):
    """Counts what is written."""

    written = 0

    def upload(self, *arguments: object) -> None:
        self.written += 1
        super().upload(*arguments)  # type: ignore[arg-type]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(intents, "time", found)
    return found


def test_a_clock_that_is_set_back_does_not_let_a_notice_grow_old(clock: Clock) -> None:
    storage = Counting("notices-set-back")
    with sweep(storage) as mine:
        mine.keep()
        assert storage.written == 1
        clock.wall -= 3_600.0
        clock.ticks += 61.0
        mine.keep()
        assert storage.written == 2


@pytest.mark.parametrize("name", ["wall", "ticks"])
def test_a_gc_that_stood_still_stops(clock: Clock, name: str) -> None:
    with sweep(Counting(f"notices-{name}")) as mine:
        setattr(clock, name, getattr(clock, name) + 301.0)
        with pytest.raises(StoreError, match="stood still"):
            mine.keep()
