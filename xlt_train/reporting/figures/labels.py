"""Labels beside points that cover neither each other nor any point."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from xlt_train.reporting.figures.style import INK, MUTED, PAPER

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Text

_ANGLES = np.deg2rad([20, 160, -20, -160, 60, 120, -60, -120, 90, -90, 0, 180])  # right first: most are read from there
_REACH = (4.5, 7.5, 11.0, 16.0, 22.0, 30.0)  # distances in points, tried from the nearest
_LINE_FROM = 7.0  # a label farther off than this gets a line to its point


def place(
    axes: "Axes",
    at: np.ndarray,
    texts: Sequence[str],
    *,
    size: float,
    avoid: np.ndarray | None = None,
    families: Sequence[list[str]] = (),
) -> list["Text"]:
    """Write texts[k] beside at[k] [K, 2], in data units; where there is room none covers another, nor a point.

    Points are `at` and those of `avoid` [N, 2]. `families`: of fonts, for each text (the usual one). The limits of the
    axes must be final. First come, first placed.
    """
    from matplotlib.patheffects import withStroke

    figure = axes.figure
    scale = figure.dpi / 72
    points = axes.transData.transform(at)
    others = points if avoid is None else axes.transData.transform(avoid)
    frame = axes.get_window_extent()
    taken: list[np.ndarray] = []
    made = []
    for k, text in enumerate(texts):
        label = axes.text(0, 0, text, fontsize=size, ha="center", va="center", color=INK, zorder=6)
        if families:
            label.set_fontfamily(families[k])
        label.set_path_effects([withStroke(linewidth=1.4, foreground=PAPER)])  # a halo, should a line run below
        box = label.get_window_extent()
        half = np.array([box.width / 2 + scale, box.height / 2 + 0.3 * scale])
        centre = _free(points[k], half, others, taken, np.array(frame.extents), scale)
        taken.append(np.concatenate([centre - half, centre + half]))
        label.set_position(tuple(axes.transData.inverted().transform(centre)))
        if np.hypot(*(centre - points[k])) - half.min() > _LINE_FROM * scale:
            ends = axes.transData.inverted().transform([points[k], _edge(points[k], centre, half)])
            axes.plot(ends[:, 0], ends[:, 1], color=MUTED, linewidth=0.4, zorder=4)
        made.append(label)
    return made


def _free(
    point: np.ndarray, half: np.ndarray, others: np.ndarray, taken: list[np.ndarray], frame: np.ndarray, scale: float
) -> np.ndarray:
    """The nearest centre of a label where it covers nothing; else the one that covers least."""
    best, least = point, np.inf
    for reach in _REACH:
        for angle in _ANGLES:
            towards = np.array([np.cos(angle), np.sin(angle)])
            centre = point + towards * (reach * scale + np.abs(towards) * half)
            low, high = centre - half, centre + half
            hits = sum(bool((low < box[2:]).all() and (high > box[:2]).all()) for box in taken) * 10.0
            hits += float(((others > low - 2 * scale) & (others < high + 2 * scale)).all(axis=1).sum())
            hits += 20.0 * bool((low < frame[:2]).any() or (high > frame[2:]).any())
            if hits < least:
                best, least = centre, hits
            if not hits:
                return np.asarray(centre)
    return np.asarray(best)


def _edge(point: np.ndarray, centre: np.ndarray, half: np.ndarray) -> np.ndarray:
    """Where the line from a point to the centre of its label meets the label."""
    way = point - centre
    share = np.min(half / np.maximum(np.abs(way), 1e-9))
    return np.asarray(centre + way * min(float(share), 1.0))
