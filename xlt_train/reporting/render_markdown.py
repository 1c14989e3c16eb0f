"""A table as Markdown: pipes, as GitHub and pandoc read them."""

import re

from xlt_train.reporting.layout import footnotes, full_labels, legend, row_groups, row_name
from xlt_train.reporting.tables import Column, Row, Table, shown, shown_sd

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#~$&!])")


def markdown(table: Table) -> str:
    """Title and caption, the table, then notes and signatures. Bold is `**`, underlined `<u>`: Markdown has no sign for it."""
    notes = footnotes(table)
    said = " ".join(escape(text) for text in (table.caption, *legend(table)) if text)
    rules = ["---" if column.kind == "text" else "---:" for column in table.head]
    lines = [_line([escape(label) for label in full_labels(table)]), _line(rules)]
    for heading, rows in row_groups(table):
        if heading:
            lines.append(_line([f"*{escape(heading)}*", *[""] * (len(table.head) - 1)]))
        lines += [_line(_cells(table, row, notes)) for row in rows]
    parts = [f"**{escape(table.title)}.** {said}".rstrip(), "\n".join(lines)]
    below = [f"- <sup>{k}</sup> {escape(note)}" for k, note in enumerate(notes, 1)] + [
        f"- {escape(note)}" for note in table.notes
    ]
    below += [f"- {escape(row_name(table, row))}: {escape(row.signature)}" for row in table.rows if row.signature]
    return "\n\n".join([*parts, *(["\n".join(below)] if below else [])]) + "\n"


def escape(text: str) -> str:
    """`text` on one line that Markdown shows as it is."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _cells(table: Table, row: Row, notes: list[str]) -> list[str]:
    return [_cell(table, column, row, c, notes) for c, column in enumerate(table.head)]


def _cell(table: Table, column: Column, row: Row, c: int, notes: list[str]) -> str:
    cell = row.cells[c]
    text = escape(shown(column, cell))
    if not text:
        return text
    text = f"**{text}**" if cell.bold else text
    text = f"<u>{text}</u>" if cell.underlined else text
    if table.spread and (spread := shown_sd(column, cell)):
        text += f" ± {spread}"
    return text + (f"<sup>{notes.index(cell.note) + 1}</sup>" if cell.note else "")


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
