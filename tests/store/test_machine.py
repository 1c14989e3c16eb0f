"""Publish, pull and gc in any order, killed at any operation: what is visible is whole, and what was published stays."""

import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.store.backends import contents, new_store, report, s3_server
from tests.store.crashing import DAY, MOMENTS, Crash, crashing
from xlt_augment.store import intents
from xlt_augment.store.cache import Cache
from xlt_augment.store.gc import GRACE, collect
from xlt_augment.store.names import Name, parse_name
from xlt_augment.store.publish import Published, publish
from xlt_augment.store.pull import Pulled, pull
from xlt_augment.store.verify import verify_store

NAMES = ("team/one", "team/two")
CRASHES = st.none() | st.tuples(st.integers(1, 40), st.sampled_from(MOMENTS))
Moment = tuple[int, str] | None


class StoreMachine(RuleBasedStateMachine):
    """`versions`: by name, the content of each version. A killed publisher may have got as far as its commit."""

    kind = "memory"

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="xlt-machine-"))
        self.store, self.storage = crashing(new_store(self.kind, self.folder))
        self.sources = [report(self.folder / f"source-{number}", number) for number in range(4)]
        self.expected = [contents(source) for source in self.sources]
        self.versions: dict[str, list[int]] = {name: [] for name in NAMES}
        self.caches = [Cache(self.folder / f"cache-{number}") for number in range(2)]
        self._time = intents.time
        # whoever waits for a gc that was killed waits by a clock that goes fast
        intents.time = SimpleNamespace(time=self._time.time, monotonic=self._time.monotonic, sleep=self._wait)  # type: ignore[assignment]

    def _wait(self, seconds: float) -> None:
        self.storage.shift += 60 * seconds

    def teardown(self) -> None:
        intents.time = self._time
        shutil.rmtree(self.folder)

    def _publish(self, name: str, content: int) -> Published:
        return publish(self.store, self.sources[content], parse_name(name), threads=1)

    def _pull(self, name: str, cache: int) -> Pulled:
        return pull(self.store, parse_name(name), cache=self.caches[cache], threads=1)

    @rule(name=st.sampled_from(NAMES), content=st.integers(0, 3), crash=CRASHES, repeat=st.booleans())
    def publishes(self, name: str, content: int, crash: Moment, repeat: bool) -> None:
        before = self.versions[name]
        after = before if content in before else [*before, content]
        self.storage.revive(*(crash or ()))
        try:
            done = self._publish(name, content)
        except Crash:
            self.storage.revive()
            if not repeat:
                stands = len(self.store.versions(parse_name(name)))
                assert stands in (len(before), len(after))
                self.versions[name] = after[:stands]
                return
            done = self._publish(name, content)
        assert done.reference.name == parse_name(name).at(after.index(content) + 1)
        self.versions[name] = after

    @precondition(lambda self: any(self.versions.values()))
    @rule(data=st.data(), cache=st.integers(0, 1), crash=CRASHES)
    def pulls(self, data: st.DataObject, cache: int, crash: Moment) -> None:
        name = data.draw(st.sampled_from([name for name, held in self.versions.items() if held]))
        version = data.draw(st.none() | st.integers(1, len(self.versions[name])))
        asked = name if version is None else f"{name}@v{version}"
        self.storage.revive(*(crash or ()))
        try:
            done = self._pull(asked, cache)
        except Crash:
            self.storage.revive()
            done = self._pull(asked, cache)
        assert contents(done.path) == self.expected[self.versions[name][(version or 0) - 1]]

    @rule(days=st.integers(0, 10), crash=CRASHES)
    def collects(self, days: int, crash: Moment) -> None:
        self.storage.shift += days * DAY
        self.storage.revive(*(crash or ()))
        try:
            collect(self.store, grace=GRACE, apply=True)
        except Crash:
            self.storage.revive()

    @rule(data=st.data(), cache=st.integers(0, 1), how=st.sampled_from(["flip", "cut", "remove", "all"]))
    def harms_a_cache(self, data: st.DataObject, cache: int, how: str) -> None:
        root = self.caches[cache].root
        files = sorted(path for path in root.rglob("*") if path.is_file())
        if how == "all" or not files:
            shutil.rmtree(root, ignore_errors=True)
            return
        victim = data.draw(st.sampled_from(files))
        held = victim.read_bytes()
        victim.chmod(0o644)
        if how == "remove":
            victim.unlink()
        else:
            victim.write_bytes(held[:-1] + (bytes([held[-1] ^ 1]) if how == "flip" and held else b""))

    @invariant()
    def what_is_visible_is_whole_and_without_holes(self) -> None:
        self.storage.revive()
        found = verify_store(self.store, threads=1)
        assert found.damages == ()
        assert found.references == sum(map(len, self.versions.values()))
        for name, held in self.versions.items():
            assert self.store.versions(parse_name(name)) == list(range(1, len(held) + 1))


class LocalMachine(StoreMachine):
    kind = "local"


class S3Machine(StoreMachine):
    kind = "s3"


def _fewer(divisor: int, steps: int = 15) -> settings:
    return settings(max_examples=max(3, settings.default.max_examples // divisor), stateful_step_count=steps)  # type: ignore[union-attr]


TestInMemory = StoreMachine.TestCase
TestInMemory.settings = _fewer(3)
TestInAFolder = LocalMachine.TestCase
TestInAFolder.settings = _fewer(6)


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with s3_server(tmp_path_factory.mktemp("s3")):
        yield


@pytest.mark.usefixtures("bucket")
class TestInABucket(S3Machine.TestCase):  # type: ignore[name-defined, misc]
    settings = _fewer(20, 8)


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
        patch.setattr(
            intents,
            "time",
            SimpleNamespace(
                time=lambda: time.time() + self.asleep,
                monotonic=time.monotonic,
                sleep=lambda seconds: self.sleep(seconds),
            ),
        )

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
