"""Vectors as text: a word and D numbers a line with single spaces between; only the last D fields are numbers."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.csv

from xlt_augment.arrays import number_numpy
from xlt_augment.vectors.layout import Layout
from xlt_augment.vectors.rows import Rows
from xlt_augment.vectors.streams import ByteStream, refuse

_READ = 4 << 20  # bytes; the best of 1 to 16 MB
_LONGEST = 64 << 20  # bytes of a line: 100,000 numbers of any usual length
_NUMBER = re.compile(rb"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_REPAIR = "Repair that line: a word and its numbers, with single spaces between"


class _Lines(NamedTuple):
    """Lines of a block: line k is `block[starts[k]:stops[k]]`, its end and trailing spaces left out, with `spaces[k]` in it."""

    block: bytes
    starts: np.ndarray
    stops: np.ndarray
    spaces: np.ndarray


def read_text(stream: ByteStream, layout: Layout, rows: Rows, limit: int | None, progress: Callable[[int], object]) -> int:
    """Read what follows the header into `rows`, and return the count of rows read, at most `limit`.

    Raises VectorError, naming FILE:LINE, for a row that is not a word and `layout.dimensions` finite numbers, and where
    there are other rows than the header promises.
    """
    done = 0
    for block in _blocks(stream):
        lines = _split(block, None if limit is None else limit - done)
        first = done + 1
        done += len(lines.starts)
        if layout.rows is not None and done > layout.rows:
            _miscounted(stream, layout, f"more than {layout.rows:,} rows")
        words, cuts = _words(lines, layout, stream.where, first)
        if chosen := rows.choose(words, first):
            rows.store(_values(lines, cuts, list(chosen.values()), layout, stream.where, first), chosen, first)
        progress(len(lines.starts))
        if done == limit:
            return done
    if layout.rows is not None and done < layout.rows:
        _miscounted(stream, layout, f"{done:,} rows")
    return done


def _miscounted(stream: ByteStream, layout: Layout, found: str) -> None:
    expected = f"{layout.rows:,}, as its header says"
    refuse(stream.where, found, expected, "Fetch the file again, or correct the header in line 1 if the rows are right")


def _blocks(stream: ByteStream) -> Iterator[bytes]:
    """Blocks of whole lines; blank lines at the end of the file are left out."""
    pieces: list[bytes] = []
    held = 0
    while more := stream.read(_READ):
        # Blank lines wait for what follows, so the cut is behind the last line that is not blank.
        text = len(more.rstrip(b"\r\n "))
        cut = (more.find(b"\n", text) + 1 or more.rfind(b"\n", 0, text) + 1) if text else 0
        if cut:
            yield b"".join((*pieces, more[:cut]))
            pieces, held = [], 0
        pieces.append(more[cut:])
        held += len(more) - cut
        if held > _LONGEST:
            refuse(stream.where, f"no line end in {held:,} bytes", "lines of text", "Check that the file holds text")
    if rest := b"".join(pieces).rstrip(b"\r\n "):
        yield rest


def _split(block: bytes, most: int | None) -> _Lines:
    data = np.frombuffer(block, np.uint8)
    ends = np.flatnonzero(data == ord("\n"))
    if data[-1] != ord("\n"):
        ends = np.append(ends, len(data))
    starts = np.concatenate(([0], ends[:-1] + 1))[:most]
    stops = ends[:most].copy()
    spaces = np.add.reduceat((data == ord(" ")).view(np.uint8), starts, dtype=np.int32)
    if most is not None and len(ends) > most > 0:  # the last sum ran to the end of the block
        spaces[-1] = block.count(b" ", starts[-1], stops[-1])
    stops -= (stops > starts) & (data[stops - 1] == ord("\r"))
    while (trailing := (stops > starts) & (data[stops - 1] == ord(" "))).any():
        stops -= trailing
        spaces -= trailing
    return _Lines(block, starts, stops, spaces)


def _words(lines: _Lines, layout: Layout, where: str, first: int) -> tuple[list[bytes], list[int]]:
    """The word of each line and where it ends. Raises VectorError for too few or too many numbers."""
    block, dimensions = lines.block, layout.dimensions
    cuts = [block.find(b" ", start) for start in lines.starts.tolist()]
    for k in np.flatnonzero(lines.spaces != dimensions).tolist():
        start, stop = int(lines.starts[k]), int(lines.stops[k])
        place = f"{where}:{first + k + layout.header_lines}"
        if lines.spaces[k] < dimensions:
            count = int(lines.spaces[k])
            found = "a blank line" if start == stop else f"{count} number{'s' * (count != 1)}"
            refuse(place, found, f"a word and {dimensions} numbers", _REPAIR)
        word = block[start:stop].rsplit(b" ", dimensions)[0]
        if flaw := flaw_of_spaces(word):
            refuse(place, flaw, f"a word and {dimensions} numbers", _REPAIR)
        cuts[k] = start + len(word)
    return [block[start:cut] for start, cut in zip(lines.starts.tolist(), cuts)], cuts


def flaw_of_spaces(word: bytes) -> str | None:
    """What keeps a word with spaces in it from being told from the numbers behind it; None where nothing does."""
    if word.strip(b" ") != word:
        return "an empty field (two spaces in a row)"
    if _NUMBER.fullmatch(last := word.rpartition(b" ")[2]) and last != word:
        return f"one number or more too many ({last[:40].decode()!r} before the last ones)"
    return None


def _values(lines: _Lines, cuts: list[int], take: Sequence[int], layout: Layout, where: str, first: int) -> np.ndarray:
    """The numbers of the lines `take`, float32 [len(take), D]."""
    stops = lines.stops.tolist()
    tails = [lines.block[cuts[k] + 1 : stops[k]] for k in take]
    values = _parse(b"\n".join(tails).replace(b" ", b"\n"))
    if values is not None and len(values) == len(take) * layout.dimensions:
        return values.reshape(len(take), layout.dimensions)
    return np.stack([_floats(tail, f"{where}:{first + k + layout.header_lines}") for tail, k in zip(tails, take)])


def _parse(numbers: bytes) -> np.ndarray | None:
    """Numbers, one a line, as float32; None where one is not read as such."""
    try:
        table = pa.csv.read_csv(
            pa.py_buffer(numbers),
            read_options=pa.csv.ReadOptions(column_names=["value"], block_size=2 << 20),
            parse_options=pa.csv.ParseOptions(delimiter="\t", quote_char=False, double_quote=False, ignore_empty_lines=False),
            convert_options=pa.csv.ConvertOptions(column_types={"value": pa.float32()}, null_values=[]),
        )
    except pa.ArrowInvalid:
        return None
    return np.concatenate([number_numpy(chunk) for chunk in table["value"].chunks])


def _floats(tail: bytes, place: str) -> np.ndarray:
    """The numbers of one line as Python reads them, float32 [D]. Raises VectorError for a field that is no number."""
    numbers = []
    for k, field in enumerate(tail.split(b" "), start=1):
        try:
            numbers.append(float(field.replace(b"_", b"?")))  # Python takes 1_000 for a number
        except ValueError:
            found = (
                f"{field[:40].decode(errors='replace')!r} as number {k}" if field else "an empty field (two spaces in a row)"
            )
            refuse(place, found, "numbers behind the word", _REPAIR)
    with np.errstate(over="ignore"):  # too large for float32: infinite, which is refused later
        return np.array(numbers).astype(np.float32)
