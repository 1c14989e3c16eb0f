"""The inner maximisation: a plain one in float64, a linear model whose maximum is known, and what it must not touch."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from tests.perturbation.reference import sample
from tests.perturbation.tiny import KINDS, batch_of, by_hand, ce, state_of, tiny
from xlt_train.methods.adv import Adv
from xlt_train.methods.base import Batch, Loss, Method
from xlt_train.perturbation.depth import Site, adding

NORMS = ["linf", "l2"]


def _mask(batch: Batch) -> np.ndarray:
    return batch.mask.numpy()


def start_of(method: Adv, batch: Batch, dimensions: int, restart: int = 0, mask: np.ndarray | None = None) -> Tensor:
    """Its random start, by the reference."""
    mask = _mask(batch) if mask is None else mask
    where: dict[str, Any] = {"epoch": batch.epoch, "seed": batch.seed, "draw": restart}
    return torch.from_numpy(sample(method.norm, method.epsilon, dimensions, batch.rows.tolist(), mask, **where))


def ascend(method: Adv, model: Any, batch: Batch, dimensions: int, restart: int = 0, mask: np.ndarray | None = None) -> Tensor:
    """K projected gradient steps in float64, run by hand."""
    mask = _mask(batch) if mask is None else mask
    delta = start_of(method, batch, dimensions, restart, mask)
    size = method.step_size if method.step_size is not None else 2.5 * method.epsilon / method.steps
    for _ in range(method.steps):
        delta.requires_grad_()
        ce(by_hand(model, batch.inputs, {method.depth: delta})["logits"], batch.labels).mean().backward()
        slope = delta.grad.numpy() * mask[..., None]  # type: ignore[union-attr]
        lengths = np.sqrt((slope**2).sum(-1, keepdims=True))
        step = np.sign(slope) if method.norm == "linf" else slope / np.where(lengths > 0, lengths, 1)
        moved = delta.detach().numpy() + size * step
        if method.norm == "linf":
            moved = np.clip(moved, -method.epsilon, method.epsilon)
        else:
            moved = moved / np.maximum(1, np.sqrt((moved**2).sum(-1, keepdims=True)) / method.epsilon)
        delta = torch.from_numpy(moved)
    model.zero_grad()
    return delta


def worst(method: Adv, model: Any, batch: Batch) -> Tensor:
    """The delta that the code under test finds."""
    return method.worst(model, batch, Site.of(model, method.depth))[0]


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("depth", ["word-embeddings", "embeddings", "2", "final"])
@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize(("kind", "dimensions"), [("bert", 15), ("xlmr", 16)])
def test_the_steps_are_those_of_a_plain_ascent(norm: str, depth: str, steps: int, kind: str, dimensions: int) -> None:
    model, batch = tiny(kind, dimensions).double(), batch_of(kind)
    method = Adv(epsilon=0.05, norm=norm, steps=steps, depth=depth)
    expected = ascend(method, model, batch, dimensions)
    found = worst(method, model, batch)
    torch.testing.assert_close(found.double(), expected, rtol=0, atol=0.05 * 1e-5)
    start = start_of(method, batch, dimensions)
    logits = {
        what: by_hand(model, batch.inputs, {depth: delta})["logits"] for what, delta in (("ce", expected), ("start", start))
    }
    loss = method.loss(model, batch)
    assert set(loss.terms) == {"ce", "ce_start"}
    assert loss.total is loss.terms["ce"]
    assert loss.total.item() == pytest.approx(ce(logits["ce"], batch.labels).mean().item(), rel=1e-6)
    assert loss.terms["ce_start"].item() == pytest.approx(ce(logits["start"], batch.labels).mean().item(), rel=1e-6)
    assert loss.total.item() > loss.terms["ce_start"].item()


def test_a_step_size_of_ones_own() -> None:
    model, batch = tiny("bert").double(), batch_of("bert")
    method = Adv(epsilon=0.05, steps=2, step_size=0.003)
    expected = ascend(method, model, batch, 24)
    torch.testing.assert_close(worst(method, model, batch).double(), expected, rtol=0, atol=1e-7)
    assert (expected.abs() < 0.049).any()


@pytest.mark.parametrize("norm", NORMS)
def test_restarts_choose_the_worst_of_each_row(norm: str) -> None:
    model, batch = tiny("bert", 15).double(), batch_of("bert", rows=12)
    method = Adv(epsilon=0.5, norm=norm, restarts=3)
    tries = [ascend(method, model, batch, 15, restart) for restart in range(3)]
    losses = torch.stack([ce(by_hand(model, batch.inputs, {"embeddings": delta})["logits"], batch.labels) for delta in tries])
    choice = losses.argmax(0)
    assert len(set(choice.tolist())) == 3  # or the test would see no difference
    expected = torch.stack([tries[k][row] for row, k in enumerate(choice.tolist())])
    torch.testing.assert_close(worst(method, model, batch).double(), expected, rtol=0, atol=0.5 * 1e-5)
    loss = method.loss(model, batch)
    assert loss.total.item() == pytest.approx(losses.max(0).values.mean().item(), rel=1e-6)
    assert loss.total.item() > max(losses.mean(1).tolist())


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("spare", [False, True])
@pytest.mark.parametrize("left", [False, True])
def test_padding_is_never_perturbed_and_special_tokens_by_option(norm: str, spare: bool, left: bool) -> None:
    model, batch = tiny("xlmr", 21).double(), batch_of("xlmr", left=left)
    method = Adv(epsilon=0.3, norm=norm, steps=2, restarts=2, spare_special_tokens=spare)
    moved = worst(method, model, batch).abs().sum(-1) > 0
    special = torch.isin(batch.inputs["input_ids"], torch.tensor(batch.special_ids))
    assert torch.equal(moved, batch.mask & ~special if spare else batch.mask)


# ---- a linear model


class Linear(torch.nn.Module):
    """Logits (0, z), z a linear function of the embeddings of tokens that are not padding."""

    def __init__(self, dimensions: int, width: int) -> None:
        super().__init__()
        torch.manual_seed(4)
        self.words = torch.nn.Embedding(40, dimensions)
        self.weight = torch.nn.Parameter(torch.randn(width, dimensions) * 0.3)

    def get_input_embeddings(self) -> torch.nn.Module:
        """As transformers' models."""
        return self.words

    def score(self, states: Tensor, mask: Tensor) -> Tensor:
        """z, [B]."""
        return (states * self.weight * mask[..., None]).sum((1, 2))

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Any:
        """As a classifier."""
        z = self.score(self.words(input_ids), attention_mask)
        return SimpleNamespace(logits=torch.stack((torch.zeros_like(z), z), -1))


