"""Settings of methods as a user gives them: kinds, what belongs to which method, and what would change nothing."""

from types import SimpleNamespace
from typing import Any

import pytest

from xlt_train.errors import UsageError
from xlt_train.methods.registry import METHODS
from xlt_train.methods.settings import SETTINGS, split_settings
from xlt_train.training.trainer import special_ids


@pytest.mark.parametrize(
    ("method", "given", "taken"),
    [
        ("ear", {"layers": 1}, {"layers": "1"}),
        ("ear", {"layers": [1, 2]}, {"layers": "1,2"}),
        ("ear", {"layers": "1,2"}, {"layers": "1,2"}),
        ("ear", {"layers": None, "alpha": 2}, {"layers": None, "alpha": 2.0}),
        ("adv", {"depth": 2, "epsilon": 1, "step_size": None}, {"depth": "2", "epsilon": 1.0, "step_size": None}),
        ("rs-rp", {"draws": 2, "spare_special_tokens": True}, {"draws": 2, "spare_special_tokens": True}),
    ],
)
def test_a_python_caller_may_give_numbers(method: str, given: dict[str, Any], taken: dict[str, Any]) -> None:
    own, rest = split_settings(METHODS[method], given | {"max_steps": 3})
    assert (own, rest) == (taken, {"max_steps": 3})
    assert [type(value) for value in own.values()] == [type(value) for value in taken.values()]
    METHODS[method](**own)


@pytest.mark.parametrize(
    ("method", "name", "value"),
    [
        ("rs-rp", "epsilon", "0.1"),
        ("rs-rp", "epsilon", None),
        ("rs-rp", "epsilon", True),
        ("rs-rp", "draws", True),
        ("rs-rp", "draws", 2.0),
        ("rs-rp", "spare_special_tokens", 1),
        ("rs-rp", "norm", 2),
        ("rs-rp", "depth", 1.5),
        ("rs-rp", "depth", []),
        ("adv", "steps", 1.5),
        ("ear", "layers", [1, "2"]),
    ],
)
def test_a_value_of_another_kind_is_refused(method: str, name: str, value: Any) -> None:
    with pytest.raises(UsageError, match=f"reading {SETTINGS[name].option}") as error:
        split_settings(METHODS[method], {name: value})
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "settings",
    [
        {"pull": "none", "layers": "99"},
        {"pull": "none", "beta": 0.2},
        {"push": "none", "alpha": 2.0},
        {"push": "nt", "alpha": 2.0},
        {"push": "none", "sigma": 0.1},
        {"sigma": 0.1},
    ],
    ids=str,
)
def test_what_would_change_nothing_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="where it changes nothing"):
        METHODS["ear"](**settings)


@pytest.mark.parametrize(
    "settings", [{"push": "none", "alpha": 0.0}, {"pull": "none", "beta": 0.0}, {"push": "nt", "sigma": 0.1}]
)
def test_a_weight_of_nothing_goes_with_nothing(settings: dict[str, Any]) -> None:
    METHODS["ear"](**settings)


def test_words_that_are_unknown_are_no_special_tokens() -> None:
    tokenizer = SimpleNamespace(all_special_ids=[0, 1, 2, 3, 4], unk_token_id=1, mask_token_id=4)
    assert special_ids(tokenizer) == (0, 2, 3)
