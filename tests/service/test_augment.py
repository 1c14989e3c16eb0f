"""POST /v1/augment: the variants of `augment()` and of the copied command, with exact spans; what is refused, and how."""

import json
import os
import random
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from starlette.testclient import TestClient

from tests.command import SCRIPTS
from tests.store.made import made_store
from xlt_augment import Substitute, Swap, SynonymSet, augment
from xlt_augment.materialize.dataset import AugmentedDataset
from xlt_augment.resources import resource
from xlt_augment.service.answers import ARROW
from xlt_augment.service.application import routed
from xlt_augment.service.commands import command, quoted
from xlt_augment.service.schemas import AugmentAnswer, AugmentRequest
from xlt_augment.service.settings import Limits, Settings
from xlt_augment.service.shelf import Shelf
from xlt_augment.service.state import Service
from xlt_augment.service.variants import Operators
from xlt_augment.service.vetoes import VetoLists
from xlt_augment.service.workers import Workers
from xlt_augment.store.names import parse_name
from xlt_augment.store.publish import publish

WORDS = {
    "movie": ["film", "motion picture"],
    "good": ["fine", "$(rm -rf x)"],
    "ärger": ["zorn"],
    "'tis": ['"x"'],
    "n": ["m" * 200],
}
SIGNS = "aÉß中ह\u0301\u20e3'’-\" \u00a0\u200b\u200d\u2028\x00\x1b\x7f\\$`!%\n\r\t👩𠮷\ufeff\U0010ffff"
NASTY = [
    "'; touch owned; '", "$(touch owned) `touch owned` \\u0041 \\\\ %s %n !! \\", "a\nb\r\n\tc\0d\x1b[2J\x7f", "", " ",
    'The "movie" wasn\'t good.', "👩\u200d👩 movie \u202egood\u2028 Ärger\u0301", "-n", "\ufeffgood movie",
]  # fmt: skip


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The embedded set, one from a file, and the same from a store."""
    folder = tmp_path_factory.mktemp("sets")
    file, url = folder / "our words.arrow", str(folder / "store")
    SynonymSet.from_mapping(WORDS).save(file)
    publish(made_store(url), file, parse_name("nli-team/words"))
    limits, sets = Limits(), ("default", f"ours={file}", "stored=nli-team/words")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XLT_CACHE", str(folder / "cache"))
        patch.setenv("XLT_STORE", url)
        shelf = Shelf(sets, url)
        yield Service(Settings(sets=sets), shelf, Workers(limits.heavy, limits.waiting))


@pytest.fixture(scope="module")
def client(service: Service) -> TestClient:
    return TestClient(routed(service), raise_server_exceptions=False)


def ask(client: TestClient, **request: Any) -> AugmentAnswer:
    answer = client.post("/v1/augment", json=request)
    assert answer.status_code == 200, answer.text
    return AugmentAnswer.model_validate_json(answer.content, strict=True)


def ask_arrow(client: TestClient, **request: Any) -> pa.Table:
    answer = client.post("/v1/augment", json=request, headers={"accept": ARROW})
    assert (answer.status_code, answer.headers["content-type"]) == (200, ARROW), answer.text
    return pa.ipc.open_stream(answer.content).read_all()


def random_texts(count: int, seed: int) -> list[str]:
    """Real sentences, sentences of words that have neighbors, and random signs."""
    draw, rows = random.Random(seed), resource("samples/paraphrase/train-en.tsv").read_text().splitlines()
    sentences = [text for row in rows for text in row.split("\t")[:2]]
    known = list(SynonymSet.default().to_mapping())
    makers = (
        lambda: draw.choice(sentences),
        lambda: " ".join(draw.choice((str, str.title, str.upper))(draw.choice(known)) for _ in range(draw.randrange(12))),
        lambda: "".join(draw.choice(SIGNS) for _ in range(draw.randrange(30))),
        lambda: "".join(chr(draw.choice((draw.randrange(0xD800), draw.randrange(0xE000, 0x110000)))) for _ in range(9)),
    )
    return [draw.choice(makers)() for _ in range(count)]


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
    "settings",
    [
        {"p": 0.5, "m": 3},
        {"p": "uniform", "seed": 2**64 - 1, "words": "space", "case": "exact", "column": "-it's 열\tx", "m": 2},
        {"p": 1, "set": "ours", "case": "any", "protect": ["movie", "Ärger", "-x", "\u200bz", "a'b\\"], "first_id": 3, "m": 2},
        {"p": 0.7, "method": "swap", "protect": ["movie"], "m": 2},
        {"p": 1, "set": "stored", "m": 1},
    ],
    ids=str,
)
def test_the_command_gives_the_same_in_bash(
    service: Service, client: TestClient, settings: dict[str, Any], clean_folder: Path
) -> None:
    request = {"texts": [*NASTY, "good movie 'tis Ärger GOOD a'b\\ \u200bz"], **settings}
    answer = ask(client, **request)
    assert "\n" not in answer.command
    if settings.get("set") == "ours":
        assert "is the file that the service was given" in answer.command
        service.shelf.get("ours").synonyms.save(service.shelf.get("ours").source)
    found = read_back(answer.command, settings.get("column", "text"), settings.get("first_id", 0))
    assert found == [(one.text, [v.text for v in one.variants]) for one in answer.results]
    assert not Path("owned").exists()


def read_back(line: str, column: str, first_id: int) -> list[tuple[str, list[str]]]:
    """Run a command as one pastes it; the texts and their variants in the folder that it wrote, from row `first_id` on."""
    path = {"PATH": f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        ["bash", "-eu", "-o", "pipefail", "-c", line], env=os.environ | path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    (folder,) = (path for path in Path().iterdir() if path.is_dir())
    dataset = AugmentedDataset.open(folder)
    m, rows = dataset.manifest.recipe["m"], dataset.head(dataset.manifest.rows)[column].to_pylist()
    sources = [rows[k : k + m + 1] for k in range(0, len(rows), m + 1)]
    return [(source[0], source[1:]) for source in sources[first_id:]]


def test_words_stand_in_bash_as_they_are() -> None:
    words = [*random_texts(60, seed=4), *NASTY, "~", "a=b", "*", "{1,2}", "!1", "\udc80".encode("utf-8", "replace").decode()]
    words = [word.replace("\0", "") for word in words]
    line = f"printf '%s\\0' {' '.join(map(quoted, words))}"
    done = subprocess.run(["bash", "-c", line], capture_output=True, check=True, env={"LC_ALL": "C"})
    assert done.stdout.decode().split("\0")[:-1] == words
    assert quoted("movie") == "movie"
    assert quoted("Ärger") == "'Ärger'"
    assert all(sign.isprintable() for word in words for sign in quoted(word))


def command_of(**request: Any) -> str:
    return command(AugmentRequest(**{"texts": ["a good film"], **request}), "default", "english-wordnet")


def test_a_command_is_no_longer_than_it_must_be() -> None:
    start = "printf '%s\\n' '{\"text\": \"a good film\"}' > texts.jsonl && xlt-augment build texts.jsonl"
    assert command_of() == start
    assert command_of(m=3, p="uniform", case="any") == start + " --m 3 --p uniform --case any"
    swap = AugmentRequest(texts=["a good film"], method="swap", case="any", seed=7)
    assert command(swap, None, None) == start + " --method swap --seed 7"
    asked = AugmentRequest(texts=["a good film"])
    stored = command(asked, "words", "nli-team/words@v3")
    assert stored == start + ' --synonyms "$(xlt-augment store pull nli-team/words@v3)"  # XLT_STORE names the store'


def test_what_the_command_line_cannot_do_is_said() -> None:
    wrongs = {"first_id": [2**61], "column": ["a,b", "variant", " x", "a\0"]}
    for name, value in [(name, value) for name, values in wrongs.items() for value in values]:
        line, what = (
            command_of(**{name: value}),
            "cannot begin at" if name == "first_id" else f"no text column called {value!r}",
        )
        assert line.startswith("# ")
        assert line.isprintable()
        assert what in line
        assert "xlt_augment.augment" in line
    long = command_of(texts=["The movie was good. " * 100] * 10, first_id=2)
    assert len(long) < 500
    assert long.startswith("xlt-augment build texts.jsonl  # texts.jsonl: write it first, 2 times ")


def test_standing_vetoes_are_left_out_when_asked(tmp_path: Path, clean_folder: Path) -> None:
    vetoes = VetoLists(tmp_path / "vetoes.sqlite")
    service = Service(Settings(), Shelf(["default"]), Workers(2, 2), vetoes=vetoes)
    client, before = TestClient(routed(service)), SynonymSet.default()
    request: dict[str, Any] = {"texts": ["a movie", "A Film"], "p": 1, "m": 2, "vetoes": True}
    found = {}
    for step in ("none", "struck", "withdrawn"):
        if step == "struck":
            vetoes.propose("default", before.sha256, "movie", "film", "Ada", "a test")
        elif step == "withdrawn":
            vetoes.withdraw("default", 1, "Ada", "a test")
        found[step] = ask(client, **request)
        assert ask(client, **request | {"vetoes": False}) == found["none"]
    after = before.veto([("film", "movie")])
    struck = found["struck"]
    assert (struck.vetoed, struck.sha256) == (1, after.sha256)
    assert [[v.text for v in one.variants] for one in struck.results] == augment(request["texts"], Substitute(after, p=1), m=2)
    assert "film" in found["none"].results[0].variants[0].text
    assert "film" not in struck.results[0].variants[0].text
    assert found["withdrawn"] == found["none"]
    assert (found["none"].vetoed, found["none"].sha256) == (0, before.sha256)
    assert read_back(struck.command, "text", 0) == [(one.text, [v.text for v in one.variants]) for one in struck.results]
    vetoes.close()
    service.workers.close()


def test_struck_pairs_are_left_out_by_the_command(clean_folder: Path) -> None:
    pairs = [("film", "movie"), ("a b", "c,d"), ("#x", "y,z"), ("it's", "n't")]
    texts = ["the movie and the film, it's good"] * 3
    asked = AugmentRequest(texts=texts, p=1.0, m=2, case="any")
    line = command(asked, "default", "default", pairs)
    without = SynonymSet.default().veto(pairs)
    expected = augment(texts, Substitute(without, p=1, case="any"), m=2)
    assert expected != augment(texts, Substitute(SynonymSet.default(), p=1, case="any"), m=2)
    assert read_back(line, "text", 0) == list(zip(texts, expected))
    assert SynonymSet.load("vetoed.arrow").sha256 == without.sha256
    many = command(asked, "default", "default", [(f"word{k}", f"wort{k}") for k in range(1_000)])
    assert "GET /v1/sets/default/vetoes.txt" in many
    assert len(many) < 1_000
    assert command(asked, "default", "default", [("#a,", "#b")]).startswith("# ")


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
        ({"m": 1_000_000}, "body.m"),
        ({"m": 2.5}, "body.m"),
        ({"m": "3"}, "body.m"),
        ({"m": True}, "body.m"),
        ({"p": -0.1}, "body.p"),
        ({"p": 1.5}, "body.p"),
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
