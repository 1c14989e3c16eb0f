"""Word vectors as their makers distribute them: fetched once, whole, and the same ever after."""

import hashlib
import os
import re
import secrets
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from xlt_augment.errors import DownloadError, UsageError
from xlt_augment.vectors.partial import open_partial
from xlt_augment.vectors.transfer import Progress, check_url, transfer

# Pennington et al. 2014, https://nlp.stanford.edu/projects/glove/
ARCHIVES = {
    "glove.6B": "https://nlp.stanford.edu/data/glove.6B.zip",
    "glove.840B": "https://nlp.stanford.edu/data/glove.840B.300d.zip",
}
_CHUNK = 1 << 20  # bytes
_BAD_ZIP = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError)


class Fetched(NamedTuple):
    """An archive in its place: whether it was there before, or else after how many bytes of an earlier call it went on."""

    path: Path
    bytes: int
    sha256: str
    resumed_from: int
    existed: bool


class _Expected(NamedTuple):
    """The digest that an archive must have (None: nobody knows yet) and who says so."""

    sha256: str | None
    source: str


@contextmanager
def _silent(name: str, done: int, total: int | None) -> Iterator[Callable[[int], object]]:
    yield lambda count: None


def fetch(
    name: str, *, folder: Path = Path(), url: str | None = None, sha256: str | None = None, progress: Progress = _silent
) -> Fetched:
    """Bring the archive `name`, a key of ARCHIVES, into `folder` from its official address or `url`, unless it is there.

    Its sha256 must be the given one (64 hex digits), else the one recorded beside it (`recorded_sha256`). Where there is
    neither, it must be a sound zip. The digest is recorded then. An archive from the network that is not what it must be is
    removed; one that was there stays.
    Raises UsageError for a name, address or digest that cannot be, and DownloadError for all else that goes wrong.
    """
    if name not in ARCHIVES:
        raise UsageError("fetching vectors", found=repr(name), expected=" or ".join(ARCHIVES), remedy="Name one of them")
    if url is not None:
        check_url(url)
    target = folder / ARCHIVES[name].rsplit("/", 1)[1]
    expected = _expected(target, sha256)
    if os.path.lexists(target):
        return _existing(target, expected, progress)
    with open_partial(target) as partial:
        if os.path.lexists(target):  # made by another process a moment ago
            return _existing(target, _expected(target, sha256), progress)
        start = transfer(url or ARCHIVES[name], partial, progress)
        try:
            digest = _verified(partial.path, target, expected, progress)
        except DownloadError:
            partial.clear()  # going on from it would fail ever after
            raise
        _record(target, digest)
        size = partial.size
        partial.publish()
    return Fetched(target, size, digest, start, existed=False)


def recorded_sha256(path: Path) -> str | None:
    """The digest of `path` that stands beside it in `NAME.sha256` (as of sha256sum), None where there is no such file.

    Raises DownloadError for a file that cannot be read or is not one line with a digest and the name of `path`.
    """
    record = _record_of(path)
    try:
        text = record.read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise _bad_record(record, path, error.strerror or str(error)) from error
    found = re.fullmatch(r"([0-9a-fA-F]{64}) [ *]" + re.escape(path.name) + r"\r?\n?", text)
    if found is None:
        raise _bad_record(record, path, repr(text[:100]))
    return found[1].lower()


def _record_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _bad_record(record: Path, path: Path, found: str) -> DownloadError:
    return DownloadError(
        f"reading {record}",
        found=found,
        expected=f"one line: 64 hex digits, two spaces, {path.name}",
        remedy="Remove it, and the digest is recorded anew when the archive is fetched next",
    )


def _expected(target: Path, given: str | None) -> _Expected:
    """The digest that `target` must have. Raises UsageError for a `given` one that is none, DownloadError if two differ."""
    recorded = recorded_sha256(target)
    if given is None:
        return _Expected(recorded, f"recorded in {_record_of(target)}")
    given = given.lower()
    if not re.fullmatch("[0-9a-f]{64}", given):
        raise UsageError("reading --sha256", found=repr(given), expected="64 hex digits", remedy="Give the whole digest")
    if recorded not in (None, given):
        raise DownloadError(
            f"fetching {target}",
            found=f"the digest {recorded} in {_record_of(target)}",
            expected=f"{given}, given with --sha256",
            remedy=f"Find out which is right: mend --sha256, or remove {_record_of(target)} and the archive",
        )
    return _Expected(given, "given with --sha256")


def _existing(target: Path, expected: _Expected, progress: Progress) -> Fetched:
    """An archive that is there already, checked; it is never removed. Raises DownloadError."""
    if not target.is_file():
        raise DownloadError(
            f"fetching {target}",
            found="something of that name that is no file",
            expected="an archive, or nothing",
            remedy="Move it away, or choose another folder with --to",
        )
    digest = _verified(target, target, expected, progress)
    if recorded_sha256(target) is None:
        _record(target, digest)
    return Fetched(target, target.stat().st_size, digest, 0, existed=True)


def _verified(file: Path, target: Path, expected: _Expected, progress: Progress) -> str:
    """The sha256 of `file`, which is or will be `target`. Raises DownloadError where it is not what it must be."""
    try:
        digest = _sha256(file, progress)
    except OSError as error:
        raise DownloadError(
            f"checking {target}", found=error.strerror or str(error), expected="a file that can be read", remedy="Try again"
        ) from error
    remedy = "It stays as it is: remove it and fetch it again" if file == target else "It was removed: fetch it again"
    if expected.sha256 is None:
        if fault := _fault_of_zip(file, progress):
            found, wanted = f"no sound zip archive ({fault}), sha256 {digest}", "the archive as its makers published it"
            raise DownloadError(f"checking {target}", found=found, expected=wanted, remedy=remedy)
    elif digest != expected.sha256:
        wanted = f"{expected.sha256}, {expected.source}"
        remedy += "; if the same digest comes again, the archive has changed where it lies"
        raise DownloadError(f"checking {target}", found=f"sha256 {digest}", expected=wanted, remedy=remedy)
    return digest


def _sha256(path: Path, progress: Progress) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream, progress("sha256", 0, path.stat().st_size) as update:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
            update(len(chunk))
    return digest.hexdigest()


def _fault_of_zip(path: Path, progress: Progress) -> str | None:
    """What is wrong with a zip archive, None where every member can be read and has its CRC; testzip, with progress."""
    member = ""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            with progress("zip", 0, sum(info.file_size for info in members)) as update:
                for info in members:
                    member = f"{info.filename}: "
                    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                        return f"{member}compression method {info.compress_type}"
                    with archive.open(info) as stream:
                        while chunk := stream.read(_CHUNK):  # the last read compares the CRC
                            update(len(chunk))
    except _BAD_ZIP as error:
        return member + (str(error) or type(error).__name__).splitlines()[0]
    return None if members else "it holds nothing"


def _record(target: Path, digest: str) -> None:
    """Write `NAME.sha256` whole or not at all. Raises DownloadError."""
    record = _record_of(target)
    partial = record.with_name(f".xlt-partial-{secrets.token_hex(4)}")
    try:
        partial.write_text(f"{digest}  {target.name}\n", encoding="utf-8")
        partial.replace(record)
    except OSError as error:
        raise DownloadError(
            f"writing {record}",
            found=error.strerror or str(error),
            expected="a folder with room that can be written to",
            remedy="Make room and run the same command again, or choose another folder with --to",
        ) from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
