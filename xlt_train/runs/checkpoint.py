"""Whether a checkpoint can be gone on from: its files are those that were saved, and they are of this model."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xlt_train.errors import RunError
from xlt_train.runs.record import RunRecord, check_sealed

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_REMEDY = "Remove it to go on from the one before, or train again in another --output_dir"


def check_unchanged(checkpoint: Path) -> None:
    """Raises RunError when weights, configuration or tokenizer are not those that the checkpoint's record was written for."""
    check_sealed(RunRecord.read(checkpoint), checkpoint, remedy=_REMEDY)


def check_architecture(checkpoint: Path, model: "PreTrainedModel") -> None:
    """Raises RunError for the checkpoint of another kind of model, or of one with other sizes.

    The Trainer would take what fits and leave the rest as it is, with a warning at most.
    """
    saved: dict[str, Any] = json.loads((checkpoint / "config.json").read_bytes())
    config = model.config.to_dict()
    kind = f"{type(model).__name__} ({config['model_type']})"
    found = f"{', '.join(saved.get('architectures') or ['no architecture'])} ({saved.get('model_type')})"
    if found != kind:
        raise _other(checkpoint, f"a checkpoint of {found}", f"one of {kind}, as --model is")
    for name in sorted(saved.keys() & config.keys()):
        sizes = saved[name], config[name]
        if all(type(size) is int for size in sizes) and sizes[0] != sizes[1] and not name.endswith("_id"):
            raise _other(checkpoint, f"{name} {sizes[0]:,}", f"{sizes[1]:,}, as --model has it")


def _other(checkpoint: Path, found: str, expected: str) -> RunError:
    remedy = "Name the model that it was trained from with --model, or train in another --output_dir"
    return RunError(f"going on from {checkpoint}", found=found, expected=expected, remedy=remedy)
