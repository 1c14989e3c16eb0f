"""The parts of an encoder that perturbations need: embeddings, layers, what runs them. Any BERT-like encoder has them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import torch
from torch.nn import Module, ModuleList

from xlt_train.errors import ModelError, UsageError

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def bare(model: Module) -> "PreTrainedModel":
    """The model itself, out of what wraps it to share its work (DistributedDataParallel) or compile it."""
    while (inner := getattr(model, "module", getattr(model, "_orig_mod", None))) is not None:
        model = inner
    return cast("PreTrainedModel", model)


def undistributed(model: Module) -> Module:
    """The model out of DistributedDataParallel, which would count a pass whose gradients it never sees."""
    return getattr(model, "module", model)


@contextmanager
def probing(model: Module) -> Iterator[Callable[..., Any]]:
    """A function that gives the model's output for four tokens, without dropout; the model is as before afterwards."""
    whole = bare(model)
    device, modes = whole.device, [(part, part.training) for part in whole.modules()]
    ids = torch.arange(1, 5, device=device)[None]

    def probe(**more: Any) -> Any:
        return whole(input_ids=ids, attention_mask=torch.ones_like(ids), **more)

    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        try:
            whole.eval()
            yield probe
        finally:
            for part, training in modes:
                part.training = training


@dataclass(frozen=True)
class Anatomy:
    """Where an encoder keeps what: `embeddings` gives the first hidden states, `stack` runs `layers` one after the other.

    `layers` and `stack` are None in an encoder that keeps no list of layers, such as ALBERT, whose layers are one.
    """

    name: str
    embeddings: Module
    hidden_size: int
    depth: int  # how many layers there are
    layers: ModuleList | None
    stack: Module | None

    @classmethod
    def of(cls, model: Module) -> "Anatomy":
        """Find them. Raises ModelError for a model that is not built so."""
        whole = bare(model)
        base, count, name = whole.base_model, int(getattr(whole.config, "num_hidden_layers", 0)), type(whole).__name__
        embeddings = getattr(base, "embeddings", None)
        if not isinstance(embeddings, Module):
            raise _lacking(name, "embeddings", "an encoder with embeddings, such as BERT or XLM-R")
        lists = [where for where, part in base.named_modules() if isinstance(part, ModuleList) and len(part) == count]
        where = min(lists, key=lambda found: found.count("."), default=None)
        layers = None if where is None else cast(ModuleList, base.get_submodule(where))
        stack = None if where is None else base.get_submodule(where.rpartition(".")[0])
        return cls(name, embeddings, int(whole.config.hidden_size), count, layers, stack)

    def layer(self, number: int, doing: str) -> Module:
        """Layer `number`, counted from 1. Raises UsageError for one that the model lacks, ModelError where there is no list."""
        if not 1 <= number <= self.depth:
            raise UsageError(
                doing,
                found=f"layer {number}",
                expected=f"1 to {self.depth}, the layers of this model",
                remedy="Choose one of them",
            )
        if self.layers is None:
            raise self._without_layers()
        return self.layers[number - 1]

    def last(self) -> Module:
        """What gives the last hidden states. Raises ModelError where there is no list of layers."""
        if self.stack is None:
            raise self._without_layers()
        return self.stack

    def _without_layers(self) -> ModelError:
        return _lacking(self.name, f"list of its {self.depth} layers", "an encoder that keeps one, such as BERT or XLM-R")


def _lacking(name: str, found: str, expected: str) -> ModelError:
    return ModelError(
        f"looking into {name}",
        found=f"no {found}",
        expected=expected,
        remedy="Choose another --model or --depth, or --method baseline or rs-da, which need not look inside",
    )


def checkpointed(layer: Module) -> bool:
    """Whether what a layer computes is computed again in the backward pass (gradient checkpointing), when no tap is there.

    Its input and output are not (transformers from 5.23 on): what hooks do there stays.
    """
    return layer.training and bool(getattr(layer, "gradient_checkpointing", False))


def check_traceable(part: Module, doing: str) -> None:
    """Raises UsageError for reentrant gradient checkpointing in a model or layer, which lets none ask for gradients inside."""
    for layer in part.modules():
        settings = getattr(getattr(layer, "_gradient_checkpointing_func", None), "keywords", {})
        if checkpointed(layer) and settings.get("use_reentrant"):
            raise UsageError(
                doing,
                found="gradient checkpointing with use_reentrant",
                expected="the kind without, which lets gradients of what is inside a layer be asked for",
                remedy="Leave out use_reentrant",
            )


def unseen(doing: str, found: str) -> ModelError:
    """The error for a hook that no forward pass has met, whose loss would be one without it."""
    return ModelError(
        doing,
        found=found,
        expected="a forward pass that calls it as a module; compiled code may have been made before and know of no hook",
        remedy="Choose another --depth or --model, or leave out --torch_compile",
    )
