"""Accuracy over a setting: what the figures of m and of hyper-parameters share."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from xlt_train.errors import ReportError
from xlt_train.reporting.drawing import SINGLE, Drawing, Series
from xlt_train.reporting.figures.fonts import wrapped
from xlt_train.reporting.figures.style import GRID, MUTED, axes_at, canvas, look, styled
from xlt_train.reporting.tables import Cell, Column, Row, Table, row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_HEIGHT, _LEGEND = 2.1, 0.125  # inches: the axes with labels, and each line of the legend


@styled
def curves(
    name: str,
    title: str,
    series: Sequence[Series],
    *,
    x_title: str,
    baseline: float | None = None,
    names: Sequence[str] | None = None,
    logarithmic: bool = False,
) -> Drawing:
    """Draw each series (fractions) with its intervals over x, `baseline` as a level line; `names`: x are places 0.. of these.

    One column of print. Raises ReportError where there is nothing to draw or x is not positive on a logarithmic scale.
    """
    _check(series, logarithmic=logarithmic)
    labels = [wrapped(one.name) for one in series]
    figure, axes = _canvas(sum(label.count("\n") + 1 for label in labels) + (baseline is not None))
    axes.grid(axis="y", color=GRID, linewidth=0.4)
    axes.set_axisbelow(True)
    if baseline is not None:
        axes.axhline(
            baseline * 100, color=MUTED, linewidth=0.9, linestyle=(0, (2, 2)), label=f"baseline ({baseline * 100:.1f})"
        )
    for k, one in enumerate(series):
        _draw(axes, one, k, labels[k])
    _ticks(axes, series, names, logarithmic=logarithmic)
    axes.set_xlabel(x_title)
    axes.set_ylabel("accuracy (%)")
    width, height = figure.get_size_inches()
    figure.legend(
        loc="upper left",
        bbox_to_anchor=(0.52 / width, 1 - 0.03 / height),
        ncols=1,
        handlelength=2.6,
        labelspacing=0.25,
        borderaxespad=0.1,
        borderpad=0,
    )
    return Drawing(
        name=name,
        title=title,
        caption=_said(series),
        description=_described(series, x_title, names, baseline),
        numbers=_numbers(name, title, series, x_title, names),
        figure=figure,
    )


def _check(series: Sequence[Series], *, logarithmic: bool) -> None:
    sizes = [[np.size(part) for part in (one.x, one.mean, one.low, one.high)] for one in series]
    positive = not logarithmic or all((np.asarray(one.x) > 0).all() for one in series)
    if not series or any(len(set(parts)) > 1 or not parts[0] for parts in sizes) or not positive:
        raise ReportError(
            "Cannot draw accuracies over a setting",
            found=f"{len(series)} series of {sizes} values" + ("" if positive else ", not all at places above 0"),
            expected="at least one series, each with a mean and an interval for each place, above 0 on a logarithmic scale",
            remedy="Give NaN for what is not known",
        )


def _canvas(lines: int) -> tuple["Figure", "Axes"]:
    """A figure as high as its legend needs, which stands above the axes, where it covers no data."""
    height = _HEIGHT + _LEGEND * lines + 0.03
    figure = canvas(SINGLE, height)
    return figure, axes_at(figure, 0.52, 0.4, SINGLE - 0.6, _HEIGHT - 0.48)


def _draw(axes: "Axes", one: Series, k: int, label: str) -> None:
    order = np.argsort(one.x, kind="stable")
    x, mean, low, high = (np.asarray(part, float)[order] for part in (one.x, one.mean, one.low, one.high))
    there = ~(np.isnan(low) | np.isnan(high))
    style = look(k)
    axes.vlines(x[there], low[there] * 100, high[there] * 100, color=style["color"], linewidth=0.8, alpha=0.7)
    axes.plot(x, mean * 100, label=label, **style)


def _ticks(axes: "Axes", series: Sequence[Series], names: Sequence[str] | None, *, logarithmic: bool) -> None:
    places = np.unique(np.concatenate([np.asarray(one.x, float) for one in series]))
    if logarithmic:
        axes.set_xscale("log")
        axes.minorticks_off()
    if names is not None:
        axes.set_xticks(range(len(names)), names)
    elif len(places) <= 12:
        axes.set_xticks(places, [f"{place:g}" for place in places])
    axes.margins(0.05, 0.12)


def _said(series: Sequence[Series]) -> str:
    bars = any((~np.isnan(np.asarray(one.low, float))).any() for one in series)
    seeds = sorted({count for one in series for count in one.seeds})
    one = seeds == [1]
    said = (
        "Mean over the seeds with its 95% interval, given these test items."
        if bars
        else "One seed a point: no interval."
        if one
        else "Without interval."
    )
    return said + (
        "" if one else f" Seeds: {seeds[0]}." if len(seeds) == 1 else f" Seeds: {seeds[0]} to {seeds[-1]}." if seeds else ""
    )


def _described(series: Sequence[Series], x_title: str, names: Sequence[str] | None, baseline: float | None) -> str:
    told = []
    for one in series:
        values = ", ".join(f"{_place(x, names)}: {mean * 100:.1f}" for x, mean in zip(one.x, one.mean))
        told.append(f"{one.name}: {values}.")
    level = "" if baseline is None else f" Baseline {baseline * 100:.1f}."
    return f"Accuracy in percent by {x_title}. {' '.join(told)}{level}"


def _place(x: float, names: Sequence[str] | None) -> str:
    return f"{x:g}" if names is None else names[int(x)]


def _numbers(name: str, title: str, series: Sequence[Series], x_title: str, names: Sequence[str] | None) -> Table:
    head = (
        Column("system", kind="text"),
        Column(x_title, kind="text"),
        Column("accuracy"),
        Column("low"),
        Column("high"),
        Column("seeds", unit="", digits=0),
    )
    return Table(
        name=f"{name}-numbers", title=title, head=head, rows=tuple(r for one in series for r in _rows(one, names)), labels=2
    )


def _rows(one: Series, names: Sequence[str] | None) -> list[Row]:
    seeds: Sequence[int | None] = list(one.seeds) or [None] * len(one.x)
    parts = zip(one.x, one.mean, one.low, one.high, seeds)
    return [
        row(one.name, _place(x, names), Cell(float(mean)), Cell(float(low)), Cell(float(high)), count)
        for x, mean, low, high, count in parts
    ]
