"""What a report says first, and at its foot."""

import math
from collections.abc import Sequence

from xlt_train.reporting.contents.material import Material, key_of, mean_of
from xlt_train.results.systems import System
from xlt_train.runs.record import software_versions


def title_of(materials: Sequence[Material]) -> str:
    """The page's heading."""
    own = [system for material in materials for system in material.own]
    return "Cross-lingual transfer: " + (own[0].runs[0].about_tests if own else "the published numbers")


def summary(materials: Sequence[Material]) -> str:
    """One paragraph for a reader who reads nothing else."""
    return " ".join(sentence for material in materials for sentence in _of(material))


def _of(material: Material) -> list[str]:
    own = material.own
    if not own:
        sources = list(dict.fromkeys(system.source for system in material.systems))
        return [
            f"{material.title}: {len(material.systems)} rows of {len(sources)} tables, run through the code that judges runs."
        ]
    seeds = sorted({len(system.runs) for system in own})
    many = f"{seeds[0]}" if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    runs = sum(len(system.runs) for system in own)
    said = [
        f"{runs} {'run' if runs == 1 else 'runs'} of {len(own)} {'system' if len(own) == 1 else 'systems'} ({many} "
        f"{'seed' if many == '1' else 'seeds'} each), trained on {material.source}, judged on {own[0].runs[0].about_tests}."
    ]
    averages = {system.name: mean_of(system.diagonal(material.languages)) for system in own}
    known = {name: average for name, average in averages.items() if not math.isnan(average)}
    if known:
        best = max(known, key=lambda name: known[name])
        said.append(f"The highest average over languages is {100 * known[best]:.1f}%, of {best}.")
    return [*said, *_gains(material), *_caution(material)]


def _gains(material: Material) -> list[str]:
    said = []
    for system, base in material.compared():
        comparison = material.comparisons.get(key_of(system))
        claims = [] if comparison is None else comparison.of_kind("mean")
        for claim in (claim for claim in claims if claim.what in ("average", "diagonal")):
            if not math.isnan(claim.difference):
                points = f"{100 * claim.difference:+.1f}".replace("-", "−")
                said.append(f"{system.name} is {points} points from {base.name} on average: {claim.verdict}.")
    return said[:6]


def _caution(material: Material) -> list[str]:
    own = material.own
    if any(run.body.get("note") for system in own for run in system.runs):
        return [
            "The model began with random weights and knows no language: the numbers show that everything works, and no more."
        ]
    if all(len(system.runs) == 1 for system in own):
        return ["With one training seed each, no claim about a method can be made."]
    return []


def foot(materials: Sequence[Material]) -> tuple[str, ...]:
    """What was used to make the page."""
    versions = software_versions()
    made = "Made with xlt {xlt}, Python {python}, pyarrow {pyarrow}.".format(**versions)
    order = "; ".join(dict.fromkeys(f"languages by {material.distance}" for material in materials))
    own: list[System] = [system for material in materials for system in material.own]
    runs = [f"Runs: {', '.join(run.home.name for system in own for run in system.runs)}."] if own else []
    return made, f"Order: {order}.", *runs
