"""The printed numbers are in themselves consistent: averages, maxima, diagonals, reprints, differences."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import PROJECT
from xlt_train.errors import TableError, UsageError
from xlt_train.files import sha256_file
from xlt_train.methods.registry import METHODS
from xlt_train.published.cells import AVERAGE, PAPERS, cells, read_cells
from xlt_train.published.tables import Matrix, Table, matrices, matrix, table, tables
from xlt_train.resources import resource

HUANG, V1, DING = "huang-2021-emnlp", "huang-2021-arxiv-v1", "ding-2022-ear"
PAWSX, XNLI = "en de es fr ja ko zh".split(), "en ar bg de el es fr hi ru sw th tr ur vi zh".split()
NEAR_TO_FAR = {"PAWS-X": "en es de fr zh ko ja".split(), "XNLI": "en es de fr bg ru el th sw vi ar zh hi ur tr".split()}
# Cells were rounded after averaging: at most 0.05 + 0.05 between a printed average and the mean of its printed cells.
TOLERANCE = 0.1 + 1e-9
BEYOND = {(HUANG, "3", "mBERT-RS-syntax"): (83.5, 84.01)}
# Broken rows of the text (data/published/README.md), and cells that a paper itself prints without a number.
BROKEN_ROWS = {("5", "fr"): "88.6", ("6", "zh"): "76.1"}
HALVES_LOST = {("3", row) for row in ("Ours", "w/o EPT", "w/o APT", "w/o both")} | {
    (name, row) for name in ("4", "A.4") for row in ("EPT + APT", "NT + APT", "EPT + SRPT") if (name, row) != ("4", "EPT + APT")
}
# Tables 4 to 9 print 0.1 more on the diagonal than Tables 1 and 2 for the same runs.
DIAGONAL_OFF = {("6", "de"), ("7", "fr"), ("9", "de"), ("9", "th"), ("9", "zh"), ("9", "hi")}
ALL = [*tables(), *matrices()]


def _name(one: Table | Matrix) -> str:
    return f"{one.paper} {one.name}"


def test_every_table_of_the_three_papers_is_there() -> None:
    assert [one.name for one in tables() if one.paper == V1] == ["1", "2"]
    assert [one.name for one in tables() if one.paper == HUANG] == ["1", "2", "3"]
    assert [one.name for one in matrices()] == list("456789")
    assert [one.name for one in tables() if one.paper == DING] == "1 2 3 4 5 6 A.1 A.2 A.3 A.4".split()
    assert {one.paper for one in ALL} == set(PAPERS)
    shapes = {_name(one): one.values.shape for one in tables()}
    assert list(shapes.values()) == [
        (5, 7), (5, 15), (5, 7), (5, 15), (4, 7), (9, 15), (9, 7), (4, 15), (3, 15), (3, 15), (4, 0), (4, 15), (6, 15), (7, 15),
        (3, 15),
    ]  # fmt: skip


@pytest.mark.parametrize("one", ALL, ids=_name)
def test_languages_are_those_of_the_task_in_the_printed_order(one: Table | Matrix) -> None:
    if (one.paper, one.name) == (DING, "6"):
        assert one.languages == ()
    elif isinstance(one, Matrix) or one.name in ("4", "A.4"):
        assert list(one.languages) == NEAR_TO_FAR[one.task]
        if isinstance(one, Matrix):
            assert [row[0].row_language for row in one.cells] == [*one.languages, AVERAGE]
    else:
        assert list(one.languages) == (PAWSX if one.task == "PAWS-X" else XNLI)
    for row in one.cells:
        assert [cell.column_language for cell in row] == [*one.languages, AVERAGE]


def test_a_value_has_the_printed_digits_and_a_gap_says_why() -> None:
    assert len(cells()) == 120 + 1_112 + 700
    for cell in cells():
        decimals = len(cell.text.partition(".")[2])
        whole = (cell.paper, cell.table, cell.model, cell.column_language) == (DING, "A.2", "0.2", "sw")  # printed as 50
        expected = (
            2 if cell.table in ("A.1", "A.2", "A.3") and not whole else 3 if cell.table == "6" and cell.paper == DING else 1
        )
        assert not cell.text or decimals == (0 if whole else expected), cell
        assert cell.text or cell.note, cell
        assert cell.method in {*METHODS, ""}
        assert cell.marks <= {"bold", "underline"}
        assert (cell.method == "") == cell.model.startswith("+Syntax")


def test_gaps_are_where_the_text_is_broken_and_nowhere_else() -> None:
    gaps = {(c.paper, c.table, c.row_language or c.model, c.column_language) for c in cells() if not c.text}
    expected = {(DING, "1", "+Syntax‡", column) for column in ("sw", "th", AVERAGE)}
    for name, row in BROKEN_ROWS:
        expected |= {(HUANG, name, row, column) for column in (*NEAR_TO_FAR["PAWS-X"], AVERAGE) if column != "en"}
    for name, row in HALVES_LOST:
        expected |= {(DING, name, row, column) for column in (*table(DING, name).languages[8:], AVERAGE)}
    assert gaps == expected


@pytest.mark.parametrize("one", tables(), ids=_name)
def test_printed_averages_are_those_of_their_rows(one: Table) -> None:
    for system, row, printed in zip(one.systems, one.values, one.averages):
        if np.isnan(row).any() or np.isnan(printed) or not row.size:
            continue
        beyond = BEYOND.get((one.paper, one.name, system.model))
        assert (abs(row.mean() - printed) > TOLERANCE) == (beyond is not None), (system.name, row.mean(), printed)
        if beyond:
            assert (printed, round(row.mean(), 2)) == beyond
    known = {system.model for system in one.systems}
    assert all(model in known for paper, name, model in BEYOND if (paper, name) == (one.paper, one.name))


@pytest.mark.parametrize("one", matrices(), ids=_name)
def test_averages_of_a_matrix_are_those_of_its_rows_its_columns_and_all_of_it(one: Matrix) -> None:
    for lines, printed in ((one.values, one.row_averages), (one.values.T, one.column_averages)):
        whole = ~np.isnan(lines).any(axis=1)
        assert (np.abs(lines[whole].mean(axis=1) - printed[whole]) <= TOLERANCE).all()
    assert whole.sum() == (len(one.languages) if one.name not in "56" else 1)
    assert abs(one.column_averages.mean() - one.average) <= TOLERANCE
    if one.name not in "56":
        assert abs(one.values.mean() - one.average) <= TOLERANCE
        assert abs(one.row_averages.mean() - one.average) <= TOLERANCE


@pytest.mark.parametrize(("name", "language"), BROKEN_ROWS)
def test_the_one_legible_number_of_a_broken_row_fits_its_column_and_no_other(name: str, language: str) -> None:
    found = matrix(name)
    row = found.languages.index(language)
    assert found.cells[row][0].text == BROKEN_ROWS[name, language]
    assert np.isnan(found.row_averages[row])
    value = found.values[row, 0]
    others = np.delete(found.values, row, axis=0).sum(axis=0)
    fits = np.abs((others + value) / len(found.languages) - found.column_averages) <= TOLERANCE
    assert fits.tolist() == [True] + [False] * (len(found.languages) - 1)


def test_numbers_that_stand_two_in_a_cell_are_told_apart_by_the_average() -> None:
    """In Table 4 the text has 85.6 84.8 (de) and 67.1 63.0 (ja) in the first column."""
    found = matrix("4")
    for language, kept, other in (("de", 85.6, 84.8), ("ja", 63.0, 67.1)):
        row = found.languages.index(language)
        assert found.values[row, 0] == kept
        assert other in found.values[:, 0], "it is the neighbour's"
        assert abs(found.values[row].mean() - found.row_averages[row]) <= 0.05
        assert abs((found.values[row].sum() - kept + other) / 7 - found.row_averages[row]) > TOLERANCE


@pytest.mark.parametrize("one", [one for one in tables() if one.paper == V1], ids=_name)
def test_bold_marks_the_highest_of_each_column(one: Table) -> None:
    printed = np.column_stack((one.values, one.averages))
    assert (one.marked("bold") == (printed == printed.max(axis=0))).all()
    assert not one.marked("underline").any()


def test_underlines_are_only_above_the_baseline() -> None:
    """They mark improvements over mBERT (reproduce) that are significant."""
    for name in "123":
        found = table(HUANG, name)
        printed = np.column_stack((found.values, found.averages))
        underlined = found.marked("underline")
        baseline = next(k for k, system in enumerate(found.systems) if system.model == "mBERT (reproduce)")
        assert underlined.sum() == {"1": 17, "2": 20, "3": 9}[name]
        assert (printed[underlined] > np.broadcast_to(printed[baseline], printed.shape)[underlined]).all()


@pytest.mark.parametrize(("name", "row_table"), list(zip("456789", "111222")))
def test_the_diagonal_is_the_row_of_the_main_table(name: str, row_table: str) -> None:
    found, main = matrix(name), table(HUANG, row_table)
    model = {"mBERT": "mBERT (reproduce)"}.get(found.system.model, found.system.model)
    row = next(values for system, values in zip(main.systems, main.values) if system.model == model)
    expected = np.array([row[main.languages.index(language)] for language in found.languages])
    diagonal = found.values.diagonal()
    gaps = {language for language, value in zip(found.languages, diagonal) if np.isnan(value)}
    assert gaps == {language for broken, language in BROKEN_ROWS if broken == name}
    others = {language: points for language, points in zip(found.languages, (diagonal - expected).round(6)) if points}
    assert {(name, language) for language in others if language not in gaps} == {key for key in DIAGONAL_OFF if key[0] == name}
    assert all(points == 0.1 for language, points in others.items() if language not in gaps)


def test_what_is_printed_twice_is_the_same() -> None:
    third, first = table(HUANG, "3"), table(HUANG, "1")
    for k, system in enumerate(third.systems[:3]):
        row = next(j for j, other in enumerate(first.systems) if other.model == system.model)
        assert (third.values[k] == first.values[row]).all()
        assert third.averages[k] == first.averages[row]
    for own, theirs in (("1", "2"), ("2", "1")):
        again, once = table(DING, own), table(HUANG, theirs)
        assert again.languages == once.languages
        for model, original in (
            ("mBERT†", "mBERT*"),
            ("+ADV†", "mBERT-ADV"),
            ("+RS-RP†", "mBERT-RS-RP"),
            ("+RS-DA†", "mBERT-RS-DA"),
        ):
            k = next(j for j, system in enumerate(again.systems) if system.model == model)
            row = next(j for j, system in enumerate(once.systems) if system.model == original)
            assert (again.values[k] == once.values[row]).all()
            assert again.averages[k] == once.averages[row]
            assert again.systems[k].source == "Huang et al. 2021"
    copied = [one.values[0] for one in (table(V1, "1"), table(HUANG, "1"))]
    assert (copied[0] == copied[1]).all()


def test_the_best_row_of_ding_et_al_is_the_same_in_all_their_tables() -> None:
    languages = table(DING, "1").languages
    rows = []
    for name, k in (("1", 5), ("3", 0), ("4", 0), ("5", 0), ("A.2", 0), ("A.3", 2)):
        found = table(DING, name)
        rows.append([found.values[k][found.languages.index(language)] for language in languages])
    for one, two in combinations(np.array(rows), 2):
        known = ~np.isnan(one) & ~np.isnan(two)
        assert known.sum() in (8, 15)
        assert (np.abs(one - two)[known] <= 0.05 + 1e-9).all()
    assert [system.method for system in table(DING, "A.2").systems] == ["ear"] * 6


@pytest.mark.parametrize(("base", "robust"), [("4", "5"), ("4", "6"), ("7", "8"), ("7", "9")])
def test_robust_training_gains_more_off_the_diagonal(base: str, robust: str) -> None:
    """The differences of Figures 4 and 5, languages from near to far."""
    difference = matrix(robust).minus(matrix(base))
    count = len(matrix(base).languages)
    assert difference.shape == (count, count)
    assert list(matrix(robust).languages) == NEAR_TO_FAR[matrix(robust).task]
    diagonal = np.eye(count, dtype=bool)
    off, on = np.nanmean(difference[~diagonal]), np.nanmean(difference[diagonal])
    assert off > on + 1
    # The same from printed averages alone: of all cells (Tables 4 to 9), of the diagonal (Tables 1 and 2).
    main = table(HUANG, "1" if count == 7 else "2")
    averages = {system.method: average for system, average in zip(main.systems[1:], main.averages[1:])}
    printed_on = averages[matrix(robust).system.method] - averages["baseline"]
    printed_off = (count * (matrix(robust).average - matrix(base).average) - printed_on) / (count - 1)
    assert printed_off > printed_on + 1
    if robust in "89":  # in the others a row of cells is a gap
        assert (off, on) == pytest.approx((printed_off, printed_on), abs=0.2)


def test_differences_are_of_like_with_like() -> None:
    with pytest.raises(UsageError, match="found XNLI in en es"):
        matrix("4").minus(matrix("7"))


def test_names_say_whose_numbers_these_are() -> None:
    names = [system.name for one in tables() for system in one.systems]
    assert {"mBERT (reproduce)", "mBERT +RS-DA†", "XLM-R +RS-DA*", "mBERT w/o EPT", "mBERT EAR beta=0.3"} <= set(names)
    for one in tables():
        assert len({system.name for system in one.systems}) == len(one.systems)
    assert {cell.encoder for cell in cells()} == {"mbert", "xlm-r"}
    assert table(DING, "6").systems[1].setting == {"dictionary": "0.75", "words": "37481"}
    assert table(DING, "6").averages.tolist() == [68.424, 68.392, 68.218, 68.08]


def test_tables_cannot_be_changed_by_accident() -> None:
    with pytest.raises(ValueError, match="read-only"):
        table(HUANG, "1").values[0, 0] = 0
    with pytest.raises(ValueError, match="read-only"):
        matrix("4").values[0, 0] = 0


@pytest.mark.parametrize("ask", [lambda: table(HUANG, "4"), lambda: matrix("10"), lambda: table("hu-2020", "1")])
def test_a_table_that_is_not_there_is_refused(ask: object) -> None:
    assert callable(ask)
    with pytest.raises(UsageError, match="looking for a published table"):
        ask()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("p,1,XNLI,m,ear,mbert,,,en,83;2,,,", "line 2: found could not convert string to float: '83;2'"),
        ("p,1,XNLI,m,ear,mbert,,,en,832,,,", "line 2: found '832' for a value"),
        ("p,1,XNLI,m,ear,mbert,,,en,,,,", "line 2: found '' for a value; expected a percentage, or a gap with a note"),
        ("p,1,XNLI,m,ear,mbert,,,en,83.2", "line 2"),
        ("p,1,XNLI,m,ear,mbert,alpha,,en,83.2,,,", "line 2"),
    ],
)
def test_a_broken_file_is_refused_with_its_line(tmp_path: Path, line: str, message: str) -> None:
    header = (PROJECT / "data" / "published" / f"{V1}.csv").read_text(encoding="utf-8").splitlines()[0]
    (tmp_path / "p.csv").write_text(f"{header}\n{line}\n", encoding="utf-8")
    with pytest.raises(TableError, match=message):
        read_cells(tmp_path / "p.csv")
    (tmp_path / "p.csv").write_text("a,b\n", encoding="utf-8")
    with pytest.raises(TableError, match="found the header 'a,b'"):
        read_cells(tmp_path / "p.csv")


def test_readme_counts_them_and_their_bytes_are_those_that_were_compared_with_the_papers() -> None:
    text = (PROJECT / "data" / "published" / "README.md").read_text(encoding="utf-8")
    for paper in PAPERS:
        numbers = sum(bool(cell.text) for cell in cells() if cell.paper == paper)
        gaps = sum(not cell.text for cell in cells() if cell.paper == paper)
        sha256 = sha256_file(resource(f"published/{paper}.csv"))
        line = next(line for line in text.splitlines() if line.startswith(f"| `{paper}.csv` |"))
        assert line.endswith(f"| {numbers:,} | {gaps} | {sha256[:16]} |")


def test_readme_lists_the_averages_that_are_beyond() -> None:
    text = (PROJECT / "data" / "published" / "README.md").read_text(encoding="utf-8")
    listed = [line for line in text.splitlines() if line.startswith("| Huang") or line.startswith("| Ding")]
    assert len(listed) == len(BEYOND)
    for (_, name, model), (printed, mean) in BEYOND.items():
        assert any(f"Table {name}" in line and model in line and f"{printed} | {mean}" in line for line in listed)
