"""A report's folder, which appears whole: written beside its place, then moved there."""

import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from xlt_train.errors import ReportError
from xlt_train.files import pretty_json

RECORD_NAME = "report.json"


def publish(folder: Path, record: dict[str, Any], write: Callable[[Path], object]) -> None:
    """Let `write` fill a folder, put `record` into it as `report.json`, and move it to `folder`, in place of an earlier report.

    Raises ReportError for a folder that holds anything else, and where there is no room.
    """
    if folder.exists() and (not folder.is_dir() or (any(folder.iterdir()) and not (folder / RECORD_NAME).is_file())):
        raise ReportError(
            f"writing a report to {folder}",
            found="a file of that name" if not folder.is_dir() else "a folder that holds something else",
            expected="no such folder, an empty one, or an earlier report",
            remedy="Choose another --out",
        )
    beside = folder.with_name(f".{folder.name}-{secrets.token_hex(4)}")
    try:
        beside.mkdir(parents=True)
        write(beside)
        (beside / RECORD_NAME).write_bytes(pretty_json(record))
        _put(beside, folder)
    except OSError as error:
        raise ReportError(
            f"writing a report to {folder}",
            found=error.strerror or str(error),
            expected="room and access",
            remedy="Choose another --out",
        ) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _put(beside: Path, folder: Path) -> None:
    if not folder.exists():
        beside.rename(folder)
        return
    aside = beside.with_name(f"{beside.name}-old")
    folder.rename(aside)
    try:
        beside.rename(folder)
    except OSError:
        aside.rename(folder)
        raise
    shutil.rmtree(aside, ignore_errors=True)
