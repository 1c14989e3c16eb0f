r"""A table as LaTeX, in the papers' layout: booktabs, models as rows, languages as columns.

The text needs `\usepackage{booktabs}` and UTF-8; letters that the document's font lacks stay, for XeLaTeX or LuaLaTeX.
"""

import re

from xlt_train.report.layout import blocks, footnotes, head_groups, legend, row_groups, row_name
from xlt_train.report.tables import Column, Row, Table, shown, shown_sd

_SPECIAL = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}"}
_SPECIAL |= {">": r"\textgreater{}", "|": r"\textbar{}", "`": r"\textasciigrave{}"} | {sign: f"\\{sign}" for sign in "{}$&#_%"}
# behind a line break these would be read as its options
_SPECIAL |= {sign: f"{{{sign}}}" for sign in "[]*"}
_MATH = {
    "−": "-",
    "±": r"\pm",
    "×": r"\times",
    "→": r"\rightarrow",
    "≤": r"\leq",
    "≥": r"\geq",
    "∞": r"\infty",
    "≈": r"\approx",
}
_MATH |= {"α": r"\alpha", "β": r"\beta", "δ": r"\delta", "ε": r"\varepsilon", "ρ": r"\rho", "σ": r"\sigma", "·": r"\cdot"}
_SPECIAL |= {sign: rf"\ensuremath{{{command}}}" for sign, command in _MATH.items()} | {"–": "--", "—": "---", "…": r"\ldots{}"}
_PATTERN = re.compile("|".join(map(re.escape, _SPECIAL)))
_DOUBLE, _TIGHT = 6, 10  # more number columns than this need both columns of the page, need smaller print


def latex(table: Table) -> str:
    r"""A floating `table`, or `table*` where it is wide; cut into blocks below each other where `table.block` says so.

    Bold is `\textbf`, underlined `\underline`; the rows' signatures stand in comments before it.
    """
    parts = blocks(table)
    size = max(len(part) for part in parts)
    star = "*" if size > _DOUBLE else ""
    signed = [f"% {comment(f'{row_name(table, row)}: {row.signature}')}" for row in table.rows if row.signature]
    align = "".join("l" if column.kind == "text" else "r" for column in table.head[: table.labels]) + "r" * size
    if len(parts) == 1:
        align = "".join("l" if column.kind == "text" else "r" for column in table.head)
    body = [line for k, part in enumerate(parts) for line in _block(table, part, size, first=k == 0)]
    caption = " ".join(escape(text) for text in (f"{table.title}.", table.caption, *legend(table)) if text)
    font = (
        [r"\footnotesize", r"\setlength{\tabcolsep}{2.5pt}"] if size > _TIGHT else [r"\small", r"\setlength{\tabcolsep}{4pt}"]
    )
    lines = [*signed, rf"\begin{{table{star}}}[t]", r"\centering", *font, rf"\begin{{tabular}}{{{align}}}", r"\toprule", *body]
    lines += [r"\bottomrule", r"\end{tabular}", *_notes(table), rf"\caption{{{caption}}}", rf"\label{{tab:{table.name}}}"]
    return "\n".join([*lines, rf"\end{{table{star}}}"]) + "\n"


def escape(text: str) -> str:
    """`text` as LaTeX prints it, on one line; what is not printable becomes a space."""
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return _PATTERN.sub(
        lambda found: _SPECIAL[found[0]], line.replace("--", "-\0-").replace("''", "'\0'").replace(",,", ",\0,")
    ).replace("\0", "{}")


def comment(text: str) -> str:
    """`text` on one line, so that nothing of it leaves a comment."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def _block(table: Table, part: list[int], size: int, *, first: bool) -> list[str]:
    """Head and rows of one block, as wide as the widest."""
    columns, padding = [*range(table.labels), *part], [""] * (size - len(part))
    lines = [] if first else [r"\midrule"]
    if over := head_groups(table, columns):
        lines += _over(over, padding)
    lines += [_line([*(escape(table.head[c].label) for c in columns), *padding]), r"\midrule"]
    notes, width = footnotes(table), len(columns) + len(padding)
    for k, (heading, rows) in enumerate(row_groups(table)):
        if heading:
            lines += [*([r"\addlinespace"] if k else []), rf"\multicolumn{{{width}}}{{l}}{{\textit{{{escape(heading)}}}}} \\"]
        lines += [_line([*(_cell(table, table.head[c], row, c, notes) for c in columns), *padding]) for row in rows]
    return lines


def _over(over: list[tuple[str, int]], padding: list[str]) -> list[str]:
    """The line of headings over groups of columns, and the rules below them."""
    cells, rules, at = [], [], 1
    for heading, span in over:
        cells.append(rf"\multicolumn{{{span}}}{{c}}{{{escape(heading)}}}" if heading else " & " * (span - 1))
        rules += [rf"\cmidrule(lr){{{at}-{at + span - 1}}}"] if heading else []
        at += span
    return [_line([*cells, *padding]), " ".join(rules)]


def _cell(table: Table, column: Column, row: Row, c: int, notes: list[str]) -> str:
    cell = row.cells[c]
    text = escape(shown(column, cell))
    if not text:
        return text
    text = rf"\textbf{{{text}}}" if cell.bold else text
    text = rf"\underline{{{text}}}" if cell.underlined else text
    if table.spread and (spread := shown_sd(column, cell)):
        text += rf"{{\scriptsize\,\ensuremath{{\pm}}\,{escape(spread)}}}"
    return text + (rf"\textsuperscript{{{notes.index(cell.note) + 1}}}" if cell.note else "")


def _notes(table: Table) -> list[str]:
    """The notes below the table, in small print."""
    said = [rf"\textsuperscript{{{k}}}\,{escape(note)}" for k, note in enumerate(footnotes(table), 1)]
    said += [escape(note) for note in table.notes]
    return [rf"\par\smallskip{{\footnotesize\raggedright {' '.join(said)}\par}}"] if said else []


def _line(cells: list[str]) -> str:
    return " & ".join(cells).strip() + r" \\"
