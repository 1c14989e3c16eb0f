"""Gain against distance, with the fitted line and its confidence band (Huang et al. 2021, Figure 2)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from xlt_train.errors import ReportError
from xlt_train.reporting.drawing import SINGLE, Drawing, Line
from xlt_train.reporting.figures.labels import place
from xlt_train.reporting.figures.style import GRID, MUTED, PAPER, SERIES, SMALL, axes_at, canvas, signed, styled
from xlt_train.reporting.tables import Cell, Column, Table, row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_HEIGHT = 2.5  # inches


@styled
def regression(
    name: str,
    title: str,
    gains: Mapping[str, float],
    distances: Mapping[str, float],
    line: Line | None,
    *,
    distance_title: str,
    gain_title: str = "gain over the baseline",
    spread: Mapping[str, tuple[float, float]] | None = None,
) -> Drawing:
    """Draw each language's gain (a fraction, 0.01 is one point) at its distance, with `line` (in its units) if there is one.

    `spread`: interval of a gain, low and high. Languages whose gain or distance is unknown (not there, or NaN) are named in the
    caption. One column of print. Raises ReportError where no language has both.
    """
    known = [language for language in gains if np.isfinite(gains[language]) and np.isfinite(distances.get(language, np.nan))]
    if not known:
        raise ReportError(
            "Cannot draw gains against distances",
            found=f"gains for {', '.join(gains) or 'no language'}, distances for {', '.join(distances) or 'no language'}",
            expected="at least one language with both",
            remedy="Leave the figure out, or give distances for these languages",
        )
    figure = canvas(SINGLE, _HEIGHT)
    axes = axes_at(figure, 0.5, 0.42, SINGLE - 0.56, _HEIGHT - 0.5)
    at = np.array([[distances[language], gains[language] * 100] for language in known])
    _points(axes, at, known, line, {} if spread is None else spread)
    axes.set_xlabel(distance_title)
    axes.set_ylabel(f"{gain_title} (points)")
    place(axes, at, known, size=SMALL, avoid=np.concatenate([at, _drawn(at, known, line, spread or {})]))
    unknown = [language for language in gains if language not in known]
    return Drawing(
        name=name,
        title=title,
        caption=_said(line, unknown, spread),
        description=_described(known, at, distance_title, line),
        numbers=_numbers(name, title, gains, distances, spread or {}, distance_title, gain_title),
        figure=figure,
    )


def _points(
    axes: "Axes", at: np.ndarray, known: list[str], line: Line | None, spread: Mapping[str, tuple[float, float]]
) -> None:
    axes.axhline(0, color=MUTED, linewidth=0.6, zorder=1)
    axes.grid(axis="y", color=GRID, linewidth=0.4)
    axes.set_axisbelow(True)
    if line is not None:
        axes.fill_between(line.x, line.low * 100, line.high * 100, color=SERIES[0], alpha=0.16, linewidth=0)
        axes.plot(line.x, line.y * 100, color=SERIES[0])
    for language, (x, _) in zip(known, at):
        if language in spread:
            axes.vlines(x, spread[language][0] * 100, spread[language][1] * 100, color=MUTED, linewidth=0.7)
    axes.plot(at[:, 0], at[:, 1], "o", color=SERIES[1], markersize=3.6, markeredgecolor=PAPER, markeredgewidth=0.4, zorder=5)
    axes.margins(0.07, 0.1)
    axes.set(xlim=axes.get_xlim(), ylim=axes.get_ylim())


def _drawn(at: np.ndarray, known: list[str], line: Line | None, spread: Mapping[str, tuple[float, float]]) -> np.ndarray:
    """Places [N, 2] along the line and the bars, for labels to keep off."""
    parts = [np.zeros((0, 2))]
    if line is not None:
        x = np.linspace(line.x.min(), line.x.max(), 80)
        parts.append(np.stack([x, (line.intercept + line.slope * x) * 100], axis=1))
    for language, (x, _) in zip(known, at):
        if language in spread:
            parts.append(np.stack([np.full(8, x), np.linspace(*spread[language], 8) * 100], axis=1))
    return np.concatenate(parts)


def _said(line: Line | None, unknown: list[str], spread: object) -> str:
    said = ["A point is a language."]
    if line is None:
        said.append("No line is fitted.")
    else:
        p = "p < 0.001" if line.p < 0.001 else f"p = {line.p:.3f}"
        slope = f"{line.slope * 100:+.2f}".replace("-", "−")
        said.append(
            f"Least squares: slope {slope} points for a distance of 1, r = {line.r:.2f}".replace("-", "−")
            + f", {p}, n = {line.n}."
        )
        said.append(f"Band: {line.level:.0%} confidence of the line.")
    if spread:
        said.append("Bars: 95% interval of the gain, by the test that decides.")
    if unknown:
        said.append(f"Not drawn, without gain or distance: {', '.join(unknown)}.")
    return " ".join(said)


def _described(known: list[str], at: np.ndarray, distance_title: str, line: Line | None) -> str:
    order = np.argsort(at[:, 0], kind="stable")
    told = ", ".join(f"{known[k]} {signed(at[k, 1])}" for k in order)
    way = (
        "" if line is None else f" The fitted line {'rises' if line.slope > 0 else 'falls' if line.slope < 0 else 'is level'}."
    )
    return f"Scatter of {len(known)} languages. Gains in points by growing {distance_title}: {told}.{way}"


def _numbers(
    name: str,
    title: str,
    gains: Mapping[str, float],
    distances: Mapping[str, float],
    spread: Mapping[str, tuple[float, float]],
    distance_title: str,
    gain_title: str,
) -> Table:
    head = (Column("language", kind="text"), Column(distance_title, unit="", digits=3), Column(gain_title, unit="points"))
    lines = []
    unknown = {language for language in gains if not np.isfinite(distances.get(language, np.nan))}  # these come last
    for language in sorted(gains, key=lambda name: (name in unknown, 0.0 if name in unknown else distances[name], name)):
        low, high = spread.get(language, (None, None))
        lines.append(row(language, distances.get(language), Cell(gains[language], low=low, high=high)))
    return Table(name=f"{name}-numbers", title=title, head=head, rows=tuple(lines))
