"""Words of a dataset and the synonyms that replaced them, each in its own sentence (EAR, Figures 4 and 5)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from xlt_train.data.dataset import TrainingSet
from xlt_train.errors import DatasetError
from xlt_train.probing.texts import drawn
from xlt_train.probing.words import Text

_LOOKED_AT = 5_000  # source rows at most: a dataset in which so many hold too few replaced words has hardly any
_PIECE = re.compile(r"\S+")

Span = tuple[int, int]


@dataclass(frozen=True)
class Replaced:
    """A text, one of its variants, and the words that differ: their positions among the pieces between spaces, and their spans
    of characters in either text. A text's item is its source row."""

    original: Text
    variant: Text
    number: int  # of the variant
    positions: list[int]
    before: list[Span]
    behind: list[Span]


def replaced_words(path: str | Path, count: int) -> tuple[TrainingSet, list[Replaced]]:
    """Texts of a synonym dataset, drawn by their source rows, that hold `count` replaced words, each pair of words once.

    Raises DatasetError for a folder that is no such dataset, or without replaced words.
    """
    data = TrainingSet.open(path)
    if data.manifest.recipe["method"] != "synonym":
        raise _without(data, f"the method {data.manifest.recipe['method']}")
    found: list[Replaced] = []
    seen: set[tuple[str, str]] = set()
    rows = drawn([(k,) for k in range(data.manifest.source_rows)], _LOOKED_AT)
    for (source_id,) in rows:
        for one in _of_row(data, source_id):
            fresh = [k for k, pair in enumerate(_words(one)) if pair not in seen][: count - len(seen)]
            if fresh:
                one = _only(one, fresh)
                seen.update(_words(one))
                found.append(one)
        if len(seen) >= count:
            break
    if not found:
        raise _without(data, f"no replaced word in {len(rows):,} source rows")
    return data, found


def _of_row(data: TrainingSet, source_id: int) -> Iterator[Replaced]:
    m = data.manifest.m
    rows = data.take(range(source_id * (m + 1), (source_id + 1) * (m + 1)))
    for column, name in enumerate(data.manifest.text_columns):
        original = rows[name][0]
        for number, text in enumerate(rows[name][1:], 1):
            differing = list(_differing(original, text))
            if differing:
                positions, before, behind = (list(part) for part in zip(*differing))
                yield Replaced(
                    Text(source_id, column, original), Text(source_id, column, text), number, positions, before, behind
                )


def _differing(original: str, variant: str) -> Iterator[tuple[int, Span, Span]]:
    """Pieces that differ, without the punctuation around them. None where a synonym has another number of pieces."""
    pieces, others = list(_PIECE.finditer(original)), list(_PIECE.finditer(variant))
    if len(pieces) != len(others):
        return
    for position, (one, other) in enumerate(zip(pieces, others)):
        if one[0] != other[0]:
            spans = _core(one), _core(other)
            if all(start < end for start, end in spans):
                yield position, *spans


def _core(piece: re.Match[str]) -> Span:
    letters = [k for k, char in enumerate(piece[0]) if char.isalnum()]
    return (piece.start() + letters[0], piece.start() + letters[-1] + 1) if letters else (0, 0)


def _words(one: Replaced) -> list[tuple[str, str]]:
    return [(one.original.text[slice(*a)], one.variant.text[slice(*b)]) for a, b in zip(one.before, one.behind)]


def _only(one: Replaced, kept: list[int]) -> Replaced:
    """Of its words those of these numbers, each pair once."""
    words = _words(one)
    firsts = [k for k in kept if words.index(words[k]) == k]
    positions = [one.positions[k] for k in firsts]
    before, behind = ([spans[k] for k in firsts] for spans in (one.before, one.behind))
    return Replaced(one.original, one.variant, one.number, positions, before, behind)


def _without(data: TrainingSet, found: str) -> DatasetError:
    return DatasetError(
        f"looking for synonyms in {data.path}",
        found=found,
        expected="a dataset with words replaced by synonyms",
        remedy="Build one: xlt-augment build --method synonym",
    )
