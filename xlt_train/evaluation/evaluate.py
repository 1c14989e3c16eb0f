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

    The files are read as `ParallelSet.read` and `Layout.of` say. `pairs`: `same`, both texts in one language, or `all`, every
    pair of languages. `smooth`: draws of the smoothed classifier, with `epsilon`, `norm`, `noise`, `depth`,
    `spare_special_tokens` and `seed` (`Smoothing.of`). `batch_size`: rows of full length in a batch. Results go to `out`, by
    default to a folder of the run's `evaluations`, and then into its model card too; results of the same judgement that are
    there are given back, unless `again`. After an interruption the same call goes on. `progress` hears of rows done, of how
    many, and `say` of what one may want to know. Raises RunError for a run that is not finished or was changed, ExamplesError
    for files that are missing, not parallel, or have other labels, UsageError for settings that do not fit.
    """
    folder = Path(run)
    record = _finished(folder)
    chosen = Smoothing.of(smooth, record.method, smoothing)
    layout = Layout.of(record.text_columns, columns=columns, text_columns=text_columns, label_column=label_column)
    cells_of(languages or (), pairs, len(layout.text_columns))
    tests = ParallelSet.read(test_dir, split, layout, rows, placeholders=placeholders, languages=languages)
    for examples in tests.files.values():
        examples.label_ids({name: k for k, name in enumerate(record.model["labels"])})
    if tests.note:
        say(tests.note)
    place = pick_device(device)
    batch_size = batch_size or (BATCH_GPU if place.type == "cuda" else BATCH_CPU)
    task = Task(
        folder=folder,
        record=record,
        tests=tests,
        cells=cells_of(tests.languages, pairs, len(layout.text_columns)),
        pairs=pairs,
        smoothing=chosen,
        precision=pick_precision(precision, place),
        batch_size=batch_size,
        device=str(place),
    )
    return finish(task, None if out is None else Path(out), again=again, progress=progress, say=say)


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
