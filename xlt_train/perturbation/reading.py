"""Reading hidden states and attention on the way through an encoder, without changing what it computes.

A fused attention gives no matrix. So the queries and keys of the one layer that is asked for are noted as they pass, and its
matrix is computed from them: all layers, that one too, keep their fused attention, and gradient checkpointing replays the same.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import Module

from xlt_train.errors import ModelError
from xlt_train.perturbation.anatomy import Anatomy, bare, probing

_NAME = "xlt_reading"  # under which transformers finds our attention function


class Heads(NamedTuple):
    """Queries and keys [B, H, T, D] of a layer, its mask as the attention function got it, and the factor of their product."""

    query: Tensor
    key: Tensor
    mask: Tensor | None
    scaling: float

    def distribution(self) -> Tensor:
        """The attention distribution before dropout, [B, H, T, T] float32: row i says where token i looks."""
        scores = (self.query @ self.key.transpose(-1, -2)).float() * self.scaling
        if self.mask is not None:
            mask = self.mask[:, None, None, :] if self.mask.dim() == 2 else self.mask  # 2: of flash attention, by key
            if mask.is_floating_point():
                scores = scores + mask.float()
            else:
                # Not -inf: where attention is local, a padding token may see none at all, and its row would be nan.
                scores = scores.masked_fill(~mask.bool(), torch.finfo(scores.dtype).min)
        return scores.softmax(-1)


@dataclass
class Readings:
    """What one forward pass left: the embedding layer's output, hidden states and heads by layer, counted from 1."""

    embeddings: Tensor = field(init=False)
    hidden: dict[int, Tensor] = field(default_factory=dict)
    heads: dict[int, Heads] = field(default_factory=dict)


class _Tap:
    """A layer's configuration, but for the attention function: ours, which notes what passes and calls the one configured."""

    _attn_implementation = _NAME

    def __init__(self, config: Any, layer: int, into: Readings) -> None:
        self.config, self.layer, self.into = config, layer, into

    def __getattr__(self, name: str) -> Any:
        return getattr(self.config, name)


def _pass_on(module: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **kwargs: Any) -> Any:
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    tap: _Tap = module.config
    plain = query.shape[1] == key.shape[1] and kwargs.get("position_bias") is None and kwargs.get("softcap") is None
    if not plain or tap.layer in tap.into.heads:
        raise unreadable(module, "attention of a form of its own")
    scaling = kwargs.get("scaling")
    tap.into.heads[tap.layer] = Heads(query, key, attention_mask, query.shape[-1] ** -0.5 if scaling is None else scaling)
    eager: Any = getattr(sys.modules[type(module).__module__], "eager_attention_forward", None)
    function: Any = ALL_ATTENTION_FUNCTIONS.get_interface(tap.config._attn_implementation, eager)
    return function(module, query, key, value, attention_mask, **kwargs)


def unreadable(model: Module, found: str) -> ModelError:
    """The error for attention that cannot be had as queries and keys."""
    return ModelError(
        f"reading the attention of {type(model).__name__}",
        found=found,
        expected="queries and keys that go through transformers' attention interface, as in BERT and XLM-R",
        remedy="Choose another --model, or --pull none",
    )


@contextmanager
def reading(
    model: Module, *, embeddings: bool = False, hidden: Sequence[int] = (), heads: Sequence[int] = ()
) -> Iterator[Readings]:
    """Note what the next forward pass gives; the model is as before afterwards.

    Raises UsageError for a layer that the model lacks, ModelError for a model that is not built so.
    """
    found, parts = Readings(), Anatomy.of(model)
    with ExitStack() as undo:
        if embeddings:

            def note_embeddings(module: Module, args: Any, output: Any) -> None:
                found.embeddings = output

            undo.callback(parts.embeddings.register_forward_hook(note_embeddings).remove)
        for number in hidden:

            def note_hidden(module: Module, args: Any, output: Any, number: int = number) -> None:
                found.hidden[number] = output if isinstance(output, Tensor) else output[0]

            layer = parts.layer(number, "reading hidden states")
            undo.callback(layer.register_forward_hook(note_hidden).remove)
        for number in heads:
            _tap(parts.layer(number, "reading attention"), number, found, undo)
        yield found
    for numbers, read in ((heads, found.heads), (hidden, found.hidden)):
        missing = [number for number in numbers if number not in read]
        if missing:
            raise unreadable(bare(model), f"none in layer {missing[0]}")


def _tap(layer: Module, number: int, into: Readings, undo: ExitStack) -> None:
    """Put a tap in the place of the configuration of whatever computes attention in a layer."""
    from transformers import AttentionInterface

    AttentionInterface.register(_NAME, _pass_on)
    for part in layer.modules():
        config = part.__dict__.get("config")
        if hasattr(config, "_attn_implementation"):
            undo.callback(part.__dict__.__setitem__, "config", config)
            part.__dict__["config"] = _Tap(config, number, into)


def check_readable(model: Module, *, hidden: Sequence[int] = (), heads: Sequence[int] = ()) -> None:
    """Raises what `reading` raises, by a pass of four tokens that leaves no trace."""
    with probing(model) as probe, torch.no_grad(), reading(model, hidden=hidden, heads=heads):
        probe()
