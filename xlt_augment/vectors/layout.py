"""What a vector file looks like: GloVe text, word2vec text, word2vec binary; and how many numbers a row holds."""

import codecs
import re
from collections import Counter
from typing import NamedTuple

from xlt_augment.errors import UsageError
from xlt_augment.vectors.streams import ByteStream, refuse

FORMATS = ("auto", "glove", "word2vec", "word2vec-bin")
_HEAD = 4 << 20  # bytes looked at: over a thousand rows of 300 numbers, so a few tokens with spaces are outnumbered
_MOST_DIMENSIONS = 100_000  # far above any model; a header beyond it is not one
_HEADER = re.compile(rb"([1-9][0-9]{0,17}) ([1-9][0-9]{0,17})")
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")


class Layout(NamedTuple):
    """The format, the rows that a header promises (None without header) and the numbers in a row."""

    format: str
    rows: int | None
    dimensions: int

    @property
    def header_lines(self) -> int:
        """Lines before the first row."""
        return 0 if self.rows is None else 1


def find_layout(stream: ByteStream, format: str) -> Layout:
    """The layout of a file, and its header taken from `stream`. `format` is one of FORMATS.

    Raises VectorError for an empty file, a missing header and a first line that is no row.
    """
    if format not in FORMATS:
        raise UsageError(
            f"reading {stream.where}", found=f"the format {format!r}", expected=", ".join(FORMATS), remedy="Name one of them"
        )
    head = stream.peek(_HEAD)
    if not head.strip(b"\r\n "):
        refuse(stream.where, "an empty file", "rows of a word and its numbers", "Check how the file was made")
    first, line_end, rest = head.partition(b"\n")
    header = _HEADER.fullmatch(first.rstrip(b"\r "))
    if format == "glove" or (format == "auto" and header is None):
        return Layout("glove", None, _dimensions(stream.where, head))
    if header is None:
        found = f"the line {first[:40].decode(errors='replace')!r}"
        refuse(f"{stream.where}:1", found, "a header: the number of rows and of dimensions", "Say format glove if it has none")
    rows, dimensions = int(header[1]), int(header[2])
    if dimensions > _MOST_DIMENSIONS:
        refuse(
            f"{stream.where}:1", f"a header of {dimensions:,} dimensions", f"at most {_MOST_DIMENSIONS:,}", "Repair the header"
        )
    if format == "auto":
        format = "word2vec" if _is_text(rest, dimensions) else "word2vec-bin"
    stream.drop(len(first) + len(line_end))
    return Layout(format, rows, dimensions)


def _dimensions(where: str, head: bytes) -> int:
    """The most common count of numbers in the first rows; of equally common ones the least, whose words hold no spaces."""
    complete = (len(head) == _HEAD and head[: head.rfind(b"\n") + 1]) or head  # the last line may be cut off
    lines = [line for line in complete.split(b"\n") if line.strip(b"\r ")]
    counts = Counter(line.rstrip(b"\r").rstrip(b" ").count(b" ") for line in lines)
    most = max(counts.values())
    dimensions = min(count for count, times in counts.items() if times == most)
    if b"\0" in head and not _is_text(head, dimensions):
        refuse(where, "binary data without a header", "text, or word2vec binary with its header", "Check how the file was made")
    if dimensions < 2:
        expected = "a word and at least 2 numbers, with single spaces between"
        refuse(f"{where}:1", f"rows of {dimensions + 1} field{'s' * (dimensions > 0)}", expected, "Check how the file was made")
    return dimensions


def _is_text(rows: bytes, dimensions: int) -> bool:
    """Whether the first of these rows is text: it reads as numbers, or at least holds nothing that text does not."""
    first = rows.partition(b"\n")[0]
    fields = first.rstrip(b"\r ").split(b" ")
    if len(fields) > dimensions and all(map(_is_number, fields[-dimensions:])):
        return True
    row = rows[: rows.find(b" ") + 1 + 4 * dimensions]  # as a binary one: its floats may hold a line end
    try:
        codecs.getincrementaldecoder("utf-8")().decode(row)
    except UnicodeDecodeError:
        return False
    return not _CONTROL.search(row)


def _is_number(field: bytes) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True
