"""The balls that a perturbation stays in, one for each token: L-infinity (Huang et al. 2021, Section 4.1) and L2."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.linalg import vector_norm

from xlt_train.perturbation.noise import Noise


@dataclass(frozen=True)
class Ball:
    """Pure functions of tensors [B, T, D]; the ball of radius `epsilon` is around each token's [D].

    `sample(noise, dimensions, epsilon, draw)`: uniform in the ball. `project(delta, epsilon)`: the nearest point of it.
    `normalise(gradient)`: the unit step that makes a linear function of that gradient grow most; 0 where it is 0.
    """

    sample: Callable[[Noise, int, float, int], Tensor]
    project: Callable[[Tensor, float], Tensor]
    normalise: Callable[[Tensor], Tensor]


def _sample_linf(noise: Noise, dimensions: int, epsilon: float, draw: int) -> Tensor:
    return noise.uniform(dimensions, draw).mul_(epsilon)


def _project_linf(delta: Tensor, epsilon: float) -> Tensor:
    return delta.clamp(-epsilon, epsilon)


def _sample_l2(noise: Noise, dimensions: int, epsilon: float, draw: int) -> Tensor:
    # A normal vector's direction is uniform; the share of the ball within radius r is r to the power of the dimensions.
    direction = _normalise_l2(noise.gaussian(dimensions, draw))
    return _project_l2(direction * (noise.radius(draw) ** (1 / dimensions) * epsilon), epsilon)


def _project_l2(delta: Tensor, epsilon: float) -> Tensor:
    size = vector_norm(delta, dim=-1, keepdim=True)
    if epsilon == 0:
        return delta * 0
    # what is inside stays to the bit: torch divides a number by a tensor through the reciprocal, which is not exact
    return torch.where(size > epsilon, delta * (epsilon / size.clamp_min(epsilon)), delta)


def _normalise_l2(gradient: Tensor) -> Tensor:
    top = gradient.abs().amax(-1, keepdim=True)  # first: squares of small numbers would vanish, of large ones overflow
    scaled = gradient / top.masked_fill(top == 0, 1)
    unit: Tensor = scaled / vector_norm(scaled, dim=-1, keepdim=True).clamp_min(1)
    return unit


BALLS = {
    "linf": Ball(_sample_linf, _project_linf, Tensor.sign),
    "l2": Ball(_sample_l2, _project_l2, _normalise_l2),
}
