"""Figures: legible at print size, nothing on top of anything, the same bytes every time, what is missing said."""

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from tests.report import drawn
from xlt_train.errors import ReportError
from xlt_train.report.drawing import DOUBLE, SINGLE, Drawing, Scores, Series
from xlt_train.report.figures import style
from xlt_train.report.figures.against_m import accuracy_against_m
from xlt_train.report.figures.embeddings import _spread as spread
from xlt_train.report.figures.embeddings import embeddings
from xlt_train.report.figures.heat_map import heat_map
from xlt_train.report.figures.hyper_parameter import hyper_parameter
from xlt_train.report.figures.labels import place
from xlt_train.report.figures.language_dots import language_dots
from xlt_train.report.figures.regression import regression

NAMES = tuple(drawn.ALL)


@pytest.fixture(scope="module")
def drawings() -> dict[str, Drawing]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return {name: make() for name, make in drawn.ALL.items()}


def texts(figure: Figure) -> list[tuple[Text, Any]]:
    """The texts that are seen, with their boxes in points."""
    figure.canvas.draw()
    scale = 72 / figure.dpi
    found = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    boxes = [(text, text.get_window_extent().extents * scale) for text in found]
    width, height = figure.get_size_inches() * 72
    # ticks outside the limits of their axis are kept but not drawn
    return [
        (text, box) for text, box in boxes if box[2] > 0 and box[0] < width and box[3] > 0 and box[1] < height and shown(text)
    ]


def shown(text: Text) -> bool:
    for axes in text.figure.axes:  # type: ignore[union-attr]
        for axis in (axes.xaxis, axes.yaxis):
            for tick in axis.get_major_ticks() + axis.get_minor_ticks():
                if text in (tick.label1, tick.label2):
                    low, high = sorted(axis.get_view_interval())
                    return bool(low - 1e-9 <= tick.get_loc() <= high + 1e-9)
    return True


@pytest.mark.parametrize("name", NAMES)
def test_every_text_can_be_read_in_print_and_covers_no_other(drawings: dict[str, Drawing], name: str) -> None:
    figure = drawings[name].figure
    width, height = figure.get_size_inches() * 72
    found = texts(figure)
    assert len(found) >= 5
    for text, (left, bottom, right, top) in found:
        assert text.get_fontsize() >= style.LEAST, text.get_text()
        assert left >= -0.5, text.get_text()
        assert bottom >= -0.5, text.get_text()
        assert right <= width + 0.5, text.get_text()
        assert top <= height + 0.5, text.get_text()
    for k, (text, box) in enumerate(found):
        for other, beside in found[:k]:
            overlap = np.minimum(box[2:], beside[2:]) - np.maximum(box[:2], beside[:2])
            assert overlap.min() <= 0.5, (text.get_text(), other.get_text())


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_is_as_wide_as_a_column_or_two(drawings: dict[str, Drawing], name: str) -> None:
    width = drawings[name].figure.get_size_inches()[0]
    assert width == (DOUBLE if name in ("heat-15", "words") else SINGLE)


@pytest.mark.parametrize("name", ["heat-7", "heat-15"])
def test_each_number_of_a_heat_map_stays_in_its_cell(drawings: dict[str, Drawing], name: str) -> None:
    axes = drawings[name].figure.axes[0]
    boxes = {text.get_position(): text for text in axes.texts}
    cells = [
        patch for patch in axes.patches if isinstance(patch, Rectangle) and patch.get_width() == 1 and not patch.get_hatch()
    ]
    assert len(cells) == len(boxes)
    for cell in cells:
        text = boxes[(cell.get_x() + 0.5, cell.get_y() + 0.5)]
        inner, outer = text.get_window_extent(), cell.get_window_extent()
        assert inner.x0 > outer.x0
        assert inner.x1 < outer.x1
        assert inner.y0 > outer.y0
        assert inner.y1 < outer.y1
        assert contrast(text.get_color(), cell.get_facecolor()) >= 4.5


def contrast(one: Any, other: Any) -> float:
    """WCAG 2 contrast of two colours, computed apart from the code under test."""
    from matplotlib.colors import to_rgb

    light = []
    for colour in (one, other):
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
        light.append(np.dot(linear, [0.2126, 0.7152, 0.0722]) + 0.05)
    return float(max(light) / min(light))


