"""Ray itself: the same bytes as local while workers and a node are lost; errors, signals and leftovers. One cluster for all."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from tests.conftest import PROJECT

pytest.importorskip("ray", reason="the extra ray is not installed")
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What `ray_session` found; one of the processes that run tests starts it, the others wait for it."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "ray-session"
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            folder.mkdir()
            (folder / "said").write_text(_run(folder))
    return json.loads((folder / "found.json").read_text()) | {"said": (folder / "said").read_text()}


def _run(folder: Path) -> str:
    """The script in a process group of its own, which is gone afterwards; returns what it said."""
    words = [sys.executable, "-m", "tests.engines.ray_session", str(folder)]
    with subprocess.Popen(words, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True) as child:
        try:
            out, err = child.communicate(timeout=500)
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
    assert child.returncode == 0, out.decode()[-2_000:] + err.decode()[-4_000:]
    return out.decode() + err.decode()


@pytest.mark.parametrize(("blocks", "files"), [("1 block", 1), ("2 blocks", 6), ("7 blocks", 7)])
def test_the_bytes_are_those_of_local_though_workers_die(session: dict[str, Any], blocks: str, files: int) -> None:
    assert session[blocks] == {"hash": True, "bytes": True, "files": files, "fuses left": 0}


def test_neighbors_are_those_of_one_process(session: dict[str, Any]) -> None:
    assert session["neighbors"] is True


def test_errors_of_workers_come_home_as_they_are(session: dict[str, Any]) -> None:
    assert session["error"] == ["UsageError", "perturbing: found a fuse; expected none. Take it out."]
    assert session["bug"] == ["ZeroDivisionError", "a bug"]


def test_a_part_that_kills_every_worker_is_given_up(session: dict[str, Any]) -> None:
    kind, says, *leftovers = session["always"]
    assert (kind, leftovers) == ("ClusterError", [])
    assert "found 5 workers lost at it" in says


def test_no_thread_of_work_given_up_calls_ray_any_longer(session: dict[str, Any]) -> None:
    """One that did so while the connection ended killed the process, and one that did so later connected again."""
    assert session["abandoned"] == []


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_leaves_nothing(session: dict[str, Any], name: str) -> None:
    assert session[name] == [130, ["xlt-augment: interrupted; nothing half-written was left behind"], []]


def test_ray_says_nothing_of_its_own_on_the_way(session: dict[str, Any]) -> None:
    assert "raylet" not in session["said"]
    assert "Worker exit" not in session["said"]
    assert "Dataset" not in session["said"]


def test_a_cluster_that_is_not_there() -> None:
    code = (
        "from xlt_augment.cluster import connected\nfrom xlt_augment.errors import ClusterError\n"
        "try:\n    with connected('127.0.0.1:1'): pass\nexcept ClusterError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=PROJECT, timeout=60)
    assert done.stdout.startswith("connecting to Ray at 127.0.0.1:1: found ConnectionRefusedError"), done.stderr[-2_000:]
    assert "--ray-address" in done.stdout


def test_a_cluster_of_this_machine_alone(tmp_path: Path) -> None:
    (tmp_path / "rows.tsv").write_text("a movie\ta film\t1\n" * 9)
    names = {"far": ["--engine", "ray"], "near": []}
    environment = {key: value for key, value in os.environ.items() if key != "RAY_ADDRESS"}
    environment["PYTHONPATH"] = os.fspath(PROJECT)
    for name, options in names.items():
        words = [sys.executable, "-m", "xlt_augment", "build", "rows.tsv", "--m", "2", "--out", name, *options]
        done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=300, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "far/xlt.json").read_bytes() == (tmp_path / "near/xlt.json").read_bytes()
