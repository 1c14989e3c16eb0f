"""`TrainingArguments` reach the Trainer under their own names; names and values that are none are one line and exit code 2."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.train.toy import ROWS, Toy, fit_here, fit_words, run_train

Trainers = list[Any]


def _train(capsys: pytest.CaptureFixture[str], toy: Toy, out: Path, *words: str, **settings: Any) -> dict[str, Any]:
    """Run `xlt-train fit --method baseline` (60 rows, batches of 16) with these words; the record that it prints."""
    base = {"max_steps": 4, "logging_steps": 1, "output_dir": out} | settings
    done = run_train(capsys, *fit_words(toy.synonym, "baseline", **base), *words, "--json")
    assert done.code == 0, done.err
    found: dict[str, Any] = json.loads(done.out)
    return found


def _rates(trainers: Trainers) -> list[float]:
    return [entry["learning_rate"] for entry in trainers[-1].state.log_history if "learning_rate" in entry]


def test_steps_rate_decay_and_schedule(
    toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str], trainers: Trainers
) -> None:
    words = "--learning_rate 0.004 --weight_decay 0.25 --warmup_steps 2 --lr_scheduler_type linear --adam_beta1=0.8".split()
    found = _train(capsys, toy, tmp_path / "run", *words)
    assert trainers[0].state.global_step == 4 == found["results"]["steps"]
    assert _rates(trainers) == pytest.approx([0.0, 0.002, 0.004, 0.002])  # up in 2 steps, down in 2
    groups = trainers[0].optimizer.param_groups
    assert sorted({group["weight_decay"] for group in groups}) == [0, 0.25]
    assert {group["betas"][0] for group in groups} == {0.8}
    kept = {
        name: found["training"][name] for name in ("learning_rate", "weight_decay", "warmup_steps", "max_steps", "adam_beta1")
    }
    assert kept == {"learning_rate": 0.004, "weight_decay": 0.25, "warmup_steps": 2, "max_steps": 4, "adam_beta1": 0.8}
    assert found["training"]["lr_scheduler_type"] == "linear"


def test_accumulation_and_dropped_batches(
    toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str], trainers: Trainers
) -> None:
    epochs = {"max_steps": -1, "num_train_epochs": 1}
    assert _train(capsys, toy, tmp_path / "a", **epochs)["results"]["steps"] == 4  # 60 rows, of which the last batch has 12
    assert _train(capsys, toy, tmp_path / "b", "--dataloader_drop_last", "true", **epochs)["results"]["steps"] == 3
    assert _train(capsys, toy, tmp_path / "c", gradient_accumulation_steps=2, **epochs)["results"]["steps"] == 2
    assert len(trainers) == 3
    assert ROWS == 60


def test_label_smoothing_is_the_methods(
    toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str], trainers: Trainers
) -> None:
    plain = _train(capsys, toy, tmp_path / "plain", learning_rate=0.0, max_steps=1)
    smooth = _train(capsys, toy, tmp_path / "smooth", "--label_smoothing_factor", "0.9", learning_rate=0.0, max_steps=1)
    assert trainers[-1].method.label_smoothing == 0.9
    assert smooth["method"]["label_smoothing"] == 0.9
    assert plain["method"]["label_smoothing"] == 0.0
    assert smooth["results"]["train_loss"] != plain["results"]["train_loss"]


def test_evaluation_is_the_plain_loss_with_smoothing_too(toy: Toy, tmp_path: Path, trainers: Trainers) -> None:
    """As the Trainer's docstring says: the choice by --metric_for_best_model loss is by cross-entropy."""
    settings = {"dev": toy.dev, "max_steps": 1, "learning_rate": 0.0, "eval_strategy": "steps", "eval_steps": 1}
    for smoothing in (0.0, 0.5):
        fit_here(toy.synonym, "baseline", tmp_path / str(smoothing), label_smoothing_factor=smoothing, **settings)
    plain, smooth = (
        next(entry["eval_loss"] for entry in trainer.state.log_history if "eval_loss" in entry) for trainer in trainers
    )
    assert smooth == pytest.approx(plain, rel=1e-6)


def test_rows_by_length_and_in_order(toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str], trainers: Trainers) -> None:
    kinds = {"group_by_length": "LengthGrouped", "sequential": "SequentialSampler", "random": "RandomSampler"}
    for name, kind in kinds.items():
        found = _train(capsys, toy, tmp_path / name, "--train_sampling_strategy", name, max_steps=2)
        assert type(trainers[-1]._get_train_sampler()).__name__ == kind
        assert found["training"].get("train_sampling_strategy", "random") == name


