"""One tidy table of all runs: a row a run, as Parquet and as CSV."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from xlt_train.files import write_whole
from xlt_train.sweep.choice import Chosen
from xlt_train.sweep.points import Point
from xlt_train.sweep.spec import Published
from xlt_train.sweep.state import State

PARQUET, CSV = "sweep.parquet", "sweep.csv"
_FIRST = ("sweep", "run", "method", "model", "data", "dataset_hash", "seed")
_RESULTS = ("status", "steps", "best_step", "dev_accuracy", "seconds", "weights", "chosen", "chosen_of_all", "error", "average")
_KINDS = dict.fromkeys((*_FIRST, "status", "weights", "error"), "text")
_KINDS |= dict.fromkeys(("seed", "steps", "best_step"), "whole")
_KINDS |= dict.fromkeys(("dev_accuracy", "seconds", "average"), "number") | dict.fromkeys(("chosen", "chosen_of_all"), "bool")
_SEPARATOR = "+"  # between several datasets


def table_rows(
    points: Sequence[Point], states: Sequence[State], chosen: Chosen, published: Sequence[Published | None]
) -> list[dict[str, Any]]:
    """A row for each point, all with the same columns; None where a run has no such setting or no such result."""
    rows = [
        _settings(point) | _results(state, k, chosen) | _accuracies(state, paper)
        for k, (point, state, paper) in enumerate(zip(points, states, published))
    ]
    columns = sorted({name for row in rows for name in row}, key=lambda name: _place(name, rows))
    return [{name: row.get(name) for name in columns} for row in rows]


def write_table(folder: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write `sweep.parquet` and `sweep.csv`, each whole or not at all. Raises OSError."""
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet as pq

    names, types = list(rows[0]), {"text": pa.string(), "whole": pa.int64(), "number": pa.float64(), "bool": pa.bool_()}
    columns = {name: [row[name] for row in rows] for name in names}
    kinds = {name: _KINDS.get(name) or _kind(name, values) for name, values in columns.items()}
    table = pa.table(
        {name: pa.array([_as(kinds[name], value) for value in values], types[kinds[name]]) for name, values in columns.items()}
    )
    for name, write in ((PARQUET, pq.write_table), (CSV, pa.csv.write_csv)):
        sink = pa.BufferOutputStream()
        write(table, sink)
        write_whole(folder / name, sink.getvalue().to_pybytes())


def _settings(point: Point) -> dict[str, Any]:
    first = {
        "sweep": point.sweep,
        "run": point.name,
        "data": _SEPARATOR.join(point.options["data"]),
        "dataset_hash": _SEPARATOR.join(point.hashes),
    }
    given = {key: _cell(value) for key, value in point.options.items() if key != "data"}
    # adv has a setting `steps`; a run has a number of them
    return first | {f"fit_{key}" if key in (*_RESULTS, *first) else key: value for key, value in given.items()}


def _results(state: State, k: int, chosen: Chosen) -> dict[str, Any]:
    results = {} if state.record is None else state.record.results
    weights = {} if state.record is None else state.record.weights
    return {
        "status": state.status,
        "steps": results.get("steps"),
        "best_step": results.get("best_step"),
        "dev_accuracy": results.get("dev_accuracy"),
        "seconds": results.get("seconds"),
        "weights": _SEPARATOR.join(weights.values()) or None,
        "chosen": k in chosen.per_seed,
        "chosen_of_all": k in chosen.of_all,
        "error": state.error,
    }


def _accuracies(state: State, paper: Published | None) -> dict[str, Any]:
    """Measured accuracies from 0 to 1; published ones as printed, in percent."""
    found: dict[str, Any] = {f"accuracy_{language}": value for language, value in state.accuracy.items()}
    if state.accuracy:
        found["average"] = state.average
    if paper is not None:
        found |= {f"published_{language}": value for language, value in paper.accuracy.items()}
        found["published_average"] = paper.average
    return found


def _place(name: str, rows: Sequence[Mapping[str, Any]]) -> tuple[int, int]:
    """Where a column stands: the first ones, settings in their order, results, accuracies, published numbers."""
    if name in _FIRST:
        return 0, _FIRST.index(name)
    order = list(dict.fromkeys(key for row in rows for key in row))
    part = 4 if name.startswith("published_") else 3 if name.startswith("accuracy_") or name == "average" else 1
    return (2, _RESULTS.index(name)) if name in _RESULTS and part == 1 else (part, order.index(name))


def _cell(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return str(value) if isinstance(value, dict) else value


def _kind(name: str, values: Sequence[Any]) -> str:
    """The type of a column of a setting or an accuracy: one for all its values, text where they have none."""
    if name.startswith(("accuracy_", "published_")):
        return "number"
    found = {type(value) for value in values if value is not None}
    return "bool" if found == {bool} else "whole" if found == {int} else "number" if found and found <= {int, float} else "text"


def _as(kind: str, value: Any) -> Any:
    if value is None:
        return None
    return str(value) if kind == "text" else float(value) if kind == "number" else value
