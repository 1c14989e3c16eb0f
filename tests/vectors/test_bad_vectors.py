"""Vector files that cannot be read as they are: each refused with its place, what was found and what to do."""

import bz2
import gzip
import io
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from xlt_augment.errors import VectorError
from xlt_augment.vectors.read import read_vectors

ROW = struct.pack("<2f", 1.0, 2.0)
TWO = b"2 2\na " + ROW + b"b " + ROW
TEXTS = {
    "too few numbers": (b"a 1 2\nb 3 4\nc 5\n", r"v:3: found 1 number; expected a word and 2 numbers"),
    "too many numbers": (b"a 1 2\nb 3 4\nc 5 6 7\n", r"v:3: found one number or more too many \('5' before"),
    "one of two rows is longer": (b"a 1 2 3\nb 1 2\n", r"v:1: found one number or more too many \('1'"),
    "a dimension that changes midway": (b"a 1 2\nb 3 4\nc 1 2 3\nd 1 2 3\n", r"v:3: found one number or more too many"),
    "a dimension that sinks": (b"3 3\na 1 2 3\nb 3 4\nc 1 2\n", "v:3: found 2 numbers; expected a word and 3"),
    "two spaces": (b"a 1 2\nb  3 4\n", "v:2: found an empty field"),
    "two spaces between numbers": (b"a 1 2 3\nb 3  4\n", "v:2: found '' as number 2|v:2: found an empty field"),
    "a leading space": (b"a 1 2\n b 3 4\n", "v:2: found an empty field"),
    "tabs": (b"a\t1\t2\n", "v:1: found rows of 1 field; expected a word and at least 2 numbers, with single spaces"),
    "no number": (b"a 1 2\nb 1 x\n", "v:2: found 'x' as number 2"),
    "a number Python alone knows": (b"a 1 2\nb 1_0 2\n", "v:2: found '1_0' as number 1"),
    "a decimal comma": (b"a 1 2\nb 1,5 2\n", "v:2: found '1,5' as number 1"),
    "a no-break space between": (b"a 1 2\nb 1 2\xc2\xa03\n", r"v:2: found '2\\xa03' as number 2"),
    "a carriage return between": (b"a 1 2\nb 1\r2 3\n", r"v:2: found '1\\r2' as number 1"),
    "NaN": (b"a 1 2\nb 1 nan\n", "v:2: found nan as number 2; expected finite numbers"),
    "infinite": (b"a 1 2\nb -inf 1\n", "v:2: found -inf as number 1"),
    "too large": (b"2 2\na 1 2\nb 1 1e39\n", "v:3: found inf as number 2"),
    "the first of two": (b"a 1 2\nb 0 0\nc nan 1\n", "v:2: found a vector of zeros"),
    "zeros": (b"a 1 2\nb 0 -0.0\n", "v:2: found a vector of zeros"),
    "a duplicate": (b"3 2\na 1 2\nb 1 2\na 1 2\n", "v:4: found the word 'a' again, first at .*v:2; expected each word once"),
    "an empty word": (b"a 1 2\n 1 2\n", "v:2: found an empty word"),
    "no UTF-8": (b"a 1 2\nb\xff 1 2\n", r"v:2: found the word b'b\\xff', not UTF-8"),
    "a blank line": (b"a 1 2\n\nb 1 2\n", "v:2: found a blank line"),
    "a line of spaces": (b"a 1 2\n   \nb 1 2\n", "v:2: found a blank line"),
    "fewer rows than promised": (b"3 2\na 1 2\nb 1 2\n", "v: found 2 rows; expected 3, as its header says"),
    "more rows than promised": (b"1 2\na 1 2\nb 1 2\n", "v: found more than 1 rows; expected 1, as its header says"),
    "a header alone": (b"3 2\n", "v: found 0 rows; expected 3"),
    "a header of no rows": (b"0 2\n", "v:1: found rows of 2 fields"),
    "a huge header": (b"2 99999999999\na 1 2\n", "v:1: found a header of 99,999,999,999 dimensions"),
    "empty": (b"", "v: found an empty file"),
    "blank": (b"\r\n \n", "v: found an empty file"),
    "prose": (b"It was a dark night;\nthe rain fell.\n", "v:1: found"),
    "ragged in row 1": (b"2 2\na 1\nb 1 2\n", "v:2: found 1 number"),
    "a pickle": (pickle.dumps({"a": np.ones(2)}), "v: found a pickle, which is never read; .*save_word2vec_format"),
    "an array": (b"\x93NUMPY\x01\x00", "v: found a numpy array"),
    "fastText": (struct.pack("<ii", 793712314, 12), "v: found a fastText model"),
    "gzip": (gzip.compress(b"a 1 2\n"), "v: found gzip data under another ending"),
    "bzip2": (bz2.compress(b"a 1 2\n"), "v: found bzip2 data"),
    "zstd": (pa.Codec("zstd").compress(b"a 1 2\n", asbytes=True), "v: found zstd data"),
    "rows of binary without header": (b"a " + ROW + b"b " + ROW, "v: found binary data without a header"),
}  # fmt: skip
BINARIES = {
    "truncated in the numbers": (TWO[:-3], "v: found the end of the file after 1 rows; expected 2 rows"),
    "truncated in a word": (TWO[:-9], "v: found the end of the file after 1 rows"),
    "truncated after the header": (TWO[:4], "v: found .* rows"),
    "more than promised": (TWO + b"c " + ROW, "v: found more bytes; expected the end of the file behind 2 rows"),
    "NaN": (TWO[:-4] + struct.pack("<f", float("nan")), "v: row 2: found nan as number 2"),
    "zeros": (TWO[:-8] + bytes(8), "v: row 2: found a vector of zeros"),
    "a duplicate": (b"2 2\n" + 2 * (b"a " + ROW), "v: row 2: found the word 'a' again, first at .*v: row 1"),
    "an empty word": (b"2 2\na " + ROW + b"\n " + ROW, "v: row 2: found an empty word"),
    "no UTF-8": (b"1 2\n\xff " + ROW, "v: row 1: found the word .*not UTF-8"),
    "no space": (TWO[:-10] + b"\0" * 70_000, "v: row 2: found no space in 65,536 bytes"),
}


