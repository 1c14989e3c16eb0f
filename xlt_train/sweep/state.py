"""What there is of a run: whether its folder holds it finished, and its results on the test files."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from xlt_train.data.languages import language_files
from xlt_train.errors import RunError
from xlt_train.evaluation.result import READ_FORMATS, RESULT_NAME
from xlt_train.evaluation.task import EVALUATIONS
from xlt_train.files import sha256_file
from xlt_train.runs.record import FINISHED, RunRecord
from xlt_train.sweep.command import JudgedOn
from xlt_train.sweep.points import Point

Status = Literal["finished", "failed", "waiting"]


@dataclass(frozen=True, kw_only=True)
class State:
    """A run as it stands. `accuracy`: by language, where it was judged; `error`: what its last command said."""

    status: Status
    record: RunRecord | None
    accuracy: dict[str, float | None]
    average: float | None
    error: str | None


def state_of(folder: Path, point: Point, tests: JudgedOn | None, files: Mapping[str, str], error: str | None = None) -> State:
    """The state of the run in `folder`; `files`: language -> sha256 of the test files, `error`: of a command just run."""
    record = finished_record(folder, point)
    status: Status = "finished" if record is not None else "failed" if error is not None else "waiting"
    result = None if record is None or tests is None else _result(folder, record, tests, files)
    accuracy = {} if result is None else {entry["language"]: entry["accuracy"] for entry in result["languages"]}
    return State(
        status=status, record=record, accuracy=accuracy, average=None if result is None else result["average"], error=error
    )


def finished_record(folder: Path, point: Point) -> RunRecord | None:
    """The record of a run that came to its end on the point's data and development set, None where there is none.

    The other settings are in the folder's name.
    """
    try:
        record = RunRecord.read(folder)
    except RunError:
        return None
    dev = None if record.dev is None else record.dev["sha256"]
    found = (
        record.method["name"],
        record.model["name"],
        record.training["seed"],
        tuple(data["logical_hash"] for data in record.data),
        dev,
    )
    method, model = str(point.options["method"]), str(point.options["model"])  # a folder may be named 3
    expected = (method, model, point.seed, point.hashes, point.dev_sha256)
    return record if record.status == FINISHED and found == expected else None


def language_hashes(tests: JudgedOn) -> dict[str, str]:
    """Language -> sha256 of its test file. Raises ExamplesError where there are none."""
    return {language: sha256_file(path) for language, path in language_files(tests.folder, tests.split).items()}


def _result(folder: Path, record: RunRecord, tests: JudgedOn, files: Mapping[str, str]) -> dict[str, Any] | None:
    """What `evaluate` found for these weights and files, with the columns that it takes by itself."""
    columns = {"columns": None, "text_columns": record.text_columns, "label_column": "label"}
    rows = None if tests.rows is None else list(tests.rows)
    for path in sorted((folder / EVALUATIONS).glob(f"*/{RESULT_NAME}")):
        try:
            body: dict[str, Any] = json.loads(path.read_bytes())
            about = (body["split"], body["rows"], body["columns"], body["run"]["weights"])
            plain = body.get("placeholders", "keep") == "keep" and body.get("smoothing") is None
            hashes = {entry["language"]: entry["sha256"] for entry in body["languages"]}
        except (OSError, ValueError, KeyError, TypeError, RecursionError):  # none that counts; evaluate says what is wrong
            continue
        known = body["format"] in READ_FORMATS and plain
        if known and about == (tests.split, rows, columns, record.weights) and hashes == dict(files):
            return body
    return None
