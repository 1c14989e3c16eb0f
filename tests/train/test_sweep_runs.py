"""Sweeps that are really run: skipped where done, gone on with after an end of any kind, and failing one by one."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from filelock import FileLock, Timeout

from tests.command import Outcome, forked_python
from tests.train.conftest import Once
from tests.train.toy import Toy, fit_here, run_train, snapshot
from xlt_train.cli.main import cli
from xlt_train.cli.sweep import _sweeps, spellings
from xlt_train.errors import UsageError, XltError
from xlt_train.sweep import check, child, run
from xlt_train.sweep.child import run_logged
from xlt_train.sweep.run import plan_sweep, run_sweep

pytestmark = pytest.mark.timeout(600)
NANO = ["--set", "model=nano", "--set", "max_steps=4", "--set", "max_length=32"]
SMALL = ["mbert-rs-rp", *NANO, "--set", "epsilon=[0.01, 0.1]", "--set", "seed=1"]
SETS = tuple(word for word in SMALL[1:] if word != "--set")
LONG = """
[fit]
method = "baseline"
model = "nano"
max_length = 32
per_device_train_batch_size = 16
save_strategy = "steps"
save_steps = 3
max_steps = 200
"""
# A process of its own, whose runs need not load torch each.
COMMAND = [sys.executable, "-c", "import sys; sys.executable = sys.argv.pop(1); from xlt_train.cli.main import main; main()"]


def words(toy: Toy, *more: object, data: Path | None = None) -> list[str]:
    """`sweep` with the toy's data and development set."""
    return ["sweep", *map(str, more), "--data", str(data or toy.synonym), "--dev", str(toy.dev)]


def sweep_apart(*args: str, cwd: Path) -> Outcome:
    """The command in a process of its own."""
    done = subprocess.run([*COMMAND, forked_python(), *args], cwd=cwd, capture_output=True, text=True, timeout=400, check=False)
    return Outcome(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="session")
def swept(toy: Toy, once: Once) -> Path:
    """A folder with two finished and judged runs in `out`, and what was printed."""

    def make(folder: Path) -> None:
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(StringIO()) as out:
            _all_here(patch)
            patch.chdir(folder)
            code = cli.main(words(toy, *SMALL, "--test-dir", toy.tests, "--out", "out"), standalone_mode=False)
        (folder / "printed.json").write_text(json.dumps({"code": code, "out": out.getvalue()}))

    return once("swept", make)


