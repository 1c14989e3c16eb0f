"""`xlt-train compare`: what it prints, what names a side, what it refuses."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.command import Outcome, run_here
from tests.results.made import LANGUAGES, judged, made_group, made_run
from tests.statistics import simulated
from xlt_train.results.scores import scores_of
from xlt_train.results.sides import find_side, one_system

ALL = [(a, b) for a in LANGUAGES for b in LANGUAGES]


@pytest.fixture
def groups(clean_folder: Path) -> Path:
    """Five seeds of two methods, one of them better by six points, in `baseline` and `rs-da`."""
    sides = simulated.judged(np.random.default_rng(3), gain=0.06, items=400, languages=3)
    for method, right in zip(("baseline", "rs-da"), sides):
        for seed, correct in enumerate(right):
            judged(made_run(clean_folder / method / f"{method}-{seed}", method=method, seed=seed), correct)
    return clean_folder


def compare(capsys: pytest.CaptureFixture[str], *words: object) -> Outcome:
    return run_here(capsys, "compare", *words, "--draws", 200, program="xlt-train")


def rows(out: str) -> dict[str, list[str]]:
    """First word of each line of the table -> the others."""
    return {words[0]: words[1:] for line in out.splitlines() if (words := line.split())}


def test_two_groups_are_told_language_by_language(groups: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = compare(capsys, "baseline", "rs-da")
    assert (done.code, done.err) == (0, "")
    body = json.loads(compare(capsys, "baseline", "rs-da", "--json").out)
    assert [claim["what"] for claim in body["claims"]] == [*LANGUAGES, "average"]
    for claim in body["claims"]:
        line = " ".join(rows(done.out)[claim["what"]])
        test = claim["seeds"]
        assert line.startswith(f"{100 * claim['a']:.2f} ±{100 * claim['a_sd']:.2f} {100 * claim['b']:.2f}")
        assert f"{100 * claim['difference']:+.2f} {100 * test['low']:+.2f} to {100 * test['high']:+.2f}" in line
        assert line.endswith(claim["verdict"])
        assert claim["verdict"] == "better"
        p = [claim[name]["adjusted"] for name in ("seeds", "papers", "items")]
        assert " ".join(f"{x:.4f}" if x >= 0.0001 else "<0.0001" for x in p) in line
    assert "A         baseline, seeds 0, 1, 2, 3, 4" in done.out
    assert "given these test items: new training seeds (paired t-test)" in done.out
    assert "given these trained models: new test items (bootstrap by item" in done.out
    assert "400 items" in done.out


def test_seed_and_draws_are_those_of_the_bootstrap(groups: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, same, other = (compare(capsys, "baseline", "rs-da", "--json", "--seed", seed).out for seed in (1, 1, 2))
    assert one == same
    assert one != other
    assert json.loads(one)["draws"] == 200


@pytest.mark.parametrize(
    ("word", "seeds"),
    [
        ("rs-da/rs-da-*", [0, 1, 2, 3, 4]),
        ("rs-da/rs-da-1,rs-da/rs-da-3", [1, 3]),
        ("rs-da/rs-da-[12]", [1, 2]),
        ("mine=rs-da/rs-da-2,rs-da/rs-da-4", [2, 4]),
        ("mine=rs-da/*", [0, 1, 2, 3, 4]),
        ("rs-da/rs-da-2/evaluations/test-12345678", [2]),
    ],
)
def test_a_side_is_named_in_many_ways(word: str, seeds: list[int], groups: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body = json.loads(compare(capsys, "baseline", word, "--json").out)
    assert body["seeds_b"] == seeds
    assert body["b"] == ("mine" if "=" in word else "rs-da")
    whole = json.loads(
        compare(capsys, "baseline", str(groups / word) if "=" not in word and "," not in word else word, "--json").out
    )
    assert whole == body


def test_two_single_runs_are_compared_and_nothing_is_claimed(groups: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = compare(capsys, "baseline/baseline-0", "rs-da/rs-da-0")
    assert done.code == 0
    assert " ".join(rows(done.out)["average"]).endswith("one seed: these runs differ")
    assert "exact McNemar" in done.out
    claims = json.loads(compare(capsys, "baseline/baseline-0", "rs-da/rs-da-0", "--json").out)["claims"]
    for claim in claims:
        p = (claim["mcnemar"] or claim["items"])["adjusted"]
        assert (f"{p:.4f}" if p >= 0.0001 else "<0.0001") in rows(done.out)[claim["what"]]
    assert any(claim["mcnemar"] and claim["mcnemar"]["adjusted"] != claim["items"]["adjusted"] for claim in claims)
    assert "note      one seed: nothing is claimed about the methods" in done.out
    assert "better" not in done.out


def test_all_pairs_are_means_and_with_an_option_cells(clean_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    numbers = np.random.default_rng(4)
    for method in ("a", "b"):
        for seed in (1, 2, 3):
            judged(
                made_run(clean_folder / method / str(seed), method=method, seed=seed), numbers.random((9, 50)) < 0.5, pairs=ALL
            )
    few = compare(capsys, "a", "b")
    found = rows(few.out)
    assert {"de", "en", "ko", "diagonal", "off-diagonal", "all"} <= found.keys()
    assert "de-en" not in found
    assert "not above always giving the most frequent label (50.0%)" in few.out
    assert "more in pairs of languages; --pairs lists them" in few.out
    assert not any("-" in line for line in few.out.splitlines() if line.startswith("chance") and "--pairs" not in line)
    many = compare(capsys, "a", "b", "--pairs")
    assert {"-".join(pair) for pair in ALL} <= rows(many.out).keys()
    assert "--pairs lists them" not in many.out


def test_a_matrix_with_missing_cells_says_so(clean_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    numbers = np.random.default_rng(5)
    for method, pairs in (("a", ALL), ("b", [pair for pair in ALL if pair != ("de", "en")])):
        for seed in (1, 2):
            correct = numbers.random((len(pairs), 50)) < 0.9
            judged(made_run(clean_folder / method / str(seed), method=method, seed=seed), correct, pairs=pairs)
    done = compare(capsys, "a", "b", "--pairs")
    found = rows(done.out)
    for name in ("de-en", "off-diagonal", "all"):
        assert found[name][-1] == "missing"
    assert found["de-ko"][-1] != "missing"
    assert "note      b has no accuracy of de-en: missing, in every mean that it belongs to" in done.out


def test_several_test_sets_are_told_apart_by_name(clean_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    right = np.random.default_rng(6).random((3, 40)) < 0.8
    for name in ("a", "b"):
        run = made_run(clean_folder / name, method=name)
        judged(run, right, files="1", name="test-11111111")
        judged(run, right[:, :30], files="2", name="dev-22222222")
    asked = compare(capsys, "a", "b")
    assert asked.code == 2
    assert "test-11111111" in asked.err
    assert "dev-22222222" in asked.err
    assert json.loads(compare(capsys, "a", "b", "--tests", "dev", "--json").out)["items"] == 30


def test_a_smoothed_result_counts_where_it_is_named(clean_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    right = np.random.default_rng(7).random((3, 40)) < 0.8
    run = made_run(clean_folder / "a")
    judged(run, right)
    judged(run, ~right, name="test-smoothed", smoothing={"draws": 9, "epsilon": 0.1})
    judged(made_run(clean_folder / "b", method="rs-da"), right)
    plain = json.loads(compare(capsys, "b", "a", "--json").out)
    assert plain["claims"][-1]["difference"] == 0
    named = json.loads(compare(capsys, "a", "a/evaluations/test-smoothed", "--json").out)
    assert named["claims"][-1]["difference"] == pytest.approx(1 - 2 * right.mean())
    assert named["a"] != named["b"]


def test_other_items_of_the_same_test_set_are_refused(clean_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    right = np.random.default_rng(8).random((3, 40)) < 0.8
    for seed, (name, rows_) in enumerate({"a": (0, 40), "b": (1, 41), "c": (0, 40)}.items()):
        folder = judged(made_run(clean_folder / name, method=name, seed=seed), right, rows=rows_)
        body = json.loads((folder / "accuracy.json").read_text())
        (folder / "accuracy.json").write_text(json.dumps(body | {"tests": "0" * 16}))
    for words in (("a", "b"), ("mine=a,b", "c")):
        done = compare(capsys, *words)
        assert done.code == 1
        assert "other items" in done.err


def test_bad_sides_are_refused(clean_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made_group(clean_folder / "one", "baseline", dict.fromkeys(LANGUAGES, 0.8))
    made_group(clean_folder / "two", "rs-da", dict.fromkeys(LANGUAGES, 0.8))
    right = np.ones((3, 40), bool)
    judged(made_run(clean_folder / "other"), right, files="9")
    judged(made_run(clean_folder / "bare"), right, labelled=False)
    judged(made_run(clean_folder / "bare-too", method="adv"), right, labelled=False)
    made_run(clean_folder / "unjudged")
    cases = {
        ("one", "other"): (1, "runs of different test sets"),
        ("bare", "bare-too"): (1, "no labels"),
        ("one", "unjudged"): (1, "not judged"),
        ("one", "nothing"): (2, "no such folder"),
        ("one", "no*"): (2, "looking for runs that match no*: found none"),
        ("one", "one/baseline-1,two/rs-da-2"): (2, "2 methods or settings: baseline; rs-da"),
        ("one", "one"): (2, "on both sides"),
        ("one", "one/baseline-1,one/baseline-1"): (2, "twice"),
        ("one", "two", "--pairs"): (2, "judged on single languages"),
        ("one", "two", "--draws", "9"): (2, "not in the range"),
    }
    for words, (code, message) in cases.items():
        done = run_here(capsys, "compare", *words, program="xlt-train")
        assert (done.code, done.out) == (code, ""), words
        assert message in done.err
        assert len(done.err.splitlines()) == 1


def test_without_the_extra_it_says_what_to_install(
    groups: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("xlt_train.cli.extra.find_spec", lambda name: None if name == "scipy" else object())
    done = compare(capsys, "baseline", "rs-da")
    assert done.code == 1
    assert "no scipy" in done.err
    assert "pip install 'xlt[report]'" in done.err


def test_runs_become_scores_and_what_has_no_labels_is_neither_right_nor_wrong(clean_folder: Path) -> None:
    right = np.random.default_rng(9).random((3, 41)) < 0.8
    for name, labelled in (("a", True), ("bare", False)):
        judged(made_run(clean_folder / name), right, labelled=labelled, rows=(7, 48))
    a, bare = (scores_of(one_system(found, found[0].judgements[0].tests, "")) for found in map(find_side, ("a", "bare")))
    assert a.correct is not None
    assert (a.correct[0] == right).all()
    assert a.majority is not None
    assert a.majority == pytest.approx(21 / 41)
    assert (a.classes, a.seeds, a.items is not None and a.items[0]) == (2, (1,), 7)
    assert bare.correct is not None
    assert bare.majority is not None
    assert np.isnan(bare.correct).all()
    assert np.isnan([*bare.majority, *bare.accuracy[0]]).all()


def test_a_language_with_a_hyphen_is_no_pair(clean_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for method in ("baseline", "rs-da"):
        made_group(clean_folder / method, method, {"en": 0.9, "zh-Hans": 0.5}, seeds=1)
    done = run_here(capsys, "compare", "baseline", "rs-da", "--draws", 99, program="xlt-train")
    assert "baseline, zh-Hans: the run not above" in done.out
    assert "more in pairs" not in done.out