def refused(path: Path, message: str, **options: object) -> None:
    with pytest.raises(VectorError, match=message) as caught:
        read_vectors(path, **options)  # type: ignore[arg-type]
    assert len(str(caught.value)) < 500 + 3 * len(str(path))


@pytest.mark.parametrize("case", TEXTS)
def test_text_is_refused(case: str, tmp_path: Path) -> None:
    content, message = TEXTS[case]
    (tmp_path / "v").write_bytes(content)
    refused(tmp_path / "v", message)


@pytest.mark.parametrize("case", BINARIES)
def test_binary_is_refused(case: str, tmp_path: Path) -> None:
    content, message = BINARIES[case]
    (tmp_path / "v").write_bytes(content)
    refused(tmp_path / "v", message, format="word2vec-bin")
    refused(tmp_path / "v", message if case != "truncated after the header" else "found 0 rows")


@pytest.mark.parametrize(("first", "bad"), [(1, "x"), (40_000, "x"), (40_000, "nan"), (49_999, "1 1"), (25_000, "")])
def test_a_bad_line_far_down_is_named(first: int, bad: str, tmp_path: Path) -> None:
    lines = [f"w{k} " + "0.125 " * 30 + "1" for k in range(1, 50_001)]
    lines[first - 1] = f"w{first} " + "0.125 " * 30 + bad
    (tmp_path / "v.txt").write_text("\n".join(lines))
    refused(tmp_path / "v.txt", f"v.txt:{first}: ")
    lines.insert(0, "50000 31")
    (tmp_path / "v.txt").write_text("\n".join(lines))
    refused(tmp_path / "v.txt", f"v.txt:{first + 1}: ")
    if first > 1:
        assert len(read_vectors(tmp_path / "v.txt", limit=first - 1).words) == first - 1


def test_rows_that_are_not_kept_still_have_their_fields(tmp_path: Path) -> None:
    (tmp_path / "words").write_bytes(b"a\n")
    (tmp_path / "v").write_bytes(b"a 1 2\nb x nan\nc 1\n")
    refused(tmp_path / "v", "v:3: found 1 number", vocabulary=tmp_path / "words")
    assert read_vectors(tmp_path / "v", vocabulary=tmp_path / "words", limit=2).words == ("a",)


def test_the_last_row_within_the_limit_is_checked(tmp_path: Path) -> None:
    (tmp_path / "v").write_bytes(b"a 1 2\nb 3\nc 4 5\nd 6 7\n")
    refused(tmp_path / "v", "v:2: found 1 number; expected a word and 2", limit=2)


def test_a_format_that_the_file_has_not(tmp_path: Path) -> None:
    (tmp_path / "v").write_bytes(b"a 1 2\nb 3 4\n")
    for format in ("word2vec", "word2vec-bin"):
        refused(tmp_path / "v", "v:1: found the line 'a 1 2'; expected a header.*Say format glove", format=format)
    (tmp_path / "v").write_bytes(b"3 3\na 1 2 3\nb 3 4 5\nc 1 2 3\n")
    refused(tmp_path / "v", "v:1: found 1 number; expected a word and 3", format="glove")


@pytest.mark.parametrize("ending", [".gz", ".bz2", ".zst", ".zip"])
def test_damaged_archives(ending: str, tmp_path: Path) -> None:
    numbers = np.random.default_rng(3).random((2_000, 10)).round(6)
    content = "".join(f"w{k} {' '.join(map(str, row))}\n" for k, row in enumerate(numbers.tolist())).encode()
    path = tmp_path / f"v.txt{ending}"
    if ending == ".zip":
        with zipfile.ZipFile(stream := io.BytesIO(), "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("v.txt", content)
        whole = stream.getvalue()
    else:
        pack = {".gz": gzip.compress, ".bz2": bz2.compress, ".zst": lambda data: pa.Codec("zstd").compress(data, asbytes=True)}
        whole = pack[ending](content)
    path.write_bytes(whole)
    assert read_vectors(path).made["rows_read"] == 2_000
    for size in (1, 9, len(whole) // 2, len(whole) - 5):
        path.write_bytes(whole[:size])
        refused(path, rf"reading .*v\.txt{ending}")
    if ending != ".zst":  # a frame without a checksum, as Arrow writes it
        at = {".gz": len(whole) - 6, ".bz2": len(whole) // 2, ".zip": whole.rfind(b"PK\x01\x02") + 16}[ending]
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        refused(path, rf"reading .*v\.txt{ending}.*expected a readable, complete (file|zip)")


@pytest.mark.parametrize("ending", [".kv", ".model", ".npy", ".pkl"])
def test_pickles_are_never_read(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"v{ending}"
    path.write_bytes(b"a 1 2\n")
    refused(path, "a pickle, which is never read; expected text or word2vec format.*save_word2vec_format")


def test_files_that_are_not_there(tmp_path: Path) -> None:
    refused(tmp_path / "none.txt", "none.txt: found no such file")
    refused(tmp_path, "found a folder")
    with zipfile.ZipFile(tmp_path / "empty.zip", "w"):
        pass
    refused(tmp_path / "empty.zip", "a zip without a file")
