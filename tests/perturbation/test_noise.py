"""Noise: the integers of its formula to the bit, its distribution, and that it depends on nothing else."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tests.perturbation import reference
from tests.perturbation.reference import G, V, mix
from xlt_train.perturbation.noise import Noise

DIMENSIONS = [1, 2, 5, 8]
natural = st.integers(0, 2**63 - 1)


def test_the_reference_mixes_as_annex_a_does() -> None:
    """The rows of its table, by the finaliser that the noise goes on with."""
    rows = [
        (0, "sentence1", 0, 1, 0, 0x418F298CD6396E52),
        (0, "sentence2", 0, 1, 0, 0xC252352A7728B919),
        (0, "sentence1", 1, 1, 0, 0x52DE4A8A8AEB6E5B),
        (42, "text", 123456789, 10, 17, 0xDB6321D842D4DE44),
    ]
    for seed, name, source, variant, position, expected in rows:
        r = mix(mix((seed + G) % 2**64) ^ mix((reference.stream(name) + source * G) % 2**64))
        assert mix((mix((r + variant * V) % 2**64) + position * G) % 2**64) == expected


@pytest.mark.parametrize("dimensions", DIMENSIONS)
@given(seed=natural, epoch=st.integers(0, 10**6), row=natural, draw=st.integers(0, 1000), position=st.integers(0, 10**4))
def test_uniform_noise_is_its_formula_to_the_bit(
    dimensions: int, seed: int, epoch: int, row: int, draw: int, position: int
) -> None:
    source = Noise(rows=torch.tensor([row]), positions=torch.tensor([[position]]), epoch=epoch, seed=seed)
    found = source.uniform(dimensions, draw)[0, 0]
    assert found.dtype == torch.float32
    where = (seed, epoch, row, draw, position)
    assert found.tolist() == [reference.uniform(k, *where) for k in range(dimensions)]


@pytest.mark.parametrize("dimensions", DIMENSIONS)
@given(seed=natural, epoch=st.integers(0, 10**6), row=natural, draw=st.integers(0, 1000), position=st.integers(0, 10**4))
def test_gaussian_noise_is_its_formula(dimensions: int, seed: int, epoch: int, row: int, draw: int, position: int) -> None:
    source = Noise(rows=torch.tensor([row]), positions=torch.tensor([[position]]), epoch=epoch, seed=seed)
    found = source.gaussian(dimensions, draw)[0, 0]
    where = (seed, epoch, row, draw, position)
    assert found.tolist() == pytest.approx([reference.gaussian(k, *where) for k in range(dimensions)], abs=3e-6)


def test_the_noise_of_one_token_stays_what_it_is() -> None:
    """Values that any later version must give, or no run could be repeated."""
    assert reference.word(42, 1, 7, 0, 3, 0) == 0xD933E211E5FA96F5
    assert reference.word(42, 1, 7, 2, 3, 1) == 0x56B58F3D57911157
    source = Noise(rows=torch.tensor([7]), positions=torch.tensor([[3]]), epoch=1, seed=42)
    even, odd = 0xE5FA96, 0xD933E2  # the upper 24 bits of the first word's halves
    assert source.uniform(2).flatten().tolist() == [(even - 2**24 + 0.5) / 2**23, (odd - 2**24 + 0.5) / 2**23]


@given(seed=natural, epoch=st.integers(0, 10**6), row=natural, draw=st.integers(0, 1000), position=st.integers(0, 10**4))
def test_the_radius_is_its_formula_to_the_bit(seed: int, epoch: int, row: int, draw: int, position: int) -> None:
    source = Noise(rows=torch.tensor([row]), positions=torch.tensor([[position]]), epoch=epoch, seed=seed)
    assert source.radius(draw).shape == (1, 1, 1)
    assert source.radius(draw).item() == reference.radius(seed, epoch, row, draw, position)


# ---- what it depends on


def _kinds(source: Noise, draw: int = 0) -> list[torch.Tensor]:
    return [source.uniform(5, draw), source.gaussian(5, draw), source.radius(draw)]


def _mask(lengths: list[int], width: int, *, left: bool = False) -> torch.Tensor:
    kept = torch.arange(width)[None] < torch.tensor(lengths)[:, None]
    return kept.flip(1) if left else kept


@given(
    lengths=st.lists(st.integers(1, 6), min_size=1, max_size=5),
    width=st.integers(6, 10),
    left=st.booleans(),
    data=st.data(),
)
def test_a_rows_noise_knows_neither_order_nor_batch_nor_padding(
    lengths: list[int], width: int, left: bool, data: st.DataObject
) -> None:
    rows = torch.arange(len(lengths)) * 11 + 3
    whole = _kinds(Noise.of(rows, _mask(lengths, 6), epoch=3, seed=9))
    order = data.draw(st.permutations(range(len(lengths))))[: data.draw(st.integers(1, len(lengths)))]
    mask = _mask([lengths[k] for k in order], width, left=left)
    part = _kinds(Noise.of(rows[list(order)], mask.long(), epoch=3, seed=9))
    for one, other in zip(whole, part):
        for k, row in enumerate(order):
            assert torch.equal(other[k][mask[k]], one[row][: lengths[row]])


def test_seed_epoch_row_draw_and_position_each_give_other_noise() -> None:
    mask = torch.ones(1, 2)
    seen = []
    for seed, epoch, row, draw in itertools.product((0, 1), repeat=4):
        for kind in _kinds(Noise.of(torch.tensor([row]), mask, epoch=epoch, seed=seed), draw):
            seen += [tuple(token.tolist()) for token in kind[0]]
    assert len(set(seen)) == len(seen) == 16 * 2 * 3


def test_noise_leaves_its_source_and_the_random_state_alone() -> None:
    rows, positions = torch.tensor([5, 6]), torch.tensor([[0, 1], [0, 1]])
    source = Noise(rows=rows, positions=positions, seed=3)
    state, first = torch.get_rng_state(), _kinds(source)
    assert all(torch.equal(one, other) for one, other in zip(first, _kinds(source)))
    assert rows.tolist() == [5, 6]
    assert positions.tolist() == [[0, 1], [0, 1]]
    assert torch.equal(torch.get_rng_state(), state)


# ---- its distribution, of 100 rows x 20 tokens x 50 dimensions


@pytest.fixture(scope="module")
def source() -> Noise:
    """Rows and tokens as they follow each other in a training set."""
    return Noise.of(torch.arange(100), torch.ones(100, 20), epoch=1, seed=42)


def test_uniform_noise_is_uniform(source: Noise) -> None:
    found = source.uniform(50).double().flatten().numpy()
    assert -1 < found.min() < -0.9999
    assert 0.9999 < found.max() < 1
    assert stats.kstest(found, stats.uniform(-1, 2).cdf).pvalue > 0.001
    for power, moment in ((1, 0.0), (2, 1 / 3), (3, 0.0), (4, 1 / 5)):
        assert np.mean(found**power) == pytest.approx(moment, abs=4 / math.sqrt(len(found) * (2 * power + 1)))


def test_gaussian_noise_is_normal(source: Noise) -> None:
    found = source.gaussian(50).double().flatten().numpy()
    assert np.isfinite(found).all()
    assert stats.kstest(found, stats.norm.cdf).pvalue > 0.001
    for power, moment, spread in ((1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0)):
        assert np.mean(found**power) == pytest.approx(moment, abs=4 * math.sqrt(spread / len(found)))


def test_the_radius_is_uniform_and_independent_of_the_direction(source: Noise) -> None:
    radius = source.radius().double().flatten().numpy()
    assert ((radius > 0) & (radius <= 1)).all()
    assert stats.kstest(radius, stats.uniform.cdf).pvalue > 0.001
    for values in (source.uniform(50), source.gaussian(50)):
        by_dimension = np.corrcoef(np.column_stack([radius, values.double().reshape(-1, 50).numpy()]).T)[0, 1:]
        assert np.abs(by_dimension).max() < 4.5 / math.sqrt(len(radius))


@pytest.mark.parametrize("kind", ["uniform", "gaussian"])
def test_neighbours_are_not_correlated(kind: str, source: Noise) -> None:
    """Dimensions of a token, tokens of a row, rows, epochs, draws and seeds, one beside the next."""
    values = getattr(source, kind)(50).double().numpy()
    others = [
        (values[..., :-1], values[..., 1:]),
        (values[:, :-1], values[:, 1:]),
        (values[:-1], values[1:]),
        (values, getattr(source, kind)(50, 1).double().numpy()),
    ]
    for change in ({"epoch": 2}, {"seed": 43}):
        other = Noise.of(torch.arange(100), torch.ones(100, 20), **{"epoch": 1, "seed": 42} | change)
        others.append((values, getattr(other, kind)(50).double().numpy()))
    for one, two in others:
        for left, right in ((one, two), (one**2, two**2)):
            assert abs(np.corrcoef(left.ravel(), right.ravel())[0, 1]) < 4.5 / math.sqrt(left.size)
