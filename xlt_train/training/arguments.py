"""`TrainingArguments` under their own names, over defaults of ours (annex C of the design: the papers' settings)."""

import argparse
import dataclasses
import difflib
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from xlt_train.errors import UsageError
from xlt_train.methods.base import Method
from xlt_train.methods.registry import METHODS
from xlt_train.models.load import NANO

if TYPE_CHECKING:
    from transformers import TrainingArguments

LEARNING_RATE = 2e-5  # Huang et al. 2021, Ding et al. 2022: the scripts of XTREME
NANO_LEARNING_RATE = 1e-3  # for weights that start at random
BATCH_SIZE = 32
_ALWAYS_KEPT = (
    "learning_rate", "per_device_train_batch_size", "gradient_accumulation_steps", "num_train_epochs", "max_steps",
    "lr_scheduler_type", "warmup_steps", "weight_decay", "optim", "seed",
)  # fmt: skip
_EPOCHS = ", ".join(f"{name} {method.epochs:g}" for name, method in METHODS.items())
# The dozen that help lists, with what they do.
LISTED = {
    "output_dir": "Folder of the run.  [default: here, named after method, model, data and settings]",
    "num_train_epochs": f"Epochs.  [default: {_EPOCHS}]",
    "max_steps": "Stop after so many steps instead.",
    "learning_rate": "Peak learning rate.  [default: 2e-5; nano 1e-3]",
    "lr_scheduler_type": "Its course.  [default: linear decay]",
    "warmup_steps": "Steps, or share of all steps, before the peak.  [default: 0]",
    "per_device_train_batch_size": "Rows in a batch.  [default: 32]",
    "gradient_accumulation_steps": "Batches in a step.  [default: 1]",
    "seed": "Seed of new weights, order and dropout.  [default: 42]",
    "eval_strategy": "When --dev is looked at: epoch or steps (--eval_steps N).  [default: epoch]",
    "save_strategy": "When a checkpoint is saved: epoch, steps (--save_steps N) or no.  [default: epoch]",
    "train_sampling_strategy": "group_by_length: rows of similar length share a batch.  [default: random]",
    "logging_steps": "Steps between entries of the log, which hold each term of the loss.  [default: 50]",
    "save_total_limit": "Checkpoints that are kept, beside the best.  [default: 1]",
    "bf16": "Mixed precision, on a GPU that has it.",
    "activation_checkpointing": "Less memory, more time: layers are computed again for their gradients.",
    "dataloader_num_workers": "Processes that make batches.  [default: 0]",
    "resume_from_checkpoint": "true: go on with the run in --output_dir, if one was begun there.",
}


def parse_arguments(words: Sequence[str]) -> dict[str, Any]:
    """Command-line words to the `TrainingArguments` that they name. Raises UsageError for a word that names none."""
    from transformers import HfArgumentParser, TrainingArguments

    class Parser(HfArgumentParser):
        def error(self, message: str) -> NoReturn:
            raise _refused(message)

    parser = Parser([TrainingArguments], allow_abbrev=False, add_help=False)  # type: ignore[list-item]
    for action in parser._actions:
        action.default = argparse.SUPPRESS  # only what was said
    found, rest = parser.parse_known_args(list(words))
    if rest:
        names = [f"--{field.name}" for field in dataclasses.fields(TrainingArguments)]
        close = difflib.get_close_matches(rest[0].partition("=")[0].replace("-", "_").replace("__", "--", 1), names, n=1)
        hint = f"Did you mean {close[0]}? " if close else ""
        raise UsageError(
            "reading the options",
            found=f"{rest[0]!r}, which is none",
            expected="an option of xlt-train fit or of transformers.TrainingArguments",
            remedy=f"{hint}See xlt-train fit --help",
        )
    return vars(found)


def chosen_arguments(given: Mapping[str, Any], *, method: type[Method], model: str, has_dev: bool) -> dict[str, Any]:
    """What was given, over our defaults. Raises UsageError for names that are none and for what cannot go together."""
    from transformers import TrainingArguments

    unknown = sorted(set(given) - {field.name for field in dataclasses.fields(TrainingArguments)})
    if unknown:
        raise _wrong(unknown[0], "names of TrainingArguments", "Check the name")
    _check(given, has_dev)
    found = _defaults(given, method=method, model=model, has_dev=has_dev) | dict(given)
    return found | {"output_dir": str(Path(found["output_dir"]).expanduser())}


def training_arguments(chosen: Mapping[str, Any]) -> "TrainingArguments":
    """The chosen arguments over the library's defaults. Raises UsageError for values that the library refuses."""
    from transformers import TrainingArguments

    try:
        return TrainingArguments(**chosen)
    except (ValueError, TypeError, ImportError, OSError) as error:
        raise _refused(str(error)) from error


