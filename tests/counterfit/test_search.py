"""The search equals a float64 brute force exactly, ties included, whatever the block, the threads and the lengths of rows."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from tests.counterfit import reference
from tests.engines.in_process import InProcess
from xlt_augment.counterfit import search
from xlt_augment.counterfit.search import Nearest, Search, close_pairs, nearest
from xlt_augment.counterfit.spread import SpreadSearch, cut_rows
from xlt_augment.errors import VectorError

METRICS = st.sampled_from(["cosine", "euclidean"])
BLOCKS = st.sampled_from([1, 2, 7, 2048])


def lists(found: Nearest) -> list[list[tuple[int, int]]]:
    """As the reference gives them: (row, distance in millionths) for each row."""
    micros = np.rint(found.distances * 1e6).astype(np.int64)
    assert (found.distances == micros / 1e6).all()
    pairs = list(zip(found.rows.tolist(), micros.tolist()))
    return [pairs[a:b] for a, b in zip(found.first[:-1].tolist(), found.first[1:].tolist())]


def compare(
    matrix: np.ndarray, *, order: np.ndarray | None = None, block: int = 2048, **settings: Any
) -> list[list[tuple[int, int]]]:
    """Assert that search, its row blocks on a cluster and brute force agree; returns the lists."""
    whole = nearest(matrix, order=order, block=block, **settings)
    found = lists(whole)
    for divided in (
        SpreadSearch(InProcess(lost=[0]), 1 + len(matrix) % 5)(matrix, order=order, **settings),
        Search(matrix, settings["k"], settings["threshold"], settings["metric"], order).of(range(len(matrix)), block),
    ):
        for mine, theirs in zip(whole, divided):
            assert (mine.dtype, mine.tolist()) == (theirs.dtype, theirs.tolist())
    assert found == reference.neighbors(matrix, order=None if order is None else order.tolist(), **settings)
    return found


def crowd(chance: np.random.Generator, count: int, size: int, kind: str) -> np.ndarray:
    """Float32 rows without a zero row: small whole numbers (ties), copies, near copies, or any."""
    if kind == "whole":
        rows = chance.integers(-2, 3, (count, size)).astype(np.float64)
        rows[~rows.any(axis=1), 0] = 1
    elif kind in ("copies", "near copies"):
        rows = chance.normal(size=(max(1, count // 10), size))[chance.integers(0, max(1, count // 10), count)]
        rows = rows + (kind == "near copies") * 1e-4 * chance.normal(size=rows.shape)
    else:
        rows = chance.normal(size=(count, size))
    return rows.astype(np.float32)


@st.composite
def searches(draw: st.DrawFn) -> tuple[np.ndarray, dict[str, Any]]:
    """A matrix and how to search it; with many rows and few neighbors a row has more candidates than room."""
    count, chance = (
        draw(st.one_of(st.integers(2, 70), st.integers(150, 260))),
        np.random.default_rng(draw(st.integers(0, 2**32))),
    )
    matrix = crowd(chance, count, draw(st.integers(1, 20)), draw(st.sampled_from(["whole", "copies", "near copies", "any"])))
    settings = {
        "k": draw(st.one_of(st.integers(1, count - 1), st.just(count - 1), st.integers(1, min(8, count - 1)))),
        "threshold": draw(st.sampled_from([0.0, 1e-6, 0.01, 0.3, 1.0, 2.0, 5.0])),
        "metric": draw(METRICS),
        "block": draw(BLOCKS),
        "order": chance.permutation(count) if draw(st.booleans()) else None,
    }
    return matrix, settings


@given(problem=searches())
def test_equals_brute_force(problem: tuple[np.ndarray, dict[str, Any]]) -> None:
    compare(problem[0], **problem[1])


@given(seed=st.integers(0, 2**32), size=st.integers(1, 20), low=st.integers(-18, 0), high=st.integers(0, 18), block=BLOCKS)
def test_lengths_of_rows_do_not_show_in_cosines(seed: int, size: int, low: int, high: int, block: int) -> None:
    chance = np.random.default_rng(seed)
    matrix = crowd(chance, 160, size, "any") * 10.0 ** chance.uniform(low, high, (160, 1))
    compare(matrix.astype(np.float32), k=5, threshold=0.5, metric="cosine", block=block)


@given(seed=st.integers(0, 2**32), size=st.integers(1, 20), low=st.integers(-8, 0), high=st.integers(0, 5), block=BLOCKS)
def test_rows_of_very_different_lengths(seed: int, size: int, low: int, high: int, block: int) -> None:
    """The margin follows the longest row, so among short ones everything is looked at exactly."""
    chance = np.random.default_rng(seed)
    matrix = (crowd(chance, 160, size, "any") * 10.0 ** chance.uniform(low, high, (160, 1))).astype(np.float32)
    for threshold in (10.0 ** (low + 1), 10.0 ** (high + 2)):
        compare(matrix, k=5, threshold=threshold, metric="euclidean", block=block)


@pytest.mark.parametrize("scale", [1e-37, 1e-20, 1e-10, 1e10, 1e18, 1e37])
def test_tiny_and_huge_rows(scale: float) -> None:
    matrix = (crowd(np.random.default_rng(1), 300, 5, "any") * scale).astype(np.float32)
    compare(matrix, k=6, threshold=0.2, metric="cosine", block=128)
    if scale < 1:  # all of them within a millionth
        compare(matrix, k=6, threshold=1.0, metric="euclidean", block=128)


@pytest.mark.parametrize("scale", [3.3e38, 1e-43])
def test_rows_at_the_ends_of_float32(scale: float) -> None:
    matrix = (np.random.default_rng(1).uniform(0.1, 1.0, (400, 3)) * scale).astype(np.float32)
    compare(matrix, k=4, threshold=0.001, metric="cosine")


def test_a_threshold_without_end() -> None:
    for threshold in (1e11, 1e13, 1e300):
        compare(crowd(np.random.default_rng(1), 20, 5, "any"), k=3, threshold=threshold, metric="euclidean")


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("block", [7, 100, 2048])
def test_copies_by_the_hundred(metric: str, block: int) -> None:
    """More ties than a row has room for: the first by order win, whatever order they come in."""
    chance = np.random.default_rng(3)
    matrix = np.repeat(chance.normal(size=(2, 16)), 400, axis=0)[chance.permutation(800)].astype(np.float32)
    for order in (None, np.arange(800)[::-1], chance.permutation(800)):
        found = compare(matrix, k=3, threshold=0.1, metric=metric, order=order, block=block)
        assert all(micro == 0 for row in found for _, micro in row)


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_near_copies_by_the_hundred(metric: str) -> None:
    """Farther apart than a millionth, nearer than the rounding of a float32 product."""
    chance = np.random.default_rng(4)
    matrix = (chance.normal(size=100) + 3e-3 * chance.normal(size=(700, 100))).astype(np.float32)
    found = compare(matrix, k=10, threshold=2.0, metric=metric, block=300)
    assert len({micro for row in found for _, micro in row}) > 1


def test_a_larger_search_for_each_block() -> None:
    chance = np.random.default_rng(5)
    matrix = np.concatenate((crowd(chance, 900, 40, "near copies"), crowd(chance, 400, 40, "any")))
    expected = compare(matrix, k=8, threshold=0.9, metric="cosine")
    for block in (64, 129, 1000):
        assert lists(nearest(matrix, k=8, threshold=0.9, block=block)) == expected


def test_ties_within_a_millionth_go_by_order() -> None:
    """Distances that differ, but not when rounded: order decides."""
    angles = np.array([0.0, 0.1, 0.1 + 1e-7, 0.1 - 1e-7, 0.1 + 2e-7])
    matrix = np.stack((np.cos(angles), np.sin(angles)), axis=1).astype(np.float32)
    assert [row for row, _ in lists(nearest(matrix, k=4, threshold=1.0))[0]] == [1, 2, 3, 4]
    order = np.array([0, 4, 3, 2, 1])
    assert [row for row, _ in lists(nearest(matrix, k=4, threshold=1.0, order=order))[0]] == [4, 3, 2, 1]
    assert [row for row, _ in lists(nearest(matrix, k=2, threshold=1.0, order=order))[0]] == [4, 3]


def test_the_threshold_is_inclusive_at_a_millionth() -> None:
    cosine = np.array([[1, 0], [3, 4]], np.float32)  # 1 - 0.6
    euclidean = np.array([[0, 1], [0, 1.25]], np.float32)
    for matrix, distance, metric in ((cosine, 0.4, "cosine"), (euclidean, 0.25, "euclidean")):
        for threshold, found in ((distance, 1), (distance - 4e-7, 1), (distance - 6e-7, 0), (distance - 1e-6, 0)):
            near = nearest(matrix, k=1, threshold=threshold, metric=metric)
            assert near.distances.tolist() == [distance, distance][: 2 * found], (metric, threshold)


def test_a_row_is_no_neighbor_of_itself() -> None:
    found = nearest(np.ones((3, 4), np.float32), k=2, threshold=0.0)
    assert found.rows.tolist() == [1, 2, 0, 2, 0, 1]
    assert found.distances.tolist() == [0.0] * 6


@pytest.mark.parametrize("k", [0, -1, 5, 6])
def test_k_and_the_number_of_rows(k: int) -> None:
    matrix = np.eye(5, dtype=np.float32)
    with pytest.raises(VectorError, match=f"found k = {k} and 5 words; expected k from 1"):
        nearest(matrix, k=k, threshold=1.0)
    assert nearest(matrix, k=4, threshold=1.0).first.tolist() == [0, 4, 8, 12, 16, 20]


def brute_pairs(matrix: np.ndarray, above: float) -> dict[tuple[int, int], float]:
    """Pairs i < j with a float64 product above the bound."""
    products = {(i, j): float((a * matrix[j]).sum()) for i, a in enumerate(matrix) for j in range(i + 1, len(matrix))}
    return {pair: product for pair, product in products.items() if product > above}


def compare_pairs(matrix: np.ndarray, above: float, block: int = 2048) -> int:
    """Assert that they agree; returns how many pairs there are."""
    pairs, products = close_pairs(matrix, above=above, block=block)
    expected = brute_pairs(matrix, above)
    assert [tuple(pair) for pair in pairs.tolist()] == list(expected)
    np.testing.assert_allclose(products, list(expected.values()), rtol=1e-13, atol=1e-15)
    return len(pairs)


@given(
    seed=st.integers(0, 2**32), count=st.integers(1, 60), size=st.integers(1, 20), block=BLOCKS,
    kind=st.sampled_from(["near copies", "any"]), above=st.sampled_from([-0.5, 0.0, 0.5, 0.8, 0.999, 1 - 1e-9]),
)  # fmt: skip
def test_close_pairs_equal_brute_force(seed: int, count: int, size: int, block: int, kind: str, above: float) -> None:
    matrix = crowd(np.random.default_rng(seed), count, size, kind).astype(np.float64)
    compare_pairs(matrix / np.sqrt((matrix**2).sum(axis=1, keepdims=True) + 1e-6), above, block)
    compare_pairs(matrix, 5 * above, block)


def test_close_pairs_at_the_bound() -> None:
    """Products as near to the bound as float64 can tell: float32 cannot, so only the exact look decides."""
    steps = np.array([0, 1, 2, 4, 8, 1e3, 1e5]) * 2.0**-52
    matrix = np.concatenate((np.ones((1, 1)), 0.75 + steps[:, None], 0.75 - steps[1:, None]))
    pairs, _ = close_pairs(matrix, above=0.75)
    assert pairs.tolist() == [[0, row] for row in range(2, 8)]


def test_close_pairs_that_float32_would_miss() -> None:
    """Each pair is found with a bound just below its product, however its float32 product is rounded."""
    matrix = np.random.default_rng(2).normal(size=(40, 200))
    matrix /= np.linalg.norm(matrix, axis=1)[:, None]
    every, products = close_pairs(matrix, above=-2.0)
    assert len(every) == 40 * 39 // 2
    for pair, product in zip(every.tolist(), products.tolist()):
        assert len(close_pairs(matrix[pair], above=float(np.nextafter(product, -1)))[0]) == 1
        assert len(close_pairs(matrix[pair], above=product)[0]) == 0


def test_close_pairs_beyond_the_first_room(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix = np.ones((500, 3))
    for block in (2048, 100, 499):
        pairs, products = close_pairs(matrix, above=2.5, block=block)
        assert pairs.tolist() == [[i, j] for i in range(500) for j in range(i + 1, 500)]
        assert (products == 3).all()
    monkeypatch.setattr(search, "MAX_PAIRS", 500 * 499 // 2)
    close_pairs(matrix, above=2.5)
    with pytest.raises(VectorError, match="more than 124,750 pairs"):
        close_pairs(np.ones((501, 3)), above=2.5)


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_threads_of_the_products_do_not_show(metric: str) -> None:
    chance = np.random.default_rng(6)
    matrix = np.concatenate((crowd(chance, 1_500, 64, "near copies"), crowd(chance, 1_000, 64, "any")))
    found, pairs = [], []
    for threads, block in ((1, 2048), (2, 2048), (2, 700)):
        with threadpool_limits(threads, user_api="blas"):
            found.append([part.tobytes() for part in nearest(matrix, k=8, threshold=1.0, metric=metric, block=block)])
            pairs.append([part.tobytes() for part in close_pairs(matrix.astype(np.float64), above=70.0, block=block)])
    assert found[0] == found[1] == found[2]
    assert pairs[0] == pairs[1] == pairs[2]


def test_runs_of_rows_are_even_and_all() -> None:
    assert cut_rows(10, 3) == [range(3), range(3, 6), range(6, 10)]
    assert cut_rows(2, 9) == [range(1), range(1, 2)]
    assert len(cut_rows(5_000, None)) == 3
    assert len(cut_rows(50_000_000, None)) == 4_096


@pytest.mark.parametrize("k", [0, 5, 9])
def test_a_divided_search_refuses_what_the_other_does(k: int) -> None:
    with pytest.raises(VectorError, match=f"k = {k} and 5 words"):
        SpreadSearch(InProcess())(np.ones((5, 2), np.float32), k=k, threshold=1.0)
