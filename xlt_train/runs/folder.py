"""Whether a run may use a folder, and where a killed run goes on from."""

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from xlt_train.errors import RunError
from xlt_train.files import pretty_json, write_whole
from xlt_train.runs.checkpoint import check_unchanged
from xlt_train.runs.lock import RUN_LOCK, held
from xlt_train.runs.record import FINISHED, RECORD_NAME, RunRecord

_CHECKPOINT = re.compile(r"checkpoint-(\d+)")
_STATE = "trainer_state.json"
RESUME = "--resume_from_checkpoint true"


def complete_checkpoints(folder: Path) -> list[Path]:
    """Checkpoints of a run by step; those that a kill left half-written have no record and are left out."""
    found = [p for p in folder.iterdir() if _CHECKPOINT.fullmatch(p.name) and (p / RECORD_NAME).is_file()]
    return sorted(found, key=step_of)


def starting_point(folder: Path, record: RunRecord, resume: str | None) -> Path | None:
    """The checkpoint that a run starts from, None for the beginning.

    `resume`: None for a new run, "true" to go on with the run in `folder` if one was begun there, or a checkpoint's path.
    Raises RunError when the folder holds anything else, and nothing in it is touched.
    """
    if not _is_free(folder):
        begun = _begun(folder)
        if begun is None or resume is None or (resume != "true" and begun.status == FINISHED):
            raise _in_the_way(folder, begun)
        _same_run(begun, record, folder)
    if resume not in (None, "true"):
        chosen = Path(str(resume))
        _same_run(RunRecord.read(chosen), record, chosen)
        return _whole(chosen)
    checkpoints = complete_checkpoints(folder) if folder.is_dir() else []
    return _whole(checkpoints[-1]) if checkpoints else None


def _whole(checkpoint: Path) -> Path:
    """Raises RunError when it cannot be gone on from to the same weights: a run's own folder, or saved by --save_only_model."""
    missing = [name for name in (_STATE, "optimizer.pt", "scheduler.pt") if not (checkpoint / name).is_file()]
    if missing and not any(checkpoint.glob("global_step*")):  # where DeepSpeed keeps them
        raise RunError(
            f"going on from {checkpoint}",
            found=f"no {missing[0]}",
            expected="a checkpoint with the states of the Trainer",
            remedy="Name a folder checkpoint-N; after --save_only_model, train again in another --output_dir",
        )
    return checkpoint


def is_finished(folder: Path) -> bool:
    """Whether the folder holds a run that came to its end."""
    begun = _begun(folder)
    return begun is not None and begun.status == FINISHED


def clear_half_written(folder: Path) -> None:
    """Remove checkpoints of this run that a kill left incomplete."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if _CHECKPOINT.fullmatch(path.name) and not (path / RECORD_NAME).is_file():
            shutil.rmtree(path)


@contextmanager
def claimed(folder: Path, record: RunRecord, checkpoint: Path | None) -> Iterator[None]:
    """Make a folder this run's own, to start from `checkpoint` or anew.

    A run that ends by an error before its first checkpoint leaves nothing behind. Raises RunError where nothing can be written,
    and where another process trains.
    """
    fresh = _is_free(folder)
    with _locked(folder):
        if fresh and not _is_free(folder):  # another run came and went meanwhile
            raise _in_the_way(folder, _begun(folder))
        try:
            with _writing(folder):
                if checkpoint is not None:
                    place_best(checkpoint)
                clear_half_written(folder)
                record.write(folder)
            yield
        except BaseException:
            if fresh and not complete_checkpoints(folder):  # all in it is ours, and none of it can be gone on from
                shutil.rmtree(folder, ignore_errors=True)
            raise


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    busy = RunError(
        f"starting a run in {folder}",
        found="another process that trains there",
        expected="one at a time",
        remedy="Wait for it, or choose another --output_dir",
    )
    with ExitStack() as stack:
        with _writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(held(folder / RUN_LOCK, busy))
        yield


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RunError(
            f"starting a run in {folder}",
            found=error.strerror or str(error),
            expected="a folder that can be written to",
            remedy="Choose another --output_dir",
        ) from error


def place_best(checkpoint: Path) -> None:
    """Let a checkpoint name the best one where it lies now: the Trainer keeps its path, and forgets it once it was moved.

    Raises RunError when the best one is gone, or was changed.
    """
    path = checkpoint / _STATE
    state = json.loads(path.read_bytes())
    if state.get("best_model_checkpoint") is None:
        return
    best = checkpoint.parent / Path(state["best_model_checkpoint"]).name
    if not (best / RECORD_NAME).is_file():
        raise RunError(
            f"going on from {checkpoint}",
            found=f"no {best.name} beside it",
            expected="the best checkpoint so far, which may be the one to choose in the end",
            remedy="Copy it back, or train again in another --output_dir",
        )
    check_unchanged(best)
    write_whole(path, pretty_json(state | {"best_model_checkpoint": str(best)}))


def _is_free(folder: Path) -> bool:
    return not os.path.lexists(folder) or (folder.is_dir() and all(path.name == RUN_LOCK for path in folder.iterdir()))


def step_of(path: Path) -> int:
    """The step that a checkpoint was saved at."""
    return int(path.name.split("-")[1])


def _begun(folder: Path) -> RunRecord | None:
    try:
        return RunRecord.read(folder)
    except RunError:
        return None


def _same_run(begun: RunRecord, record: RunRecord, place: Path) -> None:
    if differences := record.differences(begun):
        raise RunError(
            f"going on with {place}",
            found=f"a run with other settings: {'; '.join(differences[:3])}",
            expected="the same settings, so that it ends at the same weights",
            remedy="Repeat the first command with --resume_from_checkpoint added, or choose another --output_dir",
        )


def _in_the_way(folder: Path, begun: RunRecord | None) -> RunError:
    if begun is None:
        found, remedy = "something that is no run", "Choose another --output_dir"
    elif begun.status == FINISHED:
        found, remedy = "a finished run", "Choose another --output_dir, or remove that one"
    else:
        found, remedy = "a run that was begun", f"Go on with it ({RESUME}), choose another --output_dir, or remove that one"
    return RunError(f"starting a run in {folder}", found=found, expected="a new or empty folder", remedy=remedy)
