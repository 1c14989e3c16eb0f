"""Full disks, things in the way, a cache that goes away, wrong clocks: a clear error or success, and the next call goes on."""

import errno
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.command import SCRIPTS
from tests.store.backends import contents, new_store, report
from tests.store.crashing import DAY, Crash, crashing
from tests.store.servers import ACCESS_KEY, SECRET, free_port, s3_environment
from xlt_augment.errors import StoreError
from xlt_augment.store.cache import Cache
from xlt_augment.store.gc import SHORTEST_GRACE, collect
from xlt_augment.store.names import Name
from xlt_augment.store.publish import publish
from xlt_augment.store.pull import pull
from xlt_augment.store.repository import Store
from xlt_augment.store.verify import verify_store

NAME = Name("team", "data")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = report(tmp_path / "source", 1)
    (folder / "large.bin").write_bytes(bytes(range(256)) * 8_000)
    return folder


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return new_store("local", tmp_path)


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache" / "store")


def whole(store: Store, source: Path, cache: Cache) -> None:
    """All goes well now."""
    assert publish(store, source, NAME).reference.name == NAME.at(1)
    assert verify_store(store).damages == ()
    assert contents(pull(store, NAME, cache=cache).path) == contents(source)
    assert not list((cache.root / "incoming").iterdir())
    assert not list(store.storage.entries("incoming"))


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], None]]:
    """A disk with that much room: what does not fit is written in part, and then refused."""
    plain, room = os.write, [0]

    def write(file: int, piece: Any) -> int:
        take = min(len(piece), room[0])
        if piece and not take:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        room[0] -= take
        return plain(file, memoryview(piece)[:take])

    def limit(n_bytes: int) -> None:
        room[0] = n_bytes
        monkeypatch.setattr(os, "write", write)

    yield limit
    monkeypatch.undo()


SIZES = [0, 1_000, 300_000, 2_047_000, 2_051_000]


