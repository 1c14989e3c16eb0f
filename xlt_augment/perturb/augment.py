"""`augment`: variants of texts in memory, the same that a build of a table would give."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from xlt_augment.errors import UsageError
from xlt_augment.perturb.operator import Operator, Perturbed, perturb_in_parts
from xlt_augment.perturb.rng import Stream, check_seed
from xlt_augment.words.texts import Texts

MAX_VARIANTS = 32_767  # the column `variant` is int16
_TEXTS_AT_ONCE = 4_096


class Augmented(NamedTuple):
    """Variants `first <= k < stop` of n texts, whose first has the source_id `stream.first_id`."""

    texts: Texts
    stream: Stream
    first: int
    stop: int
    perturbed: Perturbed


def check_variants(m: object) -> int:
    """`m` as an int. Raises UsageError outside 1 ... 32,767."""
    if isinstance(m, bool) or not isinstance(m, (int, np.integer)) or not 1 <= m <= MAX_VARIANTS:
        raise UsageError(
            "reading m", found=repr(m), expected=f"a whole number from 1 to {MAX_VARIANTS:,}", remedy="Choose for example m=10"
        )
    return int(m)


def augment(
    texts: Iterable[str], operator: Operator, m: int = 10, seed: int = 0, column: str = "text", first_id: int = 0
) -> list[list[str]]:
    """m variants of each text: result [n][m], without the originals.

    Text t counts as row `first_id + t` of a column called `column`; with the same numbers `build` gives the same variants.
    Raises UsageError for settings out of range and for texts that UTF-8 cannot hold.
    """
    variants: list[str] = []
    for part in augmented_parts(texts, operator, m, seed, column, first_id):
        variants += part.perturbed.texts.to_strings()
    return [variants[k : k + m] for k in range(0, len(variants), m)]


def augmented_parts(
    texts: Iterable[str], operator: Operator, m: int = 10, seed: int = 0, column: str = "text", first_id: int = 0
) -> Iterator[Augmented]:
    """What `augment` gives, in parts as they are made, ordered by (text, variant). Raises UsageError as `augment` does."""
    m, seed = check_variants(m), check_seed(seed)
    if isinstance(texts, str):
        raise UsageError("reading texts", found="one str", expected="a list of str", remedy="Pass [text]")
    rows = list(texts)
    if not 0 <= first_id < 2**62 or column != column.encode(errors="replace").decode():
        raise UsageError(
            "reading first_id and column",
            found=f"{first_id} and {column!r}",
            expected="a row number from 0 and a name in UTF-8",
            remedy="Leave them out for the defaults",
        )
    for start in range(0, len(rows), _TEXTS_AT_ONCE):
        block = Texts.from_strings(rows[start : start + _TEXTS_AT_ONCE])
        for part, perturbed in perturb_in_parts(operator, {column: block}, seed, first_id + start, range(1, m + 1)):
            stream = Stream(seed, column, first_id + start + part.start)
            yield Augmented(block.slice(part.start, part.end), stream, part.first, part.stop, perturbed[column])
