"""Words of two groups on a plane, lines between true partners: translations, synonyms (Ding et al. 2022, Figures 3 to 5)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from xlt_train.errors import ReportError
from xlt_train.report.drawing import DOUBLE, SINGLE, Cloud, Drawing
from xlt_train.report.figures.flatten import flatten
from xlt_train.report.figures.fonts import families_for, wrapped, written
from xlt_train.report.figures.labels import place
from xlt_train.report.figures.style import GRID, MARKERS, MUTED, PAPER, SERIES, SMALL, axes_at, canvas, styled
from xlt_train.report.tables import Column, Row, Table, row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LABEL = SMALL - 0.5  # points
_TITLE, _LEGEND = 0.32, 0.2  # inches above a panel, and for the legend below all of them


@styled
def embeddings(name: str, title: str, clouds: Sequence[Cloud], *, group_1: str, group_2: str, labels: int = 8) -> Drawing:
    """Draw a panel for each of up to three clouds, as before and after training; each is flattened by itself.

    `labels` pairs, spread over the panel, are named. A word that no known font of the system can write is left out and counted
    in the caption. One column of print for one cloud, two for more. Raises ReportError for no cloud or more than three, and for
    vectors that are not finite or do not fit the words.
    """
    for cloud in clouds:
        _check(cloud)
    if not 1 <= len(clouds) <= 3:
        raise _error(f"{len(clouds)} clouds", "one to three")
    width = SINGLE if len(clouds) == 1 else DOUBLE
    side = (width - 0.04 - 0.1 * (len(clouds) - 1)) / len(clouds)
    figure = canvas(width, side * 0.86 + _TITLE + _LEGEND)
    unwritten: set[str] = set()
    for k, cloud in enumerate(clouds):
        axes = axes_at(figure, 0.02 + k * (side + 0.1), _LEGEND, side, side * 0.86)
        unwritten |= _panel(axes, cloud, labels, (group_1, group_2))
    handles, names = figure.axes[0].get_legend_handles_labels()
    figure.legend(
        handles, names, loc="lower center", ncols=3, borderaxespad=0.1, borderpad=0, columnspacing=1.4, handletextpad=0.3
    )
    return Drawing(
        name=name,
        title=title,
        caption=_said(clouds, unwritten),
        description=_described(clouds, group_1, group_2),
        numbers=_numbers(name, title, clouds, group_1, group_2),
        figure=figure,
    )


def _check(cloud: Cloud) -> None:
    shapes = [np.shape(cloud.vectors_1), np.shape(cloud.vectors_2)]
    fits = all(len(shape) == 2 for shape in shapes) and [shape[0] for shape in shapes] == [
        len(cloud.words_1),
        len(cloud.words_2),
    ]
    if not fits or shapes[0][1] != shapes[1][1] or 0 in shapes[0] + shapes[1]:
        raise _error(
            f"vectors of shapes {shapes} for {len(cloud.words_1)} and {len(cloud.words_2)} words", "a vector for each word"
        )
    if not all(np.isfinite(part).all() for part in (cloud.vectors_1, cloud.vectors_2)):
        raise _error(f"NaN or infinite numbers in {cloud.title!r}", "finite vectors")
    if any(not (0 <= a < shapes[0][0] and 0 <= b < shapes[1][0]) for a, b in cloud.links):
        raise _error(f"links of {cloud.title!r} to words that are not there", "places of words in their lists")


def _error(found: str, expected: str) -> ReportError:
    return ReportError(
        "Cannot draw word embeddings", found=found, expected=expected, remedy="Give the vectors as a probe wrote them"
    )


def _panel(axes: "Axes", cloud: Cloud, labels: int, groups: tuple[str, str]) -> set[str]:
    """Draw one cloud, and give back the words that should be labelled but cannot be written."""
    plane = flatten(np.concatenate([cloud.vectors_1, cloud.vectors_2]))
    first, second = plane[: len(cloud.words_1)], plane[len(cloud.words_1) :]
    for k, (a, b) in enumerate(cloud.links):
        ends = np.stack([first[a], second[b]])
        label = "true pairs" if k == 0 else "_"
        axes.plot(ends[:, 0], ends[:, 1], color=MUTED, linewidth=0.5, alpha=0.55, zorder=2, label=label)
    for k, (part, group) in enumerate(((first, groups[0]), (second, groups[1]))):
        look: dict[str, Any] = {"marker": MARKERS[k], "color": SERIES[k], "linestyle": "none", "markersize": 3.4}
        axes.plot(part[:, 0], part[:, 1], label=wrapped(group), markeredgecolor=PAPER, markeredgewidth=0.3, zorder=3, **look)
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(visible=True, color=GRID)
    axes.margins(0.08, 0.08)
    axes.set(xlim=axes.get_xlim(), ylim=axes.get_ylim())
    rank = (
        ""
        if cloud.mean_rank is None
        else f"\nmean rank {cloud.mean_rank:.1f}" + (f" of {cloud.candidates}" if cloud.candidates else "")
    )
    axes.set_title(written(cloud.title) + rank, pad=4, linespacing=1.25)
    return _label(axes, cloud, first, second, plane, labels)


def _label(axes: "Axes", cloud: Cloud, first: np.ndarray, second: np.ndarray, plane: np.ndarray, labels: int) -> set[str]:
    chosen = [cloud.links[k] for k in _spread(np.array([(first[a] + second[b]) / 2 for a, b in cloud.links]), labels)]
    named = [(cloud.words_1[a], first[a]) for a, _ in chosen] + [(cloud.words_2[b], second[b]) for _, b in chosen]
    families = [families_for(word) for word, _ in named]
    there = [(word, at, known) for (word, at), known in zip(named, families) if known is not None]
    if there:
        words, at, known = zip(*there)
        place(axes, np.array(at), words, size=_LABEL, avoid=plane, families=known)
    return {word for (word, _), known in zip(named, families) if known is None}


def _spread(places: np.ndarray, count: int) -> list[int]:
    """`count` places far from each other: the first, then always the one farthest from those taken."""
    if not len(places) or count < 1:
        return []
    taken = [0]
    away = np.linalg.norm(places - places[0], axis=1)
    away[0] = -1.0
    while len(taken) < min(count, len(places)):
        taken.append(int(np.argmax(away)))
        away = np.minimum(away, np.linalg.norm(places - places[taken[-1]], axis=1))
        away[taken] = -1.0
    return taken


def _said(clouds: Sequence[Cloud], unwritten: set[str]) -> str:
    said = ["t-SNE from principal components, each panel by itself: nearness counts, directions and scales do not."]
    if any(cloud.mean_rank is not None for cloud in clouds):
        said.append("Mean rank of the true partner among all words, by distance in the full space; 1 is the best.")
    if unwritten:
        said.append(f"{len(unwritten)} labels are left out: no font at hand has their letters.")
    return " ".join(said)


def _described(clouds: Sequence[Cloud], group_1: str, group_2: str) -> str:
    told = []
    for cloud in clouds:
        rank = "" if cloud.mean_rank is None else f", mean rank of the true partner {cloud.mean_rank:.1f}"
        told.append(f"{cloud.title}: {len(cloud.words_1)} and {len(cloud.words_2)} words, {len(cloud.links)} true pairs{rank}.")
    return f"Words on a plane, {group_1} as circles and {group_2} as triangles, true pairs joined by lines. {' '.join(told)}"


def _numbers(name: str, title: str, clouds: Sequence[Cloud], group_1: str, group_2: str) -> Table:
    heads = ("panel", group_1, group_2)
    head = (
        *(Column(label, kind="text") for label in heads),
        Column("distance", unit="", digits=3),
        Column("mean rank", unit="", digits=1),
    )
    return Table(
        name=f"{name}-numbers", title=title, head=head, rows=tuple(line for cloud in clouds for line in _pairs(cloud)), labels=3
    )


def _pairs(cloud: Cloud) -> list[Row]:
    """The mean rank of a panel, then the Euclidean distance of each pair in the full space."""
    lines = [row(cloud.title, "all words", "all words", None, cloud.mean_rank)]
    for a, b in cloud.links:
        gap = float(np.linalg.norm(np.asarray(cloud.vectors_1[a], float) - np.asarray(cloud.vectors_2[b], float)))
        lines.append(row(cloud.title, cloud.words_1[a], cloud.words_2[b], gap, None))
    return lines
