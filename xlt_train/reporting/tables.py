"""A table as a value: what each cell is, and what it means; how it looks is up to the renderers."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from xlt_train.errors import ReportError

Unit = Literal["", "percent", "points", "p"]
MISSING = "–"
_MINUS = "−"


@dataclass(frozen=True, slots=True)
class Column:
    """The head of one column.

    `unit`: numbers of the cells are fractions (0..1) where it is "percent" or "points", and shown times 100; "points" with a
    sign. "p" is a probability, shown as "<0.001" where it is smaller than its digits; "" is
    shown as it is. `group` is a heading over neighbouring columns that share it.
    """

    label: str
    kind: Literal["text", "number"] = field(default="number", kw_only=True)
    unit: Unit = field(default="percent", kw_only=True)
    digits: int = field(default=1, kw_only=True)
    group: str = field(default="", kw_only=True)


@dataclass(frozen=True, slots=True)
class Cell:
    """One value: text, a number in the unit of its column, or None where it is missing, which is drawn so.

    `bold` means the best, `underlined` a significant difference. `sd`, `low`, `high` are in the cell's own unit, `p` is a
    probability; `note` becomes a numbered footnote.
    """

    value: str | float | None = None
    bold: bool = field(default=False, kw_only=True)
    underlined: bool = field(default=False, kw_only=True)
    sd: float | None = field(default=None, kw_only=True)
    low: float | None = field(default=None, kw_only=True)
    high: float | None = field(default=None, kw_only=True)
    p: float | None = field(default=None, kw_only=True)
    note: str = field(default="", kw_only=True)

    @property
    def missing(self) -> bool:
        """Whether there is no value; NaN counts as none."""
        return self.value is None or (isinstance(self.value, float) and math.isnan(self.value))


@dataclass(frozen=True, slots=True)
class Row:
    """The cells of a row, the heading of the rows that it stands among, and a line of all that can change its numbers."""

    cells: tuple[Cell, ...]
    group: str = field(default="", kw_only=True)
    signature: str = field(default="", kw_only=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table. `name` is the stem of its files and unique in a report.

    The first `labels` columns name the row. `block` is how many number columns stand side by side on paper before the table is
    cut into blocks, as in the papers (None: never cut). `spread`: show each sd behind its number.
    """

    name: str
    title: str
    head: tuple[Column, ...]
    rows: tuple[Row, ...]
    caption: str = ""
    notes: tuple[str, ...] = ()
    labels: int = 1
    block: int | None = 9
    spread: bool = False

    def __post_init__(self) -> None:
        check_name(self.name)
        widths = {len(row.cells) for row in self.rows} - {len(self.head)}
        if widths or not 0 < self.labels <= len(self.head):
            raise ReportError(
                f"Cannot lay out table {self.name!r}",
                found=f"{len(self.head)} columns, {self.labels} of them labels, and rows of {sorted(widths)} cells",
                expected="at least one column of labels, and as many cells in each row as there are columns",
                remedy="Give every row a cell for each column, `Cell()` where there is no value",
            )


def check_name(name: str) -> None:
    """Raises ReportError unless `name` can be the stem of a file and part of an address."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", name):
        raise ReportError(
            "Cannot name a table or figure",
            found=repr(name),
            expected="small letters, digits and hyphens, as in 'pawsx-average'",
            remedy="Choose such a name",
        )


def row(*values: str | float | None | Cell, group: str = "", signature: str = "") -> Row:
    """A row of plain values and cells."""
    cells = tuple(value if isinstance(value, Cell) else Cell(value) for value in values)
    return Row(cells, group=group, signature=signature)


def best_in_columns(table: Table, *, rows: Sequence[int] | None = None) -> Table:
    """The table with the highest number of each number column in bold, among `rows` (all); equal ones as shown share it.

    A column with fewer than two numbers has no best.
    """
    among = range(len(table.rows)) if rows is None else rows
    grid = [list(line.cells) for line in table.rows]
    for c, column in enumerate(table.head):
        found = {r: shown(column, grid[r][c]) for r in among if column.kind == "number" and _number(grid[r][c]) is not None}
        if c < table.labels or len(found) < 2:
            continue
        top = max(found, key=lambda r: _number(grid[r][c]) or 0.0)
        for r in (r for r in found if found[r] == found[top]):
            grid[r][c] = replace(grid[r][c], bold=True)
    lines = tuple(replace(line, cells=tuple(cells)) for line, cells in zip(table.rows, grid))
    return replace(table, rows=lines)


def shown(column: Column, cell: Cell) -> str:
    """The cell's value as people read it: in percent, points or as it is, a true minus sign, a dash where it is missing."""
    if cell.missing:
        return MISSING
    return cell.value if isinstance(cell.value, str) else shown_number(column, cell.value or 0.0)


def shown_number(column: Column, value: float) -> str:
    """A number in the column's unit and digits; points carry their sign."""
    if column.unit == "p" and 0 <= value < (least := 10.0**-column.digits):
        return f"<{least:.{column.digits}f}"
    scaled = value * 100 if column.unit in ("percent", "points") else value
    text = f"{scaled:+.{column.digits}f}" if column.unit == "points" else f"{scaled:.{column.digits}f}"
    if not text.strip("+-0."):  # a zero has no sign
        text = text.lstrip("+-")
    return text.replace("-", _MINUS)


def shown_sd(column: Column, cell: Cell) -> str:
    """The spread in the column's unit and digits, without a sign; empty where there is none."""
    return (
        ""
        if cell.sd is None
        else shown_number(replace(column, unit="percent" if column.unit == "points" else column.unit), cell.sd)
    )


def _number(cell: Cell) -> float | None:
    return None if cell.missing or isinstance(cell.value, str) else cell.value
