"""Rows of a set as answers show them."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from xlt_augment.service.answers import cursor
from xlt_augment.service.search import first_row
from xlt_augment.service.shelf import Shelved
from xlt_augment.synonyms.table import SCHEMA


def row(shelved: Shelved, word: str) -> dict[str, Any] | None:
    """`schemas.Row` of a word, None where the set does not know it."""
    at = first_row(shelved, word)
    table = shelved.synonyms.table
    if at == len(table) or table["word"][at].as_py() != word:
        return None
    names, distances = table["neighbors"][at].as_py(), table["distance"][at].as_py()
    return {"word": word, "neighbors": _entries(shelved, word, names, distances)}


def rows_at(shelved: Shelved, rows: range) -> list[dict[str, Any]]:
    """`schemas.Row` of each of these rows."""
    part = shelved.synonyms.table.slice(rows.start, len(rows))
    columns = (part[name].to_pylist() for name in SCHEMA.names)
    return [{"word": word, "neighbors": _entries(shelved, word, names, distances)} for word, names, distances in zip(*columns)]


def neighborhood(shelved: Shelved, word: str, start: int, limit: int) -> dict[str, Any] | None:
    """`schemas.Neighborhood`: at most `limit` neighbors of a word from the one at `start` on; None for an unknown word."""
    found = row(shelved, word)
    if found is None:
        return None
    entries = found["neighbors"]
    more = cursor(start + limit) if len(entries) > start + limit else None
    return {
        "set": shelved.name, "sha256": shelved.synonyms.sha256, "word": word,
        "neighbors": entries[start : start + limit] if start or more else entries, "next": more,
    }  # fmt: skip


def _entries(shelved: Shelved, word: str, names: Sequence[str], distances: Sequence[float]) -> list[dict[str, Any]]:
    known: Sequence[float | None] = distances or [None] * len(names)
    origins = shelved.synonyms.origins(word) if shelved.synonyms.has_origins else None
    return [
        {"word": name, "distance": distance, "origin": origin and origin._asdict()}
        for name, distance, origin in zip(names, known, origins or [None] * len(names))
    ]


def batch_table(shelved: Shelved, words: Sequence[str]) -> pa.Table:
    """The rows of the known ones of these words, in the order asked for."""
    table = shelved.synonyms.table
    rows = ((word, first_row(shelved, word)) for word in words)
    known = [at for word, at in rows if at < len(table) and table["word"][at].as_py() == word]
    return table.take(known) if known else table.slice(0, 0)


def saved(shelved: Shelved) -> bytes:
    """The set as the file that `SynonymSet.save` writes."""
    with tempfile.TemporaryDirectory(prefix="xlt-set-") as folder:
        path = Path(folder) / "set.arrow"
        shelved.synonyms.save(path)
        return path.read_bytes()
