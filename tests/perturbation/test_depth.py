"""A perturbation at each depth is what the same encoder gives when run by hand, and its hook leaves no trace."""

import copy
from collections.abc import Mapping
from typing import Any

import pytest
import torch

from tests.perturbation.tiny import KINDS, LAYERS, batch_of, by_hand, state_of, tiny
from xlt_train.errors import ModelError, UsageError
from xlt_train.perturbation.balls import BALLS
from xlt_train.perturbation.depth import Site, adding
from xlt_train.perturbation.noise import Noise

DEPTHS = ["word-embeddings", "embeddings", "1", "2", str(LAYERS), "final"]
every_depth = pytest.mark.parametrize("depth", DEPTHS)


def _delta(batch: Any, dimensions: int, epsilon: float = 0.5) -> torch.Tensor:
    source = Noise.of(batch.rows, batch.mask, seed=1)
    return BALLS["linf"].sample(source, dimensions, epsilon, 0) * batch.mask[..., None]


def _logits(model: Any, inputs: Mapping[str, torch.Tensor]) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = model(**inputs).logits
    return found


@pytest.mark.parametrize(("kind", "dimensions"), KINDS)
def test_running_by_hand_is_the_model(kind: str, dimensions: int) -> None:
    """Or the other tests compare with nothing."""
    model, inputs = tiny(kind, dimensions).double(), batch_of(kind).inputs
    seen = by_hand(model, inputs)
    found = model(**inputs, output_hidden_states=True)
    torch.testing.assert_close(seen["logits"], found.logits, rtol=1e-10, atol=1e-12)
    kept = inputs["attention_mask"].bool()
    for depth, states in zip(["embeddings", "2", "3", "final"], found.hidden_states):
        torch.testing.assert_close(seen[{"embeddings": "1"}.get(depth, depth)][kept], states[kept], rtol=1e-10, atol=1e-12)


@every_depth
@pytest.mark.parametrize(("kind", "dimensions"), KINDS)
def test_each_depth_perturbs_what_it_says(depth: str, kind: str, dimensions: int) -> None:
    model, batch = tiny(kind, dimensions).double(), batch_of(kind)
    site = Site.of(model, depth)
    assert site.dimensions == dimensions
    delta = _delta(batch, dimensions)
    expected = by_hand(model, batch.inputs, {depth: delta})["logits"]
    plain = _logits(model, batch.inputs)
    with adding(site, delta):
        torch.testing.assert_close(_logits(model, batch.inputs), expected, rtol=1e-10, atol=1e-12)
    assert (expected - plain).abs().max() > 0.01
    assert torch.equal(_logits(model, batch.inputs), plain)


def test_the_output_of_the_embeddings_is_the_input_of_the_first_layer() -> None:
    model, batch = tiny("bert"), batch_of("bert")
    found = []
    for depth in ("embeddings", "1"):
        with adding(Site.of(model, depth), _delta(batch, 24)):
            found.append(_logits(model, batch.inputs))
    assert torch.equal(*found)


def test_two_depths_at_once() -> None:
    model, batch = tiny("xlmr", 21).double(), batch_of("xlmr")
    deltas = {depth: _delta(batch, 21, 0.1 * k) for k, depth in enumerate(DEPTHS, start=1)}
    with adding(Site.of(model, "embeddings"), deltas["embeddings"]), adding(Site.of(model, "3"), deltas["3"]):
        found = _logits(model, batch.inputs)
    expected = by_hand(model, batch.inputs, {depth: deltas[depth] for depth in ("embeddings", "3")})["logits"]
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)


def test_one_depth_twice_adds_up() -> None:
    model, batch = tiny("bert").double(), batch_of("bert")
    delta, site = _delta(batch, 24), Site.of(model, "embeddings")
    with adding(site, delta), adding(site, 2 * delta):
        found = _logits(model, batch.inputs)
    torch.testing.assert_close(found, by_hand(model, batch.inputs, {"embeddings": 3 * delta})["logits"])


