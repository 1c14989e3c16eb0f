"""Vectors in word2vec's binary format: after the header, each row is a word, a space and D little-endian float32."""

from collections.abc import Callable, Iterator

import numpy as np

from xlt_augment.vectors.layout import Layout
from xlt_augment.vectors.rows import Rows
from xlt_augment.vectors.streams import ByteStream, refuse

_READ = 4 << 20  # bytes
LONGEST_WORD = 1 << 16  # bytes; without a space in so many, the place in the file is lost


def read_binary(stream: ByteStream, layout: Layout, rows: Rows, limit: int | None, progress: Callable[[int], object]) -> int:
    """Read what follows the header into `rows`, and return the count of rows read, at most `limit`.

    Raises VectorError, naming the row, for a file that ends early or goes on behind the rows that its header promises.
    """
    promised = layout.rows or 0
    most = promised if limit is None else min(limit, promised)
    done, size = 0, 4 * layout.dimensions
    for block, words, starts in _blocks(stream, size, most, promised):
        first = done + 1
        done += len(words)
        if chosen := rows.choose(words, first):
            numbers = b"".join([block[starts[k] : starts[k] + size] for k in chosen.values()])
            rows.store(np.frombuffer(numbers, "<f4").reshape(len(chosen), layout.dimensions), chosen, first)
        progress(len(words))
    return done


def _blocks(stream: ByteStream, size: int, most: int, promised: int) -> Iterator[tuple[bytes, list[bytes], list[int]]]:
    """Blocks of bytes, the words of their whole rows and where the numbers of each start; `most` rows in all."""
    data, done = b"", 0
    while done < most:
        more = stream.read(_READ)
        data += more
        words, starts, used = _cut(data, size, most - done, stream.where, done + 1)
        if not more and not words:
            found = f"the end of the file after {done:,} rows"
            refuse(stream.where, found, f"{promised:,} rows, as its header says", "Fetch or copy the file again")
        if words:
            yield data, words, starts
        done += len(words)
        data = data[used:]
    while most == promised and not data.strip(b"\n"):
        if not (data := stream.read(_READ)):
            return
    if most == promised:
        expected = f"the end of the file behind {promised:,} rows, as its header says"
        refuse(stream.where, "more bytes", expected, "Fetch the file again, or correct its header")


def _cut(data: bytes, size: int, most: int, where: str, first: int) -> tuple[list[bytes], list[int], int]:
    """The words of the whole rows in `data`, at most `most`, where their numbers start, and the bytes used."""
    words: list[bytes] = []
    starts: list[int] = []
    used = 0
    while len(words) < most:
        begin = used
        while data.startswith(b"\n", begin):  # word2vec.c ends each row with one
            begin += 1
        space = data.find(b" ", begin, begin + LONGEST_WORD)
        if space < 0 and len(data) - begin >= LONGEST_WORD:
            expected = "a word, a space and its numbers"
            where = f"{where}: row {first + len(words):,}"
            refuse(where, f"no space in {LONGEST_WORD:,} bytes", expected, "Check that the file is in word2vec's binary format")
        if space < 0 or space + 1 + size > len(data):
            break
        words.append(data[begin:space])
        starts.append(space + 1)
        used = space + 1 + size
    return words, starts, used
