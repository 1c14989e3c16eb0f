"""The union of synonym sets."""

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

from xlt_augment.errors import UsageError
from xlt_augment.synonyms.origins import Origin, Origins
from xlt_augment.synonyms.synonym_set import SynonymSet
from xlt_augment.synonyms.table import pair_starts, table_from_rows, table_rows
from xlt_augment.synonyms.vetoes import partners


class _Row(NamedTuple):
    """Neighbors, their distances or nothing, and where each comes from."""

    neighbors: list[str]
    distances: list[float]
    origins: list[Origin | None]


def merge(sets: Sequence[SynonymSet], *, k: int | None = None) -> SynonymSet:
    """All words with all their neighbors, each once; at most the first `k` of a word where `k` is given.

    Where every set that has neighbors for a word knows their distances, the smallest distance of each is kept and the
    order is that of (distance, word): the order of the sets does not matter. Else the neighbors of the first set come
    first, then the new ones of the next, without distances. A neighbor has the origin of the set that its distance, or
    else its place, was taken from; of several sets with that distance the first by (source, lists, before). The vetoes of all
    sets hold for all of them, and count before anything else. Raises UsageError for no set and for k below 1.
    """
    if not sets or (k is not None and (isinstance(k, bool) or not isinstance(k, int) or k < 1)):
        raise UsageError(
            "merging synonym sets",
            found=f"{len(sets)} sets, k={k!r}",
            expected="at least one set, and k at least 1",
            remedy="Give two or more sets, and for example k=8",
        )
    vetoes = sorted({pair for synonyms in sets for pair in synonyms.vetoes})
    parts = _parts(sets, partners(vetoes))
    merged = {word: _union(parts[word], k) for word in sorted(parts)}
    made = {"command": "merge", "from": [synonyms.origin() for synonyms in sets]} | ({} if k is None else {"k": k})
    table = table_from_rows((word, row.neighbors, row.distances) for word, row in merged.items())
    origins = None
    if any(synonyms.has_origins for synonyms in sets):
        origins = Origins.of(origin for row in merged.values() for origin in row.origins)
    return SynonymSet(table, "+".join(synonyms.name for synonyms in sets), made, vetoes, origins)


def _parts(sets: Sequence[SynonymSet], forbidden: dict[str, set[str]]) -> dict[str, list[_Row]]:
    """word -> its rows in all sets, without what is forbidden and without empty ones."""
    parts: dict[str, list[_Row]] = {}
    for synonyms in sets:
        known, starts = synonyms.all_origins, pair_starts(synonyms.table).tolist()
        for number, (word, neighbors, distances) in enumerate(table_rows(synonyms.table)):
            origins: list[Origin | None] = [None] * len(neighbors)
            if known is not None:
                origins = known.part(starts[number], starts[number + 1])
            row = _allowed(_Row(neighbors, distances, origins), forbidden.get(word, set()))
            parts.setdefault(word, []).extend([row] if row.neighbors else [])
    return parts


def _allowed(row: _Row, forbidden: set[str]) -> _Row:
    if forbidden.isdisjoint(row.neighbors):
        return row
    kept = [k for k, n in enumerate(row.neighbors) if n not in forbidden]
    distances = [row.distances[k] for k in kept] if row.distances else []
    return _Row([row.neighbors[k] for k in kept], distances, [row.origins[k] for k in kept])


def _union(parts: list[_Row], k: int | None) -> _Row:
    if not all(row.distances for row in parts):
        pairs = chain.from_iterable(zip(row.neighbors, row.origins) for row in parts)
        first: dict[str, Origin | None] = {}
        for neighbor, origin in pairs:
            first.setdefault(neighbor, origin)
        return _Row([*first][:k], [], [*first.values()][:k])
    nearest: dict[str, tuple[float, Origin | None]] = {}
    for row in parts:
        for neighbor, distance, origin in zip(row.neighbors, row.distances, row.origins):
            if neighbor not in nearest or _rank(distance, origin) < _rank(*nearest[neighbor]):
                nearest[neighbor] = distance, origin
    ranked = sorted(nearest, key=lambda neighbor: (nearest[neighbor][0], neighbor))[:k]
    return _Row(ranked, [nearest[n][0] for n in ranked], [nearest[n][1] for n in ranked])


def _rank(distance: float, origin: Origin | None) -> tuple[object, ...]:
    """Smaller distances first; of equal ones known origins first, in an order that the sets' order has no part in."""
    if origin is None:
        return (distance, 1)
    return distance, 0, origin.source, origin.lists, origin.before is None, origin.before or 0.0
