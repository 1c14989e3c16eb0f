"""Bytes of a vector file, unpacked as they are read: .gz, .bz2 and .zst by Arrow, one member of a .zip by zipfile."""

import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pyarrow as pa

from xlt_augment.errors import UsageError, VectorError

_PACKED = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}
_MEMBERS = (".txt", ".vec", ".bin")
_PICKLED = (".kv", ".model", ".npy", ".npz", ".pkl", ".pickle")
_UNREADABLE = (OSError, EOFError, NotImplementedError, pa.ArrowException, zipfile.BadZipFile, zlib.error)
_BOM = b"\xef\xbb\xbf"
_AS_WORD2VEC = "Open it in gensim and save it again with KeyedVectors.save_word2vec_format"
# What a file begins with -> what it is then. 0x80 opens a pickle and cannot open UTF-8; 0x2f4f16ba is fastText's own.
_FOREIGN = {
    b"\x80": ("a pickle, which is never read", _AS_WORD2VEC),
    b"\x93NUMPY": ("a numpy array", _AS_WORD2VEC),
    b"\xba\x16\x4f\x2f": ("a fastText model", "Give the .vec file that is distributed beside it"),
    b"\x1f\x8b": ("gzip data under another ending", "Name the file .gz"),
    b"\x28\xb5\x2f\xfd": ("zstd data under another ending", "Name the file .zst"),
    b"PK\x03\x04": ("a zip under another ending", "Name the file .zip"),
    b"BZh91AY&SY": ("bzip2 data under another ending", "Name the file .bz2"),
}


class ByteStream:
    """Unpacked bytes in order. `where`, which errors name, is the file as it was typed, with `member`, what it is of a zip."""

    def __init__(self, where: str, read: Callable[[int], bytes], member: str | None = None) -> None:
        self.where, self.member, self._read = where, member, read
        self._held = b""

    def read(self, count: int) -> bytes:
        """The next bytes, at most `count` or those held by `peek`; none at the end. Raises VectorError for a damaged file."""
        if self._held:
            held, self._held = self._held, b""
            return held
        return self._fetch(count)

    def peek(self, count: int) -> bytes:
        """The first bytes, `count` of them or all, without taking them. Raises VectorError for a damaged file."""
        while len(self._held) < count and (more := self._fetch(count)):
            self._held += more
        return self._held[:count]

    def drop(self, count: int) -> None:
        """Take `count` bytes that `peek` has shown."""
        self._held = self._held[count:]

    def _fetch(self, count: int) -> bytes:
        try:
            return self._read(count)
        except _UNREADABLE as error:
            refuse(self.where, _reason(error), "a readable, complete file", "Fetch or copy the file again")


@contextmanager
def open_stream(path: Path, member: str | None = None) -> Iterator[ByteStream]:
    """The bytes of `path`, or of one member of a zip, without a byte order mark. Nothing is unpacked to disk.

    Raises VectorError for a file that cannot be read or holds something else than vectors, UsageError for a needless `member`.
    """
    if not path.is_file():
        refuse(str(path), "a folder" if path.is_dir() else "no such file", "a file of word vectors", "Check the path")
    if path.suffix.lower() in _PICKLED:
        refuse(str(path), f"the ending {path.suffix}: a pickle, which is never read", "text or word2vec format", _AS_WORD2VEC)
    if path.suffix.lower() == ".zip":
        with _open_zip(path, member) as stream:
            yield _checked(stream)
        return
    if member is not None:
        raise UsageError(
            f"reading {path}", found=f"a member ({member}) of what is no zip", expected="one for a .zip alone", remedy="Drop it"
        )
    try:
        source = pa.input_stream(str(path), compression=_PACKED.get(path.suffix.lower()))
    except _UNREADABLE as error:
        refuse(str(path), _reason(error), "a readable file", "Check path and permissions")
    with source:
        yield _checked(ByteStream(str(path), source.read))


@contextmanager
def _open_zip(path: Path, member: str | None) -> Iterator[ByteStream]:
    try:
        archive = zipfile.ZipFile(path)
    except _UNREADABLE as error:
        refuse(str(path), _reason(error), "a readable, complete zip", "Fetch or copy the file again")
    with archive:
        chosen = _choose(path, [info for info in archive.infolist() if not info.is_dir()], member)
        where = f"{path}/{chosen.filename}"
        if chosen.flag_bits & 1:
            refuse(where, "an encrypted member", "one that needs no password", "Unpack it and give the file")
        try:
            source = archive.open(chosen)
        except _UNREADABLE as error:
            refuse(where, _reason(error), "a readable, complete zip", "Fetch or copy the file again")
        with source:
            yield ByteStream(where, source.read, chosen.filename)


def _choose(path: Path, members: list[zipfile.ZipInfo], member: str | None) -> zipfile.ZipInfo:
    names = [info.filename for info in members]
    shown = ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
    if not names:
        refuse(str(path), "a zip without a file", "one that holds word vectors", "Check how it was made")
    if member is None and len(names) > 1:
        refuse(
            str(path), f"{len(names)} members ({shown})", "one, or the name of one", f"Name one as member, such as {names[0]}"
        )
    if member is not None and member not in names:
        refuse(str(path), f"no member {member!r}", f"one of: {shown}", "Name one of them as member")
    chosen = members[0] if member is None else members[names.index(member)]
    if not chosen.filename.lower().endswith(_MEMBERS):
        expected = f"a member that ends in {', '.join(_MEMBERS)}"
        refuse(
            f"{path}/{chosen.filename}", f"the ending {Path(chosen.filename).suffix!r}", expected, "Unpack it and give the file"
        )
    return chosen


def _checked(stream: ByteStream) -> ByteStream:
    head = stream.peek(16)
    for mark, (found, remedy) in _FOREIGN.items():
        if head.startswith(mark):
            refuse(stream.where, found, "word vectors in text or word2vec format", remedy)
    if head.startswith(_BOM):
        stream.drop(len(_BOM))
    return stream


def refuse(where: str, found: str, expected: str, remedy: str) -> NoReturn:
    """Raise the VectorError of a place in a file."""
    raise VectorError(f"reading {where}", found=found, expected=expected, remedy=remedy)


def _reason(error: BaseException) -> str:
    return str(getattr(error, "strerror", "") or error or type(error).__name__).splitlines()[0]
