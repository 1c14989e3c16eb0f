"""The union of synonym sets."""

from collections.abc import Sequence
from itertools import chain

from xlt_augment.errors import UsageError
from xlt_augment.synonyms.synonym_set import SynonymSet
from xlt_augment.synonyms.table import table_from_rows, table_rows
from xlt_augment.synonyms.vetoes import partners

_Row = tuple[list[str], list[float]]  # neighbors, and their distances or nothing


def merge(sets: Sequence[SynonymSet], *, k: int | None = None) -> SynonymSet:
    """All words with all their neighbors, each once; at most the first `k` of a word where `k` is given.

    Where every set that has neighbors for a word knows their distances, the smallest distance of each is kept and the
    order is that of (distance, word): the order of the sets does not matter. Else the neighbors of the first set come
    first, then the new ones of the next, without distances. The vetoes of all sets hold for all of them, and count
    before anything else. Raises UsageError for no set and for k below 1.
    """
    if not sets or (k is not None and (isinstance(k, bool) or not isinstance(k, int) or k < 1)):
        raise UsageError(
            "merging synonym sets",
            found=f"{len(sets)} sets, k={k!r}",
            expected="at least one set, and k at least 1",
            remedy="Give two or more sets, and for example k=8",
        )
    vetoes = sorted({pair for synonyms in sets for pair in synonyms.vetoes})
    forbidden = partners(vetoes)
    parts: dict[str, list[_Row]] = {}
    for synonyms in sets:
        for word, neighbors, distances in table_rows(synonyms.table):
            row = _allowed(neighbors, distances, forbidden.get(word, set()))
            parts.setdefault(word, []).extend([row] if row[0] else [])
    rows = ((word, *_union(rows, k)) for word, rows in parts.items())
    made = {"command": "merge", "from": [synonyms.origin() for synonyms in sets]} | ({} if k is None else {"k": k})
    return SynonymSet(table_from_rows(rows), "+".join(synonyms.name for synonyms in sets), made, vetoes)


def _allowed(neighbors: list[str], distances: list[float], forbidden: set[str]) -> _Row:
    kept = [k for k, n in enumerate(neighbors) if n not in forbidden]
    return [neighbors[k] for k in kept], [distances[k] for k in kept] if distances else []


def _union(parts: list[_Row], k: int | None) -> _Row:
    if not all(distances for _, distances in parts):
        return list(dict.fromkeys(chain.from_iterable(neighbors for neighbors, _ in parts)))[:k], []
    nearest: dict[str, float] = {}
    for neighbors, distances in parts:
        for neighbor, distance in zip(neighbors, distances):
            nearest[neighbor] = min(distance, nearest.get(neighbor, distance))
    ranked = sorted(nearest, key=lambda neighbor: (nearest[neighbor], neighbor))[:k]
    return ranked, [nearest[neighbor] for neighbor in ranked]
