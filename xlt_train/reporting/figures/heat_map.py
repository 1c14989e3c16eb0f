"""Differences over all pairs of languages as a map, each cell with its number (Huang et al. 2021, Figures 4 and 5)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from xlt_train.errors import ReportError
from xlt_train.reporting.drawing import DOUBLE, SINGLE, Drawing
from xlt_train.reporting.figures.style import INK, LEAST, MUTED, PAPER, SMALL, axes_at, canvas, signed, styled
from xlt_train.reporting.tables import Cell, Column, Table, row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Loss to gain through near-white: orange and blue differ for every kind of colour blindness, and each end darkens evenly.
_MAP = ("#8f3200", "#d9732b", "#f6c79f", "#f5f5f4", "#a9cfe8", "#3f8fc4", "#084a80")
_SINGLE_COLUMNS = 8  # more of them need both columns of the page
_LEFT, _TOP, _BAR, _GAP = 0.46, 0.42, 0.09, 0.08  # inches: row labels, column labels, colour bar and what is before it
_BAR_LABELS = 0.36
_DIGIT = 0.64  # width of a digit of DejaVu Sans, in its size


@styled
def heat_map(
    name: str,
    title: str,
    values: np.ndarray,
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    row_title: str,
    column_title: str,
    limit: float | None = None,
    significant: np.ndarray | None = None,
) -> Drawing:
    """Draw values [R, C], differences as fractions (0.01 is one point; NaN: missing, hatched), in the order given.

    Colours are centred on 0 and end at ±`limit`, also a fraction (the largest value): give figures that are to be compared the
    same one. Cells where `significant` [R, C] holds have bold numbers. One column of print up to 8 columns, two above. Raises
    ReportError for shapes that do not fit, and for a matrix of missing values only.
    """
    points = _checked(np.asarray(values, float) * 100, rows, columns, significant)
    known = ~np.isnan(points)
    end = max(float(np.abs(points[known]).max()) if limit is None else limit * 100, 0.1)
    bold = np.zeros(points.shape, bool) if significant is None else np.asarray(significant, bool) & known
    figure, axes, size = _canvas(points.shape)
    _cells(axes, points, end, bold, size)
    _names(axes, rows, columns, row_title, column_title)
    _bar(figure, axes, end)
    square = list(rows) == list(columns)
    if square:
        _frame_diagonal(axes, len(rows))
    said = _said(points, bold, square=square, printed=size is not None)
    return Drawing(
        name=name,
        title=title,
        caption=" ".join(said),
        description=_described(points, rows, columns, row_title, column_title),
        numbers=_numbers(name, title, points, rows, columns, f"{row_title} \\ {column_title}", bold),
        figure=figure,
    )


def _checked(points: np.ndarray, rows: Sequence[str], columns: Sequence[str], significant: np.ndarray | None) -> np.ndarray:
    known = int((~np.isnan(points)).sum())
    shapes = {points.shape, (len(rows), len(columns))} | ({np.shape(significant)} if significant is not None else set())
    if len(shapes) > 1 or not points.size or not known:
        raise ReportError(
            "Cannot draw a heat map",
            found=f"values of shape {points.shape} for {len(rows)} rows and {len(columns)} columns, {known} known",
            expected="a value for each row and column, at least one of them known",
            remedy="Give the matrix with NaN where a cell is missing",
        )
    return points


def _canvas(shape: tuple[int, ...]) -> tuple["Figure", "Axes", float | None]:
    """A figure with square-ish cells, and the size of the numbers in points; None where they would be too small to read."""
    n_rows, n_columns = shape
    width = SINGLE if n_columns <= _SINGLE_COLUMNS else DOUBLE
    cell = (width - _LEFT - _GAP - _BAR - _BAR_LABELS) / n_columns
    wide, high = cell * n_columns, min(cell, 0.36) * n_rows
    figure = canvas(width, high + _TOP + 0.06)
    axes = axes_at(figure, _LEFT, 0.06, wide, high)
    size = min(SMALL, (cell * 72 - 3) / (5 * _DIGIT))  # "+12.3" and some air
    return figure, axes, (size if size >= LEAST else None)


def _cells(axes: "Axes", points: np.ndarray, end: float, bold: np.ndarray, size: float | None) -> None:
    from matplotlib.colors import LinearSegmentedColormap, Normalize
    from matplotlib.patches import Rectangle

    colours, scale = LinearSegmentedColormap.from_list("loss-gain", _MAP), Normalize(-end, end, clip=True)
    for (r, c), value in np.ndenumerate(points):
        missing = bool(np.isnan(value))
        face = "none" if missing else colours(scale(value))
        hatch: dict[str, Any] = (
            {"hatch": "//////", "edgecolor": MUTED, "linewidth": 0.0} if missing else {"edgecolor": PAPER, "linewidth": 0.5}
        )
        axes.add_patch(Rectangle((c - 0.5, r - 0.5), 1, 1, facecolor=face, **hatch))
        if size is not None and not missing:
            weight = "bold" if bold[r, c] else "normal"
            axes.text(c, r, signed(value), ha="center", va="center_baseline", fontsize=size, weight=weight, color=_on(face))
    axes.set(xlim=(-0.5, points.shape[1] - 0.5), ylim=(points.shape[0] - 0.5, -0.5))


def _on(face: Any) -> str:
    """Near-black or white, whichever stands out more from the ground (contrast as WCAG 2 has it)."""
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in face[:3])
    light = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return "#ffffff" if 1.05 / (light + 0.05) > (light + 0.05) / 0.05 else "#000000"


def _names(axes: "Axes", rows: Sequence[str], columns: Sequence[str], row_title: str, column_title: str) -> None:
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(range(len(rows)), rows)
    axes.tick_params(length=0, pad=2, top=True, labeltop=True, bottom=False, labelbottom=False)
    axes.set_xlabel(column_title, labelpad=3)
    axes.xaxis.set_label_position("top")
    axes.set_ylabel(row_title, labelpad=2)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _frame_diagonal(axes: "Axes", n: int) -> None:
    from matplotlib.patches import Rectangle

    for k in range(n):
        axes.add_patch(Rectangle((k - 0.47, k - 0.47), 0.94, 0.94, fill=False, edgecolor="#000000", linewidth=0.7))


def _bar(figure: "Figure", axes: "Axes", end: float) -> None:
    """The colour scale, as high as the map, in points."""
    from matplotlib.colors import LinearSegmentedColormap

    width, height = figure.get_size_inches()
    box = axes.get_position()
    bar = axes_at(figure, box.x1 * width + _GAP, box.y0 * height, _BAR, box.height * height)
    steps = 60  # drawn as strips: an image would be pixels in print
    colours = LinearSegmentedColormap.from_list("loss-gain", _MAP, N=steps)
    edges = np.linspace(-end, end, steps + 1)
    bar.barh((edges[:-1] + edges[1:]) / 2, 1, height=2 * end / steps * 1.05, color=[colours(k) for k in range(steps)])
    bar.set(xlim=(0, 1), ylim=(-end, end), xticks=[])
    ticks = [-end, -end / 2, 0.0, end / 2, end]
    bar.set_yticks(ticks, [signed(tick) for tick in ticks])
    bar.yaxis.tick_right()
    bar.tick_params(length=1.5, pad=1.5, labelsize=SMALL - 0.5)
    for spine in bar.spines.values():
        spine.set_visible(False)
    bar.text(0, 1.02, "points", transform=bar.transAxes, ha="left", va="bottom", fontsize=SMALL - 0.5, color=INK)


def _said(points: np.ndarray, bold: np.ndarray, *, square: bool, printed: bool) -> list[str]:
    said = ["Differences in points; blue is a gain, orange a loss."]
    if square:
        said.append("Framed: both in the same language.")
    if bold.any():
        said.append("Bold: significant.")
    if gaps := int(np.isnan(points).sum()):
        said.append(f"Hatched: {gaps} of {points.size} cells are missing.")
    if not printed:
        said.append("The cells are too small for numbers; the table has them.")
    return said


def _described(points: np.ndarray, rows: Sequence[str], columns: Sequence[str], row_title: str, column_title: str) -> str:
    places = [divmod(int(pick(points)), len(columns)) for pick in (np.nanargmin, np.nanargmax)]
    ends = [f"{signed(points[r, c])} points ({row_title} {rows[r]}, {column_title} {columns[c]})" for r, c in places]
    return (
        f"Map of {len(rows)} by {len(columns)} cells. Rows, {row_title}: {', '.join(rows)}. "
        f"Columns, {column_title}: {', '.join(columns)}. "
        f"Mean of the known cells {signed(float(np.nanmean(points)))} points, from {ends[0]} to {ends[1]}."
    )


def _numbers(
    name: str, title: str, points: np.ndarray, rows: Sequence[str], columns: Sequence[str], corner: str, bold: np.ndarray
) -> Table:
    head = (Column(corner, kind="text"), *(Column(column, unit="points") for column in columns))
    lines = [
        row(label, *(Cell(float(v) / 100, underlined=bool(b)) for v, b in zip(points[r], bold[r])))
        for r, label in enumerate(rows)
    ]
    return Table(name=f"{name}-numbers", title=title, head=head, rows=tuple(lines), block=None)
