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


def _run(command: Sequence[object], store: Store, cache: Path, seconds: float | None = None) -> float:
    """Run a command, killed after so many seconds; how long it ran."""
    env = {**os.environ, "XLT_STORE": store.url, "XLT_CACHE": str(cache)}
    words = [str(SCRIPTS / "xlt-augment"), "store", *map(str, command), "--threads", "2"]
    begun = time.monotonic()
    running = subprocess.Popen(words, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if seconds is not None:
        try:
            running.wait(seconds)
        except subprocess.TimeoutExpired:
            running.send_signal(signal.SIGKILL)
    assert running.wait(120) == 0 or seconds is not None
    return time.monotonic() - begun


def _moments(duration: float, seed: int) -> list[float]:
    """One in each equal part of the time that the command takes, the start of Python left out."""
    chance = random.Random(seed)
    return [duration * (0.3 + 0.9 * (number + chance.random()) / RUNS) for number in range(RUNS)]


def test_publish_killed_at_any_moment(source: Path, tmp_path: Path) -> None:
    duration = _run(["publish", source, NAME], new_store("local", tmp_path), tmp_path)
    states = []
    for seconds in _moments(duration, seed=1):
        store = new_store("local", tmp_path)
        _run(["publish", source, NAME], store, tmp_path, seconds)
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
    duration = _run(["pull", NAME], store, tmp_path / "first")
    states = []
    for number, seconds in enumerate(_moments(duration, seed=2)):
        home = tmp_path / f"cache-{number}"
        _run(["pull", NAME], store, home, seconds)
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
