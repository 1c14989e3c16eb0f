"""Adversarial training of the embeddings (Huang et al. 2021, Section 3.2; projected gradient steps of Madry et al. 2018)."""

import math
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from xlt_train.methods.base import Batch, Loss, Method, cross_entropy, logits, setting, wrong_setting
from xlt_train.methods.perturbed import Perturbed

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from torch.nn import Module

    from xlt_train.perturbation.depth import Site

_SCALE = 2.0**10  # of the inner loss, whose gradients might vanish in half precision; only their direction counts


@dataclass(frozen=True, kw_only=True)
class Adv(Perturbed):
    """max over delta in the ball of CE(f(E(x) + delta), y), sought by K projected gradient steps from a random start.

    K = 1 is FGSM with a random start. Published: L-infinity, epsilon from {0.001, 0.01, 0.1, 1.0} by the English development
    set; K and the step's size are not. Five epochs, as `Baseline`.
    """

    name: ClassVar[str] = "adv"
    summary: ClassVar[str] = "cross-entropy at adversarially perturbed embeddings"
    epochs: ClassVar[float] = 5.0
    epsilon: float = setting(0.01, "Radius of the ball around each token's embedding.")
    steps: int = setting(1, "Gradient steps towards the worst perturbation.", kind=int)
    step_size: float | None = setting(None, "Their size; by default 2.5 epsilon / steps.")
    restarts: int = setting(1, "Random starts; the worst result of each row is taken.", kind=int)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("steps", "restarts"):
            if getattr(self, name) < 1:
                raise wrong_setting(name, getattr(self, name), "at least 1")
        if self.step_size is not None and not (math.isfinite(self.step_size) and self.step_size > 0):
            raise wrong_setting("step_size", self.step_size, "more than 0")

    def loss(self, model: "Module", batch: Batch) -> Loss:
        """CE at the worst delta found; the term `ce_start` is that at its (first) random start."""
        from xlt_train.perturbation.depth import Site, adding

        if self.epsilon == 0:
            return Method.loss(self, model, batch)
        site = Site.of(model, self.depth)
        delta, start = self.worst(model, batch, site)
        with adding(site, delta):
            found = cross_entropy(logits(model, batch), batch.labels, self.label_smoothing)
        return Loss(found, {"ce": found, "ce_start": start})

    def worst(self, model: "Module", batch: Batch, site: "Site") -> "tuple[Tensor, Tensor]":
        """The worst delta found [rows, T, D], and the mean loss at the first start.

        All passes see the dropout that the training pass will see, whose random state stays as it was.
        """
        import torch

        tries = [self._ascended(model, batch, site, k) for k in range(self.restarts)]
        best = tries[0][0]
        if self.restarts > 1:
            with torch.no_grad():
                losses = torch.stack([self._losses(model, batch, site, delta) for delta, _ in tries])
            choice = losses.argmax(0)
            best = torch.stack([delta for delta, _ in tries])[choice, torch.arange(len(choice), device=choice.device)]
        return best, tries[0][1]

    def _ascended(self, model: "Module", batch: Batch, site: "Site", restart: int) -> "tuple[Tensor, Tensor]":
        """K steps from one random start, and the mean loss there."""
        import torch

        from xlt_train.perturbation.balls import BALLS

        ball, allowed = BALLS[self.norm], self.allowed(batch)
        size = 2.5 * self.epsilon / self.steps if self.step_size is None else self.step_size
        delta = ball.sample(self.source(batch), site.dimensions, self.epsilon, restart) * allowed
        starts = []
        for _ in range(self.steps):
            delta.requires_grad_()
            with torch.enable_grad():
                losses = self._losses(model, batch, site, delta)
                # Asked for delta alone, autograd skips the gradients of all weights.
                (gradient,) = torch.autograd.grad(losses.sum() * _SCALE, delta)
            starts.append(losses.detach().mean())
            step = ball.normalise(gradient.nan_to_num(0.0)) * allowed
            delta = ball.project(delta.detach() + size * step, self.epsilon)
        return delta, starts[0]

    def _losses(self, model: "Module", batch: Batch, site: "Site", delta: "Tensor") -> "Tensor":
        """CE of each row at E(x) + delta, [rows]; every call draws the same dropout, and leaves the random state as it was."""
        from xlt_train.perturbation.anatomy import undistributed
        from xlt_train.perturbation.depth import adding

        with _same_dropout(delta.device), adding(site, delta):
            return cross_entropy(logits(undistributed(model), batch), batch.labels, self.label_smoothing, "none")


def _same_dropout(device: "torch.device") -> AbstractContextManager[None]:
    import torch

    return torch.random.fork_rng(devices=[device] if device.type == "cuda" else [])
