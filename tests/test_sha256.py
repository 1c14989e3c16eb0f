"""SHA-256 of streams side by side is hashlib's, however the streams are cut and paired."""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xlt_augment import sha256
from xlt_augment.sha256 import new_sha256, settle, works_in_pairs

PIECE = st.one_of(
    st.binary(max_size=200),
    st.builds(lambda n, b: bytes([b]) * n, st.sampled_from([55, 56, 63, 64, 65, 128, 192, 640, 4_096]), st.integers(0, 255)),
)
needs_pairs = pytest.mark.skipif(not works_in_pairs(), reason="this processor has no instructions for SHA-256")


@given(pieces=st.lists(st.tuples(st.integers(0, 4), PIECE), max_size=30), settled=st.sets(st.integers(0, 29)))
def test_any_streams_in_any_cut_are_those_of_hashlib(pieces: list[tuple[int, bytes]], settled: set[int]) -> None:
    ours, theirs = [new_sha256() for _ in range(5)], [hashlib.sha256() for _ in range(5)]
    for k, (which, piece) in enumerate(pieces):
        ours[which].update(piece)
        theirs[which].update(piece)
        if k in settled:
            settle(ours)
    assert [digest.hexdigest() for digest in ours] == [digest.hexdigest() for digest in theirs]


@pytest.mark.parametrize("size", [0, 1, 55, 56, 64, 119, 120, 1_000_003, 20 << 20])
def test_lengths_around_the_padding_and_beyond_what_waits(size: int) -> None:
    data = np.random.default_rng(size).integers(0, 256, size, np.uint8).tobytes()
    digest = new_sha256()
    digest.update(memoryview(data))
    assert digest.digest() == hashlib.sha256(data).digest()


@pytest.mark.parametrize("kind", [np.uint8, np.int32, np.uint64])
def test_views_of_numbers_count_their_bytes(kind: type) -> None:
    values = np.arange(1_000, dtype=kind)
    digest = new_sha256()
    digest.update(values.data)
    digest.update(values[:0].data)
    assert digest.hexdigest() == hashlib.sha256(values.tobytes()).hexdigest()


@needs_pairs
def test_a_digest_is_the_end() -> None:
    digest = new_sha256()
    digest.update(b"abc")
    assert digest.digest() == digest.digest() == hashlib.sha256(b"abc").digest()
    with pytest.raises(ValueError, match="after the digest"):
        digest.update(b"d")


@needs_pairs
def test_little_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sha256, "_AT_MOST", 1_000)
    digest = new_sha256()
    for _ in range(100):
        digest.update(bytes(100))
        assert digest._held <= 1_000  # type: ignore[attr-defined]
    assert digest.hexdigest() == hashlib.sha256(bytes(10_000)).hexdigest()


@needs_pairs
def test_settling_leaves_nothing_waiting() -> None:
    streams = [new_sha256() for _ in range(3)]
    for k, stream in enumerate(streams):
        stream.update(bytes(1_000 * (k + 1)))
        stream.update(bytes(640))
    settle([*streams, *streams])  # one that is named twice is no company to itself
    assert not any(stream.blocks() for stream in streams)  # type: ignore[attr-defined]


@pytest.mark.parametrize("variable", [{"NUMBA_DISABLE_JIT": "1"}, {"NUMBA_CPU_NAME": "x86-64"}])
def test_a_compiler_that_may_not_use_the_instructions_leaves_it_to_hashlib(variable: dict[str, str]) -> None:
    code = "from xlt_augment.sha256 import new_sha256 as n; d = n(); d.update(b'abc'); print(type(d).__module__, d.hexdigest())"
    done = subprocess.run([sys.executable, "-c", code], env=os.environ | variable, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["_hashlib", hashlib.sha256(b"abc").hexdigest()]
