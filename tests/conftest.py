"""Shared fixtures, hypothesis profiles, and the place of the real data."""

import gc
import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.browsers import chromium
from xlt_augment import SynonymSet

os.environ.setdefault("OMP_NUM_THREADS", "1")  # the tests run in as many processes as there are cores

# The first example of a process may wait for the compiler, so no deadline.
_COMMON = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]}
settings.register_profile("default", max_examples=60, derandomize=True, **_COMMON)
settings.register_profile("soak", max_examples=1_000, **_COMMON)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

PROJECT = Path(__file__).resolve().parent.parent


_FORKS = pytest.StashKey[Path]()


def pytest_configure(config: pytest.Config) -> None:
    """Lay out `tests.command.forked_python`: one for all workers of pytest-xdist, and with a short name, as of a socket."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        return
    config.stash[_FORKS] = folder = Path(tempfile.mkdtemp(prefix="xlt-"))
    words = [sys.executable, "-I", "-S", PROJECT / "tests" / "forking" / "client.py", folder, os.getpid(), folder / "python"]
    (folder / "python").write_text(f'#!/bin/sh\nexec {shlex.join(map(str, words))} "$@"\n')
    (folder / "python").chmod(0o700)
    os.environ["XLT_TESTS_PYTHON"] = str(folder / "python")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Take what was imported and collected out of the garbage collector's care, which each `Trainer.train` calls twice."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Its servers end by themselves. Some libraries count at the end of a process what nobody freed."""
    gc.unfreeze()
    if _FORKS in config.stash:
        shutil.rmtree(config.stash[_FORKS], ignore_errors=True)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder with real corpora; tests that need it are skipped with a reason where it is absent."""
    folder = Path(os.environ.get("XLT_SHARED_DATA", PROJECT.parent / "shared" / "data"))
    if not folder.is_dir():
        if os.environ.get("XLT_REQUIRE_SHARED_DATA"):
            pytest.fail(f"the real data is not at {folder}, and this run may not skip it")
        pytest.skip(f"real data not found at {folder}; set XLT_SHARED_DATA")
    return folder


@pytest.fixture(scope="session")
def published(shared_data: Path) -> SynonymSet:
    """The published synonym set."""
    return SynonymSet.load(shared_data / "synonyms" / "counterfitted_neighbors.json")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, started once for all tests of a module."""
    with chromium() as launched:
        yield launched


@pytest.fixture
def clean_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A fresh working folder, as a user opens one."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def small_tsv(clean_folder: Path) -> Callable[..., Path]:
    """Writes a TSV of five labelled pairs, or of the given lines, into the working folder."""

    def write(*lines: str, name: str = "corpus.tsv") -> Path:
        rows = lines or tuple(f"The movie number {k} was good .\tA happy film , number {k} .\t{k % 2}" for k in range(5))
        path = clean_folder / name
        path.write_bytes("".join(line + "\n" for line in rows).encode())
        return path

    return write
