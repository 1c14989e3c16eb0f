"""The contract of a training method: which variants an epoch is made of, and the loss of a batch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from xlt_train.errors import DatasetError, UsageError

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from xlt_train.data.manifest import Manifest

_OPERATORS = {"synonym": "synonym-replaced", "swap": "word-order-swapped"}


class Loss(NamedTuple):
    """What is minimised, and its parts by name for the log; each a scalar tensor, a mean over the batch."""

    total: "Tensor"
    terms: "dict[str, Tensor]"


@dataclass(frozen=True)
class Choice:
    """Which variants were asked for: the first `variants` (None: all), with the originals or without."""

    variants: int | None = None
    include_original: bool = False


@dataclass(frozen=True, kw_only=True)
class Method:
    """A method, ready to train: class attributes say what it is, fields are its settings, and every field goes into the record.

    As it stands it is cross-entropy on the originals, or on the variants where `operator` names a recipe's method; a method
    with another loss overrides `loss`, one with other rows `variants`.
    """

    name: ClassVar[str]
    summary: ClassVar[str]  # one line for help texts and cards
    epochs: ClassVar[float]  # default of num_train_epochs; its source stands in the class's docstring
    operator: ClassVar[str | None] = None
    paired: ClassVar[bool] = False  # batches of B originals, then a variant of each
    plain: ClassVar[bool] = False  # one forward pass of the model as it is, which may be split over several GPUs of one process
    label_smoothing: float = 0.0

    def variants(self, manifest: "Manifest", choice: Choice) -> tuple[int, ...]:
        """Variants of every source row that an epoch goes through.

        Raises UsageError for a choice that the method has no use for, DatasetError for one that the dataset lacks.
        """
        if self.operator is None:
            return only_originals(self.name, choice)
        return augmented_variants(self.name, self.operator, manifest, choice)

    def check(self, model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase") -> None:
        """Raises UsageError or ModelError for a model that lacks what the method needs, before a run folder is made."""

    def loss(self, model: "Module", batch: "Mapping[str, Tensor]") -> Loss:
        """Loss of one training batch: the encoder's inputs [B, T], `labels` [B], and `rows` [B] of the training set."""
        return Loss(cross_entropy(model, batch, self.label_smoothing), {})


def cross_entropy(model: "Module", batch: "Mapping[str, Tensor]", label_smoothing: float) -> "Tensor":
    """CE(f(E(x)), y), a mean over the batch."""
    from torch.nn.functional import cross_entropy

    inputs = {name: value for name, value in batch.items() if name not in ("labels", "rows")}
    logits = model(**inputs).logits
    return cross_entropy(logits.float(), batch["labels"], label_smoothing=label_smoothing)


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
