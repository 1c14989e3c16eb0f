"""POST /v1/augment: the variants of `augment()` with exact spans, in JSON and Arrow; what is refused, and how."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow as pa
import pytest
from starlette.testclient import TestClient

from tests.service.asked import NASTY, WORDS, ask, ask_arrow, random_texts
from xlt_augment import Substitute, Swap, SynonymSet, augment
from xlt_augment.service.answers import ARROW
from xlt_augment.service.application import routed
from xlt_augment.service.schemas import AugmentAnswer, AugmentRequest
from xlt_augment.service.settings import Settings
from xlt_augment.service.shelf import Shelf
from xlt_augment.service.state import Service
from xlt_augment.service.variants import Operators
from xlt_augment.service.workers import Workers


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """Of a service with the embedded set and one from a file."""
    file = tmp_path_factory.mktemp("sets") / "words.arrow"
    SynonymSet.from_mapping(WORDS).save(file)
    settings = Settings(sets=("default", f"ours={file}"))
    service = Service(settings, Shelf(settings.sets), Workers(2, 16))
    yield TestClient(routed(service), raise_server_exceptions=False)
    service.workers.close()


def operator(asked: AugmentRequest, synonyms: SynonymSet) -> Substitute | Swap:
    """What a program of one's own would make of the request."""
    common: dict[str, Any] = {"p": asked.p, "words": asked.words, "protect": asked.protect}
    return Swap(**common) if asked.method == "swap" else Substitute(synonyms, case=asked.case, **common)


def check(client: TestClient, synonyms: SynonymSet, **request: Any) -> AugmentAnswer:
    """Ask for JSON and Arrow; both must be what `augment` gives, and the spans what changed."""
    asked = AugmentRequest(**request)
    expected = augment(asked.texts, operator(asked, synonyms), asked.m, asked.seed, asked.column, asked.first_id)
    answer, table = ask(client, **request), ask_arrow(client, **request)
    assert [one.text for one in answer.results] == asked.texts
    assert [one.source_id for one in answer.results] == [asked.first_id + t for t in range(len(asked.texts))]
    assert [[v.text for v in one.variants] for one in answer.results] == expected
    numbers = list(range(1, asked.m + 1))
    for one in answer.results:
        assert [v.variant for v in one.variants] == numbers
        for variant in one.variants:
            assert variant.changed == len(variant.spans)
            for span in variant.spans:
                assert one.text[span.before_start : span.before_stop] == span.before != span.after
                assert variant.text[span.start : span.stop] == span.after
            cut = [0, *(stop for span in variant.spans for stop in (span.before_start, span.before_stop)), len(one.text)]
            then = [0, *(stop for span in variant.spans for stop in (span.start, span.stop)), len(variant.text)]
            kept = [one.text[a:b] for a, b in zip(cut[::2], cut[1::2])]
            assert kept == [variant.text[a:b] for a, b in zip(then[::2], then[1::2])]
    fields = [("source_id", pa.int64()), ("variant", pa.int16()), ("text", pa.string()), ("changed", pa.int32())]
    assert table.schema == pa.schema(fields)
    table.validate(full=True)
    rows = [(one.source_id, v.variant, v.text, v.changed) for one in answer.results for v in one.variants]
    assert list(zip(*(column.to_pylist() for column in table.columns))) == rows
    return answer


def test_a_thousand_random_texts_get_the_variants_of_augment(client: TestClient) -> None:
    answer = check(client, SynonymSet.default(), texts=random_texts(1_000, seed=9), p=0.5, case="any")
    assert sum(v.changed for one in answer.results for v in one.variants) > 5_000
    assert (answer.set, answer.sha256, answer.vetoed) == ("default", SynonymSet.default().sha256, 0)


