"""Small word vectors for the tests, and when two are the same."""

import numpy as np

from xlt_augment.vectors.word_vectors import WordVectors


def made_of(*rows: tuple[str, list[float]]) -> WordVectors:
    """Vectors of these rows, as if read from a file."""
    words = tuple(word for word, _ in rows)
    return WordVectors(words, np.array([row for _, row in rows], np.float32), np.arange(1, len(words) + 1))


def assert_same(found: WordVectors, expected: WordVectors) -> None:
    """Fail unless words, values and the layout of the matrix are the same."""
    assert found.words == expected.words
    assert found.matrix.dtype == np.float32
    assert found.matrix.flags.c_contiguous
    np.testing.assert_array_equal(found.matrix, expected.matrix)
