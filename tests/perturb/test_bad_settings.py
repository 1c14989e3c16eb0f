"""Settings and texts that cannot be used are refused with a message that says what to do."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from xlt_augment import Substitute, Swap, SynonymSet, augment
from xlt_augment.errors import UsageError

SYNONYMS = SynonymSet.from_mapping({"good": ["fine"]})


def substitute(**settings: Any) -> Substitute:
    return Substitute(SYNONYMS, **settings)


def assert_refused(act: Callable[[], object], *says: str) -> None:
    """`act` raises UsageError with all four parts, and its message names each of `says`."""
    with pytest.raises(UsageError) as caught:
        act()
    error = caught.value
    for part in (error.doing, error.found, error.expected, error.remedy):
        assert part.strip()
        assert part in str(error)
    for said in says:
        assert said in str(error)
    assert error.exit_code == 2


@pytest.mark.parametrize("make", [substitute, Swap])
@pytest.mark.parametrize("p", [1.5, -0.1, math.nan, math.inf, "half", "0.1", None, True])
def test_p_outside_of_zero_to_one_is_refused(make: Callable[..., object], p: object) -> None:
    assert_refused(lambda: make(p=p), repr(p))


def test_swap_knows_no_uniform() -> None:
    assert_refused(lambda: Swap(p="uniform"), "'uniform'")  # type: ignore[arg-type]


@pytest.mark.parametrize("make", [substitute, Swap])
@pytest.mark.parametrize("mode", ["token", "Span", "", None])
def test_unknown_word_mode_is_refused(make: Callable[..., object], mode: object) -> None:
    assert_refused(lambda: make(words=mode), repr(mode), "span", "space")


@pytest.mark.parametrize("case", ["lower", "Exact", "", None])
def test_unknown_case_mode_is_refused(case: object) -> None:
    assert_refused(lambda: substitute(case=case), repr(case), "exact", "initial", "any")


@pytest.mark.parametrize("make", [substitute, Swap])
@pytest.mark.parametrize("pattern", ["(", "[z-a]", "(?=x)", r"(a)\1", "*"])
def test_pattern_that_re2_cannot_read_is_refused(make: Callable[..., object], pattern: str) -> None:
    assert_refused(lambda: make(protect=["not", f"re:{pattern}"]), pattern, "RE2")


@pytest.mark.parametrize("make", [substitute, Swap])
@pytest.mark.parametrize("protect", [[""], ["not", "re:"]])
def test_empty_protected_entry_is_refused(make: Callable[..., object], protect: Sequence[str]) -> None:
    assert_refused(lambda: make(protect=protect), "empty")


@pytest.mark.parametrize("m", [0, -1, 32_768, 40_000, 2.0, "3", None, True])
def test_m_that_the_variant_column_cannot_hold_is_refused(m: Any) -> None:
    assert_refused(lambda: augment(["good"], Swap(), m=m), repr(m), "32,767")


@pytest.mark.parametrize("seed", [-1, 2**64, 0.5, "0", None, True])
def test_seed_that_is_no_64_bit_number_is_refused(seed: Any) -> None:
    assert_refused(lambda: augment(["good"], Swap(), seed=seed), repr(seed), "2**64 - 1")


def test_largest_m_and_seed_are_accepted() -> None:
    (variants,) = augment(["good"], substitute(p=1), m=32_767, seed=2**64 - 1)
    assert variants == ["fine"] * 32_767


@pytest.mark.parametrize("operator", [substitute(), Swap()])
def test_text_with_half_a_surrogate_pair_is_refused(operator: Substitute | Swap) -> None:
    assert_refused(lambda: augment(["fine", "a \ud83d film"], operator), "surrogate", "U+D83D")


@pytest.mark.parametrize("operator", [substitute(), Swap()])
def test_one_text_instead_of_a_list_is_refused(operator: Substitute | Swap) -> None:
    assert_refused(lambda: augment("good film", operator), "list of str")


@pytest.mark.parametrize("item", [None, 1, b"good"])
def test_item_that_is_no_text_is_refused(item: Any) -> None:
    assert_refused(lambda: augment(["good", item], Swap()), type(item).__name__)
