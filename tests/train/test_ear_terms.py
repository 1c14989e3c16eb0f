"""EAR: every term against a few lines of float64, from eager attention with all outputs or from an encoder run by hand."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.perturbation import reference
from tests.perturbation.tiny import KINDS, batch_of, by_hand, ce, gradients, tiny
from xlt_train.errors import UsageError
from xlt_train.methods.base import Loss
from xlt_train.methods.registry import METHODS

every_kind = pytest.mark.parametrize(("kind", "dimensions"), KINDS)


def _numpy(value: Tensor) -> np.ndarray:
    return value.detach().double().numpy()


def _nll(logits: Tensor, labels: Tensor) -> float:
    return reference.mean_nll(_numpy(logits), labels.numpy())


def _same(one: Loss, other: Loss, model: Any) -> None:
    """To the bit: the loss and the gradient of every weight."""
    assert torch.equal(one.total, other.total)
    first, second = gradients(model, one.total), gradients(model, other.total)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def _close(one: Loss, other: Loss, model: Any, rtol: float, atol: float) -> None:
    assert one.terms.keys() == other.terms.keys()
    for name in one.terms:
        torch.testing.assert_close(one.terms[name], other.terms[name], rtol=rtol, atol=0)
    first, second = gradients(model, one.total), gradients(model, other.total)
    assert first.keys() == second.keys()
    for name in first:
        torch.testing.assert_close(first[name], second[name], rtol=rtol, atol=atol)


@every_kind
@pytest.mark.parametrize("layers", [None, "1", "3", "1,3", "3, 2,1"])
def test_ear_is_its_equations(kind: str, dimensions: int, layers: str | None) -> None:
    """From eager attention with all outputs, of originals and variants one after the other."""
    model, batch = tiny(kind, dimensions).double(), batch_of(kind, pairs=True)
    method = METHODS["ear"](alpha=0.7, beta=30.0, layers=layers, max_length=20)  # type: ignore[call-arg]
    loss = method.loss(model, batch)
    eager, size = tiny(kind, dimensions, attention="eager").double(), len(batch.labels)
    outputs = []
    for rows in (slice(0, size), slice(size, 2 * size)):
        inputs = {name: value[rows] for name, value in batch.inputs.items()}
        outputs.append(eager(**inputs, output_attentions=True, output_hidden_states=True))
    mask, labels = batch.mask.numpy(), batch.labels
    named = [1] if layers is None else [int(part) for part in layers.split(",")]  # 3 // 2
    pulls = []
    for number in named:
        matrices = np.concatenate([_numpy(output.attentions[number - 1]) for output in outputs])
        pulls.append(reference.attention_pull(matrices, mask, 20))
    states = np.concatenate([_numpy(output.hidden_states[0]) for output in outputs])
    expected = {
        "ce_x": _nll(outputs[0].logits, labels),
        "ce_xa": _nll(outputs[1].logits, labels),
        "ept": -reference.squared_distance(states, mask),
        "apt": float(np.mean(pulls)),
    }
    assert {name: term.item() for name, term in loss.terms.items()} == pytest.approx(expected, rel=1e-6, abs=0)
    total = expected["ce_x"] + expected["ce_xa"] + 0.7 * expected["ept"] + 30 * expected["apt"]
    assert loss.total.item() == pytest.approx(total, rel=1e-6)
    assert expected["ept"] < -1e-3
    assert expected["apt"] > 1e-4


@every_kind
@pytest.mark.parametrize("layers", [None, "2,3"])
def test_sentence_pull(kind: str, dimensions: int, layers: str | None) -> None:
    model, batch = tiny(kind, dimensions).double(), batch_of(kind, pairs=True, left=True)
    loss = METHODS["ear"](pull="srpt", push="none", beta=2.0, layers=layers).loss(model, batch)  # type: ignore[call-arg]
    states = model(**batch.inputs, output_hidden_states=True).hidden_states
    numbers = [1] if layers is None else [2, 3]
    expected = np.mean([reference.squared_distance(_numpy(states[number]), batch.mask.numpy()) for number in numbers])
    assert list(loss.terms) == ["ce_x", "ce_xa", "srpt"]
    assert loss.terms["srpt"].item() == pytest.approx(expected, rel=1e-6)
    assert loss.total.item() == pytest.approx(loss.terms["ce_x"].item() + loss.terms["ce_xa"].item() + 2 * expected, rel=1e-6)


@every_kind
def test_noise_target(kind: str, dimensions: int) -> None:
    """Gaussian noise of standard deviation sigma on the embeddings of x^a, none on those of x; the pull sees it too."""
    model, batch = tiny(kind, dimensions).double(), batch_of(kind, pairs=True)
    loss = METHODS["ear"](push="nt", sigma=0.3, pull="srpt").loss(model, batch)  # type: ignore[call-arg]
    mask, size = batch.mask.numpy(), len(batch.labels)
    delta = reference.sample("gaussian", 0.3, dimensions, batch.rows.tolist(), mask, epoch=batch.epoch, seed=batch.seed)
    delta[:size] = 0
    seen = by_hand(model, batch.inputs, {"embeddings": torch.from_numpy(delta)})
    expected = {
        "ce_x": _nll(seen["logits"][:size], batch.labels),
        "ce_xa": _nll(seen["logits"][size:], batch.labels),
        "srpt": reference.squared_distance(_numpy(seen["2"]), mask),
    }
    assert {name: term.item() for name, term in loss.terms.items()} == pytest.approx(expected, rel=1e-6)


def test_noise_target_touches_the_variants_tokens_alone() -> None:
    model, batch = tiny("xlmr", 21), batch_of("xlmr", pairs=True)
    seen: list[Tensor] = []
    model.roberta.encoder.layer[0].register_forward_pre_hook(lambda layer, args: seen.append(args[0].detach()))
    for settings in ({"push": "none"}, {"push": "nt"}):
        METHODS["ear"](**settings).loss(model, batch)  # type: ignore[arg-type]
    moved = (seen[0] - seen[1]).abs().sum(-1) > 0
    expected = batch.mask.clone()
    expected[: len(batch.labels)] = False
    assert torch.equal(moved, expected)


OFF = {"push": "none", "pull": "none"}


@every_kind
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"alpha": 0.0, "beta": 0.0}, OFF),
        ({"alpha": 0.0}, {"push": "none"}),
        ({"beta": 0.0}, {"pull": "none"}),
        ({"beta": 0.0, "pull": "srpt", "layers": "2"}, {"pull": "none"}),
        ({"push": "nt", "sigma": 0.0}, {"push": "none"}),
        ({"max_length": 64, "beta": 0.1 / 4}, {}),
    ],
    ids=str,
)
def test_a_weight_of_0_leaves_its_target_out_to_the_bit(kind: str, dimensions: int, one: dict, other: dict) -> None:
    model, batch = tiny(kind, dimensions, dropout=0.2), batch_of(kind, pairs=True)
    found = []
    for settings in (one, other):
        torch.manual_seed(8)
        found.append(METHODS["ear"](**settings).loss(model, batch))
    assert list(found[0].terms) == list(found[1].terms)
    _same(*found, model)


@every_kind
def test_ear_without_both_is_the_cross_entropy_of_both(kind: str, dimensions: int) -> None:
    model, batch = tiny(kind, dimensions).double(), batch_of(kind, pairs=True)
    found, size = METHODS["ear"](**OFF).loss(model, batch), len(batch.labels)  # type: ignore[arg-type]
    logits = by_hand(model, batch.inputs)["logits"]
    parts = [_nll(logits[:size], batch.labels), _nll(logits[size:], batch.labels)]
    assert list(found.terms) == ["ce_x", "ce_xa"]
    assert found.total.item() == pytest.approx(sum(parts), rel=1e-6)


@every_kind
@pytest.mark.parametrize("settings", [{}, {"layers": "1,2,3"}, {"pull": "srpt", "push": "nt"}], ids=str)
def test_eager_and_fused_attention_give_the_same_terms_and_gradients(kind: str, dimensions: int, settings: dict) -> None:
    model, batch = tiny(kind, dimensions).double(), batch_of(kind, pairs=True)
    method = METHODS["ear"](beta=20.0, **settings)
    eager = tiny(kind, dimensions, attention="eager").double()
    eager.load_state_dict(model.state_dict())
    one, other = method.loss(model, batch), method.loss(eager, batch)
    for name in one.terms:
        assert one.terms[name].item() == pytest.approx(other.terms[name].item(), rel=1e-6), name
    first, second = gradients(model, one.total), gradients(eager, other.total)
    assert first.keys() == second.keys()
    for name in first:
        torch.testing.assert_close(first[name], second[name], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("settings", [{}, {"pull": "srpt"}, {"push": "nt"}], ids=str)
def test_a_batchs_padding_changes_no_term_of_ear(settings: dict) -> None:
    model, batch, wider = tiny("bert").double(), batch_of("bert", pairs=True), batch_of("bert", pairs=True, width=20)
    _close(METHODS["ear"](**settings).loss(model, batch), METHODS["ear"](**settings).loss(model, wider), model, 1e-6, 1e-6)


def test_equal_texts_are_neither_pushed_nor_pulled() -> None:
    model, batch = tiny("xlmr", 21).double(), batch_of("xlmr")
    twice = {name: value.repeat(2, 1) for name, value in batch.inputs.items()}
    loss = METHODS["ear"]().loss(model, replace(batch, inputs=twice, rows=batch.rows.repeat(2)))
    assert (loss.terms["ept"].item(), loss.terms["apt"].item()) == (0, 0)
    assert loss.terms["ce_x"].item() == pytest.approx(loss.terms["ce_xa"].item(), rel=1e-6)


def test_ear_pulls_no_model_that_pads_on_the_left() -> None:
    """Positions of a pair would not stand below each other."""
    tokenizer: Any = SimpleNamespace(padding_side="left")
    with pytest.raises(UsageError, match="pads on the left"):
        METHODS["ear"]().check(tiny("bert"), tokenizer)
    METHODS["ear"](pull="srpt").check(tiny("bert"), tokenizer)  # type: ignore[call-arg]
    METHODS["ear"](beta=0.0).check(tiny("bert"), tokenizer)  # type: ignore[call-arg]


def _mean_pooled(states: Tensor, mask: Tensor) -> Tensor:
    return torch.stack([row[kept].mean(0) for row, kept in zip(states, mask)])


@every_kind
@pytest.mark.parametrize("target", ["apt", "srpt"])
def test_the_gradient_is_that_of_the_equations(kind: str, dimensions: int, target: str) -> None:
    """Of the sum of the terms above, written in torch."""
    model, batch = tiny(kind, dimensions).double(), batch_of(kind, pairs=True)
    eager, size, mask = tiny(kind, dimensions, attention="eager").double(), len(batch.labels), batch.mask
    outputs = eager(**batch.inputs, output_attentions=True, output_hidden_states=True)
    means = _mean_pooled(outputs.hidden_states[0], mask)
    inside = outputs.attentions[1] * mask[:, None, :, None] * mask[:, None, None, :]
    push = -(means[:size] - means[size:]).square().mean()
    pull = (inside[:size] - inside[size:]).square().sum((2, 3)).mean() / 128**2
    if target == "srpt":
        sentences = _mean_pooled(outputs.hidden_states[2], mask)
        pull = (sentences[:size] - sentences[size:]).square().mean() / 1000
    twice = ce(outputs.logits, batch.labels.repeat(2)).mean() * 2
    expected = gradients(eager, twice + 3 * push + 5000 * pull)
    beta = 5000.0 if target == "apt" else 5.0
    loss = METHODS["ear"](alpha=3.0, beta=beta, layers="2", pull=target).loss(model, batch)  # type: ignore[call-arg]
    found = gradients(model, loss.total)
    assert found.keys() == expected.keys()
    for name in found:
        torch.testing.assert_close(found[name], expected[name], rtol=1e-5, atol=2e-6, msg=name)


@every_kind
def test_terms_with_dropout(kind: str, dimensions: int) -> None:
    """The same encoder by hand, from the same random state; A of layer 1 from its queries and keys, before dropout."""
    model, batch = tiny(kind, dimensions, dropout=0.3).double(), batch_of(kind, pairs=True)
    size, mask = len(batch.labels), batch.mask
    torch.manual_seed(8)
    seen = by_hand(model, batch.inputs)
    torch.manual_seed(8)
    loss = METHODS["ear"](layers="1").loss(model, batch)  # type: ignore[call-arg]
    own = model.base_model.encoder.layer[0].attention.self
    query, key = (part(seen["1"]).unflatten(-1, (own.num_attention_heads, -1)).transpose(1, 2) for part in (own.query, own.key))
    scores = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5
    matrices = scores.masked_fill(~mask[:, None, None, :], -1e30).softmax(-1)
    expected = {
        "ce_x": _nll(seen["logits"][:size], batch.labels),
        "ce_xa": _nll(seen["logits"][size:], batch.labels),
        "ept": -reference.squared_distance(_numpy(seen["embeddings"]), mask.numpy()),
        "apt": reference.attention_pull(_numpy(matrices), mask.numpy(), 128),
    }
    assert {name: term.item() for name, term in loss.terms.items()} == pytest.approx(expected, rel=1e-6, abs=0)
