"""Adding a perturbation at a chosen depth of an encoder, by a hook that is gone afterwards."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import Embedding, Module

from xlt_train.errors import ModelError, UsageError
from xlt_train.perturbation.anatomy import Anatomy, bare, probing, unseen

WORDS, EMBEDDINGS, FINAL = "word-embeddings", "embeddings", "final"


@dataclass(frozen=True)
class Site:
    """A place in a model whose states [B, T, `dimensions`] may be changed: what comes out of `module`, or `before` it in."""

    module: Module
    dimensions: int
    before: bool = False

    @classmethod
    def of(cls, model: Module, depth: str) -> "Site":
        """`word-embeddings`, `embeddings` (their layer's output), `K` (input of layer K, counted from 1) or `final` (last
        hidden states). Raises UsageError for another depth or a layer that is not there, ModelError as `Anatomy.of`.
        """
        check_depth(depth)
        words = _words(model)
        size = int(words.weight.shape[-1])
        if depth == WORDS:
            return cls(words, size)
        parts = Anatomy.of(model)
        if depth == EMBEDDINGS:
            return cls(parts.embeddings, size)
        if depth == FINAL:
            return cls(parts.last(), parts.hidden_size)
        return cls(parts.layer(int(depth), "choosing where to perturb"), parts.hidden_size, before=True)


def _words(model: Module) -> Embedding:
    found: Module | None = None
    with suppress(NotImplementedError):
        found = bare(model).get_input_embeddings()
    if isinstance(getattr(found, "weight", None), Tensor):
        return cast(Embedding, found)
    raise ModelError(
        f"looking into {type(bare(model)).__name__}",
        found="no word embeddings",
        expected="an encoder with one embedding for each token, such as BERT or XLM-R",
        remedy="Choose another --model, or --method baseline or rs-da, which need not look inside",
    )


def check_reach(model: Module, depth: str) -> None:
    """Raises what `Site.of` and `adding` raise, and ModelError where the model's logits do not depend on states there.

    Some models go on from another copy of them, and a perturbation would be lost without a word.
    """
    site = Site.of(model, depth)
    delta = torch.zeros(1, 4, site.dimensions, device=bare(model).device, requires_grad=True)
    with probing(model) as probe, torch.enable_grad(), adding(site, delta):
        (gradient,) = torch.autograd.grad(probe().logits.sum(), delta, allow_unused=True)
        if gradient is None:
            raise ModelError(
                f"perturbing {type(bare(model)).__name__}",
                found=f"logits that do not depend on what is added at depth {depth}",
                expected="ones that do",
                remedy="Choose another --depth",
            )


def check_depth(depth: str) -> None:
    """Raises UsageError for a depth of no known form."""
    if depth not in (WORDS, EMBEDDINGS, FINAL) and not (depth.isascii() and depth.isdigit()):
        raise UsageError(
            "choosing where to perturb",
            found=repr(depth),
            expected=f"{WORDS}, {EMBEDDINGS}, {FINAL}, or the number of a layer whose input it is",
            remedy="Choose another --depth",
        )


@contextmanager
def adding(site: Site, delta: Tensor) -> Iterator[None]:
    """Add `delta` [B, T, D] to the states at `site` in every forward pass inside; the model is as before afterwards.

    Raises ModelError for states of another shape, and where no pass came by: compiled code may not know of the hook.
    """
    came_by = False

    def shifted(states: Tensor) -> Tensor:
        nonlocal came_by
        came_by = True
        if states.shape != delta.shape:
            raise ModelError(
                f"perturbing {type(site.module).__name__}",
                found=f"states of shape {list(states.shape)}",
                expected=f"{list(delta.shape)}: rows, tokens, dimensions",
                remedy="Choose another --depth",
            )
        return states + delta.to(states.dtype)

    def into(module: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        if args:
            return (shifted(args[0]), *args[1:]), kwargs
        return args, kwargs | {"hidden_states": shifted(kwargs["hidden_states"])}

    def out(module: Module, args: Any, output: Any) -> Any:
        return _with_states(output, shifted)

    module = site.module
    handle = module.register_forward_pre_hook(into, with_kwargs=True) if site.before else module.register_forward_hook(out)
    try:
        yield
    finally:
        handle.remove()
    if not came_by:
        raise unseen(f"perturbing {type(site.module).__name__}", "no forward pass that went through it")


def _with_states(output: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """A module's output with other hidden states: a tensor, a tuple that begins with it, or a ModelOutput."""
    if isinstance(output, Tensor):
        return change(output)
    if isinstance(output, tuple):
        return (change(output[0]), *output[1:])
    return type(output)(**{**output, "last_hidden_state": change(output.last_hidden_state)})
