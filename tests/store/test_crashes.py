"""Publish, pull and gc killed at every single operation, and gc between any two operations of a publish."""

import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.store.backends import contents, new_store, report
from tests.store.crashing import DAY, MOMENTS, Crash, crashing
from xlt_augment.store import intents
from xlt_augment.store.cache import Cache
from xlt_augment.store.gc import GRACE, collect
from xlt_augment.store.names import Name
from xlt_augment.store.publish import Published, publish
from xlt_augment.store.pull import Pulled, pull
from xlt_augment.store.verify import verify_store


class World:
    """A store with one version, the rest of a publish that was killed a month ago, and a clock that goes on when one waits."""

    def __init__(self, kind: str, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.store, self.storage = crashing(new_store(kind, folder))
        self.sources = [report(folder / f"source-{number}", number) for number in range(3)]
        self.cache = Cache(folder / "cache")
        publish(self.store, self.sources[0], Name("team", "old"), threads=1)
        for content in (1, 2):
            self.storage.revive(13, "after")
            with pytest.raises(Crash):
                self.publish(content)
        self.storage.revive()
        self.storage.shift += 30 * DAY
        self.asleep = 0.0  # seconds that this machine stood still
        clock = SimpleNamespace(
            time=lambda: time.time() + self.asleep, monotonic=time.monotonic, sleep=lambda seconds: self.sleep(seconds)
        )
        patch.setattr(intents, "time", clock)

    def sleep(self, seconds: float) -> None:
        self.storage.shift += 60 * seconds
        assert self.storage.shift < 31 * DAY  # nobody waits for a killed gc for more than some minutes

    def publish(self, content: int = 1) -> Published:
        return publish(self.store, self.sources[content], Name("team", "new"), threads=1)

    def pull(self) -> Pulled:
        return pull(self.store, Name("team", "old"), cache=self.cache, threads=1)

    def collect(self) -> Any:
        return collect(self.store, grace=GRACE, apply=True)

    def check(self) -> None:
        """All that is visible is whole and as it was."""
        self.storage.revive()
        assert verify_store(self.store, threads=1).damages == ()
        pulled = pull(self.store, Name("team", "old"), cache=self.cache, threads=1)
        assert contents(pulled.path) == contents(self.sources[0])


@pytest.fixture
def worlds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Callable[[], Any]:
    numbers = iter(range(10_000))
    return lambda: World(request.param, tmp_path / f"world-{next(numbers)}", monkeypatch)


@pytest.mark.parametrize("worlds", ["memory", "local"], indirect=True)
@pytest.mark.parametrize("work", ["publish", "pull", "collect"])
def test_killed_at_every_operation_and_repeated(work: str, worlds: Any) -> None:
    world = worlds()
    getattr(world, work)()
    operations = world.storage.operations
    assert operations > 4
    for moment in MOMENTS:
        for number in range(1, operations + 1):
            world = worlds()
            world.storage.revive(number, moment)
            with pytest.raises(Crash):
                getattr(world, work)()
            world.check()
            if work == "collect" and number % 2:  # a publisher comes before the next gc
                assert world.publish().reference.name == Name("team", "new", 1)
            done = getattr(world, work)()
            world.check()
            if work == "publish":
                assert done.reference.name == Name("team", "new", 1)
                assert world.store.versions(Name("team", "new")) == [1]
            if work == "collect":
                assert world.publish().reference.name == Name("team", "new", 1)


@pytest.mark.parametrize("worlds", ["memory"], indirect=True)
@pytest.mark.parametrize("days", [0, 8])
def test_gc_between_any_two_operations_of_a_publish(days: int, worlds: Any) -> None:
    """With `days` the publisher was asleep meanwhile: what it uploaded is older than the grace, and so is what it said."""
    world = worlds()
    world.publish()
    operations = world.storage.operations
    for number in range(1, operations + 1):
        world = worlds()
        collecting = _once(number, lambda: _sleep_and_collect(world, days))  # noqa: B023
        plain = replace(world.store, storage=world.storage.inner)

        def between(at: int) -> None:
            collecting(at)  # noqa: B023
            if not days:  # nobody may see the version without its objects, not for a moment
                assert verify_store(plain, threads=1).damages == ()  # noqa: B023

        world.storage.revive(between=between)
        done = world.publish()
        assert done.reference.name == Name("team", "new", 1)
        world.check()


def _once(number: int, work: Callable[[], object]) -> Callable[[int], None]:
    def between(at: int) -> None:
        if at == number:
            work()

    return between


def _sleep_and_collect(world: World, days: int) -> None:
    world.asleep += days * DAY
    world.storage.shift += days * DAY
    world.collect()


@pytest.mark.parametrize("worlds", ["memory"], indirect=True)
def test_a_publish_between_any_two_operations_of_gc(worlds: Any) -> None:
    """It publishes what is about to be removed: it waits, or gc leaves it alone."""
    world = worlds()
    assert len(world.collect().removed) >= 6
    operations, waited = world.storage.operations, 0
    for number in range(1, operations + 1):
        world = worlds()
        rival = _Rival(world)
        world.storage.revive(between=_once(number, rival.start))
        world.collect()
        waited += rival.finish()
        world.check()
        assert world.store.versions(Name("team", "new")) == [1]
    assert 0 < waited < operations


class _Rival:
    """A publisher in a thread, which runs until it ends or waits for gc, and goes on when gc has ended."""

    def __init__(self, world: World) -> None:
        self._world, self._waits, self._over, self._done = world, threading.Event(), threading.Event(), False
        self._still = threading.Event()  # it ended, or waits
        self._thread = threading.Thread(target=self._run)
        world.sleep = self._sleep  # type: ignore[method-assign]

    def start(self) -> None:
        self._thread.start()
        assert self._still.wait(60)

    def _run(self) -> None:
        try:
            self._world.publish()
            self._done = True
        finally:
            self._still.set()

    def _sleep(self, seconds: float) -> None:
        self._waits.set()
        self._still.set()
        assert self._over.wait(60)

    def finish(self) -> bool:
        """Whether it had to wait."""
        self._over.set()
        self._thread.join(60)
        assert self._done
        return self._waits.is_set()


def test_a_pull_killed_between_any_two_changes_of_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder appears whole, whatever was done before."""
    store, name = new_store("memory", tmp_path), Name("team", "data")
    source = report(tmp_path / "source", 1)
    publish(store, source, name, threads=1)
    left = [0]

    def counted(owner: Any, change: str) -> None:
        plain = getattr(owner, change)

        def killed(*arguments: Any, **options: Any) -> Any:
            left[0] -= 1
            if left[0] <= 0:
                raise Crash
            return plain(*arguments, **options)

        monkeypatch.setattr(owner, change, killed)

    for owner, change in ((Path, "mkdir"), (Path, "chmod"), (Path, "replace"), (Path, "rename"), (os, "link")):
        counted(owner, change)
    for number in range(1, 1_000):
        cache = Cache(tmp_path / f"cache-{number}")
        folder = cache.root / store.id[:12] / "team" / "data@v1"
        left[0] = number
        try:
            pull(store, name, cache=cache, threads=1)
        except Crash:
            left[0] = 10**6
            assert not folder.exists() or contents(folder) == contents(source)
            assert contents(pull(store, name, cache=cache, threads=1).path) == contents(source)
        else:
            break
    assert number > 20
