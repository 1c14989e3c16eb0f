"""Which words a report draws: the same ones for every model, with their vectors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from xlt_train.probing.synonyms import Replaced
from xlt_train.probing.texts import drawn
from xlt_train.probing.vectors import Vectors
from xlt_train.probing.words import Sentence

WORD, SYNONYM = "word", "synonym"
_SPARE = 5  # times as many words are followed as are drawn: some have no translation in some language


class Dot(NamedTuple):
    """A word in its place, with its vectors [D] by depth. `aligned_to`: position of what it translates or replaces, None for
    that itself; `variant`: of a dataset, None for words of test files."""

    word: str
    language: str
    kind: str
    item: int
    column: int
    variant: int | None
    position: int
    aligned_to: int | None
    vectors: dict[str, np.ndarray]


@dataclass
class Drawing:
    """Words of the source's sampled sentences, each distinct word once, and what they are aligned to in each language."""

    count: int
    followed: dict[tuple[int, int, int], Dot]  # (item, column, position) of the source's word
    aligned: dict[tuple[int, int, int], list[Dot]] = field(default_factory=dict)

    @classmethod
    def of(cls, language: str, sentences: Sequence[Sentence], vectors: Vectors, depths: Sequence[str], count: int) -> "Drawing":
        """Follow words of the source language, drawn by where they stand."""
        rows = {
            (*sentence.key, position): (word, start + position)
            for sentence, start in zip(sentences, vectors.starts.tolist())
            for position, word in enumerate(sentence.words)
        }
        seen: set[str] = set()
        followed = {}
        for key in drawn(list(rows), len(rows)):
            word, row = rows[key[0], key[1], key[2]]
            if word not in seen and len(seen) < _SPARE * count:
                seen.add(word)
                at = {depth: vectors.by_depth[depth][row] for depth in depths}
                item, column, position = key
                followed[item, column, position] = Dot(word, language, WORD, item, column, None, position, None, at)
        return cls(count, followed)

    def add(
        self, language: str, places: np.ndarray, words: Sequence[str], rows: np.ndarray, vectors: Mapping[str, np.ndarray]
    ) -> None:
        """What is aligned in one language: `places` [P, 4] as of `linked_rows`; `words` and `vectors` by row, `rows` [P] which
        row.

        A word that several translate keeps the first.
        """
        taken = set()
        for (item, column, source, target), row in zip(places.tolist(), rows.tolist()):
            key = (item, column, source)
            if key in self.followed and key not in taken:
                taken.add(key)
                at = {depth: vectors[depth][row] for depth in next(iter(self.followed.values())).vectors}
                dot = Dot(words[row], language, WORD, item, column, None, target, source, at)
                self.aligned.setdefault(key, []).append(dot)

    def dots(self) -> list[Dot]:
        """`count` words that are aligned in most languages, each before its translations."""
        aligned = [key for key in self.followed if key in self.aligned]
        chosen = sorted(aligned, key=lambda key: -len(self.aligned[key]))[: self.count]  # stable: else as drawn
        return [dot for key in chosen for dot in (self.followed[key], *self.aligned[key])]


def synonym_dots(
    found: Sequence[Replaced],
    language: str,
    before: Vectors,
    behind: Vectors,
    rows: Sequence[tuple[int, int]],
    depths: Sequence[str],
) -> list[Dot]:
    """Each replaced word and what replaced it. `rows`: (text of `found`, word of it) of those whose tokens were not cut off."""
    dots = []
    for text, word in rows:
        one = found[text]
        position = one.positions[word]
        ends = ((one.original, one.before, before, 0, None), (one.variant, one.behind, behind, one.number, position))
        for source, spans, vectors, variant, aligned_to in ends:
            at = {depth: vectors.by_depth[depth][vectors.starts[text] + word] for depth in depths}
            surface = source.text[slice(*spans[word])]
            dots.append(Dot(surface, language, SYNONYM, source.item, source.column, variant, position, aligned_to, at))
    return dots
