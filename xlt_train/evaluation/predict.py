"""Logits of a classifier for rows in memory, in batches of similar length."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from xlt_train.data.encode import Encoder
from xlt_train.errors import UsageError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


def predict(
    model: "PreTrainedModel",
    encode: Encoder,
    columns: Sequence[Sequence[str]],
    *,
    batch_size: int,
    progress: Callable[[int], object] = lambda rows: None,
) -> np.ndarray:
    """Logits [N, C] float32 of N rows, given as one or two columns of texts; `progress` hears of every batch's size."""
    import torch

    encoded = encode(columns)
    order = sorted(range(len(encoded)), key=lambda k: len(encoded[k]["input_ids"]))  # little padding; stable
    found = np.empty((len(encoded), int(model.config.num_labels or 0)), np.float32)
    model.eval()
    for start in range(0, len(order), batch_size):
        chosen = order[start : start + batch_size]
        batch = encode.tokenizer.pad([encoded[k] for k in chosen], return_tensors="pt").to(model.device)
        with torch.inference_mode():
            found[chosen] = model(**batch).logits.float().cpu().numpy()
        progress(len(chosen))
    return found


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
