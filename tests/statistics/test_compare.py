"""Comparisons: which test decides, what the words say, and what becomes of input that allows no claim."""

import json
from typing import Any

import numpy as np
import pytest

from tests.statistics.simulated import LANGUAGES, PAIRS, judged
from xlt_train.errors import StatisticsError
from xlt_train.statistics.alarms import alarms
from xlt_train.statistics.claims import GIVEN_ITEMS, GIVEN_MODELS, Outcome, judge
from xlt_train.statistics.compare import Comparison, compare
from xlt_train.statistics.items import bootstrap_items
from xlt_train.statistics.many import benjamini_hochberg
from xlt_train.statistics.mcnemar import mcnemar
from xlt_train.statistics.scores import Scores
from xlt_train.statistics.seeds import bootstrapped_t, paired_t, welch_t

NAN = float("nan")
CROSS = tuple((a, b) for a in ("de", "en", "ko") for b in ("de", "en", "ko"))


def scores(right: np.ndarray, name: str = "a", *, seeds: tuple[int, ...] | None = None, **more: Any) -> Scores:
    seeds = tuple(range(len(right))) if seeds is None else seeds
    return Scores(**{"name": name, "seeds": seeds, "pairs": PAIRS, "accuracy": right.mean(2), "correct": right} | more)


def sides(gain: float = 0.02, **options: Any) -> tuple[np.ndarray, np.ndarray]:
    return judged(np.random.default_rng(1), gain=gain, **{"items": 600} | options)


def both(a: np.ndarray, b: np.ndarray, **options: Any) -> Comparison:
    return compare(scores(a), scores(b, "b", **options), draws=500, seed=3)


def test_every_number_of_paired_seeds_is_that_of_its_test() -> None:
    a, b = sides()
    found = both(a, b)
    assert [claim.what for claim in found.claims] == [*LANGUAGES, "average"]
    columns = [np.column_stack([x.mean(2), x.mean((1, 2))]) for x in (a, b)]
    t, papers = paired_t(*columns), bootstrapped_t(*columns, draws=500, seed=3)
    items = bootstrap_items(a, b, [*((k,) for k in range(7)), range(7)], draws=500, seed=3)
    for k, claim in enumerate(found.claims):
        assert claim.seeds is not None
        assert claim.papers is not None
        assert claim.items is not None
        assert claim.mcnemar is None
        assert (claim.a, claim.b) == pytest.approx((columns[0][:, k].mean(), columns[1][:, k].mean()))
        assert claim.b_sd == pytest.approx(columns[1][:, k].std(ddof=1))
        assert (claim.seeds.p, claim.seeds.low, claim.seeds.high) == pytest.approx((t.p[k], t.low[k], t.high[k]))
        assert claim.interval == (claim.seeds.low, claim.seeds.high)
        assert claim.papers.p == pytest.approx(papers[k])
        assert (claim.items.p, claim.items.low) == pytest.approx((items.p[k], items.low[k]))
        assert (claim.seeds.n, claim.items.n) == (5, 600)
        assert (claim.seeds.given, claim.items.given) == (GIVEN_ITEMS, GIVEN_MODELS)
    adjusted = [claim.seeds.adjusted for claim in found.of_kind("language") if claim.seeds]
    assert adjusted == pytest.approx(benjamini_hochberg(t.p[:7]))
    (average,) = found.of_kind("mean")
    assert average.seeds is not None
    assert average.seeds.adjusted == average.seeds.p


def test_seeds_are_paired_whatever_their_order() -> None:
    a, b = sides()
    turned = both(a, b[::-1], seeds=(4, 3, 2, 1, 0))
    assert turned.to_json() == both(a, b).to_json()
    assert turned.seeds_b == (0, 1, 2, 3, 4)


def test_other_seeds_are_two_groups() -> None:
    a, b = sides()
    found = both(a, b[:4], seeds=(3, 4, 5, 6))
    assert found.design == "Welch's t-test"
    known = welch_t(a.mean((1, 2))[:, None], b[:4].mean((1, 2))[:, None])
    (average,) = found.of_kind("mean")
    assert average.seeds is not None
    assert average.seeds.p == pytest.approx(known.p[0])
    assert average.seeds.n == 4
    assert average.papers is None
    assert any("seeds are not the same" in note for note in found.notes)


