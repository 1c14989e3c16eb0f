"""The one place that makes a dataset folder visible: written beside under a hidden name, then moved or exchanged."""

import ctypes
import errno
import os
import re
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from xlt_augment.errors import OutputError
from xlt_augment.materialize.manifest import MANIFEST_NAME

_OURS = re.compile(r"(data-\d+-of-\d+|cache-.*)\.arrow|(state|dataset_info|xlt)\.json|README\.md")
_AT_FDCWD, _EXCHANGE_LINUX, _SWAP_MACOS = -100, 2, 2


def check_target(target: Path, *, overwrite: bool, option: str = "--out") -> None:
    """Raises OutputError when `target` exists and may not be replaced.

    Only a folder that holds a dataset and nothing else ever is.
    """
    if not os.path.lexists(target):
        return
    if not overwrite:
        raise OutputError(
            f"writing {target}",
            found="something of that name already",
            expected="a new folder",
            remedy=f"Choose another {option}"
            + (", or say --overwrite to replace the dataset there" if option == "--out" else ", or remove what is there"),
        )
    whole = target.is_dir() and not target.is_symlink() and (target / MANIFEST_NAME).is_file()
    foreign = sorted(p.name for p in target.iterdir() if not _OURS.fullmatch(p.name)) if whole else []
    if not whole or foreign:
        raise OutputError(
            f"replacing {target}",
            found=f"{foreign[0]}, which is no part of a dataset" if foreign else "no dataset of xlt-augment there",
            expected="a dataset folder and nothing else in it, the only thing that --overwrite replaces",
            remedy="Choose another --out, or move away what you need and remove the rest",
        )


@contextmanager
def new_folder(target: Path, *, overwrite: bool, option: str = "--out") -> Iterator[Path]:
    """A hidden folder beside `target` that takes its place when the block ends well, and vanishes when it does not.

    With `overwrite` an old dataset is exchanged in one step, then removed. `option` is what the target was given by. Raises
    OutputError when the place cannot be written to or the disk is full.
    """
    place = Path(os.path.abspath(target))  # noqa: PTH100 - a link is not to be followed
    check_target(place, overwrite=overwrite, option=option)
    old = _identity(place)
    made = [parent for parent in place.parents if not parent.exists()]
    partial = place.with_name(f".xlt-partial-{secrets.token_hex(4)}")
    done = False
    try:
        partial.parent.mkdir(parents=True, exist_ok=True)
        partial.mkdir()
        if old is not None:
            _probe_exchange(partial)
        yield partial
        _take_place(partial, place, old)
        done = True
    except OSError as error:
        raise _output_error(target, error, option) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        for parent in made if not done else ():
            with suppress(OSError):
                parent.rmdir()


def _identity(path: Path) -> tuple[int, int] | None:
    """Device and inode of what is there, None where nothing is."""
    return (path.lstat().st_dev, path.lstat().st_ino) if os.path.lexists(path) else None


def _take_place(partial: Path, place: Path, old: tuple[int, int] | None) -> None:
    """Move `partial` to `place`, in exchange for the dataset `old` that was there when the build began."""
    if _identity(place) != old:
        raise OSError(errno.EEXIST, "something of that name, made meanwhile")
    if old is None:
        partial.rename(place)
    else:
        check_target(place, overwrite=True)
        _exchange(partial, place)


def _exchange(a: Path, b: Path) -> None:
    """Exchange two folders atomically. Raises OSError where the system or the file system cannot."""
    libc = ctypes.CDLL(None, use_errno=True)
    if sys.platform == "darwin":
        failed = libc.renamex_np(os.fsencode(a), os.fsencode(b), _SWAP_MACOS)
    elif hasattr(libc, "renameat2"):
        failed = libc.renameat2(_AT_FDCWD, os.fsencode(a), _AT_FDCWD, os.fsencode(b), _EXCHANGE_LINUX)
    else:
        raise OSError(errno.ENOSYS, "this system cannot exchange two folders in one step")
    if failed:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _probe_exchange(folder: Path) -> None:
    """Find out before the work, not after it, whether this file system can exchange folders."""
    first, second = folder / "probe-1", folder / "probe-2"
    first.mkdir()
    second.mkdir()
    try:
        _exchange(first, second)
    except OSError as error:
        raise OutputError(
            f"preparing to replace a dataset in {folder.parent}",
            found=f"no way to exchange two folders in one step ({error.strerror})",
            expected="a file system that can",
            remedy="Remove the old dataset yourself and build without --overwrite",
        ) from error
    first.rmdir()
    second.rmdir()


def _output_error(target: Path, error: OSError, option: str) -> OutputError:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    needed = "room for the dataset" + ("; --dry-run says how much it needs" if option == "--out" else "")
    return OutputError(
        f"writing {target}",
        found="no space left" if full else error.strerror or str(error),
        expected=needed if full else "a folder that can be written to",
        remedy=f"Make room or choose another {option}" if full else f"Choose another {option} or mend what is in the way",
    )
