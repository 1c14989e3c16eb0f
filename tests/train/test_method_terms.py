"""Losses against a few lines of float64, and what must be equal to the bit; those of `ear`: `test_ear_terms.py`."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.perturbation import reference
from tests.perturbation.tiny import KINDS, batch_of, by_hand, gradients, state_of, tiny
from xlt_train.methods.base import Batch, Loss, Method
from xlt_train.methods.registry import METHODS

every_kind = pytest.mark.parametrize(("kind", "dimensions"), KINDS)


def _numpy(value: Tensor) -> np.ndarray:
    return value.detach().double().numpy()


def _nll(logits: Tensor, labels: Tensor, smoothing: float = 0.0) -> float:
    return reference.mean_nll(_numpy(logits), labels.numpy(), smoothing)


def _same(one: Loss, other: Loss, model: Any) -> None:
    """To the bit: the loss and the gradient of every weight."""
    assert torch.equal(one.total, other.total)
    first, second = gradients(model, one.total), gradients(model, other.total)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


# ---- baseline, rs-*


@every_kind
@pytest.mark.parametrize("name", ["baseline", "rs-da", "rs-syntax"])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_cross_entropy(kind: str, dimensions: int, name: str, smoothing: float) -> None:
    model, batch = tiny(kind, dimensions).double(), batch_of(kind)
    loss = METHODS[name](label_smoothing=smoothing).loss(model, batch)
    expected = _nll(by_hand(model, batch.inputs)["logits"], batch.labels, smoothing)
    assert list(loss.terms) == ["ce"]
    assert loss.total.item() == loss.terms["ce"].item() == pytest.approx(expected, rel=1e-6)


@every_kind
@pytest.mark.parametrize("noise", ["linf", "l2", "gaussian"])
@pytest.mark.parametrize("depth", ["word-embeddings", "embeddings", "2", "final"])
@pytest.mark.parametrize("name", ["rs-rp", "rs-da+rs-rp"])
def test_random_perturbation(kind: str, dimensions: int, noise: str, depth: str, name: str) -> None:
    """Of two draws the mean, with labels smoothed, on either side's padding."""
    model, batch = tiny(kind, dimensions).double(), batch_of(kind, left=noise == "l2", seed=3)
    how = {"noise": "gaussian"} if noise == "gaussian" else {"norm": noise}
    method = METHODS[name](epsilon=0.7, depth=depth, draws=2, label_smoothing=0.1, **how)  # type: ignore[call-arg]
    loss = method.loss(model, batch)
    expected = []
    for draw in (0, 1):
        where: dict[str, Any] = {"epoch": batch.epoch, "seed": batch.seed, "draw": draw}
        delta = reference.sample(noise, 0.7, dimensions, batch.rows.tolist(), batch.mask.numpy(), **where)
        logits = by_hand(model, batch.inputs, {depth: torch.from_numpy(delta)})["logits"]
        expected.append(_nll(logits, batch.labels, 0.1))
    assert list(loss.terms) == ["ce"]
    assert loss.total.item() == loss.terms["ce"].item() == pytest.approx(np.mean(expected), rel=1e-6)
    assert expected[0] != pytest.approx(expected[1], rel=1e-3)


@every_kind
@pytest.mark.parametrize("depth", ["word-embeddings", "embeddings", "3"])
def test_dropout_is_drawn_as_without_a_perturbation(kind: str, dimensions: int, depth: str) -> None:
    """The same encoder by hand, from the same random state."""
    model, batch = tiny(kind, dimensions, dropout=0.3).double(), batch_of(kind)
    delta = reference.sample(
        "linf", 0.5, dimensions, batch.rows.tolist(), batch.mask.numpy(), epoch=batch.epoch, seed=batch.seed
    )
    torch.manual_seed(8)
    logits = by_hand(model, batch.inputs, {depth: torch.from_numpy(delta)})["logits"]
    torch.manual_seed(8)
    loss = METHODS["rs-rp"](epsilon=0.5, depth=depth).loss(model, batch)  # type: ignore[call-arg]
    assert loss.total.item() == pytest.approx(_nll(logits, batch.labels), rel=1e-6)


@pytest.mark.parametrize("noise", ["uniform", "gaussian"])
@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("spare", [False, True])
def test_random_perturbation_spares_padding_and_special_tokens(noise: str, norm: str, spare: bool) -> None:
    batch = batch_of("xlmr")
    special = torch.isin(batch.inputs["input_ids"], torch.tensor(batch.special_ids))
    for draws in (1, 3):
        method: Any = METHODS["rs-rp"](noise=noise, norm=norm, draws=draws, spare_special_tokens=spare)  # type: ignore[call-arg]
        moved = method.deltas(batch, 5).abs().sum(-1) > 0
        assert torch.equal(moved, (batch.mask & ~special if spare else batch.mask).repeat(draws, 1))