def test_one_seed_claims_nothing_about_the_method() -> None:
    a, b = sides(0.2, seeds=1)
    found = both(a, b)
    assert found.design == "one seed"
    assert not any(claim.significant for claim in found.claims)
    assert {claim.verdict for claim in found.claims} == {"one seed: these runs differ"}
    assert {claim.given for claim in found.claims} == {GIVEN_MODELS}
    known = mcnemar(a[0], b[0]).p
    for k, claim in enumerate(found.of_kind("language")):
        assert claim.seeds is None
        assert claim.mcnemar is not None
        assert claim.mcnemar.p == pytest.approx(known[k])
        assert claim.mcnemar.adjusted == pytest.approx(benjamini_hochberg(known)[k])
    (average,) = found.of_kind("mean")
    assert average.mcnemar is None
    assert any("nothing is claimed" in note for note in found.notes)
    same = both(a, a)
    assert {claim.verdict for claim in same.claims} == {"one seed: no difference shown"}


def test_one_seed_against_five_claims_nothing_either() -> None:
    a, b = sides(0.2)
    found = both(a[:1], b)
    assert {claim.verdict for claim in found.claims} == {"one seed: these runs differ"}
    assert all(claim.mcnemar is None and claim.seeds is None for claim in found.claims)
    assert np.isnan(found.claims[0].a_sd)


def test_runs_that_are_equal_have_no_difference() -> None:
    a, _ = sides()
    found = both(a, a)
    assert {claim.verdict for claim in found.claims} == {"no difference shown"}
    for claim in found.claims:
        assert [t.p for t in (claim.seeds, claim.papers, claim.items) if t] == [1, 1, 1]


def test_copies_of_one_run_are_not_judged() -> None:
    a, b = sides(seeds=1)
    found = both(np.repeat(a, 3, 0), np.repeat(b, 3, 0))
    assert {claim.verdict for claim in found.claims} == {"not judged: seeds without spread"}
    assert not any(claim.significant for claim in found.claims)


def test_two_seeds_are_tested() -> None:
    a, b = sides(0.2, seeds=2)
    (average,) = both(a, b).of_kind("mean")
    assert average.seeds is not None
    assert average.seeds.n == 2
    assert average.papers is not None
    assert average.papers.p > 0.4


def cross(numbers: np.random.Generator, seeds: int = 4) -> np.ndarray:
    return numbers.random((seeds, 9, 200)) < 0.8


def test_all_pairs_have_means_of_their_own() -> None:
    numbers = np.random.default_rng(2)
    a, b = cross(numbers), cross(numbers)
    found = compare(scores(a, pairs=CROSS), scores(b, "b", pairs=CROSS), draws=99)
    assert [claim.what for claim in found.of_kind("language")] == ["de", "en", "ko"]
    assert [claim.what for claim in found.of_kind("pair")] == [f"{x}-{y}" for x, y in CROSS]
    same = [k for k, (x, y) in enumerate(CROSS) if x == y]
    mixed = [k for k in range(9) if k not in same]
    means = {claim.what: claim for claim in found.of_kind("mean")}
    for name, places in {"diagonal": same, "off-diagonal": mixed, "all pairs": range(9)}.items():
        assert means[name].a == pytest.approx(a[:, list(places)].mean())
        assert means[name].pairs == len(places)
        known = bootstrap_items(a, b, [list(places)], draws=99)
        assert means[name].items is not None
        assert means[name].items.p == pytest.approx(known.p[0])


def test_a_missing_cell_is_missing_in_every_mean_with_it() -> None:
    numbers = np.random.default_rng(3)
    a, b = cross(numbers), cross(numbers)
    few = [k for k in range(9) if k != 1]  # without de-en
    found = compare(
        scores(a, pairs=CROSS), scores(b[:, few], "b", pairs=tuple(CROSS[k] for k in few), accuracy=b[:, few].mean(2)), draws=99
    )
    verdicts = {claim.what: claim.verdict for claim in found.claims}
    missing = {what for what, verdict in verdicts.items() if verdict == "missing"}
    assert missing == {"de-en", "off-diagonal", "all pairs"}
    assert any("b has no accuracy of de-en" in note for note in found.notes)
    whole = compare(scores(a, pairs=CROSS), scores(b, "b", pairs=CROSS), draws=99)
    kept = [[claim.to_json() for claim in one.of_kind("language")] for one in (found, whole)]
    assert kept[0] == kept[1]


def test_a_cell_that_one_seed_lacks_is_missing() -> None:
    a, b = sides()
    accuracy = b.mean(2)
    accuracy[2, 4] = np.nan
    found = both(a, b, accuracy=accuracy)
    assert [claim.what for claim in found.claims if claim.verdict == "missing"] == ["ja", "average"]
    ja = found.claims[4]
    assert np.isnan([ja.b, ja.difference, *(t.p for t in (ja.seeds, ja.papers, ja.items) if t)]).all()


