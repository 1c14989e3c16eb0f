"""What several who ask share: threads, bytes, ETags, and the set in the shelf; and how much of it one of them gets."""

import dataclasses
import threading
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from tests.service.desk import Desk, desk_in, entries
from xlt_augment import SynonymSet
from xlt_augment.errors import SynonymError
from xlt_augment.service import rows
from xlt_augment.service.answers import ARROW
from xlt_augment.service.failures import Refused
from xlt_augment.service.server import _Server
from xlt_augment.service.settings import Limits
from xlt_augment.service.shelf import Shelf, Shelved
from xlt_augment.synonyms.table import table_from_rows


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return desk_in(tmp_path_factory.mktemp("sets"))


@pytest.fixture
def narrow(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """The same with few neighbors in an answer."""
    monkeypatch.setattr(desk.service, "settings", dataclasses.replace(desk.service.settings, limits=Limits(pieces=60)))
    return desk


def test_one_form_of_the_rows_is_not_taken_for_the_other(desk: Desk) -> None:
    path = "/v1/sets/one/rows"
    tags = [desk.client.get(path, headers={"accept": kind}).headers["etag"] for kind in ("application/json", ARROW)]
    for kind, tag in ((ARROW, tags[0]), ("application/json", tags[1])):
        assert desk.client.get(path, headers={"accept": kind, "if-none-match": tag}).status_code == 200
    assert desk.client.get(path, headers={"accept": ARROW, "if-none-match": tags[1]}).status_code == 304


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("neighbors/absent", 404), ("neighbors/a?cursor=x", 422), (f"neighbors/{'a' * 65}", 422), ("rows?cursor=x", 422),
        ("words?cursor=x", 422), ("words?near=a&cursor=x", 422), ("compare/two?cursor=x", 422), ("compare/two?word=", 422),
    ],
)  # fmt: skip
def test_nobody_has_what_is_refused(desk: Desk, address: str, status: int) -> None:
    tag = desk.client.get("/v1/sets/one/words").headers["etag"]
    for given in ("*", tag, desk.client.get("/v1/sets/one/compare/two").headers["etag"]):
        assert desk.client.get(f"/v1/sets/one/{address}", headers={"if-none-match": given}).status_code == status