def kept_arguments(arguments: "TrainingArguments", chosen: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that a record keeps: the usual ones, and those chosen, by the user or by us, that are not the default."""
    found = arguments.to_dict()
    # By the fields' defaults: making a second TrainingArguments to compare with would reset the devices of the first.
    usual = {field.name: field.default for field in dataclasses.fields(arguments)}
    others = [name for name in chosen if name not in _ALWAYS_KEPT and found[name] != usual[name]]
    names = [name for name in (*_ALWAYS_KEPT, *sorted(others)) if name != "output_dir" and not name.endswith("_token")]
    environment = {"processes": arguments.world_size, "mixed_precision": arguments.mixed_precision}  # of accelerate launch too
    return {name: found[name] for name in names} | environment


def _check(given: Mapping[str, Any], has_dev: bool) -> None:
    """What the Trainer would find out only in mid-run, or never."""
    _check_numbers(given)
    for name in ("eval_strategy", "eval_on_start", "load_best_model_at_end"):
        if given.get(name) not in (None, False, "no") and not has_dev:
            raise _wrong(f"--{name} without a development set", "--dev FILE", f"Name that file, or leave out --{name}")
    for name in ("prediction_loss_only", "label_names"):
        if given.get(name) and has_dev:
            raise _wrong(f"--{name}", "an evaluation that gives the accuracy on --dev", f"Leave out --{name}, or --dev")
    if given.get("train_sampling_strategy") == "batch_rebalance":
        expected = "batches of equal size: the loss is a mean over a batch, so a row in a smaller one would count for more"
        raise _wrong("--train_sampling_strategy batch_rebalance", expected, "Choose group_by_length, which wastes little too")
    metric = str(given.get("metric_for_best_model", "accuracy"))
    if metric.removeprefix("eval_") not in ("accuracy", "loss"):
        raise _wrong(f"--metric_for_best_model {metric}", "accuracy or loss", "Choose one of them")


_BOUNDS = {  # name -> what it must be, for values that the library takes and then fails on
    "seed": ("a number from 0 to 4,294,967,295", lambda value: 0 <= value < 2**32),
    "data_seed": ("a number from 0 to 4,294,967,295", lambda value: 0 <= value < 2**32),
    "gradient_accumulation_steps": ("at least 1", lambda value: value >= 1),
    "label_smoothing_factor": ("a number from 0 to 1", lambda value: 0 <= value <= 1),
    "num_train_epochs": ("more than 0", lambda value: value > 0),
    "max_steps": ("at least 1, or -1 for none", lambda value: value >= 1 or value == -1),
}


def _check_numbers(given: Mapping[str, Any]) -> None:
    for name, value in given.items():
        expected, holds = _BOUNDS.get(name, ("a finite number", lambda value: True))
        if isinstance(value, int | float) and not (math.isfinite(value) and holds(value)):
            raise _wrong(f"--{name} {value}", expected, "Choose another value")


def _defaults(given: Mapping[str, Any], *, method: type[Method], model: str, has_dev: bool) -> dict[str, Any]:
    import torch

    found: dict[str, Any] = {
        "output_dir": ".",  # until all settings are known, which the default name is made of
        "num_train_epochs": method.epochs,
        "learning_rate": NANO_LEARNING_RATE if model == NANO else LEARNING_RATE,
        "per_device_train_batch_size": BATCH_SIZE,
        "per_device_eval_batch_size": 64,
        "logging_steps": 50,
        "save_strategy": "epoch",
        "save_total_limit": 1,
        "remove_unused_columns": False,  # `rows` is for the method, not for the model
        "disable_tqdm": not sys.stderr.isatty(),
        "dataloader_pin_memory": torch.cuda.is_available(),  # the library's default warns where there is no GPU
    }
    if has_dev:
        when = str(given.get("eval_strategy", given.get("save_strategy", "epoch")))
        saving = str(given.get("save_strategy", when))
        choosing = "no" not in (when, saving)
        found |= {"eval_strategy": when, "save_strategy": saving, "load_best_model_at_end": choosing}
        for one, other in (("eval_steps", "save_steps"), ("save_steps", "eval_steps")):  # a checkpoint has its accuracy
            if one in given and other not in given:
                found[other] = given[one]
        if choosing and "metric_for_best_model" not in given:
            found |= {"metric_for_best_model": "accuracy", "greater_is_better": True}
    return found


def _refused(message: str) -> UsageError:
    found = " ".join(message.split()).rstrip(".")
    return _wrong(found, "values that transformers.TrainingArguments takes", "See xlt-train fit --help")


def _wrong(found: str, expected: str, remedy: str) -> UsageError:
    return UsageError("reading the training arguments", found=found, expected=expected, remedy=remedy)