@every_depth
def test_states_keep_their_precision(depth: str) -> None:
    model, batch = tiny("bert").to(torch.bfloat16), batch_of("bert")
    with adding(Site.of(model, depth), _delta(batch, 24)):
        assert model(**batch.inputs).logits.dtype == torch.bfloat16


# ---- no trace


@every_depth
@pytest.mark.parametrize("kind", ["bert", "xlmr"])
def test_no_trace_is_left(depth: str, kind: str) -> None:
    model, batch = tiny(kind), batch_of(kind)
    weights, before = copy.deepcopy(model.state_dict()), state_of(model)
    delta = _delta(batch, model.config.hidden_size)
    with adding(Site.of(model, depth), delta):
        assert state_of(model) != before  # or this sees no hook
        _logits(model, batch.inputs)
    assert state_of(model) == before
    with pytest.raises(KeyError), adding(Site.of(model, depth), delta):
        raise KeyError
    assert state_of(model) == before
    with pytest.raises(ModelError), adding(Site.of(model, depth), delta[:, 1:]):
        _logits(model, batch.inputs)
    assert state_of(model) == before
    assert all(torch.equal(value, weights[name]) for name, value in model.state_dict().items())


@every_depth
def test_no_trace_is_left_by_one_in_another(depth: str) -> None:
    model, batch = tiny("bert"), batch_of("bert")
    before, site = state_of(model), Site.of(model, "embeddings")
    with adding(site, _delta(batch, 24)):
        outer = _logits(model, batch.inputs)
        around = state_of(model)
        with adding(Site.of(model, depth), _delta(batch, 24)):
            assert not torch.equal(_logits(model, batch.inputs), outer)
        with pytest.raises(KeyError), adding(Site.of(model, depth), _delta(batch, 24)):
            raise KeyError
        assert state_of(model) == around
        assert torch.equal(_logits(model, batch.inputs), outer)
    assert state_of(model) == before


def test_hooks_of_others_stay() -> None:
    model, batch, calls = tiny("bert"), batch_of("bert"), []
    mine = model.bert.embeddings.register_forward_hook(lambda *args: calls.append(1))
    with adding(Site.of(model, "embeddings"), _delta(batch, 24)):
        _logits(model, batch.inputs)
    _logits(model, batch.inputs)
    assert len(calls) == 2
    mine.remove()


# ---- what is refused


@pytest.mark.parametrize("depth", ["", "embedding", "-1", "1.0", "1,2", " 1", "²", "١", "Final", "layer"])
def test_a_depth_of_no_known_form_is_refused(depth: str) -> None:
    with pytest.raises(UsageError, match="--depth") as error:
        Site.of(tiny("bert"), depth)
    assert repr(depth) == error.value.found


@pytest.mark.parametrize("depth", ["0", "4", "12", "99999999999999999999"])
def test_a_layer_that_the_model_lacks_is_refused(depth: str) -> None:
    with pytest.raises(UsageError, match="1 to 3, the layers of this model") as error:
        Site.of(tiny("xlmr", 16), depth)
    assert error.value.found == f"layer {depth}"


def test_a_delta_of_another_shape_is_an_error_and_not_spread() -> None:
    model, batch = tiny("bert"), batch_of("bert")
    for shape in ((1, 12, 24), (4, 1, 24), (4, 12, 1), (24,)):
        with pytest.raises(ModelError, match="perturbing") as error, adding(Site.of(model, "embeddings"), torch.ones(shape)):
            _logits(model, batch.inputs)
        assert "[4, 12, 24]" in str(error.value)


def test_a_model_of_another_build_is_refused() -> None:
    model = tiny("bert")
    model.bert.encoder.layer = model.bert.encoder.layer[:2]  # not as many as its configuration says
    assert Site.of(model, "word-embeddings").module is model.bert.embeddings.word_embeddings
    with pytest.raises(ModelError, match="list of its 3 layers"):
        Site.of(model, "1")
