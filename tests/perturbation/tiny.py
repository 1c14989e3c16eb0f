"""Tiny encoders made on the spot, batches for them, and the same encoders run by hand, so that no hook is needed."""

from collections.abc import Mapping
from typing import Any

import torch
import transformers
from torch import Tensor
from torch.nn.functional import cross_entropy

from xlt_train.methods.base import Batch

LAYERS, CLASSES, VOCABULARY = 3, 3, 40
LENGTHS = (9, 4, 12, 7)  # tokens of the rows of a batch, [CLS] and [SEP] included
PADDING, FIRST, LAST = {"bert": 0, "xlmr": 1}, {"bert": 2, "xlmr": 0}, {"bert": 3, "xlmr": 2}
KINDS = [("bert", 24), ("bert", 15), ("xlmr", 16), ("xlmr", 21)]  # with even and odd dimensions
_NAMES = {"bert": "Bert", "xlmr": "XLMRoberta"}


def tiny(kind: str, dimensions: int = 24, *, seed: int = 0, dropout: float = 0.0, attention: str = "sdpa", **more: Any) -> Any:
    """A classifier of three layers in training mode. Its weights are large, so that attention and logits are far from even."""
    shape = {"hidden_size": dimensions, "intermediate_size": 2 * dimensions, "num_hidden_layers": LAYERS}
    config = getattr(transformers, _NAMES[kind] + "Config")(
        vocab_size=VOCABULARY,
        max_position_embeddings=40,
        num_attention_heads=dimensions // [n for n in (8, 7, 5) if dimensions % n == 0][0],
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
        initializer_range=0.3,
        pad_token_id=PADDING[kind],
        type_vocab_size=2,
        num_labels=CLASSES,
        **shape,
        **more,
    )
    torch.manual_seed(seed)
    config._attn_implementation = attention
    return getattr(transformers, _NAMES[kind] + "ForSequenceClassification")(config).train()


def batch_of(
    kind: str, *, pairs: bool = False, seed: int = 1, left: bool = False, width: int | None = None, rows: int = 4, **more: Any
) -> Batch:
    """Rows of the lengths above. `pairs`: behind them their variants, of other tokens and the lengths one row further."""
    made = torch.Generator().manual_seed(seed)
    lengths = [LENGTHS[k % 4] for k in range(rows)]
    if pairs:
        lengths += lengths[1:] + lengths[:1]
    width = width or max(lengths)
    ids = torch.full((len(lengths), width), PADDING[kind])
    mask, types = torch.zeros_like(ids), torch.zeros_like(ids)
    for k, length in enumerate(lengths):
        start = width - length if left else 0
        words = torch.randint(5, VOCABULARY, (length - 2,), generator=made)
        ids[k, start : start + length] = torch.cat((torch.tensor([FIRST[kind]]), words, torch.tensor([LAST[kind]])))
        mask[k, start : start + length] = 1
        types[k, start + length // 2 : start + length] = 1
    labels = torch.randint(0, CLASSES, (rows,), generator=made)
    numbers = torch.randint(0, 10**7, (len(lengths),), generator=made)
    inputs = {"input_ids": ids, "token_type_ids": types, "attention_mask": mask}
    special = (PADDING[kind], FIRST[kind], LAST[kind])
    return Batch(inputs=inputs, labels=labels, rows=numbers, special_ids=special, **{"epoch": 2, "seed": 42} | more)


def by_hand(model: Any, inputs: Mapping[str, Tensor], deltas: Mapping[str, Tensor] | None = None) -> dict[str, Tensor]:
    """Run a BERT or XLM-R part by part, with a delta at each depth named: states by depth, and `logits`."""
    base, deltas = model.base_model, deltas or {}
    ids, mask = inputs["input_ids"], inputs["attention_mask"]

    def moved(depth: str, states: Tensor) -> Tensor:
        found = states + deltas[depth].to(states.dtype) if depth in deltas else states
        return seen.setdefault(depth, found)

    seen: dict[str, Tensor] = {}
    numbers = torch.arange(ids.shape[1]).expand_as(ids)
    if "Roberta" in type(model).__name__:  # whose positions count from the padding's id on
        kept = (ids != model.config.pad_token_id).long()
        numbers = kept.cumsum(1) * kept + model.config.pad_token_id
    words = moved("word-embeddings", base.embeddings.word_embeddings(ids))
    states = base.embeddings(inputs_embeds=words, token_type_ids=inputs["token_type_ids"], position_ids=numbers)
    states = moved("embeddings", states)
    masked = torch.zeros_like(mask, dtype=states.dtype).masked_fill(mask == 0, torch.finfo(states.dtype).min)
    for k, layer in enumerate(base.encoder.layer, start=1):
        states = layer(moved(str(k), states), masked[:, None, None, :].expand(-1, 1, ids.shape[1], -1))
    states = moved("final", states)
    pooled = model.classifier(states) if base.pooler is None else model.classifier(model.dropout(base.pooler(states)))
    return seen | {"logits": pooled}


def ce(logits: Tensor, labels: Tensor) -> Tensor:
    """Of each row, without the code under test."""
    return cross_entropy(logits, labels, reduction="none")


def doubled(model: Any) -> Any:
    """The model in float64."""
    return model.double()


def gradients(model: Any, loss: Tensor) -> dict[str, Tensor]:
    """Of the weights, by name; the model keeps none."""
    model.zero_grad()
    loss.backward()
    found = {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None}
    model.zero_grad()
    return found


def state_of(model: Any) -> dict[str, Any]:
    """Everything that a module of the model has in its __dict__: what it is, and of containers what is in them."""
    found: dict[str, Any] = {}
    for name, module in model.named_modules():
        for key, value in module.__dict__.items():
            inside = list(value.items()) if isinstance(value, dict) else []
            found[f"{name}.{key}"] = (id(value), [(k, id(v)) for k, v in inside])
        found[f"{name} forward"] = "forward" in module.__dict__
    for name, weight in model.named_parameters():
        found[f"weight {name}"] = (weight.requires_grad, weight.grad is None, weight._version)
    return found
