"""What changed between two synonym sets, word by word."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from xlt_augment.synonyms.synonym_set import Neighbor, SynonymSet
from xlt_augment.synonyms.table import table_rows
from xlt_augment.synonyms.vetoes import Pair

_Rows = dict[str, list[Neighbor]]


class Change(NamedTuple):
    """A word that both sets hold with other rows: `before` in the first set, `after` in the second."""

    before: list[Neighbor]
    after: list[Neighbor]

    @property
    def added(self) -> list[Neighbor]:
        """Neighbors in the second set alone."""
        return _parted(self.after, self.before)[1]

    @property
    def removed(self) -> list[Neighbor]:
        """Neighbors in the first set alone."""
        return _parted(self.before, self.after)[1]

    @property
    def reordered(self) -> bool:
        """Whether the neighbors of both sets come in another order, or another number of times."""
        before, after = _parted(self.before, self.after)[0], _parted(self.after, self.before)[0]
        return [neighbor.word for neighbor in before] != [neighbor.word for neighbor in after]

    @property
    def distances(self) -> dict[str, tuple[float | None, float | None]]:
        """Neighbors of both sets whose distance differs: before and after, None where it is not known."""
        before, after = dict(self.before), dict(self.after)
        return {n: (before[n], after[n]) for n in before if n in after and before[n] != after[n]}


class SetDiff(NamedTuple):
    """Words of one set alone with their neighbors, words whose rows differ, and vetoes of one set alone."""

    only_in_a: _Rows
    only_in_b: _Rows
    changed: dict[str, Change]
    same: int
    vetoes_added: list[Pair]
    vetoes_removed: list[Pair]

    @property
    def identical(self) -> bool:
        """Whether the sets hold the same words, neighbors, distances and vetoes."""
        return not any((self.only_in_a, self.only_in_b, self.changed, self.vetoes_added, self.vetoes_removed))

    def counts(self) -> dict[str, int]:
        """How many words and neighbors differ, in which way."""
        changes = list(self.changed.values())
        return {
            "only_in_a": len(self.only_in_a),
            "only_in_b": len(self.only_in_b),
            "changed": len(changes),
            "same": self.same,
            "neighbors_added": sum(len(change.added) for change in changes),
            "neighbors_removed": sum(len(change.removed) for change in changes),
            "words_reordered": sum(change.reordered for change in changes),
            "distances_changed": sum(len(change.distances) for change in changes),
            "vetoes_added": len(self.vetoes_added),
            "vetoes_removed": len(self.vetoes_removed),
        }

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON values; `neighbors` of a changed word is its whole row in the second set."""
        return {
            "identical": self.identical,
            "counts": self.counts(),
            "only_in_a": {word: _json(row) for word, row in self.only_in_a.items()},
            "only_in_b": {word: _json(row) for word, row in self.only_in_b.items()},
            "changed": {
                word: {
                    "added": _json(change.added),
                    "removed": _json(change.removed),
                    "reordered": change.reordered,
                    "distances": {n: list(pair) for n, pair in change.distances.items()},
                    "neighbors": _json(change.after),
                }
                for word, change in self.changed.items()
            },
            "vetoes_added": [list(pair) for pair in self.vetoes_added],
            "vetoes_removed": [list(pair) for pair in self.vetoes_removed],
        }


def diff(a: SynonymSet, b: SynonymSet) -> SetDiff:
    """What has to change in `a` to make it `b`; words in sorted order. How the sets were made does not count."""
    rows_a, rows_b = _rows(a), _rows(b)
    both = [word for word in rows_a if word in rows_b]
    changed = {word: Change(rows_a[word], rows_b[word]) for word in both if rows_a[word] != rows_b[word]}
    return SetDiff(
        only_in_a={word: row for word, row in rows_a.items() if word not in rows_b},
        only_in_b={word: row for word, row in rows_b.items() if word not in rows_a},
        changed=changed,
        same=len(both) - len(changed),
        vetoes_added=sorted(set(b.vetoes) - set(a.vetoes)),
        vetoes_removed=sorted(set(a.vetoes) - set(b.vetoes)),
    )


def _rows(synonyms: SynonymSet) -> _Rows:
    found: _Rows = {}
    for word, neighbors, distances in table_rows(synonyms.table):
        known: Sequence[float | None] = distances or [None] * len(neighbors)
        found[word] = [Neighbor(*pair) for pair in zip(neighbors, known)]
    return found


def _parted(row: list[Neighbor], other: list[Neighbor]) -> tuple[list[Neighbor], list[Neighbor]]:
    """The neighbors of a row whose words the other row has too, and the rest."""
    words = {neighbor.word for neighbor in other}
    return [n for n in row if n.word in words], [n for n in row if n.word not in words]


def _json(row: list[Neighbor]) -> list[dict[str, Any]]:
    return [neighbor._asdict() for neighbor in row]
