"""Every pair of languages is what a plain loop finds; what was judged before an interruption stays judged."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.command import Outcome
from tests.conftest import PROJECT
from tests.evaluation.judged import ITEMS, LABELS, LANGUAGES, Place, plainly, rows, write
from xlt_train import evaluate
from xlt_train.errors import RunError, UsageError
from xlt_train.evaluation.cells import cells_of, units_of
from xlt_train.evaluation.predict import Judge

CELLS = list(product(LANGUAGES, LANGUAGES))


def _table(folder: Path) -> list[dict[str, Any]]:
    return list(pq.read_table(folder / "predictions.parquet").to_pylist())


@pytest.mark.parametrize("kind", ["bert", "xlmr"])
def test_every_cell_is_that_of_a_plain_loop(kind: str, place: Place) -> None:
    run = Path(kind)
    done = evaluate(run, place.tests, pairs="all", batch_size=2)
    table = _table(done.path)
    assert [(row["language_1"], row["language_2"], row["item"]) for row in table] == [
        (a, b, item) for a, b in CELLS for item in range(ITEMS)
    ]
    pairs = [(rows(a)[k][0], rows(b)[k][1]) for a, b in CELLS for k in range(ITEMS)]
    logits, labels = plainly(run, pairs)
    assert np.abs(np.array([row["logits"] for row in table]) - logits).max() < 2e-5
    assert [row["predicted"] for row in table] == labels
    assert len(set(labels)) > 1  # a model that says one thing would hide a mix-up
    said = np.array(labels).reshape(3, 3, ITEMS)
    assert (said != said.swapaxes(0, 1)).any()  # nor would cell (b, a) do for (a, b)


def test_the_numbers_are_those_of_the_saved_predictions(place: Place) -> None:
    lines = rows("de")
    lines[3][2] = LABELS[1]  # the gold label is that of the first text's file
    write(place.tests / "test-de.tsv", lines)
    done = evaluate("bert", place.tests, pairs="all")
    found, table = json.loads((done.path / "accuracy.json").read_bytes()), _table(done.path)
    assert done.path.name.startswith("test-pairs-")
    assert [(cell["language_1"], cell["language_2"]) for cell in found["cells"]] == CELLS
    gold = {a: [row[2] for row in rows(a)] for a in LANGUAGES} | {"de": [line[2] for line in lines]}
    assert [row["gold"] for row in table] == [label for a, _ in CELLS for label in gold[a]]
    right = [row["gold"] == row["predicted"] for row in table]
    for k, cell in enumerate(found["cells"]):
        mine = right[k * ITEMS : (k + 1) * ITEMS]
        assert (cell["rows"], cell["correct"], cell["accuracy"]) == (ITEMS, sum(mine), sum(mine) / ITEMS)
    assert found["average_of_pairs"] == pytest.approx(sum(right) / len(right))
    same = [right[k] for k, row in enumerate(table) if row["language_1"] == row["language_2"]]
    assert found["average"] == pytest.approx(sum(same) / len(same))
    assert found["items"]["differing_labels"] == 1
    assert f"Average over all 9 pairs of languages: {found['average_of_pairs']:.4f}" in Path("bert/README.md").read_text()
    matrix = [line for line in (done.path / "accuracy.md").read_text().split("\n") if line.startswith("| ko | ")][-1]
    assert matrix == "| ko | " + " | ".join(f"{cell['accuracy']:.4f}" for cell in found["cells"][6:]) + " |"


def test_the_diagonal_is_that_of_the_same_languages(place: Place) -> None:
    same, both = evaluate("bert", place.tests), evaluate("bert", place.tests, pairs="all")
    assert same.path != both.path
    assert both.evaluation.languages == same.evaluation.languages
    wanted = {(row["language_1"], row["item"]): row["predicted"] for row in _table(same.path)}
    for row in _table(both.path):
        if row["language_1"] == row["language_2"]:
            assert row["predicted"] == wanted[row["language_1"], row["item"]]
    assert Path("bert/README.md").read_text().count("### test\n") == 2


def test_dropped_items_are_dropped_in_every_cell(place: Place) -> None:
    lines = rows("ko")
    lines[2][1], lines[5] = "NS", [""]
    write(place.tests / "test-ko.tsv", lines)
    done = evaluate("bert", place.tests, pairs="all", placeholders="drop")
    assert [row["item"] for row in _table(done.path)] == [k for k in range(ITEMS) if k not in (2, 5)] * 9
    assert done.evaluation.items == {"total": 11, "kept": 9, "placeholders": 1, "differing_labels": 0, "missing": 1}
    assert "9 of 11 items kept (1 with a placeholder, 1 with a missing row: drop)" in (done.path / "accuracy.md").read_text()


def test_files_without_labels(place: Place, command: Callable[..., Outcome]) -> None:
    write(place.tests / "test-de.tsv", [line[:2] for line in rows("de")])
    outcome = command("bert", "--test-dir", "tests", "--pairs", "all", "--json")
    found = json.loads(outcome.out)
    assert (outcome.code, found["average"], found["average_of_pairs"]) == (0, None, None)
    for cell in found["cells"]:
        assert (cell["accuracy"] is None) == (cell["correct"] is None) == (cell["language_1"] == "de")
    assert [row["gold"] is None for row in _table(Path(found["path"]))] == [a == "de" for a, _ in CELLS for _ in range(ITEMS)]
    shown = command("bert", "--test-dir", "tests", "--pairs", "all")
    assert shown.code == 0
    assert ["de", "-", "-", "-"] in [line.split() for line in shown.out.split("\n")]
    assert shown.err == "no labels in test-de.tsv: predictions without accuracy\njudged before; --again judges anew\n"


def test_the_command_shows_the_matrix_in_percent(place: Place, command: Callable[..., Outcome]) -> None:
    outcome = command("bert", "--test-dir", "tests", "--pairs", "all", "--rows", "0:9", "--languages", "en,de")
    assert (outcome.code, outcome.err) == (0, "")
    (folder,) = Path("bert/evaluations").iterdir()
    found = json.loads((folder / "accuracy.json").read_bytes())
    lines = [line.split() for line in outcome.out.split("\n")]
    for k, language in enumerate(("de", "en")):
        assert [language, *(f"{100 * cell['accuracy']:.1f}" for cell in found["cells"][2 * k : 2 * k + 2])] in lines
    assert f"average of all 4 pairs: {found['average_of_pairs']:.4f}" in outcome.out


def test_single_texts_have_no_pairs(place: Place, command: Callable[..., Outcome]) -> None:
    outcome = command("single", "--test-dir", "singles", "--pairs", "all")
    assert (outcome.code, outcome.out) == (2, "")
    assert "reading --pairs: found all, for a run that was trained on single texts; expected" in outcome.err
    assert not Path("single/evaluations").exists()
    table = _table(evaluate("single", "singles").path)
    assert [(row["language_1"], row["language_2"]) for row in table] == [(a, None) for a in LANGUAGES for _ in range(ITEMS)]
    _, labels = plainly(place.single, [(row[0],) for a in LANGUAGES for row in rows(a, 1)])
    assert [row["predicted"] for row in table] == labels


def test_cells_and_units() -> None:
    assert cells_of(["a", "b"], "same", 2) == [("a", "a"), ("b", "b")]
    assert cells_of(["a", "b"], "all", 2) == [("a", "a"), ("a", "b"), ("b", "a"), ("b", "b")]
    assert cells_of(["a"], "same", 1) == [("a", None)]
    with pytest.raises(UsageError, match="'some'; expected same or all"):
        cells_of(["a"], "some", 2)
    cells = cells_of(list("abc"), "all", 2)
    for items, sizes in ((1, [9]), (10, [4, 4, 1]), (40, [1] * 9), (1000, [1] * 9)):
        assert [len(unit) for unit in units_of(cells, items, 40)] == sizes
        assert sum(units_of(cells, items, 40), []) == cells


def test_what_is_there_is_given_back(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    first = evaluate("bert", place.tests)
    assert not first.earlier
    content = {path: path.read_bytes() for path in first.path.iterdir()}
    with monkeypatch.context() as patch:
        patch.setattr("xlt_train.evaluation.task.load", None)  # no model is loaded
        second = evaluate("bert", place.tests)
        assert second.earlier
        assert (second.path, second.evaluation) == (first.path, first.evaluation)
    calls = _counting(monkeypatch)
    assert not evaluate("bert", place.tests, again=True).earlier
    assert (len(calls), {path: path.read_bytes() for path in first.path.iterdir()}) == (1, content)
    (first.path / "predictions.parquet").unlink()  # half a result is none
    assert not evaluate("bert", place.tests).earlier
    assert {path: path.read_bytes() for path in first.path.iterdir()} == content


def test_a_folder_with_other_results_is_refused(place: Place) -> None:
    evaluate("bert", place.tests, out="mine")
    assert evaluate("bert", place.tests, out="mine").earlier
    before = Path("mine/accuracy.json").read_bytes()
    for options in ({"rows": (0, 5)}, {"pairs": "all"}, {"smooth": 2, "epsilon": 0.1}, {"rows": (0, 5), "again": True}):
        with pytest.raises(RunError, match="writing the results to mine: found results that are there already"):
            evaluate("bert", place.tests, out="mine", **options)  # type: ignore[arg-type]
    with pytest.raises(RunError, match="results that are there already"):
        evaluate("xlmr", place.tests, out="mine")
    assert Path("mine/accuracy.json").read_bytes() == before


def _counting(patch: pytest.MonkeyPatch) -> list[int]:
    """Rows of each unit that is judged from now on."""
    calls: list[int] = []
    usual = Judge.__call__

    def noted(self: Judge, rows: Any, *more: Any) -> Any:
        calls.append(len(rows.lengths))
        return usual(self, rows, *more)

    patch.setattr(Judge, "__call__", noted)
    return calls


CHILD = """
import sys, time
import torch
import xlt_train.evaluation.task as task
from xlt_train import evaluate
torch.set_num_threads(1)
task.UNIT_ROWS = 11
evaluate("bert", "tests", pairs="all", out="killed", device="cpu", progress=lambda done, total: time.sleep(0.03))
"""


def _killed(parts: int) -> int:
    """Judge in a process of its own and SIGKILL it once there are so many parts; how many there are then."""
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    child = subprocess.Popen([sys.executable, "-c", CHILD], env=environment, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 120
        while len(list(Path().glob("killed/.parts-*/unit-*"))) < parts and child.poll() is None and time.monotonic() < end:
            time.sleep(0.003)
    finally:
        child.kill()
        child.wait()
    assert child.returncode == -signal.SIGKILL
    return len(list(Path().glob("killed/.parts-*/unit-*")))


def test_a_kill_costs_one_unit_at_most(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xlt_train.evaluation.task.UNIT_ROWS", ITEMS)
    whole = evaluate("bert", "tests", pairs="all", out="whole", device="cpu")
    kept = _killed(4)
    assert 4 <= kept < 9
    assert not Path("killed/accuracy.json").exists()
    calls, heard = _counting(monkeypatch), []
    done = evaluate(
        "bert", "tests", pairs="all", out="killed", device="cpu", progress=lambda n, total: heard.append((n, total))
    )
    assert calls == [ITEMS] * (9 - kept)
    assert heard[-1] == (9 * ITEMS, 9 * ITEMS)
    assert sorted(path.name for path in done.path.iterdir()) == ["accuracy.json", "accuracy.md", "predictions.parquet"]
    for name in ("accuracy.json", "accuracy.md", "predictions.parquet"):
        assert (done.path / name).read_bytes() == (whole.path / name).read_bytes()


class _StopError(Exception):
    """Ends an evaluation in a test."""


@pytest.mark.parametrize("change", ["nothing", "batch size", "noise", "rows", "precision", "version", "file"])
def test_parts_count_for_the_same_judgement_only(change: str, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xlt_train.evaluation.task.UNIT_ROWS", ITEMS)

    def stop(done: int, total: int) -> None:
        if done > 5 * ITEMS:
            raise _StopError

    options: dict[str, Any] = {"batch_size": 4, "pairs": "all", "out": "out"}
    with pytest.raises(_StopError):
        evaluate("bert", "tests", progress=stop, **options)
    assert len(list(Path("out").glob(".parts-*/unit-*"))) == 5
    calls = _counting(monkeypatch)
    changes = {"batch size": {"batch_size": 5}, "noise": {"smooth": 2, "epsilon": 0.1}, "rows": {"rows": (0, 10)}}
    changes["precision"] = {"precision": "bfloat16"}
    if change == "version":
        monkeypatch.setattr("xlt_train.evaluation.task.software_versions", lambda: {"torch": "another"})
    if change == "file":
        write(place.tests / "test-ko.tsv", rows("ko")[::-1])
    evaluate("bert", "tests", **options | changes.get(change, {}))
    assert len(calls) == (4 if change == "nothing" else 9)
    assert sorted(path.name for path in Path("out").iterdir()) == ["accuracy.json", "accuracy.md", "predictions.parquet"]


def test_a_damaged_part_is_judged_again(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xlt_train.evaluation.task.UNIT_ROWS", ITEMS)
    whole = evaluate("bert", "tests", pairs="all", out="whole")
    with monkeypatch.context() as patch:
        patch.setattr("xlt_train.evaluation.task.write_result", _refuse)
        with pytest.raises(RunError, match="writing the results to out: found no room"):
            evaluate("bert", "tests", pairs="all", out="out")
    paths = sorted(Path("out").glob(".parts-*/unit-*"))
    assert len(paths) == 9
    paths[2].write_bytes(paths[2].read_bytes()[:-20])
    paths[4].write_bytes(b"")
    calls = _counting(monkeypatch)
    done = evaluate("bert", "tests", pairs="all", out="out")
    assert len(calls) == 2
    assert _table(done.path) == _table(whole.path)


def _refuse(*_: object) -> None:
    raise OSError(28, "no room")


def test_one_process_at_a_time(place: Place) -> None:
    from filelock import FileLock

    Path("out").mkdir()
    with FileLock("out/.xlt-evaluation.lock"):
        with pytest.raises(RunError, match="found another process that judges there"):
            evaluate("bert", "tests", out="out")
    assert evaluate("bert", "tests", out="out").evaluation.average is not None


def test_an_error_leaves_nothing_behind(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise _StopError

    monkeypatch.setattr(Judge, "__call__", fail)
    with pytest.raises(_StopError):
        evaluate("bert", "tests")
    assert not Path("bert/evaluations").exists()


def test_earlier_formats_are_still_shown(place: Place) -> None:
    """On the model card, beside a new result."""
    done = evaluate("bert", "tests", rows=(0, 4))
    body = json.loads((done.path / "accuracy.json").read_bytes())
    late = ("tests", "placeholders", "items", "pairs", "cells", "average_of_pairs", "smoothing", "precision")
    for number in (1, 2):
        old = {key: value for key, value in body.items() if key not in late} | {"format": f"xlt-evaluation/{number}"}
        Path(f"bert/evaluations/old-{number}").mkdir()
        Path(f"bert/evaluations/old-{number}/accuracy.json").write_text(json.dumps(old | {"split": f"old{number}"}))
    evaluate("bert", "tests")
    card = Path("bert/README.md").read_text()
    assert [line for line in card.split("\n") if line.startswith("### ")] == [
        "### old1, rows 0:4", "### old2, rows 0:4", "### test, rows 0:4", "### test",
    ]  # fmt: skip


def test_bfloat16_is_another_result(place: Place, command: Callable[..., Outcome]) -> None:
    usual = evaluate("bert", "tests")
    half = json.loads(command("bert", "--test-dir", "tests", "--precision", "bfloat16", "--json").out)
    assert (half["precision"], usual.evaluation.precision) == ("bfloat16", "float32")
    assert Path(half["path"]).name != usual.path.name
    apart = [np.array([row["logits"] for row in _table(path)]) for path in (usual.path, Path(half["path"]))]
    assert 1e-5 < np.abs(apart[0] - apart[1]).max() < 1


def test_identities_are_of_the_run(place: Place) -> None:
    names = {kind: evaluate(kind, "tests").evaluation.run for kind in ("bert", "xlmr")}
    assert names["bert"]["identity"] != names["xlmr"]["identity"]
    for kind, run in names.items():
        body = {"weights": run["weights"], "seed": run["seed"], "method": run["method"]}
        text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert run["identity"] == hashlib.sha256(text.encode()).hexdigest()[:16], kind
