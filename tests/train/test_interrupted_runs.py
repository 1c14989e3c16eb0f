"""A run that SIGKILL ended goes on to exactly the weights of one that nobody disturbed, or is refused and left as it is."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.command import run_command
from tests.train.conftest import Once
from tests.train.toy import (
    Toy,
    checkpoint_states,
    checkpoints,
    environment,
    fit_here,
    fit_words,
    kill_when,
    run_train,
    sha256,
    snapshot,
)
from xlt_train.runs.folder import complete_checkpoints

# Long enough that a kill after the third checkpoint comes in the middle.
STEPS, SAVE = 60, 3
PLAIN = {"max_steps": STEPS, "save_strategy": "steps", "save_steps": SAVE, "save_total_limit": 2}
CHOOSING = PLAIN | {"eval_strategy": "steps", "eval_steps": SAVE}
RESUME = {"resume_from_checkpoint": "true"}
LAST = f"checkpoint-{STEPS}"


class Kind(NamedTuple):
    """A whole run, and one that was killed, of the same settings."""

    settings: dict[str, Any]
    whole: Path
    killed: Path

    @property
    def record(self) -> dict[str, Any]:
        """Of the whole run."""
        return read_record(self.whole)


def read_record(folder: Path) -> dict[str, Any]:
    """`xlt-run.json` of a folder."""
    found: dict[str, Any] = json.loads((folder / "xlt-run.json").read_bytes())
    return found


def _begun_well(folder: Path) -> bool:
    """Two complete checkpoints."""
    return len(checkpoint_states(folder)) > 1


def _best_is_behind(folder: Path) -> bool:
    """Two complete checkpoints, of which the older one is the best, and so good that none will be better."""
    states = checkpoint_states(folder)
    return len(states) > 1 and states[-1]["best_metric"] == 1 and states[-1]["best_global_step"] < states[-1]["global_step"]


def _make(folder: Path, toy: Toy, settings: dict[str, Any], ready: Callable[[Path], bool]) -> None:
    words = fit_words(toy.synonym, "rs-da", **settings)
    done = run_command("xlt-train", *words, "--output_dir", "whole", cwd=folder, env=environment(1))
    assert done.code == 0, done.err
    killed = folder / "run"
    for _ in range(4):  # where this process gets no time for seconds, the other one comes to its end
        if kill_when(ready, [*words, "--output_dir", "run"], cwd=folder, folder=killed, hash_seed=2):
            break
        shutil.rmtree(killed)
    assert _begun_well(killed)
    killed.rename(folder / "killed")  # so that nothing is found any more where it was


@pytest.fixture(scope="session")
def plain(toy: Toy, once: Once) -> Kind:
    """Without a development set: the weights are the last ones."""
    folder = once("interrupted-plain", lambda folder: _make(folder, toy, PLAIN, _begun_well))
    return Kind(PLAIN, folder / "whole", folder / "killed")


@pytest.fixture(scope="session")
def choosing(toy: Toy, once: Once) -> Kind:
    """The weights are those of the best checkpoint, which is older than the kill."""
    settings = CHOOSING | {"dev": toy.dev}
    folder = once("interrupted-choosing", lambda folder: _make(folder, toy, settings, _best_is_behind))
    return Kind(settings, folder / "whole", folder / "killed")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder."""
    folder = tmp_path / "somewhere else"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def _copy(source: Path, target: Path) -> Path:
    shutil.copytree(source, target)
    return target


def _same_end(run: Path, kind: Kind) -> None:
    """Weights, checkpoints, choice and numbers are those of the whole run."""
    found, expected = read_record(run), kind.record
    assert found["weights"] == expected["weights"] == {"model.safetensors": sha256(run / "model.safetensors")}
    assert found["status"] == "finished"
    for key in ("steps", "epochs", "best_step", "dev_accuracy"):
        assert found["results"][key] == expected["results"][key], key
    for key in ("method", "data", "text_columns", "model", "dev"):
        assert found[key] == expected[key], key
    training = expected["training"] | {"resume_from_checkpoint": "true"}
    assert {k: v for k, v in found["training"].items() if training.get(k, v) != v or k not in training} == {}
    assert set(found["training"]) == set(training)
    assert [path.name for path in checkpoints(run)] == [path.name for path in checkpoints(kind.whole)]
    for path in checkpoints(run):
        assert sha256(path / "model.safetensors") == sha256(kind.whole / path.name / "model.safetensors")
        assert (path / "xlt-run.json").is_file()


def _step(path: Path) -> int:
    return int(path.name.split("-")[1])


