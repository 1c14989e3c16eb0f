"""The papers' numbers through the code that judges runs: averages, maxima, differences, the sign of a slope."""

from pathlib import Path

import numpy as np
import pytest

from xlt_train.languages.distance import Distances
from xlt_train.published.tables import Matrix, Table, matrices, matrix, table, tables
from xlt_train.reporting.build import report
from xlt_train.reporting.contents.by_distance import gains, line_of
from xlt_train.reporting.contents.from_published import MAIN, of_table, published_settings, published_systems, task_of, tasks
from xlt_train.reporting.contents.material import Material, baselines_of
from xlt_train.reporting.contents.ordering import ranked
from xlt_train.reporting.contents.pairs import difference, pairs, split_means
from xlt_train.reporting.contents.scores import accuracy_table
from xlt_train.reporting.contents.settings import settings
from xlt_train.reporting.tables import Cell
from xlt_train.results.systems import System

EMNLP = "huang-2021-emnlp"
LANGUAGES = {"PAWS-X": "en es de fr zh ko ja", "XNLI": "en es de fr bg ru el th sw vi ar zh hi ur tr"}  # Tables 4 and 7


def material(task: str, metric: str = "published") -> Material:
    systems = published_systems(task)
    by = ranked(tasks()[task], "en", metric, Distances.read(), (), default=metric)
    return Material(
        title=task,
        slug=task,
        systems=tuple(systems),
        order=by.order,
        source="en",
        distance=by.about,
        baselines=baselines_of(systems),
        ablations=tuple(published_settings(task)),
    )


def system_of(found: Material, source: str, name: str) -> System:
    (one,) = [s for s in found.systems if s.source == source and s.name == name]
    return one


@pytest.mark.parametrize("one", [t for t in tables() if t.name in MAIN[t.paper]], ids=lambda t: f"{t.paper}-{t.name}")
def test_averages_come_out_as_printed(one: Table) -> None:
    found = material(one.task)
    lines = {(line.group, line.cells[0].value): line.cells[-1] for line in accuracy_table(found).rows}
    for system, printed in zip(of_table(one), one.averages):
        cell = lines[system.source or "", system.name]
        if cell.missing:  # Ahmad et al.'s row has gaps
            assert np.isnan(system.accuracy).any()
            continue
        beyond = abs(100 * float(cell.value or 0) - printed) > 0.1 + 1e-9
        assert beyond == (one.name == "3" and system.name == "mBERT-RS-syntax")
        assert bool(cell.note) == beyond


def test_the_best_of_each_column_is_what_the_paper_set_in_bold() -> None:
    """arXiv v1, whose text kept the marks; the row from another paper competes there too."""
    for name in ("1", "2"):
        one = table("huang-2021-arxiv-v1", name)
        printed = {
            (s.name, language): bool(b)
            for s, bolds in zip(one.systems, one.marked("bold"))
            for language, b in zip(one.languages, bolds)
        }
        found = material(one.task)
        shown = accuracy_table(found)
        for line in shown.rows:
            if line.group == of_table(one)[0].source:
                for column, cell in list(zip(shown.head, line.cells))[1:-1]:
                    assert cell.bold == printed[str(line.cells[0].value), column.label], (line.cells[0].value, column.label)


@pytest.mark.parametrize(("number", "base"), [("5", "4"), ("6", "4"), ("8", "7"), ("9", "7")])
def test_difference_matrices_are_those_of_figures_4_and_5(number: str, base: str) -> None:
    one, other = matrix(number), matrix(base)
    found = material(one.task)
    source = f"Huang et al. 2021, EMNLP, Tables {'4 to 6' if one.task == 'PAWS-X' else '7 to 9'}"
    system, plain = (system_of(found, source, m.system.name) for m in (one, other))
    assert found.baseline(system) == plain
    places = [one.languages.index(language) for language in found.languages]
    expected = one.minus(other)[np.ix_(places, places)]
    np.testing.assert_allclose(100 * difference(found, system, plain), expected, atol=1e-9)


