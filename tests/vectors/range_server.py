"""A server on loopback that holds one file, knows ranges, and misbehaves in the ways it is told."""

import hashlib
import io
import os
import random
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from xlt_augment.errors import DownloadError
from xlt_augment.vectors.fetch import fetch

NAME, TARGET, PARTIAL = "glove.6B", "glove.6B.zip", ".glove.6B.zip.partial"


def archive(seed: int = 1, size: int = 300_000, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A sound zip that hardly shrinks, as an archive of vectors."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        file.writestr(zipfile.ZipInfo("glove.50d.txt"), random.Random(seed).randbytes(size), method)
        file.writestr(zipfile.ZipInfo("glove.100d.txt"), b"the 0.1 0.2\n" * 100, method)
    return stream.getvalue()


BODY, OTHER = archive(), archive(2)
SHA, OTHER_SHA = (hashlib.sha256(body).hexdigest() for body in (BODY, OTHER))


@dataclass
class Site:
    """The file and how it is served; `log` holds path, Range header and number of body bytes of each request."""

    body: bytes
    etag: str | None = '"v1"'
    modified: str | None = None
    ranges: bool = True
    heeds_if_range: bool = True
    status: int | None = None  # answer this to everything
    redirect: str | None = None
    names_version_of_parts: bool = True
    content_range: str | None = None  # say this instead of what is sent
    framing: str = "length"  # how the end of a body is known: "length", "chunked", or "close"
    drop_after: int | None = None  # close after this number of body bytes
    stall_after: int | None = None  # after this number of body bytes wait for `go_on`
    go_on: threading.Event = field(default_factory=threading.Event)
    log: list[tuple[str, str | None, int]] = field(default_factory=list)
    url: str = ""

    def sent(self) -> int:
        """Body bytes of all answers."""
        return sum(n for _, _, n in self.log)


class _Handler(BaseHTTPRequestHandler):
    server: Any

    def do_GET(self) -> None:
        site: Site = self.server.site
        status, start = site.status or 200, 0
        wanted = self.headers.get("Range")
        same = self.headers.get("If-Range") in (None, site.etag, site.modified) or not site.heeds_if_range
        if wanted and site.ranges and same and status == 200:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            status = 206 if start < len(site.body) else 416
        if site.redirect:
            status = 302
        body = site.body[start:] if status in (200, 206) else b""
        self.send_response(status)
        total, last = len(site.body), len(site.body) - 1
        said = {206: f"bytes {start}-{last}/{total}", 416: f"bytes */{total}"}.get(status)
        named = site.redirect if status == 302 else None
        for key, value in (("ETag", site.etag), ("Last-Modified", site.modified), ("Location", named)):
            if value and (key == "Location" or status != 206 or site.names_version_of_parts):
                self.send_header(key, value)
        if said:
            self.send_header("Content-Range", site.content_range or said)
        if site.framing == "length":
            self.send_header("Content-Length", str(len(body)))
        if site.framing == "chunked":
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self._send(site, body, wanted)

    def _send(self, site: Site, body: bytes, wanted: str | None) -> None:
        whole, chunked = len(body), site.framing == "chunked"
        if site.drop_after is not None:
            body = body[: site.drop_after]
        head = body if site.stall_after is None else body[: site.stall_after]
        site.log.append((self.path, wanted, len(head)))  # first: who has the bytes may look at once
        self.wfile.write((b"%x\r\n" % whole if chunked else b"") + head)
        if len(head) < len(body) and site.go_on.wait(60):
            self.wfile.write(body[len(head) :])
        if chunked and len(body) == whole:
            self.wfile.write(b"\r\n0\r\n\r\n")
        self.close_connection = self.close_connection or len(body) < whole

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is part of the tests."""


@contextmanager
def serving(body: bytes, **switches: Any) -> Iterator[Site]:
    """A server for `body` while the block runs; no proxy of the environment stands before it."""
    with pytest.MonkeyPatch.context() as patch, _Server(("127.0.0.1", 0), _Handler) as server:
        for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
            patch.delenv(name)
        server.site = site = Site(body, **switches)  # type: ignore[attr-defined]
        site.url = f"http://127.0.0.1:{server.server_port}/glove.zip"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield site
        finally:
            site.go_on.set()
            server.shutdown()
            thread.join()


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def refused(site: Site, folder: Path, **options: Any) -> str:
    """The message of a fetch that fails; nothing stands under the final name."""
    with pytest.raises(DownloadError) as error:
        fetch(NAME, folder=folder, url=site.url, **options)
    assert not (folder / TARGET).exists()
    return str(error.value)


def broken_off(site: Site, folder: Path, after: int) -> None:
    """Leave `after` bytes in the partial file."""
    site.drop_after = after
    assert f"after {after:,} of {len(site.body):,} bytes" in refused(site, folder)
    assert (folder / PARTIAL).stat().st_size == after
    site.drop_after = None
    site.log.clear()


def change(site: Site) -> None:
    """Another version of the file."""
    site.body, site.etag = OTHER, '"v2"'
