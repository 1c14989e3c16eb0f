"""What a store asks of a storage: eight operations on files below one root, the same for a folder, a bucket and a server."""

import os
import re
import secrets
from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

from xlt_augment.errors import StoreError

PIECE_BYTES = 8 << 20  # of a download, and of an upload where the storage does not want larger ones
CREATE_BYTES = 1 << 20  # the largest content that is created exclusively: one request everywhere
INCOMING = "incoming"  # folder of partial files, and of those that only ask for the time
_COMPONENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class Entry(NamedTuple):
    """A file in a listing: path below the root, size in bytes, seconds since 1970 when it was written by the store's clock."""

    path: str
    bytes: int
    modified: float


class Missing(StoreError):
    """A file that is not in the store."""


class Storage(Protocol):
    """Files below one root. Paths are relative, `/`-separated ASCII. All methods may be called from several threads at once.

    Every method raises StoreError where the storage cannot be reached, trusted or used. No message holds a credential.
    """

    @property
    def url(self) -> str:
        """The address for people and records: never a credential, never a query."""
        ...

    def read(self, path: str, at_most: int = 16 << 20) -> bytes:
        """The content of a file. Raises Missing where there is none, StoreError where it is larger than `at_most` bytes."""
        ...

    def pieces(self, path: str) -> Iterator[bytes]:
        """The content of a file in pieces of at most 8 MiB. Raises Missing, on the first piece, where there is none."""
        ...

    def size(self, path: str) -> int | None:
        """Bytes of a file, None where there is none."""
        ...

    def entries(self, prefix: str) -> Iterator[Entry]:
        """Every file below the folder `prefix` at any depth, sorted by path; nothing where there is no such folder.

        Names that `checked` would refuse, such as hidden ones, are none of a store's, and are left out.
        """
        ...

    def upload(self, path: str, pieces: Iterable[bytes], size: int) -> None:
        """Write a file of `size` bytes that appears whole once `pieces` is exhausted, and not at all when that raises.

        A file that is there is replaced. Raises StoreError where the pieces do not add up to `size`.
        """
        ...

    def create(self, path: str, content: bytes) -> bool:
        """Write a file of at most 1 MiB, whole, where there is none: True when made, False when something is there."""
        ...

    def remove(self, path: str) -> None:
        """Remove a file; fine where there is none."""
        ...

    def now(self) -> float:
        """The store's clock, in seconds since 1970: the time that a small file in `incoming/` gets, which is removed again."""
        ...


def checked(path: str) -> str:
    """`path` when each of its components is plain. Raises StoreError otherwise, so that none leads out of the root."""
    if not is_plain_path(path):
        raise StoreError(
            "using a path of a store",
            found=repr(path[:200]),
            expected="components of letters, digits, '.', '_' and '-', joined by '/', each with a letter or digit first",
            remedy="Check the manifest or reference that named it",
        )
    return path


def is_plain_path(path: str) -> bool:
    """Whether a store may have a file of that path."""
    return all(_COMPONENT.fullmatch(part) for part in path.split("/"))


def incoming_name(kind: str) -> str:
    """A path that nobody else uses, for a partial file or a question of the time."""
    return f"{INCOMING}/{kind}-{secrets.token_hex(16)}"


def too_large(path: str, url: str, size: int, at_most: int) -> StoreError:
    """A file that is read at once must fit into memory."""
    return StoreError(
        f"reading {path} of {url}",
        found=f"{size:,} bytes",
        expected=f"at most {at_most:,}",
        remedy="Run xlt-augment store verify: this file is not what a publisher wrote",
    )


def check_content(path: str, url: str, content: bytes) -> None:
    """Raises StoreError where `content` is too large for `create`."""
    if len(content) > CREATE_BYTES:
        raise StoreError(
            f"creating {path} in {url}",
            found=f"{len(content):,} bytes",
            expected=f"at most {CREATE_BYTES:,}: what is created exclusively is small",
            remedy="Publish fewer files at once",
        )


def counted(pieces: Iterable[bytes], size: int, path: str, url: str) -> Iterator[bytes]:
    """The pieces as they are. Raises StoreError at the end, or as soon as they are too many, unless they are `size` bytes."""
    done = 0
    for piece in pieces:
        done += len(piece)
        if done > size:
            break
        yield piece
    if done != size:
        raise StoreError(
            f"uploading {path} to {url}",
            found=f"{'over ' if done > size else ''}{size if done > size else done:,} bytes",
            expected=f"{size:,}, as announced",
            remedy="Check that nothing changes the file meanwhile, and publish again",
        )


def regrouped(pieces: Iterable[bytes], block: int) -> Iterator[bytes]:
    """The same bytes in blocks of `block` bytes, the last one smaller, none for no bytes. Holds one block and a piece."""
    buffer = bytearray()
    for piece in pieces:
        start = 0
        while start < len(piece):
            take = min(block - len(buffer), len(piece) - start)
            buffer += memoryview(piece)[start : start + take]
            start += take
            if len(buffer) == block:
                yield bytes(buffer)
                buffer.clear()
    if buffer:
        yield bytes(buffer)


def in_order(children: Iterable[tuple[str, bool]]) -> list[tuple[str, bool]]:
    """Children of a folder as (name, whether a folder), in the order of the paths below: a folder sorts as its name and `/`.
    Names that no store writes, such as hidden ones, are left out."""
    plain = (child for child in children if is_plain_path(child[0]))
    return sorted(plain, key=lambda child: child[0] + "/" * child[1])


def write_all(file: int, piece: bytes) -> None:
    """Write all of `piece` to an open file: a write may take less than it is given, as the last one before a disk is full."""
    view = memoryview(piece)
    while view:
        view = view[os.write(file, view) :]
