"""The rank of a translation against a plain loop over all words."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from xlt_train.probing.ranks import Rank, translation_ranks


def plain_rank(vector: np.ndarray, targets: np.ndarray, words: list[str], true: int) -> int:
    """1 + how many other words have a place nearer than the true one."""
    distances = ((targets - vector.astype(np.float64)) ** 2).sum(1).tolist()
    return 1 + len({word for word, d in zip(words, distances) if word != words[true] and d < distances[true]})


@given(
    source=arrays(np.float32, (4, 3), elements=st.integers(-4, 4).map(float)),
    targets=arrays(np.float32, (9, 3), elements=st.integers(-4, 4).map(float)),
    words=st.lists(st.sampled_from(["a", "b", "A", "船", "é"]), min_size=9, max_size=9),
    truth=st.lists(st.integers(0, 8), min_size=4, max_size=4),
)
def test_ranks_are_those_of_a_plain_loop(source: np.ndarray, targets: np.ndarray, words: list[str], truth: list[int]) -> None:
    found = translation_ranks(source, targets, words, np.array(truth))
    assert found.tolist() == [plain_rank(vector, targets, words, true) for vector, true in zip(source, truth)]


def test_copies_rank_first_for_all_that_rounding_may_do() -> None:
    made = np.random.default_rng(0).normal(size=(1_100, 8)).astype(np.float32) * 1_000
    words = [str(k) for k in range(len(made))]
    assert (translation_ranks(made, made, words, np.arange(len(made))) == 1).all()
    twice = np.concatenate((made, made))  # each word has a twin of another name in the same place
    names = [*words, *(f"twin {k}" for k in words)]
    assert (translation_ranks(made, twice, names, np.arange(len(made))) == 1).all()


def test_figures_of_ranks() -> None:
    found = Rank.of(np.array([1, 2, 4, 1]), 7)
    assert (found.words, found.pairs, found.mean, found.reciprocal, found.first) == (7, 4, 2.0, 0.6875, 0.5)
    empty = Rank.of(translation_ranks(np.empty((0, 3)), np.ones((2, 3)), ["a", "b"], np.empty(0, int)), 2)
    assert (empty.pairs, empty.mean, empty.reciprocal, empty.first) == (0, None, None, None)
