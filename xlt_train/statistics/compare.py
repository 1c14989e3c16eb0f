"""Two methods, tested in every language: the recipe that the command and the report share."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from xlt_train.statistics.alarms import Alarm, alarms
from xlt_train.statistics.claims import GIVEN_ITEMS, GIVEN_MODELS, Claim, Outcome, judge, without_nan
from xlt_train.statistics.items import bootstrap_items
from xlt_train.statistics.many import benjamini_hochberg
from xlt_train.statistics.mcnemar import mcnemar
from xlt_train.statistics.scores import Aligned, Pair, Scores, align
from xlt_train.statistics.seeds import bootstrapped_t, paired_t, spread, welch_t

PAIRED, INDEPENDENT, ONE_SEED = "paired t-test", "Welch's t-test", "one seed"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Method b against method a. `design`: `PAIRED`, `INDEPENDENT` (other seeds on both sides) or `ONE_SEED`.

    `notes` say what a reader has to know beside the claims: missing cells, how seeds were used, what was not tested.
    """

    a: str
    b: str
    seeds_a: tuple[int, ...]
    seeds_b: tuple[int, ...]
    items: int | None
    tests: str | None
    about: str
    design: str
    claims: tuple[Claim, ...]
    alarms: tuple[Alarm, ...]
    notes: tuple[str, ...]
    draws: int
    seed: int

    def of_kind(self, kind: str) -> list[Claim]:
        """The claims about languages (`language`), `mean`s or all cells (`pair`)."""
        return [claim for claim in self.claims if claim.kind == kind]

    def to_json(self) -> dict[str, Any]:
        """Everything, with null for NaN."""
        plain = ("a", "b", "seeds_a", "seeds_b", "items", "tests", "about", "design", "notes", "draws", "seed")
        found: dict[str, Any] = without_nan({name: getattr(self, name) for name in plain})
        return found | {
            "claims": [claim.to_json() for claim in self.claims],
            "alarms": [without_nan(alarm._asdict()) for alarm in self.alarms],
        }


class _Question(NamedTuple):
    kind: str
    what: str
    positions: tuple[int, ...]


def compare(a: Scores, b: Scores, *, draws: int = 10_000, seed: int = 0) -> Comparison:
    """Test `b` against `a` in every language, in every pair of languages where there are any, and in the means.

    Tests over seeds need several on both sides, and are paired where the seeds are the same; tests over items need
    predictions. Each family (languages, means, pairs) is adjusted by itself. A mean with a missing cell is missing.
    `draws` and `seed` are those of both bootstraps. Raises StatisticsError for test sets that differ and for
    files without labels.
    """
    sides = align(a, b)
    asked = _questions(sides.a.pairs)
    columns_a, columns_b = (_columns(side.accuracy, asked) for side in (sides.a, sides.b))
    tests = {
        "seeds": _over_seeds(sides, columns_a, columns_b, asked),
        "papers": _as_the_papers(sides, columns_a, columns_b, asked, draws, seed),
        "items": _over_items(sides, asked, draws, seed),
        "mcnemar": _single_runs(sides, asked),
    }
    spread_a, spread_b = spread(columns_a), spread(columns_b)
    claims = []
    for k, question in enumerate(asked):
        found = {name: outcomes[k] for name, outcomes in tests.items()}
        difference = float(spread_b.mean[k] - spread_a.mean[k])
        verdict, significant, given = judge(difference, seeds=found["seeds"], items=found["items"], single=found["mcnemar"])
        claims.append(
            Claim(
                kind=question.kind,
                what=question.what,
                pairs=len(question.positions),
                a=float(spread_a.mean[k]),
                b=float(spread_b.mean[k]),
                a_sd=float(spread_a.sd[k]),
                b_sd=float(spread_b.sd[k]),
                difference=difference,
                verdict=verdict,
                significant=significant,
                given=given,
                **found,
            )
        )
    return _comparison(sides, claims, draws, seed)


def _comparison(sides: Aligned, claims: Sequence[Claim], draws: int, seed: int) -> Comparison:
    correct, known = sides.a.correct, sides.b if sides.a.tests is None else sides.a
    return Comparison(
        a=sides.a.name,
        b=sides.b.name,
        seeds_a=sides.a.seeds,
        seeds_b=sides.b.seeds,
        items=None if correct is None or sides.b.correct is None else correct.shape[2],
        tests=known.tests,
        about=known.about,
        design=_design(sides),
        claims=tuple(claims),
        alarms=(*alarms(sides.a), *alarms(sides.b)),
        notes=tuple(_notes(sides)),
        draws=draws,
        seed=seed,
    )


def _design(sides: Aligned) -> str:
    if not (sides.a.several_seeds and sides.b.several_seeds):
        return ONE_SEED
    return PAIRED if sides.paired else INDEPENDENT


