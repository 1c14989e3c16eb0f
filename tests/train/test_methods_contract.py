"""What every training method keeps to: one table over the registry. The terms themselves: `test_method_terms.py`."""

from dataclasses import fields, replace
from types import SimpleNamespace
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pytest
import torch

from tests.perturbation.reference import mean_nll
from tests.perturbation.tiny import batch_of, state_of, tiny
from tests.train.toy import M, Toy
from xlt_train.data.manifest import Manifest
from xlt_train.errors import DatasetError, UsageError, XltError
from xlt_train.methods.base import Batch, Choice, Loss, Method
from xlt_train.methods.registry import METHODS, method_named
from xlt_train.methods.settings import SETTINGS, split_settings

_ALL = tuple(range(1, M + 1))
_ORIGINALS: dict[Choice, tuple[int, ...]] = {Choice(): (0,)}
_VARIANTS = {Choice(): _ALL, Choice(1): (1,), Choice(M): _ALL}
_CHOICES = _VARIANTS | {Choice(include_original=True): (0, *_ALL), Choice(1, include_original=True): (0, 1)}
_BALL = {"epsilon", "norm", "depth", "spare_special_tokens"}
_RP, _ADV = _BALL | {"noise", "draws"}, _BALL | {"steps", "step_size", "restarts"}
_EAR = {"alpha", "beta", "push", "pull", "layers", "sigma"}


class Case(NamedTuple):
    """What a method must do: datasets that it takes and refuses, its variants of m, its terms, epochs and settings."""

    takes: tuple[str, ...]
    refuses: tuple[str, ...]
    variants: dict[Choice, tuple[int, ...]]
    terms: tuple[str, ...] = ("ce",)
    epochs: float = 5
    settings: frozenset[str] = frozenset()
    paired: bool = False


_BOTH: tuple[tuple[str, ...], tuple[str, ...]] = (("synonym", "swap"), ())
_SYNONYM: tuple[tuple[str, ...], tuple[str, ...]] = (("synonym",), ("swap",))
CASES = {
    "baseline": Case(*_BOTH, _ORIGINALS),
    "adv": Case(*_BOTH, _ORIGINALS, ("ce", "ce_start"), settings=frozenset(_ADV)),
    "rs-rp": Case(*_BOTH, _ORIGINALS, settings=frozenset(_RP)),
    "rs-da": Case(*_SYNONYM, _CHOICES, epochs=3),
    "rs-syntax": Case(("swap",), ("synonym",), _CHOICES, epochs=3),
    "rs-da+rs-rp": Case(*_SYNONYM, _CHOICES, epochs=3, settings=frozenset(_RP)),
    "rs-da+adv": Case(*_SYNONYM, _CHOICES, ("ce", "ce_start"), epochs=3, settings=frozenset(_ADV)),
    "ear": Case(*_SYNONYM, _VARIANTS, ("ce_x", "ce_xa", "ept", "apt"), epochs=1, settings=frozenset(_EAR), paired=True),
}
every_method = pytest.mark.parametrize("name", list(METHODS))
TOKENIZER: Any = SimpleNamespace(padding_side="right", all_special_ids=[0, 2, 3])


def _manifest(toy: Toy, kind: str) -> Manifest:
    return Manifest.read(getattr(toy, kind))


@pytest.fixture(scope="module")
def model() -> Any:
    """A BERT for three classes, without dropout."""
    return tiny("bert")


def _batch(name: str) -> Batch:
    return batch_of("bert", pairs=METHODS[name].paired)


def test_the_table_holds_every_method() -> None:
    assert list(CASES) == list(METHODS), "a new method needs a case here, and its terms one in test_method_terms.py"


@every_method
def test_a_method_says_what_it_is(name: str) -> None:
    kind, case = METHODS[name], CASES[name]
    assert method_named(name) is kind
    assert kind.name == name == kind().name
    assert kind.summary
    assert "\n" not in kind.summary
    assert (kind.epochs, kind.paired) == (case.epochs, case.paired)
    assert (kind.operator,) == case.takes or (kind.operator is None and len(case.takes) == 2)
    assert kind.__doc__
    with pytest.raises(AttributeError):
        kind().label_smoothing = 0.5  # type: ignore[misc] # settings are frozen


# ---- rows


@every_method
def test_variants_of_its_dataset(name: str, toy: Toy) -> None:
    case = CASES[name]
    for kind in case.takes:
        for choice, variants in case.variants.items():
            assert METHODS[name]().variants(_manifest(toy, kind), choice) == variants


