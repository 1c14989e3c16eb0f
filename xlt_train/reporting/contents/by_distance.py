"""Gain over the baseline against the distance of a language (Huang et al. 2021, Figure 2)."""

from collections.abc import Iterator

import numpy as np

from xlt_train.reporting.blocks import Note, Section
from xlt_train.reporting.contents.material import Material, key_of
from xlt_train.reporting.drawing import Drawing
from xlt_train.reporting.drawing import Line as Drawn
from xlt_train.reporting.figures.regression import regression
from xlt_train.results.systems import System
from xlt_train.statistics.regression import Line, line_through

_POINTS = 50  # of the band's outline
LEVEL = 0.95
FIGURE_2 = ("Huang et al. 2021, EMNLP, Table 1", "Huang et al. 2021, EMNLP, Table 2")


def gains(material: Material, system: System, base: System) -> dict[str, float]:
    """Language -> gain over the baseline, a fraction; NaN where either lacks it."""
    found = (system.diagonal(material.languages).mean(0) - base.diagonal(material.languages).mean(0)).tolist()
    return dict(zip(material.languages, found))


def line_of(material: Material, system: System, base: System) -> Line:
    """Least squares of gain on distance over the languages that have both, the source at 0 among them."""
    found = gains(material, system, base)
    at = material.order.distances
    return line_through(np.array([at.get(name, np.nan) for name in found]), np.array(list(found.values())))


def by_distance(material: Material) -> tuple[Section, list[Drawing]] | None:
    """A figure for each system with a baseline."""
    drawings = [drawn for system, base in _shown_here(material) if (drawn := _drawn(material, system, base)) is not None]
    if not drawings:
        return None
    lead = (
        f"Whether robust training helps more where a language is further from {material.source}. "
        f"Distance: {material.distance}. Languages are few and related, so the line describes these ones; it is no law.",
    )
    return Section("Gain and distance", lead, tuple(_cautions(material))), drawings


def _cautions(material: Material) -> Iterator[Note]:
    """For lines through gains between cells at chance level."""
    for system, base in material.compared():
        comparison = material.comparisons.get(key_of(system))
        low = {alarm.pair for alarm in comparison.alarms} & set(material.languages) if comparison else set()
        if low:
            names = ", ".join(name for name in material.languages if name in low)
            yield Note(
                f"{system.name} or {base.name} is at chance level in {names}: a line through these gains means little.",
                "alarm",
            )


def _shown_here(material: Material) -> list[tuple[System, System]]:
    """Runs, and of what was published the rows of Figure 2's table and method."""
    return [
        (system, base)
        for system, base in material.compared()
        if system.runs or (str(system.source).startswith(FIGURE_2) and system.method == "rs-da" and not system.all_pairs)
    ]


def _drawn(material: Material, system: System, base: System) -> Drawing | None:
    found = gains(material, system, base)
    if not any(np.isfinite(gain) and name in material.order.distances for name, gain in found.items()):
        return None
    line = line_of(material, system, base)
    return regression(
        material.name("distance", system.name, *(["published"] if system.source else [])),
        f"{system.name} minus {base.name} by distance, {'as published' if system.source and material.own else material.title}",
        found,
        material.order.distances,
        None if line.refused else _shown(line, list(material.order.distances.values())),
        distance_title=material.distance,
        spread=_spread(material, system),
    )


def _shown(line: Line, distances: list[float]) -> Drawn:
    x = np.linspace(0, max(distances), _POINTS)
    low, high = line.band(x, level=LEVEL)
    return Drawn(
        x=x,
        y=line.at(x),
        low=low,
        high=high,
        slope=line.slope,
        intercept=line.intercept,
        r=line.r,
        p=line.p,
        n=line.n,
        level=LEVEL,
    )


def _spread(material: Material, system: System) -> dict[str, tuple[float, float]] | None:
    comparison = material.comparisons.get(key_of(system))
    if comparison is None:
        return None
    found = {claim.what: claim.interval for claim in comparison.of_kind("language")}
    return {name: ends for name, ends in found.items() if np.isfinite(ends).all()} or None