@pytest.mark.parametrize("room", SIZES)
def test_a_full_disk_while_publishing(
    room: int, store: Store, source: Path, cache: Cache, disk: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    disk(room)
    with pytest.raises(StoreError, match="no space left") as caught:
        publish(store, source, NAME, threads=1)
    assert "run the same command again" in str(caught.value)
    monkeypatch.undo()
    assert store.versions(NAME) == []
    whole(store, source, cache)


@pytest.mark.parametrize("room", SIZES)
def test_a_full_disk_while_pulling(
    room: int, store: Store, source: Path, cache: Cache, disk: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(store, source, NAME)
    disk(room)
    with pytest.raises(StoreError, match="no space left") as caught:
        pull(store, NAME, cache=cache, threads=1)
    assert "XLT_CACHE" in str(caught.value)
    monkeypatch.undo()
    assert not list(cache.root.rglob("data@v1"))
    assert not [path for path in (cache.root / "objects").rglob("*") if path.is_file() and not cache.sound(path.name)]
    whole(store, source, cache)


def test_a_file_that_may_not_grow_is_one_clear_error(store: Store, source: Path, cache: Cache) -> None:
    publish(store, source, NAME)
    limited = f"ulimit -f 1000; exec {SCRIPTS / 'xlt-augment'} store pull {NAME} --store {store.url}"
    env = {**os.environ, "XLT_CACHE": str(cache.root.parent)}
    done = subprocess.run(["bash", "-c", limited], capture_output=True, text=True, check=False, timeout=120, env=env)
    assert (done.returncode, done.stdout) == (1, "")
    assert "no space left" in done.stderr.splitlines()[-1]
    whole(store, source, cache)


@pytest.mark.parametrize("path", ["", "objects", "incoming", "locks"])
def test_a_file_in_the_way_of_the_cache_is_named(path: str, store: Store, source: Path, cache: Cache) -> None:
    publish(store, source, NAME)
    cache.root.parent.mkdir()
    obstacle = cache.root / path
    obstacle.parent.mkdir(exist_ok=True)
    obstacle.write_text("in the way")
    with pytest.raises(StoreError, match="set XLT_CACHE") as caught:
        pull(store, NAME, cache=cache)
    assert str(obstacle) in str(caught.value)
    obstacle.unlink()
    whole(store, source, cache)


@pytest.mark.parametrize("path", ["objects", "incoming", "references", "references/team"])
def test_a_file_in_the_way_of_a_store_is_named(path: str, store: Store, source: Path, cache: Cache) -> None:
    obstacle = Path(store.url) / path
    obstacle.parent.mkdir(exist_ok=True)
    if obstacle.is_dir():
        obstacle.rmdir()
    obstacle.write_text("in the way")
    with pytest.raises(StoreError, match="Remove what is in the way") as caught:
        publish(store, source, NAME)
    assert path in str(caught.value)
    obstacle.unlink()
    whole(store, source, cache)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_a_cache_that_is_read_only_serves_what_it_has(
    number: int, store: Store, source: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(self: Path, *arguments: Any, **options: Any) -> None:
        raise OSError(number, os.strerror(number), str(self))

    publish(store, source, NAME)
    path = pull(store, NAME, cache=cache).path
    for name in ("mkdir", "chmod", "replace", "rename", "unlink", "write_bytes"):
        monkeypatch.setattr(Path, name, denied)
    assert pull(store, NAME, cache=cache).path == path
    with pytest.raises(StoreError, match="set XLT_CACHE"):
        pull(store, NAME, cache=Cache(cache.root.with_name("other")))
    with pytest.raises(StoreError, match="right to read and write|Ask the owner"):
        publish(store, report_of(source, monkeypatch), NAME)


def report_of(source: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Other content, written while that is allowed."""
    with open(source / "new.csv", "w") as stream:  # noqa: PTH123 - paths are denied here
        stream.write("new")
    return source


def test_a_cache_that_goes_away_meanwhile(tmp_path: Path, source: Path) -> None:
    store, storage = crashing(new_store("memory", tmp_path))
    publish(store, source, NAME, threads=1)
    cache, outcomes = Cache(tmp_path / "cache"), set()
    storage.revive()
    pull(store, NAME, cache=cache, threads=1)
    operations = storage.operations
    for number in range(1, operations + 1):
        shutil.rmtree(cache.root)
        storage.revive(between=lambda at: shutil.rmtree(cache.root, ignore_errors=True) if at == number else None)  # noqa: B023
        outcomes.add(_pulled(store, source, cache))
        storage.revive()
        assert _pulled(store, source, cache) == "pulled"
    for size in (1, 100_000, 2_000_000):  # and while a file is written
        shutil.rmtree(cache.root)
        outcomes.add(_pulled(store, source, cache, lambda done: shutil.rmtree(cache.root) if done >= size else None))  # noqa: B023
        assert _pulled(store, source, cache) == "pulled"
    assert outcomes == {"pulled", "refused"}


def _pulled(store: Store, source: Path, cache: Cache, progress: Callable[[int], object] = lambda count: None) -> str:
    try:
        done = pull(store, NAME, cache=cache, threads=1, progress=progress)
    except StoreError:
        return "refused"
    return "pulled" if contents(done.path) == contents(source) else "wrong"


@pytest.mark.parametrize("hours", [-100, -30, -1, 0, 1, 30, 100])
def test_gc_goes_by_the_clock_of_the_store(hours: int, tmp_path: Path, source: Path) -> None:
    store, storage = crashing(new_store("memory", tmp_path))
    storage.shift = hours * 3_600
    storage.revive(15, "after")
    with pytest.raises(Crash):
        publish(store, source, NAME, threads=1)
    storage.revive()
    for passed in (0, SHORTEST_GRACE - 60):
        storage.shift = hours * 3_600 + passed
        assert collect(store, grace=SHORTEST_GRACE, apply=True).garbage == ()
    storage.shift += DAY
    assert len(collect(store, grace=SHORTEST_GRACE, apply=True).removed) >= 4
    whole(store, source, Cache(tmp_path / "cache"))


def test_a_store_that_cannot_be_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for key, value in s3_environment(free_port()).items():
        monkeypatch.setenv(key, value)
    monkeypatch.setenv("XLT_STORE_TIMEOUT", "0.2")
    for url, said in (("s3://bucket/store", "no answer"), (str(tmp_path / "nowhere"), "store init")):
        with pytest.raises(StoreError, match=said) as caught:
            Store.open(url)
        assert url in str(caught.value)
        assert SECRET not in str(caught.value)
        assert ACCESS_KEY not in str(caught.value)


def test_a_file_that_changes_while_it_is_published(store: Store, source: Path, cache: Cache) -> None:
    def change(upload: object) -> None:
        (source / "large.bin").write_bytes(b"other")

    before = (source / "large.bin").read_bytes()
    with pytest.raises(StoreError, match="do not write to it while it is published"):
        publish(store, source, NAME, announce=change)
    assert store.versions(NAME) == []
    (source / "large.bin").write_bytes(before)
    whole(store, source, cache)