@every_method
def test_a_dataset_of_other_variants_is_refused(name: str, toy: Toy) -> None:
    for kind in CASES[name].refuses:
        for choice in (Choice(), Choice(1)):
            with pytest.raises(DatasetError, match="xlt-augment build SOURCE") as error:
                METHODS[name]().variants(_manifest(toy, kind), choice)
            assert name in str(error.value)
            assert {"synonym": "synonym-replaced", "swap": "word-order-swapped"}[kind] in error.value.found


@every_method
@pytest.mark.parametrize("choice", [Choice(M + 1), Choice(10_000)], ids=str)
def test_more_variants_than_there_are_is_refused(name: str, choice: Choice, toy: Toy) -> None:
    with pytest.raises(XltError) as error:
        METHODS[name]().variants(_manifest(toy, CASES[name].takes[0]), choice)
    assert name in str(error.value)
    if METHODS[name].operator is not None:
        assert isinstance(error.value, DatasetError)
        assert f"{M} variants" in error.value.found


@every_method
@pytest.mark.parametrize("choice", [Choice(1), Choice(include_original=True), Choice(1, True)], ids=str)
def test_a_choice_of_variants_that_has_no_use_is_refused(name: str, choice: Choice, toy: Toy) -> None:
    if choice in CASES[name].variants:
        assert METHODS[name]().variants(_manifest(toy, CASES[name].takes[0]), choice) == CASES[name].variants[choice]
        return
    with pytest.raises(UsageError, match="Leave out --") as error:
        METHODS[name]().variants(_manifest(toy, CASES[name].takes[0]), choice)
    assert name in str(error.value)


def test_an_unknown_method_is_refused_with_a_list() -> None:
    with pytest.raises(UsageError, match="one of baseline, adv, rs-rp, rs-da, rs-syntax"):
        method_named("rsda")


# ---- settings


@every_method
def test_its_settings_and_no_others(name: str) -> None:
    assert {one.name for one in fields(METHODS[name]) if "text" in one.metadata} == CASES[name].settings
    for setting in SETTINGS.values():
        assert (name in setting.defaults) == (setting.name in CASES[name].settings)
        default = {setting.name: setting.defaults.get(name)}
        if name in setting.defaults:
            assert split_settings(METHODS[name], default | {"seed": 1}) == (default, {"seed": 1})
            continue
        with pytest.raises(UsageError, match="--method ") as error:
            split_settings(METHODS[name], default)
        assert setting.option in str(error.value)


_NUMBERS = [-1.0, -1e-9, float("nan"), float("inf"), float("-inf")]
WRONG: list[tuple[str, Any]] = [
    *(("epsilon", value) for value in _NUMBERS),
    *(("alpha", value) for value in _NUMBERS),
    *(("beta", value) for value in _NUMBERS),
    *(("sigma", value) for value in _NUMBERS),
    *(("step_size", value) for value in [*_NUMBERS, 0.0]),
    *((name, value) for name in ("steps", "restarts", "draws") for value in (0, -1)),
    *(("norm", value) for value in ("", "l1", "Linf", "inf", "2")),
    *(("noise", value) for value in ("", "normal", "Uniform")),
    *(("depth", value) for value in ("", "embedding", "-1", "1.5", "all", "1,2", "layer 1")),
    *(("push", value) for value in ("", "apt", "EPT", "noise")),
    *(("pull", value) for value in ("", "ept", "APT", "true")),
    *(("layers", value) for value in ("", ",", "1,", "a", "-1", "1.5", "1;2", "all")),
]


@pytest.mark.parametrize(("setting", "value"), WRONG, ids=str)
def test_a_wrong_setting_is_refused_by_its_option(setting: str, value: Any) -> None:
    """By every method that has it, when it is made."""
    for name in SETTINGS[setting].defaults:
        with pytest.raises(UsageError) as error:
            METHODS[name](**{setting: value})
        text = str(error.value)
        assert f"--{setting.replace('_', '-')}" in text
        assert str(value) in text
        assert "\n" not in text


def test_every_setting_that_can_be_wrong_is_tried() -> None:
    assert {setting for setting, _ in WRONG} | {"spare_special_tokens"} == set(SETTINGS)


LACKING = [("adv", {"depth": "4"}), ("rs-rp", {"depth": "0"}), ("ear", {"layers": "4"}), ("ear", {"layers": "0"})]


@pytest.mark.parametrize(
    ("name", "settings"),
    [*LACKING, ("rs-da+adv", {"depth": "12"}), ("ear", {"layers": "1,2,12", "pull": "srpt"})],
    ids=str,
)
def test_a_layer_that_the_model_lacks_is_refused(name: str, settings: dict[str, Any], model: Any) -> None:
    before = state_of(model)
    method = METHODS[name](**settings)  # how many there are is not known before the model is
    with pytest.raises(UsageError, match="1 to 3, the layers of this model") as error:
        method.check(model, TOKENIZER)
    assert error.value.found == f"layer {next(iter(settings.values())).split(',')[-1]}"
    assert state_of(model) == before


