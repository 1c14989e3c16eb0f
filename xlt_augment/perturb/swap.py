"""Word-order swaps (Huang et al. 2021, EMNLP version: RS with syntactic variation)."""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

import numpy as np

from xlt_augment.perturb import kernel
from xlt_augment.perturb.operator import Changes, Perturbed, all_found, check_room, check_words
from xlt_augment.perturb.protect import Protect
from xlt_augment.perturb.rng import Stream, check_probability, threshold
from xlt_augment.words.kernel_bytes import WIDE
from xlt_augment.words.kernel_words import gather
from xlt_augment.words.split import Words, find_words
from xlt_augment.words.texts import Texts
from xlt_augment.words.unicode import unicode_table


@dataclass(frozen=True)
class Swap:
    """Left to right, a word changes places with its right neighbour with probability `p`; both are then done.

    Words move, gaps and protected words stay. Raises UsageError for settings out of range.
    """

    _: KW_ONLY
    p: float = 0.1
    words: str = "span"
    protect: Protect | Sequence[str] = ()

    method: ClassVar[str] = "swap"

    def __post_init__(self) -> None:
        object.__setattr__(self, "p", check_probability(self.p))
        check_words(self.words)
        object.__setattr__(self, "protect", Protect.parse(self.protect))

    def recipe(self) -> dict[str, Any]:
        """The settings as they stand in a dataset's recipe; case plays no part in a swap."""
        protect = Protect.parse(self.protect).to_json()
        return {"method": self.method, "p": self.p, "words": self.words, "case": None, "protect": protect}

    def prepare(self) -> None:
        """See `Operator.prepare`."""
        unicode_table()

    def perturb(self, texts: Texts, stream: Stream, first: int, stop: int) -> Perturbed:
        """See `Operator.perturb`. Eligible is a word that can change places with a neighbour."""
        n, words = len(texts.offsets) - 1, find_words(texts, self.words)
        fixed = self._fixed(texts, words)
        room = check_room(int(texts.offsets[-1] - texts.offsets[0]) * (stop - first))
        out, changed = np.empty(room + WIDE, np.uint8), np.zeros(n * (stop - first), np.int32)
        signature = np.zeros(n * (stop - first), np.uint64)
        offsets = kernel.swap(*texts, *words, fixed, threshold(self.p), *stream.keys(), first, stop, out, changed, signature)
        counts = np.diff(words.first)
        return Perturbed(Texts(out[: offsets[-1]], offsets), changed, signature, counts, _movable(words.first, fixed))

    def changes(self, texts: Texts, stream: Stream, first: int, stop: int) -> Changes:
        """See `Operator.changes`. A swap changes two places, unless both words are the same."""
        words = find_words(texts, self.words)
        found = all_found(
            kernel.swaps, texts.data, *words, self._fixed(texts, words), threshold(self.p), *stream.keys(), first, stop
        )
        rows, places, others = found.T
        after = Texts(*gather(texts.data, words.starts[others], words.stops[others]))
        return Changes(rows, np.column_stack((words.starts[places], words.stops[places])), after)

    def _fixed(self, texts: Texts, words: Words) -> np.ndarray:
        """Which words are protected: bool [words]."""
        protect = Protect.parse(self.protect)
        return protect.mask(texts.data, words.starts, words.stops) if protect else np.zeros(len(words.starts), bool)


def _movable(first: np.ndarray, fixed: np.ndarray) -> np.ndarray:
    """How many words of each text have a free neighbour and are free themselves: int64 [n]."""
    text = np.repeat(np.arange(len(first) - 1), np.diff(first))
    pair = (text[1:] == text[:-1]) & ~fixed[1:] & ~fixed[:-1]
    movable = np.append(pair, False) | np.insert(pair, 0, False) if len(text) else np.zeros(0, bool)
    return np.bincount(text[movable], minlength=len(first) - 1)
