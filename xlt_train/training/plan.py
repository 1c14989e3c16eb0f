"""All that a run is made of, opened and checked before a model is loaded."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xlt_train.data.dataset import TrainingSet
from xlt_train.data.examples import Examples, Layout, read_examples
from xlt_train.errors import ExamplesError
from xlt_train.methods.base import Choice, Method
from xlt_train.methods.registry import method_named
from xlt_train.training.arguments import training_arguments

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
    """All that a run is made of, checked, before a model is loaded. `dev` is part of a development file, or None."""

    data: TrainingSet
    method: Method
    variants: tuple[int, ...]
    model: str
    max_length: int
    dev: Examples | None
    dev_rows: tuple[int, int] | None
    arguments: "TrainingArguments"

    @property
    def folder(self) -> Path:
        """The run folder."""
        return Path(str(self.arguments.output_dir))


def plan_fit(
    data: str | Path,
    *,
    method: str,
    model: str,
    choice: Choice,
    dev: DevFile | None,
    max_length: int,
    rehash: bool,
    training: dict[str, Any],
) -> Plan:
    """Open and check everything that `fit` needs but the model. Raises XltError."""
    kind = method_named(method)
    found = TrainingSet.open(data, rehash=rehash)
    variants = kind().variants(found.manifest, choice)
    examples = None if dev is None else dev.read(found)
    seed = training.get("seed", 42)
    named = f"{method}-{Path(model).name}-{found.manifest.source['name']}-{found.manifest.logical_hash[:8]}-seed{seed}"
    given = {"output_dir": named} | training
    given["output_dir"] = str(Path(given["output_dir"]).expanduser())
    arguments = training_arguments(given, method=kind, model=model, has_dev=dev is not None)
    return Plan(
        data=found, method=kind(label_smoothing=arguments.label_smoothing_factor), variants=variants, model=model,
        max_length=max_length, dev=examples, dev_rows=dev.rows if dev else None, arguments=arguments,
    )  # fmt: skip