@pytest.fixture
def copy(swept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, to change; the working folder is there."""
    shutil.copytree(swept / "out", tmp_path / "out")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "out"


def rows_of(folder: Path) -> list[dict[str, Any]]:
    """The table."""
    found: list[dict[str, Any]] = pq.read_table(folder / "sweep.parquet").to_pylist()
    return found


def runs_in(folder: Path) -> list[Path]:
    """Run folders."""
    return sorted(path for path in folder.iterdir() if path.is_dir())


def record(folder: Path) -> dict[str, Any]:
    """Of a run."""
    found: dict[str, Any] = json.loads((folder / "xlt-run.json").read_bytes())
    return found


def test_every_run_is_trained_judged_and_in_the_table(swept: Path) -> None:
    printed, out = json.loads((swept / "printed.json").read_text()), swept / "out"
    assert printed["code"] == 0
    rows = rows_of(out)
    assert [row["epsilon"] for row in rows] == [0.01, 0.1]
    for row in rows:
        found = record(out / row["run"])
        assert row["status"] == found["status"] == "finished"
        assert (row["sweep"], row["method"], row["model"], row["seed"], row["steps"]) == ("mbert-rs-rp", "rs-rp", "nano", 1, 4)
        assert found["method"]["epsilon"] == row["epsilon"]
        assert row["dataset_hash"] == found["data"][0]["logical_hash"]
        assert row["weights"] == found["weights"]["model.safetensors"]
        assert row["dev_accuracy"] == found["results"]["dev_accuracy"]
        judged = json.loads(next((out / row["run"]).glob("evaluations/*/accuracy.json")).read_bytes())
        by_language = {entry["language"]: entry["accuracy"] for entry in judged["languages"]}
        assert by_language == {"de": row["accuracy_de"], "en": row["accuracy_en"]}
        assert row["average"] == judged["average"]
        assert row["error"] is None
        assert (out / f"{row['run']}.log").is_file()
    assert [row["chosen"] for row in rows].count(True) == 1
    with (out / "sweep.csv").open(newline="") as stream:
        assert [row["run"] for row in csv.DictReader(stream)] == [row["run"] for row in rows]
    assert {path.name for path in out.iterdir()} == {
        *("sweep.csv", "sweep.parquet"), *(name for row in rows for name in (row["run"], f"{row['run']}.log"))
    }  # fmt: skip
    assert "**" in printed["out"]
    assert "published Huang et al. 2021, Table 1, PAWS-X, mBERT-RS-RP: en 94.5 de 87.4 es 90.0 " in printed["out"]
    assert "its numbers prove the plumbing" in printed["out"]


def test_what_is_finished_is_left_alone_without_torch(copy: Path, toy: Toy) -> None:
    before = snapshot(copy)
    code = "import subprocess, sys; from xlt_train.cli.main import cli\nsubprocess.Popen = None\n"
    code += "assert cli.main(sys.argv[1:], standalone_mode=False) == 0\n"
    code += "assert not {'torch', 'transformers'} & sys.modules.keys()"
    args = words(toy, *SMALL, "--test-dir", toy.tests, "--out", "out")
    done = subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    after = snapshot(copy)
    for name in before.keys() - {"sweep.csv", "sweep.parquet"}:
        assert after[name] == before[name], name
    assert {name: content for name, (content, _) in after.items()} == {name: content for name, (content, _) in before.items()}


def test_a_grid_may_grow_and_a_retrained_run_is_judged_anew(
    copy: Path, toy: Toy, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another setting, and one of the old results is not that of the weights any more."""
    _all_here(monkeypatch)
    first, second = runs_in(copy)
    result = next(first.glob("evaluations/*/accuracy.json"))
    body = json.loads(result.read_bytes())
    result.write_text(json.dumps(body | {"run": body["run"] | {"weights": {"model.safetensors": "other"}}, "average": 7}))
    before = snapshot(second)
    grown = [word.replace("[0.01, 0.1]", "[0.01, 0.1, 1.0]") for word in SMALL]
    done = run_train(capsys, *words(toy, *grown, "--test-dir", toy.tests, "--out", "out", "--json"))
    assert done.code == 0, done.err
    rows = json.loads(done.out)
    assert [(row["epsilon"], row["status"]) for row in rows] == [(0.01, "finished"), (0.1, "finished"), (1.0, "finished")]
    assert rows[0]["average"] == body["average"]
    assert all(row["accuracy_de"] is not None for row in rows)
    assert snapshot(second) == before
    assert [line.split(": ")[1] for line in done.err.splitlines() if line.startswith("[")] == [
        f"judging on {toy.tests}", "training", f"judging on {toy.tests}"
    ]  # fmt: skip


def test_a_dry_run_prints_what_is_missing_and_writes_nothing(
    copy: Path, toy: Toy, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _check_here(monkeypatch)
    shutil.rmtree(runs_in(copy)[0])
    before = snapshot(copy)
    done = run_train(capsys, *words(toy, *SMALL, "--test-dir", toy.tests, "--out", "out", "--dry-run"))
    assert done.code == 0
    lines = done.out.splitlines()
    assert [line.split()[:2] for line in lines] == [["xlt-train", "fit"], ["xlt-train", "evaluate"]]
    assert "--epsilon 0.01 " in lines[0]
    assert lines[0].endswith("--resume_from_checkpoint true")
    assert snapshot(copy) == before
    run_train(capsys, *words(toy, *SMALL, "--out", "new", "--dry-run"))
    assert not Path("new").exists()


def test_one_run_that_fails_does_not_end_the_others(
    toy: Toy, clean_folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first model is an empty folder; the second run's is. The preset ear, for real, without a test folder."""
    _all_here(monkeypatch)
    Path("nowhere/model").mkdir(parents=True)
    done = run_train(capsys, *words(toy, "ear", *NANO[2:], "--set", 'model=["nowhere/model", "nano"]', "--out", "out"))
    assert done.code == 1
    rows = rows_of(Path("out"))
    assert [row["status"] for row in rows] == ["failed", "finished"]
    assert "nowhere/model" in rows[0]["error"]
    assert f"failed: {rows[0]['run']}: " in done.err
    assert rows[0]["error"] in Path("out", f"{rows[0]['run']}.log").read_text()
    assert [row["chosen"] for row in rows] == [False, True]
    assert "among the finished runs: 1 are not" in done.out
    assert not Path("out", rows[0]["run"]).exists()


def _step(folder: Path) -> int:
    """Of the last complete checkpoint of the only run, 0 where there is none."""
    return max((int(path.parent.name.split("-")[1]) for path in folder.glob("*/checkpoint-*/xlt-run.json")), default=0)


def _end_after(step: int, number: int, args: list[str]) -> tuple[int, str]:
    """Start the sweep, and send the signal to it alone when its run has a checkpoint after this step."""
    running = subprocess.Popen([*COMMAND, forked_python(), *args], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    while running.poll() is None and _step(Path("out")) <= step:
        time.sleep(0.01)
    running.send_signal(number)
    assert running.stderr is not None
    if number == signal.SIGINT:
        said = running.communicate(timeout=100)[1]
    else:  # its run may still hold the stream
        running.wait(100)
        running.stderr.close()
        said = ""
    return running.returncode, said


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere a run outlives the sweep that is killed")
def test_a_sweep_that_ended_in_mid_run_goes_on(toy: Toy, clean_folder: Path) -> None:
    """Asked to stop it ends its run too and says how to go on; killed, its run ends as well. Each time the same command goes on
    at once, and the weights are those of an undisturbed run."""
    Path("long.toml").write_text(LONG)
    args = ["sweep", "long.toml", "--data", str(toy.synonym), "--set", "seed=3", "--test-dir", str(toy.tests), "--out", "out"]
    code, said = _end_after(0, signal.SIGINT, args)
    assert code == 130
    assert said.splitlines()[-1].endswith("to go on, repeat the command.")
    assert not Path("out/.xlt-sweep.lock").exists()
    (run,) = runs_in(Path("out"))
    with FileLock(run / ".xlt-run.lock", timeout=0):  # nobody trains there any more
        assert record(run)["status"] == "started"
    assert rows_of(Path("out"))[0]["status"] == "waiting"
    first = _step(Path("out"))
    code, _ = _end_after(first, signal.SIGKILL, args)
    assert code == -signal.SIGKILL
    done = sweep_apart(*args, cwd=clean_folder)
    assert done.code == 0, done.err
    log = Path("out", f"{run.name}.log").read_text()
    assert log.startswith("$ xlt-train fit --data ")
    assert log.count("$ xlt-train fit ") == 3  # so the second did not train on by itself
    found = record(run)
    assert int(found["results"]["resumed_from"].split("-")[1]) > first
    (row,) = rows_of(Path("out"))
    assert (row["status"], row["steps"], row["accuracy_de"] is None) == ("finished", 200, False)
    assert "choice    none: there is no development set" in done.out
    settings = {"max_steps": 200, "save_strategy": "no", "seed": 3, "learning_rate": 1e-3, "lr_scheduler_type": "linear"}
    fit_here(toy.synonym, "baseline", Path("whole"), **settings)
    assert record(Path("whole"))["weights"] == found["weights"]


def test_a_run_waits_for_who_trains_in_its_folder(copy: Path, toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a minute at most; `fit` then says what is wrong. What is finished waits for nobody."""
    from xlt_train.runs.lock import RUN_LOCK

    (plan,) = [plan_sweep(_sweeps(("mbert-rs-rp",), (str(toy.synonym),), str(toy.dev), SETS), out="out", spellings=spellings())]
    assert run._PATIENCE == 60
    heard: list[str] = []
    calls: list[bool] = []
    monkeypatch.setattr(run, "_PATIENCE", 0.2)
    monkeypatch.setattr(run, "run_logged", lambda *_: calls.append(held.is_locked))
    first, second = (plan.folder(point) for point in plan.points)
    shutil.rmtree(second)
    held = FileLock(second / RUN_LOCK, thread_local=False)
    with FileLock(first / RUN_LOCK), held:
        run_sweep(plan, heard.append)
        assert calls == [True]  # it was tried all the same
        assert [note.split(": ")[1] for note in heard] == ["waiting for another process that trains there", "training"]
    monkeypatch.setattr(run, "_PATIENCE", 60.0)
    held.acquire()
    late = threading.Timer(0.5, held.release)
    late.start()
    run_sweep(plan)
    late.join()
    assert calls == [True, False]
    assert not (second / RUN_LOCK).exists()
    heard.clear()
    run_sweep(plan, heard.append)
    assert [note.split(": ")[1] for note in heard] == ["training"]  # nobody is there


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="there is no such call")
def test_a_command_whose_sweep_is_gone_already_does_not_start() -> None:
    ask = child._end_with(os.getpid() + 1)
    assert ask is not None
    assert subprocess.run([sys.executable, "-c", "raise SystemExit(7)"], preexec_fn=ask, check=False).returncode == 1
    ask = child._end_with(os.getpid())
    assert subprocess.run([sys.executable, "-c", "raise SystemExit(7)"], preexec_fn=ask, check=False).returncode == 7


def test_two_sweeps_do_not_work_in_one_folder(copy: Path, toy: Toy, capsys: pytest.CaptureFixture[str]) -> None:
    with FileLock(copy / ".xlt-sweep.lock"):
        done = run_train(capsys, *words(toy, *SMALL, "--out", "out"))
    assert done.code == 1
    assert len(done.err.splitlines()) == 1
    assert "another sweep that is at work there" in done.err
    done = run_train(capsys, *words(toy, *SMALL, "--out", "out"))
    assert done.code == 0
    with pytest.raises(Timeout), FileLock(copy / "x"), FileLock(copy / "x", timeout=0):
        pass  # what the test relies on


@pytest.mark.parametrize(
    ("changes", "words_said"),
    [
        (["--set", "epsilom=1"], ["epsilom, which is none", "Did you mean epsilon?"]),
        (["--set", "epsilon=-1"], ["-1", "0 or more"]),
        (["--set", "norm=l3"], ["--norm", "l3"]),
        (["--set", "alpha=1"], ["--method ear"]),
        (["--set", "variants=1"], ["--variants 1"]),
        (["--set", "method=rs-daa"], ["rs-daa"]),
        (["--set", "max_steps=0"], ["--max_steps 0"]),
        (["--set", "output_dir=x"], ["output_dir"]),
        (["--set", "dev_rows=0:4000"], ["0:4000"]),
        (["--set", "seed"], ["KEY=VALUE"]),
        (["--split", "dev"], ["--test-dir"]),
        (["--test-dir", "nowhere"], ["nowhere"]),
        (["mbert-rs-rp"], ["twice"]),
        (["mbert-rs-rpp"], ["Did you mean mbert-rs-rp?"]),
        (["none.toml"], ["none.toml", "No such file"]),
    ],
)
def test_wrong_settings_are_refused_before_anything_starts(
    toy: Toy, clean_folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    changes: list[str], words_said: list[str],
) -> None:  # fmt: skip
    _check_here(monkeypatch)
    done = run_train(capsys, *words(toy, *SMALL, *changes, "--out", "out"))
    assert done.code in (1, 2)
    assert done.code == (1 if changes[0] in ("--test-dir",) or "dev_rows" in changes[-1] else 2), done.err
    assert len(done.err.splitlines()) == 1, done.err
    assert all(word in done.err for word in words_said), done.err
    assert not Path("out").exists()


def _check_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Check in this process, which has torch already."""
    from xlt_train.cli.check import first_error

    def run(command: list[str], *, input: str, **_: object) -> subprocess.CompletedProcess:
        return subprocess.CompletedProcess(command, 0, json.dumps(first_error(json.loads(input))), "")

    monkeypatch.setattr(check, "subprocess", type("Here", (), {"run": staticmethod(run)}))


def _all_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Check, train and judge in this process, without the seconds that torch takes to load in one of its own."""

    def here(words: Sequence[str], log: Path) -> str | None:
        said = StringIO()
        error = None
        with redirect_stdout(said), redirect_stderr(said):
            try:
                cli.main(list(words), standalone_mode=False)
            except XltError as caught:
                error = str(caught)
        with log.open("a") as stream:
            stream.write(f"{said.getvalue()}{error or ''}\n")
        return error

    _check_here(monkeypatch)
    monkeypatch.setattr(run, "run_logged", here)


def test_what_must_be_named_is_asked_for(toy: Toy, clean_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for args, word in ((["sweep"], "Name a TOML file or a preset"), (["sweep", "ear", "--data", str(toy.synonym)], "--out")):
        done = run_train(capsys, *args)
        assert (done.code, word in done.err) == (2, True), done.err


def test_a_check_that_cannot_run_says_so(toy: Toy, clean_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.train.test_sweep import planned

    broken = subprocess.CompletedProcess([], 1, "", "Traceback\nMemoryError: no room\n")
    monkeypatch.setattr(check, "subprocess", type("Broken", (), {"run": staticmethod(lambda *_, **__: broken)}))
    with pytest.raises(XltError, match="MemoryError: no room") as caught:
        check.check_points(planned(toy), {}, Path("out"))
    assert not isinstance(caught.value, UsageError)


def test_a_command_that_a_signal_ended_says_which(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And one that does not end when it is asked to is killed."""
    log = tmp_path / "log"
    log.write_text("xlt-train: an older error\n")
    real = subprocess.Popen
    code = "import os, signal, sys\nif len(sys.argv) > 1: print('so far', flush=True)\nos.kill(os.getpid(), signal.SIGKILL)"
    monkeypatch.setattr(subprocess, "Popen", lambda command, **more: real([sys.executable, "-c", code, *command[3:]], **more))
    assert run_logged([], log) == "ended by SIGKILL"
    assert run_logged(["fit"], log) == "ended by SIGKILL, after: so far"
    assert log.read_text().count("$ xlt-train") == 2
    code = "import sys\nif len(sys.argv) > 1: sys.exit('one\\nxlt-train: no, not so')"
    assert run_logged(["fit"], log) == "no, not so"
    assert run_logged([], log) is None
    monkeypatch.setattr(child, "_GRACE", 0.5)
    stubborn = real(
        [sys.executable, "-c", "import signal, time\nsignal.signal(15, signal.SIG_IGN)\nprint(1, flush=True)\ntime.sleep(60)"],
        stdout=subprocess.PIPE,
    )
    assert stubborn.stdout is not None
    stubborn.stdout.readline()
    child._end(stubborn)
    stubborn.stdout.close()
    assert stubborn.returncode == -signal.SIGKILL
