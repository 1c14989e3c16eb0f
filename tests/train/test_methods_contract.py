"""What every training method keeps to: one table over the registry, with an independent reference for each loss."""

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pytest
import torch

from tests.train.toy import M, Toy
from xlt_train.data.manifest import Manifest
from xlt_train.errors import DatasetError, UsageError, XltError
from xlt_train.methods.base import Choice, Loss, Method
from xlt_train.methods.registry import METHODS, method_named
from xlt_train.models.nano import nano_config

Reference = Callable[[np.ndarray, np.ndarray, float], float]


def mean_nll(logits: np.ndarray, labels: np.ndarray, smoothing: float) -> float:
    """Mean over the rows of -sum_k q_k log softmax(logits)_k, with q = (1 - smoothing) onehot + smoothing / C; float64."""
    shifted = logits - logits.max(-1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    rows, classes = log_p.shape
    target = np.full((rows, classes), smoothing / classes)
    target[np.arange(rows), labels] += 1 - smoothing
    return float(-(target * log_p).sum(-1).mean())


class Case(NamedTuple):
    """What a method must do: its datasets and those that it refuses, its variants of m, and its loss."""

    takes: tuple[str, ...]
    refuses: tuple[str, ...]
    variants: dict[Choice, tuple[int, ...]]
    reference: Reference


_ALL = tuple(range(1, M + 1))
_CHOICES = {
    Choice(): _ALL,
    Choice(1): (1,),
    Choice(M): _ALL,
    Choice(include_original=True): (0, *_ALL),
    Choice(1, include_original=True): (0, 1),
}
CASES = {
    "baseline": Case(("synonym", "swap"), (), {Choice(): (0,)}, mean_nll),
    "rs-da": Case(("synonym",), ("swap",), _CHOICES, mean_nll),
    "rs-syntax": Case(("swap",), ("synonym",), _CHOICES, mean_nll),
}
every_method = pytest.mark.parametrize("name", list(METHODS))


def _manifest(toy: Toy, kind: str) -> Manifest:
    return Manifest.read(getattr(toy, kind))


@pytest.fixture(scope="module")
def model() -> torch.nn.Module:
    """A nano for three classes, without dropout."""
    from transformers import AutoModelForSequenceClassification

    torch.manual_seed(3)
    config = nano_config(300, 16)
    config.num_labels = 3
    classifier: torch.nn.Module = AutoModelForSequenceClassification.from_config(config).eval()
    with torch.no_grad():
        classifier.classifier.weight.mul_(40)  # type: ignore[union-attr, operator] # logits apart: a log softmax that matters
    return classifier


@pytest.fixture
def batch() -> dict[str, torch.Tensor]:
    """Five rows of up to 12 tokens, two of them padded."""
    made = torch.Generator().manual_seed(5)
    mask = torch.ones(5, 12, dtype=torch.long)
    mask[1, 7:] = mask[4, 3:] = 0
    return {
        "input_ids": torch.randint(5, 300, (5, 12), generator=made) * mask,
        "token_type_ids": torch.zeros_like(mask),
        "attention_mask": mask,
        "labels": torch.tensor([2, 0, 1, 1, 2]),
        "rows": torch.tensor([4, 0, 11, 7, 2]),
    }


def test_the_table_holds_every_method() -> None:
    assert set(CASES) == set(METHODS), "a new method needs a case here, with a reference for its loss"


@every_method
def test_a_method_says_what_it_is(name: str) -> None:
    kind = METHODS[name]
    assert method_named(name) is kind
    assert kind.name == name == kind().name
    assert kind.summary
    assert "\n" not in kind.summary
    assert kind.epochs > 0
    assert kind.operator in (None, "synonym", "swap")
    assert kind.__doc__
    with pytest.raises(AttributeError):
        kind().label_smoothing = 0.5  # type: ignore[misc] # settings are frozen


@every_method
def test_variants_of_its_dataset(name: str, toy: Toy) -> None:
    case = CASES[name]
    for kind in case.takes:
        for choice, variants in case.variants.items():
            assert METHODS[name]().variants(_manifest(toy, kind), choice) == variants


@every_method
def test_a_dataset_of_other_variants_is_refused(name: str, toy: Toy) -> None:
    for kind in CASES[name].refuses:
        for choice in (Choice(), Choice(1), Choice(include_original=True)):
            with pytest.raises(DatasetError, match="xlt-augment build SOURCE") as error:
                METHODS[name]().variants(_manifest(toy, kind), choice)
            assert name in str(error.value)
            assert {"synonym": "synonym-replaced", "swap": "word-order-swapped"}[kind] in error.value.found


@every_method
@pytest.mark.parametrize("choice", [Choice(M + 1), Choice(M + 1, include_original=True), Choice(10_000)], ids=str)
def test_more_variants_than_there_are_is_refused(name: str, choice: Choice, toy: Toy) -> None:
    with pytest.raises(XltError) as error:
        METHODS[name]().variants(_manifest(toy, CASES[name].takes[0]), choice)
    assert name in str(error.value)
    if METHODS[name].operator is not None:
        assert isinstance(error.value, DatasetError)
        assert f"{M} variants" in error.value.found


@pytest.mark.parametrize("choice", [Choice(1), Choice(include_original=True), Choice(1, True)], ids=str)
def test_baseline_takes_no_choice_of_variants(choice: Choice, toy: Toy) -> None:
    with pytest.raises(UsageError, match="Leave out --"):
        METHODS["baseline"]().variants(_manifest(toy, "synonym"), choice)


def test_an_unknown_method_is_refused_with_a_list() -> None:
    with pytest.raises(UsageError, match="one of baseline, rs-da, rs-syntax"):
        method_named("rsda")


@every_method
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_the_loss_is_the_formula(name: str, smoothing: float, model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> None:
    loss = METHODS[name](label_smoothing=smoothing).loss(model, batch)
    assert isinstance(loss, Loss)
    with torch.no_grad():
        inputs = {key: batch[key] for key in ("input_ids", "token_type_ids", "attention_mask")}
        logits = model(**inputs).logits.double().numpy()
    expected = CASES[name].reference(logits, batch["labels"].numpy(), smoothing)
    assert np.abs(logits).max() > 0.5
    assert loss.total.item() == pytest.approx(expected, rel=1e-5)


@every_method
def test_the_loss_is_a_scalar_with_a_gradient_for_every_weight(
    name: str, model: torch.nn.Module, batch: dict[str, torch.Tensor]
) -> None:
    model.zero_grad()
    loss = METHODS[name]().loss(model, batch)
    assert loss.total.shape == ()
    assert loss.total.dtype == torch.float32
    assert torch.isfinite(loss.total)
    loss.total.backward()
    gradients = [parameter.grad for parameter in model.parameters()]
    assert all(gradient is not None and torch.isfinite(gradient).all() for gradient in gradients)
    assert all(gradient.abs().sum() > 0 for gradient in gradients[:4])
    model.zero_grad()


@every_method
def test_the_batch_is_left_as_it_was(name: str, model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> None:
    before = {key: (value, value.clone(), value._version) for key, value in batch.items()}
    METHODS[name]().loss(model, batch)
    assert list(batch) == list(before)
    for key, (value, copy, version) in before.items():
        assert batch[key] is value
        assert torch.equal(value, copy)
        assert value._version == version


@every_method
def test_terms_are_named_scalars(name: str, model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> None:
    for key, term in METHODS[name]().loss(model, batch).terms.items():
        assert isinstance(key, str)
        assert key not in ("loss", "grad_norm", "learning_rate", "epoch", "step")  # the Trainer's own
        assert term.shape == ()
        assert torch.isfinite(term)


@every_method
def test_a_padded_row_counts_as_the_row_alone(name: str, model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> None:
    """The loss is a mean over rows, and padding is no part of a row."""
    singles = []
    for k in range(5):
        length = int(batch["attention_mask"][k].sum())
        row = {key: value[k : k + 1, :length] if value.dim() == 2 else value[k : k + 1] for key, value in batch.items()}
        singles.append(METHODS[name]().loss(model, row).total.item())
    assert METHODS[name]().loss(model, batch).total.item() == pytest.approx(float(np.mean(singles)), rel=1e-4)


def test_half_precision_logits_are_summed_in_single(batch: dict[str, torch.Tensor]) -> None:
    class Half(torch.nn.Module):
        """Logits in bfloat16, whatever comes in."""

        given: ClassVar[list[set[str]]] = []

        def forward(self, **inputs: Any) -> Any:
            """As a model's output."""
            from types import SimpleNamespace

            self.given.append(set(inputs))
            return SimpleNamespace(logits=torch.tensor([[1.0, 2.5, -3.0]] * 5, dtype=torch.bfloat16))

    half = Half()
    loss = Method().loss(half, batch).total  # the contract's own loss
    assert loss.dtype == torch.float32
    expected = mean_nll(np.array([[1.0, 2.5, -3.0]] * 5), batch["labels"].numpy(), 0.0)
    assert loss.item() == pytest.approx(expected, rel=1e-6)
    assert half.given == [{"input_ids", "token_type_ids", "attention_mask"}]  # neither labels nor rows reach the model