def _linear(norm: str, epsilon: float) -> tuple[Linear, Batch, Tensor]:
    """Model, batch, and the greatest loss of each row within the ball: z falls by eps times the dual norm, token by token."""
    batch = batch_of("bert")
    batch = Batch(inputs=batch.inputs, labels=torch.tensor([1, 0, 0, 1]), rows=batch.rows, epoch=1, seed=3)
    model = Linear(7, 12).double()
    z = model(**batch.inputs).logits[:, 1]
    dual = model.weight.abs().sum(-1) if norm == "linf" else model.weight.square().sum(-1).sqrt()
    drop = epsilon * (dual * batch.mask).sum(-1)
    sign = 1 - 2 * batch.labels  # of z in the loss
    return model, batch, torch.nn.functional.softplus(sign * z + drop)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("steps", [1, 2, 3, 10])
@pytest.mark.parametrize("size", [None, 0.004, 0.05])
def test_on_a_linear_model_no_step_leads_down_and_none_beyond_the_maximum(norm: str, steps: int, size: float | None) -> None:
    model, batch, most = _linear(norm, 0.1)
    method = Adv(epsilon=0.1, norm=norm, steps=steps, step_size=size, depth="word-embeddings")
    losses = []
    for delta in (start_of(method, batch, 7), worst(method, model, batch)):
        with adding(Site.of(model, "word-embeddings"), delta):
            losses.append(ce(model(**batch.inputs).logits, batch.labels))
    start, end = losses
    assert (end > start).all()
    assert (end <= most * (1 + 1e-6)).all()
    if norm == "linf" and size is None:  # 2.5 eps in all leads from any point into the corner
        torch.testing.assert_close(end, most, rtol=1e-6, atol=0)
    if size == 0.004:
        assert (end < most * (1 - 1e-4)).all()
    loss = method.loss(model, batch)
    assert loss.terms["ce_start"].item() == pytest.approx(start.mean().item(), rel=1e-6)
    assert loss.total.item() == pytest.approx(end.mean().item(), rel=1e-6)


@pytest.mark.parametrize("norm", NORMS)
def test_one_big_step_is_the_maximum_of_a_linear_model(norm: str) -> None:
    model, batch, most = _linear(norm, 0.1)
    method = Adv(epsilon=0.1, norm=norm, steps=1, step_size=1e3, depth="word-embeddings")
    assert method.loss(model, batch).total.item() == pytest.approx(most.mean().item(), rel=1e-6)


