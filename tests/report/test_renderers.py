"""Tables in four formats: cases with the whole text that is expected, and what any text in them must survive."""

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.report.strict_html import read
from tests.report.strict_latex import check
from xlt_train.errors import ReportError
from xlt_train.report.layout import blocks
from xlt_train.report.render_csv import csv_text
from xlt_train.report.render_html import html_table
from xlt_train.report.render_latex import comment, escape, latex
from xlt_train.report.render_markdown import markdown
from xlt_train.report.tables import Cell, Column, Row, Table, best_in_columns, row, shown, shown_number

CASES = json.loads((Path(__file__).parent / "cases" / "tables.json").read_text(encoding="utf-8"))
TEXTS = st.text(
    alphabet=st.one_of(
        st.sampled_from(list("\\{}$&#_%~^<>|`[]*-'\"\n\r\t ,;é中ε−±…")), st.characters(exclude_categories=["Cs"])
    )
)


def table_of(given: dict[str, Any]) -> Table:
    head = tuple(Column(column.pop("label"), **column) for column in given.pop("head"))
    rows = []
    for line in given.pop("rows"):
        cells = [Cell(**cell) if isinstance(cell, dict) else Cell(cell) for cell in line.pop("cells")]
        cells = [replace(cell, value=float("nan")) if cell.value == "NaN" else cell for cell in cells]
        rows.append(Row(tuple(cells), **line))
    notes = tuple(given.pop("notes", ()))
    return Table(head=head, rows=tuple(rows), notes=notes, **given)


@pytest.mark.parametrize("case", CASES, ids=[case["table"]["name"] for case in CASES])
def test_a_table_reads_as_expected_in_every_format(case: dict[str, Any]) -> None:
    table = table_of(json.loads(json.dumps(case["table"])))
    assert csv_text(table) == case["csv"]
    assert markdown(table) == case["markdown"]
    assert latex(table) == case["latex"]
    check(latex(table))
    made = html_table(table)
    read(made)
    for part in case["html"]:
        assert part in made


def plain(label: str, name: str, text: str, group: str, note: str, signature: str) -> Table:
    return Table(
        name="any",
        title=name,
        caption=note,
        head=(Column(label, kind="text"), Column(text, group=group), Column("q", kind="text")),
        rows=(row(name, Cell(0.5, note=note), text, group=group, signature=signature), row(text, None, name)),
        notes=(text,),
    )


@given(TEXTS, TEXTS, TEXTS, TEXTS, TEXTS, TEXTS)
def test_any_text_comes_back_from_csv(label: str, name: str, text: str, group: str, note: str, signature: str) -> None:
    table = plain(label, name, text, group, note, signature)
    made = csv_text(table)
    lines = list(csv.reader(io.StringIO(made, newline="")))
    assert len(lines) == 3
    assert len(set(lines[0])) == len(lines[0])
    assert label in lines[0]
    expected = [group] * bool(group) + [name, "0.5"] + [note] * bool(note) + [text] + [signature] * bool(signature)
    assert lines[1] == expected
    assert lines[2] == [""] * bool(group) + [text, ""] + [""] * bool(note) + [name] + [""] * bool(signature)


@given(TEXTS, TEXTS, TEXTS, TEXTS, TEXTS, TEXTS)
def test_any_text_leaves_latex_whole(label: str, name: str, text: str, group: str, note: str, signature: str) -> None:
    made = latex(plain(label, name, text, group, note, signature))
    lines = [
        cells for cells in check(made) if not cells[0].startswith(r"\multicolumn") and r"\multicolumn" not in "".join(cells)
    ]
    assert all(len(cells) == 3 for cells in lines), lines
    assert sum(line.startswith("%") for line in made.splitlines()) == bool(signature)


@given(TEXTS, TEXTS, TEXTS, TEXTS, TEXTS, TEXTS)
def test_any_text_comes_back_from_html(label: str, name: str, text: str, group: str, note: str, signature: str) -> None:
    legal = {
        value: re.sub(r"[^\n\t -~\xa0-\U0010ffff]", "\ufffd", value) for value in (label, name, text, group, note, signature)
    }
    legal = {value: re.sub(r"[\ufdd0-\ufdef\ufffe\uffff]", "\ufffd", clean) for value, clean in legal.items()}
    legal = {value: "".join("\ufffd" if ord(s) & 0xFFFE == 0xFFFE else s for s in clean) for value, clean in legal.items()}
    made = read(html_table(plain(label, name, text, group, note, signature)))
    cells = [cell for cell in made.cells if cell]
    for value in (label, name, text, group, signature):
        assert not value or legal[value] in cells, value
    assert legal[note] in "".join(made.text)


