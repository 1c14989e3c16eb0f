"""The frozen Unicode table: what is a letter, mark or digit, and how case is folded and carried over.

Frozen, because a Python with a newer Unicode version would cut the same text into other words. Its version is part of
every recipe. Made by `data/unicode/make_table.py`.
"""

import functools
import json
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from xlt_augment.arrays import scalar, string_array
from xlt_augment.resources import resource
from xlt_augment.words import kernel_words as kernel

UNICODE_VERSION = "14.0.0"
CONNECTORS = "'’-"  # one of these between two letters or digits belongs to the word
JOINERS = "\u200c\u200d"  # zero-width non-joiner and joiner


class UnicodeTable(NamedTuple):
    """`classes` uint8 [0x110000]: bits of `kernel_words`; `lower` int32 [0x110000]: simple lower-case mapping;
    `upper` and `title`: arguments of `str.translate`."""

    classes: np.ndarray
    lower: np.ndarray
    upper: dict[int, str]
    title: dict[int, str]


@functools.cache
def unicode_table() -> UnicodeTable:
    """The table of Unicode 14.0.0, read once per process (about 10 ms)."""
    table = json.loads(resource(f"unicode/unicode-{UNICODE_VERSION}.json").read_bytes())
    classes = np.zeros(0x110000, np.uint8)
    for name, bit in (("letter", kernel.LETTER), ("mark", kernel.MARK), ("digit", kernel.DIGIT)):
        for first, last in table[name]:
            classes[first : last + 1] |= bit
    classes[[ord(c) for c in CONNECTORS]] |= kernel.CONNECTOR
    classes[[ord(c) for c in JOINERS]] |= kernel.JOINER
    lower = np.arange(0x110000, dtype=np.int32)
    lower[[ord(c) for c in table["lower"]]] = [ord(c) for c in table["lower"].values()]
    classes[[ord(c) for c in table["lower"]]] |= kernel.UPPER
    # Title-case letters such as U+01C5 change both ways; they count as upper case only.
    classes[[ord(c) for c in table["upper"] if c not in table["lower"]]] |= kernel.LOWER
    upper = {ord(c): s for c, s in table["upper"].items()}
    return UnicodeTable(classes, lower, upper, upper | {ord(c): s for c, s in table["title"].items()})


def upper_case(words: pa.StringArray) -> pa.StringArray:
    """Every word in upper case, by the full mappings of the frozen table."""
    table = unicode_table().upper
    return _restyled(words, pc.ascii_upper(words), lambda word: word.translate(table))


def title_case(words: pa.StringArray) -> pa.StringArray:
    """Every word with its first character in title case and the rest as it is."""
    table = unicode_table().title
    heads, tails = pc.utf8_slice_codeunits(words, 0, 1), pc.utf8_slice_codeunits(words, 1)
    ascii_title = pc.binary_join_element_wise(pc.ascii_upper(heads), tails, scalar(""))
    return _restyled(words, ascii_title, lambda word: word[:1].translate(table) + word[1:])


def _restyled(words: pa.StringArray, if_ascii: pa.StringArray, restyle: Callable[[str], str]) -> pa.StringArray:
    """`if_ascii`, but for words with other characters, which are restyled one by one."""
    others = pc.invert(pc.string_is_ascii(words))
    if not pc.any(others).as_py():
        return if_ascii
    replaced = string_array([restyle(word) for word in words.filter(others).to_pylist()])
    return pc.replace_with_mask(if_ascii, others, replaced)
