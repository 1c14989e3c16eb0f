"""Transfer failures against a plain loop over the saved predictions."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.probing.made import ITEMS, save_run, sentences, write_parallel
from tests.probing.test_aligners import MONOTONE
from tests.probing.test_probe import plain_pairs, plain_space
from xlt_train import evaluate
from xlt_train.errors import RunError
from xlt_train.probing.probe import probe

EPSILONS = [1.0, 2.0, 4.0]


def judge(run: Path, tests: Path, name: str = "test-1", **options: Any) -> Path:
    """An evaluation in its place, without a model card, which takes more than these runs hold."""
    return evaluate(run, tests, out=run / "evaluations" / name, **options).path


def right_by_language(folder: Path) -> dict[str, dict[int, bool]]:
    """Language -> item -> whether it is right."""
    found: dict[str, dict[int, bool]] = {}
    for row in pq.read_table(folder / "predictions.parquet").to_pylist():
        if row["language_2"] in (None, row["language_1"]):
            found.setdefault(row["language_1"], {})[row["item"]] = row["gold"] == row["predicted"]
    return found


def test_failures_are_those_of_a_plain_loop(
    bert_run: Path, tests: Path, aligner: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("xlt_train.probing.compare._BLOCK", 4)  # the texts of an item stand in several
    right = right_by_language(judge(bert_run, tests))
    options: dict[str, Any] = {"depth": "final,embeddings", "epsilon": EPSILONS, "sentences": 5}
    done = probe(bert_run, tests, aligner=aligner(MONOTONE), **options).probe
    assert done.evaluation == "test-1"
    seen = 0
    for one in done.languages:
        assert one.failures is not None
        assert one.failures.items == ITEMS
        failed = {k for k in range(ITEMS) if right["en"][k] and not right[one.language][k]}
        kept = {k for k in range(ITEMS) if right["en"][k] and right[one.language][k]}
        seen += bool(failed) and bool(kept)
        for depth in ("final", "embeddings"):
            pairs = plain_pairs(plain_space(bert_run, tests, "en", depth), plain_space(bert_run, tests, one.language, depth))
            for items, group in ((failed, one.failures.failed[depth]), (kept, one.failures.kept[depth])):
                apart = [(item, a[1].astype(float) - b[1]) for item, a, b in pairs if item in items]
                sizes = [math.sqrt(float((d**2).sum())) for _, d in apart]
                assert (group.items, group.distances.pairs) == (len(items), len(apart))
                if apart:
                    assert group.distances.euclidean == pytest.approx(sum(sizes) / len(sizes), rel=1e-5)
                    assert group.distances.quartiles == pytest.approx(
                        [np.quantile(sizes, q) for q in (0.25, 0.5, 0.75)], rel=1e-5
                    )
                    inside = [sum(np.abs(d).max() <= e for _, d in apart) / len(apart) for e in EPSILONS]
                    assert group.distances.inside == pytest.approx(inside)
                    whole = [
                        sum(all(np.abs(d).max() <= e for k, d in apart if k == item) for item in items) / len(items)
                        for e in EPSILONS
                    ]
                    assert group.items_inside == pytest.approx(whole)
                else:
                    assert (group.distances.euclidean, group.items_inside) == (None, None)
    assert seen  # a language with both groups, or this shows nothing


def test_rows_are_met_by_their_numbers(bert_run: Path, tests: Path) -> None:
    whole = probe_after(bert_run, tests, "whole")
    judge(bert_run, tests, "few", rows=(0, 5))
    part = probe(bert_run, tests, rows=(4, 12)).probe
    assert part.evaluation == "whole"  # which holds more of these rows
    right = right_by_language(bert_run / "evaluations" / "whole")
    failures = part.language("de").failures
    assert failures is not None
    assert failures.items == 8
    assert failures.kept["final"].items == sum(right["en"][k] and right["de"][k] for k in range(4, 12))
    assert whole.evaluation == "whole"


def probe_after(run: Path, tests: Path, name: str) -> Any:
    """Evaluate, then probe."""
    judge(run, tests, name)
    return probe(run, tests).probe


def test_pairs_of_two_languages_and_smoothed_predictions_do_not_count(bert_run: Path, tests: Path) -> None:
    folder = judge(bert_run, tests)
    plain = probe(bert_run, tests).probe
    table = pq.read_table(folder / "predictions.parquet")
    rows = table.to_pylist()
    mixed = [row | {"language_2": "de", "predicted": row["gold"]} for row in rows if row["language_1"] == "en"]
    pq.write_table(
        pa.Table.from_pylist([*rows, *mixed], schema=table.schema), folder / "predictions.parquet", use_dictionary=True
    )
    body = json.loads((folder / "accuracy.json").read_bytes())
    (folder / "accuracy.json").write_text(json.dumps(body | {"format": "xlt-evaluation/3", "smoothing": None}))
    assert probe(bert_run, tests).probe.languages == plain.languages
    (folder / "accuracy.json").write_text(json.dumps(body | {"smoothing": {"draws": 3}}))
    with pytest.raises(RunError, match="0 evaluations on them"):
        probe(bert_run, tests)


def test_a_run_without_predictions_on_these_files(bert_run: Path, tests: Path, tmp_path: Path) -> None:
    message = r"0 evaluations on them; expected one.*Run xlt-train evaluate with the same --test-dir.*--no-failures"
    with pytest.raises(RunError, match=message):
        probe(bert_run, tests)
    folder = judge(bert_run, tests, rows=(0, 5))
    with pytest.raises(RunError, match="1 evaluations on them, of other rows"):
        probe(bert_run, tests, rows=(5, 10))
    changed = write_parallel(tmp_path / "changed", {"en": sentences("en"), "de": sentences("de", ITEMS - 1) + [["x", "y"]]})
    with pytest.raises(RunError, match="0 evaluations on them"):
        probe(bert_run, changed)
    body = json.loads((folder / "accuracy.json").read_bytes())
    (folder / "accuracy.json").write_text(json.dumps(body | {"run": body["run"] | {"identity": "00"}}))
    with pytest.raises(RunError, match="0 evaluations on them"):
        probe(bert_run, tests, rows=(0, 5))
    (folder / "accuracy.json").write_text(json.dumps(body | {"run": body["run"] | {"weights": {"model.safetensors": "00"}}}))
    with pytest.raises(RunError, match="0 evaluations on them"):
        probe(bert_run, tests, rows=(0, 5))
    (folder / "accuracy.json").write_text("{}")
    with pytest.raises(RunError, match=r"found no accuracy\.json of an evaluation"):
        probe(bert_run, tests)
    assert not (bert_run / "probes").exists()
    assert probe(bert_run, tests, failures=False).probe.language("de").failures is None


def test_files_without_labels_have_no_failures(bert_run: Path, tmp_path: Path) -> None:
    tests = write_parallel(tmp_path / "bare", {"en": sentences("en"), "de": sentences("de")})
    bare = [line.rsplit("\t", 1)[0] for line in (tests / "test-de.tsv").read_text().splitlines()]
    (tests / "test-de.tsv").write_text("\n".join(bare) + "\n")
    judge(bert_run, tests)
    done = probe(bert_run, tests).probe
    assert done.language("de").failures is None
    assert done.notes == ["a file of the evaluation has no labels: no failures"]


def test_predictions_that_cannot_be_read(tmp_path: Path, tests: Path) -> None:
    run = save_run(tmp_path / "run")
    (judge(run, tests) / "predictions.parquet").write_bytes(b"PAR1")
    with pytest.raises(RunError, match="the predictions that xlt-train evaluate wrote"):
        probe(run, tests)