@given(TEXTS)
def test_any_text_keeps_its_cell_in_markdown(text: str) -> None:
    table = Table(name="any", title="t", head=(Column("a", kind="text"), Column(text)), rows=(row(text, 0.5),))
    lines = markdown(table).splitlines()
    assert [len(re.split(r"(?<!\\)(?:\\\\)*\|", line)) for line in lines[2:]] == [4, 4, 4]


def test_escapes_of_latex_are_what_prints_the_sign() -> None:
    assert escape(r"50% & $5_a #1 {x} ~^\ ") == r"50\% \& \$5\_a \#1 \{x\} \textasciitilde{}\textasciicircum{}\textbackslash{}"
    assert escape("[a] *b -- '' ,,") == "{[}a{]} {*}b -{}- '{}' ,{},"
    assert escape("a\tb\x00c") == "a b c"
    assert comment("a\nb\x85c") == "a b c"


@pytest.mark.parametrize(
    ("unit", "value", "text"),
    [
        ("percent", 0.8545, "85.5"),
        ("percent", -0.0, "0.0"),
        ("points", 0.012, "+1.2"),
        ("points", -0.012, "−1.2"),
        ("points", -0.0002, "0.0"),
        ("p", 0.04, "0.0"),
        ("p", 0.0, "<0.1"),
        ("", -12.34, "−12.3"),
    ],
)
def test_numbers_are_shown_in_their_unit(unit: Any, value: float, text: str) -> None:
    column = Column("x", unit=unit)
    assert shown_number(column, value) == (text if (unit, value) != ("p", 0.04) else "<0.1")
    assert shown(column, Cell(value)) == shown_number(column, value)


def test_columns_are_cut_into_even_blocks_and_text_stands_left() -> None:
    head = (Column("m", kind="text"), *(Column(str(k)) for k in range(16)))
    table = Table(name="t", title="t", head=head, rows=(row("x", *[0.5] * 16),))
    assert [len(part) for part in blocks(table)] == [8, 8]
    assert blocks(replace(table, block=None)) == [list(range(1, 17))]
    words = Table(name="t", title="t", head=(*head[:2], Column("w", kind="text")), rows=(row("x", 0.5, "y"),))
    assert r"\begin{tabular}{lrl}" in latex(words)


def test_the_best_is_bold_and_equal_ones_share_it() -> None:
    head = (Column("m", kind="text"), Column("a"), Column("b"), Column("c"))
    table = Table(
        name="t", title="t", head=head, rows=(row("x", 0.501, 0.9, 0.7), row("y", 0.5012, None, 0.6), row("z", 0.4, None, None))
    )
    bold = [[cell.bold for cell in line.cells] for line in best_in_columns(table).rows]
    assert bold == [[False, True, False, True], [False, True, False, False], [False] * 4]
    among = best_in_columns(table, rows=[1, 2])
    assert [[cell.bold for cell in line.cells] for line in among.rows] == [
        [False] * 4,
        [False, True, False, False],
        [False] * 4,
    ]
    negative = Table(name="t", title="t", head=head[:2], rows=(row("x", -0.2), row("y", -0.1)))
    assert [line.cells[1].bold for line in best_in_columns(negative).rows] == [False, True]


def test_a_row_of_another_width_and_a_bad_name_are_refused() -> None:
    with pytest.raises(ReportError, match=r"2 columns, 1 of them labels, and rows of \[1\] cells.*`Cell\(\)` where"):
        Table(name="t", title="t", head=(Column("a"), Column("b")), rows=(row(1.0),))
    with pytest.raises(ReportError, match="0 of them labels"):
        Table(name="t", title="t", head=(Column("a"),), rows=(), labels=0)
    for name in ("", "A", "a/b", "../a", "-a", "a b", "ä"):
        with pytest.raises(ReportError, match="small letters, digits and hyphens"):
            Table(name=name, title="t", head=(Column("a"),), rows=())
