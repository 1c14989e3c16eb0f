"""Every term of every loss against a few lines of float64, and what must be equal to the bit."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.perturbation import reference
from tests.perturbation.tiny import KINDS, batch_of, by_hand, gradients, state_of, tiny
from xlt_train.errors import UsageError
from xlt_train.methods.base import Batch, Loss, Method
from xlt_train.methods.registry import METHODS

every_kind = pytest.mark.parametrize(("kind", "dimensions"), KINDS)
MAX_LENGTH = 128


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


def _close(one: Loss, other: Loss, model: Any, rtol: float, atol: float) -> None:
    assert one.terms.keys() == other.terms.keys()
    for name in one.terms:
        torch.testing.assert_close(one.terms[name], other.terms[name], rtol=rtol, atol=0)
    first, second = gradients(model, one.total), gradients(model, other.total)
    assert first.keys() == second.keys()
    for name in first:
        torch.testing.assert_close(first[name], second[name], rtol=rtol, atol=atol)


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


@pytest.mark.parametrize("noise", ["uniform", "gaussian"])
@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("spare", [False, True])
def test_random_perturbation_spares_padding_and_special_tokens(noise: str, norm: str, spare: bool) -> None:
    batch = batch_of("xlmr")
    method: Any = METHODS["rs-rp"](noise=noise, norm=norm, draws=3, spare_special_tokens=spare)  # type: ignore[call-arg]
    moved = method.deltas(batch, 5).abs().sum(-1) > 0
    special = torch.isin(batch.inputs["input_ids"], torch.tensor(batch.special_ids))
    assert torch.equal(moved, (batch.mask & ~special if spare else batch.mask).repeat(3, 1))


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
    assert found[0].terms.keys() >= {"ce"}


# ---- ear


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
    from types import SimpleNamespace

    tokenizer: Any = SimpleNamespace(padding_side="left")
    with pytest.raises(UsageError, match="pads on the left"):
        METHODS["ear"]().check(tiny("bert"), tokenizer)
    METHODS["ear"](pull="srpt").check(tiny("bert"), tokenizer)  # type: ignore[call-arg]
    METHODS["ear"](beta=0.0).check(tiny("bert"), tokenizer)  # type: ignore[call-arg]


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
