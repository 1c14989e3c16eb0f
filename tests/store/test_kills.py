"""`publish` and `pull` killed with SIGKILL at random moments: nothing half-done is visible, and the next call finishes."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from shutil import rmtree

import pytest

from tests.command import SCRIPTS
from tests.store.backends import contents, new_store, report
from xlt_augment.store.cache import Cache
from xlt_augment.store.names import Name
from xlt_augment.store.publish import publish
from xlt_augment.store.pull import pull
from xlt_augment.store.repository import Store
from xlt_augment.store.verify import verify_store

RUNS = 50 if os.environ.get("HYPOTHESIS_PROFILE") == "soak" else 4  # of publish, and as many of pull
NAME = Name("team", "killed")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Many small files and a large one: enough that most of a command's time goes into them."""
    folder = report(tmp_path_factory.mktemp("kills") / "source", 1)
    chance = random.Random(8)
    for number in range(300):
        (folder / "tables" / f"{number}.csv").write_bytes(chance.randbytes(2_000))
    (folder / "large.bin").write_bytes(chance.randbytes(1 << 20) * 100)
    return folder


def _started(command: Sequence[object], store: Store, cache: Path) -> subprocess.Popen[str]:
    env = {**os.environ, "XLT_STORE": store.url, "XLT_CACHE": str(cache)}
    words = [str(SCRIPTS / "xlt-augment"), "store", *map(str, command), "--threads", "2"]
    return subprocess.Popen(words, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _run(command: Sequence[object], store: Store, cache: Path, sign: Path, delay: float | None = None) -> float:
    """Run a command, killed so many seconds after `sign`, a folder, holds something; how long it ran from then on."""
    running = _started(command, store, cache)
    while running.poll() is None and not (sign.is_dir() and any(sign.iterdir())):
        time.sleep(0.001)
    begun = time.monotonic()
    if delay is not None:
        try:
            running.wait(delay)
        except subprocess.TimeoutExpired:
            running.send_signal(signal.SIGKILL)
    running.communicate(timeout=120)
    assert running.returncode == 0 or delay is not None
    return time.monotonic() - begun


def _moments(duration: float, seed: int) -> list[float]:
    """One in each equal part of the time that the transfer takes, the first at its very start; some after its end."""
    chance = random.Random(seed)
    return [duration * 1.2 * (number + (number > 0) * chance.random()) / RUNS for number in range(RUNS)]


def test_publish_killed_at_any_moment(source: Path, tmp_path: Path) -> None:
    first = new_store("local", tmp_path)
    duration = _run(["publish", source, NAME], first, tmp_path, Path(first.url) / "objects")
    states = []
    for seconds in _moments(duration, seed=1):
        store = new_store("local", tmp_path)
        _run(["publish", source, NAME], store, tmp_path, Path(store.url) / "objects", seconds)
        versions = store.versions(NAME)
        assert versions in ([], [1])
        assert verify_store(store).damages == ()
        rest = sum(1 for prefix in ("objects", "incoming") for _ in store.storage.entries(prefix))
        states.append("done" if versions else "midway" if rest else "not begun")
        assert publish(store, source, NAME).reference.name == NAME.at(1)
        found = verify_store(store)
        assert (found.damages, found.references) == ((), 1)
        rmtree(store.url)
    print("publish:", {state: states.count(state) for state in set(states)})  # noqa: T201 - shown with -s
    assert states.count("midway") >= RUNS // 4


def test_pull_killed_at_any_moment(source: Path, tmp_path: Path) -> None:
    store = new_store("local", tmp_path)
    publish(store, source, NAME)
    duration = _run(["pull", NAME], store, tmp_path / "first", tmp_path / "first" / "store" / "incoming")
    states = []
    for number, seconds in enumerate(_moments(duration, seed=2)):
        home = tmp_path / f"cache-{number}"
        _run(["pull", NAME], store, home, home / "store" / "incoming", seconds)
        place = home / "store" / store.id[:12] / NAME.team / f"{NAME.dataset}@v1"
        states.append("done" if place.exists() else "midway" if (home / "store" / "incoming").exists() else "not begun")
        if place.exists():
            assert contents(place) == contents(source)
        visible = {path.name for path in place.parent.iterdir()} if place.parent.exists() else set()
        assert visible <= {place.name, f"{place.name}.json"}
        assert contents(pull(store, NAME, cache=Cache(home / "store")).path) == contents(source)
        rmtree(home)
    print("pull:", {state: states.count(state) for state in set(states)})  # noqa: T201 - shown with -s
    assert states.count("midway") >= RUNS // 4


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("work", ["publish", "pull"])
def test_a_signal_ends_a_transfer_cleanly(work: str, number: signal.Signals, source: Path, tmp_path: Path) -> None:
    store, cache = new_store("local", tmp_path), Cache(tmp_path / "cache" / "store")
    if work == "pull":
        publish(store, source, NAME)
    incoming = (Path(store.url) if work == "publish" else cache.root) / "incoming"
    running = _started([work, *([source] if work == "publish" else []), NAME], store, tmp_path / "cache")
    end = time.monotonic() + 60
    while not incoming.is_dir() or not any(incoming.iterdir()):  # until it transfers something
        assert time.monotonic() < end
        time.sleep(0.001)
    running.send_signal(number)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 130, said
    assert said.splitlines()[-1].startswith("xlt-augment: interrupted; ")
    assert list(incoming.iterdir()) == []
    assert store.versions(NAME) == ([] if work == "publish" else [1])
    assert not list(cache.root.rglob("killed@v1"))
    assert publish(store, source, NAME).reference.name == NAME.at(1)
    assert contents(pull(store, NAME, cache=cache).path) == contents(source)
