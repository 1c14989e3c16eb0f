"""One SSH connection a process with one SFTP channel: keys, agent, ~/.ssh/config and known_hosts as ssh has them, no password.

A host key that is not in known_hosts is refused, also where the configuration would switch that check off.
"""

import os
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from xlt_augment.store.storage.faults import Kind, kind_of_os_error
from xlt_augment.store.storage.timing import timeout_seconds

if TYPE_CHECKING:
    from asyncssh import SFTPClient, SSHClientConnection

T = TypeVar("T")
_ALIVE_SECONDS = 15  # an idle connection is asked this often whether it lives; after three silences it is lost


@dataclass(frozen=True)
class Host:
    """Where to connect to; None stands for what ~/.ssh/config or the system say."""

    name: str
    port: int | None = None
    user: str | None = None


class Session:
    """A connection that is made on first use and again after it was lost. Any thread may run something on it."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._connection: SSHClientConnection | None = None
        self._client: SFTPClient | None = None
        self._owner = 0
        self._lock = threading.Lock()

    def run(self, operation: Callable[["SFTPClient"], Awaitable[T]]) -> T:
        """The result of `operation` on the SFTP channel. Raises whatever asyncssh raises."""
        from fsspec.asyn import get_loop, sync

        with self._lock:  # so that the threads of a process make one connection
            if self._client is None or self._owner != os.getpid():
                self._connection, self._client = sync(get_loop(), self._connect)
                self._owner = os.getpid()
            client = self._client
        result: T = sync(get_loop(), operation, client)
        return result

    def forget(self) -> bool:
        """Whether there was a connection; the next run makes a new one."""
        with self._lock:
            had = self._connection is not None
            if self._connection is not None and self._owner == os.getpid():
                self._connection.abort()
            self._connection = self._client = None
            return had

    async def _connect(self) -> "tuple[SSHClientConnection, SFTPClient]":
        import asyncssh

        seconds = timeout_seconds()
        settings: dict[str, Any] = {"connect_timeout": seconds, "login_timeout": seconds, "keepalive_interval": _ALIVE_SECONDS}
        settings |= {
            name: value for name, value in (("port", self._host.port), ("username", self._host.user)) if value is not None
        }
        options = await asyncssh.SSHClientConnectionOptions.construct(config=(), host=self._host.name, **settings)
        if options.known_hosts is None:  # `UserKnownHostsFile none`
            settings["known_hosts"] = asyncssh.import_known_hosts("")
        connection = await asyncssh.connect(self._host.name, **settings)
        try:
            return connection, await connection.start_sftp_client()
        except BaseException:
            connection.abort()
            raise


def kind_of(error: Exception) -> Kind | None:
    """The kind of an error of asyncssh or of a socket, None for one of the program."""
    import asyncssh

    if isinstance(error, asyncssh.PermissionDenied | asyncssh.KeyImportError | asyncssh.KeyEncryptionError):
        return Kind.CREDENTIALS
    if isinstance(error, asyncssh.HostKeyNotVerifiable):
        return Kind.HOST_KEY
    if isinstance(error, asyncssh.ConnectionLost | asyncssh.SFTPConnectionLost | asyncssh.SFTPNoConnection):
        return Kind.UNREACHABLE
    if isinstance(error, asyncssh.SFTPNoSuchFile | asyncssh.SFTPNoSuchPath):
        return Kind.MISSING
    if isinstance(error, asyncssh.SFTPPermissionDenied | asyncssh.SFTPWriteProtect):
        return Kind.DENIED
    if isinstance(error, asyncssh.SFTPNoSpaceOnFilesystem | asyncssh.SFTPQuotaExceeded):
        return Kind.SPACE
    if isinstance(error, asyncssh.SFTPOpUnsupported):
        return Kind.UNSUPPORTED
    if isinstance(error, asyncssh.Error | asyncssh.ConfigParseError):
        return Kind.OTHER
    if type(error).__name__ == "gaierror" or isinstance(error, TimeoutError):
        return Kind.UNREACHABLE
    return kind_of_os_error(error) or (Kind.OTHER if isinstance(error, OSError) else None)
