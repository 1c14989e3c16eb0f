"""What an evaluation found, as values and as files: `accuracy.json`, `accuracy.md`, `predictions.parquet` (docs/format.md)."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from xlt_train.data.examples import Examples, Layout
from xlt_train.files import pretty_json, sha256_json, write_whole
from xlt_train.models.nano import NOTE
from xlt_train.runs.card import accuracy_table
from xlt_train.runs.record import RunRecord, described, software_versions

EVALUATION_FORMAT = "xlt-evaluation/2"
_READ = ("xlt-evaluation/3", EVALUATION_FORMAT, "xlt-evaluation/1")  # the first differs in `run` alone, which is not read
RESULT_NAME = "accuracy.json"
PREDICTIONS_NAME = "predictions.parquet"


class Predictions(NamedTuple):
    """One language: its rows, the logits [N, C] in the order of `labels`, and those labels."""

    language: str
    examples: Examples
    logits: np.ndarray
    labels: tuple[str, ...]

    @property
    def predicted(self) -> list[str]:
        """The label with the highest logit, row by row."""
        return [self.labels[k] for k in self.logits.argmax(-1)]

    @property
    def correct(self) -> int | None:
        """Rows predicted right, None where the file has no labels."""
        if self.examples.labels is None:
            return None
        return sum(1 for gold, found in zip(self.examples.labels, self.predicted) if gold == found)


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Accuracy per language, and everything needed to repeat it. `average` is None unless every file has labels."""

    format: str
    run: dict[str, Any]
    split: str
    rows: list[int] | None
    columns: dict[str, Any]  # `Layout`: which columns of the files were taken
    languages: list[dict[str, Any]]
    average: float | None
    note: str | None
    batch_size: int
    device: str
    versions: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        """As it stands in `accuracy.json`."""
        return asdict(self)

    @property
    def name(self) -> str:
        """Folder name: the same files, rows and columns give the same one, others another."""
        files = {entry["language"]: entry["sha256"] for entry in self.languages}
        rows = "" if self.rows is None else f"-{self.rows[0]}-{self.rows[1]}"
        identity = sha256_json({"files": files, "rows": self.rows, "columns": self.columns})
        return f"{self.split}{rows}-{identity[:8]}"

    def markdown(self) -> str:
        """As it stands in `accuracy.md`."""
        run, rows = self.run, "" if self.rows is None else f", rows {self.rows[0]}:{self.rows[1]}"
        facts = {
            "method": run["method"]["name"],
            "rows": described(run["method"]),
            "model": run["model"]["name"],
            "dataset": " and ".join(f"{data['source']['name']}, logical hash {data['logical_hash']}" for data in run["data"]),
            "seed": run["seed"],
            "weights": ", ".join(f"{name} sha256 {sha256}" for name, sha256 in run["weights"].items()) or "a checkpoint",
            "made with": ", ".join(f"{name} {value}" for name, value in self.versions.items()) + f", on {self.device}",
        }
        note = [f"> **{self.note[0].upper()}{self.note[1:]}.**", ""] if self.note else []
        lines = [f"# Accuracy on {self.split}{rows}", "", *note, *accuracy_table(self.to_json()), ""]
        return "\n".join([*lines, *(f"- {name}: {value}" for name, value in facts.items())]) + "\n"


def evaluation_of(
    record: RunRecord,
    found: Sequence[Predictions],
    *,
    split: str,
    rows: tuple[int, int] | None,
    layout: Layout,
    batch_size: int,
    device: str,
) -> Evaluation:
    """Count what was right."""
    languages = [
        {
            "language": p.language,
            "file": p.examples.path.name,
            "sha256": p.examples.sha256,
            "rows": len(p.examples),
            "correct": p.correct,
            "accuracy": None if p.correct is None else p.correct / len(p.examples),
        }
        for p in found
    ]
    known = [p.correct / len(p.examples) for p in found if p.correct is not None]
    run = {key: getattr(record, key) for key in ("status", "method", "data", "model", "weights")}
    return Evaluation(
        format=EVALUATION_FORMAT,
        run=run | {"seed": record.training["seed"], "steps": record.results["steps"]},
        split=split,
        rows=None if rows is None else list(rows),
        columns={
            "columns": None if layout.columns is None else list(layout.columns),
            "text_columns": list(layout.text_columns),
            "label_column": layout.label_column,
        },
        languages=languages,
        average=sum(known) / len(known) if len(known) == len(languages) else None,
        note=NOTE if record.model["randomly_initialised"] else None,
        batch_size=batch_size,
        device=device,
        versions=software_versions(),
    )


def tests_identity(files: Mapping[str, str], rows: Sequence[int] | None, columns: Mapping[str, Any], placeholders: str) -> str:
    """What was judged on, as one word: `files` is language -> sha256. Two results are comparable when theirs are the same."""
    body = {"files": dict(files), "rows": rows, "columns": dict(columns), "placeholders": placeholders}
    return sha256_json(body)[:16]


def check_result(body: dict[str, Any]) -> dict[str, Any]:
    """The content of an `accuracy.json`. Raises KeyError or ValueError when it is none."""
    if body["format"] not in _READ or not all({"language", "rows", "accuracy"} <= e.keys() for e in body["languages"]):
        raise ValueError(body["format"])
    return {key: body[key] for key in ("split", "rows", "languages", "average")}


def write_result(folder: Path, evaluation: Evaluation, found: Sequence[Predictions]) -> None:
    """Write the three files, `accuracy.json` last. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / PREDICTIONS_NAME, _parquet(found, evaluation))
    write_whole(folder / "accuracy.md", evaluation.markdown().encode())
    write_whole(folder / RESULT_NAME, pretty_json(evaluation.to_json()))


def _parquet(found: Sequence[Predictions], evaluation: Evaluation) -> bytes:
    """Every prediction: item (row of the file), languages of the texts, gold, predicted, logits in the order of the labels."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    first, two = (evaluation.rows or [0])[0], len(found[0].examples.texts) > 1
    parts = []
    for p in found:
        n = len(p.examples)
        columns = {
            "item": pa.array(range(first, first + n), pa.int64()),
            "language_1": pa.array([p.language] * n, pa.string()),
            "language_2": pa.array([p.language if two else None] * n, pa.string()),
            "gold": pa.nulls(n, pa.string()) if p.examples.labels is None else pa.array(p.examples.labels, pa.string()),
            "predicted": pa.array(p.predicted, pa.string()),
            "logits": pa.array(p.logits.tolist(), pa.list_(pa.float32())),
        }
        parts.append(pa.table(columns))
    about = {b"xlt": pretty_json({"labels": list(found[0].labels), "run": evaluation.run})}
    sink = pa.BufferOutputStream()
    pq.write_table(pa.concat_tables(parts).replace_schema_metadata(about), sink)
    content: bytes = sink.getvalue().to_pybytes()
    return content
