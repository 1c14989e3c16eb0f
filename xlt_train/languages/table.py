"""A table of distances as a file: CSV with the columns language_1, language_2, metric, value (docs/format.md)."""

import csv
import math
from collections.abc import Iterable
from pathlib import Path

from xlt_train.errors import TableError

Pair = tuple[str, str]
COLUMNS = ("language_1", "language_2", "metric", "value")


def read_distances(path: Path) -> tuple[dict[str, dict[Pair, float]], frozenset[str]]:
    """Metric -> (a, b) -> distance, a before b, without the empty values; and all languages named.

    Raises TableError for a file that cannot be read, or with the first line that is no distance or contradicts another.
    """
    doing = f"reading distances from {path}"
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            return _parsed(doing, csv.reader(stream, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise TableError(doing, found=reason, expected="a CSV file in UTF-8", remedy="Check the path and the file") from error


def _parsed(doing: str, lines: Iterable[list[str]]) -> tuple[dict[str, dict[Pair, float]], frozenset[str]]:
    rows = iter(lines)
    header = next(rows, [])
    if tuple(header) != COLUMNS:
        raise TableError(
            doing,
            found=f"the header {','.join(header)!r}",
            expected=",".join(COLUMNS),
            remedy="Name the columns so, in this order",
        )
    seen: dict[tuple[str, str, str], float | None] = {}
    for number, row in enumerate(rows, 2):
        if row:
            _add(f"{doing}, line {number}", row, seen)
    if not seen:
        raise TableError(doing, found="no line below the header", expected="distances", remedy="Check the file")
    values: dict[str, dict[Pair, float]] = {metric: {} for metric, _, _ in seen}
    for (metric, one, two), value in seen.items():
        if value is not None:
            values[metric][one, two] = value
    return values, frozenset(name for _, one, two in seen for name in (one, two))


def _add(doing: str, row: list[str], seen: dict[tuple[str, str, str], float | None]) -> None:
    if len(row) != len(COLUMNS) or not all(row[:3]) or row[0] == row[1]:
        raise TableError(
            doing,
            found=f"{','.join(row)!r}",
            expected="two languages, a metric and a value",
            remedy="Mend the line or take it out",
        )
    one, two, metric, text = row
    value = _number(doing, text) if text else None
    key = (metric, min(one, two), max(one, two))
    if seen.setdefault(key, value) != value:
        raise TableError(
            doing,
            found=f"{text or 'no value'} for {one} and {two} ({metric}), which have {seen[key]} before",
            expected="one distance for each pair and metric, the same in both directions",
            remedy="Keep one of them",
        )


def _number(doing: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise TableError(doing, found=repr(text), expected="a number from 0 on, or nothing", remedy="Mend the line")
    return value
