"""Lines of a text file as byte ranges: UTF-8, no NUL, no blank line; compressed files by their ending (.gz, .bz2, .zst)."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from xlt_augment.errors import SourceError
from xlt_augment.materialize.sources.base import START, Mark, no_rows, unreadable

_READ = 1 << 20
_BOM = b"\xef\xbb\xbf"


class Lines(NamedTuple):
    """Some lines of a file: `data` uint8, line k is `data[starts[k]:stops[k]]` without its line end; numbers from `first`;
    `data` begins at byte `offset` of the file, uncompressed."""

    data: np.ndarray
    starts: np.ndarray
    stops: np.ndarray
    first: int
    offset: int

    def text(self, k: int) -> str:
        """Line k as a string."""
        return self.data[self.starts[k] : self.stops[k]].tobytes().decode()

    def raw(self, k: int) -> str:
        """Line k with its line end."""
        stop = self.starts[k + 1] if k + 1 < len(self.starts) else len(self.data)
        return self.data[self.starts[k] : stop].tobytes().decode()

    def tail(self) -> "Lines":
        """All lines but the first."""
        return self._replace(starts=self.starts[1:], stops=self.stops[1:], first=self.first + 1)


def read_lines(path: Path, *, blank_lines: bool = False, start: Mark = START) -> Iterator[Lines]:
    """All lines of a file, or those from the line on that `start` marks, in runs of some megabytes.

    Raises SourceError, naming the line, for an empty file, a NUL byte, invalid UTF-8 and, unless `blank_lines`, a blank line.
    """
    first = start.line
    for offset, block in _whole_lines(path, start.offset):
        data = np.frombuffer(block, np.uint8)
        ends = np.flatnonzero(data == 10)
        if len(data) and data[-1] != 10:
            ends = np.append(ends, len(data))
        starts = np.concatenate(([0], ends[:-1] + 1))
        stops = ends - ((ends > starts) & (data[np.maximum(ends - 1, 0)] == 13))
        lines = Lines(data, starts, stops, first, offset)
        _check(path, block, lines, blank_lines)
        yield lines
        first += len(starts)
    if first == 1:
        raise no_rows(str(path))


def _whole_lines(path: Path, offset: int) -> Iterator[tuple[int, bytes]]:
    """Blocks that end with a line end, but for the last, and the byte each begins at; the byte order mark is left out."""
    pieces: list[bytes] = []
    try:
        with pa.input_stream(str(path), compression="detect") as stream:
            _skip(stream, offset)
            head = stream.read(_READ)
            block = head if offset else head.removeprefix(_BOM)
            offset += len(head) - len(block)
            while block:
                cut = block.rfind(b"\n") + 1
                if cut:
                    whole = b"".join(pieces) + block[:cut]
                    yield offset, whole
                    offset += len(whole)
                    pieces = []
                pieces.append(block[cut:])
                block = stream.read(_READ)
    except OSError as error:
        raise unreadable(path, error) from error
    if rest := b"".join(pieces):
        yield offset, rest


def _skip(stream: pa.NativeFile, offset: int) -> None:
    """Go to a byte: at once in a plain file, by unpacking what is before it in a compressed one."""
    if stream.seekable():
        stream.seek(offset)
        return
    while offset > 0 and (piece := stream.read(min(offset, _READ))):
        offset -= len(piece)


def _check(path: Path, block: bytes, lines: Lines, blank_lines: bool) -> None:
    def refuse(offset: int, found: str, expected: str, remedy: str) -> SourceError:
        number = lines.first + int(np.searchsorted(lines.starts, offset, side="right")) - 1
        return SourceError(f"reading {path}:{number}", found=found, expected=expected, remedy=remedy)

    if (nul := block.find(b"\0")) >= 0:
        raise refuse(nul, "a NUL byte", "UTF-8 text", "If the file is UTF-16 or binary, convert it; else repair that line")
    if not _is_utf8(block):
        try:
            block.decode()
        except UnicodeDecodeError as error:
            found = f"the byte 0x{block[error.start]:02x} that is not UTF-8"
            raise refuse(error.start, found, "UTF-8 text", "Convert the file to UTF-8, or repair that line") from error
    blank = np.flatnonzero(lines.starts == lines.stops)
    if len(blank) and not blank_lines:
        raise refuse(int(lines.starts[blank[0]]), "a blank line", "a row", "Remove that line")
    if int((lines.stops - lines.starts).max(initial=0)) >= 2**31:
        raise refuse(0, "a line of 2 GiB or more", "lines below 2 GiB", "Split the text")


def _is_utf8(block: bytes) -> bool:
    """Whether Arrow takes the block for UTF-8, which it tells several times as fast as Python does."""
    if len(block) >= 2**31:
        return False
    offsets = pa.py_buffer(np.array([0, len(block)], np.int32))
    try:
        pa.StringArray.from_buffers(1, offsets, pa.py_buffer(block)).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True
