"""torch.compile: the same losses as without, whatever was compiled before, and no compiling anew at each step."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification

from tests.train.toy import Toy, fit_here
from xlt_train.errors import ModelError, RunError
from xlt_train.methods.base import Batch
from xlt_train.methods.registry import METHODS
from xlt_train.training.arguments import training_arguments
from xlt_train.training.compiled import compiling

ROWS, LENGTH, STEPS = 3, 8, 4
# A method that looks into the model, and what it needs: a large epsilon, so that a perturbation left out would show.
INTO: dict[str, dict[str, Any]] = {
    "rs-rp": {"epsilon": 1.0},
    "adv": {"epsilon": 1.0, "depth": "1"},
    "ear": {"beta": 100.0, "layers": "1"},
    "ear, srpt, nt": {"push": "nt", "pull": "srpt", "sigma": 1.0, "layers": "1"},
}


@pytest.fixture(autouse=True)
def _nothing_compiled() -> Iterator[None]:
    torch.compiler.reset()
    yield
    torch.compiler.reset()


def method(name: str, **settings: Any) -> Any:
    """The method with the settings of the table above."""
    return METHODS[name.partition(",")[0]](**(INTO[name] | settings))


def model(dropout: float = 0.0) -> BertForSequenceClassification:
    """One layer, always the same weights."""
    config = BertConfig(
        vocab_size=60, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, num_labels=3,
        hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout, initializer_range=0.4,
    )  # fmt: skip
    torch.manual_seed(0)
    return BertForSequenceClassification(config).train()


def batch(rows: int, seed: int = 0) -> Batch:
    """Rows of one length with padding, other tokens for each seed."""
    chance = torch.Generator().manual_seed(seed)
    mask = (torch.arange(LENGTH) < torch.tensor([LENGTH, 6, 5])[:, None]).long().repeat(rows // ROWS, 1)
    ids = torch.randint(5, 60, (rows, LENGTH), generator=chance) * mask
    inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": torch.zeros_like(ids)}
    return Batch(inputs=inputs, labels=torch.randint(3, (ROWS,), generator=chance), rows=torch.arange(rows) + rows * seed)


def train(chosen: Any, called: Any) -> tuple[list[dict[str, float]], list[int]]:
    """Terms of each step, and how many graphs there were after it."""
    optimizer = torch.optim.SGD(called.parameters(), lr=0.1)
    terms, graphs = [], []
    for step in range(STEPS):
        loss = chosen.loss(called, batch(ROWS * (2 if chosen.paired else 1), step))
        loss.total.backward()
        optimizer.step()
        optimizer.zero_grad()
        terms.append({name: value.item() for name, value in loss.terms.items()})
        graphs.append(torch._dynamo.utils.counters["stats"]["unique_graphs"])
    return terms, graphs


def plain_pass(called: Any, rows: int = ROWS) -> None:
    """A forward pass without hooks, as an evaluation has it, but with the flags and shapes of training."""
    called(**batch(rows).inputs)


@pytest.mark.parametrize(
    ("name", "backend"), [("rs-rp", "eager"), ("adv", "aot_eager"), ("ear", "aot_eager"), ("ear, srpt, nt", "eager")]
)
def test_compiled_steps_give_the_losses_of_eager_ones(name: str, backend: str, tmp_path: Path) -> None:
    chosen = method(name)
    expected, _ = train(chosen, model())
    with compiling(training_arguments({"output_dir": str(tmp_path), "torch_compile": True})):
        called = torch.compile(model(), backend=backend)
        plain_pass(called, ROWS * (2 if chosen.paired else 1))
        found, graphs = train(chosen, called)
    for one, other in zip(found, expected):
        assert one == pytest.approx(other, rel=1e-4, abs=1e-6)
    assert graphs[0] == graphs[-1] > 1, "compiled again at a later step"
    term = {"rs-rp": "ce", "adv": "ce", "ear": "apt", "ear, srpt, nt": "ce_xa"}[name]
    assert abs(expected[0][term] - plain_value(name, term)) > 1e-4, "a perturbation left out would not show"


def plain_value(name: str, term: str) -> float:
    """What the first step's term would be if nothing were added or read."""
    chosen = replace(method(name), **({"sigma": 0.0} if name.startswith("ear") else {"epsilon": 0.0}))
    return 0.0 if name == "ear" else train(chosen, model())[0][0][term]


@pytest.mark.parametrize("name", ["rs-rp", "adv", "ear, srpt, nt"])
def test_code_that_knows_of_no_hooks_is_an_error_not_another_loss(name: str) -> None:
    chosen = method(name)
    called = torch.compile(model(), backend="eager")
    size = ROWS * (2 if chosen.paired else 1)
    plain_pass(called, size)
    with pytest.raises(ModelError, match="(no forward pass that|none in layer 1).*leave out --torch_compile"):
        chosen.loss(called, batch(size))
    assert all(not part._forward_hooks and not part._forward_pre_hooks for part in called.modules())


def test_attention_is_read_from_code_that_was_made_without() -> None:
    called, plain = torch.compile(model(), backend="eager"), model()
    plain_pass(called, 2 * ROWS)
    found, expected = (method("ear", push="none").loss(one, batch(2 * ROWS)).terms["apt"].item() for one in (called, plain))
    assert found == pytest.approx(expected, rel=1e-4)
    assert expected > 1e-5


def test_both_passes_of_adv_see_the_same_dropout() -> None:
    loss = method("adv", epsilon=1e-9).loss(torch.compile(model(0.5), backend="aot_eager"), batch(ROWS))
    assert loss.terms["ce"].item() == pytest.approx(loss.terms["ce_start"].item(), abs=1e-6)


def test_runs_of_several_methods_in_one_process(toy: Toy, tmp_path: Path) -> None:
    compiled = {"torch_compile": True, "torch_compile_backend": "eager"}
    short = {"max_steps": 2, "logging_steps": 1, "report_to": "none", "use_cpu": True}
    perturbed = short | {"epsilon": 1.0}
    fit_here(toy.synonym, "baseline", tmp_path / "baseline", **short, **compiled)
    expected = fit_here(toy.synonym, "rs-rp", tmp_path / "eager", **perturbed)
    found = fit_here(toy.synonym, "rs-rp", tmp_path / "compiled", **perturbed, **compiled)
    losses = [run.record.results["train_loss"] for run in (found, expected)]
    assert losses[0] == pytest.approx(losses[1], abs=1e-5)
    assert torch._dynamo.config.skip_nnmodule_hook_guards, "the configuration was not put back"


def test_a_compiler_that_fails_is_one_clear_line(tmp_path: Path) -> None:
    def fails(graph: object, examples: object) -> Any:
        raise RuntimeError("no C++ compiler\nat all")

    with pytest.raises(RunError, match="compiling the model: found .*no C.. compiler.*Leave out --torch_compile"):
        with compiling(training_arguments({"output_dir": str(tmp_path), "torch_compile": True})):
            plain_pass(torch.compile(model(), backend=fails))
