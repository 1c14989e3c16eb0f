"""All that the sections of a report are made of."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from xlt_train.errors import UsageError
from xlt_train.languages.distance import Order
from xlt_train.results.systems import System
from xlt_train.statistics.alarms import Alarm
from xlt_train.statistics.compare import Comparison

BASELINE = "baseline"
AVERAGE = "avg."
_ROUNDING = 0.1001 / 100  # a printed average may differ from its cells by this much: they were rounded after averaging
Key = tuple[str, str]  # where a system is from, empty for runs, and its name


def key_of(system: System) -> Key:
    """What a system is known by."""
    return system.source or "", system.name


@dataclass(frozen=True, kw_only=True)
class Material:
    """`systems`: runs first, then published ones. `order`: languages by distance, `distance` what it was measured by.

    `baselines`: what a system is measured against; `comparisons`: the tests, of runs only, as are `alarms`.
    `ablations`: published rows about one setting each. `slug` begins the names of files.
    """

    title: str
    slug: str
    systems: tuple[System, ...]
    order: Order
    source: str
    distance: str
    baselines: Mapping[Key, System]
    comparisons: Mapping[Key, Comparison] = field(default_factory=dict)
    alarms: tuple[Alarm, ...] = ()
    ablations: tuple[System, ...] = ()

    @property
    def languages(self) -> tuple[str, ...]:
        """By their distance from the source."""
        return self.order.languages

    @property
    def own(self) -> list[System]:
        """Those with runs."""
        return [system for system in self.systems if system.runs]

    def name(self, *words: str) -> str:
        """The stem of a file's name."""
        plain = "-".join(filter(None, [self.slug, *words])).lower()
        return "-".join(filter(None, "".join(c if c.isascii() and c.isalnum() else "-" for c in plain).split("-")))

    def baseline(self, system: System) -> System | None:
        """What it is measured against; None for a baseline itself, and where there is none."""
        return self.baselines.get(key_of(system))

    def compared(self) -> list[tuple[System, System]]:
        """Each system that has a baseline, with it."""
        return [(system, base) for system in self.systems if (base := self.baseline(system)) is not None]


def baselines_of(systems: Sequence[System], wanted: str | None = None) -> dict[Key, System]:
    """What each system is measured against: the method `baseline` of the same model and source, or the one called `wanted`.

    Where several would do, as with other learning rates, none does but the one that is wanted. Raises UsageError for a name
    that no system has.
    """
    own = [system for system in systems if system.runs]
    named = next((system for system in own if system.name == wanted), None)
    if wanted is not None and named is None:
        raise UsageError(
            "choosing the baseline",
            found=wanted,
            expected=f"one of {', '.join(system.name for system in own) or 'the runs, and there are none'}",
            remedy="Name one of them with --baseline",
        )
    found = {}
    for system in systems:
        base = named if named is not None and system.runs else _baseline_of(system, systems)
        if base is not None and key_of(base) != key_of(system):
            found[key_of(system)] = base
    return found


def _baseline_of(system: System, systems: Sequence[System]) -> System | None:
    alike = [
        other
        for other in systems
        if other.method == BASELINE
        and (other.model, other.source, bool(other.runs)) == (system.model, system.source, bool(system.runs))
        and not any(key.startswith("smoothing.") for key in other.settings)
    ]
    return alike[0] if len(alike) == 1 and system.method != BASELINE else _smoothed_of(system, alike)


def _smoothed_of(system: System, alike: Sequence[System]) -> System | None:
    """A smoothed baseline is measured against the plain one."""
    smoothed = any(key.startswith("smoothing.") for key in system.settings)
    return alike[0] if smoothed and len(alike) == 1 else None


def mean_of(values: np.ndarray) -> float:
    """Mean of all; NaN where one is missing: never averaged over in silence."""
    return float(values.mean()) if values.size else math.nan


def known(value: float) -> float | None:
    """The value, None for NaN."""
    return None if math.isnan(value) else float(value)


def printed_average(system: System, average: float) -> str:
    """What is to be said of an average that a paper prints and its row does not have; empty where it has."""
    printed = system.printed.get(AVERAGE)
    if printed is None or (math.isfinite(average) and abs(printed - average) <= _ROUNDING):
        return ""
    reason = "the mean of the languages at hand" if math.isfinite(average) else "nothing, as the row has gaps"
    return f"The paper prints {100 * printed:.1f} as the average; here stands {reason}."
