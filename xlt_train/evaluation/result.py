"""What an evaluation found, as values: the content of `accuracy.json` and `accuracy.md` (docs/format.md)."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from xlt_train.data.assemble import Cell
from xlt_train.data.parallel import ParallelSet
from xlt_train.evaluation.cells import ALL
from xlt_train.evaluation.predict import Judged
from xlt_train.files import sha256_file, sha256_json
from xlt_train.models.nano import NOTE
from xlt_train.runs.card import accuracy_table, matrix_table
from xlt_train.runs.record import RunRecord, described, software_versions, stored

EVALUATION_FORMAT = "xlt-evaluation/3"
READ_FORMATS = (EVALUATION_FORMAT, "xlt-evaluation/2", "xlt-evaluation/1")  # the first differs in `run` alone
RESULT_NAME = "accuracy.json"


class Predictions(NamedTuple):
    """All cells of a test set, row by row: cell by cell, items ascending. `labels`: the classes in the order of the logits."""

    tests: ParallelSet
    cells: Sequence[Cell]
    judged: Judged
    labels: tuple[str, ...]

    def gold(self, cell: int) -> list[str] | None:
        """The labels of a cell's items: those of the file of its first text; None where that has none."""
        return self.tests.files[self.cells[cell][0]].labels

    def predicted(self, cell: int) -> list[str]:
        """The labels predicted for them."""
        rows = self.judged.predicted[cell * len(self.tests) : (cell + 1) * len(self.tests)]
        return [self.labels[k] for k in rows.tolist()]

    def scored(self, cell: int) -> dict[str, Any]:
        """One of `Evaluation.cells`."""
        (first, second), gold, rows = self.cells[cell], self.gold(cell), len(self.tests)
        correct = None if gold is None else sum(a == b for a, b in zip(gold, self.predicted(cell)))
        accuracy = None if correct is None else correct / rows
        return {"language_1": first, "language_2": second, "rows": rows, "correct": correct, "accuracy": accuracy}


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Accuracy per language and cell, and everything needed to repeat it.

    `languages`: the diagonal, `average` its mean; `cells`: every cell that was judged, `average_of_pairs` their mean where all
    pairs were. Means are None unless every file has labels.
    """

    format: str
    run: dict[str, Any]
    split: str
    rows: list[int] | None
    columns: dict[str, Any]  # `Layout`: which columns of the files were taken
    tests: str
    placeholders: str
    items: dict[str, int]
    pairs: str
    languages: list[dict[str, Any]]
    average: float | None
    cells: list[dict[str, Any]]
    average_of_pairs: float | None
    smoothing: dict[str, Any] | None
    precision: str
    note: str | None
    batch_size: int
    device: str
    versions: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        """As it stands in `accuracy.json`."""
        return asdict(self)

    @property
    def name(self) -> str:
        """Folder name: see `name_of`."""
        return name_of(self.about())

    def about(self) -> dict[str, Any]:
        """What was judged and how, of which the numbers are a function."""
        return {key: getattr(self, key) for key in ABOUT} | {"run": self.run["identity"]}

    def markdown(self) -> str:
        """As it stands in `accuracy.md`."""
        run, rows = self.run, "" if self.rows is None else f", rows {self.rows[0]}:{self.rows[1]}"
        facts = {
            "method": run["method"]["name"],
            "rows": described(run["method"]),
            "model": run["model"]["name"],
            "dataset": " and ".join(
                f"{data['source']['name']}, logical hash {data['logical_hash']}{stored(data)}" for data in run["data"]
            ),
            "seed": run["seed"],
            "weights": ", ".join(f"{name} sha256 {sha256}" for name, sha256 in run["weights"].items()) or "a checkpoint",
            "test set": f"{self.tests}: {items_line(self.items, self.placeholders)}",
            **({"smoothed": ", ".join(f"{key} {value}" for key, value in self.smoothing.items())} if self.smoothing else {}),
            "made with": ", ".join(f"{name} {value}" for name, value in self.versions.items())
            + f", on {self.device} in {self.precision}",
        }
        note = [f"> **{self.note[0].upper()}{self.note[1:]}.**", ""] if self.note else []
        matrix = ["", *matrix_table(self.cells)] if self.pairs == ALL else []
        lines = [f"# Accuracy on {self.split}{rows}", "", *note, *accuracy_table(self.to_json()), *matrix, ""]
        return "\n".join([*lines, *(f"- {name}: {value}" for name, value in facts.items())]) + "\n"


ABOUT = ("split", "rows", "tests", "pairs", "smoothing", "precision")


def name_of(about: Mapping[str, Any]) -> str:
    """SPLIT[-FROM-TO][-pairs][-smoothed]-HASH: the same test set and settings give the same one, others another."""
    parts = [about["split"]]
    parts += [] if about["rows"] is None else [str(row) for row in about["rows"]]
    parts += ["pairs"] if about["pairs"] == ALL else []
    parts += ["smoothed"] if about["smoothing"] else []
    return "-".join([*parts, sha256_json({key: about[key] for key in ABOUT})[:8]])


def items_line(items: Mapping[str, int], placeholders: str) -> str:
    """What became of the items, in words."""
    kinds = {"placeholders": "a placeholder", "differing_labels": "labels that differ", "missing": "a missing row"}
    found = [f"{items[kind]:,} with {words}" for kind, words in kinds.items() if items[kind]]
    if not found:
        return f"{items['kept']:,} items"
    kept = f"{items['kept']:,} of {items['total']:,} items kept"
    return f"{kept if items['kept'] < items['total'] else f'all {kept}'} ({', '.join(found)}: {placeholders})"


def run_of(record: RunRecord, folder: Path) -> dict[str, Any]:
    """What results say of a run, with an identity of 16 hex digits: of weights, seed and method."""
    run = {key: getattr(record, key) for key in ("status", "method", "data", "model", "weights")}
    weights = record.weights or {path.name: sha256_file(path) for path in sorted(folder.glob("*.safetensors"))}
    identity = sha256_json({"weights": weights, "seed": record.training["seed"], "method": record.method})[:16]
    return run | {"seed": record.training["seed"], "steps": record.results["steps"], "identity": identity}


def evaluation_of(
    found: Predictions, run: dict[str, Any], about: Mapping[str, Any], *, batch_size: int, device: str
) -> Evaluation:
    """Count what was right. `about`: as `Evaluation.about` gives it."""
    tests, cells = found.tests, [found.scored(k) for k in range(len(found.cells))]
    diagonal = {cell["language_1"]: cell for cell in cells if cell["language_2"] in (None, cell["language_1"])}
    languages = [
        {"language": language, "file": examples.path.name, "sha256": examples.sha256}
        | {key: diagonal[language][key] for key in ("rows", "correct", "accuracy")}
        for language, examples in tests.files.items()
    ]
    return Evaluation(
        format=EVALUATION_FORMAT,
        run=run,
        columns=tests.columns,
        placeholders=tests.placeholders,
        items=tests.counts,
        languages=languages,
        average=_mean([entry["accuracy"] for entry in languages]),
        cells=cells,
        average_of_pairs=_mean([cell["accuracy"] for cell in cells]) if about["pairs"] == ALL else None,
        note=NOTE if run["model"]["randomly_initialised"] else None,
        batch_size=batch_size,
        device=device,
        versions=software_versions(),
        **{key: about[key] for key in ABOUT},
    )


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.sum(known)) / len(known) if len(known) == len(values) else None


def check_result(body: dict[str, Any]) -> dict[str, Any]:
    """What the card shows of an `accuracy.json`. Raises KeyError or ValueError when it is none."""
    if body["format"] not in READ_FORMATS or not all({"language", "rows", "accuracy"} <= e.keys() for e in body["languages"]):
        raise ValueError(body["format"])
    shown = {key: body[key] for key in ("split", "rows", "languages", "average")}
    late = {"placeholders": "keep", "average_of_pairs": None, "smoothing": None}  # keys that the first formats lack
    return shown | {key: body.get(key, value) for key, value in late.items()}
