"""Simulated runs: without a true difference 5% are called significant, with one of two points most are."""

import numpy as np
import pytest
from scipy import stats

from tests.statistics.simulated import LANGUAGES, PAIRS, judged
from xlt_train.statistics.compare import Comparison, compare
from xlt_train.statistics.items import bootstrap_items
from xlt_train.statistics.many import benjamini_hochberg
from xlt_train.statistics.mcnemar import mcnemar
from xlt_train.statistics.scores import Scores
from xlt_train.statistics.seeds import bootstrapped_t, paired_t, welch_t

RUNS = 1_000


def as_five_percent(called: np.ndarray) -> None:
    """The calls are 5% of the simulations, within the range that a binomial number leaves once in a thousand times."""
    low, high = stats.binom.ppf([0.0005, 0.9995], called.size, 0.05)
    assert low <= called.sum() <= high, f"{called.mean():.4f} of {called.size}"


def at_most_five_percent(called: np.ndarray) -> None:
    assert called.sum() <= stats.binom.ppf(0.9995, called.size, 0.05), f"{called.mean():.4f} of {called.size}"


def scores(name: str, correct: np.ndarray, first: int = 1) -> Scores:
    seeds = tuple(range(first, first + len(correct)))
    return Scores(name=name, seeds=seeds, pairs=PAIRS, accuracy=correct.mean(2), correct=correct, tests="t")


def simulated(runs: int, *, gain: float, first: int = 1) -> list[Comparison]:
    """Whole comparisons of five seeds a side; `first`: of b's seeds."""
    found = []
    for k in range(runs):
        a, b = judged(np.random.default_rng([k, 7]), gain=gain)
        found.append(compare(scores("a", a), scores("b", b, first), draws=99, seed=k))
    return found


@pytest.fixture(scope="module")
def nothing() -> list[Comparison]:
    """Methods that are the same."""
    return simulated(RUNS, gain=0.0)


@pytest.fixture(scope="module")
def two_points() -> list[Comparison]:
    """The second method is two points better in every language."""
    return simulated(150, gain=0.02)


def verdicts(found: list[Comparison], kind: str) -> np.ndarray:
    """Whether each claim is called [simulations, claims]."""
    return np.array([[claim.significant for claim in one.of_kind(kind)] for one in found])


def p_of(found: list[Comparison], kind: str, test: str) -> np.ndarray:
    return np.array([[getattr(claim, test).p for claim in one.of_kind(kind)] for one in found])


def test_the_simulated_runs_are_realistic(two_points: list[Comparison]) -> None:
    claims = [claim for one in two_points for claim in one.of_kind("language")]
    assert np.mean([claim.a_sd for claim in claims]) == pytest.approx(0.005, abs=0.001)
    assert np.mean([claim.difference for claim in claims]) == pytest.approx(0.02, abs=0.002)


def test_without_a_difference_verdicts_on_the_mean_are_5_percent(nothing: list[Comparison]) -> None:
    as_five_percent(verdicts(nothing, "mean"))


def test_without_a_difference_any_language_is_called_in_at_most_5_percent(nothing: list[Comparison]) -> None:
    """Languages go up and down together, so the share of simulations with a call stays a little below."""
    called = verdicts(nothing, "language").any(1)
    at_most_five_percent(called)
    assert called.mean() > 0.02
    unadjusted = (p_of(nothing, "language", "seeds") <= 0.05).any(1)
    assert unadjusted.mean() > 0.12  # what the adjustment is for


def test_without_a_difference_the_paired_test_is_at_5_percent(nothing: list[Comparison]) -> None:
    for k in range(len(LANGUAGES)):
        as_five_percent(p_of(nothing, "language", "seeds")[:, k] <= 0.05)


def test_without_a_difference_independent_languages_are_called_in_5_percent() -> None:
    """Benjamini-Hochberg is exact for independent tests when nothing differs."""
    d = np.random.default_rng(8).normal(size=(5, RUNS, 7))
    adjusted = benjamini_hochberg(paired_t(np.zeros_like(d), d).p)
    as_five_percent((adjusted <= 0.05).any(1))


def test_welch_is_at_5_percent() -> None:
    numbers = np.random.default_rng(9)
    as_five_percent(welch_t(numbers.normal(size=(5, 4_000)), numbers.normal(size=(10, 4_000))).p <= 0.05)


@pytest.mark.parametrize(("seeds", "low", "high"), [(3, 0, 0), (5, 0.01, 0.03), (10, 0.03, 0.05), (20, 0.04, 0.06)])
def test_the_papers_test_is_conservative_as_the_docs_say(seeds: int, low: float, high: float) -> None:
    d = np.random.default_rng(10).normal(size=(seeds, 3_000))
    called = bootstrapped_t(np.zeros_like(d), d, draws=4_000) <= 0.05
    at_most_five_percent(called)
    assert low <= called.mean() <= high


def twins(numbers: np.random.Generator, items: int, languages: int) -> tuple[np.ndarray, np.ndarray]:
    """Two models that are equally good on all possible items, for 1,000 drawn sets of them: [1, languages x RUNS, items].

    An item is hard in all languages or in none.
    """
    hard = 2 * numbers.normal(size=(1, RUNS, items))
    right = 1 / (1 + np.exp(-1.5 - hard))
    alike = [numbers.random((1, RUNS, items)) < right for _ in range(2)]
    sides = [
        np.where(numbers.random((languages, RUNS, items)) < 0.8, one, numbers.random((languages, RUNS, items)) < right)
        for one in alike
    ]
    return sides[0].reshape(1, -1, items), sides[1].reshape(1, -1, items)


def test_the_bootstrap_over_items_is_at_5_percent_because_it_clusters() -> None:
    numbers = np.random.default_rng(11)
    a, b = twins(numbers, 500, 7)
    sets = [range(k, 7 * RUNS, RUNS) for k in range(RUNS)]
    as_five_percent(bootstrap_items(a, b, sets, draws=999).p <= 0.05)
    as_five_percent(bootstrap_items(a[:, :RUNS], b[:, :RUNS], draws=999).p <= 0.05)
    naive = [x.reshape(7, RUNS, 500).transpose(1, 0, 2).reshape(1, RUNS, -1) for x in (a, b)]
    assert (bootstrap_items(*naive, draws=199).p <= 0.05).mean() > 0.2


@pytest.mark.parametrize("items", [60, 2_000])
def test_mcnemar_stays_below_5_percent(items: int) -> None:
    a, b = twins(np.random.default_rng(items), items, 1)
    called = mcnemar(a[0], b[0]).p <= 0.05
    at_most_five_percent(called)
    assert 0.01 < called.mean() < 0.05


def test_two_points_are_called_in_most_languages(two_points: list[Comparison]) -> None:
    assert verdicts(two_points, "language").mean() > 0.8
    assert verdicts(two_points, "mean").mean() > 0.95
    words = {claim.verdict for one in two_points for claim in one.claims}
    assert words <= {"better", "better on these items", "no difference shown"}
    assert (p_of(two_points, "language", "items") <= 0.05).mean() > 0.5
    assert (p_of(two_points, "language", "papers") <= 0.05).mean() > 0.5


def test_two_points_are_called_with_other_seeds_too() -> None:
    found = simulated(60, gain=0.02, first=11)
    assert {one.design for one in found} == {"Welch's t-test"}
    assert verdicts(found, "language").mean() > 0.8
