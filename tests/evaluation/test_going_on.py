"""What was judged stays judged: after a kill, an error, or the end; and only for the same judgement."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.conftest import PROJECT
from tests.evaluation.judged import ITEMS, Place, rows, write
from xlt_train import evaluate
from xlt_train.errors import RunError
from xlt_train.evaluation.predict import Judge


def _table(folder: Path) -> list[dict[str, Any]]:
    return list(pq.read_table(folder / "predictions.parquet").to_pylist())


def test_what_is_there_is_given_back(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    first = evaluate("bert", place.tests)
    assert not first.earlier
    content = {path: path.read_bytes() for path in first.path.iterdir()}
    with monkeypatch.context() as patch:
        patch.setattr("xlt_train.evaluation.task.load", None)  # no model is loaded
        second = evaluate("bert", place.tests)
        assert second.earlier
        assert (second.path, second.evaluation) == (first.path, first.evaluation)
    calls = _counting(monkeypatch)
    assert not evaluate("bert", place.tests, again=True).earlier
    assert (len(calls), {path: path.read_bytes() for path in first.path.iterdir()}) == (1, content)
    (first.path / "predictions.parquet").unlink()  # half a result is none
    assert not evaluate("bert", place.tests).earlier
    assert {path: path.read_bytes() for path in first.path.iterdir()} == content


def test_a_folder_with_other_results_is_refused(place: Place) -> None:
    evaluate("bert", place.tests, out="mine")
    assert evaluate("bert", place.tests, out="mine").earlier
    before = Path("mine/accuracy.json").read_bytes()
    for options in ({"rows": (0, 5)}, {"pairs": "all"}, {"smooth": 2, "epsilon": 0.1}, {"rows": (0, 5), "again": True}):
        with pytest.raises(RunError, match="writing the results to mine: found results that are there already"):
            evaluate("bert", place.tests, out="mine", **options)  # type: ignore[arg-type]
    with pytest.raises(RunError, match="results that are there already"):
        evaluate("xlmr", place.tests, out="mine")
    assert Path("mine/accuracy.json").read_bytes() == before


def _counting(patch: pytest.MonkeyPatch) -> list[int]:
    """Rows of each unit that is judged from now on."""
    calls: list[int] = []
    usual = Judge.__call__

    def noted(self: Judge, rows: Any, *more: Any) -> Any:
        calls.append(len(rows.lengths))
        return usual(self, rows, *more)

    patch.setattr(Judge, "__call__", noted)
    return calls


CHILD = """
import sys, time
import torch
import xlt_train.evaluation.task as task
from xlt_train import evaluate
torch.set_num_threads(1)
task.UNIT_ROWS = 11
evaluate("bert", "tests", pairs="all", out="killed", device="cpu", progress=lambda done, total: time.sleep(0.03))
"""


def _killed(parts: int) -> int:
    """Judge in a process of its own and SIGKILL it once there are so many parts; how many there are then."""
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    child = subprocess.Popen([sys.executable, "-c", CHILD], env=environment, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 120
        while len(list(Path().glob("killed/.parts-*/unit-*"))) < parts and child.poll() is None and time.monotonic() < end:
            time.sleep(0.003)
    finally:
        child.kill()
        child.wait()
    assert child.returncode == -signal.SIGKILL
    return len(list(Path().glob("killed/.parts-*/unit-*")))


def test_a_kill_costs_one_unit_at_most(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xlt_train.evaluation.task.UNIT_ROWS", ITEMS)
    whole = evaluate("bert", "tests", pairs="all", out="whole", device="cpu")
    kept = _killed(4)
    assert 4 <= kept < 9
    assert not Path("killed/accuracy.json").exists()
    calls, heard = _counting(monkeypatch), []
    done = evaluate(
        "bert", "tests", pairs="all", out="killed", device="cpu", progress=lambda n, total: heard.append((n, total))
    )
    assert calls == [ITEMS] * (9 - kept)
    assert heard[-1] == (9 * ITEMS, 9 * ITEMS)
    assert sorted(path.name for path in done.path.iterdir()) == ["accuracy.json", "accuracy.md", "predictions.parquet"]
    for name in ("accuracy.json", "accuracy.md", "predictions.parquet"):
        assert (done.path / name).read_bytes() == (whole.path / name).read_bytes()


class _StopError(Exception):
    """Ends an evaluation in a test."""


@pytest.mark.parametrize("change", ["nothing", "batch size", "noise", "rows", "precision", "version", "file"])
def test_parts_count_for_the_same_judgement_only(change: str, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xlt_train.evaluation.task.UNIT_ROWS", ITEMS)

    def stop(done: int, total: int) -> None:
        if done > 5 * ITEMS:
            raise _StopError

    options: dict[str, Any] = {"batch_size": 4, "pairs": "all", "out": "out"}
    with pytest.raises(_StopError):
        evaluate("bert", "tests", progress=stop, **options)
    assert len(list(Path("out").glob(".parts-*/unit-*"))) == 5
    calls = _counting(monkeypatch)
    changes = {"batch size": {"batch_size": 5}, "noise": {"smooth": 2, "epsilon": 0.1}, "rows": {"rows": (0, 10)}}
    changes["precision"] = {"precision": "bfloat16"}
    if change == "version":
        monkeypatch.setattr("xlt_train.evaluation.task.software_versions", lambda: {"torch": "another"})
    if change == "file":
        write(place.tests / "test-ko.tsv", rows("ko")[::-1])
    evaluate("bert", "tests", **options | changes.get(change, {}))
    assert len(calls) == (4 if change == "nothing" else 9)
    assert sorted(path.name for path in Path("out").iterdir()) == ["accuracy.json", "accuracy.md", "predictions.parquet"]


def test_a_damaged_part_is_judged_again(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xlt_train.evaluation.task.UNIT_ROWS", ITEMS)
    whole = evaluate("bert", "tests", pairs="all", out="whole")
    with monkeypatch.context() as patch:
        patch.setattr("xlt_train.evaluation.task.write_result", _refuse)
        with pytest.raises(RunError, match="writing the results to out: found no room"):
            evaluate("bert", "tests", pairs="all", out="out")
    paths = sorted(Path("out").glob(".parts-*/unit-*"))
    assert len(paths) == 9
    paths[2].write_bytes(paths[2].read_bytes()[:-20])
    paths[4].write_bytes(b"")
    calls = _counting(monkeypatch)
    done = evaluate("bert", "tests", pairs="all", out="out")
    assert len(calls) == 2
    assert _table(done.path) == _table(whole.path)


def _refuse(*_: object) -> None:
    raise OSError(28, "no room")


def test_half_of_a_new_result_is_no_result(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers of before beside predictions of today would look like a result."""
    first = evaluate("bert", "tests")
    monkeypatch.setattr(type(first.evaluation), "markdown", _refuse)
    with pytest.raises(RunError, match="found no room"):
        evaluate("bert", "tests", again=True)
    assert not (first.path / "accuracy.json").exists()


def test_one_process_at_a_time(place: Place) -> None:
    from filelock import FileLock

    Path("out").mkdir()
    with FileLock("out/.xlt-evaluation.lock"):
        with pytest.raises(RunError, match="found another process that judges there"):
            evaluate("bert", "tests", out="out")
    assert evaluate("bert", "tests", out="out").evaluation.average is not None


def test_an_error_leaves_nothing_behind(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise _StopError

    monkeypatch.setattr(Judge, "__call__", fail)
    with pytest.raises(_StopError):
        evaluate("bert", "tests")
    assert not Path("bert/evaluations").exists()
