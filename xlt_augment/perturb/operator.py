"""What a perturbation method is: the contract that `Substitute` and `Swap` keep."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np

from xlt_augment.errors import UsageError
from xlt_augment.perturb.rng import Stream
from xlt_augment.words.split import WORD_MODES
from xlt_augment.words.texts import Texts

MAX_BYTES = 2**31 - 1  # Arrow string arrays have 32-bit offsets


class TooLarge(Exception):
    """What was asked for does not fit into one array; ask for fewer texts or variants at once."""


class Perturbed(NamedTuple):
    """Variants of n texts, rows ordered by (text, variant).

    `texts` [n * v]; `changed` int32 [n * v]: words that differ from the original; `signature` uint64 [n * v]: equal where
    the changed words are, so it tells duplicates; `words` and `eligible` int64 [n]: words of the originals.
    """

    texts: Texts
    changed: np.ndarray
    signature: np.ndarray
    words: np.ndarray
    eligible: np.ndarray


class Changes(NamedTuple):
    """What variants of n texts change: in row `rows[c]` the bytes `ranges[c]` of the texts' data give way to text c of `after`.

    `rows` int64 [changes], ascending; `ranges` int64 [changes, 2], ascending within a row.
    """

    rows: np.ndarray
    ranges: np.ndarray
    after: Texts


class Operator(Protocol):
    """A perturbation method with its settings: frozen, and a pure function of texts and random stream."""

    method: ClassVar[str]

    @property
    def words(self) -> str:
        """Word mode, "span" or "space"."""

    def recipe(self) -> dict[str, Any]:
        """The settings as they stand in a dataset's recipe."""

    def prepare(self) -> None:
        """Make what all calls of `perturb` share, before threads call it."""

    def perturb(self, texts: Texts, stream: Stream, first: int, stop: int) -> Perturbed:
        """Variants `first <= k < stop` of every text; variant 0 is the text itself.

        Raises TooLarge when they might not fit into MAX_BYTES.
        """

    def changes(self, texts: Texts, stream: Stream, first: int, stop: int) -> Changes:
        """Every change that `perturb` counts, from the same decisions: the words of the texts and the random numbers."""


class Part(NamedTuple):
    """Variants `first <= k < stop` of texts `start <= t < end`."""

    start: int
    end: int
    first: int
    stop: int

    def halves(self) -> "list[Part]":
        """Two parts in order, cut by texts first, then by variants; empty when there is nothing left to cut."""
        if self.end - self.start > 1:
            middle = (self.start + self.end) // 2
            return [self._replace(end=middle), self._replace(start=middle)]
        if self.stop - self.first > 1:
            middle = (self.first + self.stop) // 2
            return [self._replace(stop=middle), self._replace(first=middle)]
        return []


def perturb_in_parts(
    operator: Operator, columns: Mapping[str, Texts], seed: int, first_id: int, variants: range
) -> Iterator[tuple[Part, dict[str, Perturbed]]]:
    """Variants of all columns, in as few parts as MAX_BYTES an array allows; text 0 has the source_id `first_id`.

    Raises UsageError when one variant of one text does not fit.
    """
    n = len(next(iter(columns.values())).offsets) - 1
    pending = [Part(0, n, variants.start, variants.stop)]
    while pending:
        part = pending.pop()
        streams = {name: Stream(seed, name, first_id + part.start) for name in columns}
        try:
            perturbed = {
                name: operator.perturb(texts.slice(part.start, part.end), streams[name], part.first, part.stop)
                for name, texts in columns.items()
            }
        except TooLarge as error:
            if not (halves := part.halves()):
                raise UsageError(
                    f"perturbing the text with source_id {first_id + part.start}",
                    found=f"a variant of {error}",
                    expected="texts whose variants stay below 2 GiB",
                    remedy="Split that text",
                ) from error
            pending += reversed(halves)
        else:
            yield part, perturbed


def check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Raises UsageError when `value` is none of `choices`."""
    if value not in choices:
        raise UsageError(
            f"reading {name}", found=repr(value), expected=f"one of {', '.join(choices)}", remedy="Choose one of them"
        )


def check_words(mode: str) -> None:
    """Raises UsageError for an unknown word mode."""
    check_choice("words", mode, WORD_MODES)


def check_room(n_bytes: int) -> int:
    """`n_bytes` again. Raises TooLarge when so many do not fit into one array."""
    if n_bytes > MAX_BYTES:
        raise TooLarge(f"{n_bytes:,} bytes")
    return int(n_bytes)


def all_found(search: Callable[..., int], *arguments: Any) -> np.ndarray:
    """All changes that a kernel finds, int64 [changes, 3]: counted first, then written down."""
    found = np.empty((0, 3), np.int64)
    count = search(*arguments, found)
    if count:
        found = np.empty((count, 3), np.int64)
        search(*arguments, found)
    return found
