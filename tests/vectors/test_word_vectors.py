"""Word vectors to a file, whole or not at all, and to gensim and back."""

from pathlib import Path

import numpy as np
import pytest
from gensim.models import KeyedVectors

from tests.vectors.made import assert_same, made_of
from xlt_augment.errors import OutputError, VectorError
from xlt_augment.vectors.word_vectors import WordVectors


def test_saving_what_a_format_cannot_hold(tmp_path: Path) -> None:
    for word, name in [("a b", "v.bin"), ("a\nb", "v.bin"), ("a\nb", "v.txt"), ("", "v.txt"), (" a", "v.txt"), ("a ", "v.txt"),
                       ("new york 2", "v.txt"), ("\ud800", "v.txt"), ("x" * 70_000, "v.bin")]:  # fmt: skip
        with pytest.raises(OutputError, match=f"writing .*{name}: found the word"):
            made_of((word, [1.0, 2.0])).save(tmp_path / name)
    with pytest.raises(OutputError, match="found the ending '.csv'"):
        made_of(("a", [1.0])).save(tmp_path / "v.csv")
    with pytest.raises(OutputError, match="No such file or directory"):
        made_of(("a", [1.0])).save(tmp_path / "none" / "v.txt")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_an_end_midway_leaves_what_was_there(error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: KeyedVectors, path: str, binary: bool) -> None:
        Path(path).write_bytes(b"half")
        raise error

    path = tmp_path / "v.txt.gz"
    made_of(("a", [1.0, 2.0])).save(path)
    before = path.read_bytes()
    assert before[:2] == b"\x1f\x8b"
    monkeypatch.setattr(KeyedVectors, "save_word2vec_format", fail)
    with pytest.raises(OutputError if isinstance(error, OSError) else KeyboardInterrupt):
        made_of(("b", [1.0, 2.0])).save(path)
    assert [p.name for p in tmp_path.iterdir()] == ["v.txt.gz"]
    assert path.read_bytes() == before


def test_what_keyed_vectors_may_hold() -> None:
    vectors = KeyedVectors(2)
    vectors.add_vectors(["a", "b"], np.array([[1, 2], [3, 4]], np.float64))
    found = WordVectors.from_keyed_vectors(vectors, "mine")
    assert (found.words, found.made["name"], found.ranks.tolist()) == (("a", "b"), "mine", [1, 2])
    assert_same(WordVectors.from_keyed_vectors(found.to_keyed_vectors()), found)
    vectors.vectors[0] = 9
    assert found.matrix[0].tolist() == [1, 2]  # a copy
    for row, message in [([np.nan, 1], "the vector of 'a'"), ([0, 0], "the vector of 'a'"), ([1e300, 1], "the vector of 'a'")]:
        vectors = KeyedVectors(2, dtype=np.float64)
        vectors.add_vectors(["a"], np.array([row], np.float64))
        with pytest.raises(VectorError, match=message):
            WordVectors.from_keyed_vectors(vectors)
    vectors = KeyedVectors(2)
    vectors.add_vectors([7], np.array([[1, 2]], np.float32))
    with pytest.raises(VectorError, match="the key 7"):
        WordVectors.from_keyed_vectors(vectors)
    with pytest.raises(VectorError, match="no word"):
        WordVectors.from_keyed_vectors(KeyedVectors(2))
    with pytest.raises(VectorError, match="a row and a rank for each word"):
        WordVectors(("a",), np.ones((2, 2), np.float32), np.arange(2))
