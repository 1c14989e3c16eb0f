"""Raw requests to a service in a process of its own, and what came back."""

import contextlib
import itertools
import json
import re
import socket

from tests.service.process import Served
from tests.service.uvicorn_thread import read_all

READ, OTHER_READ, WRITE = "read-token-of-the-attacks", "second-read-token-of-them", "write-token-of-the-attacks"
VETO = json.dumps({"first": "movie", "second": "film", "author": "mallory", "reason": "because"}).encode()
JSON = "Content-Type: application/json"
STATUS = re.compile(rb"HTTP/1\.1 (\d{3})")
FINE = {400, 401, 403, 404, 405, 408, 413, 414, 415, 421, 422, 429, 431, 503}
_clients = itertools.count(1)


def request(
    method: str,
    target: str,
    *lines: str,
    token: str | None = None,
    body: bytes = b"",
    host: str = "localhost",
    client: str = "",
) -> bytes:
    """The bytes of a request of a client that was never seen before, and that is the last of its connection."""
    number = next(_clients)
    head = [f"{method} {target} HTTP/1.1", f"Host: {host}", "Connection: close"]
    head.append(f"X-Forwarded-For: {client or f'10.{number >> 16}.{number >> 8 & 255}.{number & 255}'}")
    if token is not None:
        head.append(f"Authorization: Bearer {token}")
    if body:
        head += [f"Content-Length: {len(body)}", "Content-Type: application/json"]
    return "\r\n".join([*head, *lines, "", ""]).encode("latin-1") + body


def connect(served: Served) -> socket.socket:
    """A connection."""
    return socket.create_connection(("127.0.0.1", int(served.url.rpartition(":")[2])), timeout=20)


def talk(served: Served, *parts: bytes) -> bytes:
    """All that comes back for these bytes. No answer tells of folders, code or tokens."""
    with connect(served) as client:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for part in parts:
                client.sendall(part)
        answer = read_all(client)
    for word in (
        b"Traceback",
        b"/site-packages",
        b"/xlt_augment",
        b"root:",
        b"/attacked",
        READ.encode(),
        WRITE.encode(),
        b"uvicorn",
    ):
        assert word not in answer
    assert b"\r\naccess-control-" not in answer.lower()
    assert b"\r\nserver:" not in answer.lower()
    return answer


def statuses(served: Served, *parts: bytes) -> list[int]:
    """Those of the answers to these bytes."""
    return [int(status) for status in STATUS.findall(talk(served, *parts))]


def refused(served: Served, *parts: bytes) -> None:
    """One answer at most, and that a refusal; never a 5xx but 503."""
    found = statuses(served, *parts)
    assert len(found) <= 1
    assert set(found) <= FINE
