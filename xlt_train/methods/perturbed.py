"""What `adv` and `rs-rp` share: a perturbation of the embeddings, one vector for each token, in a ball."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from xlt_train.methods.base import Batch, Method, setting, wrong_setting

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module
    from transformers import PreTrainedTokenizerBase

    from xlt_train.perturbation.noise import Noise


@dataclass(frozen=True, kw_only=True)
class Perturbed(Method):
    """A method whose loss is taken at E(x) + delta; without radius it is cross-entropy, to the bit."""

    plain: ClassVar[bool] = False
    epsilon: float = setting(0.1, "Radius of the ball around each token's embedding.")
    norm: str = setting("linf", "Its norm: linf or l2.", kind=("linf", "l2"))
    depth: str = setting(
        "embeddings",
        "What is perturbed: word-embeddings, embeddings (the output of their layer), K (the input of layer K, from 1) or final "
        "(the last hidden states).",
        kind=str,
    )
    spare_special_tokens: bool = setting(False, "Leave special tokens ([CLS], [SEP]) alone, as padding always is.", kind=bool)

    def __post_init__(self) -> None:
        from xlt_train.perturbation.depth import check_depth

        if not (math.isfinite(self.epsilon) and self.epsilon >= 0):
            raise wrong_setting("epsilon", self.epsilon, "0 or more")
        if self.norm not in ("linf", "l2"):
            raise wrong_setting("norm", repr(self.norm), "linf or l2")
        check_depth(self.depth)

    def check(self, model: "Module", tokenizer: "PreTrainedTokenizerBase") -> None:
        """As `check_reach`, and where states between layers are perturbed as `check_readable`."""
        from xlt_train.perturbation.depth import EMBEDDINGS, check_reach
        from xlt_train.perturbation.reading import check_readable

        check_reach(model, self.depth)
        before = 0 if self.depth == EMBEDDINGS else int(self.depth) - 1 if self.depth.isdigit() else None
        if before is not None:
            check_readable(model, embeddings=before == 0, hidden=(before,) if before else ())

    def source(self, batch: Batch) -> "Noise":
        """Where a batch's noise comes from."""
        from xlt_train.perturbation.noise import Noise

        return Noise.of(batch.rows, batch.mask, epoch=batch.epoch, seed=batch.seed)

    def allowed(self, batch: Batch) -> "Tensor":
        """[rows, T, 1] float32: 1 where a token may be perturbed."""
        import torch

        mask = batch.mask
        if self.spare_special_tokens:
            ids = batch.inputs["input_ids"]
            mask = mask & ~torch.isin(ids, torch.tensor(batch.special_ids, dtype=ids.dtype, device=ids.device))
        return mask.float()[..., None]
