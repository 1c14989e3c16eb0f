"""What pages show of the service: `serve` until it has answered once, and requests to one that runs."""

import asyncio
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.service.process import serving
from xlt_augment.service.server import _Server

SHOWN = "http://127.0.0.1:8765"


def on_any_port(command: list[str]) -> list[str]:
    """A command of a page, on a port that is free."""
    return [*command, "--port", "0"] if command[:2] == ["xlt-augment", "serve"] else command


@contextmanager
def serving_once() -> Iterator[None]:
    """Every `serve` in this process ends, as by SIGTERM, once it answered that it is ready. Raises AssertionError if not."""
    statuses: list[str] = []
    tasks: list[asyncio.Task[None]] = []
    original = _Server.startup

    async def ask(server: _Server, port: int) -> None:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(f"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode())
            statuses.append((await reader.read()).decode().partition("\r\n")[0])
            writer.close()
        finally:
            server.handle_exit(signal.SIGTERM, None)

    async def startup(server: _Server, sockets: list[socket.socket] | None = None) -> None:
        await original(server, sockets)
        assert sockets
        tasks.append(asyncio.get_running_loop().create_task(ask(server, sockets[0].getsockname()[1])))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_Server, "startup", startup)
        yield
    assert statuses == ["HTTP/1.1 200 OK"] * len(tasks)


@contextmanager
def example_service(folder: Path) -> Iterator[str]:
    """The service that the examples speak of: its address, with a token that may write."""
    with serving("default", "ours=published.json", home=folder / "home", env={"XLT_STORE": ""}) as served:
        yield served.address


def run_curl(line: str, address: str) -> None:
    """A line of curl that must succeed; passed over where there is no curl."""
    if shutil.which("curl") is None:
        return
    url, _, token = address.partition("/#token=")
    line = line.replace("curl ", "curl --silent --show-error --fail ", 1).replace(SHOWN, url)
    subprocess.run(["bash", "-c", line.replace("$XLT_SERVICE_TOKEN", token)], check=True, capture_output=True, timeout=60)
