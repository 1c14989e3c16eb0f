"""Both halves of randomized smoothing at once: perturbed embeddings of synonym variants. Neither paper tried it."""

from dataclasses import dataclass
from typing import ClassVar

from xlt_train.methods.adv import Adv
from xlt_train.methods.rs_rp import RsRp


@dataclass(frozen=True, kw_only=True)
class RsDaRp(RsRp):
    """The loss of `RsRp` over the variants of `RsDa`; epochs as there."""

    name: ClassVar[str] = "rs-da+rs-rp"
    summary: ClassVar[str] = "rs-rp on synonym-replaced variants"
    epochs: ClassVar[float] = 3.0
    operator: ClassVar[str | None] = "synonym"


@dataclass(frozen=True, kw_only=True)
class RsDaAdv(Adv):
    """The loss of `Adv` over the variants of `RsDa`; epochs as there."""

    name: ClassVar[str] = "rs-da+adv"
    summary: ClassVar[str] = "adv on synonym-replaced variants"
    epochs: ClassVar[float] = 3.0
    operator: ClassVar[str | None] = "synonym"
