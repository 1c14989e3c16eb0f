"""What all renderers of a table need to know of it: its headings, groups, notes and legend."""

from collections.abc import Iterator
from itertools import groupby

from xlt_train.reporting.tables import Row, Table


def footnotes(table: Table) -> list[str]:
    """The notes of the cells, each once, in the order of reading: note k is number k + 1."""
    return list(dict.fromkeys(cell.note for line in table.rows for cell in line.cells if cell.note))


def row_groups(table: Table) -> Iterator[tuple[str, list[Row]]]:
    """Neighbouring rows that share a heading, with that heading; empty where they have none."""
    for heading, lines in groupby(table.rows, key=lambda line: line.group):
        yield heading, list(lines)


def head_groups(table: Table, columns: list[int]) -> list[tuple[str, int]]:
    """The headings over the given columns, each with how many neighbours it spans; empty where no column has one."""
    if not any(table.head[c].group for c in columns):
        return []
    return [(heading, len(list(part))) for heading, part in groupby(table.head[c].group for c in columns)]


def full_labels(table: Table) -> list[str]:
    """One label a column, with the group's heading before it where there is one, for formats with a single line of heads."""
    return [f"{column.group} {column.label}" if column.group else column.label for column in table.head]


def row_name(table: Table, line: Row) -> str:
    """The texts that name a row, in one."""
    return ", ".join(str(cell.value) for cell in line.cells[: table.labels] if not cell.missing and cell.value != "")


def blocks(table: Table) -> list[list[int]]:
    """The number columns in blocks of at most `table.block`, as even as can be; the label columns stand before each."""
    columns = list(range(table.labels, len(table.head)))
    if table.block is None or len(columns) <= table.block:
        return [columns]
    parts = -(-len(columns) // table.block)
    size = -(-len(columns) // parts)
    return [columns[k : k + size] for k in range(0, len(columns), size)]


def legend(table: Table) -> list[str]:
    """What the marks in this table mean, as far as it has them."""
    cells = [cell for line in table.rows for cell in line.cells]
    said = []
    if any(cell.bold for cell in cells):
        said.append("Bold: the best of its column.")
    if any(cell.underlined for cell in cells):
        said.append("Underlined: a significant difference.")
    if table.spread and any(cell.sd is not None for cell in cells):
        said.append("±: standard deviation over seeds.")
    if any(cell.missing for cell in cells):
        said.append("–: no value.")
    return said
