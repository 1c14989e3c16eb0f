"""Counter-based random numbers: a pure function of (seed, column, source_id, variant, position); no generator, no state.

Definition and golden values: docs/format.md, "Random numbers".
"""

import hashlib
from typing import NamedTuple

import numpy as np

from xlt_augment.errors import UsageError
from xlt_augment.perturb import kernel


class Stream(NamedTuple):
    """The random numbers of a run of rows of one column: row t of the run has source_id `first_id + t`."""

    seed: int
    column: str
    first_id: int = 0

    def keys(self) -> tuple[np.uint64, np.uint64, np.int64]:
        """Seed, column and first row as the kernels take them."""
        return np.uint64(self.seed), column_key(self.column), np.int64(self.first_id)


def column_key(column: str) -> np.uint64:
    """First 8 bytes, little-endian, of the sha256 of the column's name in UTF-8."""
    return np.uint64(int.from_bytes(hashlib.sha256(column.encode()).digest()[:8], "little"))


def draw(*, seed: int, column: str, source_id: int, variant: int, position: int) -> int:
    """The 64-bit number u of one word."""
    key = kernel.variant_key(np.uint64(seed), column_key(column), np.int64(source_id), np.int64(variant))
    return int(kernel.draw(np.uint64(key), np.int64(position)))


def threshold(p: float) -> np.uint64:
    """A word acts when `u >> 32 < floor(p * 2**32)`: always for p=1, never for p=0."""
    return np.uint64(int(p * 2**32))


def check_probability(p: object) -> float:
    """`p` as a float. Raises UsageError outside [0, 1]."""
    if isinstance(p, bool) or not isinstance(p, (int, float, np.floating)) or not 0 <= p <= 1:
        raise UsageError(
            "reading p", found=repr(p), expected="a probability between 0 and 1", remedy="Choose for example p=0.1"
        )
    return float(p)


def check_seed(seed: object) -> int:
    """`seed` as an int. Raises UsageError outside 0 ... 2**64 - 1."""
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2**64:
        raise UsageError(
            "reading the seed", found=repr(seed), expected="a whole number from 0 to 2**64 - 1", remedy="Choose for example 0"
        )
    return int(seed)