@pytest.mark.parametrize("one", matrices(), ids=lambda m: m.name)
def test_means_over_pairs_are_the_printed_ones(one: Matrix) -> None:
    found = material(one.task)
    system = next(s for s in found.systems if s.all_pairs and s.name == one.system.name)
    total = split_means(found, system)[2]
    if np.isnan(one.values).any():
        assert np.isnan(total)  # never averaged over in silence
    else:
        assert 100 * total == pytest.approx(one.average, abs=0.1)
    part = pairs(found)
    assert part is not None
    shown = next(b for b in part[0].blocks if getattr(b, "title", "").startswith(f"{one.system.name} on every pair"))
    for line in shown.rows[:-1]:  # type: ignore[union-attr]
        k = one.languages.index(str(line.cells[0].value))
        row = one.values[k]
        highest = None if np.isnan(row).any() else {one.languages[c] for c in np.flatnonzero(row == row.max())}
        assert (None if line.cells[-1].missing else set(str(line.cells[-1].value).split())) == highest
        if not np.isnan(row).any():
            assert 100 * float(line.cells[-2].value or 0) == pytest.approx(one.row_averages[k], abs=0.1)


@pytest.mark.parametrize("metric", ["published", "syntactic"])
@pytest.mark.parametrize(("task", "number"), [("PAWS-X", "1"), ("XNLI", "2")])
def test_gain_grows_with_distance_as_in_figure_2(task: str, number: str, metric: str) -> None:
    found = material(task, metric)
    source = f"Huang et al. 2021, EMNLP, Table {number}"
    system = system_of(found, source, "mBERT-RS-DA")
    base = found.baseline(system)
    assert base is not None
    assert base.name == "mBERT (reproduce)"
    line = line_of(found, system, base)
    one = table(EMNLP, number)
    rows = {s.name: dict(zip(one.languages, v)) for s, v in zip(one.systems, one.values)}
    at = found.order.distances
    x = np.array([at[name] for name in one.languages])
    y = np.array([rows["mBERT-RS-DA"][name] - rows["mBERT (reproduce)"][name] for name in one.languages])
    slope, intercept = np.polyfit(x, y, 1)
    assert slope > 0
    assert (100 * line.slope, 100 * line.intercept, line.n) == pytest.approx((slope, intercept, len(x)))
    assert 100 * gains(found, system, base)["en"] == pytest.approx(y[one.languages.index("en")])


@pytest.mark.parametrize("task", ["PAWS-X", "XNLI"])
def test_the_languages_are_those_of_the_headers(task: str) -> None:
    first = next(m for m in matrices() if m.task == task)
    assert " ".join(first.languages) == LANGUAGES[task]
    assert material(task).languages == first.languages


def test_settings_show_what_was_varied() -> None:
    part = settings(material("XNLI"))
    assert part is not None
    section, drawings = part
    assert [drawing.name for drawing in drawings] == [
        f"xnli-figure-{key}-published" for key in ("dictionary", "layer", "beta", "alpha")
    ]
    by_source = {block.title: block for block in section.blocks if hasattr(block, "rows")}
    a2 = by_source["Published settings, Ding et al. 2022, Table A.2, XNLI"]
    assert [line.cells[0].value for line in a2.rows][:2] == ["mBERT EAR beta=0.1", "mBERT EAR beta=0.2"]
    cells: tuple[Cell, ...] = a2.rows[0].cells
    assert [column.label for column in a2.head][1] == "en"
    assert 100 * float(cells[1].value or 0) == pytest.approx(83.23)


def test_languages_without_a_task_have_no_published_numbers() -> None:
    assert task_of(["en", "ko", "zh", "ja"]) == "PAWS-X"
    assert task_of(["en", "sw", "ar"]) == "XNLI"
    assert task_of(["en", "de"]) is None  # of both
    assert task_of(["en", "fi"]) is None
    assert task_of(tasks()["XNLI"]) == "XNLI"


def test_a_page_of_the_published_numbers_alone(tmp_path: Path) -> None:
    report(out=tmp_path / "papers", against="published")
    page = (tmp_path / "papers" / "index.html").read_text(encoding="utf-8")
    for words in (
        "PAWS-X: every pair of languages",
        "XNLI: gain and distance",
        "the paper does not say which",
        "XNLI: settings",
    ):
        assert words in page
    assert len(list((tmp_path / "papers" / "figures").glob("*.png"))) == 10