def test_numbers_without_predictions_are_not_tested_over_items() -> None:
    a, b = sides()
    found = both(a, b, correct=None)
    assert found.items is None
    assert all(claim.items is None and claim.seeds is not None for claim in found.claims)
    printed = compare(
        Scores(name="printed", seeds=(), pairs=PAIRS, accuracy=a.mean(2)[:1]),
        Scores(name="ours", seeds=(1,), pairs=PAIRS, accuracy=b.mean(2)[:1], tests="1", about="dev"),
    )
    assert {claim.verdict for claim in printed.claims} == {"one seed: no test"}
    assert any("does not say its test set" in note for note in printed.notes)
    assert printed.claims[0].difference == pytest.approx((b.mean(2) - a.mean(2))[0, 0])


def outcome(p: float) -> Outcome:
    return Outcome(name="t", difference=0.1, low=0, high=0.2, p=p, adjusted=p, n=5, given=GIVEN_ITEMS)


@pytest.mark.parametrize(
    ("difference", "seeds", "items", "verdict", "significant"),
    [
        (0.1, 0.05, 0.05, "better", True),
        (-0.1, 0.01, 0.01, "worse", True),
        (0.1, 0.01, 0.06, "better on these items", True),
        (-0.1, 0.01, NAN, "worse on these items", True),
        (0.1, 0.051, 0.001, "no difference shown", False),
        (0.1, NAN, 0.001, "not judged: seeds without spread", False),
        (NAN, 0.01, 0.01, "missing", False),
    ],
)
def test_the_rule_of_the_verdict(difference: float, seeds: float, items: float, verdict: str, significant: bool) -> None:
    found = judge(difference, seeds=outcome(seeds), items=outcome(items), single=None)
    assert found[:2] == (verdict, significant)


def test_without_items_the_seeds_say_all() -> None:
    assert judge(0.1, seeds=outcome(0.01), items=None, single=None) == ("better", True, GIVEN_ITEMS)


def test_the_result_is_json_without_nan() -> None:
    a, b = sides(seeds=1)
    body = json.loads(json.dumps(both(a, b).to_json(), allow_nan=False))
    assert body["claims"][0]["a_sd"] is None
    assert body["claims"][0]["mcnemar"]["given"] == GIVEN_MODELS
    assert body["design"] == "one seed"


def test_chance_is_told_apart_by_run() -> None:
    right = np.zeros((2, 2, 400), bool)
    right[0, 0, :240] = right[1, 0, :360] = right[:, 1, :360] = True
    found = alarms(
        scores(right, "m", pairs=(("de", "de"), ("de", "ko")), majority=np.array([0.6, 0.6]), classes=2, accuracy=right.mean(2))
    )
    assert len(found) == 1
    assert found[0][:6] == ("m", "de", 1, 0, 0, 2)
    assert str(found[0]) == "m, de: 1 of 2 runs at 75.0% not above always giving the most frequent label (60.0%)"
    low = scores(right[:, :1, 100:], "m", pairs=(("de", "de"),), majority=np.array([0.9]), classes=2)
    assert str(alarms(low)[0]).endswith("(90.0%) (1 below it), 1 nor above even guessing (50.0%)")
    assert not alarms(scores(right, "m", pairs=(("de", "de"), ("de", "ko"))))


def test_what_does_not_belong_together_is_refused() -> None:
    a, b = sides()
    with pytest.raises(StatisticsError, match=r"comparing a with b: found different test sets: dev, .*1234.* and test .*9876"):
        compare(scores(a, tests="12345678aa", about="dev, 7 languages"), scores(b, "b", tests="98765432aa", about="test"))
    with pytest.raises(StatisticsError, match="600 and of 599 items"):
        compare(scores(a), scores(b[..., 1:], "b"))
    with pytest.raises(StatisticsError, match="no accuracy of b: its test files have no labels"):
        compare(scores(a), scores(b, "b", accuracy=np.full((5, 7), np.nan)))
    for bad in (
        {"seeds": (1, 1, 2, 3, 4)},
        {"seeds": (1, 2)},
        {"accuracy": a.mean(2)[:, :3]},
        {"accuracy": a.mean(2)[:0]},
        {"correct": a[:, :3]},
        {"majority": np.zeros(2)},
    ):
        with pytest.raises(StatisticsError, match="found .*; expected"):
            scores(a, **bad)
