"""Reading word vectors: gensim as the reference, every packing, what is kept, and memory for that alone."""

import bz2
import gzip
import io
import subprocess
import sys
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from gensim.models import KeyedVectors
from hypothesis import given
from hypothesis import strategies as st

from tests.vectors.made import assert_same, made_of
from xlt_augment.errors import UsageError, VectorError
from xlt_augment.vectors import text
from xlt_augment.vectors.read import read_vectors
from xlt_augment.vectors.word_vectors import WordVectors

GLOVE = b"the 1 0.5\nFilm -2 1e-3\nfilm 3 4\nnaive 0 1\n"
NUMBERS = st.floats(width=32, allow_nan=False, allow_infinity=False)
LEAKS = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # gensim leaves files open
TOKENS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=" \n"), min_size=1, max_size=6)


def random_vectors(count: int, dimensions: int) -> WordVectors:
    matrix = np.random.default_rng(7).normal(size=(count, dimensions)).astype(np.float32)
    return WordVectors(tuple(f"w{k}é" for k in range(count)), matrix, np.arange(1, count + 1))


def packed(content: bytes, ending: str) -> bytes:
    if ending == ".zip":
        with zipfile.ZipFile(stream := io.BytesIO(), "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("vectors.txt", content)
        return stream.getvalue()
    if ending == ".zst":
        return bytes(pa.Codec("zstd").compress(content, asbytes=True))
    return {".gz": gzip.compress, ".bz2": bz2.compress, "": bytes}[ending](content)


@LEAKS
@pytest.mark.parametrize(("name", "binary", "header"), [("v.txt", False, True), ("v.vec", False, False), ("v.bin", True, True)])
def test_gensim_reads_the_same(name: str, binary: bool, header: bool, tmp_path: Path) -> None:
    original = random_vectors(3_000, 60)  # several blocks in text
    original.to_keyed_vectors().save_word2vec_format(str(tmp_path / name), binary=binary, write_header=header)
    found = read_vectors(tmp_path / name)
    reference = KeyedVectors.load_word2vec_format(str(tmp_path / name), binary=binary, no_header=not header)
    assert found.made["format"] == ("word2vec-bin" if binary else "word2vec" if header else "glove")
    assert_same(found, original)
    assert_same(WordVectors.from_keyed_vectors(reference), found)
    assert found.ranks.tolist() == list(range(1, 3_001))
    assert_same(read_vectors(tmp_path / name, limit=2_999), made_of(*zip(found.words[:-1], found.matrix[:-1].tolist())))


@LEAKS
def test_real_vectors_are_as_gensim_reads_them(shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "vectors" / "english-20k-100d.txt.gz"
    found = read_vectors(path)
    assert (len(found.words), found.matrix.shape, found.words[:3]) == (20_000, (20_000, 100), ("the", "of", "a"))
    (tmp_path / "v.txt").write_bytes(gzip.decompress(path.read_bytes()))  # gensim leaves a packed file open
    assert_same(WordVectors.from_keyed_vectors(KeyedVectors.load_word2vec_format(tmp_path / "v.txt", no_header=True)), found)


@given(rows=st.dictionaries(TOKENS, st.lists(NUMBERS, min_size=3, max_size=3).filter(any), min_size=1, max_size=8))
@pytest.mark.parametrize("name", ["v.txt", "v.bin", "v.glove"])
def test_any_word_and_number_comes_back(rows: dict[str, list[float]], name: str, tmp_path: Path) -> None:
    vectors = made_of(*rows.items())
    if name == "v.glove":
        lines = [f"{word} {' '.join(map(str, row))}\n" for word, row in zip(vectors.words, vectors.matrix)]
        (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + "".join(lines).encode())  # what a first word may begin with
    else:
        vectors.save(tmp_path / name)
    # Three floats may be bytes of plain text, which `auto` cannot tell from a bad row of text; a hundred are not.
    format = "word2vec-bin" if name == "v.bin" else "auto"
    assert_same(read_vectors(tmp_path / name, format=format), vectors)


@pytest.mark.parametrize("ending", ["", ".gz", ".bz2", ".zst", ".zip"])
@pytest.mark.parametrize("content", [GLOVE, b"4 2\n" + GLOVE])
def test_packed_files_hold_the_same(ending: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / f"v.txt{ending}"
    path.write_bytes(packed(content, ending))
    expected = made_of(("the", [1, 0.5]), ("Film", [-2, 1e-3]), ("film", [3, 4]), ("naive", [0, 1]))
    found = read_vectors(path)
    assert_same(found, expected)
    assert (found.made["name"], found.made["member"]) == (path.name, "vectors.txt" if ending == ".zip" else None)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]  # nothing is unpacked to disk


def test_a_line_end_within_a_float_is_no_line_end(tmp_path: Path) -> None:
    number = np.frombuffer(b"<\nd[", "<f4")[0]
    vectors = made_of(("a", [float(number), 0, 0]), ("b", [1, 2, 3]))
    vectors.save(tmp_path / "v.bin")
    assert_same(read_vectors(tmp_path / "v.bin"), vectors)


def test_a_zip_of_several_needs_a_name(tmp_path: Path) -> None:
    path = tmp_path / "glove.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.mkdir("small")
        archive.writestr("small/a.2d.txt", GLOVE)
        archive.writestr("b.3d.txt", b"the 1 2 3\n")
        archive.writestr("c.csv", b"the,1,2,3\n")
    assert read_vectors(path, member="b.3d.txt").matrix.tolist() == [[1, 2, 3]]
    assert read_vectors(path, member="small/a.2d.txt").made["member"] == "small/a.2d.txt"
    with pytest.raises(VectorError, match=r"3 members \(small/a.2d.txt, b.3d.txt, c.csv\).*such as small/a.2d.txt"):
        read_vectors(path)
    with pytest.raises(VectorError, match="no member 'd.txt'; expected one of: small/a.2d.txt"):
        read_vectors(path, member="d.txt")
    with pytest.raises(VectorError, match="c.csv: found the ending '.csv'"):
        read_vectors(path, member="c.csv")


def test_tokens_with_spaces_and_odd_characters(tmp_path: Path) -> None:
    tokens = ["the", ". . .", "at name@domain.com", "a\xa0b", "c\x85d", "e\u2028f", "1", "2 1/2", "\xa0", "g\rh", "i\tj", "#"]
    path = tmp_path / "v.txt"
    for first in range(3):  # also where the first line's token holds spaces
        order = tokens[first:] + tokens[:first]
        path.write_bytes("".join(f"{token} {k}.5 2 \r\n" for k, token in enumerate(order)).encode() + b"\r\n\n")
        assert_same(read_vectors(path), made_of(*((token, [k + 0.5, 2]) for k, token in enumerate(order))))
    path.write_bytes(b". . 1 2\na 3 4")
    assert read_vectors(path).words == (". .", "a")


def test_blocks_end_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "v.txt"
    path.write_bytes(b"5 2\n" + GLOVE + b"end 1 1\n\n \n\n")
    expected = read_vectors(path)
    expected.save(tmp_path / "v.bin")
    with_line_ends = (tmp_path / "v.bin").read_bytes()
    for word in expected.words[1:]:  # as word2vec.c writes them
        with_line_ends = with_line_ends.replace(b"%b " % word.encode(), b"\n%b " % word.encode())
    (tmp_path / "c.bin").write_bytes(with_line_ends + b"\n")
    for size in range(1, 60):
        monkeypatch.setattr("xlt_augment.vectors.text._READ", size)
        monkeypatch.setattr("xlt_augment.vectors.binary._READ", size)
        monkeypatch.setattr("xlt_augment.vectors.layout._HEAD", 20)
        for name in ("v.txt", "v.bin", "c.bin"):
            assert_same(read_vectors(tmp_path / name), expected)
        for limit in range(1, 5):
            assert read_vectors(path, limit=limit).words == expected.words[:limit]
            assert read_vectors(tmp_path / "c.bin", limit=limit).words == expected.words[:limit]


def test_line_by_line_gives_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = random_vectors(200, 20)
    original.save(tmp_path / "v.txt")
    monkeypatch.setattr(text, "_parse", lambda numbers: None)
    assert_same(read_vectors(tmp_path / "v.txt"), original)
    (tmp_path / "v.txt").write_bytes(b"a +1.0 -.5\nb 1E2 1e-50\n")
    np.testing.assert_array_equal(read_vectors(tmp_path / "v.txt").matrix, [[1, -0.5], [100, 0]])


def test_vocabulary_limit_and_ranks(tmp_path: Path) -> None:
    path, words = tmp_path / "v.txt", tmp_path / "words.txt"
    path.write_bytes(GLOVE + b"\xff\xfe 1 x\nthe 5 5\n 1 2\n")  # rows that are not kept: only their fields are counted
    words.write_bytes(b"\xef\xbb\xbfnaive\r\n\n  Film \nabsent\nFilm\n")
    seen: list[int] = []
    found = read_vectors(path, vocabulary=words, progress=seen.append)
    assert (found.words, found.ranks.tolist(), found.matrix.tolist()) == (
        ("Film", "naive"),
        [2, 4],
        [[-2, np.float32(1e-3)], [0, 1]],
    )
    assert sum(seen) == found.made["rows_read"] == 7
    about = found.made["vocabulary"]
    assert (about["name"], about["words"], about["found"], len(about["sha256"])) == ("words.txt", 3, 2, 64)
    assert read_vectors(path, vocabulary=words, limit=3).words == ("Film",)
    assert [found.index[word] for word in found.words] == [0, 1]
    for content, message in [
        (b"\n \r\n", "words.txt: found no word"),
        (b"absent\n", "none of the 1 words of .*words.txt in 7 rows"),
    ]:
        words.write_bytes(content)
        with pytest.raises(VectorError, match=message):
            read_vectors(path, vocabulary=words)
    words.write_bytes(b"fine\n\xff\n")
    with pytest.raises(VectorError, match="words.txt:2: .*not UTF-8"):
        read_vectors(path, vocabulary=words)
    with pytest.raises(VectorError, match="gone.txt: found no such file or directory"):
        read_vectors(path, vocabulary=tmp_path / "gone.txt")


def test_lower_case_spellings_win_else_the_first(tmp_path: Path) -> None:
    path, words = tmp_path / "v.txt", tmp_path / "words.txt"
    path.write_bytes(b"Film 1 1\nApple 2 2\nFILM 3 3\nfilm 4 4\nAPPLE 5 5\nthe 6 6\nFIlm 7 7\nThe 8 8\n")
    found = read_vectors(path, lower=True)
    assert (found.words, found.ranks.tolist()) == (("film", "apple", "the"), [1, 2, 6])
    assert found.matrix[:, 0].tolist() == [4, 2, 6]
    assert found.made["collisions"] == 5
    words.write_bytes(b"APPLE\n")
    found = read_vectors(path, lower=True, vocabulary=words)
    assert (found.words, found.made["collisions"]) == (("apple",), 1)
    path.write_bytes(path.read_bytes() + b"FILM 9 9\n")
    with pytest.raises(VectorError, match=r"v.txt:9: found the word 'FILM' again, first at .*v.txt:3"):
        read_vectors(path, lower=True)


@given(rows=st.lists(st.sampled_from(["a", "A", "ab", "Ab", "aB", "AB", "İ", "i̇", "ß"]), unique=True, min_size=1))
def test_the_collision_rule_by_a_plain_loop(rows: list[str], tmp_path: Path) -> None:
    expected: dict[str, tuple[int, str]] = {}
    for number, spelling in enumerate(rows, start=1):
        place, holder = expected.setdefault(spelling.lower(), (number, spelling))
        expected[spelling.lower()] = (place, spelling if spelling == spelling.lower() else holder)
    (tmp_path / "v.txt").write_text("".join(f"{word} {k} 1\n" for k, word in enumerate(rows)), encoding="utf-8")
    found = read_vectors(tmp_path / "v.txt", lower=True)
    assert list(zip(found.words, found.ranks.tolist())) == [(word, place) for word, (place, _) in expected.items()]
    assert found.matrix[:, 0].tolist() == [rows.index(holder) for _, holder in expected.values()]
    assert found.made["collisions"] == len(rows) - len(expected)


def _measured(path: Path, **options: object) -> tuple[WordVectors, int]:
    tracemalloc.start()
    try:
        return read_vectors(path, **options), tracemalloc.get_traced_memory()[1]  # type: ignore[arg-type]
    finally:
        tracemalloc.stop()


def test_memory_is_for_the_kept_rows(tmp_path: Path) -> None:
    path, tail = tmp_path / "v.txt", b" 1" * 500 + b"\n"
    with path.open("wb") as stream:
        stream.writelines(b"word%d" % k + tail for k in range(70_000))
    (tmp_path / "words.txt").write_bytes(b"word7\nword69999\n")
    whole, small = 70_000 * 500 * 4, 48 << 20
    assert path.stat().st_size > small
    found, peak = _measured(path, vocabulary=tmp_path / "words.txt")
    assert found.ranks.tolist() == [8, 70_000]
    assert peak < small
    found, peak = _measured(path)
    assert found.matrix.nbytes == whole
    assert peak < whole * 9 / 8 + small  # a second copy would be twice as much


def test_a_process_stays_small_too(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "v.txt.gz", "wb", compresslevel=1) as stream:
        stream.writelines(b"word%d" % k + b" 0.25" * 300 + b"\n" for k in range(200_000))  # 300 MB unpacked
    (tmp_path / "words.txt").write_bytes(b"word7\nword199999\n")
    code = (
        "import resource as r, pyarrow.csv\nfrom xlt_augment.vectors.read import read_vectors\n"
        "before = r.getrusage(r.RUSAGE_SELF).ru_maxrss\nread_vectors('v.txt.gz', vocabulary='words.txt')\n"
        "print(r.getrusage(r.RUSAGE_SELF).ru_maxrss - before)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert int(done.stdout) < 120_000  # KiB


def test_settings_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "v.txt").write_bytes(GLOVE)
    for options in ({"limit": 0}, {"limit": -1}, {"format": "fasttext"}, {"member": "v.txt"}):
        with pytest.raises(UsageError):
            read_vectors(tmp_path / "v.txt", **options)  # type: ignore[arg-type]
