"""Plain fine-tuning on the originals."""

from dataclasses import dataclass
from typing import ClassVar

from xlt_train.methods.base import Method


@dataclass(frozen=True, kw_only=True)
class Baseline(Method):
    """CE(f(E(x)), y) on variant 0. Five epochs, as in the training scripts of XTREME (Hu et al. 2020)."""

    name: ClassVar[str] = "baseline"
    summary: ClassVar[str] = "cross-entropy on the originals"
    epochs: ClassVar[float] = 5.0
