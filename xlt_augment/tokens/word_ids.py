"""Texts to token ids, each distinct piece of text tokenised once: what `Tokenizer.encode` gives for every text, only faster."""

from threading import Lock
from typing import Any

import numpy as np
import pyarrow as pa

from xlt_augment.arrays import number_array
from xlt_augment.tokens import kernel_tokens as kernel
from xlt_augment.tokens.oddity import Oddity
from xlt_augment.tokens.table import Pieces, Table
from xlt_augment.tokens.tokenizer import Encoded, Tokenizer
from xlt_augment.tokens.word_wise import word_rules
from xlt_augment.words.kernel_words import gather
from xlt_augment.words.texts import Texts

MAX_PIECES, MAX_BYTES = 2 << 20, 64 << 20  # about 200 MB of table; what is not kept is tokenised once per call
_LONGEST = 256  # bytes; a longer piece, such as a sentence without spaces, seldom comes again
_SLICE = 4_096  # texts looked up at once, so that what is between the loops stays in the processor's cache
_SAMPLE = 1_000  # texts of the check


class WordIds:
    """Token ids of texts, shared by any number of threads.

    `by` is "words", or "texts" where the tokenizer does not work word by word: then each text is encoded whole, and `reason`,
    a short phrase, says why. `max_pieces` and `max_bytes` bound what is remembered.
    """

    def __init__(self, tokenizer: Tokenizer, *, max_pieces: int = MAX_PIECES, max_bytes: int = MAX_BYTES) -> None:
        self.tokenizer = tokenizer
        self._max_pieces, self._max_bytes = max_pieces, max_bytes
        rules = word_rules(tokenizer.config)
        self._odd = Oddity(tokenizer.backend, tokenizer.config, rules)
        self.reason = rules.reason or self._odd.reason
        self._lock = Lock()
        self._table = Table.empty()  # replaced, never changed, so that readers need no lock

    def __getstate__(self) -> dict[str, Any]:
        """For another process, where the table, which saves time alone, begins anew."""
        return {name: value for name, value in vars(self).items() if name not in ("_lock", "_table")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._lock, self._table = Lock(), Table.empty()

    @property
    def by(self) -> str:
        """How ids are made: "words" or "texts"."""
        return "texts" if self.reason else "words"

    @property
    def pieces(self) -> int:
        """How many distinct pieces are remembered."""
        return self._table.size

    def ids(self, texts: Texts) -> pa.ListArray:
        """The ids of each text without special tokens: list<int32> [texts]; in all less than 2**31 ids."""
        if self.reason:
            encoded = self.tokenizer.encode(texts.to_strings())
            return _list_array(encoded.ids, _ends(encoded.lengths))
        n = texts.offsets.size - 1
        parts = [self._by_words(texts.slice(start, min(start + _SLICE, n))) for start in range(0, n, _SLICE)]
        none = np.empty(0, np.int32)
        lengths = np.concatenate([none, *(part.lengths for part in parts)])
        return _list_array(np.concatenate([none, *(part.ids for part in parts)]), _ends(lengths))

    def check(self, texts: Texts) -> None:
        """Compare a sample of texts with their encoding as a whole, and go over to whole texts if one differs."""
        n = texts.offsets.size - 1
        if self.reason or n == 0:
            return
        sample = _taken(texts, np.unique(np.linspace(0, n - 1, min(n, _SAMPLE)).astype(np.int64)))
        wanted = self.tokenizer.encode(sample)
        found = self.ids(Texts.from_strings(sample))
        if found != _list_array(wanted.ids, _ends(wanted.lengths)):
            text = next(text for k, text in enumerate(sample) if found[k].as_py() != self.tokenizer.encode([text]).ids.tolist())
            self.reason = f"word by word it gives other ids for the text {text if len(text) <= 60 else text[:60] + ' ...'!r}"
            self._table = Table.empty()

    def _by_words(self, texts: Texts) -> Encoded:
        table = self._table
        keys, first, places, starts, stops = kernel.find_pieces(
            texts.data, texts.offsets, table.slots, table.pieces.data, table.pieces.offsets
        )
        more = Pieces.none()
        if places.size:
            keys[places], table, more = self._learn(texts.data, starts, stops)
        known = table.pieces
        lengths, whole = kernel.text_lengths(keys, first, known.id_offsets, known.odd, more.id_offsets, more.odd)
        encoded = self.tokenizer.encode(_taken(texts, np.flatnonzero(whole)))
        lengths[whole] = encoded.lengths
        ids = kernel.gather_ids(
            keys, first, _ends(lengths), known.ids, known.id_offsets, more.ids, more.id_offsets, whole, encoded.ids
        )  # fmt: skip
        return Encoded(ids, lengths)

    def _learn(self, data: np.ndarray, starts: np.ndarray, stops: np.ndarray) -> tuple[np.ndarray, Table, Pieces]:
        """The keys of byte ranges, in a table that has what may be kept, and the pieces behind it that may not."""
        numbers, ranges = kernel.distinct(data, starts, stops)
        starts, stops = starts[ranges], stops[ranges]
        with self._lock:
            table = self._table
            keys = kernel.find_ranges(data, starts, stops, table.slots, table.pieces.data, table.pieces.offsets)
            new = np.flatnonzero(keys < 0)
            kept = self._keepable(table, stops[new] - starts[new])
            keys[new[kept]] = table.size + np.arange(np.count_nonzero(kept))
            if kept.any():
                table = self._table = table.extended(self._encoded(data, starts[new[kept]], stops[new[kept]]))
        rest = new[~kept]
        keys[rest] = table.size + np.arange(rest.size)
        return keys[numbers], table, self._encoded(data, starts[rest], stops[rest])

    def _keepable(self, table: Table, lengths: np.ndarray) -> np.ndarray:
        """Which new pieces of these lengths in bytes may go into the table: bool [pieces]."""
        short = lengths <= _LONGEST
        ends = np.cumsum(np.where(short, lengths, 0)) + table.pieces.data.size
        kept: np.ndarray = short & (ends <= self._max_bytes) & (np.cumsum(short) + table.size <= self._max_pieces)
        return kept

    def _encoded(self, data: np.ndarray, starts: np.ndarray, stops: np.ndarray) -> Pieces:
        if not starts.size:
            return Pieces.none()
        texts = Texts(*gather(data, starts, stops))
        pieces = texts.to_strings()
        encoded = self.tokenizer.encode(pieces)
        id_offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum(encoded.lengths)))
        return Pieces(texts.data, texts.offsets, encoded.ids, id_offsets, self._odd(pieces))


def _taken(texts: Texts, rows: np.ndarray) -> list[str]:
    """The texts of these rows as Python strings."""
    return Texts(*gather(texts.data, texts.offsets[:-1][rows], texts.offsets[1:][rows])).to_strings()


def _ends(lengths: np.ndarray) -> np.ndarray:
    """Offsets int32 [n + 1] from lengths [n]."""
    offsets = np.zeros(lengths.size + 1, np.int32)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def _list_array(ids: np.ndarray, offsets: np.ndarray) -> pa.ListArray:
    return pa.ListArray.from_buffers(
        pa.list_(pa.int32()), offsets.size - 1, [None, pa.py_buffer(offsets)], children=[number_array(ids)]
    )
