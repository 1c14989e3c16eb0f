"""A table as HTML: scopes for screen readers, marks in text as well as in type, and a box of its own to scroll in."""

import html

from xlt_train.reporting.layout import footnotes, head_groups, legend, row_groups
from xlt_train.reporting.tables import Cell, Column, Row, Table, shown, shown_sd


def html_table(table: Table, prefix: str = "table") -> str:
    """The table in a box that scrolls sideways where it is too wide, and its notes below. All ids start with PREFIX-NAME."""
    own = f"{prefix}-{table.name}"
    notes = footnotes(table)
    said = " ".join(escape(text) for text in (table.caption, *legend(table)) if text)
    lines = [f'<div class="scroll" role="region" tabindex="0" aria-labelledby="{own}-title">', "<table>"]
    title = f'<span class="title" id="{own}-title">{escape(table.title)}</span>'
    lines += [f'<caption><div class="said">{title}{f" <span>{said}</span>" if said else ""}</div></caption>', *_head(table)]
    for heading, rows in row_groups(table):
        lines.append("<tbody>")
        if heading:
            across = f'<th scope="rowgroup" colspan="{len(table.head)}"><div class="said">{escape(heading)}</div></th>'
            lines.append(f'<tr class="group">{across}</tr>')
        lines += [line for row in rows for line in _row(table, row, notes, own)]
        lines.append("</tbody>")
    lines += ["</table>", "</div>"]
    below = [f'<li id="{own}-note-{k}"><sup>{k}</sup> {escape(note)}</li>' for k, note in enumerate(notes, 1)]
    below += [f"<li>{escape(note)}</li>" for note in table.notes]
    return "\n".join([*lines, *(['<ul class="notes">', *below, "</ul>"] if below else [])])


def escape(text: str) -> str:
    """`text` as an HTML document may hold it; control characters, which it may not, become U+FFFD."""
    allowed = "".join(sign if sign.isprintable() or sign in " \n\t" or ord(sign) > 0x9F else "\ufffd" for sign in text)
    legal = "".join("\ufffd" if ord(sign) & 0xFFFE == 0xFFFE or 0xFDD0 <= ord(sign) <= 0xFDEF else sign for sign in allowed)
    return html.escape(legal, quote=True)


def _head(table: Table) -> list[str]:
    lines = ["<thead>"]
    if over := head_groups(table, list(range(len(table.head)))):
        cells = [
            f'<th scope="colgroup" colspan="{span}">{escape(text)}</th>' if text else f'<td colspan="{span}"></td>'
            for text, span in over
        ]
        lines.append(f'<tr class="over">{"".join(cells)}</tr>')
    cells = [_head_cell(column) for column in table.head]
    return [*lines, f"<tr>{''.join(cells)}</tr>", "</thead>"]


def _head_cell(column: Column) -> str:
    kind = ' class="n"' if column.kind == "number" else ""
    # an empty head is no head
    return f'<th scope="col"{kind}>{escape(column.label)}</th>' if column.label else f"<td{kind}></td>"


def _row(table: Table, row: Row, notes: list[str], own: str) -> list[str]:
    cells = [_cell(table, column, cell, k, notes, own) for k, (column, cell) in enumerate(zip(table.head, row.cells))]
    lines = [f"<tr>{''.join(cells)}</tr>"]
    if row.signature:
        said = f'<td colspan="{len(table.head)}"><div class="said">{escape(row.signature)}</div></td>'
        lines.append(f'<tr class="signature">{said}</tr>')
    return lines


def _cell(table: Table, column: Column, cell: Cell, k: int, notes: list[str], own: str) -> str:
    text = escape(shown(column, cell))
    marks = [name for name, there in (("best", cell.bold), ("significant", cell.underlined)) if there and text]
    if cell.missing:
        text = f'<span aria-hidden="true">{text}</span><span class="heard">no value</span>'
    text = f"<b>{text}</b>" if "best" in marks else text
    text = f"<u>{text}</u>" if "significant" in marks else text
    if table.spread and (spread := shown_sd(column, cell)):
        text += f" <small>±\u202f{escape(spread)}</small>"
    if marks:
        text += f'<span class="heard"> ({", ".join(marks)})</span>'
    if cell.note:
        number = notes.index(cell.note) + 1
        text += f'<sup><a href="#{own}-note-{number}">{number}</a></sup>'
    kind = ' class="n"' if column.kind == "number" else ""
    return f'<th scope="row"{kind}>{text}</th>' if k < table.labels else f"<td{kind}>{text}</td>"
