"""Printed numbers one by one, as `data/published/*.csv` has them (docs/format.md)."""

import csv
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from xlt_train.errors import TableError
from xlt_train.resources import resource

_HUANG = "Improving Zero-Shot Cross-Lingual Transfer Learning via Robust Training"
PAPERS = {
    "huang-2021-arxiv-v1": f"Huang et al. 2021, {_HUANG}, arXiv v1",
    "huang-2021-emnlp": f"Huang et al. 2021, {_HUANG}, EMNLP",
    "ding-2022-ear": "Ding et al. 2022, A Simple and Effective Method to Improve Zero-Shot Cross-Lingual Transfer Learning",
}
AVERAGE = "avg."
COLUMNS = (
    "paper", "table", "task", "model", "method", "encoder", "setting", "row_language", "column_language", "value", "marks",
    "source", "note",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One printed number. `text`: its digits, in percent, empty for a gap; `note` then says why.

    `model`: as printed; `method`: its name here, empty where it is none of ours; `encoder`: mbert or xlm-r. `setting`: what the
    number is for, such as {"alpha": "0.6"}. `row_language`: None but in a table of language pairs. `AVERAGE` in place of a
    language: a printed average. `marks`: of bold and underline those that the text has. `source`: where the paper took it from.
    """

    paper: str
    table: str
    task: str
    model: str
    method: str
    encoder: str
    setting: dict[str, str]
    row_language: str | None
    column_language: str
    text: str
    marks: frozenset[str]
    source: str
    note: str

    @property
    def value(self) -> float:
        """The number in percent, NaN for a gap."""
        return float(self.text) if self.text else math.nan


@cache
def cells() -> tuple[Cell, ...]:
    """All of them, in the papers' order. Raises TableError where an embedded file is not what it should be."""
    return tuple(cell for paper in PAPERS for cell in read_cells(resource(f"published/{paper}.csv")))


def read_cells(path: Path) -> list[Cell]:
    """Those of one file. Raises TableError with the line."""
    doing = f"reading published numbers from {path}"
    with path.open(encoding="utf-8", newline="") as stream:
        rows = csv.reader(stream, strict=True)
        header = next(rows, [])
        if tuple(header) != COLUMNS:
            raise TableError(
                doing, found=f"the header {','.join(header)!r}", expected=",".join(COLUMNS), remedy="Install xlt again"
            )
        return [_cell(f"{doing}, line {number}", row) for number, row in enumerate(rows, 2)]


def _cell(doing: str, row: list[str]) -> Cell:
    try:
        named = dict(zip(COLUMNS, row, strict=True))
        cell = Cell(
            setting=dict(pair.split("=") for pair in named.pop("setting").split()),
            row_language=named.pop("row_language") or None,
            text=named.pop("value"),
            marks=frozenset(named.pop("marks").split()),
            **named,
        )
        if not (0 <= cell.value <= 100 or (math.isnan(cell.value) and cell.note)):
            raise ValueError(f"{cell.text!r} for a value")
    except ValueError as error:
        raise TableError(
            doing, found=str(error), expected="a percentage, or a gap with a note", remedy="Install xlt again"
        ) from error
    return cell
