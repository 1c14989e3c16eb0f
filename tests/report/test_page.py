"""The page as text: valid, whole, self-contained, and with the files that it links to."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.report import drawn, pages
from tests.report.strict_html import StrictHtml, read
from xlt_train.errors import ReportError
from xlt_train.report import inline_svg, page
from xlt_train.report.blocks import Section
from xlt_train.report.figures import style
from xlt_train.report.page import render_page
from xlt_train.report.render_csv import csv_text
from xlt_train.report.render_latex import latex
from xlt_train.report.render_markdown import markdown
from xlt_train.report.tables import Column, Table
from xlt_train.report.write import write_report

STYLE = (Path(page.__file__).parent / "style.css").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def text() -> str:
    return render_page(pages.page())


@pytest.fixture(scope="module")
def made(text: str) -> StrictHtml:
    return read(text)


def test_the_page_is_valid_and_asks_for_nothing(text: str, made: StrictHtml) -> None:
    assert text.startswith("<!DOCTYPE html>\n<html lang=")
    tags = [tag for tag, _ in made.tags]
    assert not {"script", "img", "iframe", "object", "base"} & set(tags)
    assert tags.count("h1") == tags.count("main") == tags.count("nav") == 1
    addresses = [given["href"] for tag, given in made.tags if tag in ("a", "link", "use") and "href" in given]
    assert all(re.fullmatch(r"#.+|data:,|(tables|figures)/[a-z0-9-]+\.[a-z]+", str(address)) for address in addresses)
    assert not re.search(r"url\((?!#)|@import|https?:", text)


def test_headings_and_contents_name_the_sections(made: StrictHtml) -> None:
    links = [given["href"] for tag, given in made.tags if tag == "a"]
    assert links[:4] == ["#content", "#section-1-accuracy", "#section-2-diff-rence-r-elle", "#section-3"]
    said = " ".join("".join(made.text).split())
    assert "A report & its <figures>" in said
    assert "Note: One seed only." in said
    assert "Caution: At chance level." in said


def test_figures_have_a_name_a_description_and_their_numbers(made: StrictHtml) -> None:
    images = [given for tag, given in made.tags if tag == "svg"]
    assert len(images) == len(pages.SHOWN)
    for given, drawing in zip(images, pages.drawings()):
        own = f"figure-{drawing.name}"
        assert given["role"] == "img"
        assert given["aria-labelledby"] == f"{own}-title"
        assert given["aria-describedby"] == f"{own}-desc"
        assert f"numbers-{drawing.numbers.name}-title" in made.ids
        assert drawing.description in made.text
        assert "width" not in given
    assert sum(tag == "details" for tag, _ in made.tags) == len(images)


def test_ids_of_figures_do_not_meet_and_styles_do_not_leak(text: str, made: StrictHtml) -> None:
    inside = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    glyphs = [set(re.findall(r' id="([^"]+)"', svg)) for svg in inside]
    assert all(len(ids) > 5 for ids in glyphs)
    assert not glyphs[0] & glyphs[1]
    assert "url(#figure-heat-7-" in inside[0]  # the hatching
    assert all("<style" not in svg and "<metadata" not in svg and "xlink" not in svg for svg in inside)


def test_colours_of_figures_follow_the_page(text: str) -> None:
    names = {"INK": "ink", "MUTED": "muted", "GRID": "grid", "PAPER": "paper"}
    expected = {getattr(style, name): own for name, own in names.items()}
    expected |= {colour: f"series-{k}" for k, colour in enumerate(style.SERIES, 1)}
    assert expected == inline_svg.COLOURS
    inside = "".join(re.findall(r"<svg.*?</svg>", text, re.DOTALL))
    assert not re.search("|".join(expected), inside)
    assert "var(--ink)" in inside
    for own in expected.values():  # light, dark, print
        assert len(re.findall(rf"--{own}: ", STYLE)) == 3


def test_a_table_gets_the_width_that_its_words_need() -> None:
    assert page._size(pages.small_table()) == "few"
    assert page._size(pages.wide_table()) == "many"
    assert page._size(drawn.ALL["m"]().numbers) == "some"
    long = Table(name="l", title="l", head=tuple(Column("two languages of them") for _ in range(4)), rows=())
    assert page._size(long) == "many"


def test_two_tables_of_one_name_are_refused() -> None:
    whole = pages.page()
    twice = replace(whole, sections=(*whole.sections, Section("More", (), (pages.small_table(),))))
    with pytest.raises(ReportError, match="the name 'tests' more than once"):
        render_page(twice)


def test_a_report_is_a_folder_in_which_every_link_leads_somewhere(tmp_path: Path, made: StrictHtml, text: str) -> None:
    written = write_report(pages.page(), pages.drawings(), tmp_path)
    assert sorted(written) == sorted(path for path in tmp_path.rglob("*") if path.is_file())
    assert (tmp_path / "index.html").read_text(encoding="utf-8") == text
    links = {str(given["href"]) for tag, given in made.tags if tag == "a" and "/" in str(given["href"])}
    assert {str(path.relative_to(tmp_path)) for path in written} == links | {"index.html"}
    for table in (pages.wide_table(), pages.small_table()):
        for ending, render in (("csv", csv_text), ("md", markdown), ("tex", latex)):
            assert (tmp_path / "tables" / f"{table.name}.{ending}").read_bytes() == render(table).encode()
    assert (tmp_path / "tables" / "gain-numbers.csv").read_text(encoding="utf-8").startswith("language,syntactic distance,")
    assert (tmp_path / "figures" / "m.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ReportError, match="drawings m for figures heat-7, heat-15, gain, m"):
        write_report(pages.page(), [drawn.ALL["m"]()], tmp_path / "other")
    assert not (tmp_path / "other").exists()