@every_method
def test_looking_at_a_model_leaves_no_trace(name: str, model: Any) -> None:
    before, state = state_of(model), torch.get_rng_state()
    METHODS[name]().check(model, TOKENIZER)
    assert state_of(model) == before
    assert torch.equal(torch.get_rng_state(), state)


# ---- losses


@every_method
def test_the_loss_is_a_scalar_with_a_gradient_for_every_weight(name: str, model: Any) -> None:
    model.zero_grad()
    loss = METHODS[name]().loss(model, _batch(name))
    assert isinstance(loss, Loss)
    assert loss.total.shape == ()
    assert loss.total.dtype == torch.float32
    assert torch.isfinite(loss.total)
    loss.total.backward()
    found = [parameter.grad for parameter in model.parameters()]
    assert all(gradient is not None and torch.isfinite(gradient).all() for gradient in found)
    assert all(gradient.abs().sum() > 0 for gradient in found[:4])
    model.zero_grad()


@every_method
def test_terms_are_named_scalars_without_a_name_of_the_trainers(name: str, model: Any) -> None:
    terms = METHODS[name]().loss(model, _batch(name)).terms
    assert tuple(terms) == CASES[name].terms
    assert not set(terms) & {"loss", "grad_norm", "learning_rate", "epoch", "step"}
    assert all(term.shape == () and torch.isfinite(term) for term in terms.values())


@every_method
def test_the_batch_is_left_as_it_was(name: str, model: Any) -> None:
    batch = _batch(name)
    tensors = dict(batch.inputs) | {"labels": batch.labels, "rows": batch.rows}
    before = {key: (value.clone(), value._version) for key, value in tensors.items()}
    METHODS[name]().loss(model, batch)
    assert list(batch.inputs) == list(tensors)[:3]
    for key, value in (dict(batch.inputs) | {"labels": batch.labels, "rows": batch.rows}).items():
        assert value is tensors[key]
        assert torch.equal(value, before[key][0])
        assert value._version == before[key][1]


@every_method
def test_a_padded_row_counts_as_the_row_alone(name: str, model: Any) -> None:
    """The loss is a mean over rows, or pairs of rows, and padding is no part of them."""
    batch, method, singles = _batch(name), METHODS[name](), []
    for k in range(len(batch.labels)):
        rows = [k, k + len(batch.labels)] if method.paired else [k]
        width = int(batch.mask[rows].sum(1).max())
        inputs = {key: value[rows, :width] for key, value in batch.inputs.items()}
        one = replace(batch, inputs=inputs, labels=batch.labels[[k]], rows=batch.rows[rows])
        singles.append(method.loss(model, one).total.item())
    assert method.loss(model, batch).total.item() == pytest.approx(float(np.mean(singles)), rel=1e-4)


@every_method
def test_inputs_without_token_types_or_mask_will_do(name: str, model: Any) -> None:
    """XLM-R's tokenizer gives no token types; a mask of ones may be left out."""
    batch = _batch(name)
    ids = batch.inputs["input_ids"].clamp_min(5)
    full = replace(batch, inputs={"input_ids": ids, "attention_mask": torch.ones_like(ids)})
    method = METHODS[name]()
    bare = method.loss(model, replace(batch, inputs={"input_ids": ids})).total.item()
    assert bare == pytest.approx(method.loss(model, full).total.item(), rel=1e-5)


@every_method
def test_smoothing_reaches_the_loss(name: str, model: Any) -> None:
    batch = _batch(name)
    plain, smooth = (METHODS[name](label_smoothing=much).loss(model, batch) for much in (0.0, 0.5))
    assert plain.total.item() != pytest.approx(smooth.total.item(), rel=1e-3)


def test_half_precision_logits_are_summed_in_single() -> None:
    class Half(torch.nn.Module):
        """Logits in bfloat16, whatever comes in."""

        given: ClassVar[list[set[str]]] = []

        def forward(self, **inputs: Any) -> Any:
            """As a model's output."""
            self.given.append(set(inputs))
            return SimpleNamespace(logits=torch.tensor([[1.0, 2.5, -3.0]] * 4, dtype=torch.bfloat16))

    half, batch = Half(), batch_of("bert")
    loss = Method().loss(half, batch).total  # the contract's own loss
    assert loss.dtype == torch.float32
    expected = mean_nll(np.array([[1.0, 2.5, -3.0]] * 4), batch.labels.numpy())
    assert loss.item() == pytest.approx(expected, rel=1e-6)
    assert half.given == [{"input_ids", "token_type_ids", "attention_mask"}]  # neither labels nor rows reach the model
