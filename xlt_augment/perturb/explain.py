"""`explain`: variants of texts and, from the operator's own decisions, which words they change and where those stand."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from xlt_augment.perturb.augment import Augmented, augmented_parts
from xlt_augment.perturb.operator import Operator
from xlt_augment.words.kernel_words import gather
from xlt_augment.words.texts import Texts


class Change(NamedTuple):
    """A place where a variant differs: `text[before_start:before_stop] == before`, `variant[start:stop] == after`.

    Offsets count Unicode code points. Of two words that change places, each place is one change.
    """

    before_start: int
    before_stop: int
    before: str
    start: int
    stop: int
    after: str


class ExplainedVariant(NamedTuple):
    """A variant and its changes from left to right, `changed` of them."""

    text: str
    changed: int
    changes: list[Change]


class Explained(NamedTuple):
    """What became of a text: how many words it has, how many of them could change, and its variants."""

    words: int
    eligible: int
    variants: list[ExplainedVariant]


def explain(
    texts: Iterable[str], operator: Operator, m: int = 10, seed: int = 0, column: str = "text", first_id: int = 0
) -> list[Explained]:
    """m variants of each text, byte for byte those of `augment`, each with its changes. Raises UsageError as `augment` does."""
    found: list[Explained] = []
    for part in augmented_parts(texts, operator, m, seed, column, first_id):
        for explained in explained_texts(operator, part):
            if part.first == 1:
                found.append(explained)
            else:  # the text's earlier variants came in another part
                found[-1].variants.extend(explained.variants)
    return found


def explained_texts(operator: Operator, part: Augmented) -> Iterator[Explained]:
    """The texts of a part, one after the other."""
    perturbed, variants = part.perturbed, _explained_variants(operator, part)
    for words, eligible in zip(perturbed.words.tolist(), perturbed.eligible.tolist()):
        yield Explained(words, eligible, [next(variants) for _ in range(part.stop - part.first)])


def _explained_variants(operator: Operator, part: Augmented) -> Iterator[ExplainedVariant]:
    """The variants of a part in the order of its rows."""
    changes = _changes(operator, part)
    ends = np.cumsum(part.perturbed.changed, dtype=np.int64).tolist()
    cut = 0
    for text, end in zip(part.perturbed.texts.to_strings(), ends):
        shift, found = 0, []
        for start, stop, before, after in changes[cut:end]:
            found.append(Change(start, stop, before, start + shift, start + shift + len(after), after))
            shift += len(after) - (stop - start)
        yield ExplainedVariant(text, end - cut, found)
        cut = end


def _changes(operator: Operator, part: Augmented) -> list[tuple[int, int, str, str]]:
    """Of every change of a part, row by row: first and last code point in the original, what stood and what stands there."""
    texts = part.texts
    rows, ranges, after = operator.changes(texts, part.stream, part.first, part.stop)
    base, end = texts.offsets[0], texts.offsets[-1]
    heads = np.zeros(end - base + 1, np.int64)  # code points that begin before each byte
    np.cumsum((texts.data[base:end] & 0xC0) != 0x80, out=heads[1:])
    text = rows // (part.stop - part.first)
    places = heads[ranges - base] - heads[texts.offsets[text] - base, None]
    before = Texts(*gather(texts.data, ranges[:, 0].copy(), ranges[:, 1].copy()))
    return list(zip(*places.T.tolist(), before.to_strings(), after.to_strings()))