@pytest.mark.parametrize("draws", [1, 3])
def test_a_batch_in_halves_is_the_whole(draws: int) -> None:
    """With the second half padded less."""
    model, whole = tiny("bert").double(), batch_of("bert", rows=4)
    method = METHODS["rs-rp"](draws=draws, epsilon=0.5)  # type: ignore[call-arg]
    losses = []
    for rows in (slice(0, 2), slice(2, 4)):
        width = int(whole.mask[rows].sum(1).max())
        inputs = {name: value[rows, :width] for name, value in whole.inputs.items()}
        losses.append(method.loss(model, replace(whole, inputs=inputs, labels=whole.labels[rows], rows=whole.rows[rows])).total)
    assert method.loss(model, whole).total.item() == pytest.approx(torch.stack(losses).mean().item(), rel=1e-6)


# ---- a radius of 0


@every_kind
@pytest.mark.parametrize("settings", [{}, {"norm": "l2", "depth": "2", "spare_special_tokens": True}], ids=str)
@pytest.mark.parametrize("name", ["adv", "rs-rp", "rs-da+rs-rp", "rs-da+adv"])
def test_without_radius_it_is_the_baseline_to_the_bit(kind: str, dimensions: int, settings: dict, name: str) -> None:
    model, batch = tiny(kind, dimensions, dropout=0.2), batch_of(kind)
    more = {"draws": 3, "noise": "gaussian"} if "rp" in name else {"steps": 2, "restarts": 2}
    found = []
    for method in (METHODS[name](epsilon=0.0, **settings, **more), METHODS["baseline"]()):  # type: ignore[call-arg]
        torch.manual_seed(8)
        found.append(method.loss(model, batch))
    _same(*found, model)
    assert set(found[0].terms) == {"ce"}  # nothing was sought


# ---- whatever the method


EVERY: list[tuple[str, dict[str, Any]]] = [
    ("baseline", {}),
    ("rs-da", {}),
    ("rs-syntax", {}),
    *(("adv", {"depth": depth, "steps": 2}) for depth in ("word-embeddings", "embeddings", "2", "final")),
    *(("rs-rp", {"depth": depth, "draws": 2}) for depth in ("word-embeddings", "embeddings", "2", "final")),
    ("rs-da+rs-rp", {"norm": "l2"}),
    ("rs-da+adv", {"norm": "l2", "restarts": 2}),
    ("ear", {}),
    ("ear", {"layers": "1,2,3", "beta": 30.0}),
    ("ear", {"push": "nt", "pull": "srpt", "layers": "1,3"}),
]
every_way = pytest.mark.parametrize(("name", "settings"), EVERY, ids=str)


def _made(name: str, settings: dict[str, Any], kind: str = "bert", **more: Any) -> tuple[Method, Batch]:
    method = METHODS[name](**settings)
    return method, batch_of(kind, pairs=method.paired, **more)


@every_way
@pytest.mark.parametrize("kind", ["bert", "xlmr"])
def test_gradient_checkpointing_changes_no_loss_and_no_gradient(name: str, settings: dict[str, Any], kind: str) -> None:
    model, (method, batch) = tiny(kind, dropout=0.2), _made(name, settings, kind)
    found = []
    for _ in range(2):
        torch.manual_seed(8)
        loss = method.loss(model, batch)
        found.append((loss, gradients(model, loss.total)))
        model.activation_checkpointing_enable()
    assert model.is_activation_checkpointing
    (one, first), (other, second) = found
    assert {k: v.item() for k, v in one.terms.items()} == {k: v.item() for k, v in other.terms.items()}
    assert first.keys() == second.keys()
    for key in first:
        torch.testing.assert_close(first[key], second[key], rtol=1e-5, atol=1e-6)


@every_way
def test_a_loss_leaves_no_trace(name: str, settings: dict[str, Any]) -> None:
    """Neither when all went well nor when the model failed in the middle."""
    model, (method, batch) = tiny("xlmr", 16), _made(name, settings, "xlmr")
    before = state_of(model)
    method.loss(model, batch)
    assert state_of(model) == before

    class Failed(Exception):
        """On the way."""

    def fail(*args: Any) -> None:
        raise Failed

    mine = model.roberta.encoder.layer[2].output.register_forward_hook(fail)
    around = state_of(model)
    with pytest.raises(Failed):
        method.loss(model, batch)
    assert state_of(model) == around
    mine.remove()


@every_way
def test_other_epochs_and_seeds_give_other_noise_and_nothing_else(name: str, settings: dict[str, Any]) -> None:
    model, (method, batch) = tiny("bert"), _made(name, settings)
    draws = "rp" in name or "adv" in name or settings.get("push") == "nt"
    for change in ({"epoch": 3}, {"seed": 43}, {"rows": batch.rows + 1}):
        one, other = method.loss(model, batch), method.loss(model, replace(batch, **change))  # type: ignore[arg-type]
        assert any(one.terms[key].item() != other.terms[key].item() for key in one.terms) == draws
