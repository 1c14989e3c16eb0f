"""The ids of known pieces: an immutable table, replaced by a larger one, so that readers need no lock."""

from typing import NamedTuple

import numpy as np

from xlt_augment.tokens import kernel_tokens as kernel


class Pieces(NamedTuple):
    """n pieces: bytes `data[offsets[k]:offsets[k + 1]]`, ids `ids[id_offsets[k]:id_offsets[k + 1]]`, `odd` bool [n]."""

    data: np.ndarray
    offsets: np.ndarray
    ids: np.ndarray
    id_offsets: np.ndarray
    odd: np.ndarray

    @classmethod
    def none(cls) -> "Pieces":
        """No pieces."""
        zero = np.zeros(1, np.int64)
        return cls(np.empty(0, np.uint8), zero, np.empty(0, np.int32), zero, np.empty(0, bool))

    def joined(self, more: "Pieces") -> "Pieces":
        """These pieces and `more` behind them."""
        return Pieces(
            np.concatenate((self.data, more.data)),
            np.concatenate((self.offsets, self.offsets[-1] + more.offsets[1:])),
            np.concatenate((self.ids, more.ids)),
            np.concatenate((self.id_offsets, self.id_offsets[-1] + more.id_offsets[1:])),
            np.concatenate((self.odd, more.odd)),
        )


class Table(NamedTuple):
    """Pieces that can be looked up; `slots` int64: see `kernel_tokens`."""

    pieces: Pieces
    slots: np.ndarray

    @classmethod
    def empty(cls) -> "Table":
        """A table that knows nothing."""
        return cls(Pieces.none(), np.full(8, -1, np.int64))

    @property
    def size(self) -> int:
        """How many pieces it knows."""
        return int(self.pieces.odd.size)

    def extended(self, more: Pieces) -> "Table":
        """A new table with `more`, none of which this one has."""
        pieces = self.pieces.joined(more)
        return Table(pieces, kernel.with_keys(self.slots, pieces.data, pieces.offsets, self.size))
