"""The main job on real corpora: all methods on PAWS-X, one on XNLI, judged in every language by what the real files say."""

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.command import run_here
from xlt_train.methods.registry import METHODS

LANGUAGES = ["de", "en", "es", "fr", "ja", "ko", "zh"]
SETTINGS = ["--model", "nano", "--max-length", "64", "--max_steps", "15", "--save_strategy", "no"]
pytestmark = pytest.mark.usefixtures("one_thread")


def _run(capsys: pytest.CaptureFixture[str], program: str, *args: object) -> dict[str, Any]:
    done = run_here(capsys, *args, "--json", program=program)
    assert done.code == 0, done.err
    return dict(json.loads(done.out))


def _lines(path: Path) -> list[list[str]]:
    return [line.split("\t") for line in path.read_text(encoding="utf-8").split("\n")[:-1]]


def _head(path: Path, rows: int, out: str) -> str:
    Path(out).write_text("".join("\t".join(line) + "\n" for line in _lines(path)[:rows]), encoding="utf-8")
    return out


def _check(found: dict[str, Any], folder: Path, languages: list[str], rows: tuple[int, int], labels: set[str]) -> None:
    """The numbers are those that the real files' own labels give with the predictions that were written down."""
    start, stop = rows
    table = pq.read_table(Path(found["path"]) / "predictions.parquet").to_pylist()
    assert [entry["language"] for entry in found["languages"]] == languages
    assert len(table) == (stop - start) * len(languages)
    for k, entry in enumerate(found["languages"]):
        gold = [line[2] for line in _lines(folder / entry["file"])[start:stop]]
        part = table[k * (stop - start) : (k + 1) * (stop - start)]
        assert [row["item"] for row in part] == list(range(start, stop))
        assert {row["language_1"] for row in part} == {row["language_2"] for row in part} == {entry["language"]}
        assert [row["gold"] for row in part] == gold
        assert {row["predicted"] for row in part} <= labels
        right = sum(row["predicted"] == label for row, label in zip(part, gold))
        assert (entry["rows"], entry["correct"], entry["accuracy"]) == (stop - start, right, right / (stop - start))
    assert found["average"] == pytest.approx(sum(entry["accuracy"] for entry in found["languages"]) / len(languages))
    assert "proves" in found["note"] or "prove the plumbing" in found["note"]


@pytest.fixture(scope="module")
def pawsx(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the two datasets of rows 0 to 1,499 of the English development set."""
    from xlt_augment import Substitute, Swap, SynonymSet, build

    folder = tmp_path_factory.mktemp("pawsx")
    lines = (shared_data / "pawsx" / "dev-en.tsv").read_bytes().split(b"\n")[:1500]
    (folder / "train.tsv").write_bytes(b"\n".join(lines) + b"\n")
    published = SynonymSet.load(shared_data / "synonyms" / "counterfitted_neighbors.json")
    build(folder / "train.tsv", Substitute(published, p=0.1), m=2, out=folder / "synonym")
    build(folder / "train.tsv", Swap(p=0.1), m=2, out=folder / "swap")
    return folder


VARIANTS = {"baseline": [0, 0], "adv": [0, 0], "rs-rp": [0, 0]}  # else 1 and 2


@pytest.mark.parametrize("method", list(METHODS))
def test_pawsx_in_seven_languages(
    method: str, pawsx: Path, shared_data: Path, clean_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = METHODS[method].operator or "synonym"
    words = ("--data", pawsx / data, "--method", method, "--output_dir", "run", *SETTINGS)
    run = _run(capsys, "xlt-train", "fit", *words)
    manifest = json.loads((pawsx / data / "xlt.json").read_bytes())
    assert run["data"][0]["logical_hash"] == manifest["logical_hash"]
    assert run["method"]["variants"] == [VARIANTS.get(method, [1, 2])]
    assert (run["results"]["steps"], run["data"][0]["source"]["rows"]) == (15, 1500)
    found = _run(
        capsys, "xlt-train", "evaluate", "run", "--test-dir", shared_data / "pawsx", "--split", "dev", "--rows", "1800:2000"
    )
    _check(found, shared_data / "pawsx", LANGUAGES, (1800, 2000), {"0", "1"})
    assert found["run"]["method"]["name"] == method
    card = Path("run/README.md").read_text()
    table = [line.split(" | ") for line in card.split("\n") if " | 200 | " in line]
    assert [row[0].removeprefix("| ") for row in table] == LANGUAGES
    assert "### dev, rows 1800:2000" in card


def test_xnli_in_many_scripts(shared_data: Path, clean_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels, languages = "neutral,contradiction,entailment", ["ar", "en", "hi", "sw", "th", "zh"]
    source = _head(shared_data / "xnli" / "dev-en.tsv", 1500, "train.tsv")
    _run(capsys, "xlt-augment", "build", source, "--m", 2, "--labels", labels, "--out", "data")
    words = ("--data", "data", "--method", "rs-da", "--output_dir", "run", "--dev", shared_data / "xnli" / "dev-en.tsv")
    run = _run(
        capsys, "xlt-train", "fit", *words, "--dev-rows", "1500:1990", "--eval_strategy", "steps", "--eval_steps", 5, *SETTINGS
    )
    assert run["model"]["labels"] == labels.split(",")
    assert run["dev"]["rows"] == [1500, 1990]
    Path("tests").mkdir()
    for language in languages:
        shutil.copy(shared_data / "xnli" / f"dev-{language}.tsv", "tests")
    found = _run(capsys, "xlt-train", "evaluate", "run", "--test-dir", "tests", "--split", "dev", "--rows", "1990:2190")
    _check(found, Path("tests"), languages, (1990, 2190), set(labels.split(",")))
    (dev,) = [entry for entry in found["languages"] if entry["language"] == "en"]
    assert dev["sha256"] == run["dev"]["sha256"]