def test_metrics_by_batch_are_those_of_all_rows(
    toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str], trainers: Trainers
) -> None:
    settings = {
        "dev": toy.dev,
        "save_strategy": "epoch",
        "max_steps": -1,
        "num_train_epochs": 5,
        "per_device_eval_batch_size": 7,
    }
    whole = _train(capsys, toy, tmp_path / "whole", **settings)
    by_batch = _train(capsys, toy, tmp_path / "by-batch", "--batch_eval_metrics", "true", **settings)
    scores = [[e["eval_accuracy"] for e in t.state.log_history if "eval_accuracy" in e] for t in trainers]
    assert scores[0] == scores[1]
    assert len(scores[0]) == 5
    assert len(set(scores[0])) > 1
    assert all(round(score * 30) == pytest.approx(score * 30) for score in scores[0])  # of 30 rows
    assert by_batch["weights"] == whole["weights"]
    assert by_batch["results"]["best_step"] == whole["results"]["best_step"] == 4 * (1 + scores[0].index(max(scores[0])))


def test_metrics_of_half_precision_batches(toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Batches reach the metric as the model leaves them: in bfloat16, which numpy does not know, or on a GPU."""
    words = "--use_cpu true --batch_eval_metrics true --bf16_full_eval true --eval_strategy steps --eval_steps 1".split()
    found = _train(capsys, toy, tmp_path / "run", *words, dev=toy.dev, max_steps=1)
    assert 0 <= found["results"]["dev_accuracy"] <= 1


def test_hyphens_will_do(toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str], trainers: Trainers) -> None:
    found = _train(capsys, toy, tmp_path / "run", "--weight-decay", "0.5", "--label-smoothing-factor=0.2", max_steps=1)
    assert found["training"]["weight_decay"] == 0.5
    assert found["method"]["label_smoothing"] == 0.2
    assert trainers[0].args.weight_decay == 0.5


def test_defaults_are_the_papers(toy: Toy, tmp_path: Path, trainers: Trainers) -> None:
    from xlt_train import fit

    run = fit(toy.single, method="rs-da", model="nano", max_length=32, output_dir=str(tmp_path / "run"))
    arguments = trainers[0].args
    assert arguments.num_train_epochs == 3
    assert arguments.per_device_train_batch_size == 32
    assert arguments.learning_rate == 1e-3  # nano's
    assert arguments.lr_scheduler_type == "linear"
    assert arguments.seed == 42
    assert run.record.results["epochs"] == 3
    assert len(list(run.path.glob("checkpoint-*"))) == 1


BAD = {
    "a name that is none": (["--learning_rat", "1"], "--learning_rate"),
    "another": (["--frobnicate"], "--frobnicate"),
    "a loose word": (["surplus"], "surplus"),
    "no number": (["--learning_rate", "fast"], "learning_rate"),
    "no whole number": (["--max_steps", "1.5"], "max_steps"),
    "no schedule": (["--lr_scheduler_type", "wavy"], "wavy"),
    "no strategy": (["--save_strategy", "sometimes"], "sometimes"),
    "no optimizer": (["--optim", "magic"], "magic"),
    "no sampling": (["--train_sampling_strategy", "alphabetical"], "alphabetical"),
    "a value missing": (["--learning_rate"], "learning_rate"),
    "no truth value": (["--dataloader_drop_last", "perhaps"], "dataloader_drop_last"),
    "dev strategy without dev": (["--eval_strategy", "epoch"], "--dev"),
    "best without dev": (["--load_best_model_at_end", "true"], "--dev"),
    "metric": (["--metric_for_best_model", "f1"], "f1"),
    "a negative seed": (["--seed", "-1"], "seed"),
    "a seed too large": (["--seed", "99999999999"], "seed"),
    "empty batches": (["--per_device_train_batch_size", "0"], "batch_size"),
    "no accumulation": (["--gradient_accumulation_steps", "0"], "gradient_accumulation_steps"),
    "a rate below nothing": (["--learning_rate", "-1"], "learning rate"),
    "momentum out of range": (["--adam_beta1", "1.5"], "beta"),
    "smoothing out of range": (["--label_smoothing_factor", "2"], "label_smoothing"),
}


@pytest.mark.parametrize("case", list(BAD))
def test_bad_options_are_one_line(case: str, toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words, named = BAD[case]
    out = tmp_path / "run"
    done = run_train(capsys, *fit_words(toy.single, "baseline", output_dir=out, max_steps=1), *words)
    assert done.code == 2
    assert done.out == ""
    errors = [line for line in done.err.splitlines() if line.startswith("xlt-train: ")]
    assert len(errors) == 1
    assert done.err.endswith(errors[0] + "\n")
    assert named in errors[0]
    assert not (out / "xlt-run.json").exists()
