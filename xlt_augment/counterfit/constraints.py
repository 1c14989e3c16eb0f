"""Linguistic constraints: pairs of words that mean the same or the opposite, from files and as rows of the vectors."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from xlt_augment.canonical import sha256_file
from xlt_augment.errors import ConstraintError
from xlt_augment.synonyms.pair_files import read_pair_lines

Pair = tuple[str, str]


class PairList(NamedTuple):
    """Pairs of words as some source gives them, and where from."""

    pairs: list[Pair]
    made: dict[str, Any]


@dataclass(frozen=True)
class Constraints:
    """`synonyms` and `antonyms` int32 [n, 2]: rows of the vectors, each pair once, lower row first; `made` counts them."""

    synonyms: np.ndarray
    antonyms: np.ndarray
    made: dict[str, Any] = field(default_factory=dict)


def read_pairs(path: str | Path, *, lower: bool = False) -> PairList:
    """A file of pairs (`synonyms/pair_files.py`). Raises ConstraintError, with file and line, for a line that is none."""
    lines = read_pair_lines(path, doing="reading the pairs in", error=ConstraintError)
    pairs = [(line.first.lower(), line.second.lower()) if lower else (line.first, line.second) for line in lines]
    return PairList(pairs, {"name": Path(path).name, "sha256": sha256_file(Path(path)), "pairs": len(pairs)})


def resolve(index: Mapping[str, int], synonyms: Sequence[PairList], antonyms: Sequence[PairList]) -> Constraints:
    """Pairs as rows of the vectors. Words that have no vector are counted; a pair in both kinds counts as antonym."""
    made: dict[str, Any] = {}
    rows = {}
    for kind, lists in (("synonyms", synonyms), ("antonyms", antonyms)):
        found: set[tuple[int, int]] = set()
        made[kind] = []
        for source in lists:
            own, counts = _rows(index, source.pairs)
            found |= own
            made[kind].append(source.made | counts)
        rows[kind] = found
    both = rows["synonyms"] & rows["antonyms"]
    rows["synonyms"] -= both
    made |= {f"{kind}_used": len(found) for kind, found in rows.items()} | {"both_kinds": len(both)}
    return Constraints(_array(rows["synonyms"]), _array(rows["antonyms"]), made)


def _rows(index: Mapping[str, int], pairs: Iterable[Pair]) -> tuple[set[tuple[int, int]], dict[str, int]]:
    rows: set[tuple[int, int]] = set()
    missing: set[str] = set()
    outside = same = 0
    for pair in pairs:
        a, b = index.get(pair[0]), index.get(pair[1])
        if a is None or b is None:
            outside += 1
            missing.update(word for word, row in zip(pair, (a, b)) if row is None)
        elif a == b:
            same += 1
        else:
            rows.add((min(a, b), max(a, b)))
    return rows, {"used": len(rows), "pairs_outside": outside, "words_outside": len(missing), "same_word": same}


def _array(rows: set[tuple[int, int]]) -> np.ndarray:
    return np.array(sorted(rows), np.int32).reshape(-1, 2)