@pytest.mark.parametrize(
    "settings",
    [
        {"p": "uniform", "words": "space", "case": "exact", "m": 30},
        {"p": 1, "case": "any", "m": 1, "seed": 2**64 - 1, "column": "열 '\n", "first_id": 2**62 - 50},
        {"p": 0.3, "set": "ours", "words": "space", "protect": ["good", "n"]},
        {"p": 1, "set": "ours", "m": 3},
        {"p": 0.5, "method": "swap", "set": "unknown", "m": 4, "first_id": 7},
        {"p": 1.0, "method": "swap", "words": "space", "protect": ["movie", "a'b"], "m": 2},
        {"p": 0},
    ],
    ids=str,
)
def test_every_setting_means_what_it_means_in_augment(client: TestClient, settings: dict[str, Any]) -> None:
    texts = [*NASTY, *random_texts(30, seed=1), "good movie n 'tis Ärger GOOD", "one two three"]
    synonyms = SynonymSet.from_mapping(WORDS) if settings.get("set") == "ours" else SynonymSet.default()
    answer = check(client, synonyms, texts=texts, **settings)
    changed = sum(v.changed for one in answer.results for v in one.variants)
    assert (changed > 0) == (settings["p"] != 0)
    if settings.get("method") == "swap":
        assert (answer.set, answer.sha256) == (None, None)


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"texts": []}, "texts"),
        ({"texts": "one"}, "texts"),
        ({"texts": ["a"] * 1_001}, "texts"),
        ({"texts": ["a" * 10_001]}, "texts.0"),
        ({"texts": ["\ud800"]}, "texts.0"),
        ({"texts": [1]}, "texts.0"),
        ({"texts": ["a" * 10_000] * 10, "m": 100}, "10,000,000 characters of all variants"),
        ({"m": 0}, "body.m"),
        ({"m": 1_000_000}, '"reading body.m", "found": "1000000", "expected": "less than or equal to 1000"'),
        ({"m": 2.5}, "body.m"),
        ({"m": "3"}, "body.m"),
        ({"m": True}, "body.m"),
        ({"p": -0.1}, "body.p"),
        ({"p": 1.5}, '"reading body.p", "found": "1.5", "expected": "less than or equal to 1 or \'uniform\'"'),
        ({"p": "0.5"}, "body.p"),
        ({"p": True}, "body.p"),
        ({"p": "uniform", "method": "swap"}, "uniform for a swap"),
        ({"seed": -1}, "body.seed"),
        ({"seed": 2**64}, "body.seed"),
        ({"words": "spans"}, "body.words"),
        ({"case": "none"}, "body.case"),
        ({"method": "shuffle"}, "body.method"),
        ({"protect": ["re:.*"]}, "re:.*"),
        ({"protect": ["two words"]}, "two words"),
        ({"protect": ["a\0"]}, "protect"),
        ({"protect": [""]}, "protect.0"),
        ({"column": ""}, "body.column"),
        ({"column": "\udc00"}, "body.column"),
        ({"first_id": 2**62}, "body.first_id"),
        ({"unknown": 1}, "body.unknown"),
        ({"vetoes": True}, "without veto lists"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_cannot_be_used_is_refused_in_four_parts(client: TestClient, wrong: dict[str, Any], where: str) -> None:
    body = json.dumps({"texts": ["a b"], **wrong})
    answer = client.post("/v1/augment", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert where in json.dumps(error, ensure_ascii=False)
    assert all(error[part] for part in ("id", "doing", "found", "expected", "remedy"))


def test_a_body_that_is_not_utf8_is_told_so(client: TestClient) -> None:
    answer = client.post("/v1/augment", content=b'{"texts": ["\xff"]}', headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["error"]["expected"] == "JSON in UTF-8, no number of thousands of digits"


def test_an_unknown_set_is_404_with_near_names(client: TestClient) -> None:
    answer = client.post("/v1/augment", json={"texts": ["a"], "set": "defualt"})
    assert answer.status_code == 404
    assert answer.json()["error"]["close"] == ["default"]


def test_more_than_a_client_can_want_is_refused(client: TestClient) -> None:
    spans = {"texts": ["a b " * 1_000], "method": "swap", "p": 1, "m": 200}
    answer = client.post("/v1/augment", json=spans)
    assert answer.status_code == 422
    assert "400,200 variants and spans" in answer.text
    assert ARROW in answer.json()["error"]["remedy"]
    assert len(ask_arrow(client, **spans)) == 200
    grown = {"texts": ["n " * 5_000], "set": "ours", "p": 1, "m": 200}
    for accept in ("application/json", ARROW):
        answer = client.post("/v1/augment", json=grown, headers={"accept": accept})
        assert answer.status_code == 422
        assert "variants of 201,000,000 bytes" in answer.text


def test_what_was_prepared_is_kept_for_the_last_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    made, prepare = [], Substitute.prepare

    def counted(self: Substitute) -> None:
        made.append(self.synonyms.name)
        prepare(self)

    monkeypatch.setattr(Substitute, "prepare", counted)
    sets = [SynonymSet.from_mapping({"movie": [f"film{k}"]}, name=f"set{k}") for k in range(6)]
    operators = Operators()

    def variant(k: int, case: str = "initial") -> str:
        asked = AugmentRequest(texts=["Movie"], p=1.0, case=case)  # type: ignore[arg-type]
        return augment(["Movie"], operators.make(asked, sets[k]), m=1)[0][0]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(variant, [0, 1, 2, 3] * 20)) == ["Film0", "Film1", "Film2", "Film3"] * 20
    assert sorted(made) == ["set0", "set1", "set2", "set3"]
    assert [variant(k, "any") for k in (0, 1, 2, 3)] == ["Film0", "Film1", "Film2", "Film3"]
    assert variant(0, "exact") == "Movie"
    assert made[4:] == []
    assert [variant(k) for k in (4, 5, 0, 3, 1)] == ["Film4", "Film5", "Film0", "Film3", "Film1"]
    assert made[4:] == ["set4", "set5", "set1"]
