"""The page in a real browser: what people do on it, with mouse, keyboard and phone."""

import re
from typing import Any

import pytest

from tests.service.page_cases import HOSTILE, MARKS, READ, SENTENCE, STRANGE, WRITE, Live, fill, first_set, noted, radii, rows
from xlt_augment import Substitute, augment

expect = pytest.importorskip("playwright.sync_api").expect
NOT_FOUND, NO_TOKEN, TAKEN = "status of 404", "status of 401", "status of 409"  # the browser notes each answer that is an error


def test_search_as_you_type_by_the_address_and_back(browser: Any, live: Live) -> None:
    with noted(browser, live, NOT_FOUND) as view:
        view.goto(live.at())
        search, options = view.get_by_role("combobox", name="Search a word"), view.locator("#found [role=option]")
        search.fill("fi")
        expect(options).to_have_text([re.compile("^film 4 neighbors"), re.compile("^filmed 0"), re.compile("^first 1 ")])
        search.press("ArrowDown")
        search.press("ArrowDown")
        search.press("ArrowUp")
        assert search.get_attribute("aria-activedescendant") == options.first.get_attribute("id")
        assert options.first.get_attribute("aria-selected") == "true"
        search.press("Enter")
        expect(view.get_by_role("heading", name="film", exact=True)).to_be_visible()
        assert view.evaluate("location.hash") == "#view=word&set=first&word=film"
        search.fill("pixture")  # nothing begins so: near in spelling
        expect(options.first).to_have_text(re.compile("^picture"))
        search.press("Escape")
        expect(view.locator("#found")).to_be_hidden()
        assert search.get_attribute("aria-expanded") == "false"
        search.press("Enter")
        expect(view.locator("#word-body")).to_contain_text("pixture is not in the set first. Near in spelling:")
        view.locator("#word-body").get_by_role("link", name="picture").click()
        expect(view.get_by_role("heading", name="picture", exact=True)).to_be_focused()
        view.go_back()
        view.go_back()
        expect(view.get_by_role("heading", name="film", exact=True)).to_be_visible()
        expect(view).to_have_title("film · first · XLT synonyms")


def test_an_answer_that_comes_late_is_not_shown(browser: Any, live: Live) -> None:
    with noted(browser, live) as view:
        held: list[Any] = []
        view.route(re.compile("prefix=f(&|$)"), lambda route: held.append(route))
        view.goto(live.at())
        search = view.get_by_role("combobox", name="Search a word")
        with view.expect_request(re.compile("prefix=f(&|$)")):
            search.fill("f")
        search.fill("small")
        expect(view.locator("#found [role=option]")).to_have_text([re.compile("^small")])
        held[0].fulfill(
            json={"set": "first", "sha256": "", "items": [{"word": "late", "neighbors": 1, "score": None}], "next": None}
        )
        view.evaluate("() => fetch('healthz')")  # a way there and back: what was held has arrived
        expect(view.locator("#found [role=option]")).to_have_text([re.compile("^small")])


def test_the_neighborhood_as_a_graph_and_as_a_table(browser: Any, live: Live) -> None:
    with noted(browser, live, NOT_FOUND) as view:
        view.goto(live.at(word="film"))
        table = rows(view, "Neighbors of film")
        assert [row[:3] for row in table] == [
            ["movie", "0.120", "constraint: ppdb, wordnet\ncounter-fitting moved it from 0.310 to 0.120"],
            ["picture", "0.200", "vectors"], [HOSTILE, "0.300", "not recorded"], ["flick", "0.450", "not recorded"],
        ]  # fmt: skip
        drawn = radii(view)
        assert list(drawn) == [row[0] for row in table]
        inner, outer = drawn["movie"], drawn["flick"]
        assert drawn["picture"] - inner == pytest.approx(
            (outer - inner) * 0.08 / 0.33, abs=0.5
        )  # grows evenly with the distance
        far = view.locator(".graph a.far").evaluate_all("nodes => nodes.map(n => n.dataset.word).sort()")
        assert {"image", "photo", "show"} <= set(far)
        before = view.locator(".graph").evaluate("e => e.outerHTML")
        view.reload()
        rows(view, "Neighbors of film")
        assert view.locator(".graph").evaluate("e => e.outerHTML") == before
        view.get_by_role("button", name="Neighbor", exact=True).click()
        assert [row[0] for row in rows(view, "Neighbors of film")] == [HOSTILE, "flick", "movie", "picture"]
        assert view.get_by_role("columnheader", name="Neighbor", exact=True).get_attribute("aria-sort") == "ascending"
        view.get_by_role("button", name="Distance").click()
        view.get_by_role("button", name="Distance").click()
        assert [row[0] for row in rows(view, "Neighbors of film")] == ["flick", HOSTILE, "picture", "movie"]
        view.get_by_role("link", name="image, a neighbor's neighbor").click()
        expect(view.locator("#word-body")).to_contain_text("image is not in the set first")


