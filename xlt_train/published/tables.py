"""Printed tables as values: rows of accuracies by language, and matrices over language pairs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import TypeVar

import numpy as np

from xlt_train.errors import UsageError
from xlt_train.published.cells import AVERAGE, Cell, cells

_ENCODERS = {"mbert": "mBERT", "xlm-r": "XLM-R"}
_T = TypeVar("_T", "Table", "Matrix")


@dataclass(frozen=True, kw_only=True)
class System:
    """Whose accuracies a row or a matrix holds; the fields are those of `Cell`."""

    model: str
    method: str
    encoder: str
    setting: dict[str, str]
    source: str

    @property
    def name(self) -> str:
        """A name that says it all: the encoder where the model as printed does not, and what a bare value is a value of."""
        encoder = _ENCODERS[self.encoder]
        varied = next((key for key, value in self.setting.items() if value == self.model), None)
        if varied is not None:
            return f"{encoder} {self.method.upper()} {varied}={self.model}"
        return self.model if encoder in self.model else f"{encoder} {self.model}"


@dataclass(frozen=True, kw_only=True, eq=False)
class Table:
    """Accuracy by language. R rows, L languages in the order of the printed header; percent as printed, NaN for a gap.

    `values` [R, L]; `averages` [R]: as printed; `cells`: R rows of the L + 1 cells that these were read from, the average last.
    """

    paper: str
    name: str
    task: str
    languages: tuple[str, ...]
    systems: tuple[System, ...]
    values: np.ndarray
    averages: np.ndarray
    cells: tuple[tuple[Cell, ...], ...]

    def marked(self, mark: str) -> np.ndarray:
        """Which cells the text has in `bold` or with `underline`: bool [R, L + 1], the average last."""
        return np.array([[mark in cell.marks for cell in row] for row in self.cells])


@dataclass(frozen=True, kw_only=True, eq=False)
class Matrix:
    """Accuracy of one system by pair of languages; which axis is sentence 1 is not said. Percent as printed, NaN for a gap.

    `values` [L, L]: row language, column language; `row_averages` [L], `column_averages` [L], `average`: as printed;
    `cells`: the (L + 1) x (L + 1) cells that these were read from, the averages last.
    """

    paper: str
    name: str
    task: str
    languages: tuple[str, ...]
    system: System
    values: np.ndarray
    row_averages: np.ndarray
    column_averages: np.ndarray
    average: float
    cells: tuple[tuple[Cell, ...], ...]

    def minus(self, other: "Matrix") -> np.ndarray:
        """Difference in points, [L, L], NaN where either has a gap. Raises UsageError for other languages or another task."""
        if (self.task, self.languages) != (other.task, other.languages):
            raise UsageError(
                f"comparing {self.paper} Table {self.name} with {other.paper} Table {other.name}",
                found=f"{other.task} in {' '.join(other.languages)}",
                expected=f"{self.task} in {' '.join(self.languages)}",
                remedy="Compare matrices of the same task and languages",
            )
        return np.asarray(self.values - other.values)


@cache
def tables() -> tuple[Table, ...]:
    """Every table of accuracies by language, and those of averages alone (L = 0), in the papers' order."""
    return tuple(_table(group) for group in _groups() if group[0].row_language is None)


@cache
def matrices() -> tuple[Matrix, ...]:
    """Every table of language pairs (Tables 4 to 9 of Huang et al.), in the paper's order."""
    return tuple(_matrix(group) for group in _groups() if group[0].row_language is not None)


def table(paper: str, name: str) -> Table:
    """The table `name` ("1", "A.1") of a paper of `PAPERS`. Raises UsageError where there is none."""
    return _chosen(tables(), paper, name)


def matrix(name: str, paper: str = "huang-2021-emnlp") -> Matrix:
    """The matrix `name` ("4" to "9") of a paper of `PAPERS`. Raises UsageError where there is none."""
    return _chosen(matrices(), paper, name)


def _groups() -> list[list[Cell]]:
    return [list(group) for _, group in groupby(cells(), key=lambda cell: (cell.paper, cell.table))]


def _rows(group: Sequence[Cell], key: Callable[[Cell], object]) -> tuple[tuple[Cell, ...], ...]:
    """Rows of cells, each with the average last: as the papers print them."""
    return tuple(tuple(row) for _, row in groupby(group, key=key))


def _table(group: Sequence[Cell]) -> Table:
    rows = _rows(group, key=lambda cell: (cell.encoder, cell.model))
    first = group[0]
    return Table(
        paper=first.paper,
        name=first.table,
        task=first.task,
        languages=tuple(cell.column_language for cell in rows[0] if cell.column_language != AVERAGE),
        systems=tuple(_system(row[0]) for row in rows),
        values=_fixed([[cell.value for cell in row[:-1]] for row in rows]),
        averages=_fixed([row[-1].value for row in rows]),
        cells=rows,
    )


def _matrix(group: Sequence[Cell]) -> Matrix:
    rows = _rows(group, key=lambda cell: cell.row_language)
    values = _fixed([[cell.value for cell in row] for row in rows])
    first = group[0]
    return Matrix(
        paper=first.paper,
        name=first.table,
        task=first.task,
        languages=tuple(cell.column_language for cell in rows[0] if cell.column_language != AVERAGE),
        system=_system(first),
        values=values[:-1, :-1],
        row_averages=values[:-1, -1],
        column_averages=values[-1, :-1],
        average=float(values[-1, -1]),
        cells=rows,
    )


def _fixed(values: Sequence[object]) -> np.ndarray:
    """float64, not to be written to: a table is read once and shared."""
    array = np.array(values, float)
    array.flags.writeable = False
    return array


def _system(cell: Cell) -> System:
    return System(model=cell.model, method=cell.method, encoder=cell.encoder, setting=cell.setting, source=cell.source)


def _chosen(known: Sequence[_T], paper: str, name: str) -> _T:
    for one in known:
        if (one.paper, one.name) == (paper, name):
            return one
    raise UsageError(
        "looking for a published table",
        found=f"{paper!r}, {name!r}",
        expected=", ".join(f"{one.paper} {one.name}" for one in known),
        remedy="Choose one of them",
    )
