"""The files of an evaluation: `predictions.parquet`, `accuracy.md`, and last `accuracy.json` (docs/format.md)."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from xlt_train.evaluation.parts import list_array
from xlt_train.evaluation.result import EVALUATION_FORMAT, RESULT_NAME, Evaluation, Predictions
from xlt_train.files import pretty_json, write_whole

PREDICTIONS, MARKDOWN = "predictions.parquet", "accuracy.md"


def read_evaluation(folder: Path) -> Evaluation | None:
    """The evaluation in `folder`; None where there is none that is whole and of today's format."""
    try:
        body = json.loads((folder / RESULT_NAME).read_bytes())
        found = Evaluation(**body)
        whole = found.format == EVALUATION_FORMAT and (folder / PREDICTIONS).is_file() and bool(found.about())
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
    return found if whole else None


def write_result(folder: Path, evaluation: Evaluation, found: Predictions) -> None:
    """Write the three files, each whole; while `accuracy.json` is missing the others do not count. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    content = _parquet(found, evaluation)
    (folder / RESULT_NAME).unlink(missing_ok=True)
    write_whole(folder / PREDICTIONS, content)
    write_whole(folder / MARKDOWN, evaluation.markdown().encode())
    write_whole(folder / RESULT_NAME, pretty_json(evaluation.to_json()))


def _parquet(found: Predictions, evaluation: Evaluation) -> bytes:
    """Every prediction: the columns of docs/format.md."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    items, cells, judged = len(found.tests), len(found.cells), found.judged
    each = np.repeat(np.arange(cells), items)
    nothing: list[str | None] = [None] * items
    classes = {label: k for k, label in enumerate(found.labels)}
    gold = [-1 if label is None else classes[label] for k in range(cells) for label in (found.gold(k) or nothing)]
    columns = {
        "item": pa.array(np.tile(found.tests.items.astype(np.int64), cells)),
        "language_1": _strings(each, [a for a, _ in found.cells]),
        "language_2": _strings(each, [b for _, b in found.cells]),
        "gold": _strings(np.array(gold), found.labels),
        "predicted": _strings(judged.predicted, found.labels),
        "logits": list_array(judged.logits),
    }
    if judged.votes is not None:
        columns["votes"] = list_array(judged.votes)
    columns["run"] = _strings(np.zeros(cells * items, np.int64), [evaluation.run["identity"]])
    about = {b"xlt": pretty_json({"labels": list(found.labels), "run": evaluation.run})}
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns).replace_schema_metadata(about), sink)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def _strings(codes: np.ndarray, names: Any) -> Any:
    """Strings by their numbers in `names`; null below 0, and where the name is None."""
    import pyarrow as pa

    known = pa.array(list(names), pa.string())
    return known.take(pa.array(codes, pa.int64(), mask=codes < 0))
