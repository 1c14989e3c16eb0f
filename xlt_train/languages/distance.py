"""Distances between languages by name: URIEL's, which come with the package, or a user's own table."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from xlt_train.errors import UsageError
from xlt_train.languages.table import Pair, read_distances
from xlt_train.resources import resource

# Of URIEL's metrics the one whose order from English comes nearest to that of the papers' headers (data/languages/README.md).
DEFAULT_METRIC = "syntactic"
_EMBEDDED = "languages/distances.csv"


@dataclass(frozen=True, kw_only=True)
class Order:
    """Languages by their distance from a source. `distances`: as far as they are known, 0 for the source, in that order.

    `without`: those without a distance, which stand last and belong in no regression. `read_as`: names that the table lacks ->
    the base language whose distance stands for theirs.
    """

    languages: tuple[str, ...]
    distances: dict[str, float]
    without: tuple[str, ...]
    read_as: dict[str, str]

    def notes(self) -> list[str]:
        """What a reader of the order has to know, a sentence each."""
        notes = [f"{name} stands at the distance of {base}." for name, base in self.read_as.items()]
        if self.without:
            notes.append(f"No distance is known for {', '.join(self.without)}: last in the order, left out of regressions.")
        return notes


def order(
    languages: Sequence[str], source: str, distances: Mapping[Pair, float], read_as: Mapping[str, str] | None = None
) -> Order:
    """`languages` by their distance from `source`, ties and those without a distance by name.

    `distances`: (language, language) -> distance in any unit, NaN being none; either direction will do. The source has 0.
    """
    found = {name: distances.get((source, name), distances.get((name, source))) for name in languages}
    known = {name: float(value) for name, value in found.items() if value is not None and not math.isnan(value)}
    known |= {source: 0.0} if source in found else {}
    ranked = sorted(known, key=lambda name: (name != source, known[name], name))
    without = tuple(sorted(set(languages) - set(known)))
    return Order(
        languages=(*ranked, *without),
        distances={name: known[name] for name in ranked},
        without=without,
        read_as=dict(read_as or {}),
    )


@dataclass(frozen=True, kw_only=True)
class Distances:
    """Distances by metric: `values[metric][a, b]`, each pair once, a before b; a pair that is undefined is missing.

    `name`: where they come from. `languages`: all that the table names.
    """

    name: str
    values: Mapping[str, Mapping[Pair, float]]
    languages: frozenset[str]

    @classmethod
    def read(cls, path: str | Path | None = None) -> "Distances":
        """Those of the package, or of a CSV file with the same columns (docs/format.md).

        Raises TableError with file and line for a file that is none.
        """
        values, languages = read_distances(resource(_EMBEDDED) if path is None else Path(path))
        name = "URIEL" if path is None else Path(path).name
        return cls(name=name, values=values, languages=languages)

    @property
    def metrics(self) -> tuple[str, ...]:
        """Their names, in the order of the table."""
        return tuple(self.values)

    @property
    def metric(self) -> str:
        """The one that counts where none is named: `DEFAULT_METRIC`, or the first of a table without it."""
        return DEFAULT_METRIC if DEFAULT_METRIC in self.values else next(iter(self.values))

    def pairs(self, metric: str | None = None) -> dict[Pair, float]:
        """Every defined distance in both directions. Raises UsageError for a metric that the table lacks."""
        once = self._of(metric)
        return {**once, **{(b, a): value for (a, b), value in once.items()}}

    def base(self, language: str) -> str | None:
        """The name under which the table has the language: as written, else without region and script; None if neither."""
        plain = re.split("[-_]", language)[0].lower()
        return next((name for name in (language, plain) if name in self.languages), None)

    def between(self, a: str, b: str, metric: str | None = None) -> float | None:
        """The distance of two languages, 0 for one and the same name; None where the table does not define it.

        So it is for two forms of one language (zh-Hans, zh-Hant), which the table does not tell apart. Raises UsageError for an
        unknown metric.
        """
        values = self._of(metric)
        if a == b:
            return 0.0
        one, two = self.base(a), self.base(b)
        if one is None or two is None:
            return None
        return values.get((min(one, two), max(one, two)))

    def order(self, languages: Sequence[str], source: str, metric: str | None = None) -> Order:
        """`languages` by their distance from `source`, as `order` of this module. Raises UsageError for an unknown metric."""
        found = {name: self.between(source, name, metric) for name in languages}
        known = {(source, name): value for name, value in found.items() if value is not None}
        bases = {name: self.base(name) for name in (source, *languages) if name == source or found[name] is not None}
        read_as = {name: base for name, base in bases.items() if base is not None and base != name}
        return order(languages, source, known, read_as)

    def _of(self, metric: str | None) -> Mapping[Pair, float]:
        metric = self.metric if metric is None else metric
        if metric not in self.values:
            raise UsageError(
                f"looking up distances of {self.name}",
                found=f"the metric {metric!r}",
                expected=f"one of {', '.join(self.metrics)}",
                remedy="Choose one of them",
            )
        return self.values[metric]
