"""`evaluate`: a run on every language file of a folder."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xlt_train.data.encode import Encoder
from xlt_train.data.examples import Examples, Layout, read_examples, same_count
from xlt_train.data.languages import language_files
from xlt_train.errors import RunError
from xlt_train.evaluation.predict import pick_device, predict
from xlt_train.evaluation.result import RESULT_NAME, Evaluation, Predictions, check_result, evaluation_of, write_result
from xlt_train.files import write_whole
from xlt_train.models.load import check_complete, unavailable
from xlt_train.runs.card import model_card
from xlt_train.runs.folder import RESUME
from xlt_train.runs.record import STARTED, RunRecord, check_sealed

EVALUATIONS = "evaluations"


@dataclass(frozen=True, kw_only=True)
class Evaluated:
    """An evaluation and the folder that it was written to."""

    path: Path
    evaluation: Evaluation


def evaluate(
    run: str | Path,
    test_dir: str | Path,
    *,
    split: str = "test",
    rows: tuple[int, int] | None = None,
    columns: Sequence[str] | None = None,
    text_columns: Sequence[str] | None = None,
    label_column: str = "label",
    batch_size: int = 64,
    device: str = "auto",
    out: str | Path | None = None,
    progress: Callable[[int, int], object] = lambda done, total: None,
) -> Evaluated:
    """Accuracy of a run (or of one of its checkpoints) on every `SPLIT-LANG` file of `test_dir`.

    `rows`: FROM up to, not including, TO, of every file. `columns` names the fields of files without header, `text_columns`
    those that stand for the training set's texts, `label_column` the label. Results go to `out`, by default to a folder of
    the run's `evaluations`, and then into its model card too. `progress` hears of rows done, of how many. Raises RunError for
    a run that is not finished or was changed, ExamplesError for files that are missing, not parallel, or have other labels.
    """
    folder = Path(run)
    record, earlier = _finished(folder), evaluations(folder)
    if out is not None and (Path(out) / RESULT_NAME).exists():
        raise RunError(
            f"writing the results to {out}",
            found="results that are there already",
            expected="a folder without any",
            remedy="Choose another --out",
        )
    layout = Layout.of(record.text_columns, columns=columns, text_columns=text_columns, label_column=label_column)
    examples = _examples(test_dir, split, layout, record.model["labels"], rows)
    place = pick_device(device)
    model, encode = _load(folder, record)
    model.to(place)
    labels = tuple(model.config.id2label[k] for k in range(model.config.num_labels))
    total, done, found = sum(map(len, examples.values())), 0, []

    def count(n: int) -> None:
        nonlocal done
        progress(done := done + n, total)

    for language, part in examples.items():
        logits = predict(model, encode, part.texts, batch_size=batch_size, progress=count)
        found.append(Predictions(language, part, logits, labels))
    result = evaluation_of(record, found, split=split, rows=rows, layout=layout, batch_size=batch_size, device=str(place))
    keep = folder / EVALUATIONS / result.name if out is None else Path(out)
    card = None if out is not None else model_card(record, earlier | {result.name: result.to_json()})
    _write(keep, result, found, folder / "README.md", card)
    return Evaluated(path=keep, evaluation=result)


def _finished(folder: Path) -> RunRecord:
    record = RunRecord.read(folder)
    if record.status == STARTED:
        raise RunError(
            f"evaluating {folder}",
            found="a run that was not finished",
            expected="a finished run, or one of its checkpoints",
            remedy=f"Repeat its xlt-train fit with {RESUME}",
        )
    return record


def _examples(
    test_dir: str | Path, split: str, layout: Layout, labels: list[str], rows: tuple[int, int] | None
) -> dict[str, Examples]:
    """Language -> rows, everything checked before a model is loaded."""
    whole = {language: read_examples(path, layout) for language, path in language_files(test_dir, split).items()}
    same_count(list(whole.values()))
    found = {language: examples.part(rows) for language, examples in whole.items()}
    for examples in found.values():
        examples.label_ids({name: k for k, name in enumerate(labels)})
    return found


def _load(folder: Path, record: RunRecord) -> tuple[Any, Encoder]:
    from safetensors import SafetensorError
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    check_sealed(record, folder)
    try:
        model, loading = AutoModelForSequenceClassification.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False, use_safetensors=True, output_loading_info=True
        )
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise unavailable(str(folder), error) from error
    check_complete(str(folder), loading, new=())
    return model, Encoder(tokenizer, record.model["max_length"])


def _write(place: Path, result: Evaluation, found: Sequence[Predictions], card_path: Path, card: str | None) -> None:
    try:
        write_result(place, result, found)
        if card is not None:
            write_whole(card_path, card.encode())
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