def _questions(pairs: Sequence[Pair]) -> list[_Question]:
    same = [k for k, (a, b) in enumerate(pairs) if a == b]
    mixed = [k for k, (a, b) in enumerate(pairs) if a != b]
    asked = [_Question("language", pairs[k][0], (k,)) for k in same]
    if not mixed:
        return [*asked, _Question("mean", "average", tuple(same))]
    sets = {"diagonal": same, "off-diagonal": mixed, "all pairs": range(len(pairs))}
    asked += [_Question("mean", name, tuple(positions)) for name, positions in sets.items() if positions]
    return [*asked, *(_Question("pair", "-".join(pair), (k,)) for k, pair in enumerate(pairs))]


def _columns(accuracy: np.ndarray, asked: Sequence[_Question]) -> np.ndarray:
    """[S, K]: for each question the mean over its cells, NaN where one is missing."""
    return np.stack([accuracy[:, list(question.positions)].mean(1) for question in asked], axis=1)


def _adjusted(p: np.ndarray, asked: Sequence[_Question]) -> np.ndarray:
    """Benjamini-Hochberg within each family."""
    found, kinds = np.full(len(asked), np.nan), np.array([question.kind for question in asked])
    for kind in np.unique(kinds):
        found[kinds == kind] = benjamini_hochberg(p[kinds == kind])
    return found


def _outcomes(
    name: str, given: str, n: int, p: np.ndarray, values: Sequence[np.ndarray], adjusted: np.ndarray
) -> list[Outcome]:
    difference, low, high = values
    return [
        Outcome(
            name=name,
            difference=float(difference[k]),
            low=float(low[k]),
            high=float(high[k]),
            p=float(p[k]),
            adjusted=float(adjusted[k]),
            n=n,
            given=given,
        )
        for k in range(len(p))
    ]


def _over_seeds(sides: Aligned, a: np.ndarray, b: np.ndarray, asked: Sequence[_Question]) -> Sequence[Outcome | None]:
    if _design(sides) == ONE_SEED:
        return [None] * len(asked)
    found = paired_t(a, b) if sides.paired else welch_t(a, b)
    values = (found.difference, found.low, found.high)
    return _outcomes(_design(sides), GIVEN_ITEMS, min(len(a), len(b)), found.p, values, _adjusted(found.p, asked))


def _as_the_papers(
    sides: Aligned, a: np.ndarray, b: np.ndarray, asked: Sequence[_Question], draws: int, seed: int
) -> Sequence[Outcome | None]:
    if not sides.paired:
        return [None] * len(asked)
    p, unknown = bootstrapped_t(a, b, draws=draws, seed=seed), np.full(len(asked), np.nan)
    values = ((b - a).mean(0), unknown, unknown)
    return _outcomes("bootstrapped paired t-test", GIVEN_ITEMS, len(a), p, values, _adjusted(p, asked))


def _over_items(sides: Aligned, asked: Sequence[_Question], draws: int, seed: int) -> Sequence[Outcome | None]:
    a, b = sides.a.correct, sides.b.correct
    if a is None or b is None:
        return [None] * len(asked)
    found = bootstrap_items(a, b, [question.positions for question in asked], draws=draws, seed=seed)
    values = (found.difference, found.low, found.high)
    return _outcomes("cluster bootstrap", GIVEN_MODELS, a.shape[2], found.p, values, _adjusted(found.p, asked))


def _single_runs(sides: Aligned, asked: Sequence[_Question]) -> Sequence[Outcome | None]:
    a, b = sides.a.correct, sides.b.correct
    if a is None or b is None or len(a) > 1 or len(b) > 1:
        return [None] * len(asked)
    single = [k for k, question in enumerate(asked) if len(question.positions) == 1 and question.kind != "mean"]
    places = [asked[k].positions[0] for k in single]
    p = mcnemar(a[0, places], b[0, places]).p
    difference, unknown = (b[0, places] - a[0, places]).mean(1), np.full(len(single), np.nan)
    adjusted = _adjusted(p, [asked[k] for k in single])
    found = _outcomes("exact McNemar", GIVEN_MODELS, a.shape[2], p, (difference, unknown, unknown), adjusted)
    by_place = dict(zip(single, found))
    return [by_place.get(k) for k in range(len(asked))]


def _notes(sides: Aligned) -> list[str]:
    found = []
    for side in (sides.a, sides.b):
        gone = ["-".join(dict.fromkeys(pair)) for pair, bad in zip(side.pairs, np.isnan(side.accuracy).any(0)) if bad]
        if gone:
            more = f" and {len(gone) - 8:,} more" if len(gone) > 8 else ""
            belong = "it belongs" if len(gone) == 1 else "they belong"
            found.append(f"{side.name} has no accuracy of {', '.join(gone[:8])}{more}: missing, in every mean that {belong} to")
        if side.tests is None:
            found.append(f"{side.name} does not say its test set: it may be another one")
    design = _design(sides)
    if design == ONE_SEED:
        found.append("one seed: nothing is claimed about the methods; another seed may turn the difference around")
    elif design == INDEPENDENT:
        found.append("the seeds are not the same on both sides: Welch's t-test, no pairs, no bootstrapped paired t-test")
    if sides.a.correct is None or sides.b.correct is None:
        found.append("without predictions nothing is tested over items")
    return found
