"""All pairs of languages of the real corpora: each cell by what the real files say, the mean by the saved predictions."""

import json
from itertools import product
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.command import run_here

PAWSX, XNLI = "de en es fr ja ko zh".split(), "ar bg de el en es fr hi ru sw th tr ur vi zh".split()
SETTINGS = ["--model", "nano", "--max-length", "64", "--max_steps", "8", "--save_strategy", "no", "--method", "baseline"]
pytestmark = pytest.mark.usefixtures("one_thread")


def _judged(
    capsys: pytest.CaptureFixture[str], tests: Path, languages: list[str], rows: tuple[int, int], *more: str
) -> tuple[dict[str, Any], str]:
    """A run on the first English rows, judged on all pairs; its result and what was said."""
    lines = (tests / "dev-en.tsv").read_text(encoding="utf-8").split("\n")[:200]
    Path("train.tsv").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    for program, *words in (
        ["xlt-augment", "build", "train.tsv", "--m", "1", "--out", "data", *more],
        ["xlt-train", "fit", "--data", "data", "--output_dir", "run", *SETTINGS],
    ):
        done = run_here(capsys, *words, program=program)
        assert done.code == 0, done.err
    asked = ("evaluate", "run", "--test-dir", tests, "--pairs", "all", "--rows", f"{rows[0]}:{rows[1]}", "--json")
    done = run_here(capsys, *asked, program="xlt-train")
    assert done.code == 0, done.err
    found = dict(json.loads(done.out))
    assert (found["split"], [entry["language"] for entry in found["languages"]]) == ("dev", languages)
    return found, done.err


def _check(found: dict[str, Any], tests: Path, languages: list[str], rows: tuple[int, int]) -> None:
    table = pq.read_table(Path(found["path"]) / "predictions.parquet").to_pylist()
    size, cells = rows[1] - rows[0], list(product(languages, languages))
    assert len(table) == size * len(cells)
    right = 0
    for k, (a, b) in enumerate(cells):
        lines = (tests / f"dev-{a}.tsv").read_text(encoding="utf-8").split("\n")[rows[0] : rows[1]]
        part = table[k * size : (k + 1) * size]
        assert {(row["language_1"], row["language_2"]) for row in part} == {(a, b)}
        assert [row["item"] for row in part] == list(range(*rows))
        assert [row["gold"] for row in part] == [line.split("\t")[2] for line in lines]
        correct = sum(row["gold"] == row["predicted"] for row in part)
        cell = found["cells"][k]
        assert (cell["language_1"], cell["language_2"], cell["correct"]) == (a, b, correct)
        right += correct
    assert found["average_of_pairs"] == pytest.approx(right / len(table))


def test_pawsx_dev_in_49_pairs(shared_data: Path, clean_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The test files have no labels, so the development files are taken, and it is said."""
    found, said = _judged(capsys, shared_data / "pawsx", PAWSX, (0, 40))
    assert said.startswith("no labels in the test files: the dev files are judged")
    _check(found, shared_data / "pawsx", PAWSX, (0, 40))


def test_xnli_dev_in_225_pairs(shared_data: Path, clean_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = ("--labels", "neutral,contradiction,entailment")
    found, _ = _judged(capsys, shared_data / "xnli", XNLI, (300, 310), *labels)
    _check(found, shared_data / "xnli", XNLI, (300, 310))
