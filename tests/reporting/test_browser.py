"""The page in a real browser: a phone, a dark screen, paper."""

from pathlib import Path
from typing import Any

import pytest

from tests.browsers import BEYOND, CONTRASTS, WIDTHS
from tests.reporting import pages
from xlt_train.reporting.page import render_page


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    path: Path = tmp_path_factory.mktemp("page") / "index.html"
    path.write_text(render_page(pages.page()), encoding="utf-8")
    return path.as_uri()


@pytest.mark.parametrize(("width", "scheme"), [(320, "light"), (320, "dark"), (1280, "light"), (1280, "dark")])
def test_on_a_screen_nothing_is_cut_and_all_can_be_read(browser: Any, address: str, width: int, scheme: str) -> None:
    context = browser.new_context(viewport={"width": width, "height": 700}, color_scheme=scheme)
    view, said, asked = context.new_page(), [], []
    view.on("console", lambda message: said.append(message.text))
    view.on("pageerror", lambda error: said.append(str(error)))
    view.on("request", lambda request: asked.append(request.url))
    view.goto(address)
    for summary in view.query_selector_all("summary"):
        summary.click()
    scroll, client = view.evaluate(WIDTHS)
    assert scroll <= client == width
    assert view.evaluate(BEYOND) == []
    contrasts = view.evaluate(CONTRASTS)
    assert len(contrasts) > 300
    low = [(name, ratio) for name, ratio in contrasts if ratio < (3.0 if "series" in name else 4.5)]
    assert not low, low[:5]
    assert not said
    assert [url for url in asked if not url.startswith("data:")] == [address]
    context.close()


def test_a_wide_table_scrolls_in_its_box_and_keeps_its_names_and_words_in_view(browser: Any, address: str) -> None:
    context = browser.new_context(viewport={"width": 320, "height": 700})
    view = context.new_page()
    view.goto(address)
    box = view.query_selector("#table-xnli .scroll")
    wide, seen = box.evaluate("e => [e.scrollWidth, e.clientWidth]")
    assert wide > 2 * seen
    box.evaluate("e => { e.scrollLeft = 400; }")
    for place in ("tbody th[scope=row]", ".signature .said", "caption .said"):
        left, right = view.eval_on_selector(
            f"#table-xnli {place}", "e => { const b = e.getBoundingClientRect(); return [b.left, b.right]; }"
        )
        assert left >= 0
        assert right <= 320
    size = view.eval_on_selector("#figure-heat-15 svg", "e => e.getBoundingClientRect().width / e.viewBox.baseVal.width")
    assert size > 0.8 * 96 / 72  # 6.5 points stay above 5 points on a phone
    context.close()


def test_on_paper_tables_fit_and_links_are_printed(browser: Any, address: str) -> None:
    context = browser.new_context(viewport={"width": 680, "height": 900}, color_scheme="dark")  # A4 less margins
    view = context.new_page()
    view.goto(address)
    view.emulate_media(media="print")
    scroll, client = view.evaluate(WIDTHS)
    assert scroll <= client
    ground = view.evaluate("() => getComputedStyle(document.body).backgroundColor")
    assert ground == "rgb(255, 255, 255)"
    printed = view.eval_on_selector("#table-xnli .files a", "e => getComputedStyle(e, '::after').content")
    assert "tables/xnli.csv" in printed or "attr(href)" in printed
    assert view.pdf(prefer_css_page_size=True).startswith(b"%PDF")
    context.close()
