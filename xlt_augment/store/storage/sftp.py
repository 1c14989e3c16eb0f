"""A store on a host that one can reach by SSH: `sftp://USER@HOST:PORT/FOLDER`.

Files are written into `incoming/` and moved. Exclusive creation is a hard link (an extension of OpenSSH), else the rename of
SFTP 3, which must not replace a file; servers that break that rule are found by the probe.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, suppress
from stat import S_ISDIR, S_ISREG
from typing import TYPE_CHECKING, Any, TypeVar

from xlt_augment.errors import StoreError, XltError
from xlt_augment.store.storage.base import (
    PIECE_BYTES,
    Entry,
    Missing,
    check_content,
    checked,
    counted,
    in_order,
    incoming_name,
    regrouped,
    too_large,
)
from xlt_augment.store.storage.faults import Advice, Kind, fault
from xlt_augment.store.storage.ssh_session import Host, Session, kind_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from asyncssh import SFTPAttrs, SFTPClient

T = TypeVar("T")
_ADVICE = Advice(
    credentials="Check the user and its keys with ssh or ssh-add -l; passwords are not asked for",
    network="Check host and port, and whether ssh reaches it; XLT_STORE_TIMEOUT gives more seconds",
    denied="Ask the owner of the folder for the right to read and write there",
)


class SftpStorage:
    """The files below a folder of a host; a folder that does not begin with `/` is one of the user's home."""

    def __init__(self, url: str, host: Host, root: str) -> None:
        self.url, self._root = url, root
        self._session = Session(host)
        self._made: set[str] = set()  # folders that are known to be there

    def read(self, path: str, at_most: int = 16 << 20) -> bytes:
        """See Storage."""
        doing = f"reading {path} of"
        size = self._bytes(doing, path)
        if size > at_most:
            raise too_large(path, self.url, size, at_most)
        return self._range(doing, path, 0, size)

    def pieces(self, path: str) -> Iterator[bytes]:
        """See Storage."""
        doing = f"reading {path} of"
        size = self._bytes(doing, path)
        for start in range(0, size, PIECE_BYTES):
            yield self._range(doing, path, start, min(PIECE_BYTES, size - start))

    def size(self, path: str) -> int | None:
        """See Storage."""
        try:
            return self._bytes(f"looking for {path} in", path)
        except Missing:
            return None

    def _bytes(self, doing: str, path: str) -> int:
        """Raises Missing where there is no file, or a folder."""
        attributes = self._run(doing, lambda sftp: sftp.stat(self._full(path)))
        if not S_ISREG(attributes.permissions or 0):
            raise fault(Kind.MISSING, doing, self.url, _ADVICE)
        return attributes.size or 0

    def _range(self, doing: str, path: str, start: int, count: int) -> bytes:
        async def read(sftp: "SFTPClient") -> bytes:
            async with sftp.open(self._full(path), "rb") as stream:
                content: Any = await stream.read(count, start)
                return bytes(content)

        content = self._run(doing, read)
        if len(content) != count:
            raise StoreError(
                f"{doing} {self.url}",
                found=f"{start + len(content):,} bytes",
                expected=f"at least {start + count:,}, as it was listed",
                remedy="Run xlt-augment store verify: the file changed or was cut off",
            )
        return content

    def entries(self, prefix: str) -> Iterator[Entry]:
        """See Storage. A file that vanishes meanwhile is left out."""
        try:
            children = self._run(f"listing {prefix} of", lambda sftp: sftp.readdir(self._full(prefix)))
        except Missing:
            return
        found = {str(child.filename): child.attrs for child in children}
        for name, is_folder in in_order((name, S_ISDIR(found[name].permissions or 0)) for name in found):
            if is_folder and name not in (".", ".."):
                yield from self.entries(f"{prefix}/{name}")
            elif S_ISREG(found[name].permissions or 0):
                yield Entry(f"{prefix}/{name}", found[name].size or 0, _modified(found[name]))

    def upload(self, path: str, pieces: Iterable[bytes], size: int) -> None:
        """See Storage."""
        doing, partial = f"uploading {path} to", incoming_name("part")
        self._full(path)

        def block_writer(start: int, block: bytes) -> "Callable[[SFTPClient], Awaitable[None]]":
            return lambda sftp: self._write(sftp, doing, partial, start, block)

        try:
            self._run(doing, block_writer(0, b""))
            done = 0
            for block in regrouped(counted(pieces, size, path, self.url), PIECE_BYTES):
                self._run(doing, block_writer(done, block))
                done += len(block)
            self._run(doing, lambda sftp: self._move(sftp, partial, path), again=False)
        except BaseException:
            with suppress(XltError):
                self.remove(partial)
            raise

    def create(self, path: str, content: bytes) -> bool:
        """See Storage."""
        check_content(path, self.url, content)
        return self._run(f"creating {path} in", lambda sftp: self._link(sftp, path, content))

    def remove(self, path: str) -> None:
        """See Storage."""
        with suppress(Missing):
            self._run(f"removing {path} from", lambda sftp: sftp.remove(self._full(path)))

    def now(self) -> float:
        """See Storage."""

        async def ask(sftp: "SFTPClient") -> float:
            async with self._partial(sftp, "asking the time of", b"?") as place:
                return _modified(await sftp.stat(place))

        return self._run("asking the time of", ask)

    async def _move(self, sftp: "SFTPClient", partial: str, path: str) -> None:
        """Put a partial file in its place, whatever is there."""
        from asyncssh import SFTPOpUnsupported

        source, target = self._full(partial), await self._ready(sftp, path)
        try:
            await sftp.posix_rename(source, target)
        except SFTPOpUnsupported:  # not in one step then; objects have one content only
            if await sftp.exists(target):
                await sftp.remove(target)
            await sftp.rename(source, target)

    async def _link(self, sftp: "SFTPClient", path: str, content: bytes) -> bool:
        """Put a new file in a place where there is none; False where there is one."""
        from asyncssh import SFTPFailure, SFTPFileAlreadyExists, SFTPOpUnsupported

        async with self._partial(sftp, f"creating {path} in", content) as source:
            target = await self._ready(sftp, path)
            try:
                try:
                    await sftp.link(source, target)
                except SFTPOpUnsupported:
                    await sftp.rename(source, target)
            except (SFTPFailure, SFTPFileAlreadyExists):  # SFTP 3 has no word for "it is there"
                if await sftp.lexists(target):
                    return False
                raise
            return True

    @asynccontextmanager
    async def _partial(self, sftp: "SFTPClient", doing: str, content: bytes) -> "AsyncIterator[str]":
        """The full path of a file in `incoming/` that is gone after the block."""
        from asyncssh import SFTPError

        partial = incoming_name("part")
        try:
            await self._write(sftp, doing, partial, 0, content)
            yield self._full(partial)
        finally:
            with suppress(SFTPError):
                await sftp.remove(self._full(partial))

    async def _write(self, sftp: "SFTPClient", doing: str, path: str, start: int, content: bytes) -> None:
        """Write one block. SFTP 3 has no word for a full disk, so after a failure the free space is asked for."""
        from asyncssh import SFTPFailure

        target = await self._ready(sftp, path)
        try:
            async with sftp.open(target, "r+b" if start else "wb") as stream:
                await stream.write(content, start)
        except SFTPFailure as error:
            free = await _free_bytes(sftp, target.rpartition("/")[0])
            if free is not None and free < max(len(content), 1):
                raise fault(Kind.SPACE, doing, self.url, _ADVICE, error) from None
            raise

    async def _ready(self, sftp: "SFTPClient", path: str) -> str:
        """The full path, its folder made."""
        full = self._full(path)
        folder = full.rpartition("/")[0]
        if folder and folder not in self._made:
            await _make_folder(sftp, folder)
            self._made.add(folder)
        return full

    def _full(self, path: str) -> str:
        return f"{self._root}/{checked(path)}" if self._root else checked(path)

    def _run(self, doing: str, operation: "Callable[[SFTPClient], Awaitable[T]]", *, again: bool = True) -> T:
        """The result of an operation, tried once more where the connection was lost. Raises StoreError alone."""
        try:
            return self._session.run(operation)
        except XltError:
            raise
        except Exception as error:
            kind = kind_of(error)
            if kind is None:
                raise
            told = fault(kind, doing, self.url, _ADVICE, error)
        self._made.clear()
        if kind is not Kind.UNREACHABLE:
            raise told
        lost = self._session.forget()
        if again and lost:
            return self._run(doing, operation, again=False)
        raise told


async def _make_folder(sftp: "SFTPClient", folder: str) -> None:
    """Make a folder and those above it, where they are not there yet; others may do the same meanwhile."""
    from asyncssh import SFTPError, SFTPNoSuchFile

    above = folder.rpartition("/")[0]
    try:
        await sftp.mkdir(folder)
        return
    except SFTPNoSuchFile:
        if above and not await sftp.isdir(above):
            await _make_folder(sftp, above)
    except SFTPError:
        if await sftp.isdir(folder):
            return
        raise
    try:
        await sftp.mkdir(folder)
    except SFTPError:
        if not await sftp.isdir(folder):
            raise


def _modified(attributes: "SFTPAttrs") -> float:
    return (attributes.mtime or 0) + (attributes.mtime_ns or 0) / 1e9


async def _free_bytes(sftp: "SFTPClient", path: str) -> int | None:
    """Bytes that a user may still write there, None where the server does not say."""
    from asyncssh import SFTPError

    try:
        state: Any = await sftp.statvfs(path)
    except SFTPError:
        return None
    return int(state.bavail * state.frsize)
