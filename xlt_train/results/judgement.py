"""One evaluation of one run, as arrays. Every statistic starts here; none needs the model again."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from xlt_train.data.parallel import tests_identity
from xlt_train.errors import RunError
from xlt_train.evaluation.result import RESULT_NAME, check_result
from xlt_train.evaluation.task import EVALUATIONS
from xlt_train.evaluation.write import PREDICTIONS
from xlt_train.files import sha256_json

Pair = tuple[str, str]  # languages of text 1 and text 2; the same twice for single texts


class Predictions(NamedTuple):
    """Every prediction of an evaluation. `items` [I]: rows of the files; `gold` and `predicted` [P, I]: positions in `labels`,
    of `gold` -1 where the files have no labels."""

    items: np.ndarray
    gold: np.ndarray
    predicted: np.ndarray
    labels: tuple[str, ...]

    @property
    def correct(self) -> np.ndarray:
        """Whether each is right [P, I]."""
        found: np.ndarray = self.gold == self.predicted
        return found


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """An evaluation in `path`. `accuracy` [P], from 0 to 1, nan where the files have no labels."""

    path: Path
    run: dict[str, Any]
    tests: str
    split: str
    languages: tuple[str, ...]
    pairs: tuple[Pair, ...]
    accuracy: np.ndarray
    counts: np.ndarray
    body: dict[str, Any]

    @property
    def home(self) -> Path:
        """The run's folder where this stands in it, else this one's own."""
        place = self.path.resolve()
        return place.parent.parent if place.parent.name == EVALUATIONS else place

    @property
    def seed(self) -> int:
        """Of the training."""
        return int(self.run["seed"])

    @property
    def identity(self) -> str:
        """Of the run's weights; results of earlier formats hold their sha256 alone."""
        return str(self.run.get("identity") or sha256_json(self.run["weights"])[:16])

    @property
    def smoothing(self) -> dict[str, Any] | None:
        """How the classifier was smoothed, if it was."""
        found: dict[str, Any] | None = self.body.get("smoothing")
        return found

    @property
    def precision(self) -> str:
        """What products were computed in."""
        return str(self.body.get("precision", "float32"))

    @property
    def labelled(self) -> bool:
        """Whether every cell has an accuracy."""
        return not bool(np.isnan(self.accuracy).any())

    @property
    def about_tests(self) -> str:
        """The test set in words."""
        rows = "" if self.body["rows"] is None else f", rows {self.body['rows'][0]}:{self.body['rows'][1]}"
        dropped = ", placeholders dropped" if self.body.get("placeholders") == "drop" else ""
        return f"{self.split}{rows}, {len(self.languages)} languages{dropped}"

    @classmethod
    def read(cls, path: Path) -> "Judgement":
        """An evaluation's folder. Raises RunError for one that cannot be read."""
        place = path / RESULT_NAME
        try:
            body = json.loads(place.read_bytes())
            check_result(body)
            return cls._of(path, body)
        except OSError as error:
            raise _unreadable(place, error.strerror or str(error)) from error
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise _unreadable(place, "no result of an evaluation") from error

    @classmethod
    def _of(cls, path: Path, body: dict[str, Any]) -> "Judgement":
        files = {entry["language"]: entry["sha256"] for entry in body["languages"]}
        cells = body.get("cells") or [entry | {"language_1": entry["language"]} for entry in body["languages"]]
        return cls(
            path=path,
            run=_run_as_today(body["run"]),
            tests=body.get("tests") or tests_identity(files, body["rows"], body["columns"], body.get("placeholders", "keep")),
            split=body["split"],
            languages=tuple(files),
            pairs=tuple((cell["language_1"], cell.get("language_2") or cell["language_1"]) for cell in cells),
            accuracy=np.array([np.nan if cell["accuracy"] is None else cell["accuracy"] for cell in cells], np.float64),
            counts=np.array([cell["rows"] for cell in cells], np.int64),
            body=body,
        )

    @cached_property
    def predictions(self) -> Predictions:
        """Raises RunError where the file is missing, or is not what the accuracies were counted from."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        place = self.path / PREDICTIONS
        columns = ["item", "language_1", "language_2", "gold", "predicted"]
        try:
            table = pq.read_table(place, columns=columns, read_dictionary=columns[1:])
            found = _predictions(table, self.pairs)
        except OSError as error:
            raise _unreadable(place, error.strerror or str(error)) from error
        except (pa.ArrowException, ValueError, KeyError) as error:
            raise _unreadable(place, f"no predictions of these cells ({error})") from error
        counted = found.correct.mean(1)
        if self.labelled and not np.allclose(counted, self.accuracy, rtol=0, atol=1e-9):
            raise _unreadable(place, "other predictions than its accuracies were counted from")
        return found


def _run_as_today(run: dict[str, Any]) -> dict[str, Any]:
    """What a result says of its run, where that is of `xlt-run/1`: of one training set, and no pairs."""
    if not isinstance(run["data"], dict):
        return run
    method = run["method"] | {"paired": False, "variants": [run["method"]["variants"]]}
    return run | {"data": [run["data"]], "method": method}


def _predictions(table: Any, pairs: tuple[Pair, ...]) -> Predictions:
    """Raises ValueError when the rows are not those of the cells, one after the other."""
    rows, n = table.num_rows, len(pairs)
    if not rows or rows % n:
        raise ValueError(f"{rows} rows for {n} cells")
    firsts, seconds = (_texts(table[name], n) for name in ("language_1", "language_2"))
    cells = tuple((a, b or a) for a, b in zip(firsts, seconds))
    items = table["item"].to_numpy().reshape(n, -1)
    if cells != pairs or not (items == items[0]).all():
        raise ValueError("cells in another order")
    gold, predicted = (table[name].combine_chunks() for name in ("gold", "predicted"))
    labels = tuple(sorted({*_names(gold), *_names(predicted)}))
    return Predictions(items[0], _codes(gold, labels, n), _codes(predicted, labels, n), labels)


def _texts(column: Any, n: int) -> list[str | None]:
    """The value of each of `n` equal parts. Raises ValueError for a part with several."""
    codes = column.combine_chunks()
    size = len(codes) // n
    found = []
    for k in range(n):
        values = codes.slice(k * size, size).unique().to_pylist()
        if len(values) != 1:
            raise ValueError("rows of several cells mixed")
        found.append(values[0])
    return found


def _names(column: Any) -> list[str]:
    return [value for value in column.dictionary.to_pylist() if value is not None]


def _codes(column: Any, labels: tuple[str, ...], n: int) -> np.ndarray:
    """Positions in `labels` [n, I]; -1 for null."""
    places = np.array(
        [*(-1 if value is None else labels.index(value) for value in column.dictionary.to_pylist()), -1], np.int16
    )
    codes = column.indices.fill_null(len(places) - 1).to_numpy(zero_copy_only=False)
    found: np.ndarray = places[codes].reshape(n, -1)
    return found


def _unreadable(place: Path, found: str) -> RunError:
    return RunError(
        f"reading {place}",
        found=found,
        expected="what xlt-train evaluate wrote",
        remedy="Judge the run again: xlt-train evaluate",
    )


def signature(judgements: Sequence[Judgement], training: Mapping[str, Any]) -> str:
    """One line with all that can change the scores of these; of what is not the same in all of them, each one's.

    `training`: settings that all of them were trained with.
    """
    more = {name.rpartition(".")[2]: value for name, value in training.items()}
    each = [_facts(judgement) | more for judgement in judgements]
    names = dict.fromkeys(name for facts in each for name in facts)
    words = {name: [_short(facts.get(name)) for facts in each] for name in names}
    return " | ".join(f"{name} {found[0] if len(set(found)) == 1 else ','.join(found)}" for name, found in words.items())


def _facts(judgement: Judgement) -> dict[str, Any]:
    run, body = judgement.run, judgement.body
    method = {name: value for name, value in run["method"].items() if name not in ("name", "paired")}
    facts: dict[str, Any] = {
        "method": run["method"]["name"],
        **method,
        "model": run["model"]["name"],
        "revision": run["model"].get("revision"),
        "data": "+".join(data["logical_hash"][:8] for data in run["data"]),
        "seed": run["seed"],
        "steps": run["steps"],
        "weights": judgement.identity[:8],
        "tests": judgement.tests[:8],
        "split": judgement.split,
        "rows": body["rows"],
        "placeholders": body.get("placeholders", "keep"),
        "pairs": body.get("pairs", "same"),
        "smoothing": judgement.smoothing,
        "precision": judgement.precision,
        "device": body["device"],
        **body["versions"],
    }
    return {name: value for name, value in facts.items() if value not in (None, "", [], {})}


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return ",".join(f"{key}={_short(part)}" for key, part in value.items())
    return ",".join(map(_short, value)) if isinstance(value, list | tuple) else str(value)
