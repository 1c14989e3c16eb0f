"""Scaled synonym sets: a share of the words, as in Table 6 of EAR (Ding et al. 2022), each share inside the larger ones."""

import hashlib

import numpy as np
import pyarrow.compute as pc

from xlt_augment.arrays import bool_numpy, scalar, string_array
from xlt_augment.errors import SynonymError, UsageError
from xlt_augment.synonyms.synonym_set import SynonymSet
from xlt_augment.synonyms.table import pair_starts


def subset(synonyms: SynonymSet, *, fraction: float, seed: int = 0) -> SynonymSet:
    """The set with `round(fraction * n)` (half to even) of its n words that have neighbors; the others' rows are dropped.

    Words are taken in the order of `rank`, so a smaller share is inside a larger one of the same seed. A word that is
    kept keeps all its neighbors. Words without neighbors and vetoes stay, so that fraction 1 is the set itself.
    Raises UsageError for a fraction outside (0, 1] or a bad seed, SynonymError when no word would be left.
    """
    share, seed = _checked_fraction(fraction), _checked_seed(seed)
    has_neighbors = pc.greater(pc.list_value_length(synonyms.table["neighbors"]), scalar(0))
    words = synonyms.table["word"].filter(has_neighbors).to_pylist()
    count = round(share * len(words))
    if count == 0:
        raise SynonymError(
            f"taking {share:g} of the synonym set {synonyms.name}",
            found=f"{len(words):,} words with neighbors, of which none would be left",
            expected="at least one",
            remedy="Choose a larger fraction or set",
        )
    chosen = sorted(words, key=lambda word: rank(seed, word))[:count]
    kept = pc.is_in(synonyms.table["word"], value_set=string_array(chosen))
    made = {"command": "subset", "fraction": share, "seed": seed, "from": synonyms.origin()}
    rows = pc.or_(kept, pc.invert(has_neighbors))
    origins = synonyms.all_origins
    if origins is not None:
        origins = origins.only(np.repeat(bool_numpy(rows.combine_chunks()), np.diff(pair_starts(synonyms.table))))
    return SynonymSet(synonyms.table.filter(rows), f"{synonyms.name}-{share:g}", made, synonyms.vetoes, origins)


def rank(seed: int, word: str) -> bytes:
    """Place of a word in the order of a seed: sha256 of the seed in decimal, a line break, and the word, in UTF-8.

    It depends on nothing else, so two sets that share words choose alike among them.
    """
    return hashlib.sha256(f"{seed}\n{word}".encode()).digest()


def _checked_fraction(fraction: object) -> float:
    if isinstance(fraction, bool) or not isinstance(fraction, (int, float, np.floating)) or not 0 < fraction <= 1:
        raise UsageError(
            "reading the fraction",
            found=repr(fraction),
            expected="a number above 0 and at most 1",
            remedy="Choose for example 0.25",
        )
    return float(fraction)


def _checked_seed(seed: object) -> int:
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2**64:
        raise UsageError(
            "reading the seed", found=repr(seed), expected="a whole number from 0 to 2**64 - 1", remedy="Choose for example 0"
        )
    return int(seed)
