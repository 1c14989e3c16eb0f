"""Text <-> words and gaps, lossless (definition: docs/format.md, "Word")."""

from typing import NamedTuple

import numpy as np

from xlt_augment.words import kernel_words as kernel
from xlt_augment.words.texts import Texts
from xlt_augment.words.unicode import unicode_table

WORD_MODES = ("span", "space")


class Words(NamedTuple):
    """Words of n texts as byte ranges: those of text t are `starts[k]:stops[k]` for `first[t] <= k < first[t + 1]`."""

    first: np.ndarray
    starts: np.ndarray
    stops: np.ndarray


def find_words(texts: Texts, mode: str) -> Words:
    """All words of all texts, in order; `mode` is "span" or "space"."""
    return Words(*kernel.find_words(texts.data, texts.offsets, unicode_table().classes, mode == "space"))


def split_text(text: str, mode: str = "span") -> tuple[list[str], list[str]]:
    """Words and gaps of one text: `gaps[0] + words[0] + gaps[1] + ... + gaps[-1] == text`."""
    texts = Texts.from_strings([text])
    _, starts, stops = find_words(texts, mode)
    cuts = np.concatenate(([0], np.column_stack((starts, stops)).ravel(), [texts.data.size])).tolist()
    blob = texts.data.tobytes()
    pieces = [blob[a:b].decode() for a, b in zip(cuts, cuts[1:])]
    return pieces[1::2], pieces[0::2]
