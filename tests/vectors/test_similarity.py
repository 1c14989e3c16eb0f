"""Spearman's correlation with human ratings: formats of the files, words that are missing, and an independent reference."""

from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from gensim.models import KeyedVectors
from hypothesis import given
from hypothesis import strategies as st

from xlt_augment.errors import VectorError
from xlt_augment.vectors.read import read_vectors
from xlt_augment.vectors.similarity import Ratings, evaluate, read_ratings
from xlt_augment.vectors.word_vectors import WordVectors

GENSIM = Path(str(files("gensim") / "test" / "test_data"))
PAIRS = (("old", "new"), ("tiger", "Cat"), ("tiger", "tiger"))
SIMLEX = "word1\tword2\tPOS\tSimLex999\tconc(w1)\tconc(w2)\n" + "".join(
    f"{a}\t{b}\tA\t{k}.5\t2.7\t2\n" for k, (a, b) in enumerate(PAIRS)
)
FORMATS = {
    "SimLex-999": SIMLEX,
    "WordSim-353 csv": "Word 1,Word 2,Human (mean)\r\n" + "".join(f"{a},{b},{k}.50\r\n" for k, (a, b) in enumerate(PAIRS)),
    "WordSim-353 tab": "Word 1\tWord 2\tHuman (mean)\n" + "".join(f"{a}\t{b}\t{k}.50\n" for k, (a, b) in enumerate(PAIRS)),
    "WordSim-353 set1": "Word 1,Word 2,Human (Mean),1,2\n" + "".join(f"{a},{b},{k}.5,9,9\n" for k, (a, b) in enumerate(PAIRS)),
    "gensim": "# The data\n# Word 1\tWord 2\tHuman (mean)\n" + "".join(f"{a}\t{b}\t{k}.5\n" for k, (a, b) in enumerate(PAIRS)),
    "no header": "\ufeff" + "".join(f'"{a}",{b},{k}.5\n\n' for k, (a, b) in enumerate(PAIRS)),
}
BAD = {
    "a short line": (SIMLEX + "a\tb\tA\n", "r.txt:5: found 3 fields"),
    "no number": (SIMLEX + "a\tb\tA\tx\n", "r.txt:5: found the rating 'x'; expected a finite number"),
    "NaN": ("# c\na\tb\t1\na\tb\tnan\n", "r.txt:3: found the rating 'nan'"),
    "an empty word": (SIMLEX + "a\t \tA\t1\n", "r.txt:5: found an empty word"),
    "a header of another file": ("left,right,mean\na,b,1\n", "r.txt:1: found the line 'left, right, mean'; expected a header"),
    "a pair in the first line without number": ("a\tb\n", "r.txt:1: found the line 'a, b'"),
    "a header alone": ("word1\tword2\tSimLex999\n", "r.txt: found no pair of words"),
    "empty": ("", "r.txt: found no pair"),
    "comments": ("# nothing\n\n", "r.txt: found no pair"),
}


def vectors_of(**rows: list[float]) -> WordVectors:
    return WordVectors(tuple(rows), np.array(list(rows.values()), np.float32), np.arange(1, len(rows) + 1))


def ratings_of(*rows: tuple[str, str, float]) -> Ratings:
    return Ratings("r", "", tuple((a, b) for a, b, _ in rows), np.array([score for *_, score in rows]))


@pytest.mark.parametrize("name", FORMATS)
def test_formats_are_told_apart(name: str, tmp_path: Path) -> None:
    (tmp_path / "r.txt").write_text(FORMATS[name], encoding="utf-8", newline="")
    found = read_ratings(tmp_path / "r.txt")
    assert (found.pairs, found.scores.tolist(), found.name, len(found.sha256)) == (PAIRS, [0.5, 1.5, 2.5], "r.txt", 64)


@pytest.mark.parametrize("case", BAD)
def test_bad_ratings_are_refused(case: str, tmp_path: Path) -> None:
    content, message = BAD[case]
    (tmp_path / "r.txt").write_text(content, encoding="utf-8")
    with pytest.raises(VectorError, match=message):
        read_ratings(tmp_path / "r.txt")


