"""Leaving out what a classifier does not read: behind the last layer's attention it reads the first token alone.

So in an encoder built as BERT the last layer's output projection and feed-forward net, three quarters of that layer's
products, need be computed for one token of each row. Whether that holds for a model is tried on rows, not assumed.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from xlt_train.errors import ModelError

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module
    from transformers import PreTrainedModel

_APART = 1e-4  # of the largest logit: other shapes of products round otherwise, another token gives other numbers


def _behind_attention(model: "PreTrainedModel") -> "Module | None":
    """What the last layer does first with the attention's result and its own input; None in an encoder built otherwise."""
    from xlt_train.perturbation.anatomy import Anatomy

    try:
        layers = Anatomy.of(model).layers
    except ModelError:
        return None
    return getattr(getattr(layers[-1] if layers else None, "attention", None), "output", None)


def _first(module: "Module", args: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(states[:, :1] for states in args)


@contextmanager
def first_token(model: "PreTrainedModel", wanted: bool = True) -> Iterator[None]:
    """Inside, if `wanted`, the last layer goes on with the first token alone; the model is as before afterwards."""
    module = _behind_attention(model) if wanted else None
    handle = None if module is None else module.register_forward_pre_hook(_first)
    try:
        yield
    finally:
        if handle is not None:
            handle.remove()


def reads_first_token(model: "PreTrainedModel", inputs: "Mapping[str, Tensor]") -> bool:
    """Whether the logits of these rows are the same with the first token alone, but for rounding."""
    if _behind_attention(model) is None:
        return False
    whole = model(**inputs).logits
    try:
        with first_token(model):
            short = model(**inputs).logits
    except (RuntimeError, TypeError, IndexError, AttributeError):  # it goes on with all tokens
        return False
    return bool((whole - short).abs().max() <= _APART * whole.abs().max())
