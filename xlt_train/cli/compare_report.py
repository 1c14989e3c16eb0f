"""What `compare` prints."""

import math
from collections.abc import Sequence

import click

from xlt_train.errors import UsageError
from xlt_train.models.nano import NOTE
from xlt_train.results.systems import System
from xlt_train.statistics.alarms import said
from xlt_train.statistics.claims import ALPHA, GIVEN_ITEMS, GIVEN_MODELS, THESE_ITEMS, Claim, Outcome
from xlt_train.statistics.compare import ONE_SEED, PAIRED, Comparison


def need_pairs(systems: Sequence[System]) -> None:
    """Raises UsageError where no side was judged on texts in two languages."""
    if not any(system.all_pairs for system in systems):
        raise UsageError(
            "listing every pair of languages",
            found="runs judged on single languages",
            expected="runs judged on all pairs",
            remedy="Judge them: xlt-train evaluate RUN --test-dir DIR --pairs all",
        )


def show_comparison(found: Comparison, systems: Sequence[System], *, pairs: bool) -> None:
    """The claims as a table, then what they are conditional on."""
    for head, name, seeds in (("A", found.a, found.seeds_a), ("B", found.b, found.seeds_b)):
        _line(head, f"{name}, {_seeds(seeds)}")
    items = "" if found.items is None else f", {found.items:,} items"
    _line("tests", f"{found.about}{items}{'' if found.tests is None else f' ({found.tests[:8]})'}")
    click.echo()
    claims = [*found.of_kind("language"), *found.of_kind("mean")]
    _aligned([_head(found), *(_row(claim, found) for claim in claims)])
    if pairs:
        click.echo()
        _aligned([_head(found), *(_row(claim, found) for claim in found.of_kind("pair"))])
    click.echo()
    _explain(found)
    languages = {claim.what for claim in found.of_kind("language")}
    told = [alarm for alarm in found.alarms if pairs or alarm.pair in languages]
    for sentence in said(told):
        _line("chance", sentence)
    if hidden := len(found.alarms) - len(told):
        _line("chance", f"{hidden:,} more in pairs of languages; --pairs lists them")
    for note in found.notes:
        _line("note", note)
    if any(run.run["model"].get("randomly_initialised") for system in systems for run in system.runs):
        _line("note", NOTE)


def _explain(found: Comparison) -> None:
    """What each number is conditional on, and the rule of the verdict."""
    _line("shown", "accuracy in percent with its standard deviation over seeds; difference B - A in points, with 95% interval")
    if found.design == ONE_SEED:
        _line("p", f"{GIVEN_MODELS} (exact McNemar for a cell of two runs, else the bootstrap)")
        _line("interval", f"{GIVEN_MODELS} (bootstrap by item, all its languages together)")
    else:
        _line("p", f"{GIVEN_ITEMS} ({found.design}); so is the interval")
        if found.design == PAIRED:
            _line("p papers", f"{GIVEN_ITEMS} (bootstrapped paired t-test)")
        if found.items is not None:
            _line("p items", f"{GIVEN_MODELS} (bootstrap by item, all its languages together)")
    _line("adjusted", "every p by Benjamini-Hochberg, over the languages, the means or the pairs; intervals are not")
    rule = f"runs differ where p is at most {ALPHA:g}; nothing is said of the methods"
    if found.design != ONE_SEED:
        rule = f"by p at most {ALPHA:g}" + (f"; '{THESE_ITEMS}' where p items is above" if found.items is not None else "")
    _line("verdict", rule)


def _head(found: Comparison) -> list[str]:
    more = [] if found.design == ONE_SEED else ["p papers"] * (found.design == PAIRED) + ["p items"] * (found.items is not None)
    return ["", "A", "B", "B - A", "95% interval", "p", *more, "verdict"]


def _row(claim: Claim, found: Comparison) -> list[str]:
    more: list[Outcome | None] = []
    if found.design == ONE_SEED:
        deciding = claim.mcnemar or claim.items
    else:
        deciding = claim.seeds
        more = [claim.papers] * (found.design == PAIRED) + [claim.items] * (found.items is not None)
    low, high = claim.interval
    interval = "" if math.isnan(low) else f"{100 * low:+.2f} to {100 * high:+.2f}"
    sides = [_score(claim.a, claim.a_sd), _score(claim.b, claim.b_sd), _points(claim.difference)]
    return [claim.what, *sides, interval, _p(deciding), *map(_p, more), claim.verdict]


def _score(mean: float, sd: float) -> str:
    if math.isnan(mean):
        return "missing"
    return f"{100 * mean:.2f}" if math.isnan(sd) else f"{100 * mean:.2f} ±{100 * sd:.2f}"


def _points(difference: float) -> str:
    return "" if math.isnan(difference) else f"{100 * difference:+.2f}"


def _p(outcome: Outcome | None) -> str:
    if outcome is None or math.isnan(outcome.adjusted):
        return ""
    return f"{outcome.adjusted:.4f}" if outcome.adjusted >= 0.0001 else "<0.0001"


def _seeds(seeds: Sequence[int]) -> str:
    if not seeds:
        return "without seeds"
    return f"seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}"


def _aligned(rows: Sequence[Sequence[str]]) -> None:
    """Columns as wide as they must be; all to the right but the first and the last."""
    last = len(rows[0]) - 1
    widths = [max(len(row[k]) for row in rows) for k in range(last + 1)]
    for row in rows:
        cells = [cell.ljust(w) if k in (0, last) else cell.rjust(w) for k, (cell, w) in enumerate(zip(row, widths))]
        click.echo("  ".join(cells).rstrip())


def _line(head: str, text: str) -> None:
    click.echo(f"{head:<10}{text}")