def test_a_heat_map_says_what_its_cells_are(drawings: dict[str, Drawing]) -> None:
    drawing = drawings["heat-7"]
    axes = drawing.figure.axes[0]
    assert sum(bool(patch.get_hatch()) for patch in axes.patches) == 2
    assert "Hatched: 2 of 49 cells are missing." in drawing.caption
    assert "Framed: both in the same language." in drawing.caption
    assert {text.get_text() for text in axes.texts if text.get_fontweight() == "bold"} == {
        style.signed(v * 100) for v in drawn.SEVEN[drawn.SEVEN > 0.08]
    }
    assert np.isnan(drawn.SEVEN[2, 5])
    numbers = [[cell.value for cell in line.cells[1:]] for line in drawing.numbers.rows]
    np.testing.assert_allclose(numbers, drawn.SEVEN, rtol=1e-12)
    # −4.0 and +12.3 are the ends of the matrix
    assert "from −4.0 points (text 1 en, text 2 en) to +12.3 points (text 1 ja, text 2 en)" in drawing.description


def test_colours_are_centred_on_zero_and_darken_to_both_ends() -> None:
    values = np.array([[-0.04, -0.02, 0.0, 0.02, 0.04]])
    drawing = heat_map("h", "h", values, ["a"], list("bcdef"), row_title="r", column_title="c", limit=0.04)
    faces = [patch.get_facecolor() for patch in drawing.figure.axes[0].patches if isinstance(patch, Rectangle)]
    light = [contrast(face, "black") for face in faces]
    assert light[0] < light[1] < light[2] > light[3] > light[4]
    assert contrast(faces[2], "white") < 1.2
    assert abs(light[0] - light[4]) < 2.5
    assert "Framed" not in drawing.caption
    wide = heat_map("h", "h", values, ["a"], list("bcdef"), row_title="r", column_title="c", limit=0.4).figure.axes[0].patches
    assert contrast(wide[0].get_facecolor(), "white") < 1.35


def test_a_map_too_large_for_numbers_has_none_and_says_so() -> None:
    names = [f"l{k}" for k in range(30)]
    drawing = heat_map("h", "h", np.full((2, 30), 0.1), ["a", "b"], names, row_title="r", column_title="c")
    assert not drawing.figure.axes[0].texts
    assert "too small for numbers" in drawing.caption


def test_a_regression_says_its_line_and_names_who_is_left_out(drawings: dict[str, Drawing]) -> None:
    said = drawings["gain"].caption
    assert "slope +6.00 points for a distance of 1, r = −0.62, p = 0.018, n = 14" in said
    assert "95% confidence" in said
    assert "Not drawn, without gain or distance: sw, zz." in said
    assert [line.cells[0].value for line in drawings["gain"].numbers.rows][-2:] == ["sw", "zz"]  # in the order of their names
    plain = regression("g", "g", {"de": 0.01}, {"de": 0.4}, None, distance_title="d")
    assert "No line is fitted." in plain.caption
    assert "Not drawn" not in plain.caption
    tiny = regression("g", "g", drawn.GAINS, drawn.DISTANCES, drawn.line(p=1e-5), distance_title="d").caption
    assert "p < 0.001" in tiny


def test_labels_cover_neither_points_nor_each_other() -> None:
    rng = np.random.default_rng(3)
    with style.style():
        figure = style.canvas(SINGLE, 2.5)
        axes = style.axes_at(figure, 0.4, 0.4, 2.8, 2.0)
        at = rng.normal(size=(17, 2)) * [1, 0.5]
        axes.plot(at[:, 0], at[:, 1], "o")
        axes.margins(0.1)
        axes.set(xlim=axes.get_xlim(), ylim=axes.get_ylim())
        made = place(axes, at, [f"w{k}" for k in range(17)], size=6)
    boxes = [label.get_window_extent() for label in made]
    points = axes.transData.transform(at)
    for k, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:k])
        assert not any(box.contains(x, y) for x, y in points)
        assert np.hypot(*(np.array([box.x0 + box.width / 2, box.y0 + box.height / 2]) - points[k])) < 40 * figure.dpi / 72


