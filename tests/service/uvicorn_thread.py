"""uvicorn in a thread, as `server.serve` runs it, around any application; and a raw client."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import uvicorn

from xlt_augment.service.metrics import Metrics
from xlt_augment.service.protocol import protocol_for
from xlt_augment.service.settings import Limits


@dataclass
class Running:
    """A server on loopback."""

    port: int
    server: uvicorn.Server
    metrics: Metrics
    loop: asyncio.AbstractEventLoop

    def connect(self) -> socket.socket:
        """A fresh connection, that no test waits on for ever."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=5)

    def talk(self, *parts: bytes) -> bytes:
        """Send these, and read until the other end closes."""
        with self.connect() as client:
            for part in parts:
                client.sendall(part)
            return read_all(client)

    @property
    def connections(self) -> int:
        """Those that the server knows of."""
        return len(self.server.server_state.connections)


def read_all(client: socket.socket) -> bytes:
    """All until the end, be it a clean one or not."""
    parts = []
    with contextlib.suppress(ConnectionResetError, BrokenPipeError):
        while part := client.recv(1 << 16):
            parts.append(part)
    return b"".join(parts)


@contextlib.contextmanager
def running(app: Any, limits: Limits, keep_alive: float = 0.3) -> Iterator[Running]:
    """Serve `app` with these limits until the end of the block."""
    metrics, ready = Metrics(), threading.Event()
    config = uvicorn.Config(
        app, http=protocol_for(limits, metrics), lifespan="off", log_config=None, access_log=False, proxy_headers=False,
        server_header=False, ws="none", timeout_keep_alive=keep_alive, timeout_graceful_shutdown=1,  # type: ignore[arg-type]
    )  # fmt: skip
    found: list[Running] = []

    class Server(uvicorn.Server):
        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets)
            found.append(Running(listener.getsockname()[1], self, metrics, asyncio.get_running_loop()))
            ready.set()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Server(config)
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            assert ready.wait(20)
            yield found[0]
        finally:
            server.should_exit = True
            thread.join(20)
