"""Parallel sentences word by word: aligned, measured, ranked; each text passes through the model once."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from xlt_train.probing.aligners import Aligner, Links, Side
from xlt_train.probing.distances import Pairs, joined, linked_rows, measured
from xlt_train.probing.drawing import Drawing
from xlt_train.probing.ranks import Rank, translation_ranks
from xlt_train.probing.settings import Settings
from xlt_train.probing.space import Space
from xlt_train.probing.texts import Key, Parallel, drawn
from xlt_train.probing.vectors import Vectors
from xlt_train.probing.words import Sentence

_BLOCK = 256  # source texts whose vectors are kept at once, but for the sample

Sentences = Mapping[Key, Sentence]


@dataclass
class Compared:
    """What was found: by language the aligned pairs, by language and depth the ranks in the sample; the words to draw."""

    pairs: dict[str, Pairs]
    ranks: dict[str, dict[str, Rank]]
    drawing: Drawing
    _parts: dict[str, list[Pairs]] = field(default_factory=dict)


def in_words(space: Space, tests: Parallel) -> dict[str, dict[Key, Sentence]]:
    """Language -> where a text stands -> the text in words."""
    return {language: {s.key: s for s in space.words(tests.texts(language))} for language in tests.files}


def compare(space: Space, sentences: Mapping[str, Sentences], source: str, settings: Settings) -> Compared:
    """Raises AlignerError, ModelError."""
    own = sentences[source]
    targets = [language for language in sentences if language != source]
    ready = {} if settings.aligner.uses_vectors else {t: _links(settings.aligner, own, sentences[t]) for t in targets}
    parts: dict[str, list[Pairs]] = {language: [] for language in targets}
    ranks: dict[str, dict[str, Rank]] = {}
    drawing = Drawing(0, {})
    for number, block in enumerate(_blocks([sentences[t] for t in targets], own, settings.sentences)):
        vectors = space.read([own[key] for key in block])
        if number == 0:
            drawing = Drawing.of(source, [own[key] for key in block], vectors, settings.depths, settings.words)
        for language in targets:
            here = _Here.of(space, block, vectors, own, sentences[language])
            places, rows = here.linked(settings, ready.get(language))
            parts[language].append(measured(places, rows, here.source, here.target, settings.depths))
            if number == 0:
                ranks[language] = here.ranks(rows, settings.depths)
                drawing.add(language, places, here.words, rows[:, 1], here.target.by_depth)
    return Compared({language: joined(found) for language, found in parts.items()}, ranks, drawing)


@dataclass(frozen=True)
class _Here:
    """A block in the source and one other language: the sentences that both have, the source's rows in its block's vectors."""

    pairs: list[tuple[Sentence, Sentence]]
    starts: np.ndarray  # of the source's sentences, in `source`
    source: Vectors
    target: Vectors

    @classmethod
    def of(cls, space: Space, block: Sequence[Key], vectors: Vectors, own: Sentences, other: Sentences) -> "_Here":
        present = [k for k, key in enumerate(block) if key in other]
        pairs = [(own[block[k]], other[block[k]]) for k in present]
        return cls(pairs, vectors.starts[present], vectors, space.read([target for _, target in pairs]))

    @property
    def words(self) -> list[str]:
        """The target's words, row by row."""
        return [word for _, target in self.pairs for word in target.words]

    def linked(self, settings: Settings, ready: Mapping[Key, Links] | None) -> tuple[np.ndarray, np.ndarray]:
        """Places and rows of aligned words, as `linked_rows`."""
        if ready is not None:
            links = [ready[source.key] for source, _ in self.pairs]
        else:
            depth = str(settings.align_depth)
            sides = ((self.source, self.starts, 0), (self.target, self.target.starts, 1))
            both = [
                [
                    Side(pair[which].words, vectors.by_depth[depth][start : start + len(pair[which].words)])
                    for pair, start in zip(self.pairs, starts)
                ]
                for vectors, starts, which in sides
            ]
            links = settings.aligner.align(*both)
        return linked_rows([a for a, _ in self.pairs], links, (self.starts, self.target.starts))

    def ranks(self, rows: np.ndarray, depths: Sequence[str]) -> dict[str, Rank]:
        """How the translations rank among all words of the target here."""
        words, found = self.words, {}
        for depth in depths:
            target = self.target.by_depth[depth]
            ranks = translation_ranks(self.source.by_depth[depth][rows[:, 0]], target, words, rows[:, 1])
            found[depth] = Rank.of(ranks, len(set(words)))
        return found


def _links(aligner: Aligner, own: Sentences, other: Sentences) -> dict[Key, Links]:
    """The links of all sentences of a language, in the order of where they stand."""
    keys = sorted(own.keys() & other.keys())
    found = aligner.align([Side(own[key].words) for key in keys], [Side(other[key].words) for key in keys])
    return dict(zip(keys, found))


def _blocks(targets: Sequence[Sentences], own: Sentences, sample: int) -> Iterator[list[Key]]:
    """Source texts: first the sample, of those that most languages have, then the others from short to long."""
    present = {key: sum(key in other for other in targets) for key in own}
    first = sorted(drawn(list(own), len(own)), key=lambda key: -present[key[0], key[1]])[:sample]  # stable: else as drawn
    chosen = sorted((key[0], key[1]) for key in first)
    yield chosen
    rest = sorted(own.keys() - set(chosen), key=lambda key: (len(own[key].owners), key))
    for start in range(0, len(rest), _BLOCK):
        yield rest[start : start + _BLOCK]
