"""Accuracy per language as dots with intervals, a mark a system."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from xlt_train.errors import ReportError
from xlt_train.reporting.drawing import SINGLE, Drawing, Scores
from xlt_train.reporting.figures.fonts import wrapped
from xlt_train.reporting.figures.style import GRID, axes_at, canvas, look, styled
from xlt_train.reporting.tables import Cell, Column, Table, row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_STEP, _BETWEEN, _LEGEND = 0.065, 0.09, 0.125  # inches: a system, the air between languages, a line of the legend


@styled
def language_dots(name: str, title: str, languages: Sequence[str], systems: Sequence[Scores]) -> Drawing:
    """Draw the systems' accuracies (fractions; NaN: no dot) on a line for each language, in the order given, from the top.

    One column of print, as high as it needs. Raises ReportError where there is nothing to draw or shapes do not fit.
    """
    sizes = {np.shape(part) for one in systems for part in (one.mean, one.low, one.high)}
    if sizes != {(len(languages),)} or not languages:
        raise ReportError(
            "Cannot draw accuracies per language",
            found=f"{len(languages)} languages, {len(systems)} systems with values of shapes {sorted(sizes)}",
            expected="at least one language and system, and a value of each system for each language",
            remedy="Give NaN where a language was not judged",
        )
    labels = [wrapped(one.name) for one in systems]
    each = _STEP * len(systems) + _BETWEEN
    top, high = _LEGEND * sum(label.count("\n") + 1 for label in labels) + 0.09, each * len(languages)
    figure = canvas(SINGLE, top + high + 0.4)
    axes = axes_at(figure, 0.4, 0.38, SINGLE - 0.5, high)
    _lanes(axes, languages)
    for k, one in enumerate(systems):
        _dots(axes, one, k, (k - (len(systems) - 1) / 2) * _STEP / each, labels[k])
    figure.legend(
        loc="upper left",
        bbox_to_anchor=(0.4 / SINGLE, 1 - 0.03 / (top + high + 0.4)),
        labelspacing=0.25,
        borderaxespad=0.1,
        borderpad=0,
        handlelength=1.2,
    )
    return Drawing(
        name=name,
        title=title,
        caption=_said(languages, systems),
        description=_described(languages, systems),
        numbers=_numbers(name, title, languages, systems),
        figure=figure,
    )


def _lanes(axes: "Axes", languages: Sequence[str]) -> None:
    axes.set(ylim=(len(languages) - 0.5, -0.5))
    axes.set_yticks(range(len(languages)), languages)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=GRID, linewidth=0.4)
    axes.set_axisbelow(True)
    for k in range(1, len(languages), 2):
        axes.axhspan(k - 0.5, k + 0.5, color=GRID, alpha=0.3, linewidth=0, zorder=0)
    axes.set_xlabel("accuracy (%)")


def _dots(axes: "Axes", one: Scores, k: int, shift: float, label: str) -> None:
    style = look(k) | {"linestyle": "none", "markersize": 4.4}
    y = np.arange(len(one.mean)) + shift
    low, high = np.asarray(one.low, float) * 100, np.asarray(one.high, float) * 100
    there = ~(np.isnan(low) | np.isnan(high))
    axes.hlines(y[there], low[there], high[there], color=style["color"], linewidth=0.9, alpha=0.7)
    axes.plot(np.asarray(one.mean, float) * 100, y, label=label, **style)


def _said(languages: Sequence[str], systems: Sequence[Scores]) -> str:
    bars = any((~np.isnan(np.asarray(one.low, float))).any() for one in systems)
    said = "Mean over the seeds with its 95% interval, given these test items." if bars else "Without interval."
    gaps = [f"{one.name} {name}" for one in systems for name, mean in zip(languages, one.mean) if np.isnan(mean)]
    return said + (f" Without a value: {', '.join(gaps)}." if gaps else "")


def _described(languages: Sequence[str], systems: Sequence[Scores]) -> str:
    told = []
    for one in systems:
        values = ", ".join(f"{name} {mean * 100:.1f}" for name, mean in zip(languages, one.mean) if not np.isnan(mean))
        told.append(f"{one.name}: {values}.")
    return f"Accuracy in percent per language. {' '.join(told)}"


def _numbers(name: str, title: str, languages: Sequence[str], systems: Sequence[Scores]) -> Table:
    head = (Column("system", kind="text"), *(Column(language) for language in languages))
    lines = []
    for one in systems:
        parts = zip(one.mean, one.low, one.high)
        lines.append(row(one.name, *(Cell(float(mean), low=_there(low), high=_there(high)) for mean, low, high in parts)))
    return Table(name=f"{name}-numbers", title=title, head=head, rows=tuple(lines))


def _there(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
