"""A drawing as files: SVG for the page and for print, PNG at 300 dots an inch. The same bytes every time."""

import io
from pathlib import Path

from xlt_train.files import write_whole
from xlt_train.reporting.blocks import Picture
from xlt_train.reporting.drawing import Drawing
from xlt_train.reporting.figures.style import style

DPI = 300


def svg_text(drawing: Drawing) -> str:
    """The figure as SVG on a transparent ground, letters as outlines, without date or version."""
    out = io.StringIO()
    with style():
        drawing.figure.savefig(
            out, format="svg", metadata={"Date": None, "Creator": None, "Title": drawing.title}, transparent=True
        )
    return out.getvalue()


def png_bytes(drawing: Drawing) -> bytes:
    """The figure as PNG on white, 300 dots an inch at print size."""
    out = io.BytesIO()
    with style():
        drawing.figure.savefig(
            out, format="png", dpi=DPI, metadata={"Software": None, "Title": drawing.title}, facecolor="white"
        )
    return out.getvalue()


def picture(drawing: Drawing, svg: str) -> Picture:
    """The drawing as a block of a page, with its SVG."""
    return Picture(
        name=drawing.name,
        title=drawing.title,
        caption=drawing.caption,
        description=drawing.description,
        numbers=drawing.numbers,
        svg=svg,
    )


def save(drawing: Drawing, folder: Path) -> str:
    """Write NAME.svg and NAME.png into `folder`, each whole or not at all, and give back the SVG. Raises OSError."""
    svg = svg_text(drawing)
    write_whole(folder / f"{drawing.name}.svg", svg.encode())
    write_whole(folder / f"{drawing.name}.png", png_bytes(drawing))
    return svg
