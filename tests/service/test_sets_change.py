"""Sets that change under a running service: ETags, reload, and files that were replaced or harmed."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.service.desk import Desk, desk_in
from xlt_augment import SynonymSet


@pytest.fixture
def own(tmp_path: Path) -> Desk:
    return desk_in(tmp_path)


ADDRESSES = [
    *("", "/neighbors/a", "/words", "/words?prefix=a", "/words?near=a", "/rows", "/rows?prefix=b"),
    *("/compare/two", "/compare/two?word=a"),
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_etag_stands_for_the_set_alone(own: Desk, address: str) -> None:
    path = f"/v1/sets/one{address}"
    tag = own.client.get(path).headers["etag"]
    assert tag.startswith(f'"{own.local("one").sha256}')
    for given_tag in (tag, f"W/{tag}", f'"0", {tag}', "*"):
        known = own.client.get(path, headers={"if-none-match": given_tag})
        assert (known.status_code, known.content, known.headers["etag"]) == (304, b"", tag)
    assert own.client.get(path, headers={"if-none-match": '"0"'}).status_code == 200
    SynonymSet.from_mapping({"a": ["z"]}).save(own.folder / "one.arrow")
    assert own.client.post("/v1/sets/one/reload").json()["changed"]
    again = own.client.get(path, headers={"if-none-match": tag})
    assert again.status_code == 200
    assert again.headers["etag"] != tag


def test_what_the_identity_leaves_out_changes_the_etag_too(own: Desk) -> None:
    synonyms, path, tags = own.local("told"), own.folder / "told.arrow", set()
    for made, origins in (
        ({"by": "hand"}, synonyms.all_origins),
        ({"by": "foot"}, synonyms.all_origins),
        ({"by": "foot"}, None),
    ):
        SynonymSet(synonyms.table, "told", made, synonyms.vetoes, origins).save(path)
        assert own.client.post("/v1/sets/told/reload").status_code == 200
        assert own.get("/v1/sets/told")["sha256"] == synonyms.sha256
        tags.add(own.client.get("/v1/sets/told/neighbors/movie").headers["etag"])
    assert len(tags) == 3


def test_paging_goes_on_when_another_set_is_opened_in_between(own: Desk) -> None:
    first = own.get("/v1/sets/one/words", limit=8)
    before, last = own.local("one").to_mapping(), first["items"][-1]["word"]
    kept = {word: row for word, row in before.items() if word != last and not word.startswith("c")}
    SynonymSet.from_mapping(kept | {"aaa": ["b"], "zz": ["b"]}).save(own.folder / "one.arrow")
    own.client.post("/v1/sets/one/reload")
    rest = []
    page = first
    while page["next"]:
        page = own.get("/v1/sets/one/words", limit=8, cursor=page["next"])
        rest += [entry["word"] for entry in page["items"]]
    assert page["sha256"] != first["sha256"]
    assert rest == sorted(word for word in {*kept, "aaa", "zz"} if word > last)


def _remove(path: Path) -> None:
    path.unlink()


def _damage(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2] + b"\xff" + content[len(content) // 2 + 1 :])


def _cut_in_place(path: Path) -> None:
    os.truncate(path, 100)


def _empty(path: Path) -> None:
    os.truncate(path, 0)


def _put_json_there(path: Path) -> None:
    path.write_text('{"a": ["b"]}')


def _put_a_folder_there(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("harm", [_remove, _damage, _cut_in_place, _empty, _put_json_there, _put_a_folder_there])
def test_a_file_that_was_harmed_leaves_the_set_as_it_was(own: Desk, harm: Callable[[Path], None]) -> None:
    expected, path = own.get("/v1/sets/told/rows"), own.folder / "told.arrow"
    harm(path)
    assert own.get("/v1/sets/told/rows") == expected  # which maps no file that others can cut
    answer = own.client.post("/v1/sets/told/reload")
    assert answer.status_code == 409
    assert str(own.folder) not in answer.text
    assert own.folder.name not in answer.text
    assert "still served" in answer.json()["error"]["remedy"]
    assert own.get("/v1/sets/told/rows") == expected


def test_a_replaced_file_is_opened_by_a_reload_alone(own: Desk) -> None:
    before = own.local("one").sha256
    now = SynonymSet.from_mapping({"new": ["word"]})
    now.save(own.folder / "one.arrow")
    assert own.get("/v1/sets/one")["sha256"] == before
    answer = own.client.post("/v1/sets/one/reload").json()
    assert answer == {"name": "one", "source": "one.arrow", "before": before, "after": now.sha256, "changed": True}
    assert own.get("/v1/sets/one/neighbors/new")["neighbors"][0]["word"] == "word"
    assert not own.client.post("/v1/sets/one/reload").json()["changed"]
