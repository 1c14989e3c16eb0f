"""Words and letters in figures, and figures as files: what no font can write, the same bytes every time."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.report import drawn
from xlt_train.report.drawing import Drawing
from xlt_train.report.figures import fonts
from xlt_train.report.figures.against_m import accuracy_against_m
from xlt_train.report.figures.embeddings import embeddings
from xlt_train.report.figures.flatten import flatten
from xlt_train.report.figures.save import picture, png_bytes, save, svg_text

NAMES = tuple(drawn.ALL)


@pytest.fixture(scope="module")
def drawings() -> dict[str, Drawing]:
    return {name: make() for name, make in drawn.ALL.items()}


def test_words_are_flattened_so_that_near_ones_stay_near() -> None:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(4, 20)) * 5
    points = np.repeat(centres, 8, axis=0) + rng.normal(size=(32, 20)) * 0.1
    plane = flatten(points)
    gaps = np.linalg.norm(plane[:, None] - plane[None], axis=2)
    same = np.equal.outer(np.repeat(np.arange(4), 8), np.repeat(np.arange(4), 8))
    assert gaps[same].max() < gaps[~same].min()
    np.testing.assert_array_equal(plane, flatten(points))
    assert flatten(points[:3]).shape == (3, 2)
    assert not flatten(np.ones((9, 5))).any()
    assert flatten(np.ones((1, 1))).shape == (1, 2)


def test_words_that_no_font_can_write_are_left_out_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    covered = fonts._covered
    monkeypatch.setattr(fonts, "_covered", lambda family: covered(family) if family == "DejaVu Sans" else frozenset())
    words = ("电影", "水", "朋友", "书", "小", "大")
    cloud = drawn.cloud(words_2=words)
    drawing = embeddings("e", "e", [cloud], group_1="English", group_2="Chinese", labels=4)
    assert "4 labels are left out: no font at hand has their letters." in drawing.caption
    written = {text.get_text() for text in drawing.figure.axes[0].texts}
    assert len(written) == 4
    assert written < set(cloud.words_1)
    png_bytes(drawing)  # a missing letter would be a warning, and so an error


def test_a_font_that_has_the_letters_is_found_and_joined_letters_need_shaping(monkeypatch: pytest.MonkeyPatch) -> None:
    assert fonts.families_for("Straße déjà ε") == ["DejaVu Sans"]
    monkeypatch.setattr(fonts, "_shapes", lambda: False)
    assert fonts.families_for("سلام") is None
    monkeypatch.setattr(fonts, "_shapes", lambda: True)
    assert fonts.families_for("سلام") == ["DejaVu Sans"]
    monkeypatch.setattr(
        fonts, "_covered", lambda family: frozenset(map(ord, "水")) if family == "IPAGothic" else frozenset(map(ord, "ab_"))
    )
    assert fonts.families_for("a水") == ["DejaVu Sans", "IPAGothic"]
    assert fonts.families_for("水火") is None
    assert fonts.written("a水b") == "a?b"
    assert fonts.wrapped("_ab") == " _ab"


def test_long_and_odd_names_stay_in_the_figure() -> None:
    name = "_mBERT $x_1$ 水 with a very long name of many words, epsilon=0.1, and more of it still"
    drawing = accuracy_against_m("m", "m", [drawn.series(name, [1, 3], [0.5, 0.6]), drawn.series("b", [1, 3], [0.4, 0.6])])
    legend = drawing.figure.legends[0]
    box = legend.get_window_extent()
    assert len(legend.get_texts()) == 2
    assert not legend.get_texts()[0].get_parse_math()
    assert "$x_1$ ?" in legend.get_texts()[0].get_text()
    assert box.x1 <= drawing.figure.bbox.x1
    assert box.y0 >= drawing.figure.axes[0].get_window_extent().y1 - 1


@pytest.mark.parametrize("name", NAMES)
def test_files_are_the_same_bytes_every_time(drawings: dict[str, Drawing], name: str, tmp_path: Path) -> None:
    again = drawn.ALL[name]()
    svg = save(drawings[name], tmp_path)
    assert (tmp_path / f"{name}.svg").read_text(encoding="utf-8") == svg == svg_text(again)
    png = (tmp_path / f"{name}.png").read_bytes()
    assert name == "heat-15" or png == png_bytes(again)  # the large one is like the small one
    assert not {b"Software", b"date"} & {word for word in (b"Software", b"date") if word in png or word in svg.encode()}
    assert "<text" not in svg
    width = int.from_bytes(png[16:20], "big")
    assert width == round(drawings[name].figure.get_size_inches()[0] * 300)
    assert picture(drawings[name], svg).svg == svg


def test_neither_settings_nor_hash_seed_of_a_user_change_a_figure(drawings: dict[str, Drawing], tmp_path: Path) -> None:
    (tmp_path / "matplotlibrc").write_text(
        "font.size: 30\naxes.grid: True\nsvg.fonttype: none\nlines.linewidth: 9\naxes.labelpad: 20\n"
    )
    program = (
        "import sys, hashlib\nfrom tests.report import drawn\nfrom xlt_train.report.figures.save import svg_text, png_bytes\n"
        "made = drawn.ALL['m']()\nassert 'matplotlib.pyplot' not in sys.modules\n"
        "print(hashlib.sha256(svg_text(made).encode() + png_bytes(made)).hexdigest())"
    )
    env = os.environ | {"MATPLOTLIBRC": str(tmp_path / "matplotlibrc"), "PYTHONHASHSEED": "77"}
    done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True)
    made = drawings["m"]
    assert done.stdout.strip() == hashlib.sha256(svg_text(made).encode() + png_bytes(made)).hexdigest()


def test_no_setting_of_matplotlib_outlives_a_figure() -> None:
    import matplotlib

    before = dict(matplotlib.rcParams)
    drawn.ALL["m"]()
    assert dict(matplotlib.rcParams) == before
