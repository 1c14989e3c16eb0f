"""The parts of an encoder that perturbations need: embeddings, layers, what runs them. Any BERT-like encoder has them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor
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
    """The model out of DistributedDataParallel, which would count a pass whose gradients it never sees; compiled if it was."""
    return getattr(model, "module", model)


@contextmanager
def probing(model: Module) -> Iterator[Callable[[], Tensor]]:
    """A function that gives the logits [1, classes] of four tokens, without dropout; the model is as before afterwards."""
    whole = bare(model)
    device, modes = whole.device, [(part, part.training) for part in whole.modules()]
    ids = torch.arange(1, 5, device=device)[None]

    def probe() -> Tensor:
        found: Tensor = whole(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
        return found

    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        try:
            whole.eval()
            yield probe
        finally:
            for part, training in modes:
                part.training = training


@dataclass(frozen=True)
class Anatomy:
    """Where an encoder keeps what: `embeddings` gives the first hidden states, `stack` runs `layers` one after the other."""

    embeddings: Module
    layers: ModuleList
    stack: Module
    hidden_size: int

    @classmethod
    def of(cls, model: Module) -> "Anatomy":
        """Find them. Raises ModelError for a model that is not built so."""
        whole = bare(model)
        base, count = whole.base_model, int(getattr(whole.config, "num_hidden_layers", 0))
        embeddings = getattr(base, "embeddings", None)
        lists = [name for name, part in base.named_modules() if isinstance(part, ModuleList) and len(part) == count]
        if not isinstance(embeddings, Module) or not lists:
            lacks = "embeddings" if not isinstance(embeddings, Module) else f"list of its {count} layers"
            raise ModelError(
                f"looking into {type(whole).__name__}",
                found=f"no {lacks}",
                expected="an encoder with embeddings and a list of layers, such as BERT or XLM-R",
                remedy="Choose another --model, or --method baseline or rs-da, which need not look inside",
            )
        name = min(lists, key=lambda found: found.count("."))
        layers = cast(ModuleList, base.get_submodule(name))
        stack = base.get_submodule(name.rpartition(".")[0])
        return cls(embeddings, layers, stack, int(whole.config.hidden_size))

    def layer(self, number: int, doing: str) -> Module:
        """Layer `number`, counted from 1. Raises UsageError for one that the model lacks."""
        if not 1 <= number <= len(self.layers):
            raise UsageError(
                doing,
                found=f"layer {number}",
                expected=f"1 to {len(self.layers)}, the layers of this model",
                remedy="Choose one of them",
            )
        return self.layers[number - 1]
