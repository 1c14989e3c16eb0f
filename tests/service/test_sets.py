"""Routes of sets against the sets themselves: neighbors, search, paging, comparison, reload, files that change meanwhile."""

import difflib
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.service.desk import HOSTILE, Desk, desk_in, entries, rows
from xlt_augment.service import schemas
from xlt_augment.service.answers import ARROW, cursor
from xlt_augment.synonyms.diff import diff

CASES = json.loads((Path(__file__).parent / "cases" / "sets.json").read_text())
LETTERS = "abcdé"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return desk_in(tmp_path_factory.mktemp("sets"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["comment"])
def test_what_is_refused_and_how(desk: Desk, case: dict[str, Any]) -> None:
    headers = {"content-type": "application/json"} if "body" in case else {}
    answer = desk.client.request(case.get("method", "GET"), case["path"], content=case.get("body"), headers=headers)
    problem = schemas.Failure.model_validate_json(answer.content, strict=True).error
    assert (answer.status_code, problem.status) == (case["status"], case["status"])
    assert case["found"] in f"{problem.found}; {problem.expected}"
    assert problem.close == case.get("close", problem.close)
    assert str(desk.folder) not in answer.text


@pytest.mark.parametrize("name", ["one", "two", "told"])
def test_each_word_has_the_neighbors_of_the_set(desk: Desk, name: str) -> None:
    synonyms = desk.local(name)
    for row in rows(synonyms):  # test_client.py has words that this client would change
        found = desk.get(f"/v1/sets/{name}/neighbors/{quote(row['word'], safe='')}")
        assert found == {"set": name, "sha256": synonyms.sha256, **row, "next": None}
        schemas.Neighborhood.model_validate(found, strict=True)


@given(limit=st.integers(1, 45))
def test_neighbors_come_in_parts(desk: Desk, limit: int) -> None:
    found, more = [], {}
    while more is not None:
        page = desk.get("/v1/sets/told/neighbors/movie", limit=limit, **more)
        assert 0 < len(page["neighbors"]) <= limit
        found += page["neighbors"]
        more = {"cursor": page["next"]} if page["next"] else None
    assert found == entries(desk.local("told"), "movie")


@given(words=st.lists(st.text(LETTERS, min_size=1, max_size=2) | st.sampled_from(HOSTILE[:20]), min_size=1, max_size=20))
def test_a_batch_is_each_word_by_itself(desk: Desk, words: list[str]) -> None:
    synonyms = desk.local("one")
    answer = desk.client.post("/v1/sets/one/neighbors", json={"words": words})
    known = [word for word in words if word in synonyms]
    assert answer.json() == {
        "set": "one", "sha256": synonyms.sha256, "unknown": [word for word in words if word not in synonyms],
        "rows": [{"word": word, "neighbors": entries(synonyms, word)} for word in known],
    }  # fmt: skip
    answer = desk.client.post("/v1/sets/one/neighbors", json={"words": words}, headers={"accept": ARROW})
    assert answer.headers["content-type"] == ARROW
    table = pa.ipc.open_stream(answer.content).read_all()
    whole = {row["word"]: row for row in synonyms.table.to_pylist()}
    assert table.to_pylist() == [whole[word] for word in known]
    assert table.schema.equals(synonyms.table.schema)


@pytest.mark.parametrize("name", ["one", "hard", "told"])
def test_the_rows_as_arrow_are_the_file_that_save_writes(desk: Desk, name: str) -> None:
    answer = desk.client.get(f"/v1/sets/{name}/rows", headers={"accept": ARROW})
    assert answer.content == (desk.folder / f"{name}.arrow").read_bytes()


@given(prefix=st.text(LETTERS, max_size=2), limit=st.integers(1, 30))
def test_words_and_rows_by_prefix_come_once_each(desk: Desk, prefix: str, limit: int) -> None:
    synonyms = desk.local("two")
    expected = [row for row in rows(synonyms) if row["word"].startswith(prefix)]
    assert list(desk.items("/v1/sets/two/rows", prefix=prefix, limit=limit)) == expected
    counted = [{"word": row["word"], "neighbors": len(row["neighbors"]), "score": None} for row in expected]
    assert list(desk.items("/v1/sets/two/words", prefix=prefix, limit=limit)) == counted


def edits(a: str, b: str) -> int:
    """Insertions, deletions, substitutions, swaps of neighbors; no part is edited twice (optimal string alignment)."""
    table = {(i, 0): i for i in range(len(a) + 1)} | {(0, j): j for j in range(len(b) + 1)}
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            steps = [table[i - 1, j] + 1, table[i, j - 1] + 1, table[i - 1, j - 1] + (a[i - 1] != b[j - 1])]
            if i > 1 and j > 1 and a[i - 2 : i] == b[j - 2 : j][::-1]:
                steps.append(table[i - 2, j - 2] + 1)
            table[i, j] = min(steps)
    return table[len(a), len(b)]


def alike(a: str, b: str) -> float:
    """One minus the share of edits, case aside, in percent."""
    return 100 * (1 - edits(a.lower(), b.lower()) / max(len(a), len(b.lower()), 1))


@given(word=st.text(LETTERS + "AB", min_size=1, max_size=5), limit=st.integers(1, 30))
def test_words_of_a_near_spelling_are_those_with_fewest_edits(desk: Desk, word: str, limit: int) -> None:
    found = list(desk.items("/v1/sets/one/words", near=word, limit=limit))
    scores = {name: round(alike(word, name), 1) for name in desk.local("one").to_mapping()}
    assert {entry["word"]: entry["score"] for entry in found} == {name: s for name, s in scores.items() if s >= 50}
    assert [entry["score"] for entry in found] == sorted((entry["score"] for entry in found), reverse=True)
    if word in scores:
        assert found[0] == {"word": word, "neighbors": len(desk.local("one").neighbors(word)), "score": 100.0}


@given(limit=st.integers(1, 40), word=st.none() | st.text(LETTERS, min_size=1, max_size=2))
def test_a_comparison_is_that_of_the_library(desk: Desk, limit: int, word: str | None) -> None:
    a, b = desk.local("one"), desk.local("two")
    expected = diff(a, b)
    query = {"limit": limit} if word is None else {"word": word}
    page = desk.get("/v1/sets/one/compare/two", **query)
    assert (page["identical"], page["counts"]) == (expected.identical, expected.counts())
    assert [(page[k]["name"], page[k]["sha256"]) for k in "ab"] == [("one", a.sha256), ("two", b.sha256)]
    found = page["items"] if word is not None else list(desk.items("/v1/sets/one/compare/two", limit=limit))
    if word is None:
        assert [c["word"] for c in found] == sorted({*expected.only_in_a, *expected.only_in_b, *expected.changed})
    for change in found:
        name = change["word"]
        before, after = (s.neighbors(name) if name in s else [] for s in (a, b))
        assert [(n["word"], n["distance"]) for n in change["a"]] == before
        assert [(n["word"], n["distance"]) for n in change["b"]] == after
        assert change["status"] == {
            (True, True): "same" if before == after else "changed", (True, False): "only_in_a", (False, True): "only_in_b",
            (False, False): "in_neither",
        }[name in a, name in b]  # fmt: skip
        steps = difflib.ndiff([n.word for n in before], [n.word for n in after])
        assert {*change["added"]} - {*change["removed"]} == {s[2:] for s in steps if s[0] == "+"} - {n.word for n in before}


def test_facts_of_a_set(desk: Desk) -> None:
    synonyms = desk.local("told")
    found = desk.get("/v1/sets/told")
    assert synonyms.statistics().items() <= found.items()
    assert (found["made"], found["veto_pairs"], found["vetoes"], found["origins"]) == ({"by": "hand"}, [["x", "y"]], 1, True)
    assert (found["name"], found["source"], found["sha256"]) == ("told", "told.arrow", synonyms.sha256)
    listed = desk.get("/v1/sets")["sets"]
    assert [entry["name"] for entry in listed] == ["one", "two", "hard", "told"]
    assert listed[3].items() <= found.items()
    assert [entry["origins"] for entry in listed] == [False, False, False, True]
    schemas.SetDetail.model_validate_json(json.dumps(found), strict=True)


@given(strange=st.text(max_size=30) | st.integers().map(cursor) | st.text(max_size=5).map(cursor))
def test_any_cursor_is_taken_or_refused(desk: Desk, strange: str) -> None:
    for path in ("/v1/sets/one/words", "/v1/sets/one/rows", "/v1/sets/told/neighbors/movie", "/v1/sets/one/compare/two"):
        answer = desk.client.get(path, params={"cursor": strange})
        assert answer.status_code in (200, 422)
        if answer.status_code == 422:
            assert answer.json()["error"]["doing"] in ("reading the cursor", "reading query.cursor")


@given(word=st.text(min_size=1, max_size=64).filter(lambda word: "%" not in word and word not in (".", "..")))
def test_any_word_is_found_or_told_to_be_unknown(desk: Desk, word: str) -> None:
    answer = desk.client.get(f"/v1/sets/hard/neighbors/{quote(word, safe='')}")
    assert answer.status_code == (200 if word in desk.local("hard") else 404)
    if answer.status_code == 404:
        assert all(name in desk.local("hard") for name in answer.json()["error"]["close"])
