"""A table as CSV: raw numbers at full precision, for programs."""

from collections.abc import Callable

from xlt_train.reporting.layout import full_labels
from xlt_train.reporting.tables import Cell, Row, Table

Reader = Callable[[Row], str]
_MORE: dict[str, Callable[[Cell], object]] = {
    "sd": lambda cell: cell.sd,
    "low": lambda cell: cell.low,
    "high": lambda cell: cell.high,
    "p": lambda cell: cell.p,
    "significant": lambda cell: "yes" if cell.underlined else None,
    "note": lambda cell: cell.note or None,
}


def csv_text(table: Table) -> str:
    """The table with one line of heads, RFC 4180 with line feeds.

    Fractions stay fractions (0..1), with 15 significant digits; missing values are empty. Beside a column stand `sd`, `low`,
    `high`, `p`, `significant` and `note` where a cell has one; before all, the rows' group, behind all, their signature.
    """
    columns: list[tuple[str, Reader]] = []
    if any(line.group for line in table.rows):
        columns.append(("group", lambda line: line.group))
    for c, label in enumerate(full_labels(table)):
        columns.append((label, lambda line, c=c: _raw(None if line.cells[c].missing else line.cells[c].value)))  # type: ignore[misc]
        for name, read in _MORE.items():
            if any(read(line.cells[c]) is not None for line in table.rows):
                columns.append((f"{label} {name}", lambda line, c=c, read=read: _raw(read(line.cells[c]))))  # type: ignore[misc]
    if any(line.signature for line in table.rows):
        columns.append(("signature", lambda line: line.signature))
    lines = [_distinct([label for label, _ in columns]), *([read(line) for _, read in columns] for line in table.rows)]
    return "".join(",".join(map(_quoted, line)) + "\n" for line in lines)


def _quoted(text: str) -> str:
    # the csv module leaves a lone carriage return bare, which readers take for the end of a line
    return '"' + text.replace('"', '""') + '"' if set(text) & set('",\r\n') else text


def _raw(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def _distinct(labels: list[str]) -> list[str]:
    """Labels that differ: a repeated one is numbered."""
    found: list[str] = []
    for label in labels:
        numbered = (label if k == 1 else f"{label} ({k})" for k in range(1, len(labels) + 1))
        found.append(next(name for name in numbered if name not in found))
    return found
