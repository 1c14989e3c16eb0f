"""Mutual nearest neighbors against a plain loop; programs as aligners, and each of their faults."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from xlt_train.errors import AlignerError, UsageError
from xlt_train.probing.aligners import VECTOR_ALIGNERS, Side, mutual_nearest
from xlt_train.probing.programs import choose_aligner

SOURCES = [Side(("a", "b", "c")), Side(()), Side(("x|||y", "z z"))]
TARGETS = [Side(("A", "B")), Side(("C",)), Side(("X", "Y"))]
MONOTONE = "for line in lines:\n    a, b = (side.split() for side in line.split(' ||| '))\n"
MONOTONE += "    print(*(f'{k}-{k}' for k in range(min(len(a), len(b)))))"

# Whole numbers: no rounding decides.
_ROWS = st.integers(0, 5).flatmap(lambda n: arrays(np.float64, (n, 3), elements=st.integers(-3, 3).map(float)))


def _plain(source: np.ndarray, target: np.ndarray, name: str, *, most: int = 9) -> list[list[int]]:
    """Pairs of nearest words; `most`: of how many that are as near."""

    def apart(a: np.ndarray, b: np.ndarray) -> float:
        if name == "mutual-euclidean":
            return float(sum((x - y) ** 2 for x, y in zip(a, b)))
        sizes = float(np.sqrt(sum(x * x for x in a)) * np.sqrt(sum(y * y for y in b)))
        return 1 - (float(sum(x * y for x, y in zip(a, b))) / sizes if sizes else 0.0)

    def nearest(one: np.ndarray, others: np.ndarray) -> list[int]:
        distances = [apart(one, other) for other in others]
        return [k for k, d in enumerate(distances) if d <= min(distances) + 1e-9]

    return [
        [i, j]
        for i, a in enumerate(source)
        for j, b in enumerate(target)
        if j in nearest(a, target) and i in nearest(b, source)
        if max(len(nearest(a, target)), len(nearest(b, source))) <= most
    ]


@pytest.mark.parametrize("name", VECTOR_ALIGNERS)
@given(source=_ROWS, target=_ROWS)
def test_pairs_are_each_others_nearest(name: str, source: np.ndarray, target: np.ndarray) -> None:
    found = mutual_nearest(source, target, VECTOR_ALIGNERS[name]).tolist()
    plain = _plain(source, target, name)
    assert all(pair in plain for pair in found)
    assert len({i for i, _ in found}) == len({j for _, j in found}) == len(found)
    assert all(
        pair in found for pair in _plain(source, target, name, most=1)
    )  # where several are as near, any of them may be taken


@pytest.mark.parametrize(("name", "nearest"), [("mutual", 0), ("mutual-euclidean", 1)])
def test_the_two_distances_differ(name: str, nearest: int) -> None:
    chosen = choose_aligner(name)
    sources = [Side((), np.empty((0, 2), np.float32)), Side(("a",), np.array([[1, 0]], np.float32))]
    targets = [Side(("A",), np.ones((1, 2), np.float32)), Side(("A", "B"), np.array([[9, 0], [1, 0.5]], np.float32))]
    assert [links.tolist() for links in chosen.align(sources, targets)] == [[], [[0, nearest]]]
    assert (chosen.name, chosen.uses_vectors) == (name, True)


def test_a_program_aligns_what_has_words(aligner: Callable[[str], str], tmp_path: Path) -> None:
    name = aligner(f"open({str(tmp_path / 'seen')!r}, 'w').write('\\n'.join(lines))\n{MONOTONE}")
    chosen = choose_aligner(name)
    assert [links.tolist() for links in chosen.align(SOURCES, TARGETS)] == [[[0, 0], [1, 1]], [], [[0, 0], [1, 1]]]
    assert (tmp_path / "seen").read_text() == "a b c ||| A B\nx_y z_z ||| X Y"
    assert (chosen.name, chosen.uses_vectors) == (name, False)
    (tmp_path / "seen").unlink()
    assert [len(links) for links in chosen.align(SOURCES[1:2], TARGETS[1:2])] == [0]
    assert not (tmp_path / "seen").exists()  # nothing to align, nothing to start


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("print('0-0')", "found 1 lines for 2 pairs of sentences"),
        ("pass", "found 0 lines for 2 pairs"),
        ("print('0-0\\n0-0\\n')", "found 3 lines for 2 pairs"),
        ("print('0-0\\n0-2')", "found 0-2 in line 2, of sentences of 2 and 2 words"),
        ("print('3-0\\n0-0')", "found 3-0 in line 1, of sentences of 3 and 2 words"),
        ("print('0-0\\n0:0')", "found '0:0' in line 2"),
        ("print('0--1\\n')", "found '0--1' in line 1"),
        ("sys.stdout.buffer.write(b'\\xff\\n\\n')", "in line 1"),
        ("sys.exit('no luck\\nat all')", r"found exit code 1 \(at all\); expected exit code 0"),
        ("sys.exit(3)", r"found exit code 3 \(nothing on standard error\)"),
    ],
)
def test_the_faults_of_a_program(aligner: Callable[[str], str], body: str, message: str) -> None:
    with pytest.raises(AlignerError, match=message):
        choose_aligner(aligner(body)).align(SOURCES, TARGETS)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no-such-aligner -x", "found no such program; expected mutual, mutual-euclidean, eflomal, or a command"),
        ("", "an empty command"),
        ("align 'it", "a command with no closing quotation"),
    ],
)
def test_a_command_that_cannot_be_one(name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        choose_aligner(name)


def test_a_program_that_cannot_be_started(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_bytes(b"#!/no/such/interpreter\n")
    broken.chmod(0o755)
    with pytest.raises(AlignerError, match="aligning words with broken: found No such file"):
        choose_aligner(str(broken)).align(SOURCES, TARGETS)


def _eflomal(folder: Path, body: str) -> None:
    """A program of that name, with its options `i`, `f` and `r` by name."""
    script = folder / "eflomal-align"
    head = f"#!{sys.executable}\nimport sys\ngiven = dict(zip(sys.argv[1::2], sys.argv[2::2]))\n"
    script.write_text(head + "i, f, r = (given[name] for name in ('-i', '-f', '-r'))\n" + body)
    script.chmod(0o755)


def test_eflomal_gives_what_both_directions_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    _eflomal(
        tmp_path,
        "assert open(i).read() == 'a b c ||| A B\\nx_y z_z ||| X Y\\n'\n"
        "open(f, 'w').write('2-1 0-0 1-1\\n\\n')\nopen(r, 'w').write('0-0 2-1 1-0\\n1-1\\n')\n",
    )
    found = choose_aligner("eflomal").align(SOURCES, TARGETS)
    assert [links.tolist() for links in found] == [[[0, 0], [2, 1]], [], []]
    _eflomal(tmp_path, "open(f, 'w').write('0-0\\n0-0\\n')\n")
    with pytest.raises(AlignerError, match="aligning words with eflomal: found no links"):
        choose_aligner("eflomal").align(SOURCES, TARGETS)


def test_eflomal_that_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(UsageError, match=r"found no such program.*pip install 'xlt\[align\]'"):
        choose_aligner("eflomal")
