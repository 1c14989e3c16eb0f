"""A server of S3 that answers what it is told."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.store.servers import SECRET


@dataclass
class Canned:
    """Answers in their order, each a status and the code of an error; the last one again and again. `asked` counts requests."""

    answers: list[tuple[int, str]]
    port: int = 0
    asked: list[str] = field(default_factory=list)


class _Handler(BaseHTTPRequestHandler):
    server: Any
    protocol_version = "HTTP/1.1"

    def _handle(self) -> None:
        canned: Canned = self.server.canned
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        canned.asked.append(f"{self.command} {self.path}")
        status, code = canned.answers[0] if len(canned.answers) == 1 else canned.answers.pop(0)
        body = b"" if status < 300 or self.command == "HEAD" else _error(code)
        self.send_response(status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body) if self.command != "HEAD" else 3))
        self.send_header("ETag", '"e"')
        self.send_header("Last-Modified", "Sun, 22 Nov 2026 01:02:03 GMT")
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _handle

    def log_message(self, format: str, *args: object) -> None:
        pass


def _error(code: str) -> bytes:
    """What a server says when it fails: its text holds what no message may repeat."""
    return f"<Error><Code>{code}</Code><Message>{SECRET} was refused</Message><Key>{SECRET}</Key></Error>".encode()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is part of the tests."""


@contextmanager
def canned(*answers: tuple[int, str]) -> Iterator[Canned]:
    """The server, in a thread of this process."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        told = Canned(list(answers), server.server_port)
        server.canned = told  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield told
        finally:
            server.shutdown()
            thread.join()
