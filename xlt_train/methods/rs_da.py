"""Randomized smoothing by data augmentation with synonyms (Huang et al. 2021, RS-DA)."""

from dataclasses import dataclass
from typing import ClassVar

from xlt_train.methods.base import Method


@dataclass(frozen=True, kw_only=True)
class RsDa(Method):
    """CE over the synonym variants of a precomputed dataset; the published training leaves the originals out.

    Three epochs, as in the released script for PAWS-X; that for XNLI takes one.
    """

    name: ClassVar[str] = "rs-da"
    summary: ClassVar[str] = "cross-entropy on synonym-replaced variants"
    epochs: ClassVar[float] = 3.0
    operator: ClassVar[str | None] = "synonym"
