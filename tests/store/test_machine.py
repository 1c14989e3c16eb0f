"""Publish, pull and gc in any order, killed at any operation: what is visible is whole, and what was published stays."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.store.backends import contents, new_store, report, s3_server
from tests.store.crashing import DAY, MOMENTS, Crash, crashing
from xlt_augment.store import intents
from xlt_augment.store.cache import Cache
from xlt_augment.store.gc import GRACE, collect
from xlt_augment.store.names import parse_name
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
