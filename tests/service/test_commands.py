"""The command beside an answer, run by bash in a folder of its own, gives the same variants; where it cannot, it says so."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.command import SCRIPTS
from tests.service.asked import NASTY, WORDS, ask, random_texts
from tests.store.made import made_store
from xlt_augment import Substitute, SynonymSet, augment
from xlt_augment.materialize.dataset import AugmentedDataset
from xlt_augment.service.application import routed
from xlt_augment.service.commands import command, quoted
from xlt_augment.service.schemas import AugmentRequest
from xlt_augment.service.settings import Limits, Settings
from xlt_augment.service.shelf import Shelf
from xlt_augment.service.state import Service
from xlt_augment.service.vetoes import VetoLists
from xlt_augment.service.workers import Workers
from xlt_augment.store.names import parse_name
from xlt_augment.store.publish import publish


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
