"""The page in a real browser on any screen: phone and desk, light and dark; judged by axe-core. And the datasets of a store."""

import os
from pathlib import Path
from typing import Any

import pytest

from tests.browsers import BEYOND, COLOURS, CONTRASTS, WIDTHS
from tests.service.page_cases import HOSTILE, Live, noted, rows

playwright = pytest.importorskip("playwright.sync_api")
expect = playwright.expect

VIEWS: list[tuple[str, dict[str, str]]] = [
    ("word", {"word": "film"}), ("word", {"word": HOSTILE}), ("sentence", {}), ("compare", {"word": "film", "with": "second"}),
    ("vetoes", {"set": "second"}), ("set", {}), ("datasets", {"dataset": "nli-team/rows"}),
]  # fmt: skip
# Contrast of the words of the drawing to the boxes that they stand in, or to the ground.
DRAWN = (
    "() => {"
    + COLOURS
    + """
  return [...document.querySelectorAll(".graph text")].map(t => {
    const pill = t.closest(".node")?.querySelector(".pill"), own = parse(getComputedStyle(t).fill);
    return [t.textContent, ratio(own, pill ? parse(getComputedStyle(pill).fill) : ground(t.closest("figure")))]; });
}"""
)
# What a finger must hit: buttons, links that are no part of a sentence, fields. A slider and a tick have their label too.
SMALL = """() => [...document.querySelectorAll("button, input, select, textarea, nav a, tbody th a, .graph a .touch, .words a")]
  .filter(e => e.checkVisibility() && e.type !== "checkbox")
  .map(e => [e.outerHTML.slice(0, 90), e.getBoundingClientRect().height])
  .filter(([, height]) => height > 0 && height < 40)"""


@pytest.fixture(scope="module")
def struck(live: Live) -> Live:
    """The service with one pair struck, so that there is something to see."""
    assert live.service.vetoes is not None
    live.service.vetoes.propose("second", "0" * 64, "film", "movie", "Ada", "x" * 300)
    return live


def visit(view: Any, live: Live, name: str, state: dict[str, str]) -> None:
    """Shows a view, whole: what is folded is opened."""
    view.goto(live.at(**{"view": name, "set": "first", **state}))
    expect(view.locator(f"#view-{name}")).to_be_visible()
    if name == "word":
        expect(view).to_have_title(f"{state['word']} · first · XLT synonyms")
    expect(view.locator("[aria-busy]")).to_have_count(0)
    for summary in view.locator(f"#view-{name} summary").all():
        summary.evaluate("e => { e.parentElement.open = true; }")


@pytest.mark.parametrize(("width", "scheme"), [(320, "light"), (390, "dark"), (1280, "dark"), (1280, "light")])
def test_on_any_screen_nothing_is_cut_and_all_can_be_read(browser: Any, struck: Live, width: int, scheme: str) -> None:
    with noted(browser, struck, viewport={"width": width, "height": 700}, color_scheme=scheme) as view:
        contrasts = []
        for name, state in VIEWS:
            visit(view, struck, name, state)
            scroll, client = view.evaluate(WIDTHS)
            assert (name, scroll) == (name, width)
            assert view.evaluate(BEYOND) == []
            contrasts += view.evaluate(CONTRASTS)
            if name == "word":
                contrasts += view.evaluate(DRAWN)
            if width < 640:
                assert view.evaluate(SMALL) == []
        assert len(contrasts) > 300
        assert [(what, ratio) for what, ratio in contrasts if ratio < 4.5] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_fault_by_axe(browser: Any, struck: Live, axe: str, scheme: str) -> None:
    with noted(browser, struck, color_scheme=scheme) as view:
        for name, state in VIEWS:
            visit(view, struck, name, state)
            if state.get("word") == "film" and name == "word":
                view.get_by_role("button", name="Strike film and flick").click()
                assert faults(view, axe) == []
                view.get_by_role("button", name="Cancel").click()
                view.get_by_role("combobox", name="Search a word").fill("f")
                expect(view.locator("#found")).to_be_visible()
            assert faults(view, axe) == []


def faults(view: Any, axe: str) -> list[str]:
    """What axe-core calls serious or critical."""
    view.evaluate(axe)
    found = view.evaluate("async () => (await axe.run({ resultTypes: ['violations'] })).violations")
    return [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found if one["impact"] in ("serious", "critical")]


@pytest.fixture(scope="module")
def axe() -> str:
    """The program of axe-core, in the folder XLT_AXE (`npm install --prefix FOLDER axe-core@4`)."""
    file = Path(os.environ.get("XLT_AXE", "build/axe")) / "node_modules" / "axe-core" / "axe.min.js"
    if not file.is_file():
        reason = f"axe-core is not at {file}; install it with: npm install --prefix build/axe axe-core@4"
        if os.environ.get("XLT_REQUIRE_AXE"):
            pytest.fail(f"{reason}: this run may not skip it")
        pytest.skip(reason)
    return file.read_text()


def test_on_paper_the_words_are_printed_and_the_tools_are_not(browser: Any, struck: Live) -> None:
    with noted(browser, struck, viewport={"width": 680, "height": 900}, color_scheme="dark") as view:  # A4 less margins
        visit(view, struck, "word", {"word": "film"})
        view.emulate_media(media="print")
        scroll, client = view.evaluate(WIDTHS)
        assert scroll <= client
        assert view.evaluate("() => getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        expect(view.get_by_role("columnheader", name="Where it comes from")).to_be_visible()
        expect(view.get_by_role("navigation")).to_be_hidden()
        expect(view.get_by_role("button", name="Strike film and flick")).to_be_hidden()
        assert view.pdf().startswith(b"%PDF")


def test_datasets_of_the_store(browser: Any, live: Live) -> None:
    with noted(browser, live) as view:
        view.goto(live.at())
        view.get_by_role("link", name="Datasets").click()
        [row] = rows(view, "Datasets")
        assert row[:2] == ["nli-team/rows", "v2"]
        view.get_by_role("link", name="nli-team/rows").click()
        body = view.locator("#datasets-body")
        expect(body.get_by_role("heading")).to_have_text(["nli-team/rows", "Card", "Samples"])
        expect(body.locator("pre.card")).to_contain_text("# ")  # Markdown as it is
        expect(body.locator(".samples")).to_contain_text(f"A good film {HOSTILE}")
        expect(body.get_by_text("3 variants")).to_be_visible()
        view.get_by_label("Version").select_option("v1")
        expect(body.get_by_text("2 variants")).to_be_visible()
        assert "version=1" in view.url
        view.get_by_role("link", name="← All datasets").click()
        rows(view, "Datasets")
