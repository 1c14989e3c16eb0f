"""The laboratory's plot: small panels of points with whiskers, as SVG written by hand, so that it needs no library."""

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any, NamedTuple

from laboratory_report import BASELINE, Summary

FAMILIES: dict[str, tuple[str, ...]] = {  # title -> methods
    "rs-rp by epsilon": ("rs-rp",),
    "adv by epsilon": ("adv",),
    "rs-da, rs-syntax": ("rs-da", "rs-syntax"),
    "ear and its ablations": ("ear",),
    "mixtures": ("rs-da+rs-rp", "rs-da+adv"),
}
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#777777")  # after Okabe and Ito: the colour-blind tell them apart
WIDE, HIGH, LEFT, TOP, RIGHT, BELOW = 420, 290, 34, 46, 10, 66
FAR = 10.0  # points; a gain beyond stands hollow at the edge, so that runs that failed do not flatten the others
Rows = Mapping[str, Mapping[str, Mapping[str, Any]]]  # label -> language -> figures


class Frame(NamedTuple):
    """A panel: its corner on the sheet, its languages, the values at its lower and upper edge and between two lines."""

    x: float
    y: float
    names: Sequence[str]
    low: float
    high: float
    step: float

    def across(self, k: float) -> float:
        """Where the k-th language stands."""
        return self.x + LEFT + (k + 0.5) * (WIDE - LEFT - RIGHT) / len(self.names)

    def up(self, value: float) -> float:
        """Where a value stands; one beyond an edge is put on it."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return self.y + HIGH - BELOW - share * (HIGH - BELOW - TOP)


def plot(found: Summary) -> str:
    """Accuracy of the baseline and of rs-rp, then, family by family, gains over the baseline."""
    names = [name for name in found[BASELINE]["languages"] if name != "dev"]
    rows: Rows = {label: row["languages"] for label, row in found.items()}
    best = [label for label, row in found.items() if row["method"] in (BASELINE, "rs-rp")]
    means = [float(rows[label][name]["mean"]) for label in best for name in names]
    frame = Frame(0, 0, names, 5 * (min(means) // 5), 5 * (max(means) // 5 + 1), 5)
    sheet = [panel(frame, "accuracy, % (bars: standard deviation)", {label: rows[label] for label in best}, ("mean", "spread"))]
    gains = [abs(float(row[name]["gain"])) for row in rows.values() for name in names]
    edge = min(2.0 * ceil(max(gains) / 2 + 0.5), FAR)
    for k, (title, methods) in enumerate(FAMILIES.items(), 1):
        shown = {label: rows[label] for label, row in found.items() if row["method"] in methods}
        frame = Frame(k % 3 * WIDE, k // 3 * HIGH, names, -edge, edge, 2)
        sheet += [panel(frame, f"{title}: gain, points (bars: 95% interval)", shown, ("gain", "interval"))]
    size = f'width="{3 * WIDE}" height="{2 * HIGH}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="10">'
    return "\n".join([head, '<rect width="100%" height="100%" fill="white"/>', *sheet, "</svg>\n"])


def panel(frame: Frame, title: str, rows: Rows, keys: tuple[str, str]) -> str:
    """Axes, then each label's points: `keys` name the value and half its bar."""
    parts = [text(frame.x + LEFT, frame.y + 14, title, size=12), *axes(frame)]
    for k, (label, cells) in enumerate(rows.items()):
        colour, beside = COLOURS[k % len(COLOURS)], (k - (len(rows) - 1) / 2) * 0.12
        parts += series(frame, [cells[name] for name in frame.names], keys, colour, beside)
        place = frame.x + LEFT + k * (WIDE - LEFT) / max(len(rows), 4)
        parts += [circle(place + 4, frame.y + 27, colour), text(place + 10, frame.y + 31, label)]
    return "\n".join(parts)


def axes(frame: Frame) -> list[str]:
    """Horizontal lines with their values, and the languages below."""
    parts: list[str] = []
    value = frame.low if frame.low > 0 else -frame.step * (-frame.low // frame.step)  # so that 0 is one of them
    while value <= frame.high:
        y, strong = frame.up(value), value == 0
        parts += [line(frame.x + LEFT, y, frame.x + WIDE - RIGHT, y, "#555" if strong else "#ddd")]
        parts += [text(frame.x + LEFT - 4, y + 3, f"{value:g}", anchor="end")]
        value += frame.step
    for k, name in enumerate(frame.names):
        x, y = frame.across(k), frame.y + HIGH - BELOW + 12
        parts += [text(x, y, name, anchor="end", turn=-40)]
    return parts


def series(frame: Frame, cells: Sequence[Mapping[str, Any]], keys: tuple[str, str], colour: str, beside: float) -> list[str]:
    """Points with bars; those of the moved languages, which have an order, are joined."""
    points = [(frame.across(k + beside), float(cell[keys[0]]), float(cell[keys[1]] or 0)) for k, cell in enumerate(cells)]
    ordered = [(x, frame.up(value)) for name, (x, value, _) in zip(frame.names, points) if name.startswith("moved")]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in ordered)
    parts = [f'<polyline points="{path}" fill="none" stroke="{colour}"/>']
    for x, value, half in points:
        hollow = not frame.low <= value <= frame.high
        parts += [line(x, frame.up(value - half), x, frame.up(value + half), colour)]
        parts += [circle(x, frame.up(value), colour, hollow=hollow)]
    return parts


def text(x: float, y: float, words: str, *, size: int = 10, anchor: str = "start", turn: int = 0) -> str:
    """Words at a place, turned about it by degrees."""
    turned = f' transform="rotate({turn} {x:.1f} {y:.1f})"' if turn else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}"{turned}>{words}</text>'


def line(x: float, y: float, to_x: float, to_y: float, colour: str) -> str:
    """A thin line."""
    return f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{to_x:.1f}" y2="{to_y:.1f}" stroke="{colour}"/>'


def circle(x: float, y: float, colour: str, *, hollow: bool = False) -> str:
    """A point."""
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" stroke="{colour}" fill="{"white" if hollow else colour}"/>'
