"""Runs whose loss or weights leave the numbers, and runs without room: one line, and the last good checkpoint is there."""

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.train.toy import Toy, checkpoints, fit_here
from xlt_train.errors import RunError
from xlt_train.methods.base import Loss
from xlt_train.methods.rs_rp import RsRp

WILD = {"optim": "sgd", "max_grad_norm": 0.0, "max_steps": 8}
EACH = {"save_strategy": "steps", "save_steps": 1}


def test_a_loss_that_is_nan_names_the_step(toy: Toy, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"training step 2: found loss nan, ce nan; .*Lower --learning_rate\.$"):
        fit_here(toy.synonym, "rs-rp", tmp_path / "run", learning_rate=1e30, **WILD)
    assert not (tmp_path / "run").exists()  # nothing in it could be gone on from


def test_the_last_good_checkpoint_stays(toy: Toy, tmp_path: Path) -> None:
    """The weights of checkpoint 2 are finite, but no step goes from them: checkpoint 1 must not make room for it."""
    more = {"learning_rate": 1e30, "lr_scheduler_type": "constant_with_warmup", "warmup_steps": 1}
    with pytest.raises(RunError, match="training step 3: .*; checkpoint-1 is the last good checkpoint"):
        fit_here(toy.synonym, "rs-rp", tmp_path / "run", save_total_limit=1, **WILD, **EACH, **more)
    first, *_ = checkpoints(tmp_path / "run")
    assert first.name == "checkpoint-1"
    assert (first / "xlt-run.json").is_file()


def test_a_run_that_ends_well_keeps_as_many_as_asked_for(toy: Toy, tmp_path: Path) -> None:
    fit_here(toy.synonym, "rs-rp", tmp_path / "run", max_steps=4, save_total_limit=2, **EACH)
    assert [path.name for path in checkpoints(tmp_path / "run")] == ["checkpoint-3", "checkpoint-4"]


def test_weights_that_are_not_finite_are_not_saved(toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = RsRp.loss

    def spoiled(self: Any, model: Any, batch: Any) -> Loss:
        loss = inner(self, model, batch)
        if batch.epoch == 1:  # the gradient of a square root at 0
            return Loss(loss.total + (model.classifier.weight * 0).sum().abs().sqrt(), loss.terms)
        return loss

    monkeypatch.setattr(RsRp, "loss", spoiled)
    with pytest.raises(RunError, match="saving the weights of step 5: found numbers in .* that are not finite"):
        fit_here(toy.synonym, "rs-rp", tmp_path / "run", max_steps=8, save_total_limit=1, **EACH)
    assert [path.name for path in checkpoints(tmp_path / "run")] == ["checkpoint-4"]


def test_out_of_memory_says_what_to_lower(toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def greedy(self: Any, model: Any, batch: Any) -> Loss:
        torch.empty(10**15)
        raise AssertionError

    monkeypatch.setattr(RsRp, "loss", greedy)
    with pytest.raises(
        RunError, match="training step 1: found DefaultCPUAllocator.*room for 48 rows at once.*Lower --draws, halve"
    ):
        fit_here(toy.synonym, "rs-rp", tmp_path / "run", draws=3)
    assert not (tmp_path / "run").exists()


def test_out_of_memory_in_judging_names_that_batch(toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from xlt_train.training.trainer import RobustTrainer

    def greedy(self: Any, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.")

    monkeypatch.setattr(RobustTrainer, "prediction_step", greedy)
    words = "judging on the development set: found CUDA out of memory; .*64 rows at once.*Lower --per_device_eval_batch_size"
    with pytest.raises(RunError, match=words):
        fit_here(toy.synonym, "rs-rp", tmp_path / "run", max_steps=4, dev=toy.dev, eval_strategy="steps", eval_steps=1, **EACH)