@pytest.mark.parametrize("uniform", [False, True])
def test_a_sentence_gives_what_the_library_gives(browser: Any, live: Live, uniform: bool) -> None:
    with noted(browser, live, permissions=["clipboard-read", "clipboard-write"]) as view:
        view.goto(live.at(view="sentence"))
        view.get_by_label("Sentence", exact=True).fill(SENTENCE)
        view.get_by_label("Variants m").fill("6")
        view.get_by_label("Seed", exact=True).fill("18446744073709551615")
        view.get_by_label("A word is").select_option("space")
        if uniform:
            view.get_by_label("uniform").check()
        else:
            view.get_by_label("Probability p of a change").focus()
            view.keyboard.press("End")  # the slider's, and nothing else asks for the answer
        operator = Substitute(first_set(), p="uniform" if uniform else 1.0, words="space")
        [wanted] = augment([SENTENCE], operator, m=6, seed=2**64 - 1)
        code = view.locator("#sentence-out pre")
        expect(code).to_contain_text("--p uniform" if uniform else "--p 1")
        expect(code).to_contain_text("--seed 18446744073709551615")
        shown = [item.evaluate(MARKS) for item in view.locator(".variants li").all()]
        assert [text for text, _, _ in shown] == wanted
        assert any(HOSTILE in text for text in wanted)
        assert {before for _, before, _ in shown} == {SENTENCE}  # each mark says what stood there
        said = [f"{n} word{'s' * (n != 1)} changed" if n else "unchanged" for _, _, n in shown]
        assert view.locator(".variants small").all_inner_texts() == said
        view.get_by_role("button", name="Copy the command").click()
        expect(view.get_by_role("status")).to_have_text("Copied the command.")
        assert view.evaluate("() => navigator.clipboard.readText()") == code.inner_text()
        view.get_by_role("button", name="New seed").click()
        expect(code).to_contain_text(f"--seed {view.get_by_label('Seed', exact=True).input_value()}")
        view.get_by_label("Variants m").fill("1000000")
        expect(view.locator("#sentence-out")).to_contain_text("Variants m: Value must be less than or equal to 1000")


