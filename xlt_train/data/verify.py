"""Whether the files of a training set are those of its manifest, by sha256 or by receipt."""

from dataclasses import dataclass
from pathlib import Path

from xlt_train.data.manifest import FETCH, FileEntry, Manifest
from xlt_train.data.receipts import Receipts, stamp
from xlt_train.errors import DatasetError
from xlt_train.files import sha256_file


@dataclass(frozen=True, kw_only=True)
class Checked:
    """How many files were hashed and how many had a receipt; `remark` says why no receipt could be kept."""

    hashed: int
    by_receipt: int
    remark: str = ""

    def __str__(self) -> str:
        how = f"{self.hashed} files hashed" if self.hashed else f"{self.by_receipt} files unchanged since they were hashed"
        return how + (f"; no receipt kept: {self.remark}" if self.remark else "")


def check_files(folder: Path, manifest: Manifest, *, rehash: bool = False) -> Checked:
    """Compare every file's size and sha256 with the manifest. A file with a receipt is hashed only with `rehash`.

    Raises DatasetError that names the first file that is missing or not as the manifest says.
    """
    receipts = Receipts(folder, manifest.sha256)
    stamps: dict[str, list[int]] = {}
    hashed = 0
    for entry in manifest.files:
        try:
            before = stamp(folder / entry.path)
            if rehash or not receipts.covers(entry.path):
                _check_file(folder / entry.path, entry)
                hashed += 1
            if stamp(folder / entry.path) != before:
                raise _wrong(folder / entry.path, "a file that changed while it was read", "one that nobody writes to")
        except OSError as error:
            raise _wrong(folder / entry.path, error.strerror or str(error), "the file that the manifest names") from error
        stamps[entry.path] = before
    remark = ""
    try:
        if hashed:
            receipts.write(stamps)
    except OSError as error:
        remark = (f"{receipts.path.parent}: " if receipts.path else "") + str(error.strerror or error)
    return Checked(hashed=hashed, by_receipt=len(manifest.files) - hashed, remark=remark)


def _check_file(path: Path, entry: FileEntry) -> None:
    size = path.stat().st_size
    if size != entry.bytes:
        raise _wrong(path, f"{size:,} bytes", f"{entry.bytes:,}, as the manifest says")
    digest = sha256_file(path)
    if digest != entry.sha256:
        raise _wrong(path, f"sha256 {digest[:12]}", f"{entry.sha256[:12]}, as the manifest says")


def _wrong(path: Path, found: str, expected: str) -> DatasetError:
    return DatasetError(f"checking {path}", found=found, expected=expected, remedy=FETCH)
