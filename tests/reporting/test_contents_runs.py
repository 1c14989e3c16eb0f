"""A report of runs: rows, tests, alarms, maps, lines and planes say what the runs' files say."""

import csv
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from tests.command import run_here
from tests.reporting.probes import made_probe
from tests.results.made import LANGUAGES, judged, made_group, made_run
from xlt_train.errors import ReportError, UsageError, XltError
from xlt_train.reporting.build import report

ALL = [(a, b) for a in LANGUAGES for b in LANGUAGES]
ORDER = ["en", "de", "ko"]  # by distance
QUICK: dict[str, Any] = {"draws": 199}


def table(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / "tables" / f"{name}.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def numbers(line: Mapping[str, str], *names: str) -> list[float]:
    return [float(line[name]) for name in names]


@pytest.fixture(autouse=True)
def quick_files(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are drawn but not printed, which takes most of the time and is tested elsewhere; `printed` tests print them."""
    if "printed" not in request.keywords:
        monkeypatch.setattr("xlt_train.reporting.figures.save.svg_text", lambda drawing: '<svg viewBox="0 0 9 9"></svg>')
        monkeypatch.setattr("xlt_train.reporting.figures.save.png_bytes", lambda drawing: b"")


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """Four seeds of a baseline, and of a method that is better in Korean in every seed, judged on all pairs."""
    for method, gain in (("baseline", 0.0), ("rs-da", 0.15)):
        for seed in (1, 2, 3, 4):
            draw = np.random.default_rng(seed).random((9, 400))
            shares = [0.7 + 0.01 * seed + (gain + 0.002 * seed * (gain > 0)) * ("ko" in pair) for pair in ALL]
            run = made_run(tmp_path / "runs" / f"{method}-{seed}", method=method, seed=seed, last=10 * (method == "rs-da"))
            judged(run, draw < np.array(shares)[:, None], pairs=ALL)
    return tmp_path / "runs"


def test_the_main_table_is_means_and_spread_over_seeds(two: Path, tmp_path: Path) -> None:
    report([two], out=tmp_path / "out", **QUICK)
    lines = table(tmp_path / "out", "accuracy")
    assert [line["model"] for line in lines] == ["baseline", "rs-da"]
    for line in lines:
        bodies = [json.loads(path.read_text()) for path in sorted(two.glob(f"{line['model']}-*/evaluations/*/accuracy.json"))]
        for language in ORDER:
            values = [e["accuracy"] for body in bodies for e in body["languages"] if e["language"] == language]
            assert float(line[language]) == pytest.approx(np.mean(values))
            assert float(line[f"{language} sd"]) == pytest.approx(np.std(values, ddof=1))
    assert [column for column in lines[0] if column in LANGUAGES] == ORDER


def test_tests_are_those_of_scipy(two: Path, tmp_path: Path) -> None:
    report([two], out=tmp_path / "out", **QUICK)
    found = {line["language"]: line for line in table(tmp_path / "out", "tests-rs-da")}
    korean = {
        method: [
            next(e["accuracy"] for e in json.loads(path.read_text())["languages"] if e["language"] == "ko")
            for path in sorted(two.glob(f"{method}-*/evaluations/*/accuracy.json"))
        ]
        for method in ("baseline", "rs-da")
    }
    plain = stats.ttest_rel(korean["rs-da"], korean["baseline"])
    assert float(found["ko"]["p over seeds t-test"]) == pytest.approx(plain.pvalue)
    assert found["ko"]["verdict"] == "better"
    assert found["en"]["verdict"] == "no difference shown"
    assert float(found["en"]["this minus baseline difference"]) == 0
    assert list(found) == [*ORDER, "diagonal", "off-diagonal", "all pairs"]


def test_significant_gains_are_underlined_and_said(two: Path, tmp_path: Path) -> None:
    report([two], out=tmp_path / "out", **QUICK)
    tex = (tmp_path / "out" / "tables" / "accuracy.tex").read_text()
    (line,) = [line for line in tex.splitlines() if line.startswith("rs-da")]
    assert line.count("\\underline") == 2  # ko, and the average
    page = (tmp_path / "out" / "index.html").read_text()
    assert "paired t-test over seeds" in page


def test_a_loss_is_never_underlined(two: Path, tmp_path: Path) -> None:
    report([two], out=tmp_path / "out", baseline="rs-da", **QUICK)
    assert table(tmp_path / "out", "tests-baseline")[-1]["verdict"].startswith("worse")
    assert "\\underline" not in (tmp_path / "out" / "tables" / "accuracy.tex").read_text()


def test_of_two_baselines_none_is_taken_unasked(tmp_path: Path) -> None:
    for data in ("a", "b"):
        made_group(tmp_path / data, "baseline", dict.fromkeys(LANGUAGES, 0.8), data=data * 64)
    made_group(tmp_path / "c", "rs-da", dict.fromkeys(LANGUAGES, 0.9), last=3)
    folders = [tmp_path / name for name in "abc"]
    assert not [name for name in report(folders, out=tmp_path / "out", **QUICK).tables if name.startswith("tests")]
    done = report(folders, out=tmp_path / "out", baseline="baseline, dataset bbbbbbbb", **QUICK)
    assert {"tests-rs-da", "tests-baseline-dataset-aaaaaaaa"} <= set(done.tables)


def test_maps_hold_the_differences_of_the_cells(two: Path, tmp_path: Path) -> None:
    report([two], out=tmp_path / "out", **QUICK)
    for line in table(tmp_path / "out", "map-rs-da-numbers"):
        first = next(iter(line.values()))
        for second in ORDER:
            means = []
            for method in ("rs-da", "baseline"):
                bodies = [json.loads(path.read_text()) for path in two.glob(f"{method}-*/evaluations/*/accuracy.json")]
                cells = [
                    c["accuracy"] for b in bodies for c in b["cells"] if (c["language_1"], c["language_2"]) == (first, second)
                ]
                means.append(np.mean(cells))
            assert float(line[second]) == pytest.approx(means[0] - means[1], abs=1e-12)


def test_one_seed_claims_nothing(tmp_path: Path) -> None:
    for method, share in (("baseline", 0.6), ("rs-da", 0.9)):
        made_group(tmp_path / "runs", method, dict.fromkeys(LANGUAGES, share), seeds=1)
    done = report([tmp_path / "runs"], out=tmp_path / "out", **QUICK)
    assert "one training seed" in done.summary
    assert "\\underline" not in (tmp_path / "out" / "tables" / "accuracy.tex").read_text()
    assert {line["verdict"].split(":")[0] for line in table(tmp_path / "out", "tests-rs-da")} == {"one seed"}
    assert done.summary.startswith("2 runs of 2 systems (1 seed each)")
    alone = report([tmp_path / "runs" / "baseline-1"], out=tmp_path / "alone", **QUICK)
    assert alone.summary.startswith("1 run of 1 system (1 seed each)")


def test_cells_at_chance_raise_an_alarm(tmp_path: Path) -> None:
    for method in ("baseline", "rs-da"):
        made_group(tmp_path / "runs", method, {"de": 0.5, "en": 0.9, "ko": 0.5})
    report([tmp_path / "runs"], out=tmp_path / "out", **QUICK)
    page = (tmp_path / "out" / "index.html").read_text()
    assert "At chance level: baseline, in de, ko." in page
    assert "At chance level: rs-da, in de, ko." in page


def test_a_missing_cell_is_drawn_as_missing_and_averaged_nowhere(two: Path, tmp_path: Path) -> None:
    run = made_run(two / "rs-da-9", method="rs-da", seed=9, last=10)
    judged(run, np.ones((3, 400), bool))
    base = made_run(two / "baseline-9", seed=9)
    judged(base, np.ones((9, 400), bool), pairs=ALL)
    report([two], out=tmp_path / "out", **QUICK)
    line = next(line for line in table(tmp_path / "out", "pairs") if line["model"] == "rs-da")
    assert line["accuracy one language"] != ""
    assert line["accuracy two languages"] == line["accuracy all pairs"] == ""
    assert "6 cells are missing" in (tmp_path / "out" / "index.html").read_text()


def test_files_without_labels_leave_gaps(tmp_path: Path) -> None:
    for method in ("baseline", "rs-da"):
        judged(made_run(tmp_path / "runs" / method, method=method), np.ones((3, 50), bool), labelled=False)
    done = report([tmp_path / "runs"], out=tmp_path / "out", **QUICK)
    assert done.figures == ()
    assert {line["en"] for line in table(tmp_path / "out", "accuracy")} == {""}


def test_m_and_epsilon_become_curves(tmp_path: Path) -> None:
    for m in (1, 3, 10, 30):
        made_group(tmp_path / f"m{m}", "rs-da", dict.fromkeys(LANGUAGES, 0.7 + m / 200), last=m)
    for epsilon in (0.1, 1.0):
        made_group(tmp_path / f"e{epsilon}", "rs-rp", dict.fromkeys(LANGUAGES, 0.8), settings={"epsilon": epsilon})
    made_group(tmp_path / "base", "baseline", dict.fromkeys(LANGUAGES, 0.7))
    folders = [tmp_path / name for name in ("base", "m1", "m3", "m10", "m30", "e0.1", "e1.0")]
    done = report(folders, out=tmp_path / "out", **QUICK)
    assert {"figure-variants", "figure-epsilon"} <= set(done.figures)
    lines = table(tmp_path / "out", "setting-variants-rs-da")
    assert [line["m"] for line in lines] == ["1", "3", "10", "30"]
    averages = [float(line["avg."]) for line in lines]
    assert averages == sorted(averages)
    for line, m in zip(lines, (1, 3, 10, 30)):
        bodies = [json.loads(path.read_text()) for path in (tmp_path / f"m{m}").glob("*/evaluations/*/accuracy.json")]
        assert float(line["avg."]) == pytest.approx(np.mean([body["average"] for body in bodies]))


def test_published_rows_stand_beside_runs_of_the_same_languages(tmp_path: Path) -> None:
    languages = ["de", "en", "es", "fr", "ja", "ko", "zh"]
    made_group(tmp_path / "runs", "baseline", dict.fromkeys(languages, 0.8))
    report([tmp_path / "runs"], out=tmp_path / "out", against="published", **QUICK)
    lines = table(tmp_path / "out", "accuracy")
    assert lines[0]["model"] == "baseline"
    published = {line["model"]: line for line in lines[1:]}
    assert float(published["mBERT-RS-DA"]["ko"]) == pytest.approx(0.783)
    made_group(tmp_path / "others", "baseline", dict.fromkeys(("en", "fi"), 0.8))
    report([tmp_path / "others"], out=tmp_path / "none", against="published", **QUICK)
    page = (tmp_path / "none" / "index.html").read_text()
    assert "No paper at hand has numbers for just these languages: en, fi." in page
    assert "No distance is known for fi" in page
    with pytest.raises(UsageError, match="languages of PAWS-X or XNLI"):
        report([tmp_path / "others"], out=tmp_path / "none", metric="published", **QUICK)


def test_words_and_failures_come_from_probes(two: Path, tmp_path: Path) -> None:
    for k, method in enumerate(("baseline", "rs-da")):
        made_probe(two / f"{method}-1", languages=["de", "ko"], shift=1.0 + k)
    done = report([two], out=tmp_path / "out", **QUICK)
    assert {"plane-ko"} <= set(done.figures)
    lines = table(tmp_path / "out", "words-distance")
    found = {(line["model"]): numbers(line, "de", "ko") for line in lines}
    assert found == {"baseline": [1.0, 2.0], "rs-da": [2.0, 4.0]}
    linked = [line for line in table(tmp_path / "out", "plane-ko-numbers") if line["distance"]]
    assert {(line["en"], line["ko"]) for line in linked} == {(f"word{k}", f"ko{k}") for k in range(12) if k % 3}
    failures = table(tmp_path / "out", "failures-rs-da")
    assert [line["language"] for line in failures] == ["de", "ko"]
    assert numbers(failures[0], "items", "failed", "failed, %") == [10, 4, 0.5]
    done = report([two], out=tmp_path / "by-probe", metric="probe", **QUICK)
    page = (tmp_path / "by-probe" / "index.html").read_text()
    assert "Euclidean distance of aligned words to en" in page


@pytest.mark.parametrize(("files", "said"), [("a", 0), ("b", 1)])
def test_probes_of_other_files_are_said_to_be(files: str, said: int, tmp_path: Path) -> None:
    run = made_run(tmp_path / "run")
    judged(run, np.ones((3, 40), bool), files=files)
    made_probe(run, languages=["de", "ko"], shift=1.0)  # of files "a"
    report([run], out=tmp_path / "out", **QUICK)
    assert (tmp_path / "out" / "index.html").read_text().count("the models were probed on others") == said


@pytest.mark.printed
def test_a_report_takes_the_place_of_an_earlier_one_and_of_nothing_else(two: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    report([two], out=out, **QUICK)
    first = {path.relative_to(out): path.read_bytes() for path in out.rglob("*") if path.is_file()}
    (out / "tables" / "old.csv").write_text("from before")
    report([two], out=out, **QUICK)
    assert {path.relative_to(out): path.read_bytes() for path in out.rglob("*") if path.is_file()} == first
    other = tmp_path / "thesis"
    other.mkdir()
    (other / "chapter.tex").write_text("years of work")
    with pytest.raises(ReportError, match="holds something else"):
        report([two], out=other, **QUICK)
    assert [path.name for path in other.iterdir()] == ["chapter.tex"]
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_nothing_is_half_written(two: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from xlt_train.reporting import build

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    out = tmp_path / "out"
    report([two], out=out, **QUICK)
    before = (out / "index.html").read_bytes()
    monkeypatch.setattr(build, "write_report", full)
    with pytest.raises(ReportError, match="No space left"):
        report([two], out=out, **QUICK)
    assert (out / "index.html").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "runs"]


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"baseline": "nothing"}, UsageError, "--baseline"),
        ({"source": "fi"}, UsageError, "--source"),
        ({"metric": "nothing"}, UsageError, "syntactic, inventory, phonological, featural, probe, published"),
        ({"metric": "probe"}, UsageError, "xlt-train probe"),
        ({"tests": "nothing"}, UsageError, "begins with nothing"),
        ({"distances": "nowhere.csv"}, XltError, "nowhere.csv"),
        ({"against": "others"}, UsageError, "published"),
    ],
)
def test_wrong_options(two: Path, tmp_path: Path, options: dict[str, Any], error: type[XltError], match: str) -> None:
    with pytest.raises(error, match=re.escape(match)):
        report([two], out=tmp_path / "out", **QUICK, **options)
    assert not (tmp_path / "out").exists()


@pytest.mark.printed
def test_the_command(two: Path, clean_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = run_here(capsys, "report", two, "--out", "out", "--draws", 199, program="xlt-train")
    assert done.code == 0, done.err
    assert "rs-da is +" in done.out
    assert "open out/index.html" in done.out
    none = run_here(capsys, "report", "--out", "none", program="xlt-train")
    assert (none.code, Path("none").exists()) == (2, False)
    assert "--against published" in none.err
    lost = run_here(capsys, "report", "nowhere", "--out", "none", program="xlt-train")
    assert lost.code == 2
    assert "looking for runs in nowhere" in lost.err


def test_a_run_that_is_compared_with_nothing_raises_its_alarm(tmp_path: Path) -> None:
    made_group(tmp_path / "runs", "baseline", dict.fromkeys(LANGUAGES, 0.5), seeds=1)
    report([tmp_path / "runs"], out=tmp_path / "out", **QUICK)
    assert "At chance level: baseline, everywhere" in (tmp_path / "out" / "index.html").read_text()


def test_a_baseline_that_was_trained_otherwise_is_named(tmp_path: Path) -> None:
    made_group(tmp_path / "runs", "baseline", dict.fromkeys(LANGUAGES, 0.7))
    for run in made_group(tmp_path / "runs", "rs-da", dict.fromkeys(LANGUAGES, 0.8), last=10):
        body = json.loads((run / "xlt-run.json").read_text())
        body["training"]["learning_rate"] = 0.001
        (run / "xlt-run.json").write_text(json.dumps(body))
    report([tmp_path / "runs"], out=tmp_path / "out", **QUICK)
    page = (tmp_path / "out" / "index.html").read_text()
    assert "differ in more than the method: learning rate 0.001 and 2e-05." in page
