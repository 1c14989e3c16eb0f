"""All that a run is made of, opened and checked before a model is loaded."""

import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xlt_train.data.dataset import TrainingSet
from xlt_train.data.examples import Examples, Layout, read_examples
from xlt_train.errors import ExamplesError, UsageError
from xlt_train.files import sha256_json
from xlt_train.methods.base import Choice, Method
from xlt_train.methods.registry import method_named
from xlt_train.runs.record import STARTED, RunRecord, software_versions
from xlt_train.training.arguments import chosen_arguments, kept_arguments, training_arguments

if TYPE_CHECKING:
    from transformers import TrainingArguments


@dataclass(frozen=True, kw_only=True)
class DevFile:
    """A development file of the source language, a range of its rows or all, and its columns as `Layout.of` takes them."""

    path: str | Path
    rows: tuple[int, int] | None
    columns_of: dict[str, Any]

    def read(self, data: TrainingSet) -> Examples:
        """Its rows. Raises ExamplesError for labels that are missing or not the training set's, UsageError as `Layout.of`."""
        layout = Layout.of(data.manifest.text_columns, **self.columns_of)
        examples = read_examples(self.path, layout).part(self.rows)
        if examples.label_ids({name: k for k, name in enumerate(data.label_names)}) is None:
            raise ExamplesError(
                f"reading the development set {self.path}",
                found="no labels",
                expected=f"a label in each row: {', '.join(data.label_names)}",
                remedy="Choose a labelled file for --dev",
            )
        return examples


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All that a run is made of, checked, before a model is loaded. `record` lacks what only the model knows."""

    data: TrainingSet
    method: Method
    variants: tuple[int, ...]
    model: str
    max_length: int
    dev: Examples | None
    arguments: "TrainingArguments"
    record: RunRecord

    @property
    def folder(self) -> Path:
        """The run folder."""
        return Path(str(self.arguments.output_dir))


def plan_fit(
    data: str | Path,
    *,
    method: str,
    model: str,
    settings: dict[str, Any],
    choice: Choice,
    dev: DevFile | None,
    max_length: int,
    rehash: bool,
    training: dict[str, Any],
) -> Plan:
    """Open and check everything that `fit` needs but the model. Raises XltError."""
    kind = method_named(method)
    found = TrainingSet.open(data, rehash=rehash)
    variants = kind(**settings).variants(found.manifest, choice)
    examples = None if dev is None else dev.read(found)
    given = chosen_arguments(training, method=kind, model=model, has_dev=dev is not None)
    arguments = training_arguments(given)
    _check_processes(arguments)
    chosen = kind(label_smoothing=arguments.label_smoothing_factor, **settings)
    record = RunRecord(
        status=STARTED,
        method={"name": chosen.name, "variants": [variants[0], variants[-1]], **asdict(chosen)},
        data=found.manifest.provenance(),
        text_columns=list(found.manifest.text_columns),
        model={"name": model, "labels": list(found.label_names), "max_length": max_length},
        dev=None if examples is None or dev is None else _about(examples, dev),
        training=kept_arguments(arguments, given) | _grouping(arguments, found),
        versions=software_versions(),
        device=_device(arguments),
    )
    if "output_dir" not in training:
        short = sha256_json(record.settings())[:8]
        named = f"{method}-{Path(model).name}-{found.manifest.source['name']}"
        arguments.output_dir = f"{re.sub('[^A-Za-z0-9._-]+', '-', named)[:80]}-{short}"
    return Plan(
        data=found, method=chosen, variants=variants, model=model, max_length=max_length,
        dev=examples, arguments=arguments, record=record,
    )  # fmt: skip


def _check_processes(arguments: "TrainingArguments") -> None:
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    if processes > 1 and arguments.world_size == 1:
        raise UsageError(
            "joining the processes of torchrun",
            found=f"{processes} of them, and no way for each to hear of the others",
            expected="one training shared by all",
            remedy="On a machine without GPUs, add --use_cpu --ddp_backend gloo",
        )


def _about(found: Examples, dev: DevFile) -> dict[str, Any]:
    rows = None if dev.rows is None else list(dev.rows)
    columns = {name: list(value) if isinstance(value, tuple) else value for name, value in dev.columns_of.items()}
    return {"file": found.path.name, "sha256": found.sha256, "rows": rows, "columns": columns}


def _grouping(arguments: "TrainingArguments", found: TrainingSet) -> dict[str, Any]:
    """What the order of rows depends on besides the seed, where they are grouped by length."""
    if arguments.train_sampling_strategy != "group_by_length":
        return {}
    tokens = found.manifest.tokens
    return {"lengths_in": "bytes" if tokens is None else f"tokens of {tokens.name}, sha256 {tokens.sha256}"}


def _device(arguments: "TrainingArguments") -> str:
    import torch

    kind = arguments.device.type
    name = torch.cuda.get_device_name(arguments.device) if kind == "cuda" else kind
    if kind == "cpu":  # sums, and so the last bits, depend on it
        name += f" ({torch.get_num_threads()} threads)"
    return f"{arguments.world_size} x {name}" if arguments.world_size > 1 else name
