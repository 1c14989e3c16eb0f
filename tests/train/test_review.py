"""What a review found: numbers of other weights than the saved ones, code of strangers, folders used by two."""

import json
from pathlib import Path

import pytest
import torch
from transformers import AutoModel, AutoModelForSequenceClassification

from tests.small_models import save_small_bert
from tests.train.toy import Toy, fit_here, run_train, sha256
from xlt_augment import Swap, build
from xlt_train import TrainingSet, evaluate
from xlt_train.errors import DatasetError, ModelError, RunError
from xlt_train.runs.folder import claimed


def test_the_best_step_is_that_of_the_saved_weights(toy: Toy, tmp_path: Path) -> None:
    """Looked at more often than saved: the best look may have no checkpoint."""
    settings = {"eval_strategy": "steps", "eval_steps": 1, "save_steps": 4, "max_steps": 12}
    settings |= {"save_strategy": "steps", "save_total_limit": 9}
    run = fit_here(toy.synonym, "rs-da", tmp_path / "run", dev=toy.dev, metric_for_best_model="loss", **settings)
    best = run.record.results["best_step"]
    assert best % 4 == 0
    assert sha256(run.path / f"checkpoint-{best}" / "model.safetensors") == run.record.weights["model.safetensors"]
    record = json.loads((run.path / f"checkpoint-{best}" / "xlt-run.json").read_bytes())
    assert record["results"]["dev_accuracy"] == run.record.results["dev_accuracy"]


def test_code_that_lies_beside_a_model_is_never_run(toy: Toy, tmp_path: Path) -> None:
    run = fit_here(toy.synonym, "baseline", tmp_path / "run", max_steps=1).path
    config = json.loads((run / "config.json").read_text())
    config |= {"model_type": "strange", "auto_map": {"AutoConfig": "evil.Config"}}
    (run / "config.json").write_text(json.dumps(config))
    (run / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    with pytest.raises(ModelError):
        fit_here(toy.synonym, "baseline", tmp_path / "next", model=str(run), max_steps=1)
    with pytest.raises(RunError, match=r"config\.json"):
        evaluate(run, toy.tests)
    assert not (tmp_path / "ran").exists()


def test_half_precision_weights_are_trained_in_full(toy: Toy, tmp_path: Path) -> None:
    texts = TrainingSet.open(toy.synonym).originals(50)
    place = save_small_bert(tmp_path / "half", [text for column in texts.values() for text in column])
    AutoModel.from_pretrained(place).half().save_pretrained(place)
    assert AutoModel.from_pretrained(place).dtype == torch.float16
    run = fit_here(toy.synonym, "baseline", tmp_path / "run", model=str(place), max_steps=1)
    reopened = AutoModelForSequenceClassification.from_pretrained(run.path)
    assert {value.dtype for value in reopened.parameters()} == {torch.float32}


def test_missing_weights_are_refused(toy: Toy, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    run = fit_here(toy.synonym, "baseline", tmp_path / "run", max_steps=1).path
    weights = load_file(run / "model.safetensors")
    kept = {name: value for name, value in weights.items() if "layer.1" not in name}
    save_file(kept, run / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match="found none for bert.encoder.layer.1.*expected weights for every layer"):
        fit_here(toy.synonym, "baseline", tmp_path / "next", model=str(run), max_steps=1)


def test_three_texts_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b,c,label\n" + "x y,y z,z x,0\nx y,y z,z x,1\n" * 3)
    data = build(tmp_path / "a.csv", Swap(), m=1, text_columns=("a", "b", "c"), out=tmp_path / "d").path
    with pytest.raises(DatasetError, match="found 3 text columns: a, b, c; expected one or two"):
        TrainingSet.open(data)


def test_processes_that_do_not_hear_of_each_other_are_refused(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr("xlt_train.training.plan.training_arguments", lambda given: _Alone())
    done = run_train(
        capsys, "fit", "--data", toy.synonym, "--method", "rs-da", "--model", "nano", "--output_dir", tmp_path / "r"
    )
    assert (done.code, "joining the processes of torchrun: found 2" in done.err) == (2, True)


class _Alone:
    world_size = 1


def test_one_process_trains_in_a_folder_at_a_time(toy: Toy, tmp_path: Path) -> None:
    first = fit_here(toy.synonym, "baseline", tmp_path / "run", max_steps=1)
    with claimed(tmp_path / "taken", first.record, None):
        with (
            pytest.raises(RunError, match="another process that trains there"),
            claimed(tmp_path / "taken", first.record, None),
        ):
            pass
        assert (tmp_path / "taken" / "xlt-run.json").exists(), "the other one's folder stays"


def test_options_for_a_development_set_need_one(toy: Toy, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--dev-rows", "0:3"], ["--columns", "a,b"], ["--text-columns", "a,b"], ["--label-column", "gold"]):
        done = run_train(capsys, "fit", "--data", toy.synonym, "--method", "rs-da", *words)
        assert (done.code, f"{words[0]} says how to read the development set" in done.err) == (2, True)