def test_where_no_place_is_free_a_label_still_keeps_off_its_point() -> None:
    with style.style():
        figure = style.canvas(1.0, 1.0)
        axes = style.axes_at(figure, 0.3, 0.3, 0.4, 0.4)
        at = np.stack(np.meshgrid(np.linspace(0, 1, 5), np.linspace(0, 1, 5)), axis=-1).reshape(-1, 2)
        axes.set(xlim=(0, 1), ylim=(0, 1))
        made = place(axes, at, ["word"] * 25, size=6)
    centres = axes.transData.transform([label.get_position() for label in made])
    assert (np.abs(centres - axes.transData.transform(at)).max(axis=1) > 4).all()


def test_labelled_pairs_are_spread_and_never_one_twice() -> None:
    places = np.array([[0.0, 0], [0.1, 0], [5, 0], [0, 9]])
    assert spread(places, 3) == [0, 3, 2]
    assert sorted(spread(np.zeros((4, 2)), 4)) == [0, 1, 2, 3]
    assert spread(np.zeros((0, 2)), 4) == spread(places, 0) == []


def test_systems_differ_in_more_than_colour(drawings: dict[str, Drawing]) -> None:
    lines = [line for line in drawings["m"].figure.axes[0].lines if line.get_marker() != "None"]
    assert len({(line.get_marker(), str(line.get_linestyle())) for line in lines}) == len(lines) == 2
    dots = [line for line in drawings["dots"].figure.axes[0].lines if line.get_marker() != "None"]
    assert [line.get_marker() for line in dots] == ["o", "^", "s"]
    looks = [style.look(k) for k in range(12)]
    assert len({(look["marker"], str(look["linestyle"])) for look in looks}) == 12


def test_one_seed_has_no_interval_and_a_gap_is_named() -> None:
    series = [
        Series(name="a", x=np.array([1.0, 3]), mean=np.array([0.5, 0.6]), low=np.full(2, np.nan), high=np.full(2, np.nan))
    ]
    assert accuracy_against_m("m", "m", series).caption == "Without interval."
    assert accuracy_against_m("m", "m", [replace(series[0], seeds=[1, 1])]).caption == "One seed a point: no interval."
    assert accuracy_against_m("m", "m", [replace(series[0], seeds=[3, 10])]).caption == "Without interval. Seeds: 3 to 10."
    scores = Scores(name="a", mean=np.array([0.5, np.nan]), low=np.full(2, np.nan), high=np.full(2, np.nan))
    assert language_dots("d", "d", ["de", "sw"], [scores]).caption == "Without interval. Without a value: a sw."


def test_a_wide_range_of_m_is_logarithmic_a_narrow_one_is_not(drawings: dict[str, Drawing]) -> None:
    assert drawings["m"].figure.axes[0].get_xscale() == "log"
    nothing = np.full(3, np.nan)
    for places in ([0, 10, 30], [2, 3, 5]):
        series = [Series(name="a", x=np.array(places), mean=np.array([0.5, 0.6, 0.7]), low=nothing, high=nothing)]
        assert accuracy_against_m("m", "m", series).figure.axes[0].get_xscale() == "linear"


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (
            lambda: heat_map("h", "h", np.zeros((2, 3)), ["a"], ["b"], row_title="r", column_title="c"),
            r"shape \(2, 3\) for 1 rows",
        ),
        (lambda: heat_map("h", "h", np.full((1, 1), np.nan), ["a"], ["b"], row_title="r", column_title="c"), "0 known"),
        (lambda: regression("g", "g", {"sw": 0.1}, {}, None, distance_title="d"), "gains for sw, distances for no language"),
        (lambda: accuracy_against_m("m", "m", []), "0 series"),
        (
            lambda: hyper_parameter("m", "m", [drawn.series("a", [0, 1], [0.5, 0.5])], x_title="x", logarithmic=True),
            "not all at places above 0",
        ),
        (lambda: language_dots("d", "d", ["de"], []), "1 languages, 0 systems"),
        (lambda: embeddings("e", "e", [], group_1="a", group_2="b"), "0 clouds; expected one to three"),
        (lambda: embeddings("e", "e", [drawn.cloud(bad="nan")], group_1="a", group_2="b"), "NaN or infinite"),
        (lambda: embeddings("e", "e", [drawn.cloud(bad="link")], group_1="a", group_2="b"), "words that are not there"),
        (lambda: embeddings("e", "e", [drawn.cloud(bad="words")], group_1="a", group_2="b"), "a vector for each word"),
    ],
)
def test_what_cannot_be_drawn_is_refused(draw: Any, message: str) -> None:
    with pytest.raises(ReportError, match=message):
        draw()
