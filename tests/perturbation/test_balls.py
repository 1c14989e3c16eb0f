"""Balls: what is sampled lies inside and is uniform there, projecting gives the nearest point, a step is the steepest."""

import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy import stats

from xlt_train.perturbation.balls import BALLS
from xlt_train.perturbation.noise import Noise

NORMS = list(BALLS)
radii = st.floats(2**-20, 2**10, width=32)
shapes = st.tuples(st.just(1), st.integers(1, 3), st.integers(1, 9))
vectors = npst.arrays(np.float32, shapes, elements=st.floats(-1e3, 1e3, width=32))
every_norm = pytest.mark.parametrize("norm", NORMS)


def size(norm: str, delta: torch.Tensor) -> np.ndarray:
    """Norm of each token's vector, in float64."""
    values = delta.double().numpy()
    return np.abs(values).max(-1) if norm == "linf" else np.sqrt((values**2).sum(-1))


def test_there_are_two_balls() -> None:
    assert NORMS == ["linf", "l2"]


@every_norm
@given(epsilon=radii, dimensions=st.integers(1, 9), seed=st.integers(0, 2**32), draw=st.integers(0, 9))
def test_what_is_sampled_lies_inside(norm: str, epsilon: float, dimensions: int, seed: int, draw: int) -> None:
    source = Noise.of(torch.arange(4), torch.ones(4, 5), seed=seed)
    found = BALLS[norm].sample(source, dimensions, epsilon, draw)
    assert found.shape == (4, 5, dimensions)
    assert size(norm, found).max() <= epsilon * (1 if norm == "linf" else 1 + 1e-6)
    assert size(norm, found).min() > 0


@every_norm
@given(delta=vectors, epsilon=radii)
def test_projecting_leads_inside_and_twice_is_once(norm: str, delta: np.ndarray, epsilon: float) -> None:
    project, given_ = BALLS[norm].project, torch.from_numpy(delta)
    found = project(given_, epsilon)
    assert (size(norm, found) <= epsilon * (1 if norm == "linf" else 1 + 1e-6)).all()
    torch.testing.assert_close(project(found, epsilon), found, rtol=2e-7, atol=0)
    inside = size(norm, given_) <= epsilon * (1 - 1e-6)
    assert torch.equal(found[torch.from_numpy(inside)], given_[torch.from_numpy(inside)])
    assert np.array_equal(given_.numpy(), delta)


@every_norm
@given(delta=vectors, epsilon=radii, data=st.data())
def test_no_point_of_the_ball_is_nearer(norm: str, delta: np.ndarray, epsilon: float, data: st.DataObject) -> None:
    """Any other point is at least as far: <delta - p, z - p> <= 0 for the projection p on a convex set and all z in it."""
    found = BALLS[norm].project(torch.from_numpy(delta), epsilon).double().numpy()
    other = data.draw(npst.arrays(np.float64, delta.shape, elements=st.floats(-1, 1)))
    length = size(norm, torch.from_numpy(other))[..., None]
    other = epsilon * other / np.maximum(length, 1)
    leads = ((delta - found) * (other - found)).sum(-1)
    scale = (np.abs(delta).max() + epsilon) * epsilon * delta.shape[-1]
    assert (leads <= 1e-6 * scale).all()


@every_norm
@pytest.mark.parametrize("epsilon", [0.0])
def test_a_ball_without_radius_is_a_point(norm: str, epsilon: float) -> None:
    source = Noise.of(torch.arange(2), torch.ones(2, 3))
    for found in (BALLS[norm].sample(source, 5, epsilon, 0), BALLS[norm].project(source.gaussian(5), epsilon)):
        assert found.abs().max() == 0


@every_norm
@given(gradient=vectors)
def test_a_step_makes_a_linear_function_grow_most(norm: str, gradient: np.ndarray) -> None:
    """By the dual norm: L1 for the L-infinity ball, L2 for the L2 ball; no step of length 1 does better."""
    assume(np.abs(gradient[gradient != 0]).min(initial=1.0) > 1e-15)  # whose squares float32 still knows
    step = BALLS[norm].normalise(torch.from_numpy(gradient))
    wide = gradient.astype(np.float64)
    dual = np.abs(wide).sum(-1) if norm == "linf" else np.sqrt((wide**2).sum(-1))
    assert (step.double().numpy() * wide).sum(-1) == pytest.approx(dual, rel=1e-5)
    some = np.abs(wide).max(-1) > 0
    assert size(norm, step)[some] == pytest.approx(1.0, rel=1e-6)
    assert (step.numpy()[~some] == 0).all()


# ---- uniform in the ball


def _sampled(norm: str, dimensions: int, epsilon: float) -> np.ndarray:
    source = Noise.of(torch.arange(200), torch.ones(200, 20), epoch=1, seed=5)
    return BALLS[norm].sample(source, dimensions, epsilon, 1).double().reshape(-1, dimensions).numpy()


@pytest.mark.parametrize("dimensions", [1, 2, 7])
def test_the_radius_of_an_l2_sample_is_that_of_a_uniform_one(dimensions: int) -> None:
    """The share of the ball within radius r is (r / epsilon)^D."""
    found = _sampled("l2", dimensions, 0.1)
    share = (np.sqrt((found**2).sum(-1)) / 0.1) ** dimensions
    assert stats.kstest(share, stats.uniform.cdf).pvalue > 0.001


@pytest.mark.parametrize("dimensions", [1, 2, 7])
def test_moments_of_the_l2_ball(dimensions: int) -> None:
    """E x_i = 0, E x_i^2 = eps^2 / (D + 2), E x_i^4 = 3 eps^4 / ((D + 2)(D + 4)), E x_i x_j = 0."""
    found, d = _sampled("l2", dimensions, 0.1) / 0.1, dimensions
    spread = 4.5 / math.sqrt(len(found))
    assert found.mean(0) == pytest.approx(np.zeros(d), abs=spread)
    assert found.T @ found / len(found) == pytest.approx(np.eye(d) / (d + 2), abs=spread)
    assert (found**4).mean(0) == pytest.approx(np.full(d, 3 / ((d + 2) * (d + 4))), abs=spread)


def test_moments_of_the_linf_ball() -> None:
    found = _sampled("linf", 7, 0.1) / 0.1
    spread = 4.5 / math.sqrt(len(found))
    assert found.mean(0) == pytest.approx(np.zeros(7), abs=spread)
    assert found.T @ found / len(found) == pytest.approx(np.eye(7) / 3, abs=spread)
    assert stats.kstest(found.ravel(), stats.uniform(-1, 2).cdf).pvalue > 0.001
