"""Rows of a set as answers show them."""

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from xlt_augment.service.answers import cursor
from xlt_augment.service.failures import Refused
from xlt_augment.service.search import first_row, neighbor_counts
from xlt_augment.service.settings import Limits
from xlt_augment.service.shelf import Shelved
from xlt_augment.synonyms.table import SCHEMA

_AT_ONCE = 64  # rows that are made Python objects before other threads have their turn


def place_of(shelved: Shelved, word: str) -> int | None:
    """The row of a word, None where the set does not know it."""
    at, words = first_row(shelved, word), shelved.synonyms.table["word"]
    return at if at < len(words) and words[at].as_py() == word else None


def rows_in(shelved: Shelved, table: pa.Table) -> Iterator[dict[str, Any]]:
    """`schemas.Row` of each row of `table`, which are rows of the set."""
    for start in range(0, len(table), _AT_ONCE):
        part = table.slice(start, _AT_ONCE)
        for word, names, distances in zip(*(part[name].to_pylist() for name in SCHEMA.names)):
            yield {"word": word, "neighbors": _entries(shelved, word, names, distances)}


def fitting(shelved: Shelved, rows: range, limits: Limits) -> range:
    """As many of these rows from the first on as an answer holds; one at least."""
    held = sum(total <= limits.pieces for total in accumulate(neighbor_counts(shelved, rows)))
    return rows[: max(1, held)]


def batch(shelved: Shelved, places: Sequence[int], limits: Limits) -> pa.Table:
    """The rows at these places, in this order.

    Raises Refused (422) for more neighbors than an answer holds: a word may have many, and be asked for often.
    """
    table, taken = shelved.synonyms.table, pa.array(places, pa.int64())
    found = pc.sum(pc.list_value_length(table["neighbors"]).take(taken)).as_py() or 0
    if found > limits.pieces:
        raise Refused(
            422, doing="looking up words", found=f"{found:,} neighbors", expected=f"at most {limits.pieces:,} in one answer",
            remedy="Ask for fewer words at a time",
        )  # fmt: skip
    return table.take(taken)


def neighborhood(shelved: Shelved, word: str, start: int, limit: int) -> dict[str, Any] | None:
    """`schemas.Neighborhood`: at most `limit` neighbors of a word from the one at `start` on; None for an unknown word."""
    at = place_of(shelved, word)
    if at is None:
        return None
    stop, table = start + limit, shelved.synonyms.table
    names, distances = table["neighbors"][at].values, table["distance"][at].values
    shown, far = (column.slice(start, limit).to_pylist() for column in (names, distances))
    return {
        "set": shelved.name, "sha256": shelved.synonyms.sha256, "word": word,
        "neighbors": _entries(shelved, word, shown, far, start), "next": cursor(stop) if len(names) > stop else None,
    }  # fmt: skip


def _entries(
    shelved: Shelved, word: str, names: Sequence[str], distances: Sequence[float], start: int = 0
) -> list[dict[str, Any]]:
    """`schemas.NeighborEntry` of neighbors of a word, of which the first given is number `start`."""
    known: Sequence[float | None] = distances or [None] * len(names)
    origins = shelved.synonyms.origins(word) if shelved.synonyms.has_origins else None
    return [
        {"word": name, "distance": distance, "origin": origin and origin._asdict()}
        for name, distance, origin in zip(names, known, origins[start:] if origins else [None] * len(names))
    ]
