"""What evaluations wrote comes back as arrays, is grouped over seeds, and is refused where it does not belong together."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.results.made import LANGUAGES, judged, made_group, made_run
from xlt_train.errors import RunError, UsageError, XltError
from xlt_train.results.collect import choose_tests, find_runs, systems_of
from xlt_train.results.judgement import Judgement
from xlt_train.results.scores import scores_of
from xlt_train.results.systems import System

ALL = [(a, b) for a in LANGUAGES for b in LANGUAGES]


def systems(*words: object, wanted: str | None = None) -> list[System]:
    found = find_runs([str(word) for word in words])
    return systems_of(found, choose_tests(found, wanted))


def draw(cells: int, items: int = 20, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((cells, items)) < 0.7


def test_predictions_come_back_cell_by_cell(tmp_path: Path) -> None:
    correct = draw(9)
    judgement = Judgement.read(judged(made_run(tmp_path / "run"), correct, pairs=ALL, rows=(5, 25)))
    assert judgement.pairs == tuple(ALL)
    assert judgement.languages == LANGUAGES
    assert judgement.predictions.items.tolist() == list(range(5, 25))
    assert (judgement.predictions.correct == correct).all()
    assert judgement.accuracy == pytest.approx(correct.mean(1))


def test_the_mean_of_the_cells_is_the_mean_of_the_saved_predictions(tmp_path: Path) -> None:
    folder = judged(made_run(tmp_path / "run"), draw(9), pairs=ALL)
    rows = pq.read_table(folder / "predictions.parquet").to_pylist()
    plain = sum(row["gold"] == row["predicted"] for row in rows) / len(rows)
    assert systems(tmp_path / "run")[0].matrix(LANGUAGES).mean() == pytest.approx(plain, abs=1e-12)


def test_runs_that_differ_in_their_seed_alone_are_one_system(tmp_path: Path) -> None:
    shares = dict.fromkeys(LANGUAGES, 0.8)
    made_group(tmp_path, "baseline", shares)
    for epsilon in (0.1, 1.0):
        made_group(tmp_path / f"{epsilon}", "rs-rp", shares, seeds=2, settings={"epsilon": epsilon})
    found = systems(tmp_path, tmp_path / "0.1", tmp_path / "1.0")
    assert [(s.name, s.seeds) for s in found] == [
        ("baseline", (1, 2, 3)),
        ("rs-rp, epsilon 0.1", (1, 2)),
        ("rs-rp, epsilon 1.0", (1, 2)),
    ]
    assert scores_of(found[0]).correct.shape == (3, 3, 200)
    assert found[0].accuracy[2] == pytest.approx(scores_of(found[0]).correct[2].mean(1))


def test_a_group_may_be_named_whatever_its_settings(tmp_path: Path) -> None:
    shares = dict.fromkeys(LANGUAGES, 0.8)
    (one,) = made_group(tmp_path / "a", "rs-rp", shares, seeds=1, settings={"epsilon": 0.1})
    two = made_run(tmp_path / "b", method="rs-rp", seed=2, settings={"epsilon": 1.0})
    judged(two, draw(3, 200))
    (system,) = systems(f"mBERT-RS-RP={one},{two}")
    assert (system.name, system.seeds, system.model) == ("mBERT-RS-RP", (1, 2), "bert-base-multilingual-cased")


def test_a_seed_counts_once(tmp_path: Path) -> None:
    for name in ("a", "b"):
        judged(made_run(tmp_path / name), draw(3))
    with pytest.raises(UsageError, match="seed 1 twice"):
        systems(tmp_path / "a", tmp_path / "b")
    with pytest.raises(UsageError, match="twice"):
        systems(tmp_path / "a", tmp_path)


def test_runs_of_different_test_sets_are_named(tmp_path: Path) -> None:
    for name, files in (("a", "1"), ("b", "2")):
        judged(made_run(tmp_path / name, seed=ord(name)), draw(3), files=files)
    with pytest.raises(RunError, match=r"different test sets.*/a: .*/b: "):
        systems(tmp_path)


def test_of_several_test_sets_one_is_named(tmp_path: Path) -> None:
    run = made_run(tmp_path / "run")
    judged(run, draw(3), name="test-aaaaaaaa")
    judged(run, draw(3, seed=1), name="dev-bbbbbbbb", files="b")
    with pytest.raises(UsageError, match="--tests"):
        systems(run)
    for wanted, seed in (("test", 0), ("dev-bbbb", 1)):
        assert systems(run, wanted=wanted)[0].accuracy[0] == pytest.approx(draw(3, seed=seed).mean(1))
    with pytest.raises(UsageError, match=r"found 2 that all runs were judged on: .*begins with nowhere\."):
        systems(run, wanted="nowhere")


def test_all_pairs_count_where_both_were_judged(tmp_path: Path) -> None:
    run = made_run(tmp_path / "run")
    judged(run, draw(3), name="test-aaaaaaaa")
    judged(run, draw(9), pairs=ALL, name="test-pairs-aaaaaaaa")
    judged(run, draw(3, seed=2), name="test-smoothed-aaaaaaaa", smoothing={"draws": 8, "epsilon": 0.1})
    found = systems(run)
    assert [(system.name, len(system.pairs)) for system in found] == [("baseline", 9), ("baseline smoothed", 3)]


def test_a_missing_cell_is_missing(tmp_path: Path) -> None:
    judged(made_run(tmp_path / "a", seed=1), draw(9), pairs=ALL)
    judged(made_run(tmp_path / "b", seed=2), draw(3))
    (system,) = systems(tmp_path)
    matrix = system.matrix(LANGUAGES)
    assert np.isnan(matrix[~np.eye(3, dtype=bool)]).all()
    assert not np.isnan(matrix.diagonal()).any()
    assert np.isnan(scores_of(system).correct[1, [ALL.index(("de", "en"))]]).all()


def test_files_without_labels_have_predictions_and_no_accuracy(tmp_path: Path) -> None:
    judged(made_run(tmp_path / "run"), draw(3), labelled=False)
    (system,) = systems(tmp_path / "run")
    assert np.isnan(system.accuracy).all()
    assert (system.runs[0].predictions.gold == -1).all()


def _cut(folder: Path) -> None:
    table = pq.read_table(folder / "predictions.parquet")
    pq.write_table(table.slice(1), folder / "predictions.parquet")


def _turn(folder: Path) -> None:
    table = pq.read_table(folder / "predictions.parquet")
    turned = pa.array(["yes" if value == "no" else "no" for value in table["predicted"].to_pylist()])
    pq.write_table(table.set_column(4, "predicted", turned), folder / "predictions.parquet")


def _shuffle(folder: Path) -> None:
    table = pq.read_table(folder / "predictions.parquet")
    pq.write_table(table.take(list(range(table.num_rows))[::-1]), folder / "predictions.parquet")


@pytest.mark.parametrize(
    "damage",
    [
        _cut,
        _turn,
        _shuffle,
        lambda folder: (folder / "predictions.parquet").write_bytes(b"PAR1"),
        lambda folder: (folder / "predictions.parquet").unlink(),
        lambda folder: (folder / "accuracy.json").write_text("[]"),
        lambda folder: (folder / "accuracy.json").write_text(json.dumps({"format": "xlt-evaluation/9"})),
    ],
)
def test_what_was_altered_is_refused(tmp_path: Path, damage: object) -> None:
    folder = judged(made_run(tmp_path / "run"), draw(3))
    damage(folder)  # type: ignore[operator]
    with pytest.raises(RunError, match=r"predictions\.parquet|accuracy\.json"):
        _ = Judgement.read(folder).predictions


@pytest.mark.parametrize("word", ["nowhere", "empty", "unjudged", "X=nowhere"])
def test_words_that_name_no_result(tmp_path: Path, word: str) -> None:
    (tmp_path / "empty").mkdir()
    made_run(tmp_path / "unjudged")
    with pytest.raises(XltError, match="Check the path|Judge it"):
        systems(word if "=" in word else tmp_path / word)


def test_a_signature_holds_what_can_change_the_score(tmp_path: Path) -> None:
    made_group(tmp_path, "rs-rp", dict.fromkeys(LANGUAGES, 0.8), settings={"epsilon": 0.1})
    (system,) = systems(tmp_path)
    for part in ("method rs-rp", "epsilon 0.1", "seed 1,2,3", "data dddddddd", "torch 2.13", "split test", "pairs same"):
        assert part in system.signature


def test_datasets_are_told_apart_by_what_made_them(tmp_path: Path) -> None:
    shares = dict.fromkeys(LANGUAGES, 0.8)
    for m in (1, 3):
        made_group(tmp_path / f"m{m}", "rs-da", shares, last=m)
    for data in ("a", "b"):
        made_group(tmp_path / data, "ear", shares, data=data * 64, seeds=1)
    assert [system.name for system in systems(*(tmp_path / name for name in ("m1", "m3", "a", "b")))] == [
        "rs-da, m 1",
        "rs-da, m 3",
        "ear, dataset aaaaaaaa",
        "ear, dataset bbbbbbbb",
    ]


def altered(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    body = json.loads(path.read_text())
    change(body)
    path.write_text(json.dumps(body))


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body["training"].update(learning_rate=1e-3),
        lambda body: body["model"].update(revision="abc"),
        lambda body: body.update(dev={"file": "dev-en.tsv", "sha256": "a" * 64, "rows": 9}),
        lambda body: (body.update(status="checkpoint"), body["results"].update(steps=3)),
    ],
)
def test_what_differs_in_more_than_the_seed_is_no_second_seed(
    tmp_path: Path, change: Callable[[dict[str, Any]], object]
) -> None:
    runs = made_group(tmp_path, "baseline", dict.fromkeys(LANGUAGES, 0.8), seeds=2)
    altered(runs[1] / "xlt-run.json", change)
    assert [system.seeds for system in systems(tmp_path)] == [(1,), (2,)]
    results = [run / "evaluations" / "test-12345678" for run in runs]
    assert [system.seeds for system in systems(*results)] == [(1,), (2,)]
    assert len({system.name for system in systems(*results)}) == 2


def test_a_run_and_its_result_are_one_run(tmp_path: Path) -> None:
    (run,) = made_group(tmp_path, "baseline", dict.fromkeys(LANGUAGES, 0.8), seeds=1)
    with pytest.raises(UsageError, match="the seed 1 twice"):
        systems(run, run / "evaluations" / "test-12345678")


def test_a_name_does_not_join_smoothed_and_plain(tmp_path: Path) -> None:
    runs = made_group(tmp_path, "rs-rp", dict.fromkeys(LANGUAGES, 0.8), seeds=2)
    judged(runs[0], draw(3, 200), name="test-smoothed-1", smoothing={"draws": 9, "epsilon": 0.1})
    found = systems(f"mine={runs[0]},{runs[1]}")
    assert {(system.name, system.seeds) for system in found} == {("mine", (1, 2)), ("mine smoothed", (1,))}


def test_a_signature_tells_what_is_not_the_same_in_all_seeds(tmp_path: Path) -> None:
    runs = made_group(tmp_path, "baseline", dict.fromkeys(LANGUAGES, 0.8), seeds=2)
    altered(runs[1] / "evaluations" / "test-12345678" / "accuracy.json", lambda body: body.update(device="cuda"))
    (system,) = systems(tmp_path)
    assert "device cpu,cuda" in system.signature
    assert "precision float32 |" in system.signature
    assert "learning_rate 2e-05" in system.signature


def test_two_precisions_are_two_systems(tmp_path: Path) -> None:
    (run,) = made_group(tmp_path, "baseline", dict.fromkeys(LANGUAGES, 0.8), seeds=1)
    altered(judged(run, draw(3, 200), name="test-bf16") / "accuracy.json", lambda body: body.update(precision="bfloat16"))
    assert {s.name for s in systems(tmp_path)} == {"baseline, precision bfloat16", "baseline, precision float32"}


def test_a_result_of_the_first_format_is_read(tmp_path: Path) -> None:
    (run,) = made_group(tmp_path, "baseline", dict.fromkeys(LANGUAGES, 0.8), seeds=1)

    def first(body: dict[str, Any]) -> None:
        for key in ("tests", "placeholders", "items", "pairs", "cells", "average_of_pairs", "smoothing", "precision"):
            del body[key]
        of_run = body["run"]
        del of_run["identity"], of_run["method"]["paired"]
        of_run |= {"data": of_run["data"][0], "method": of_run["method"] | {"variants": of_run["method"]["variants"][0]}}
        body |= {"format": "xlt-evaluation/1"}

    result = run / "evaluations" / "test-12345678"
    altered(result / "accuracy.json", first)
    assert "data dddddddd" in systems(run)[0].signature
    moved = result.rename(tmp_path / "moved")
    assert systems(moved)[0].settings["method.variants"] == [[0, 0]]