def test_what_a_kill_leaves_is_known_as_begun(plain: Kind, choosing: Kind) -> None:
    for kind in (plain, choosing):
        assert read_record(kind.killed)["status"] == "started"
        assert read_record(kind.killed)["weights"] == {}
        assert 0 < _step(checkpoints(kind.killed)[-1]) < STEPS
        assert not (kind.killed / "model.safetensors").exists()
        assert all(read_record(path)["status"] == "checkpoint" for path in checkpoints(kind.whole))


def test_a_killed_run_goes_on_from_its_last_checkpoint(
    plain: Kind, toy: Toy, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From another working folder, by a relative path that is not the old one."""
    run = _copy(plain.killed, place / "moved")
    newest = checkpoints(run)[-1].name
    words = fit_words(toy.synonym, "rs-da", **plain.settings, **RESUME)
    done = run_train(capsys, *words, "--output_dir", "moved")
    assert done.code == 0, done.err
    _same_end(run, plain)
    assert read_record(run)["results"]["resumed_from"] == newest
    assert plain.record["results"]["resumed_from"] is None


@pytest.mark.parametrize("name", ["run", "moved"])  # the first is the relative path under which it was begun
def test_the_best_checkpoint_before_the_kill_is_chosen_after_it(name: str, choosing: Kind, toy: Toy, place: Path) -> None:
    run = _copy(choosing.killed, place / name)
    best = checkpoint_states(run)[-1]["best_global_step"]
    fit_here(toy.synonym, "rs-da", Path(name), **choosing.settings, **RESUME)
    _same_end(run, choosing)
    results = read_record(run)["results"]
    assert results["best_step"] == best < _step(checkpoints(choosing.killed)[-1])
    assert results["dev_accuracy"] == 1
    assert results["dev_accuracy"] == pytest.approx(checkpoint_states(run)[-1]["best_metric"])
    assert sha256(run / "model.safetensors") == sha256(run / f"checkpoint-{best}" / "model.safetensors")
    assert sha256(run / "model.safetensors") != sha256(run / LAST / "model.safetensors")


@pytest.mark.parametrize("truncated", [False, True], ids=["no record", "no record, half an optimizer"])
def test_a_checkpoint_that_was_being_written_does_not_count(truncated: bool, plain: Kind, toy: Toy, tmp_path: Path) -> None:
    run = _copy(plain.killed, tmp_path / "run")
    older, newest = checkpoints(run)
    _half_write(newest, truncated=truncated)
    fit_here(toy.synonym, "rs-da", run, **plain.settings, **RESUME)
    _same_end(run, plain)
    assert read_record(run)["results"]["resumed_from"] == older.name


def test_when_every_checkpoint_is_half_written_it_starts_again(plain: Kind, toy: Toy, tmp_path: Path) -> None:
    run = _copy(plain.killed, tmp_path / "run")
    for path in checkpoints(run):
        _half_write(path, truncated=True)
    fit_here(toy.synonym, "rs-da", run, **plain.settings, **RESUME)
    _same_end(run, plain)
    assert read_record(run)["results"]["resumed_from"] is None


def test_the_best_checkpoint_is_kept_when_the_newest_is_half_written(choosing: Kind, toy: Toy, tmp_path: Path) -> None:
    run = _copy(choosing.killed, tmp_path / "run")
    best, newest = checkpoints(run)[-2:]
    _half_write(newest, truncated=True)
    fit_here(toy.synonym, "rs-da", run, **choosing.settings, **RESUME)
    _same_end(run, choosing)
    assert read_record(run)["results"]["resumed_from"] == best.name


def _half_write(checkpoint: Path, *, truncated: bool) -> None:
    (checkpoint / "xlt-run.json").unlink()
    if truncated:
        content = (checkpoint / "optimizer.pt").read_bytes()
        (checkpoint / "optimizer.pt").write_bytes(content[: len(content) // 2])


@pytest.mark.parametrize("kind", ["plain", "choosing"])
def test_a_kill_in_the_last_moment_is_made_good(kind: str, toy: Toy, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """All steps done, the run's own weights half-written, no final record; --max_steps ends in the middle of an epoch."""
    found: Kind = request.getfixturevalue(kind)
    run = _copy(found.whole, tmp_path / "run")
    _half_finish(run)
    fit_here(toy.synonym, "rs-da", run, **found.settings, **RESUME)
    _same_end(run, found)


def test_a_kill_behind_the_last_epoch_is_made_good(toy: Toy, tmp_path: Path) -> None:
    settings = {"max_steps": -1, "num_train_epochs": 2, "save_strategy": "epoch"}
    whole = fit_here(toy.single, "rs-da", tmp_path / "run", **settings)
    _half_finish(whole.path)
    again = fit_here(toy.single, "rs-da", tmp_path / "run", **settings, **RESUME)
    assert again.record.weights == whole.record.weights
    assert again.record.results["steps"] == whole.record.results["steps"]


def _half_finish(run: Path) -> None:
    (run / "model.safetensors").write_bytes((run / "model.safetensors").read_bytes()[:1000])
    record = read_record(run)
    (run / "xlt-run.json").write_text(json.dumps(record | {"status": "started", "weights": {}, "results": {}}))


def test_a_named_checkpoint_goes_on_in_a_new_folder(choosing: Kind, toy: Toy, tmp_path: Path) -> None:
    begun = _copy(choosing.killed, tmp_path / "begun")
    newest = checkpoints(begun)[-1]
    settings = choosing.settings | {"resume_from_checkpoint": str(newest)}
    found = fit_here(toy.synonym, "rs-da", tmp_path / "new", **settings)
    assert found.record.weights == choosing.record["weights"]
    assert found.record.results["best_step"] == choosing.record["results"]["best_step"]
    assert found.record.results["resumed_from"] == newest.name


def test_resume_without_a_run_begins_one(toy: Toy, tmp_path: Path) -> None:
    settings = {"max_steps": 2} | RESUME
    found = fit_here(toy.single, "baseline", tmp_path / "new", **settings)
    assert found.record.results["resumed_from"] is None
    assert not found.existed
    (tmp_path / "empty").mkdir()
    assert fit_here(toy.single, "baseline", tmp_path / "empty", **settings).record.weights == found.record.weights


# ---- nothing is done, nothing is touched


def test_a_finished_run_is_taken_as_it_is(plain: Kind, toy: Toy, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = _copy(plain.whole, place / "run")
    before = snapshot(run)
    words = fit_words(toy.synonym, "rs-da", **plain.settings, **RESUME)
    done = run_train(capsys, *words, "--output_dir", "run")
    assert done.code == 0, done.err
    assert "nothing was done" in done.out
    assert snapshot(run) == before
    found = json.loads(run_train(capsys, *words, "--output_dir", "run", "--json").out)
    assert found["existed"] is True
    assert found["weights"] == plain.record["weights"]
    assert snapshot(run) == before


OTHERS: dict[str, dict[str, Any]] = {
    "learning_rate": {"learning_rate": 2e-3},
    "seed": {"seed": 8},
    "per_device_train_batch_size": {"per_device_train_batch_size": 8},
    "weight_decay": {"weight_decay": 0.1},
    "max_steps": {"max_steps": 90},
    "save_steps": {"save_steps": 6},
    "label_smoothing": {"label_smoothing_factor": 0.1},
    "method.variants": {"variants": 1},
    "max_length": {"max_length": 24},
    "dataset": {"data": "swap", "method": "rs-syntax"},
    "method.name": {"method": "baseline"},
    "dev": {"dev": "dev"},
}


@pytest.mark.parametrize("what", list(OTHERS))
@pytest.mark.parametrize("state", ["killed", "whole"])
def test_other_settings_are_refused(
    what: str, state: str, plain: Kind, toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = _copy(getattr(plain, state), tmp_path / "run")
    before = snapshot(run)
    changes = {"data": "synonym", "method": "rs-da"} | OTHERS[what]
    data, method = getattr(toy, changes.pop("data")), changes.pop("method")
    if "dev" in changes:
        changes = {"dev": toy.dev, "eval_strategy": "no"}
    done = run_train(capsys, *fit_words(data, method, **(plain.settings | changes), **RESUME), "--output_dir", run)
    assert done.code == 1, done.err
    error = done.err.splitlines()[-1]
    assert error.startswith("xlt-train: going on with ")
    assert "a run with other settings" in error
    assert what in error
    assert done.out == ""
    assert snapshot(run) == before
    assert [path.name for path in run.parent.iterdir() if path.name != "cache"] == ["run"]


def test_settings_that_change_no_weights_may_differ(plain: Kind, toy: Toy, tmp_path: Path) -> None:
    run = _copy(plain.killed, tmp_path / "run")
    free = {"save_total_limit": 1, "logging_steps": 5, "per_device_eval_batch_size": 3, "run_name": "again"}
    fit_here(toy.synonym, "rs-da", run, **(plain.settings | free), **RESUME)
    assert read_record(run)["weights"] == plain.record["weights"]
    assert [path.name for path in checkpoints(run)] == [LAST]


def test_a_default_that_is_spelled_out_is_no_other_setting(plain: Kind, toy: Toy, tmp_path: Path) -> None:
    run = _copy(plain.whole, tmp_path / "run")
    assert fit_here(toy.synonym, "rs-da", run, **plain.settings, **RESUME, adam_beta1=0.9, max_grad_norm=1.0).existed


@pytest.mark.parametrize("state", ["killed", "whole"])
def test_without_resume_a_run_in_the_way_is_refused(
    state: str, plain: Kind, toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = _copy(getattr(plain, state), tmp_path / "run")
    before = snapshot(run)
    done = run_train(capsys, *fit_words(toy.synonym, "rs-da", **plain.settings), "--output_dir", run)
    assert done.code == 1
    assert {"killed": "a run that was begun", "whole": "a finished run"}[state] in done.err.splitlines()[-1]
    assert ("--resume_from_checkpoint true" in done.err) == (state == "killed")
    assert snapshot(run) == before


def _foreign(folder: Path) -> Path:
    """A folder of somebody else, with what looks like a checkpoint."""
    (folder / "checkpoint-7").mkdir(parents=True)
    (folder / "checkpoint-7" / "model.safetensors").write_bytes(b"another's")
    (folder / "notes.txt").write_text("mine")
    return folder


@pytest.mark.parametrize("resume", [{}, RESUME], ids=["new", "resume"])
def test_a_foreign_folder_is_refused(
    resume: dict[str, str], toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = _foreign(tmp_path / "thesis")
    before = snapshot(folder)
    done = run_train(capsys, *fit_words(toy.single, "baseline", **resume), "--output_dir", folder)
    assert done.code == 1
    assert "something that is no run" in done.err.splitlines()[-1]
    assert snapshot(folder) == before


@pytest.mark.parametrize("resume", [{}, RESUME], ids=["new", "resume"])
def test_a_file_in_the_way_is_refused(
    resume: dict[str, str], toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "run"
    path.write_text("mine")
    done = run_train(capsys, *fit_words(toy.single, "baseline", **resume), "--output_dir", path)
    assert done.code == 1
    assert "something that is no run" in done.err.splitlines()[-1]
    assert path.read_text() == "mine"


@pytest.mark.parametrize("target", ["foreign", "finished"])
def test_a_named_checkpoint_does_not_open_a_folder_in_the_way(
    target: str, plain: Kind, toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--resume_from_checkpoint PATH` says where to start, not that --output_dir may be overwritten."""
    begun = _copy(plain.killed, tmp_path / "begun")
    folder = _foreign(tmp_path / "run") if target == "foreign" else _copy(plain.whole, tmp_path / "run")
    before, checkpoint = snapshot(folder), checkpoints(begun)[-1]
    settings = plain.settings | {"resume_from_checkpoint": str(checkpoint), "learning_rate": 1e-3}
    done = run_train(capsys, *fit_words(toy.synonym, "rs-da", **settings), "--output_dir", folder)
    assert done.code == 1, done.err
    assert "expected a new or empty folder" in done.err.splitlines()[-1]
    assert snapshot(folder) == before


def test_a_best_checkpoint_that_is_gone_is_an_error(
    choosing: Kind, toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = _copy(choosing.killed, tmp_path / "run")
    best = checkpoint_states(run)[-1]["best_global_step"]
    shutil.rmtree(run / f"checkpoint-{best}")
    before = snapshot(run)
    done = run_train(capsys, *fit_words(toy.synonym, "rs-da", **choosing.settings, **RESUME), "--output_dir", run)
    assert done.code == 1
    assert f"no checkpoint-{best} beside it" in done.err.splitlines()[-1]
    assert snapshot(run) == before


def test_a_folder_that_cannot_be_written_is_one_line(toy: Toy, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    words = fit_words(toy.single, "baseline", max_steps=1)
    done = run_command("xlt-train", *words, "--output_dir", tmp_path / "file" / "run", env=environment(1))
    assert done.code == 1
    assert done.err.splitlines()[-1].startswith("xlt-train: starting a run in ")
    assert "Traceback" not in done.err


def test_checkpoints_are_told_apart_by_their_step(tmp_path: Path) -> None:
    for step in (9, 100, 12, 1000):
        (tmp_path / f"checkpoint-{step}").mkdir()
        if step != 1000:
            (tmp_path / f"checkpoint-{step}" / "xlt-run.json").touch()
    (tmp_path / "checkpoint-12-copy").mkdir()
    (tmp_path / "checkpoint-12-copy" / "xlt-run.json").touch()
    assert [path.name for path in complete_checkpoints(tmp_path)] == ["checkpoint-9", "checkpoint-12", "checkpoint-100"]
