"""The contract of a training method: its rows, its settings, what it asks of a model, and the loss of a batch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from xlt_train.errors import DatasetError, UsageError

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module
    from transformers import PreTrainedTokenizerBase

    from xlt_train.data.manifest import Manifest

_OPERATORS = {"synonym": "synonym-replaced", "swap": "word-order-swapped"}


class Loss(NamedTuple):
    """What is minimised, and its parts by name for the log; each a scalar tensor, a mean over the batch."""

    total: "Tensor"
    terms: "dict[str, Tensor]"


@dataclass(frozen=True, kw_only=True)
class Batch:
    """B training rows, or B pairs: then the originals are the first half of 2B rows, their variants the second.

    `inputs`: what the encoder takes, [rows, T] each. `labels` [B]. `rows` [rows]: which rows of the training set they are (of
    several sets, counted on). With `epoch` and `seed`, noise is a function of them. `special_ids`: the tokenizer's own tokens.
    """

    inputs: "Mapping[str, Tensor]"
    labels: "Tensor"
    rows: "Tensor"
    epoch: int = 0
    seed: int = 0
    special_ids: tuple[int, ...] = ()

    @property
    def mask(self) -> "Tensor":
        """[rows, T] bool: which tokens are not padding."""
        import torch

        found = self.inputs.get("attention_mask")
        return torch.ones_like(self.inputs["input_ids"], dtype=torch.bool) if found is None else found.bool()


@dataclass(frozen=True)
class Choice:
    """Which variants were asked for: the first `variants` (None: all), with the originals or without."""

    variants: int | None = None
    include_original: bool = False


def setting(default: Any, text: str, *, kind: Any = float) -> Any:
    """A field that is an option of the user's; `text` is its help, `kind` float, int, bool, str or a tuple of choices."""
    return field(default=default, metadata={"text": text, "kind": kind})


@dataclass(frozen=True, kw_only=True)
class Method:
    """A method, ready to train: class attributes say what it is, fields are its settings, and every field goes into the record.

    As it stands it is cross-entropy on the originals, or on the variants where `operator` names a recipe's method; a method
    with another loss overrides `loss`, one with other rows `variants`. Settings are checked when it is made (UsageError).
    """

    name: ClassVar[str]
    summary: ClassVar[str]  # one line for help texts and cards
    epochs: ClassVar[float]  # default of num_train_epochs; its source stands in the class's docstring
    operator: ClassVar[str | None] = None
    paired: ClassVar[bool] = False  # whether a batch is pairs of an original and a variant
    plain: ClassVar[bool] = True  # whether the model is only called, not looked into
    label_smoothing: float = 0.0

    def variants(self, manifest: "Manifest", choice: Choice) -> tuple[int, ...]:
        """Variants of every source row that an epoch goes through; of a paired method those that are paired with variant 0.

        Raises UsageError for a choice that the method has no use for, DatasetError for one that the dataset lacks.
        """
        if self.operator is None:
            return only_originals(self.name, choice)
        if self.paired and choice.include_original:
            raise UsageError(
                f"choosing the rows for {self.name}",
                found="--include-original",
                expected="none: each of its rows is an original with a variant",
                remedy="Leave out --include-original",
            )
        return augmented_variants(self.name, self.operator, manifest, choice)

    @property
    def passes(self) -> int:
        """Rows that go through the model at once for each row of a batch."""
        return 2 if self.paired else 1

    def check(self, model: "Module", tokenizer: "PreTrainedTokenizerBase") -> None:
        """Raises UsageError or ModelError for a model that lacks what the loss needs; the model is left as it was."""

    def loss(self, model: "Module", batch: Batch) -> Loss:
        """Loss of one training batch. `model` may be wrapped (DistributedDataParallel, torch.compile)."""
        found = cross_entropy(logits(model, batch), batch.labels, self.label_smoothing)
        return Loss(found, {"ce": found})


def logits(model: "Module", batch: Batch) -> "Tensor":
    """f(E(x)), [rows, classes] float32."""
    found: Tensor = model(**batch.inputs).logits.float()
    return found


def cross_entropy(found: "Tensor", labels: "Tensor", label_smoothing: float, reduction: str = "mean") -> "Tensor":
    """CE of logits [B, C] and labels [B]: its mean over the batch, or with `reduction` "none" that of each row."""
    from torch.nn.functional import cross_entropy

    return cross_entropy(found, labels, label_smoothing=label_smoothing, reduction=reduction)


def wrong_setting(name: str, found: object, expected: str) -> UsageError:
    """The error for a setting that a method cannot be made with; `name` is the field's."""
    return UsageError(
        f"reading --{name.replace('_', '-')}",
        found=str(found),
        expected=expected,
        remedy="Choose another value",
    )


def augmented_variants(name: str, operator: str, manifest: "Manifest", choice: Choice) -> tuple[int, ...]:
    """The first K variants, behind variant 0 where the originals are wanted. Raises DatasetError, see `Method.variants`."""
    doing = f"choosing the variants for {name}"
    if manifest.operator != operator:
        build = "xlt-augment build SOURCE" + (" --method swap" if operator == "swap" else "")
        raise DatasetError(
            doing,
            found=f"a dataset of {_OPERATORS.get(manifest.operator, manifest.operator)} variants",
            expected=f"{_OPERATORS[operator]} ones",
            remedy=f"Choose another --method, or build that dataset: {build}",
        )
    wanted = manifest.m if choice.variants is None else choice.variants
    if wanted > manifest.m:
        raise DatasetError(
            doing,
            found=f"{manifest.m} variants of each row",
            expected=f"at least {wanted}",
            remedy=f"Ask for fewer --variants, or build more: xlt-augment build SOURCE --m {wanted}",
        )
    return tuple(range(0 if choice.include_original else 1, wanted + 1))


def only_originals(name: str, choice: Choice) -> tuple[int, ...]:
    """Variant 0. Raises UsageError when variants were asked for."""
    if choice != Choice():
        asked = "--include-original" if choice.include_original else f"--variants {choice.variants}"
        raise UsageError(
            f"choosing the rows for {name}",
            found=asked,
            expected="no choice of variants: it trains on the originals",
            remedy=f"Leave out {asked}, or choose --method rs-da or rs-syntax",
        )
    return (0,)
