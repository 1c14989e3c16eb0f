"""All that a run is made of, opened and checked before a model is loaded."""

import os
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xlt_train.data.examples import Examples, Layout, read_examples
from xlt_train.data.sets import TrainingSets
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

    def read(self, data: TrainingSets) -> Examples:
        """Its rows. Raises ExamplesError for labels that are missing or not the training set's, UsageError as `Layout.of`."""
        layout = Layout.of(data.text_columns, **self.columns_of)
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
    """All that a run is made of, checked, before a model is loaded. `record` lacks what only the model knows.

    `variants`: those that an epoch goes through, for each training set.
    """

    data: TrainingSets
    method: Method
    variants: tuple[tuple[int, ...], ...]
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
    data: str | Path | Sequence[str | Path],
    *,
    method: str,
    model: str,
    choice: Choice,
    dev: DevFile | None,
    max_length: int,
    rehash: bool,
    settings: dict[str, Any],
    training: dict[str, Any],
) -> Plan:
    """Open and check everything that `fit` needs but the model. Raises XltError.

    `data`: one dataset folder or several; `settings`: the method's own; `training`: those of TrainingArguments.
    """
    kind = method_named(method)
    chosen = _configured(kind, settings, max_length)
    found = TrainingSets.open([data] if isinstance(data, str | Path) else list(data), rehash=rehash)
    variants = _variants(chosen, found, choice)
    examples = None if dev is None else dev.read(found)
    given = chosen_arguments(training, method=kind, model=model, has_dev=dev is not None)
    arguments = training_arguments(given)
    _check_processes(arguments)
    _check_gpus(arguments, kind)
    chosen = replace(chosen, label_smoothing=arguments.label_smoothing_factor)
    record = RunRecord(
        status=STARTED,
        method=about_method(chosen, variants),
        data=[part.provenance() for part in found.parts],
        text_columns=list(found.text_columns),
        model={"name": model, "labels": list(found.label_names), "max_length": max_length},
        dev=None if examples is None or dev is None else _about(examples, dev),
        training=kept_arguments(arguments, given) | _grouping(arguments, found),
        versions=software_versions(),
        device=_device(arguments),
    )
    if "output_dir" not in training:
        arguments.output_dir = _folder_name(record)
    return Plan(
        data=found, method=chosen, variants=variants, model=model, max_length=max_length,
        dev=examples, arguments=arguments, record=record,
    )  # fmt: skip


def _configured(kind: type[Method], settings: dict[str, Any], max_length: int) -> Method:
    """The method with its settings; one that has a field `max_length` (T of annex C of the design) gets that too.

    Raises UsageError as the method itself, for a value that it cannot be made with.
    """
    length = {"max_length": max_length} if "max_length" in {one.name for one in fields(kind)} else {}
    return kind(**length, **settings)


def about_method(method: Method, variants: Sequence[Sequence[int]]) -> dict[str, Any]:
    """What a record says of a method: name, whether of pairs, the first and last variant for each set, and its settings."""
    settings = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(method).items()}
    ends = [[of_set[0], of_set[-1]] for of_set in variants]
    return {"name": method.name, "paired": method.paired, "variants": ends, **settings}


def _variants(method: Method, data: TrainingSets, choice: Choice) -> tuple[tuple[int, ...], ...]:
    """The variants for each set. Raises DatasetError for a paired method where there are no originals."""
    found = tuple(method.variants(part.manifest, choice) for part in data.parts)
    for part in data.parts if method.paired else ():
        part.check_originals()
    return found


def _folder_name(record: RunRecord) -> str:
    sources = "-".join(data["source"]["name"] for data in record.data)
    named = f"{record.method['name']}-{Path(record.model['name']).name}-{sources}"
    return f"{re.sub('[^A-Za-z0-9._-]+', '-', named)[:80]}-{sha256_json(record.settings())[:8]}"


def _check_processes(arguments: "TrainingArguments") -> None:
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    if processes > 1 and arguments.world_size == 1:
        raise UsageError(
            "joining the processes of torchrun",
            found=f"{processes} of them, and no way for each to hear of the others",
            expected="one training shared by all",
            remedy="On a machine without GPUs, add --use_cpu --ddp_backend gloo",
        )


def _check_gpus(arguments: "TrainingArguments", kind: type[Method]) -> None:
    """DataParallel would cut a batch of pairs anywhere, and hide the model's layers from hooks."""
    if arguments.n_gpu > 1 and not kind.plain:
        raise UsageError(
            f"starting {kind.name} on {arguments.n_gpu} GPUs",
            found="one process for all of them",
            expected="one process a GPU",
            remedy=f"Start with torchrun --nproc_per_node {arguments.n_gpu} -m xlt_train fit, or set CUDA_VISIBLE_DEVICES=0",
        )


def _about(found: Examples, dev: DevFile) -> dict[str, Any]:
    rows = None if dev.rows is None else list(dev.rows)
    columns = {name: list(value) if isinstance(value, tuple) else value for name, value in dev.columns_of.items()}
    return {"file": found.path.name, "sha256": found.sha256, "rows": rows, "columns": columns}


def _grouping(arguments: "TrainingArguments", found: TrainingSets) -> dict[str, Any]:
    """What the order of rows depends on besides the seed, where they are grouped by length."""
    if arguments.train_sampling_strategy != "group_by_length":
        return {}
    tokens = found.tokens
    return {"lengths_in": "bytes" if tokens is None else f"tokens of {tokens.name}, sha256 {tokens.sha256}"}


def _device(arguments: "TrainingArguments") -> str:
    import torch

    kind = arguments.device.type
    name = torch.cuda.get_device_name(arguments.device) if kind == "cuda" else kind
    if kind == "cpu":  # sums, and so the last bits, depend on it
        name += f" ({torch.get_num_threads()} threads)"
    return f"{arguments.world_size} x {name}" if arguments.world_size > 1 else name
