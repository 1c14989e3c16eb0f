"""Logits of a classifier for rows in memory, in batches of equal or similar length."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from xlt_train.data.assemble import Rows, Tokenised
from xlt_train.data.encode import Encoder
from xlt_train.errors import UsageError
from xlt_train.evaluation.first_token import first_token, reads_first_token
from xlt_train.evaluation.smooth import Smoothing, Tally

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

FINAL = "final"  # the depth of states that must be there for all tokens
FLOAT32, BFLOAT16, AUTO = "float32", "bfloat16", "auto"
BATCH_CPU, BATCH_GPU = 32, 512  # rows of full length; caches of a processor are small, a GPU waits for work
_ALONE = 4  # rows of one length that fill this part of a batch go alone: without padding there is no mask to apply


class Judged(NamedTuple):
    """R rows: logits [R, C] float32 (their mean over the draws), the class predicted [R] int32, and the draws' votes [R, C]."""

    logits: np.ndarray
    predicted: np.ndarray
    votes: np.ndarray | None


@dataclass(frozen=True, kw_only=True)
class Judge:
    """A model and how it is asked. `tokens`: at most so many in a batch, with padding; `special_ids`: the tokenizer's own."""

    model: "PreTrainedModel"
    tokens: int
    precision: str = FLOAT32
    smoothing: Smoothing | None = None
    special_ids: tuple[int, ...] = ()

    def __call__(self, rows: Rows, addresses: np.ndarray, progress: Callable[[int], object] = lambda rows: None) -> Judged:
        """Judge R rows; `addresses` [R] int64 tell the noise of one from another's. `progress` hears of each batch's rows."""
        import torch

        self.model.eval()
        found: list[tuple[torch.Tensor, ...]] = []
        order = np.concatenate(cut := list(batches(rows.lengths, self.tokens)))
        with torch.inference_mode():
            short = self._short(rows, cut)
        with torch.inference_mode(), autocast(self.model.device, self.precision), first_token(self.model, short):
            for chosen in cut:
                inputs = {name: self._there(values) for name, values in rows.batch(chosen).items()}
                found.append(self._tally(inputs, self._there(addresses[chosen])))
                progress(len(chosen))
            parts = [torch.cat(part).cpu().numpy() for part in zip(*found)]  # a GPU is waited for but here
        back = np.empty_like(order)
        back[order] = np.arange(len(order))
        logits, predicted, *votes = (part[back] for part in parts)
        return Judged(logits, predicted.astype(np.int32), votes[0].astype(np.int32) if votes else None)

    def _short(self, rows: Rows, cut: Sequence[np.ndarray]) -> bool:
        """Whether the first token is all that is read of the last states, tried on rows of the shortest and longest batch."""
        if self.smoothing is not None and self.smoothing.depth == FINAL:
            return False
        batch = rows.batch(np.concatenate((cut[0][:1], cut[-1][-1:])))
        return reads_first_token(self.model, {name: self._there(values) for name, values in batch.items()})

    def _tally(self, inputs: "dict[str, torch.Tensor]", addresses: "torch.Tensor") -> "tuple[torch.Tensor, ...]":
        """Logits [B, C], predicted [B] and, where smoothed, votes [B, C] of a batch."""
        if self.smoothing is None or self.smoothing.epsilon == 0:
            logits = self.model(**inputs).logits.float()
            if self.smoothing is None:
                return logits, logits.argmax(-1)
            return Tally.unmoved(logits, self.smoothing.draws)
        tally = Tally()
        for logits in self.smoothing.drawn(self.model, inputs, addresses, self.special_ids):
            tally.add(logits)
        return tally.outcome()

    def _there(self, values: np.ndarray) -> "torch.Tensor":
        """On the model's device, without waiting for it."""
        import torch

        tensor = torch.from_numpy(values)
        if self.model.device.type == "cuda":
            return tensor.pin_memory().to(self.model.device, non_blocking=True)
        return tensor.to(self.model.device)


def batches(lengths: np.ndarray, tokens: int) -> Iterator[np.ndarray]:
    """Cut rows, by length [R], into batches of at most `tokens` with padding, one row at least; each row in one of them.

    Shortest first, rows of equal length in their order. So many of one length as fill a fair part of a batch go alone.
    """
    order = np.argsort(lengths, kind="stable")
    known, first = np.unique(lengths[order], return_index=True)
    begin = 0
    for length, end in zip(known.tolist(), [*first[1:].tolist(), len(order)]):
        fit = max(1, tokens // length) if length else len(order)
        while end - begin >= fit:
            yield order[begin : begin + fit]
            begin += fit
        if end > begin and ((end - begin) * length >= tokens // _ALONE or end == len(order)):
            yield order[begin:end]
            begin = end


def predict(
    model: "PreTrainedModel",
    encode: Encoder,
    columns: Sequence[Sequence[str]],
    *,
    batch_size: int,
    progress: Callable[[int], object] = lambda rows: None,
) -> np.ndarray:
    """Logits [N, C] float32 of N rows, given as one or two columns of texts, in batches of so many rows, by length.

    `progress` hears of every batch's size.
    """
    import torch

    rows = Tokenised(encode, columns)
    order = np.argsort(rows.lengths, kind="stable")
    found = np.empty((len(order), int(model.config.num_labels or 0)), np.float32)
    model.eval()
    for start in range(0, len(order), batch_size):
        chosen = order[start : start + batch_size]
        batch = {name: torch.from_numpy(values).to(model.device) for name, values in rows.batch(chosen).items()}
        with torch.inference_mode():
            found[chosen] = model(**batch).logits.float().cpu().numpy()
        progress(len(chosen))
    return found


def autocast(device: "torch.device", precision: str) -> AbstractContextManager[object]:
    """What computes in bfloat16 where that is asked for: products in bfloat16, the weights stay float32."""
    import torch

    return torch.autocast(device.type, torch.bfloat16, enabled=precision == BFLOAT16)


def pick_precision(name: str, device: "torch.device") -> str:
    """`auto`: bfloat16 on a GPU that computes in it, else float32. Raises UsageError for a device that cannot."""
    import torch

    able = device.type != "cuda" or torch.cuda.is_bf16_supported(including_emulation=False)
    if name == AUTO:
        return BFLOAT16 if device.type == "cuda" and able else FLOAT32
    if name not in (FLOAT32, BFLOAT16) or (name == BFLOAT16 and not able):
        raise UsageError(
            "choosing a precision",
            found=name,
            expected=f"{AUTO}, {FLOAT32}" + (f" or {BFLOAT16}" if able else f": this GPU has no {BFLOAT16}"),
            remedy="Leave out --precision",
        )
    return name


def pick_device(name: str) -> "torch.device":
    """The device of that name; `auto`: a GPU where there is one. Raises UsageError for one that is not there."""
    import torch

    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        name = next(kind for kind in ("cuda", "mps", "cpu") if there[kind])
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or not there.get(device.type, False):
        raise UsageError(
            "choosing a device",
            found=name,
            expected=f"auto or one of {', '.join(kind for kind in there if there[kind])}",
            remedy="Leave out --device, or install a torch that has it",
        )
    return device
