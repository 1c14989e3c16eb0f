"""Counter-fitting: equal to a per-pair reference, in its terms too, and the same bits whatever the threads and processors."""

import hashlib
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.counterfit import reference
from xlt_augment.counterfit import search
from xlt_augment.counterfit.constraints import Constraints, read_pairs, resolve
from xlt_augment.counterfit.fit import CounterFit, Fitted, Terms, counter_fit
from xlt_augment.counterfit.search import nearest
from xlt_augment.errors import UsageError, VectorError
from xlt_augment.vectors.read import read_vectors
from xlt_augment.vectors.word_vectors import WordVectors

NONE = np.empty((0, 2), np.int32)
HALF_ULP = 6e-8  # results are float32 of numbers below 1
LIMIT = 5_000  # words of the real vectors


def cloud(seed: int, count: int, size: int, spread: float = 0.6) -> np.ndarray:
    """Float32 rows around a few centres, so that some are near each other; lengths differ."""
    chance = np.random.default_rng(seed)
    centres = chance.normal(size=(max(1, count // 6), size))
    rows = centres[chance.integers(len(centres), size=count)] + spread * chance.normal(size=(count, size))
    return (rows * chance.uniform(0.1, 5.0, size=(count, 1))).astype(np.float32)


def pairs_of(*pairs: tuple[int, int]) -> np.ndarray:
    return np.array(pairs, np.int32).reshape(-1, 2)


def compare(matrix: np.ndarray, synonyms: np.ndarray, antonyms: np.ndarray, **settings: Any) -> Fitted:
    """Assert that package and reference agree; returns what the package found."""
    found = counter_fit(matrix, synonyms, antonyms, CounterFit(**settings), threads=2)
    expected = reference.counter_fit(matrix, synonyms, antonyms, reference.Settings(**settings))
    assert found.matrix.dtype == np.float32
    assert found.vsp_pairs == expected.vsp_pairs
    np.testing.assert_allclose(found.matrix, expected.matrix, rtol=0, atol=HALF_ULP)
    assert [t.step for t in found.terms] == list(range(len(expected.terms)))
    np.testing.assert_allclose([t[1:] for t in found.terms], expected.terms, rtol=1e-10, atol=1e-12)
    return found


@st.composite
def problems(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
    """Vectors of 2 to 20 dimensions and pairs: repeated, in both directions, and in both lists."""
    count = draw(st.integers(2, 30))
    matrix = cloud(draw(st.integers(0, 2**32)), count, draw(st.integers(2, 20)), draw(st.sampled_from([0.05, 0.3, 1.0])))
    word = st.integers(0, count - 1)
    pair = st.tuples(word, word).filter(lambda p: p[0] != p[1])
    synonyms, antonyms = draw(st.lists(pair, max_size=40)), draw(st.lists(pair, max_size=20))
    if synonyms:
        again = draw(st.lists(st.sampled_from(synonyms), max_size=4))
        synonyms += again + [(b, a) for a, b in again]
        antonyms += [(b, a) for a, b in draw(st.lists(st.sampled_from(synonyms), max_size=3))]
    settings = {
        "steps": draw(st.integers(0, 3)),
        "rho": draw(st.sampled_from([0.0, 0.2, 0.5, 1.3])),
        "delta": draw(st.sampled_from([0.0, 0.6, 1.0, 1.5])),
        "gamma": draw(st.sampled_from([0.0, 0.1, 0.4])),
        "k1": draw(st.sampled_from([0.0, 0.1, 0.5])),
        "k2": draw(st.sampled_from([0.1, 0.3])),
        "k3": draw(st.sampled_from([0.0, 0.1, 0.7])),
    }
    return matrix, pairs_of(*synonyms), pairs_of(*antonyms), settings


@given(problem=problems())
def test_equals_the_reference(problem: tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]) -> None:
    matrix, synonyms, antonyms, settings = problem
    compare(matrix, synonyms, antonyms, **settings)


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_equals_the_reference_where_every_term_acts(steps: int) -> None:
    chance = np.random.default_rng(steps)
    matrix = cloud(7, 300, 24, 0.3)
    synonyms, antonyms = (chance.permuted(np.argsort(chance.random((200, 300)))[:, :2], axis=1) for _ in range(2))
    found = compare(matrix, synonyms, antonyms, steps=steps)
    assert found.vsp_pairs > 500
    assert found.terms[0].ar > 0 < found.terms[0].sa
    assert found.terms[0].vsp == 0.0 < found.terms[1].vsp  # nothing to keep before the first step


def test_a_word_is_moved_by_the_mean_of_all_its_pairs() -> None:
    """One synonym and one antonym pair act on word 0: half of each."""
    matrix = np.array([[1, 0, 0], [1, 1, 0], [1, 0, 1]], np.float32)
    u, v, w = map(reference.normalized, matrix.astype(np.float64))
    found = counter_fit(matrix, pairs_of((0, 1)), pairs_of((2, 0)), CounterFit(steps=1, rho=0)).matrix
    mean = (0.1 * reference.gradient(u, w) - 0.1 * reference.gradient(u, v)) / 2
    np.testing.assert_allclose(found[0], reference.normalized(u + mean), rtol=0, atol=HALF_ULP)


def test_antonyms_are_pushed_and_synonyms_pulled() -> None:
    matrix = np.array([[1, 0.2], [1, -0.2], [0.2, 1], [-0.2, 1]], np.float32)
    found = counter_fit(matrix, pairs_of((2, 3)), pairs_of((0, 1)), CounterFit(rho=0)).matrix
    start = matrix / np.linalg.norm(matrix, axis=1)[:, None]
    assert found[0] @ found[1] < start[0] @ start[1] - 0.5
    assert found[2] @ found[3] > start[2] @ start[3] + 0.03


def test_how_pairs_are_written_does_not_matter() -> None:
    matrix = cloud(3, 12, 8)
    once = counter_fit(matrix, pairs_of((0, 1), (2, 3)), pairs_of((4, 5)))
    often = counter_fit(
        matrix, pairs_of((3, 2), (1, 0), (0, 1), (2, 3), (2, 3), (5, 4)), pairs_of((5, 4), (4, 5), (5, 4))
    )  # fmt: skip
    assert once.matrix.tobytes() == often.matrix.tobytes()
    assert once.terms == often.terms


def test_preservation_runs_both_ways_and_leaves_antonyms_out() -> None:
    matrix = np.array([[1, 0.01], [1, 0.02], [1, 0.03], [-1, 1]], np.float32)
    assert counter_fit(matrix, NONE, NONE).vsp_pairs == 6
    assert counter_fit(matrix, NONE, pairs_of((1, 0))).vsp_pairs == 4
    # Word 2 has no constraint, and word 0 leaves for word 3: both feel it.
    settings = CounterFit(steps=3, k2=0.5)
    found = counter_fit(matrix, pairs_of((0, 3)), NONE, settings).matrix
    still = counter_fit(matrix, NONE, NONE, settings).matrix
    assert not np.allclose(found[2], still[2], atol=1e-4)
    np.testing.assert_array_equal(counter_fit(matrix, pairs_of((0, 3)), NONE, CounterFit(steps=3, k3=0)).matrix[2], still[2])


def test_preservation_waits_for_its_tolerance() -> None:
    """The 1e-6 in the norm moves distances by itself; without pairs to part them, no word feels it."""
    matrix = cloud(11, 60, 10, 0.05)
    found = counter_fit(matrix, NONE, NONE, CounterFit(steps=4))
    assert found.vsp_pairs > 100
    assert all(terms[1:] == (0, 0, 0, 0) for terms in found.terms)
    strict = counter_fit(matrix, NONE, NONE, CounterFit(steps=4, tolerance=0))
    assert any(terms.vsp > 0 for terms in strict.terms)
    compare(matrix, pairs_of((0, 1)), NONE, steps=3, tolerance=0.01)


@pytest.mark.parametrize("settings", [{"k3": 0.0}, {"rho": 0.0}])
def test_preservation_can_be_switched_off(settings: dict[str, float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "MAX_PAIRS", -1)  # would raise if pairs were sought
    found = compare(cloud(5, 30, 6, 0.05), pairs_of((0, 1)), NONE, steps=2, **settings)
    assert found.vsp_pairs == 0
    assert all(terms.vsp == 0 for terms in found.terms)


@pytest.mark.parametrize("steps", [0, 3])
def test_words_without_pairs_are_only_renormalised(steps: int) -> None:
    matrix = cloud(2, 20, 7)
    before = matrix.copy()
    found = counter_fit(matrix, pairs_of((0, 1)), pairs_of((2, 3)), CounterFit(steps=steps, rho=0))
    np.testing.assert_array_equal(matrix, before)
    rows = matrix[4:].astype(np.float64)
    for _ in range(steps + 1):
        rows = rows / np.sqrt((rows**2).sum(axis=1, keepdims=True) + 1e-6)
    np.testing.assert_allclose(found.matrix[4:], rows, rtol=0, atol=HALF_ULP)
    assert len(found.terms) == steps + 1


def test_the_norm_holds_a_millionth() -> None:
    """Seen where it weighs: in a vector about as short as that."""
    found = counter_fit(np.array([[3e-4, 4e-4], [1, 0]], np.float32), NONE, NONE, CounterFit(steps=0, rho=0)).matrix
    np.testing.assert_allclose(found[0], np.array([0.6, 0.8]) * 5e-4 / math.sqrt(25e-8 + 1e-6), rtol=1e-6)


@pytest.mark.parametrize("name", ["delta", "gamma", "rho", "k1", "k2", "k3", "steps", "tolerance"])
def test_settings_out_of_range(name: str) -> None:
    bad = [-1, -1e-9, math.inf, math.nan] + ([2.001] if name in ("delta", "gamma", "rho") else [])
    for value in bad:
        with pytest.raises(UsageError, match=f"reading --{name}: found {value}"):
            CounterFit(**{name: value})
    for value in [0, 2]:
        CounterFit(**{name: value})


def test_progress_is_told() -> None:
    told: list[Terms] = []
    found = counter_fit(cloud(4, 40, 5), pairs_of((0, 1)), NONE, CounterFit(steps=3), progress=told.append)
    assert tuple(told) == found.terms


def test_more_pairs_than_memory_should_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix = np.tile(np.array([[1.0, 2.0]], np.float32), (12, 1))
    monkeypatch.setattr(search, "MAX_PAIRS", 66)
    assert counter_fit(matrix, NONE, NONE).vsp_pairs == 2 * 66
    monkeypatch.setattr(search, "MAX_PAIRS", 65)
    with pytest.raises(VectorError, match=r"more than 65 pairs with a cosine above 0\.8"):
        counter_fit(matrix, NONE, NONE)


def digest(fitted: Fitted) -> str:
    content = fitted.matrix.tobytes() + repr([tuple(map(float.hex, terms[1:])) for terms in fitted.terms]).encode()
    return hashlib.sha256(content).hexdigest()


def problem_of_all_terms() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vectors and pairs where words differ much in how many pairs they have."""
    chance = np.random.default_rng(5)
    synonyms, antonyms = chance.integers(0, 150, (900, 2)), chance.integers(0, 400, (300, 2))
    return cloud(9, 400, 33, 0.2), synonyms[synonyms[:, 0] != synonyms[:, 1]], antonyms[antonyms[:, 0] != antonyms[:, 1]]


def test_threads_do_not_show() -> None:
    found = [counter_fit(*problem_of_all_terms(), threads=threads) for threads in (1, 2, 3, 7, None)]
    assert len(set(map(digest, found))) == 1
    assert found[0].vsp_pairs > 1_000


@pytest.mark.parametrize("kernels", [("Nehalem", "1"), ("Haswell", "2")])
def test_processes_and_products_do_not_show(kernels: tuple[str, str]) -> None:
    """A process of its own, with the matrix products of other processors."""
    program = "from tests.counterfit.test_fit import *; print(digest(counter_fit(*problem_of_all_terms(), threads=2)))"
    environment = os.environ | {"OPENBLAS_CORETYPE": kernels[0], "OPENBLAS_NUM_THREADS": kernels[1]}
    folder = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=folder, env=environment, check=True
    )
    assert done.stdout.strip() == digest(counter_fit(*problem_of_all_terms()))


@pytest.fixture(scope="module")
def real(shared_data: Path) -> tuple[WordVectors, Constraints]:
    """The most frequent words of the real vectors, and the real pairs."""
    vectors = read_vectors(shared_data / "vectors" / "english-20k-100d.txt.gz", limit=LIMIT)
    folder = shared_data / "constraints"
    antonyms = [read_pairs(folder / f"{name}_antonyms.txt") for name in ("ppdb", "wordnet")]
    return vectors, resolve(vectors.index, [read_pairs(folder / "ppdb_synonyms.txt")], antonyms)


@pytest.fixture(scope="module")
def real_fits(real: tuple[WordVectors, Constraints]) -> tuple[Fitted, reference.Fitted]:
    """20 steps of package and reference."""
    vectors, pairs = real
    found = counter_fit(vectors.matrix, pairs.synonyms, pairs.antonyms)
    return found, reference.counter_fit(vectors.matrix, pairs.synonyms, pairs.antonyms, reference.Settings())


def test_twenty_steps_on_real_vectors(real_fits: tuple[Fitted, reference.Fitted]) -> None:
    found, expected = real_fits
    assert found.vsp_pairs == expected.vsp_pairs
    np.testing.assert_allclose([t[1:] for t in found.terms], expected.terms, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found.matrix, expected.matrix, rtol=0, atol=HALF_ULP)


def test_neighbor_lists_agree_but_for_near_ties(real_fits: tuple[Fitted, reference.Fitted]) -> None:
    """Distances that differ by rounding alone may change places: at most 2e-6 apart, in at most one list of a thousand."""
    lists = []
    for fitted in real_fits:
        near = nearest(fitted.matrix.astype(np.float32), k=8, threshold=2.0)
        lists.append((near.rows.reshape(LIMIT, 8), near.distances.reshape(LIMIT, 8)))
    (rows, distances), (expected_rows, expected_distances) = lists
    np.testing.assert_allclose(distances, expected_distances, rtol=0, atol=2e-6)
    differing = int((rows != expected_rows).any(axis=1).sum())
    assert differing <= LIMIT // 1000


def test_terms_fall_on_real_vectors(real_fits: tuple[Fitted, reference.Fitted], real: tuple[WordVectors, Constraints]) -> None:
    first, second, last = (real_fits[0].terms[k] for k in (0, 1, -1))
    assert last.step == 20
    assert min(len(real[1].antonyms), len(real[1].synonyms)) > 900
    assert last.ar < 0.05 * first.ar
    assert last.sa < 0.1 * first.sa
    assert first.vsp == 0 < second.vsp
    assert max(terms.vsp for terms in real_fits[0].terms) < 0.002 * first.ar
    assert last.total < 0.1 * first.total
    assert all(t.total == pytest.approx(0.1 * (t.ar + t.sa + t.vsp)) for t in real_fits[0].terms)


def test_antonyms_end_apart_and_synonyms_close(
    real_fits: tuple[Fitted, reference.Fitted], real: tuple[WordVectors, Constraints]
) -> None:
    vectors, pairs = real
    matrix, shares = vectors.matrix / np.linalg.norm(vectors.matrix, axis=1)[:, None], []
    for rows in (matrix, real_fits[0].matrix):
        cosines = [(rows[p[:, 0]] * rows[p[:, 1]]).sum(axis=1) for p in (pairs.antonyms, pairs.synonyms)]
        shares.append([float((c > 0.5).mean()) for c in cosines])
    (antonyms_before, synonyms_before), (antonyms_after, synonyms_after) = shares
    assert antonyms_after < 0.01 < 0.3 < antonyms_before
    assert synonyms_before < 0.7 < 0.99 < synonyms_after
