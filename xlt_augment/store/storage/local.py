"""A store in a folder, on a disk or a network file system. Written beside, then moved or linked: atomic on NFS too."""

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_ISREG

from xlt_augment.errors import XltError
from xlt_augment.store.storage.base import (
    Entry,
    check_content,
    checked,
    counted,
    in_order,
    incoming_name,
    too_large,
    write_all,
)
from xlt_augment.store.storage.faults import Advice, Kind, fault, kind_of_os_error

_ADVICE = Advice(network="Check that the folder is mounted")
_PIECE = 256 << 10  # bytes: larger ones leave the processor's cache before they are hashed, and cost three times as much
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


class LocalStorage:
    """The files below a folder, which is made by the first file that is written."""

    def __init__(self, root: Path) -> None:
        self._root = Path(os.path.abspath(root))  # noqa: PTH100 - a link is not to be followed
        self.url = str(self._root)

    def read(self, path: str, at_most: int = 16 << 20) -> bytes:
        """See Storage."""
        with self._faults(f"reading {path} of"), (self._root / checked(path)).open("rb") as stream:
            content = stream.read(at_most + 1)
            if len(content) > at_most:
                raise too_large(path, self.url, os.fstat(stream.fileno()).st_size, at_most)
            return content

    def pieces(self, path: str) -> Iterator[bytes]:
        """See Storage."""
        place = self._root / checked(path)
        with self._faults(f"reading {path} of"), place.open("rb", buffering=0) as stream:
            while piece := stream.read(_PIECE):
                yield piece

    def size(self, path: str) -> int | None:
        """See Storage."""
        try:
            found = (self._root / checked(path)).stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise self._fault(f"looking for {path} in", error) from None
        return found.st_size if S_ISREG(found.st_mode) else None

    def entries(self, prefix: str) -> Iterator[Entry]:
        """See Storage. A file that vanishes meanwhile is left out."""
        with self._faults(f"listing {prefix} of"):
            yield from self._below(checked(prefix))

    def _below(self, folder: str) -> Iterator[Entry]:
        try:
            with os.scandir(self._root / folder) as scan:
                children = in_order((child.name, child.is_dir(follow_symlinks=False)) for child in scan)
        except (FileNotFoundError, NotADirectoryError):
            return
        for name, is_folder in children:
            path = f"{folder}/{name}"
            if is_folder:
                yield from self._below(path)
                continue
            with suppress(FileNotFoundError):
                found = (self._root / path).stat()
                if S_ISREG(found.st_mode):
                    yield Entry(path, found.st_size, found.st_mtime)

    def upload(self, path: str, pieces: Iterable[bytes], size: int) -> None:
        """See Storage."""
        with self._partial(checked(path), counted(pieces, size, path, self.url), "uploading") as partial:
            partial.replace(self._ready(path))

    def create(self, path: str, content: bytes) -> bool:
        """See Storage. A hard link is made only where there is nothing, on NFS too."""
        check_content(checked(path), self.url, content)
        with self._partial(path, [content], "creating", durable=True) as partial:
            target = self._ready(path)
            try:
                os.link(partial, target)
            except FileExistsError:
                return partial.stat().st_nlink == 2  # NFS: made by us, and only the answer was lost
            except OSError as error:
                if error.errno in _NO_LINKS:
                    raise fault(Kind.UNSUPPORTED, f"creating {path} in", self.url, _ADVICE, error) from None
                raise
            _sync_folder(target.parent)
            return True

    def remove(self, path: str) -> None:
        """See Storage."""
        with self._faults(f"removing {path} from"), suppress(FileNotFoundError, NotADirectoryError):
            (self._root / checked(path)).unlink()

    def now(self) -> float:
        """See Storage."""
        with self._partial(incoming_name("clock"), [b"?"], "asking the time of") as partial:
            return partial.stat().st_mtime

    def _ready(self, path: str) -> Path:
        """The full path, its folder made."""
        place = self._root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        return place

    @contextmanager
    def _partial(self, path: str, pieces: Iterable[bytes], doing: str, *, durable: bool = False) -> Iterator[Path]:
        """A file in `incoming/` with this content while the block runs; whatever the block leaves of it is removed."""
        with self._faults(f"{doing} {path} in"):
            partial = self._ready(incoming_name("part"))
            try:
                with partial.open("xb", buffering=0) as stream:
                    for piece in pieces:
                        write_all(stream.fileno(), piece)
                    if durable:
                        os.fsync(stream.fileno())
                yield partial
            finally:
                with suppress(OSError):
                    partial.unlink()

    @contextmanager
    def _faults(self, doing: str) -> Iterator[None]:
        try:
            yield
        except XltError:
            raise
        except OSError as error:
            raise self._fault(doing, error) from None

    def _fault(self, doing: str, error: OSError) -> XltError:
        kind = kind_of_os_error(error) or Kind.OTHER
        if kind is Kind.BLOCKED and error.filename:
            doing = f"using {_obstacle(Path(error.filename2 or error.filename))} for {doing}"
        return fault(kind, doing, self.url, _ADVICE, error)


def _obstacle(path: Path) -> Path:
    """What is in the way: the first file above, or the folder itself."""
    return next((place for place in reversed(path.parents) if place.is_file()), path)


def _sync_folder(folder: Path) -> None:
    """A new name survives a power failure; file systems that cannot do this are left alone."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
