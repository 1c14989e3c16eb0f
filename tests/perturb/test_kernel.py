"""Where the compiled loops take short cuts: words around eight and sixteen bytes, and the ends of arrays."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.perturb import reference
from tests.perturb.reference import Place
from xlt_augment import Substitute, Swap, SynonymSet, augment
from xlt_augment.words import kernel_bytes, kernel_words
from xlt_augment.words.kernel_bytes import SHORT, WIDE, copy_bytes, find_byte, hash_bytes, same_bytes
from xlt_augment.words.split import split_text

pytestmark = pytest.mark.skipif(not reference.SAME_UNICODE, reason="this Python's Unicode table is another version")
# Words that share beginnings and ends, of every length around the limits of a hash, a cell and a vector move.
lengths = st.sampled_from([1, 2, 7, 8, 9, 14, 15, 16, 17, 24, 31, 33, 63, 64, 65, 130])
word = st.builds(lambda n, last, fill: fill * (n - 1) + last, lengths, st.sampled_from("abAé"), st.sampled_from(["x", "y"]))
sets = st.dictionaries(word, st.lists(word, max_size=4), min_size=1, max_size=12)
# From a row to far more text than one vector move holds, so that both the fast and the careful copies are met.
rows = st.lists(st.lists(word, max_size=8).map(" ".join), min_size=1, max_size=30)


@pytest.mark.parametrize("p", [0.5, 1.0, "uniform"])
@given(neighbors=sets, texts=rows, seed=st.integers(0, 2**64 - 1))
@settings(max_examples=60)
def test_words_of_every_length_are_found_and_replaced(
    p: float | str, neighbors: dict[str, list[str]], texts: list[str], seed: int
) -> None:
    operator = Substitute(SynonymSet.from_mapping(neighbors), p=p, words="space", case="exact")  # type: ignore[arg-type]
    expected = []
    for t, text in enumerate(texts):
        words, gaps = reference.split(text, "space")
        candidates = [reference.replacements(w, i, neighbors, "exact", ()) for i, w in enumerate(words)]
        places = [Place(seed, "text", t, variant) for variant in (1, 2)]
        expected.append([reference.join(reference.substitute(words, place, p, candidates), gaps) for place in places])
    assert augment(texts, operator, m=2, seed=seed) == expected


@given(texts=rows, seed=st.integers(0, 2**64 - 1))
@settings(max_examples=60)
def test_words_of_every_length_swap(texts: list[str], seed: int) -> None:
    expected = []
    for t, text in enumerate(texts):
        words, gaps = reference.split(text, "space")
        place = Place(seed, "text", t, 1)
        expected.append([reference.join(reference.swap(words, place, 0.5, [False] * len(words)), gaps)])
    assert augment(texts, Swap(p=0.5, words="space"), m=1, seed=seed) == expected


@given(
    data=st.lists(st.sampled_from([0, 31, 32, 33, 160, 255]), max_size=40), start=st.integers(0, 40), length=st.integers(0, 40)
)
def test_a_byte_is_found_where_it_first_stands(data: list[int], start: int, length: int) -> None:
    start = min(start, len(data))
    end = min(start + length, len(data))
    expected = data.index(32, start, end) if 32 in data[start:end] else end
    assert find_byte(np.array(data, np.uint8), start, end, 32) == expected


def test_a_word_with_a_nul_byte_is_not_the_one_without() -> None:
    operator = Substitute(SynonymSet.from_mapping({"a": ["b"]}), p=1.0, words="space")
    assert augment(["a a\0 \0a a"], operator, m=1) == [["b a\0 \0a b"]]


pieces = st.binary(max_size=3 * WIDE)


@given(before=pieces, piece=pieces, after=pieces, room=st.integers(0, 2 * WIDE))
def test_a_copy_is_exact_whatever_lies_around_it(before: bytes, piece: bytes, after: bytes, room: int) -> None:
    data = np.frombuffer(before + piece + after, np.uint8)
    out = np.full(len(before) + len(piece) + room, 7, np.uint8)
    end = copy_bytes(out, len(before), data, len(before), len(before) + len(piece))
    assert end == len(before) + len(piece)
    assert out[: len(before)].tolist() == [7] * len(before)
    assert out[len(before) : end].tobytes() == piece


@given(a=pieces, b=pieces, tail=pieces)
def test_ranges_are_the_same_when_their_bytes_are(a: bytes, b: bytes, tail: bytes) -> None:
    one, other = np.frombuffer(a, np.uint8), np.frombuffer(b + tail, np.uint8)
    assert same_bytes(one, 0, len(a), other, 0, len(b)) == (a == b)
    again = np.frombuffer(tail + a, np.uint8)
    assert same_bytes(one, 0, len(a), again, len(tail), len(again))
    assert hash_bytes(one, 0, len(a)) == hash_bytes(again, len(tail), len(again))


@given(a=st.binary(max_size=SHORT), b=st.binary(max_size=SHORT))
def test_short_ranges_of_one_length_never_share_a_hash(a: bytes, b: bytes) -> None:
    hashes = [hash_bytes(np.frombuffer(x, np.uint8), 0, len(x)) for x in (a, b)]
    assert (hashes[0] == hashes[1]) == (a == b) or len(a) != len(b)


def test_no_hash_is_shared_by_a_million_short_words() -> None:
    words = np.random.default_rng(0).integers(0, 256, (1_000_000, SHORT), np.uint8)
    words[:, 3:] = 97  # they differ in three bytes
    distinct = np.unique(words, axis=0)
    data = distinct.ravel()
    found = {int(hash_bytes(data, SHORT * k, SHORT * (k + 1))) for k in range(0, len(distinct), 50)}
    assert len(found) == len(range(0, len(distinct), 50))
    low = np.array([h & 0xFFFF for h in found])
    assert np.bincount(low, minlength=65_536).max() <= 12  # slots of the index are spread


def _finds(known: bytes, asked: bytes) -> bool:
    """Whether an index of the word `known` takes `asked` for it."""
    key, offsets = np.frombuffer(known, np.uint8), np.array([0, len(known)])
    slots = kernel_words.build_index(key, offsets, np.array([0]))
    data = np.frombuffer(asked, np.uint8)
    h = np.uint64(hash_bytes(data, 0, len(asked)))
    return int(kernel_words._find(slots, key, offsets, data, 0, len(asked), h)) == 0


def _bytes(value: int) -> bytes:
    return (value % 2**64).to_bytes(8, "little")


def test_words_with_one_hash_are_told_apart() -> None:
    k1, k2 = int(kernel_bytes._K1), int(kernel_bytes._K2)

    def step(state: int, eight: int) -> int:
        state = (state ^ eight) * k2 % 2**64
        return state ^ state >> 32

    a, b = int.from_bytes(b"abcdefgh", "little"), int.from_bytes(b"ijklmnop", "little")
    start, tail = 16 * k1 % 2**64, int.from_bytes(b"qrstuvwx", "little")
    long, twin = _bytes(a) + _bytes(tail), _bytes(b) + _bytes(tail ^ step(start, a) ^ step(start, b))  # made to collide
    short = b"abc"
    other = _bytes((8 * k1) ^ (3 * k1) ^ int.from_bytes(short, "little"))  # of another length
    for one, two in ((long, twin), (short, other)):
        hashes = {int(hash_bytes(np.frombuffer(word, np.uint8), 0, len(word))) for word in (one, two)}
        assert len(hashes) == 1
        assert (_finds(one, one), _finds(one, two), _finds(two, one)) == (True, False, False)


@pytest.mark.parametrize("mode", ["span", "space"])
@pytest.mark.parametrize("text", ["", " ", "a", " a", "a ", "  a  bc  ", "é", "字 字", "a" * 200])
def test_texts_that_end_anywhere_fall_into_words(mode: str, text: str) -> None:
    assert split_text(text, mode) == reference.split(text, mode)