def test_strike_and_withdraw(browser: Any, live: Live) -> None:
    with noted(browser, live, TAKEN) as view:
        view.goto(live.at(word="film"))
        view.get_by_role("button", name="Strike film and picture").click()
        fill(view, "Ada", HOSTILE)
        view.get_by_role("button", name="Strike", exact=True).click()
        expect(view.get_by_role("status")).to_have_text("Struck film and picture.")
        expect(view.locator("tr.struck")).to_contain_text("picture")
        expect(view.locator(".graph a.struck")).to_have_attribute("aria-label", "picture, distance 0.200, struck")
        view.get_by_role("link", name="struck", exact=True).click()
        [row] = rows(view, "Struck pairs of first, newest first")
        assert row[:3] + row[4:] == ["film – picture", HOSTILE, "Ada", "yes", "Withdraw…"]
        expect(view.locator("#vetoes-effect")).to_contain_text("1, of which the set holds 1")
        expect(view.locator("#vetoes-effect")).to_contain_text(first_set().veto([("film", "picture")]).sha256)
        with view.expect_download() as download:
            view.get_by_role("button", name="Download vetoes.txt").click()
        assert download.value.suggested_filename == "vetoes.txt"
        assert "film\tpicture" in download.value.path().read_text() or "film picture" in download.value.path().read_text()
        view.get_by_role("button", name="Strike a pair…").click()
        view.get_by_label("First word").fill("picture")
        view.get_by_label("Second word").fill("film")
        assert view.get_by_label("Your name").input_value() == "Ada"
        view.get_by_label("Reason").fill("again")
        view.get_by_role("button", name="Strike", exact=True).click()
        expect(view.get_by_role("dialog").get_by_role("alert")).to_contain_text("Error id")
        view.get_by_role("button", name="Cancel").click()
        view.get_by_role("button", name="Withdraw the veto of film and picture").click()
        fill(view, "Bob", "a photo is one")
        view.get_by_role("button", name="Withdraw", exact=True).click()
        expect(view.get_by_text("No pair of first is struck.")).to_be_visible()
        view.get_by_label("Show withdrawn ones too").check()
        expect(view.locator("tr.withdrawn")).to_contain_text(re.compile("withdrawn by Bob, .*: a photo is one"))
        view.get_by_role("link", name="film", exact=True).click()
        expect(view.get_by_role("button", name="Strike film and picture")).to_be_visible()


def test_leave_out_struck_pairs(browser: Any, live: Live) -> None:
    with noted(browser, live) as view:
        assert live.service.vetoes is not None
        view.goto(live.at(view="sentence"))
        view.get_by_role("link", name="Vetoes").click()
        view.get_by_role("button", name="Strike a pair…").click()
        view.get_by_label("First word").fill("sad")
        view.get_by_label("Second word").fill("gloomy")
        fill(view, "Ada", "not the same")
        view.get_by_role("button", name="Strike", exact=True).click()
        expect(view.get_by_role("status")).to_have_text("Struck sad and gloomy.")
        view.get_by_role("link", name="Sentence").click()
        view.get_by_label("Sentence", exact=True).fill("sad")
        view.get_by_label("Probability p as a number").fill("1")
        marks = view.locator(".variants mark")
        expect(marks.filter(has_text="gloomy")).not_to_have_count(0)
        view.get_by_label("Leave out struck pairs").check()
        expect(view.locator("#sentence-out")).to_contain_text("1 struck pair left out")
        expect(marks.filter(has_text="gloomy")).to_have_count(0)
        expect(marks).to_have_count(10)


def test_compare_two_sets(browser: Any, live: Live) -> None:
    with noted(browser, live) as view:
        view.goto(live.at(view="compare", word="film", **{"with": "second"}))
        table = rows(view, "Neighbors of film in first and second")
        assert table == [
            ["movie", "0.120", "0.150", "≠ other distance"], ["picture", "0.200", "0.200", "same"],
            [HOSTILE, "0.300", "0.300", "same"], ["flick", "0.450", "–", "− removed"], ["cinema", "–", "0.220", "+ added"],
        ]  # fmt: skip
        expect(view.locator(".counts")).to_contain_text("only in second60changed1same8")
        differ = [row[0] for row in rows(view, "Words that differ")]
        view.get_by_role("button", name="Next").click()
        expect(view.get_by_role("heading", name="All words")).to_be_focused()
        differ += [row[0] for row in rows(view, "Words that differ")]
        assert sorted(differ) == ["film", *(f"word{k:02}" for k in range(60))]
        view.get_by_role("button", name="Previous").click()
        expect(view.get_by_role("cell", name="1 added, 1 removed, 1 distance")).to_be_visible()
        view.get_by_role("button", name="Exchange the two").click()
        expect(view.get_by_role("table", name="Neighbors of film in second and first")).to_be_visible()
        assert view.get_by_label("Synonym set").input_value() == "second"


