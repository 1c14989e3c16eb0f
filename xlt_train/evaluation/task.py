"""A judgement from its checked settings to its files; what was judged before an interruption is not judged again."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from xlt_train.data.assemble import Cell, CellRows
from xlt_train.data.parallel import ParallelSet
from xlt_train.errors import RunError
from xlt_train.evaluation.cells import UNIT_ROWS, units_of
from xlt_train.evaluation.parts import Parts
from xlt_train.evaluation.predict import Judge, Judged
from xlt_train.evaluation.result import RESULT_NAME, Evaluation, Predictions, check_result, evaluation_of, name_of, run_of
from xlt_train.evaluation.smooth import Smoothing, noise_addresses
from xlt_train.evaluation.write import read_evaluation, write_result
from xlt_train.files import sha256_json, write_whole
from xlt_train.models.load import check_complete, unavailable
from xlt_train.runs.card import model_card
from xlt_train.runs.lock import held
from xlt_train.runs.record import RunRecord, software_versions

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

EVALUATIONS = "evaluations"
_LOCK = ".xlt-evaluation.lock"
Progress = Callable[[int, int], object]


@dataclass(frozen=True, kw_only=True)
class Evaluated:
    """An evaluation and the folder that it was written to; `earlier`: it was there already, and nothing was done."""

    path: Path
    evaluation: Evaluation
    earlier: bool = False


@dataclass(frozen=True, kw_only=True)
class Task:
    """Which run is judged on what, how, and where; everything about it is checked."""

    folder: Path
    record: RunRecord
    tests: ParallelSet
    cells: list[Cell]
    pairs: str
    smoothing: Smoothing | None
    precision: str
    batch_size: int
    device: str

    @cached_property
    def run(self) -> dict[str, Any]:
        """What results say of the run."""
        return run_of(self.record, self.folder)

    @property
    def about(self) -> dict[str, Any]:
        """As `Evaluation.about` gives it."""
        return {
            "split": self.tests.split,
            "rows": None if self.tests.rows is None else list(self.tests.rows),
            "tests": self.tests.identity,
            "pairs": self.pairs,
            "smoothing": None if self.smoothing is None else asdict(self.smoothing),
            "precision": self.precision,
            "run": self.run["identity"],
        }

    @property
    def identity(self) -> str:
        """Of all that the numbers depend on to the last bit: 16 hex digits."""
        more = {"batch_size": self.batch_size, "device": self.device, "unit": UNIT_ROWS, "versions": software_versions()}
        return sha256_json(self.about | more)[:16]


def finish(
    task: Task,
    out: Path | None,
    *,
    again: bool = False,
    progress: Progress = lambda done, total: None,
    say: Callable[[str], object] = lambda note: None,
) -> Evaluated:
    """Judge what is not judged yet and write the results; see `evaluate`."""
    place = task.folder / EVALUATIONS / name_of(task.about) if out is None else out
    earlier = read_evaluation(place)
    same = earlier is not None and (earlier.about(), earlier.run) == (task.about, task.run)
    if earlier is not None and same and not again:
        return Evaluated(path=place, evaluation=earlier, earlier=True)
    if out is not None and not same and (out / RESULT_NAME).exists():
        raise RunError(
            f"writing the results to {out}",
            found="results that are there already",
            expected="a folder without any",
            remedy="Choose another --out",
        )
    others = {} if out is not None else evaluations(task.folder)
    model, tokenizer = load(task)
    labels = tuple(label for _, label in sorted((int(k), str(name)) for k, name in (model.config.id2label or {}).items()))
    rows = CellRows(task.tests, tokenizer, task.record.model["max_length"], getattr(model.config, "vocab_size", None))
    if rows.note:
        say(rows.note)
    judge = Judge(
        model=model,
        tokens=task.batch_size * task.record.model["max_length"],
        precision=task.precision,
        smoothing=task.smoothing,
        special_ids=tuple(tokenizer.all_special_ids),
    )
    with _claimed(place):
        parts = Parts(place, task.identity)
        found = Predictions(task.tests, task.cells, _judged(task, judge, rows, parts, progress), labels)
        result = evaluation_of(found, task.run, task.about, batch_size=task.batch_size, device=task.device)
        with _writing(place):
            write_result(place, result, found)
            parts.clear()
            if out is None:
                card = model_card(task.record, others | {place.name: check_result(result.to_json())})
                write_whole(task.folder / "README.md", card.encode())
    return Evaluated(path=place, evaluation=result)


def _judged(task: Task, judge: Judge, rows: CellRows, parts: Parts, progress: Progress) -> Judged:
    """All cells, unit by unit; those that are kept as parts are taken from there."""
    items, total, done = len(task.tests), len(task.cells) * len(task.tests), 0
    found: list[Judged] = []

    def count(more: int) -> None:
        nonlocal done
        progress(done := done + more, total)

    passes = 1 if task.smoothing is None else task.smoothing.draws  # a row of several draws is as much work to lose
    for k, cells in enumerate(units_of(task.cells, items, UNIT_ROWS // passes)):
        part = parts.read(k, len(cells) * items)
        if part is not None:
            count(len(cells) * items)
        else:
            addresses = np.concatenate([noise_addresses(cell, task.tests.items) for cell in cells])
            part = judge(rows.rows(cells), addresses, count)
            with _writing(parts.folder):
                parts.write(k, part)
        found.append(part)
    votes = [part.votes for part in found if part.votes is not None]
    return Judged(
        np.concatenate([part.logits for part in found]),
        np.concatenate([part.predicted for part in found]),
        np.concatenate(votes) if votes else None,
    )


def load(task: Task) -> "tuple[PreTrainedModel, PreTrainedTokenizerBase]":
    """The run's model, where it is asked, and its tokenizer. Raises ModelError for one that cannot be opened as it is."""
    from safetensors import SafetensorError
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    folder = task.folder
    try:
        model, loading = AutoModelForSequenceClassification.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False, use_safetensors=True, output_loading_info=True
        )
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise unavailable(str(folder), error) from error
    check_complete(str(folder), loading, new=())
    if task.smoothing is not None:
        task.smoothing.check(model)
    return model.to(task.device), tokenizer


@contextmanager
def _claimed(place: Path) -> Iterator[None]:
    """One process at a time in the folder; where nothing was kept, nothing is left behind. Raises RunError."""
    busy = RunError(
        f"writing the results to {place}",
        found="another process that judges there",
        expected="one at a time",
        remedy="Wait for it, or choose another --out",
    )
    with ExitStack() as stack:
        with _writing(place):
            fresh = [path for path in (place, *place.parents) if not path.exists()]
            place.mkdir(parents=True, exist_ok=True)
            stack.enter_context(held(place / _LOCK, busy))
        try:
            yield
        except BaseException:
            stack.close()
            with suppress(OSError):  # one that holds something stays
                for path in fresh:
                    path.rmdir()
            raise


@contextmanager
def _writing(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RunError(
            f"writing the results to {place}",
            found=error.strerror or str(error),
            expected="room and access",
            remedy="Choose another --out",
        ) from error


def evaluations(folder: Path) -> dict[str, dict[str, Any]]:
    """The results that a run has so far, by name. Raises RunError for one that cannot be read."""
    found = {}
    for path in sorted((folder / EVALUATIONS).glob(f"*/{RESULT_NAME}")):
        try:
            found[path.parent.name] = check_result(json.loads(path.read_bytes()))
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise RunError(
                f"reading the earlier result {path}",
                found="no result of an evaluation",
                expected="what xlt-train evaluate wrote",
                remedy="Move that folder away, or write elsewhere with --out",
            ) from error
    return found
