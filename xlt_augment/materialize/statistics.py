"""Counts over a build, added up unit by unit."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from xlt_augment.materialize.manifest import STATISTICS
from xlt_augment.materialize.units import Result


class Statistics:
    """Adds up the counts of results that come in the order of the rows."""

    def __init__(self, m: int) -> None:
        self._m, self._counts = m, Counter[str]()
        self._open: list[np.ndarray] = []  # signatures of a source row whose variants come in several results

    def add(self, result: Result) -> None:
        """Count one result."""
        self._counts.update(result.counts)
        self._counts["rows"] += result.batch.num_rows
        self._open.append(result.signature)
        if sum(s.shape[1] for s in self._open) == self._m + 1:
            ordered = np.sort(np.concatenate(self._open, axis=1), axis=1)
            self._counts["duplicate_variants"] += int(np.count_nonzero(ordered[:, 1:] == ordered[:, :-1]))
            self._open = []

    @property
    def counts(self) -> dict[str, int]:
        """The counts so far, to be added to those of others."""
        return dict(self._counts)

    def add_counts(self, counts: Mapping[str, int]) -> None:
        """Add what somebody else counted of whole source rows."""
        self._counts.update(counts)

    def to_json(self) -> dict[str, Any]:
        """The manifest's statistics. `changed_share` is of all words of the variants, `eligible_share` of the source."""
        c, copies = self._counts, self._m
        counts: dict[str, Any] = {name: c[name] for name in STATISTICS}
        return counts | {
            "source_rows": c["rows"] // (copies + 1),
            "eligible_share": _share(c["eligible_words"], c["words"]),
            "changed_share": _share(c["changed_words"], c["words"] * copies),
            "changed_share_of_eligible": _share(c["changed_words"], c["eligible_words"] * copies),
        }


def _share(part: int, whole: int) -> float:
    return round(part / whole, 6) if whole else 0.0
