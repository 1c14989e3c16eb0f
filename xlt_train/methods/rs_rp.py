"""Randomized smoothing by random perturbation of the embeddings (Huang et al. 2021, RS-RP)."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from xlt_train.methods.base import Batch, Loss, Method, cross_entropy, logits, setting, wrong_setting
from xlt_train.methods.perturbed import Perturbed

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

    from xlt_train.perturbation.noise import Noise


_NOISES = ("uniform", "gaussian")


@dataclass(frozen=True, kw_only=True)
class RsRp(Perturbed):
    """CE(f(E(x) + delta), y), delta uniform in the ball of radius epsilon, new for each row and epoch.

    Published: L-infinity, epsilon from {0.001, 0.01, 0.1, 1.0} by the English development set. Five epochs, as `Baseline`.
    """

    name: ClassVar[str] = "rs-rp"
    summary: ClassVar[str] = "cross-entropy at randomly perturbed embeddings"
    epochs: ClassVar[float] = 5.0
    noise: str = setting(
        "uniform",
        "uniform in the ball, or gaussian: standard deviation epsilon in each dimension, whatever the norm.",
        kind=_NOISES,
    )
    draws: int = setting(1, "Perturbations of each row in a step; the loss is their mean.", kind=int)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.draws < 1:
            raise wrong_setting("draws", self.draws, "at least 1")
        if self.noise not in _NOISES:
            raise wrong_setting("noise", repr(self.noise), " or ".join(_NOISES))

    @property
    def passes(self) -> int:
        """One for each draw."""
        return self.draws

    def loss(self, model: "Module", batch: Batch) -> Loss:
        """A mean over rows and draws; all draws go through the model at once."""
        from xlt_train.perturbation.depth import Site, adding

        if self.epsilon == 0:
            return Method.loss(self, model, batch)
        site = Site.of(model, self.depth)
        delta = self.deltas(batch, site.dimensions)
        many = batch if self.draws == 1 else repeated(batch, self.draws)
        with adding(site, delta):
            found = cross_entropy(logits(model, many), many.labels, self.label_smoothing)
        return Loss(found, {"ce": found})

    def deltas(self, batch: Batch, dimensions: int) -> "Tensor":
        """All draws of delta one behind the other, [draws * B, T, dimensions] float32."""
        import torch

        source, allowed = self.source(batch), self.allowed(batch)
        drawn = [self.delta(source, dimensions, draw).mul_(allowed) for draw in range(self.draws)]
        return torch.cat(drawn) if self.draws > 1 else drawn[0]

    def delta(self, source: "Noise", dimensions: int, draw: int) -> "Tensor":
        """One draw of delta, [B, T, dimensions] float32, padding too."""
        from xlt_train.perturbation.balls import BALLS

        if self.noise == "gaussian":
            return source.gaussian(dimensions, draw).mul_(self.epsilon)
        return BALLS[self.norm].sample(source, dimensions, self.epsilon, draw)


def repeated(batch: Batch, times: int) -> Batch:
    """The batch so many times over, one behind the other."""
    inputs = {name: value.repeat(times, 1) for name, value in batch.inputs.items()}
    return replace(batch, inputs=inputs, labels=batch.labels.repeat(times), rows=batch.rows.repeat(times))
