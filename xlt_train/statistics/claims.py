"""What a comparison claims, and what the claim is conditional on."""

import math
from dataclasses import asdict, dataclass
from typing import Any

ALPHA = 0.05  # as in the papers; after Benjamini-Hochberg over the languages

GIVEN_ITEMS = "given these test items: new training seeds"
GIVEN_MODELS = "given these trained models: new test items"

BETTER, WORSE = "better", "worse"
THESE_ITEMS = "on these items"  # shown for new seeds, not for new items
NOT_SHOWN = "no difference shown"
NO_SPREAD = "not judged: seeds without spread"
MISSING = "missing"
ONE_SEED = "one seed"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One test. `difference`, `low`, `high` are accuracies, 0 to 1, NaN where there is none; the interval is not adjusted.

    `n` counts what `given` says is drawn anew: seeds of the smaller group, or items.
    """

    name: str
    difference: float
    low: float
    high: float
    p: float
    adjusted: float
    n: int
    given: str

    @property
    def shown(self) -> bool:
        """Whether the adjusted p is at most 5%."""
        return self.adjusted <= ALPHA


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What is said about one language, one pair of languages, or a mean over pairs; b minus a.

    `seeds` decides where there are several seeds on both sides; `items` is the cluster bootstrap, `mcnemar` stands beside it
    for single runs and single cells, `papers` is the bootstrapped paired t-test of Huang et al. 2021. `significant` is a claim
    about the methods, which one seed never allows.
    """

    kind: str  # language, pair or mean
    what: str
    pairs: int
    a: float
    b: float
    a_sd: float
    b_sd: float
    difference: float
    verdict: str
    significant: bool
    given: str
    seeds: Outcome | None
    papers: Outcome | None
    items: Outcome | None
    mcnemar: Outcome | None

    @property
    def interval(self) -> tuple[float, float]:
        """Of the test that decides: over seeds, else over items; NaN where there is none."""
        chosen = self.seeds or self.items
        return (math.nan, math.nan) if chosen is None else (chosen.low, chosen.high)

    def to_json(self) -> dict[str, Any]:
        """With null for NaN."""
        found: dict[str, Any] = without_nan(asdict(self))
        return found


def judge(difference: float, *, seeds: Outcome | None, items: Outcome | None, single: Outcome | None) -> tuple[str, bool, str]:
    """Verdict, whether it is significant, and what it is conditional on.

    Several seeds: `seeds` decides at 5% after Benjamini-Hochberg, and "on these items" is added where `items` does not show the
    difference as well. One seed: nothing is claimed about the methods; `single`, else `items`, speaks of these runs alone.
    """
    if math.isnan(difference):
        return MISSING, False, "nothing: a cell is missing"
    if seeds is None:
        test = single or items
        if test is None or math.isnan(test.p):
            return f"{ONE_SEED}: no test", False, "nothing: no predictions to test"
        return f"{ONE_SEED}: {'these runs differ' if test.shown else NOT_SHOWN}", False, GIVEN_MODELS
    if math.isnan(seeds.p):
        return NO_SPREAD, False, GIVEN_ITEMS
    if not seeds.shown:
        return NOT_SHOWN, False, GIVEN_ITEMS
    word = BETTER if difference > 0 else WORSE
    return (word, True, GIVEN_ITEMS) if items is None or items.shown else (f"{word} {THESE_ITEMS}", True, GIVEN_ITEMS)


def without_nan(value: Any) -> Any:
    """The same with None for NaN and infinity, which JSON cannot say."""
    if isinstance(value, dict):
        return {key: without_nan(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