def test_when_it_was_opened_is_told_by_the_etag_of_its_description(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    before = desk.client.get("/v1/sets/one")
    again = dataclasses.replace(desk.service.shelf.get("one"), opened_at="2001-02-03T04:05:06+00:00")
    monkeypatch.setitem(desk.service.shelf._sets, "one", again)
    now = desk.client.get("/v1/sets/one", headers={"if-none-match": before.headers["etag"]})
    assert (now.status_code, now.json()["opened_at"]) == (200, again.opened_at)
    assert desk.client.get("/v1/sets/one", headers={"if-none-match": now.headers["etag"]}).status_code == 304


def test_a_set_is_written_once_for_all_who_fetch_it(desk: Desk) -> None:
    shelved = desk.service.shelf.get("two")
    assert shelved.file == (desk.folder / "two.arrow").read_bytes()
    assert shelved.file is shelved.file


def test_nobody_waits_for_what_a_set_could_have_told_when_it_was_opened(tmp_path: Path) -> None:
    SynonymSet.from_mapping({"a": ["b"]}).save(tmp_path / "a.arrow")
    shelved = Shelf([str(tmp_path / "a.arrow")]).get(None)
    assert {"tag", "statistics"} <= set(vars(shelved))
    assert {"sha256", "all_origins", "origins_sha256"} <= set(vars(shelved.synonyms))


def test_many_rows_are_made_where_nobody_else_waits_for_them(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    names, inner = set(), rows._entries

    def spying(*given: Any) -> list[dict[str, Any]]:
        names.add(threading.current_thread().name.rpartition("_")[0])
        return inner(*given)

    monkeypatch.setattr(rows, "_entries", spying)
    desk.get("/v1/sets/one/rows")
    desk.client.post("/v1/sets/one/neighbors", json={"words": ["a"]})
    assert names == {"xlt-work"}


def test_a_batch_has_so_many_neighbors(narrow: Desk) -> None:
    def asked(times: int, accept: str) -> Any:
        words = ["movie"] * times  # of 40 neighbors
        return narrow.client.post("/v1/sets/told/neighbors", json={"words": words}, headers={"accept": accept})

    for accept in ("application/json", ARROW):
        assert asked(1, accept).status_code == 200
        assert (asked(2, accept).status_code, asked(2, "*/*").json()["error"]["found"]) == (422, "80 neighbors")


def test_a_page_of_rows_ends_where_they_have_so_many_neighbors(narrow: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    wide = SynonymSet(table_from_rows([(f"w{k}", [f"n{j}" for j in range(25 * k)], []) for k in range(1, 6)]), "wide")
    monkeypatch.setitem(narrow.service.shelf._sets, "wide", Shelved("wide", "wide", wide, ""))
    found, lengths, more = [], [], {}
    while more is not None:
        page = narrow.get("/v1/sets/wide/rows", limit=4, **more)
        found += page["items"]
        lengths.append([len(row["neighbors"]) for row in page["items"]])
        more = {"cursor": page["next"]} if page["next"] else None
    assert lengths == [[25], [50], [75], [100], [125]]
    assert found == [{"word": f"w{k}", "neighbors": entries(wide, f"w{k}")} for k in range(1, 6)]
    assert [len(narrow.get("/v1/sets/one/rows", limit=n)["items"]) for n in (4, 20)] == [4, 20]


def test_of_two_who_open_a_set_again_the_later_has_the_last_word(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf, held, begun = desk.service.shelf, threading.Event(), threading.Event()
    old = shelf.get("one")
    opened = iter((dataclasses.replace(old, opened_at="first"), dataclasses.replace(old, opened_at="second")))

    def opening(name: str) -> Shelved:
        found = next(opened)
        if found.opened_at == "first":
            begun.set()
            assert held.wait(20)
        return found

    monkeypatch.setattr(shelf, "_open", opening)
    monkeypatch.setitem(shelf._sets, "one", old)
    threads = [threading.Thread(target=shelf.reload, args=("one",)) for _ in range(2)]
    threads[0].start()
    assert begun.wait(20)
    threads[1].start()
    threads[1].join(0.1)
    held.set()
    for thread in threads:
        thread.join(20)
    assert shelf.get("one").opened_at == "second"


@pytest.mark.parametrize("folder", ["of mine", "a b/c d", "plain", "x'y (2)"])
def test_no_folder_is_told_however_it_is_called(tmp_path: Path, folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / folder / "words of us.arrow"
    path.parent.mkdir(parents=True)
    SynonymSet.from_mapping({"a": ["b"]}).save(path)
    shelf = Shelf([f"ours={path}"])

    def refused(name: str) -> Shelved:
        raise SynonymError("", found=f"[Errno 13] Permission denied: '{path}'", expected=f"{path.resolve()}", remedy="")

    monkeypatch.setattr(shelf, "_open", refused)
    with pytest.raises(Refused) as caught:
        shelf.reload("ours")
    parts = "[Errno 13] Permission denied: 'words of us.arrow'", "words of us.arrow"
    assert (caught.value.found, caught.value.expected) == parts


def test_one_set_that_breaks_keeps_no_other_from_being_opened_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    shelf, again = desk.service.shelf, []

    def opening(name: str) -> Shelved:
        again.append(name)
        if name == "one":
            raise MemoryError
        return shelf.get(name)

    monkeypatch.setattr(shelf, "_open", opening)
    server = _Server(uvicorn.Config(app=None), desk.service, lambda: None)  # type: ignore[arg-type]
    server._reload_all()
    assert again == shelf.names()
    assert [record.getMessage() for record in caplog.records if record.exc_info] == ["reload one"]
