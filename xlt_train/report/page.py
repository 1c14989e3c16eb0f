"""One static HTML page: no script, nothing from a network, every figure in it, readable small, large, dark and on paper."""

import re
from importlib.resources import files

from xlt_train.errors import ReportError
from xlt_train.report.blocks import Block, Note, Page, Picture, Section
from xlt_train.report.inline_svg import inline
from xlt_train.report.render_html import escape, html_table
from xlt_train.report.tables import Table, shown

TABLES, FIGURES = "tables", "figures"  # folders beside the page
TABLE_FILES = {"csv": "CSV", "md": "Markdown", "tex": "LaTeX"}
FIGURE_FILES = {"svg": "SVG", "png": "PNG"}
_FEW, _SOME = 32.0, 48.0  # widths up to which a table is set in a third, in two thirds of the page (style.css), in rem
_LETTER, _AIR, _SPREAD = 0.56, 1.1, 2.0  # of a wide font: a letter, the padding of a cell, a spread behind its number


def render_page(page: Page) -> str:
    """The page as HTML; its links expect `tables/NAME.{csv,md,tex}` and `figures/NAME.{svg,png}` beside it.

    Raises ReportError where two tables or figures have one name.
    """
    _check_names(page)
    slugs = _slugs(page.sections)
    contents = [f'<li><a href="#{slug}">{escape(section.title)}</a></li>' for section, slug in zip(page.sections, slugs)]
    body = [
        '<a class="skip" href="#content">To the content</a>',
        f"<header><h1>{escape(page.title)}</h1>",
        f'<p class="summary">{escape(page.summary)}</p></header>',
        '<nav aria-labelledby="contents"><h2 id="contents">Contents</h2>',
        f"<ol>{''.join(contents)}</ol></nav>" if contents else "</nav>",
        '<main id="content">',
        *(_section(section, slug) for section, slug in zip(page.sections, slugs)),
        "</main>",
        *(["<footer>", *(f"<p>{escape(line)}</p>" for line in page.foot), "</footer>"] if page.foot else []),
    ]
    style = files("xlt_train.report").joinpath("style.css").read_text(encoding="utf-8")
    head = [
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        '<link rel="icon" href="data:,">',  # or browsers ask the server for one
        f"<title>{escape(page.title)}</title>",
        f"<style>\n{style}</style>",
    ]
    return "\n".join(
        ["<!DOCTYPE html>", '<html lang="en">', "<head>", *head, "</head>", "<body>", *body, "</body>", "</html>", ""]
    )


def pictures(page: Page) -> list[Picture]:
    """The figures of a page, from top to bottom."""
    return [block for section in page.sections for block in section.blocks if isinstance(block, Picture)]


def tables(page: Page) -> list[Table]:
    """The tables of a page, from top to bottom, without those of the figures' numbers."""
    return [block for section in page.sections for block in section.blocks if isinstance(block, Table)]


def _check_names(page: Page) -> None:
    drawn = pictures(page)
    names = [table.name for table in (*tables(page), *(block.numbers for block in drawn))] + [block.name for block in drawn]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ReportError(
            "Cannot make a page",
            found=f"the name {', '.join(map(repr, twice))} more than once",
            expected="a name of its own for each table and figure, which becomes that of its files",
            remedy="Rename one of them",
        )


def _slugs(sections: tuple[Section, ...]) -> list[str]:
    """An address for each section, made from its title and its place."""
    words = [re.sub(r"[^a-z0-9]+", "-", section.title.lower()).strip("-") for section in sections]
    return [f"section-{k}-{word}".rstrip("-") for k, word in enumerate(words, 1)]


def _section(section: Section, slug: str) -> str:
    lead = [f"<p>{escape(text)}</p>" for text in section.lead]
    blocks = [_block(block) for block in section.blocks]
    return "\n".join(
        [f'<section aria-labelledby="{slug}">', f'<h2 id="{slug}">{escape(section.title)}</h2>', *lead, *blocks, "</section>"]
    )


def _block(block: Block) -> str:
    if isinstance(block, Note):
        said = "Note" if block.kind == "note" else "Caution"
        return f'<p class="{block.kind}" role="note"><strong>{said}:</strong> {escape(block.text)}</p>'
    return _picture(block) if isinstance(block, Picture) else _table(block)


def _table(table: Table) -> str:
    links = _links(TABLES, table.name, TABLE_FILES, table.title)
    return f'<div class="table {_size(table)}" id="table-{table.name}">\n{html_table(table)}\n{links}\n</div>'


def _size(table: Table) -> str:
    """A class that says about how wide the table is."""
    width = 0.0
    for c, column in enumerate(table.head):
        letters = max([len(column.label), *(len(shown(column, line.cells[c])) for line in table.rows)])
        width += _LETTER * letters + _AIR + (_SPREAD if table.spread and column.kind == "number" else 0.0)
    return "few" if width <= _FEW else "some" if width <= _SOME else "many"


def _picture(block: Picture) -> str:
    own = f"figure-{block.name}"
    svg = inline(block.svg, own, block.title, block.description)
    caption = f'<span class="title">{escape(block.title)}</span> <span>{escape(block.caption)}</span>'
    numbers = f'<div class="table {_size(block.numbers)}">\n{html_table(block.numbers, "numbers")}\n</div>'
    return "\n".join(
        [
            f'<figure id="{own}">',
            f'<div class="drawing" role="region" tabindex="0" aria-label="{escape(block.title)}">{svg}</div>',
            f"<figcaption>{caption}</figcaption>",
            _links(FIGURES, block.name, FIGURE_FILES, block.title, extra=f"{TABLES}/{block.numbers.name}.csv"),
            f"<details><summary>The numbers of this figure</summary>\n{numbers}\n</details>",
            "</figure>",
        ]
    )


def _links(folder: str, name: str, kinds: dict[str, str], title: str, extra: str = "") -> str:
    """Links to the files of a table or figure; `extra` is the CSV of a figure's numbers."""
    links = [(f"{folder}/{name}.{ending}", said) for ending, said in kinds.items()] + ([(extra, "CSV")] if extra else [])
    shown = [f'<a href="{escape(address)}" aria-label="{escape(f"{said} of {title}")}">{said}</a>' for address, said in links]
    return f'<p class="files">Files: {" · ".join(shown)}</p>'
