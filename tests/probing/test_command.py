"""`xlt-train probe` for people and for programs, and what it refuses."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.command import Outcome
from tests.probing.made import ITEMS, save_model, save_run, write_parallel
from tests.probing.test_failures import judge
from xlt_train.errors import ModelError, RunError, UsageError
from xlt_train.probing import probe as recipe
from xlt_train.probing.probe import probe
from xlt_train.probing.result import read_probe


def test_the_command_prints_what_it_writes(bert_run: Path, tests: Path, command: Callable[..., Outcome]) -> None:
    judge(bert_run, tests)
    outcome = command(bert_run, "--test-dir", tests, "--epsilon", "0.5,100", "--sentences", 20)
    assert (outcome.code, outcome.err) == (0, "")
    found = read_probe(next((bert_run / "probes").iterdir()))
    for depth in ("embeddings", "final"):
        assert f"depth {depth}\n" in outcome.out
        for one in found.languages:
            figures = one.depths[depth].distances
            line = next(line for line in outcome.out.split(f"depth {depth}\n")[1].splitlines() if line.startswith(one.language))
            assert one.failures is not None
            assert line.split()[:3] == [one.language, str(figures.pairs), f"{figures.euclidean:.3f}"]
            assert "100.0%" in line
            assert line.split()[-4] == str(one.failures.failed[depth].items)
    assert "aligned   by mutual, at depth 3; balls in linf" in outcome.out
    as_json = command(bert_run, "--test-dir", tests, "--epsilon", "0.5,100", "--sentences", 20, "--json")
    body = json.loads(as_json.out)
    assert Path(body.pop("path")) == next((bert_run / "probes").iterdir())
    assert body == found.to_json()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--depth", "top"], "choosing where to perturb: found 'top'"),
        (["--depth", "9"], "found layer 9; expected 1 to 3"),
        (["--epsilon", "one"], "'one' is no number"),
        (["--epsilon", "-1"], "found (-1.0,); expected numbers of at least 0"),
        (["--epsilon", "inf"], "expected numbers of at least 0"),
        (["--source", "fr"], "found files of de, en, zh; expected a file test-fr among them"),
        (["--aligner", "no-such-aligner"], "found no such program"),
        (["--aligner", "cat", "--align-depth", "1"], "reading --align-depth: found --aligner cat"),
        (["--device", "tpu"], "choosing a device: found tpu"),
        (["--rows", "5:3"], "is no range"),
        (["--sentences", "0"], "--sentences"),
    ],
)
def test_wrong_usage_is_one_line(
    bert_run: Path, tests: Path, command: Callable[..., Outcome], words: list[str], message: str
) -> None:
    outcome = command(bert_run, "--test-dir", tests, "--no-failures", *words)
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (2, "", 1)
    assert message in outcome.err
    assert not (bert_run / "probes").exists()


def test_what_cannot_be_probed(tmp_path: Path, tests: Path) -> None:
    model = save_model(tmp_path / "model", "bert")
    run = save_run(tmp_path / "run", base="nano")
    with pytest.raises(UsageError, match="found a model that is no run, and no place for the results; expected --out"):
        probe(model, tests)
    with pytest.raises(UsageError, match="probing the base of .*: found no run"):
        probe(model, tests, base=True)
    with pytest.raises(ModelError, match="found nano, which is made anew for each training set"):
        probe(run, tests, base=True)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match="loading the model .*found a path that transformers cannot open"):
        probe(tmp_path / "empty", tests, out=tmp_path / "out")
    with pytest.raises(RunError, match="a folder that is there already"):
        probe(run, tests, out=model)
    (run / "config.json").write_text((run / "config.json").read_text() + " ")
    with pytest.raises(RunError, match=r"checking the model file .*config\.json"):
        probe(run, tests, failures=False)
    body = json.loads((run / "xlt-run.json").read_text())
    (run / "xlt-run.json").write_text(json.dumps(body | {"status": "started"}))
    with pytest.raises(RunError, match="found a run that was not finished"):
        probe(run, tests)
    (tmp_path / "probe.json").write_text('{"format": "xlt-probe/0"}')
    with pytest.raises(RunError, match="no probe of this version"):
        read_probe(tmp_path)
    with pytest.raises(RunError, match="no such file"):
        read_probe(tests)


def test_files_that_are_not_parallel(bert_run: Path, tests: Path, tmp_path: Path, command: Callable[..., Outcome]) -> None:
    alone = write_parallel(tmp_path / "alone", {"en": [["a", "b"]]})
    outcome = command(bert_run, "--test-dir", alone, "--no-failures")
    assert (outcome.code, "found test-en.tsv alone; expected at least one other language" in outcome.err) == (1, True)
    with (tests / "test-de.tsv").open("a") as stream:
        stream.write("noch\teine\tyes\n")
    outcome = command(bert_run, "--test-dir", tests, "--no-failures")
    assert f"found {ITEMS} rows; expected {ITEMS + 1} as in test-de.tsv" in outcome.err


def test_a_language_of_placeholders_alone_has_no_figures(bert_run: Path, tests: Path, command: Callable[..., Outcome]) -> None:
    (tests / "test-de.tsv").write_text("NS\tNS\tno\n" * ITEMS)
    outcome = command(bert_run, "--test-dir", tests, "--no-failures")
    assert outcome.code == 0, outcome.err
    found = read_probe(next((bert_run / "probes").iterdir()))
    one = found.language("de")
    assert (one.texts, one.words, one.depths["final"].distances.pairs) == (0, 0, 0)
    assert one.depths["final"].rank.mean is None
    assert found.language("zh").depths["final"].distances.pairs
    assert outcome.out.split("depth final\n")[1].splitlines()[1].split()[:4] == ["de", "0", "-", "-"]


def test_nothing_is_half_written(bert_run: Path, tests: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options: dict[str, Any] = {"failures": False, "sentences": 5}
    first = probe(bert_run, tests, **options)
    before = {path.name: path.read_bytes() for path in first.path.iterdir()}

    def full(value: object) -> bytes:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("xlt_train.probing.result.pretty_json", full)
        for out in (None, bert_run / "elsewhere"):
            with pytest.raises(RunError, match="found No space left on device; expected room and access"):
                probe(bert_run, tests, out=out, **options)
    assert {path.name: path.read_bytes() for path in first.path.iterdir()} == before
    assert [path.name for path in (bert_run / "probes").iterdir()] == [first.path.name]
    assert not (bert_run / "elsewhere").exists()


def test_an_interrupt_leaves_nothing(
    bert_run: Path, tests: Path, command: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("xlt_train.cli.main._received", [])
    monkeypatch.setattr(recipe, "compare", lambda *args: os.kill(os.getpid(), signal.SIGINT))
    outcome = command(bert_run, "--test-dir", tests, "--no-failures")
    assert (outcome.code, outcome.err) == (130, "xlt-train: interrupted; nothing half-written counts\n")
    assert not (bert_run / "probes").exists()