def test_by_keyboard_alone_from_the_start_to_a_struck_pair(browser: Any, live: Live) -> None:
    with noted(browser, live) as view:
        view.goto(live.at())
        expect(view.get_by_role("link", name="film", exact=True)).to_be_visible()
        press, focused = (
            view.keyboard.press,
            "() => document.activeElement.getAttribute('aria-label') ?? document.activeElement.id",
        )
        press("Tab")
        expect(view.get_by_role("link", name="Skip to the content")).to_be_focused()
        press("Enter")
        assert view.evaluate(focused) == "main"
        press("Shift+Tab")
        for _ in range(12):
            if view.evaluate(focused) == "search":
                break
            press("Shift+Tab")
        view.keyboard.type("smal")
        expect(view.locator("#found [role=option]")).to_have_count(1)
        press("ArrowDown")
        press("Enter")
        expect(view.get_by_role("heading", name="small", exact=True)).to_be_visible()
        passed = []
        while (at := view.evaluate(focused)) != "Strike small and tiny":
            passed.append(at)
            assert len(passed) < 40, passed
            press("Tab")
        assert "little, distance 0.050" in passed  # the drawing's links are on the way
        press("Enter")
        expect(view.get_by_label("Your name")).to_be_focused()
        view.keyboard.type("Eve")
        press("Tab")
        view.keyboard.type("too small")
        press("Tab")
        expect(view.get_by_role("button", name="Strike", exact=True)).to_be_focused()
        press("Enter")
        expect(view.get_by_role("status")).to_have_text("Struck small and tiny.")
        expect(view.locator("tr.struck")).to_contain_text("tiny")


def test_a_token_leaves_the_address_and_is_asked_for_where_none_is_good(browser: Any, live: Live) -> None:
    with noted(browser, live, NO_TOKEN) as view:
        view.goto(f"{live.address}/#word=film&token=wrong-token-wrong-token")
        dialog = view.get_by_role("dialog", name="A token is needed")
        expect(dialog).to_be_visible()
        expect(dialog).to_contain_text("The service found a wrong one.")
        assert view.evaluate("location.hash") == "#word=film"
        dialog.get_by_label("Token").fill(READ)
        dialog.get_by_role("button", name="Use it").click()
        rows(view, "Neighbors of film")
        assert view.evaluate("sessionStorage.getItem('xlt-token')") == READ
        assert view.evaluate("localStorage.length") == 0
        expect(view.locator("#about")).to_contain_text("you may read")
        view.get_by_role("button", name="Strike film and movie").click()
        writing = view.get_by_role("dialog", name="Striking pairs needs a token that may write")
        writing.get_by_label("Token").fill(WRITE)
        writing.get_by_role("button", name="Use it").click()
        expect(view.get_by_role("dialog", name="Strike a pair")).to_be_visible()
        view.get_by_role("button", name="Cancel").click()
        view.reload()
        expect(view.locator("#about")).to_contain_text("read and strike pairs")
        assert WRITE not in view.content()


def test_hostile_words_stay_text(browser: Any, live: Live) -> None:
    with noted(browser, live) as view:
        view.goto(live.at(word=HOSTILE))
        expect(view).to_have_title(f"{HOSTILE} · first · XLT synonyms")
        assert [row[0] for row in rows(view, f"Neighbors of {HOSTILE}")] == STRANGE
        assert view.locator(".graph .middle title").text_content() == HOSTILE
        assert view.locator(".graph a:not(.far)").evaluate_all("nodes => nodes.map(n => n.dataset.word)") == STRANGE
        view.get_by_role("button", name=f"Strike {HOSTILE} and {STRANGE[0]}").click()
        expect(view.locator("#pair-what")).to_contain_text(f"{HOSTILE} and {STRANGE[0]} will not stand")
        view.get_by_role("button", name="Cancel").click()
        view.get_by_role("combobox", name="Search a word").fill("<")
        expect(view.locator("#found [role=option]")).to_contain_text([HOSTILE])
        view.get_by_role("combobox", name="Search a word").press("Escape")
        view.locator("#word-body").get_by_role("link", name="..", exact=True).click()  # a word that addresses cannot hold
        assert rows(view, "Neighbors of ..")[0][0] == "film"
        view.get_by_role("link", name="Provenance").click()
        expect(view.locator("#set-body")).to_contain_text(HOSTILE)
        assert view.locator("img:not([src='page/icon.svg']), main script, iframe").count() == 0
