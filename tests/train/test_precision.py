"""Mixed precision and gradient checkpointing: the same losses but for rounding, the same gradients, or a clear refusal."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification

from tests.train.toy import Toy, fit_here
from xlt_train.errors import UsageError
from xlt_train.methods.base import Batch
from xlt_train.methods.registry import METHODS

ROWS, LENGTH = 4, 8
INTO: dict[str, dict[str, Any]] = {  # methods that look into the model, and settings with which that weighs much
    "rs-rp": {"epsilon": 1.0},
    "adv": {"epsilon": 0.5, "steps": 2, "norm": "l2"},
    "rs-rp, deep": {"epsilon": 1.0, "depth": "2"},
    "adv, deep": {"epsilon": 1.0, "depth": "2"},
    "ear": {"beta": 1e4, "layers": "1,2"},
    "ear, srpt": {"pull": "srpt", "beta": 10.0},
}


def method(name: str, **settings: Any) -> Any:
    return METHODS[name.partition(",")[0]](**(INTO[name] | settings))


def model(dropout: float = 0.0) -> BertForSequenceClassification:
    """Two layers whose attention is far from uniform."""
    config = BertConfig(
        vocab_size=60, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, num_labels=3,
        hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout, initializer_range=0.3,
    )  # fmt: skip
    torch.manual_seed(0)
    return BertForSequenceClassification(config).train()


def batch(chosen: Any) -> Batch:
    """Rows with padding, and other rows of the same lengths as variants where the method takes pairs."""
    rows, chance = ROWS * (2 if chosen.paired else 1), torch.Generator().manual_seed(0)
    mask = (torch.arange(LENGTH) < torch.tensor([LENGTH, 6, 5, 3])[:, None]).long().repeat(rows // ROWS, 1)
    ids = torch.randint(5, 60, (rows, LENGTH), generator=chance) * mask
    labels = torch.randint(3, (ROWS,), generator=chance)
    return Batch(inputs={"input_ids": ids, "attention_mask": mask}, labels=labels, rows=torch.arange(rows))


def step(chosen: Any, called: Any) -> tuple[dict[str, float], torch.Tensor]:
    """Terms of the loss and its gradient as one vector."""
    torch.manual_seed(1)
    loss = chosen.loss(called, batch(chosen))
    loss.total.backward()
    gradient = torch.cat([torch.zeros(one.numel()) if one.grad is None else one.grad.flatten() for one in called.parameters()])
    return {name: value.item() for name, value in loss.terms.items()}, gradient


@pytest.mark.parametrize("name", INTO)
@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
def test_half_precision_gives_the_same_terms_but_for_rounding(name: str, half: torch.dtype) -> None:
    chosen = method(name)
    expected, gradient = step(chosen, model())
    with torch.autocast("cpu", half):
        found, rounded = step(chosen, model())
    assert found == pytest.approx(expected, rel=0.03)
    assert torch.cosine_similarity(found_and(rounded), gradient, dim=0) > 0.99


def found_and(gradient: torch.Tensor) -> torch.Tensor:
    """The gradient, which is finite."""
    assert torch.isfinite(gradient).all()
    return gradient


@pytest.mark.parametrize("name", INTO)
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_gradient_checkpointing_changes_no_gradient(name: str, dropout: float) -> None:
    chosen, saving = method(name), model(dropout)
    replayed = []
    saving.activation_checkpointing_enable({"use_reentrant": False})
    saving.bert.encoder.layer[1].attention.register_forward_hook(lambda *given: replayed.append(1))
    expected, found = step(chosen, model(dropout)), step(chosen, saving)
    assert len(replayed) == 2 * (1 + getattr(chosen, "steps", 0)), "nothing was computed again"
    assert found[0] == pytest.approx(expected[0], rel=1e-5)
    assert torch.linalg.vector_norm(found[1] - expected[1]) < 1e-5 * torch.linalg.vector_norm(expected[1])


@pytest.mark.parametrize("name", ["adv", "ear"])
def test_checkpointing_that_lets_no_gradient_in_is_refused(name: str) -> None:
    called = model()
    called.activation_checkpointing_enable({"use_reentrant": True})
    with pytest.raises(UsageError, match="use_reentrant.*Leave out use_reentrant"):
        step(method(name), called)
    assert all(
        not part._forward_hooks and type(part.config) is BertConfig for part in called.modules() if hasattr(part, "config")
    )
    called.eval()
    step(method(name), called)  # nothing is computed again there


@pytest.mark.parametrize("name", ["rs-rp", "rs-rp, deep", "ear, srpt"])
def test_the_other_methods_take_that_checkpointing_too(name: str) -> None:
    called = model()
    called.activation_checkpointing_enable({"use_reentrant": True})
    expected, found = step(method(name), model()), step(method(name), called)
    assert torch.linalg.vector_norm(found[1] - expected[1]) < 1e-5 * torch.linalg.vector_norm(expected[1])


@pytest.mark.parametrize("name", [name for name, kind in METHODS.items() if name != "rs-syntax"])
def test_a_run_in_bfloat16_logs_terms_near_those_of_float32(name: str, toy: Toy, tmp_path: Path) -> None:
    logged = []
    for key, more in {"full": {}, "half": {"bf16": True}}.items():
        short = {"max_steps": 2, "logging_steps": 1, "report_to": "none", "use_cpu": True, "save_strategy": "steps"}
        run = fit_here(toy.synonym, name, tmp_path / key, **short, **more)
        state = json.loads((run.path / "checkpoint-2" / "trainer_state.json").read_bytes())
        kept = [{k: v for k, v in log.items() if k not in ("epoch", "step", "grad_norm")} for log in state["log_history"]]
        logged.append(kept[:2])
    full, half = logged
    assert len(full) == 2
    for one, other in zip(half, full):
        assert one == pytest.approx(other, rel=0.1, abs=1e-6)  # batches are padded to 8, so other dropout is drawn
    assert half != full, "nothing was computed in half precision"
