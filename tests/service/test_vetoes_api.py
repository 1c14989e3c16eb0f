"""The routes of the veto lists: what goes in and out, what is refused, the file and the effect as the command line has them."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.command import run_here
from tests.service.veto_cases import bound_by_leave, by_hand, small_service, ticking
from xlt_augment import SynonymSet
from xlt_augment.service.application import routed
from xlt_augment.service.schemas import Failure, Veto, VetoEffect, VetoPage
from xlt_augment.service.state import Service
from xlt_augment.service.vetoes import VetoLists

LIST = "/v1/sets/small/vetoes"
WHY = {"author": "Ann", "reason": "opposites"}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """Sets `small` and `other`, and veto lists."""
    with small_service(tmp_path, VetoLists(tmp_path / "v.sqlite", clock=ticking(), busy=0.02)) as found:
        yield found


@pytest.fixture
def client(service: Service) -> Iterator[TestClient]:
    """Somebody who may read and write."""
    with TestClient(routed(service)) as found:
        yield found


def _strike(client: TestClient, first: str, second: str, **other: str) -> Any:
    answer = client.post(LIST, json={"first": first, "second": second, **WHY, **other})
    assert answer.status_code == 201, answer.text
    return Veto.model_validate(answer.json(), strict=True).model_dump()


def _refused(answer: Any, status: int, found: str) -> None:
    error = Failure.model_validate(answer.json()).error
    assert (answer.status_code, error.status) == (status, status)
    assert re.search(found, f"{error.found}; {error.expected}"), error
    assert all((error.id, error.doing, error.expected, error.remedy))


def test_a_pair_is_struck_listed_and_withdrawn(service: Service, client: TestClient) -> None:
    struck = _strike(client, "good", "bad")
    sha256 = service.shelf.get("small").synonyms.sha256
    assert struck == {
        "id": 1, "first": "bad", "second": "good", **WHY, "at": "2026-01-02T03:04:05Z", "set_sha256": sha256, "in_set": True,
        "withdrawn": None,
    }  # fmt: skip
    assert client.get(LIST).json() == {"set": "small", "revision": 1, "items": [struck], "next": None}
    assert client.get("/v1/sets/other/vetoes").json() == {"set": "other", "revision": 0, "items": [], "next": None}
    _refused(client.post(LIST, json={"first": "bad", "second": "good", **WHY}), 409, "a veto by Ann of 2026-01-02T03:04:05Z")
    _refused(client.post("/v1/sets/other/vetoes/1/withdraw", json=WHY), 404, "no such number")
    withdrawn = client.post(f"{LIST}/1/withdraw", json={"author": "Bo", "reason": "not quite"})
    by = {"author": "Bo", "reason": "not quite", "at": "2026-01-02T03:04:06Z"}
    assert (withdrawn.status_code, withdrawn.json()) == (200, struck | {"withdrawn": by})
    _refused(client.post(f"{LIST}/1/withdraw", json=WHY), 409, "one that Bo withdrew")
    assert client.get(LIST).json()["items"] == []
    for state in ("withdrawn", "all"):
        assert client.get(LIST, params={"state": state}).json()["items"] == [withdrawn.json()]
    assert _strike(client, "bad", "good")["id"] == 2


def test_in_set_is_of_either_direction_and_of_the_set_as_opened(service: Service, client: TestClient, tmp_path: Path) -> None:
    pairs = [("good", "fine"), ("lone", "bad"), ("New York", "NY"), ("good", "poor"), ("no", "where"), ("good", "nowhere")]
    assert [_strike(client, *pair)["in_set"] for pair in pairs] == [True, True, True, False, False, False]
    SynonymSet.from_mapping({"poor": ["good"]}).save(tmp_path / "small.arrow")
    assert client.post("/v1/sets/small/reload").json()["changed"]
    assert [entry["in_set"] for entry in client.get(LIST).json()["items"]] == [False, False, True, False, False, False]


def test_pages_follow_one_another_while_pairs_are_added(client: TestClient) -> None:
    for number in range(5):
        _strike(client, "good", f"w{number}")
    _strike(client, "x", "y")
    found: list[str] = []
    after: dict[str, Any] = {}
    for number in range(3):
        page = VetoPage.model_validate(client.get(LIST, params={"limit": 2, "word": "good"} | after).json())
        found += [entry.second for entry in page.items]
        after = {"cursor": page.next}
        _strike(client, "good", f"later{number}")
    assert (found, after) == (["w4", "w3", "w2", "w1", "w0"], {"cursor": None})


def test_the_file_and_the_effect_are_those_of_the_command(
    service: Service, client: TestClient, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for pair in (("good", "bad"), ("fine", "good"), ("#tag", "good"), ("New York", "NY"), ("poor", "nowhere")):
        _strike(client, *pair, author="A\u200db", reason="why # not")
    client.post(f"{LIST}/{_strike(client, 'lone', 'bad')['id']}/withdraw", json=WHY)
    exported = client.get("/v1/sets/small/vetoes.txt")
    assert exported.headers["content-type"] == "text/plain; charset=utf-8"
    assert exported.headers["content-disposition"] == 'attachment; filename="small-vetoes.txt"'
    source, file, target = (tmp_path / name for name in ("small.arrow", "vetoes.txt", "out.arrow"))
    before = service.shelf.get("small").synonyms.sha256
    head = f"# set small\n# sha256 {before}\n# revision 7\n# pairs 5\n# written 2026-01-02T03:04:12Z\n"
    assert head in exported.text
    assert "# A\u200db, 2026-01-02T03:04:07Z: why # not\ngood\t#tag\n" in exported.text
    file.write_bytes(exported.content)
    done = run_here(capsys, "synonyms", "veto", source, target, "--pairs", file)
    assert done.code == 0, done.err
    answer = client.get(f"{LIST}/effect").json()
    effect = VetoEffect.model_validate(answer, strict=True)
    made, was = SynonymSet.load(target), SynonymSet.load(source)
    assert (effect.before, effect.after) == (was.sha256, made.sha256)
    assert (effect.set, effect.revision, effect.standing, effect.in_set) == ("small", 7, 5, 4)
    assert effect.neighbors_removed == was.statistics()["pairs"] - made.statistics()["pairs"] == 6
    lost = [word for word, names in was.to_mapping().items() if names and not made.to_mapping()[word]]
    assert effect.words_left_without == lost == ["#tag", "New York", "fine", "good"]


def test_without_vetoes_the_file_holds_comments_and_the_effect_is_none(client: TestClient) -> None:
    assert all(line.startswith("# ") for line in client.get("/v1/sets/small/vetoes.txt").text.splitlines())
    effect = VetoEffect.model_validate(client.get(f"{LIST}/effect").json())
    assert effect.before == effect.after
    assert (effect.revision, effect.neighbors_removed, effect.words_left_without) == (0, 0, [])


@pytest.mark.parametrize(
    ("path", "status", "found"),
    [(f"{LIST}?limit=0", 422, "0"), (f"{LIST}?limit=1001", 422, "1001"), (f"{LIST}?state=odd", 422, "odd"),
     (f"{LIST}?cursor=odd", 422, "odd"), (f"{LIST}?word=", 422, "at least 1"), (f"{LIST}?word={'x' * 65}", 422, "at most 64"),
     ("/v1/sets/none/vetoes", 404, "no set called 'none'"), ("/v1/sets/none/vetoes.txt", 404, "no set"),
     ("/v1/sets/none/vetoes/effect", 404, "no set")],
)  # fmt: skip
def test_what_cannot_be_read_is_refused(client: TestClient, path: str, status: int, found: str) -> None:
    _refused(client.get(path), status, found)


@pytest.mark.parametrize(
    ("body", "found"),
    [({"first": "a", "second": "a"}, "'a' twice"), ({"first": "a", "second": ""}, "at least 1"), ({"first": "a"}, "nothing;"),
     ({"first": "a", "second": "b\n"}, r"the word 'b\\n'"), ({"first": "#a", "second": "#b"}, "begin with #"),
     ({"first": "a", "second": "x" * 65}, "at most 64"), ({"first": "a", "second": "b", "author": "  "}, "0 characters"),
     ({"first": "a", "second": "b", "reason": "x" * 1_001}, "at most 1000"), ({"first": 1, "second": "b"}, "string"),
     ({"first": "a", "second": "b", "author": "\u202ennA"}, r"U\+202E"),
     ({"first": "a", "second": "b", "more": 1}, "not known"),
     ({"first": "a", "second": "b", "reason": "a\nb"}, r"U\+000A"), ({"first": "a", "second": "\ud800"}, "valid string")],
)  # fmt: skip
def test_what_cannot_be_struck_is_refused_and_nothing_is_written(
    service: Service, client: TestClient, body: dict[str, Any], found: str
) -> None:
    content = json.dumps(WHY | body)  # in ASCII, which may name half of a surrogate pair
    _refused(client.post(LIST, content=content, headers={"Content-Type": "application/json"}), 422, found)
    assert service.vetoes is not None
    assert service.vetoes.revision("small") == 0


@pytest.mark.parametrize("id", ["0", "-1", str(2**63), "x", "1e3"])
def test_a_number_that_none_can_have_is_refused(client: TestClient, id: str) -> None:
    _refused(client.post(f"{LIST}/{id}/withdraw", json=WHY), 422, "greater|less|integer")


def test_a_locked_file_is_503_with_a_time_to_come_back_and_no_path(client: TestClient, tmp_path: Path) -> None:
    with by_hand(tmp_path / "v.sqlite") as other:
        other.execute("BEGIN IMMEDIATE")
        answer = client.post(LIST, json={"first": "a", "second": "b", **WHY})
        _refused(answer, 503, "locked by another program")
        assert answer.headers["retry-after"] == "1"
        assert "v.sqlite" not in answer.text
        assert client.get(LIST).json()["items"] == []
    (tmp_path / "v.sqlite").unlink()
    for path in (LIST, f"{LIST}/effect", "/v1/sets/small/vetoes.txt"):
        answer = client.get(path)
        _refused(answer, 503, "no file that can be opened")
        assert "v.sqlite" not in answer.text


def test_a_service_starts_with_a_file_that_it_may_only_read(tmp_path: Path) -> None:
    path = tmp_path / "v.sqlite"
    VetoLists(path).propose("small", "ab", "good", "bad", "Ann", "why")
    path.chmod(0o400)
    with bound_by_leave(), small_service(tmp_path, VetoLists(path)) as service, TestClient(routed(service)) as client:
        assert [entry["first"] for entry in client.get(LIST).json()["items"]] == ["bad"]
        assert client.get(f"{LIST}/effect").json()["in_set"] == 1
        _refused(client.post(f"{LIST}/1/withdraw", json=WHY), 503, "may not write to")


def test_a_service_without_veto_lists_says_how_to_have_them(tmp_path: Path) -> None:
    with small_service(tmp_path, None) as service, TestClient(routed(service)) as client:
        body = {"first": "a", "second": "b", **WHY}
        for answer in (
            client.get(LIST), client.get(f"{LIST}/effect"), client.get("/v1/sets/small/vetoes.txt"),
            client.post(LIST, json=body), client.post(f"{LIST}/1/withdraw", json=WHY),
        ):  # fmt: skip
            _refused(answer, 404, "a service without any")
            assert "without --no-vetoes" in answer.json()["error"]["remedy"]
