"""Reading hidden states and attention on the way through an encoder, without changing what it computes.

A fused attention gives no matrix. So the queries and keys of the one layer that is asked for are noted as they pass, and its
matrix is computed from them: all layers, that one too, keep their fused attention, and gradient checkpointing replays the same.
Where no attention is fused (on a CPU, with dropout), the pass itself goes on from that matrix.
"""

import math
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import Module
from torch.nn.functional import dropout

from xlt_train.errors import ModelError
from xlt_train.perturbation.anatomy import Anatomy, bare, check_traceable, checkpointed, probing, unseen

_NAME = "xlt_reading"  # under which transformers finds our attention function


class Heads(NamedTuple):
    """Queries and keys [B, H, T, D] of a layer, its mask as the attention function got it, and the factor of their product.

    `known`: their distribution, where the pass itself made it.
    """

    query: Tensor
    key: Tensor
    mask: Tensor | None
    scaling: float
    known: Tensor | None = None

    def distribution(self) -> Tensor:
        """The attention distribution before dropout, [B, H, T, T] float32: row i says where token i looks."""
        if self.known is not None:
            return self.known
        root = math.sqrt(self.scaling)  # half for each, as torch does: the same bits as where it makes this matrix itself
        scores = ((self.query * root) @ (self.key.transpose(-1, -2) * root)).float()
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

    def __init__(self, config: Any, layer: int, into: Readings, *, replayed: bool) -> None:
        self.config, self.layer, self.into, self.replayed = config, layer, into, replayed

    def __getattr__(self, name: str) -> Any:
        return getattr(self.config, name)


def _pass_on(module: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **kwargs: Any) -> Any:
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    tap: _Tap = module.config
    plain = query.shape[1] == key.shape[1] and kwargs.get("position_bias") is None and kwargs.get("softcap") is None
    if not plain or tap.layer in tap.into.heads:
        raise unreadable(module, "attention of a form of its own")
    scaling = kwargs.get("scaling")
    heads = Heads(query, key, attention_mask, query.shape[-1] ** -0.5 if scaling is None else scaling)
    if query.device.type == "cpu" and kwargs.get("dropout", 0.0) > 0 and not tap.replayed:
        # No fused kernel there takes dropout: torch would make the same matrix, drop from it, and throw it away.
        heads = heads._replace(known=heads.distribution())
        tap.into.heads[tap.layer] = heads
        return (dropout(heads.distribution().to(value.dtype), kwargs["dropout"]) @ value).transpose(1, 2).contiguous(), None
    tap.into.heads[tap.layer] = heads
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

    Raises UsageError for a layer that the model lacks or whose attention runs without a graph (`check_traceable`), ModelError
    for a model that is not built so, or that was not called.
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
            layer = parts.layer(number, "reading attention")
            check_traceable(layer, "reading attention")
            _tap(layer, number, found, undo)
        yield found
    if embeddings and not hasattr(found, "embeddings"):
        raise unseen(f"reading the embeddings of {type(bare(model)).__name__}", "none")
    for number in hidden:
        if number not in found.hidden:
            raise unseen(f"reading hidden states of {type(bare(model)).__name__}", f"none in layer {number}")
    for number in heads:
        if number not in found.heads:
            raise unreadable(bare(model), f"none in layer {number}")


def _tap(layer: Module, number: int, into: Readings, undo: ExitStack) -> None:
    """Put a tap in the place of the configuration of whatever computes attention in a layer."""
    from transformers import AttentionInterface

    AttentionInterface.register(_NAME, _pass_on)
    for part in layer.modules():
        config = part.__dict__.get("config")
        if hasattr(config, "_attn_implementation"):
            undo.callback(part.__dict__.__setitem__, "config", config)
            part.__dict__["config"] = _Tap(config, number, into, replayed=checkpointed(layer))


def check_readable(model: Module, *, embeddings: bool = False, hidden: Sequence[int] = (), heads: Sequence[int] = ()) -> None:
    """Raises what `reading` raises, by a pass of four tokens that leaves no trace.

    Raises ModelError too where what was read is not what goes into the next layer: a part of the right name may hold something
    else, as the `embeddings` of XLM, which are those of words alone.
    """
    parts, inputs = Anatomy.of(model), {}
    with probing(model) as probe, torch.no_grad(), ExitStack() as undo:
        for number in (*[0] * embeddings, *hidden):
            if parts.layers is not None and 0 <= number < parts.depth:

                def note(module: Module, args: Any, kwargs: Any, number: int = number) -> None:
                    inputs[number] = args[0] if args else kwargs["hidden_states"]

                undo.callback(parts.layers[number].register_forward_pre_hook(note, with_kwargs=True).remove)
        with reading(model, embeddings=embeddings, hidden=hidden, heads=heads) as read:
            probe()
    found = ({0: read.embeddings} if embeddings else {}) | read.hidden
    for number, states in inputs.items():  # another shape: projected in between, as in ELECTRA
        if states.shape == found[number].shape and not torch.equal(states, found[number]):
            raise ModelError(
                f"reading the hidden states of {type(bare(model)).__name__}",
                found=f"{f'a layer {number}' if number else 'embeddings'} that does not give what goes into layer {number + 1}",
                expected="an encoder that is built as BERT or XLM-R",
                remedy="Choose another --model, or --method baseline or rs-da, which need not look inside",
            )
