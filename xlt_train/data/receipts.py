"""Receipts for files whose sha256 was found right, so that the next run on them need not read them again.

A receipt holds a file's size, time of change and inode as they were before and after it was hashed. They lie in `receipts/`
below XLT_CACHE, else below `xlt` in XDG_CACHE_HOME (`~/.cache`), one JSON file per dataset folder.
"""

import errno
import hashlib
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from xlt_train.files import pretty_json, write_whole

_FORMAT = "xlt-receipt/1"
_SETTLED_NS = 2_000_000_000  # a file written again within the clock's grain may keep its time: such young files get no receipt


def cache_folder() -> Path | None:
    """Where receipts lie, None for a user without a home."""
    if chosen := os.environ.get("XLT_CACHE"):
        return Path(chosen) / "receipts"
    try:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError:
        return None
    return base / "xlt" / "receipts"


def stamp(path: Path) -> list[int]:
    """Size, modification and change time in nanoseconds, and inode: what a changed file cannot all keep. Raises OSError."""
    found = path.stat()
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]


class Receipts:
    """The receipts of one dataset folder under one manifest: file name -> stamp at the time its sha256 was right."""

    def __init__(self, folder: Path, manifest_sha256: str) -> None:
        self.folder, self.manifest_sha256 = folder.resolve(), manifest_sha256
        name = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:32]
        place = cache_folder()
        self.path = None if place is None else place / f"{name}.json"
        self._known: Mapping[str, Any] = self._read()

    def covers(self, name: str) -> bool:
        """Whether the file is as it was when it was hashed."""
        return self._known.get(name) == stamp(self.folder / name)

    def write(self, stamps: Mapping[str, list[int]]) -> None:
        """Keep the stamps of files just hashed, but for those too young to tell. Raises OSError."""
        if self.path is None:
            raise OSError(errno.ENOENT, "no home folder, and no XLT_CACHE")
        limit = time.time_ns() - _SETTLED_NS
        settled = {name: value for name, value in stamps.items() if max(value[1], value[2]) < limit}
        body = {"format": _FORMAT, "folder": str(self.folder), "manifest_sha256": self.manifest_sha256, "files": settled}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self.path, pretty_json(body))

    def _read(self) -> Mapping[str, Any]:
        if self.path is None:
            return {}
        try:
            body = json.loads(self.path.read_bytes())
            known = body["files"] if body["format"] == _FORMAT and body["manifest_sha256"] == self.manifest_sha256 else {}
        except (OSError, ValueError, KeyError, TypeError, RecursionError):  # no receipt, or none of ours: the files are hashed
            return {}
        return known if isinstance(known, dict) else {}
