"""Randomized smoothing over word order: variants with neighbouring words swapped."""

from dataclasses import dataclass
from typing import ClassVar

from xlt_train.methods.base import Method


@dataclass(frozen=True, kw_only=True)
class RsSyntax(Method):
    """CE over the swap variants of a precomputed dataset. Three epochs, as `RsDa`."""

    name: ClassVar[str] = "rs-syntax"
    summary: ClassVar[str] = "cross-entropy on word-order-swapped variants"
    epochs: ClassVar[float] = 3.0
    operator: ClassVar[str | None] = "swap"
