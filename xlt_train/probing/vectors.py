"""Vectors of words: the mean of their tokens' states, at any depth of an encoder, from one pass."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from xlt_train.errors import ModelError
from xlt_train.perturbation.anatomy import unseen
from xlt_train.perturbation.depth import Site
from xlt_train.probing.words import Sentence

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


class Vectors(NamedTuple):
    """The words of some sentences, one behind the other: [W, D] float32 by depth; those of sentence k are starts[k]:starts[k +
    1].
    """

    starts: np.ndarray
    by_depth: dict[str, np.ndarray]


@contextmanager
def noting(sites: Mapping[str, Site]) -> Iterator[dict[str, Tensor]]:
    """The states [B, T, D] at these sites, by name, of the last pass inside; the model is as before afterwards.

    Raises ModelError where no pass came by.
    """
    found: dict[str, Tensor] = {}
    handles = [_note(name, site, found) for name, site in sites.items()]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()
    for name in sites:
        if name not in found:
            raise unseen("reading states", f"no pass that went through depth {name}")


def _note(name: str, site: Site, into: dict[str, Tensor]) -> Any:
    def before(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        into[name] = args[0] if args else kwargs["hidden_states"]

    def behind(module: Any, args: Any, output: Any) -> None:
        into[name] = output if isinstance(output, Tensor) else output[0]

    if site.before:
        return site.module.register_forward_pre_hook(before, with_kwargs=True)
    return site.module.register_forward_hook(behind)


def word_vectors(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    sentences: Sequence[Sentence],
    sites: Mapping[str, Site],
    *,
    batch_size: int,
    progress: Callable[[int], object] = lambda texts: None,
) -> Vectors:
    """One pass for each sentence, in batches of similar length; `progress` hears of every batch's size.

    Raises ModelError where states are not one for each token.
    """
    starts = np.concatenate(([0], np.cumsum([len(sentence.words) for sentence in sentences]))).astype(np.int64)
    found = {depth: np.zeros((int(starts[-1]), site.dimensions), np.float32) for depth, site in sites.items()}
    if not sentences:
        return Vectors(starts, found)
    order = sorted(range(len(sentences)), key=lambda k: len(sentences[k].owners))  # little padding; stable
    model.eval()
    with torch.inference_mode(), noting(sites) as states:
        for start in range(0, len(order), batch_size):
            chosen = order[start : start + batch_size]
            inputs = [sentences[k].inputs for k in chosen]
            batch = tokenizer.pad(inputs, return_tensors="pt", return_attention_mask=True).to(model.device)
            model(**batch)
            rows = np.concatenate([np.arange(starts[k], starts[k + 1]) for k in chosen])
            owners = _owners([sentences[k] for k in chosen])
            for depth, noted in states.items():
                found[depth][rows] = _means(noted, batch["attention_mask"], owners, len(rows), depth)
            progress(len(chosen))
    return Vectors(starts, found)


def _owners(sentences: Sequence[Sentence]) -> np.ndarray:
    """For each token of a batch, padding left out, its word counted through the batch, -1 for none."""
    starts = np.cumsum([0, *(len(sentence.words) for sentence in sentences)])
    return np.concatenate([np.where(s.owners < 0, -1, s.owners + start) for s, start in zip(sentences, starts)])


def _means(states: Tensor, mask: Tensor, owners: np.ndarray, words: int, depth: str) -> np.ndarray:
    """The mean state of each word's tokens, [words, D] float32."""
    if states.shape[:2] != mask.shape:
        raise ModelError(
            f"reading states at depth {depth}",
            found=f"states of shape {list(states.shape)}",
            expected=f"one for each of {list(mask.shape)} tokens",
            remedy="Choose another --depth or model",
        )
    flat = states[mask.bool()].float().cpu().numpy()  # in the order of `owners`, on whichever side the padding stands
    index = owners[owners >= 0]
    found = np.zeros((words, flat.shape[1]), np.float32)
    if len(index):
        starts = np.flatnonzero(np.diff(index, prepend=-1))  # a word's tokens stand together
        counts = np.diff(starts, append=len(index))
        found[index[starts]] = np.add.reduceat(flat[owners >= 0], starts, axis=0) / counts[:, None]
    return found
