"""Every pair of languages is what a plain loop finds; what was judged before an interruption stays judged."""

import hashlib
import json
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.command import Outcome
from tests.evaluation.judged import ITEMS, LABELS, LANGUAGES, Place, plainly, rows, write
from xlt_train import evaluate
from xlt_train.errors import UsageError
from xlt_train.evaluation.cells import cells_of, units_of

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
