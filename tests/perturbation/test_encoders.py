"""Any encoder that shares the interface: every method works on it, or one line says why not."""

import inspect
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import transformers

from tests.perturbation.reference import attention_pull
from tests.perturbation.tiny import batch_of, gradients, state_of
from xlt_train.errors import ModelError
from xlt_train.methods.base import Batch
from xlt_train.methods.registry import METHODS
from xlt_train.perturbation.depth import Site, adding
from xlt_train.perturbation.noise import Noise

_SHAPE = {"hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 3, "intermediate_size": 32, "pad_token_id": 0}
_DISTIL = {"dim": 24, "n_layers": 3, "n_heads": 3, "hidden_dim": 32}
_IDS = {"cls_token_id": 2, "sep_token_id": 3, "bos_token_id": 2, "eos_token_id": 3}
# Local attention of two tokens to each side in layers 2 and 3, so that padding far from the text sees nothing at all.
_MODERN = _SHAPE | _IDS | {"local_attention": 4, "global_attn_every_n_layers": 3}
SHARING: dict[str, dict[str, Any]] = {
    "DistilBert": _DISTIL,
    "Roberta": _SHAPE,
    "Electra": _SHAPE | {"embedding_size": 12},
    "ModernBert": _MODERN,
    "Camembert": _SHAPE,
    "Ernie": _SHAPE,
    "Esm": _SHAPE,
}
OWN_ATTENTION = {"MPNet": _SHAPE, "DebertaV2": _SHAPE, "RemBert": _SHAPE | {"input_embedding_size": 12}}
TOKENIZER: Any = SimpleNamespace(padding_side="right", all_special_ids=[0, 2, 3])
every_sharing = pytest.mark.parametrize("name", list(SHARING))


def made(name: str, shape: dict[str, Any], **more: Any) -> Any:
    """A tiny classifier of that kind, in training mode."""
    torch.manual_seed(0)
    config = getattr(transformers, f"{name}Config")(vocab_size=40, max_position_embeddings=40, num_labels=3, **shape, **more)
    return getattr(transformers, f"{name}ForSequenceClassification")(config).train()


def fed(model: Any, *, pairs: bool = False, width: int | None = None) -> Batch:
    """A batch with the inputs that the model takes."""
    batch, taken = batch_of("bert", pairs=pairs, width=width), inspect.signature(model.forward).parameters
    return replace(batch, inputs={name: value for name, value in batch.inputs.items() if name in taken})


WAYS: list[tuple[str, dict[str, Any]]] = [
    ("baseline", {}),
    *((name, {"depth": depth}) for name in ("adv", "rs-rp") for depth in ("word-embeddings", "embeddings", "2", "final")),
    ("rs-da+rs-rp", {"norm": "l2"}),
    ("rs-da+adv", {"norm": "l2"}),
    ("ear", {}),
    ("ear", {"layers": "1,2,3"}),
    ("ear", {"push": "nt", "pull": "srpt"}),
]


@every_sharing
def test_every_method_works(name: str) -> None:
    """A finite loss with a gradient for every weight, and no trace."""
    model = made(name, SHARING[name])
    before = state_of(model)
    for method_name, settings in WAYS:
        method = METHODS[method_name](**settings)
        method.check(model, TOKENIZER)
        assert state_of(model) == before, (method_name, settings)
        loss = method.loss(model, fed(model, pairs=method.paired, width=20))
        assert torch.isfinite(loss.total), (method_name, settings)
        assert state_of(model) == before, (method_name, settings)
        found = gradients(model, loss.total)
        assert all(torch.isfinite(gradient).all() for gradient in found.values()), (method_name, settings)
        assert any("mbedding" in key and gradient.abs().sum() > 0 for key, gradient in found.items())


@every_sharing
@pytest.mark.parametrize("depth", ["word-embeddings", "embeddings", "2", "final"])
def test_each_depth_moves_the_logits(name: str, depth: str) -> None:
    model = made(name, SHARING[name]).eval()
    batch, site = fed(model), Site.of(model, depth)
    plain = model(**batch.inputs).logits
    with adding(site, Noise.of(batch.rows, batch.mask).gaussian(site.dimensions)):
        assert (model(**batch.inputs).logits - plain).abs().max() > 1e-4


@every_sharing
def test_attention_pull_is_that_of_eager_attention(name: str) -> None:
    shape = SHARING[name]
    model = made(name, shape, attn_implementation="eager").eval()
    batch = fed(model, pairs=True, width=20)
    outputs = model(**batch.inputs, output_attentions=True)
    expected = [attention_pull(matrix.detach().double().numpy(), batch.mask.numpy(), 128) for matrix in outputs.attentions]
    fused = made(name, shape, attn_implementation="sdpa").eval()
    for found in (model, fused):
        loss = METHODS["ear"](layers="1,2,3").loss(found, batch)  # type: ignore[call-arg]
        assert loss.terms["apt"].item() == pytest.approx(sum(expected) / 3, rel=2e-5)
    assert min(expected) > 0


# ---- what cannot be


@pytest.mark.parametrize("name", list(OWN_ATTENTION))
def test_attention_that_cannot_be_read_is_refused_in_one_line(name: str) -> None:
    model = made(name, OWN_ATTENTION[name])
    before = state_of(model)
    for layers in (None, "3"):
        with pytest.raises(ModelError, match="--pull none") as error:
            METHODS["ear"](layers=layers).check(model, TOKENIZER)  # type: ignore[call-arg]
        assert "\n" not in str(error.value)
        assert f"{name}ForSequenceClassification" in str(error.value)
        assert state_of(model) == before
    for settings in ({"pull": "none"}, {"pull": "srpt"}):
        method = METHODS["ear"](**settings)  # type: ignore[arg-type]
        method.check(model, TOKENIZER)
        assert torch.isfinite(method.loss(model, fed(model, pairs=True)).total)
    for name_of in ("adv", "rs-rp"):
        METHODS[name_of]().check(model, TOKENIZER)
        assert torch.isfinite(METHODS[name_of]().loss(model, fed(model)).total)


def test_a_depth_that_the_classifier_does_not_read_is_refused() -> None:
    """DeBERTa's head reads another copy of the last states: what is added to them would be lost without a word."""
    model = made("DebertaV2", _SHAPE)
    before = state_of(model)
    for name in ("adv", "rs-rp"):
        with pytest.raises(ModelError, match="--depth") as error:
            METHODS[name](depth="final").check(model, TOKENIZER)  # type: ignore[call-arg]
        assert "depth final" in error.value.found
        assert state_of(model) == before
        METHODS[name](depth="3").check(model, TOKENIZER)  # type: ignore[call-arg]


ODD: dict[str, tuple[dict[str, Any], str]] = {
    "GPT2": ({"n_embd": 24, "n_layer": 3, "n_head": 3, "pad_token_id": 0}, "no embeddings"),
    "Canine": (_SHAPE, "no "),
}


@pytest.mark.parametrize("name", list(ODD))
@pytest.mark.parametrize("settings", [("adv", {}), ("rs-rp", {"depth": "2"}), ("ear", {}), ("ear", {"pull": "none"})], ids=str)
def test_a_model_of_another_build_is_refused_in_one_line(name: str, settings: tuple[str, dict[str, Any]]) -> None:
    shape, found = ODD[name]
    model = made(name, shape)
    with pytest.raises(ModelError, match="Choose another --model") as error:
        METHODS[settings[0]](**settings[1]).check(model, TOKENIZER)
    assert error.value.found.startswith(found)
    assert "\n" not in str(error.value)


def test_an_encoder_of_one_layer_has_embeddings_all_the_same() -> None:
    """ALBERT keeps no list of layers: what needs none works, the rest is refused."""
    model = made("Albert", _SHAPE | {"embedding_size": 12})
    for name, settings in (("adv", {}), ("rs-rp", {"depth": "word-embeddings"}), ("ear", {"pull": "none"})):
        method = METHODS[name](**settings)  # type: ignore[arg-type]
        method.check(model, TOKENIZER)
        assert torch.isfinite(method.loss(model, fed(model, pairs=method.paired)).total)
    for name, settings in (("adv", {"depth": "2"}), ("rs-rp", {"depth": "final"}), ("ear", {})):
        with pytest.raises(ModelError, match="no list of its 3 layers"):
            METHODS[name](**settings).check(model, TOKENIZER)  # type: ignore[arg-type]


def test_parts_of_the_right_name_that_hold_something_else_are_refused() -> None:
    """XLM's `embeddings` are those of words alone, and the first list as long as its layers is that of attentions."""
    shape = {"emb_dim": 24, "n_layers": 3, "n_heads": 3, "n_words": 40, "pad_index": 0, "dropout": 0.0}
    torch.manual_seed(0)
    config = transformers.XLMConfig(max_position_embeddings=40, num_labels=3, **shape)
    model: Any = transformers.XLMForSequenceClassification(config)
    before = state_of(model)
    refused = [
        ("rs-rp", {}),
        ("adv", {}),
        ("adv", {"depth": "2"}),
        ("ear", {"pull": "none"}),
        ("ear", {"push": "none", "pull": "srpt"}),
    ]
    for name, settings in refused:
        with pytest.raises(ModelError, match="does not give what goes into layer"):
            METHODS[name](**settings).check(model, TOKENIZER)  # type: ignore[arg-type]
        assert state_of(model) == before
    METHODS["rs-rp"](depth="word-embeddings").check(model, TOKENIZER)  # type: ignore[call-arg]


def test_states_that_never_pass_a_layer_are_an_error() -> None:
    """SqueezeBERT does not call its layers as modules would be: there is nothing to compare."""
    groups = {f"{part}_groups": 1 for part in ("q", "k", "v", "post_attention", "intermediate", "output")}
    model = made("SqueezeBert", _SHAPE | groups | {"num_attention_heads": 4, "embedding_size": 24})
    with pytest.raises(ModelError, match="none in layer 1"):
        METHODS["ear"](pull="srpt").check(model, TOKENIZER)  # type: ignore[call-arg]
    with pytest.raises(ModelError, match="depth 2"):
        METHODS["rs-rp"](depth="2").check(model, TOKENIZER)  # type: ignore[call-arg]