# ---- what it must not touch


def _passed(method: Method, model: Any, batch: Batch) -> tuple[Loss, Tensor]:
    torch.manual_seed(6)
    return method.loss(model, batch), torch.get_rng_state()


def test_the_random_state_of_dropout_stays_as_the_baselines() -> None:
    model, batch = tiny("bert", dropout=0.3), batch_of("bert")
    plain, state = _passed(Method(), model, batch)
    for method in (Adv(epsilon=0.1, steps=3), Adv(epsilon=0.1, restarts=2)):
        found, after = _passed(method, model, batch)
        assert torch.equal(after, state)
        assert found.total.item() != plain.total.item()
    torch.manual_seed(6)
    before = torch.get_rng_state()
    worst(Adv(epsilon=0.1, steps=2, restarts=2), model, batch)
    assert torch.equal(torch.get_rng_state(), before)


def test_every_pass_sees_the_same_dropout() -> None:
    """Of modules by what they let through, of fused attention by the loss."""
    model, batch = tiny("bert", dropout=0.3), batch_of("bert")
    seen: list[Tensor] = []
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.register_forward_hook(lambda module, args, output: seen.append((output == 0) & (args[0] != 0)))
    method = Adv(epsilon=0.1, steps=2, restarts=2)
    found, _ = _passed(method, model, batch)
    once = len(seen) // 7  # 2 starts x 2 steps, 2 comparisons, 1 to train on
    assert len(seen) == 7 * once > 0
    for k in range(once):
        assert seen[k].any()
        assert all(torch.equal(seen[k], seen[k + n * once]) for n in range(1, 7))
    torch.manual_seed(6)
    with adding(Site.of(model, "embeddings"), start_of(method, batch, 24).float()):
        expected = ce(model(**batch.inputs).logits, batch.labels).mean()
    assert found.terms["ce_start"].item() == pytest.approx(expected.item(), rel=1e-6)


def test_the_inner_passes_ask_for_no_gradient_of_a_weight() -> None:
    model, batch, asked = tiny("xlmr", 16), batch_of("xlmr"), []
    for weight in model.parameters():
        weight.register_hook(lambda slope: asked.append(1))
    before = state_of(model)
    method = Adv(epsilon=0.1, steps=2, restarts=2)
    delta = worst(method, model, batch)
    assert not delta.requires_grad
    assert asked == []
    assert state_of(model) == before  # which looks for .grad
    method.loss(model, batch).total.backward()
    assert len(asked) == len(list(model.parameters()))


def test_the_inner_passes_go_past_what_distributes_the_model() -> None:
    """Which would wait for the gradients of each pass."""

    class Distributed(torch.nn.Module):
        """As DistributedDataParallel keeps a model."""

        def __init__(self, module: torch.nn.Module) -> None:
            super().__init__()
            self.module, self.passes = module, 0

        def forward(self, **inputs: Tensor) -> Any:
            """Counted."""
            self.passes += 1
            return self.module(**inputs)

    model, batch, method = tiny("bert"), batch_of("bert"), Adv(epsilon=0.1, steps=2, restarts=2)
    outer = Distributed(model)
    assert torch.equal(method.loss(outer, batch).total, method.loss(model, batch).total)
    assert outer.passes == 1


def test_the_inner_gradient_costs_a_pass_back_and_no_more() -> None:
    """Half of a backward pass's work is the gradients of weights."""
    model, batch = tiny("bert"), batch_of("bert")

    def work(run: Any) -> int:
        with FlopCounterMode(display=False) as counter:
            run()
        return int(counter.get_total_flops())

    forward = work(lambda: model(**batch.inputs))
    assert work(lambda: model(**batch.inputs).logits.sum().backward()) > 2.8 * forward
    assert work(lambda: worst(Adv(epsilon=0.1), model, batch)) < 2.3 * forward


@pytest.mark.parametrize(("kind", "dimensions"), KINDS)
def test_the_training_pass_has_the_gradient_at_the_worst_delta(kind: str, dimensions: int) -> None:
    """Danskin: delta is a constant there."""
    model, batch = tiny(kind, dimensions).double(), batch_of(kind)
    method = Adv(epsilon=0.05)
    delta = worst(method, model, batch)
    weights = list(model.parameters())
    expected = torch.autograd.grad(
        ce(by_hand(model, batch.inputs, {"embeddings": delta})["logits"], batch.labels).mean(), weights
    )
    found = torch.autograd.grad(method.loss(model, batch).total, weights)
    for one, other in zip(found, expected):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-7)  # logits are float32
