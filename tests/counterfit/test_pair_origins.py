"""What `synonyms build` records of its neighbors, against the files it was given and numpy in float64."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.command import run_here
from tests.counterfit.toy import write_toy
from tests.small_wordnet import write_wordnet
from xlt_augment import SynonymSet
from xlt_augment.synonyms.origins import Origin

FILES = ("--vectors", "vectors.txt", "--synonym-pairs", "synonyms.txt", "--antonym-pairs", "antonyms.txt", "--k", "3")


@pytest.fixture
def toy(clean_folder: Path) -> Path:
    write_toy(clean_folder)
    return clean_folder


def built(capsys: pytest.CaptureFixture[str], *args: object) -> SynonymSet:
    done = run_here(capsys, "synonyms", "build", *args, "--out", "s.arrow", "--overwrite")
    assert done.code == 0, done.err
    return SynonymSet.load("s.arrow")


def entries(synonyms: SynonymSet) -> Iterator[tuple[str, str, float, Origin]]:
    for word in synonyms.to_mapping():
        origins = synonyms.origins(word)
        assert origins is not None
        for neighbor, origin in zip(synonyms.neighbors(word), origins, strict=True):
            assert neighbor.distance is not None
            assert origin is not None
            yield word, neighbor.word, neighbor.distance, origin


def distances(metric: str) -> dict[frozenset[str], float]:
    """Between the rows of the file at unit length, in plain float64."""
    lines = [line.split() for line in Path("vectors.txt").read_text().splitlines()]
    vectors = {word: np.array(numbers, float) for word, *numbers in lines}
    units = {word: vector / np.linalg.norm(vector) for word, vector in vectors.items()}
    if metric == "cosine":
        return {frozenset((a, b)): 1 - units[a] @ units[b] for a in units for b in units}
    return {frozenset((a, b)): float(np.linalg.norm(units[a] - units[b])) for a in units for b in units}


def pairs(name: str) -> set[frozenset[str]]:
    return {frozenset(line.split()) for line in Path(name).read_text().splitlines()}


@pytest.mark.parametrize(("metric", "threshold"), [("cosine", 0.9), ("euclidean", 1.3)])
def test_lists_and_distances_are_those_of_the_files(
    metric: str, threshold: float, toy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # The second list turns pairs round, repeats one, and names some that the first does not.
    Path("more.txt").write_text("film movie\nfilm movie\nlane road\nnobody here\n")
    found = built(capsys, *FILES, "--synonym-pairs", "more.txt", "--metric", metric, "--threshold", threshold)
    expected, lists = distances(metric), {name: pairs(name) for name in ("synonyms.txt", "more.txt")}
    sources, moved = [], []
    for word, neighbor, distance, origin in entries(found):
        pair = frozenset((word, neighbor))
        names = tuple(name for name, own in lists.items() if pair in own)
        assert origin.lists == names
        assert origin.source == ("constraint" if names else "vectors")
        assert origin.before == pytest.approx(expected[pair], abs=3e-6)
        sources.append(origin.source)
        moved.append(abs(distance - expected[pair]) > 0.05)
    assert {"constraint", "vectors"} == set(sources)
    assert any(moved)
    [film] = [origin for word, neighbor, _, origin in entries(found) if (word, neighbor) == ("movie", "film")]
    assert film.lists == ("synonyms.txt", "more.txt")


def test_a_pair_of_both_kinds_was_not_drawn_together(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Path("antonyms.txt").open("a") as file:
        file.write("film movie\n")
    found = built(capsys, *FILES, "--keep-antonyms", "--threshold", "2", "--k", "12", "--steps", "1")
    origin = {n: o for w, n, _, o in entries(found) if w == "movie"}["film"]
    assert (origin.source, origin.lists) == ("vectors", ("synonyms.txt",))


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_nothing_moved_without_steps(metric: str, toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = list(entries(built(capsys, *FILES, "--metric", metric, "--steps", 0, "--threshold", 0.9)))
    assert len(rows) > 10
    assert all(origin.before == distance for _, _, distance, origin in rows)


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_nothing_moved_without_pairs(metric: str, toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = list(entries(built(capsys, "--vectors", "vectors.txt", "--metric", metric, "--threshold", 0.9)))
    assert len(rows) > 10
    assert all(origin[:2] == ("vectors", ()) for *_, origin in rows)
    assert all(origin.before == pytest.approx(distance, abs=1.2e-6) for _, _, distance, origin in rows)


def test_wordnet_is_a_list_by_its_name(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_wordnet(toy / "wordnet")
    found = built(capsys, *FILES, "--wordnet-dir", "wordnet", "--threshold", "0.5")
    assert {o.lists for w, n, _, o in entries(found) if {w, n} == {"movie", "film"}} == {("synonyms.txt", "WordNet")}


def test_the_same_bytes_for_any_threads(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seen = set()
    for threads in (1, 2, 3):
        assert built(capsys, *FILES, "--num-proc", threads).has_origins
        seen.add(Path("s.arrow").read_bytes())
    assert len(seen) == 1
