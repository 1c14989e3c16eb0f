"""A report as a folder: the page, every table in three formats, every figure in two."""

from collections.abc import Sequence
from pathlib import Path

from xlt_train.errors import ReportError
from xlt_train.files import write_whole
from xlt_train.reporting.blocks import Page
from xlt_train.reporting.drawing import Drawing
from xlt_train.reporting.page import FIGURES, TABLES, pictures, render_page, tables
from xlt_train.reporting.render_csv import csv_text
from xlt_train.reporting.render_latex import latex
from xlt_train.reporting.render_markdown import markdown

INDEX = "index.html"


def write_report(page: Page, drawings: Sequence[Drawing], folder: Path) -> list[Path]:
    """Write the page and its files into `folder`, the page last, and give back their paths.

    `drawings` are those of the page's pictures. A figure's numbers are written as CSV only. Raises ReportError where drawings
    and pictures are not the same, OSError where a file cannot be written.
    """
    from xlt_train.reporting.figures.save import png_bytes

    shown, given = [block.name for block in pictures(page)], [drawing.name for drawing in drawings]
    if sorted(shown) != sorted(given):
        raise ReportError(
            f"Cannot write a report to {folder}",
            found=f"drawings {', '.join(given) or 'none'} for figures {', '.join(shown) or 'none'}",
            expected="the drawing of each figure on the page",
            remedy="Give those that the pictures were made from",
        )
    made: dict[str, bytes] = {}
    for table in tables(page):
        for ending, render in (("csv", csv_text), ("md", markdown), ("tex", latex)):
            made[f"{TABLES}/{table.name}.{ending}"] = render(table).encode()
    for block in pictures(page):
        made[f"{TABLES}/{block.numbers.name}.csv"] = csv_text(block.numbers).encode()
        made[f"{FIGURES}/{block.name}.svg"] = block.svg.encode()
    made |= {f"{FIGURES}/{drawing.name}.png": png_bytes(drawing) for drawing in drawings}
    made[INDEX] = render_page(page).encode()
    for name in (TABLES, FIGURES):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for name, content in made.items():
        write_whole(folder / name, content)
    return [folder / name for name in made]
