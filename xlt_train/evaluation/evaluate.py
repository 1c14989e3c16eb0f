"""`evaluate`: a run on every language of a folder, or on every pair of them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from xlt_train.data.examples import Layout
from xlt_train.data.parallel import AUTO, KEEP, ParallelSet
from xlt_train.errors import RunError
from xlt_train.evaluation.cells import SAME, cells_of
from xlt_train.evaluation.predict import BATCH_CPU, BATCH_GPU, pick_device, pick_precision
from xlt_train.evaluation.smooth import Smoothing
from xlt_train.evaluation.task import Evaluated, Progress, Task, finish
from xlt_train.runs.folder import RESUME
from xlt_train.runs.record import STARTED, RunRecord, check_sealed


def evaluate(
    run: str | Path,
    test_dir: str | Path,
    *,
    split: str = AUTO,
    rows: tuple[int, int] | None = None,
    columns: Sequence[str] | None = None,
    text_columns: Sequence[str] | None = None,
    label_column: str = "label",
    languages: Sequence[str] | None = None,
    placeholders: str = KEEP,
    pairs: str = SAME,
    smooth: int = 0,
    precision: str = "auto",
    batch_size: int | None = None,
    device: str = "auto",
    out: str | Path | None = None,
    again: bool = False,
    progress: Progress = lambda done, total: None,
    say: Callable[[str], object] = lambda note: None,
    **smoothing: Any,
) -> Evaluated:
    """Accuracy of a run (or of one of its checkpoints) on the `SPLIT-LANG` files of `test_dir`.

    The files are read as `ParallelSet.read` and `Layout.of` say. `pairs`: `same`, both texts in one language, or `all`.
    `smooth`: draws, with settings as `Smoothing.of` has them. `batch_size`: rows of full length. Results go to `out`, else
    below the run and into its model card; those of the same judgement that are there are given back, unless `again`. After an
    interruption the same call goes on. `progress` hears of rows done, of how many; `say` of what one may want to know. Raises
    RunError for a run that is not finished or was changed, ExamplesError for files that are missing, not parallel, or have
    other labels, UsageError for settings that do not fit.
    """
    record = _finished(folder := Path(run))
    chosen = Smoothing.of(smooth, record.method, smoothing)
    layout = Layout.of(record.text_columns, columns=columns, text_columns=text_columns, label_column=label_column)
    cells_of(languages or (), pairs, len(layout.text_columns))
    tests = ParallelSet.read(test_dir, split, layout, rows, placeholders=placeholders, languages=languages)
    _check_labels(tests, record, say)
    place = pick_device(device)
    task = Task(
        folder=folder,
        record=record,
        tests=tests,
        cells=cells_of(tests.languages, pairs, len(layout.text_columns)),
        pairs=pairs,
        smoothing=chosen,
        precision=pick_precision(precision, place),
        batch_size=batch_size or (BATCH_GPU if place.type == "cuda" else BATCH_CPU),
        device=str(place),
    )
    return finish(task, None if out is None else Path(out), again=again, progress=progress, say=say)


def _check_labels(tests: ParallelSet, record: RunRecord, say: Callable[[str], object]) -> None:
    """Raises ExamplesError for the first label that the run does not know; says which files were taken."""
    if tests.note:
        say(tests.note)
    ids = {name: k for k, name in enumerate(record.model["labels"])}
    for examples in tests.files.values():
        examples.label_ids(ids)


def _finished(folder: Path) -> RunRecord:
    record = RunRecord.read(folder)
    if record.status == STARTED:
        raise RunError(
            f"evaluating {folder}",
            found="a run that was not finished",
            expected="a finished run, or one of its checkpoints",
            remedy=f"Repeat its xlt-train fit with {RESUME}",
        )
    check_sealed(record, folder)
    return record