def test_files_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "r.txt").write_bytes(b"a\tb\t1\n\xff\tb\t1\n")
    with pytest.raises(VectorError, match=r"r.txt:2: found b'\\xff.*not UTF-8"):
        read_ratings(tmp_path / "r.txt")
    with pytest.raises(VectorError, match="none.txt: found no such file"):
        read_ratings(tmp_path / "none.txt")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # gensim leaves files open
@pytest.mark.parametrize(("name", "pairs"), [("simlex999.txt", 999), ("wordsim353.tsv", 353)])
def test_real_ratings_give_what_gensim_computes(name: str, pairs: int, shared_data: Path) -> None:
    vectors = read_vectors(shared_data / "vectors" / "english-20k-100d.txt.gz", lower=True)
    ratings = read_ratings(GENSIM / name)
    found = evaluate(vectors, ratings)
    reference: KeyedVectors = vectors.to_keyed_vectors()
    _, spearman, share_unknown = reference.evaluate_word_pairs(str(GENSIM / name))
    assert len(ratings.pairs) == pairs == found["pairs"] + found["missing"]
    assert found["rho"] == pytest.approx(spearman[0], abs=6e-5)
    assert found["missing"] == round(share_unknown / 100 * pairs)
    assert found["rho"] > 0.3


def _ranks(values: list[float]) -> list[float]:
    """Mean ranks: how many are less, and half of the others that are equal."""
    return [sum(v < w for v in values) + (sum(v == w for v in values) - 1) / 2 for w in values]


@given(scores=st.lists(st.integers(0, 4), min_size=3, max_size=9), angles=st.lists(st.integers(0, 6), min_size=9, max_size=9))
def test_rho_is_the_correlation_of_mean_ranks(scores: list[int], angles: list[int]) -> None:
    words = {f"w{k}": [np.cos(angles[k] / 2), np.sin(angles[k] / 2)] for k in range(len(scores))}
    vectors = vectors_of(a=[2, 0], **words)
    found = evaluate(vectors, ratings_of(*(("a", word, score) for word, score in zip(words, scores))))
    cosines = [-float(angle) for angle in angles[: len(scores)]]  # falls with the angle, up to pi
    if len(set(scores)) == 1 or len(set(cosines)) == 1:
        assert found["rho"] is None
    else:
        assert found["rho"] == pytest.approx(np.corrcoef(_ranks(cosines), _ranks(list(map(float, scores))))[0, 1], abs=6e-5)
    assert (found["pairs"], found["missing"]) == (len(scores), 0)


def test_words_are_looked_up_as_written_then_in_lower_case() -> None:
    vectors = vectors_of(a=[1, 0], b=[1, 0.1], c=[1, 1], May=[0, 1], may=[1, 0])
    rows = (("a", "B", 3.0), ("A", "c", 2.0), ("a", "May", 1.0), ("a", "none", 9.0), ("MAY", "NONE", 9.0))
    assert evaluate(vectors, ratings_of(*rows)) == {"rho": 1.0, "pairs": 3, "missing": 2}
    assert evaluate(vectors, ratings_of(*rows[:2])) == {"rho": None, "pairs": 2, "missing": 0}
    assert evaluate(vectors, ratings_of(*rows[3:])) == {"rho": None, "pairs": 0, "missing": 2}


def test_another_matrix_is_judged_in_place_of_the_vectors() -> None:
    vectors = vectors_of(a=[1, 0], b=[1, 0.1], c=[1, 1], d=[0, 1])
    ratings = ratings_of(("a", "b", 3.0), ("a", "c", 2.0), ("a", "d", 1.0))
    assert evaluate(vectors, ratings)["rho"] == 1.0
    assert evaluate(vectors, ratings, vectors.matrix[[0, 3, 2, 1]])["rho"] == -1.0
    assert evaluate(vectors, ratings, vectors.matrix * np.float32(1e30))["rho"] == 1.0  # beyond float32 when squared
    assert evaluate(vectors, ratings, np.zeros((4, 2), np.float32))["rho"] is None
