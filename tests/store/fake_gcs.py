"""As much of the JSON API of Google Cloud Storage as a store uses, in memory: small pages, parts kept in part."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.store.servers import Server

_PAGE_ITEMS = 2
_KEPT_OF_FIRST_PART = 5 << 20


class _Handler(BaseHTTPRequestHandler):
    server: "_Google"
    protocol_version = "HTTP/1.1"

    def _answer(self, status: int, body: Any = b"", **headers: str) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _handle(self) -> None:
        parts = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with self.server.lock:
            match = re.fullmatch(r"/(upload/)?storage/v1/b/([^/]+)/o(?:/(.+))?", parts.path)
            if parts.path.startswith("/resumable/"):
                self._resume(parts.path.rpartition("/")[2], body)
            elif match is None or match[2] not in self.server.buckets:
                self._answer(404, {"error": {"code": 404, "message": "no such bucket"}})
            else:
                key = unquote(match[3] or asked.get("name", ""))
                self._object(self.server.buckets[match[2]], key, asked, body, upload=bool(match[1]))

    do_GET = do_POST = do_PUT = do_DELETE = _handle

    def _object(self, bucket: dict[str, Any], key: str, asked: dict[str, str], body: bytes, *, upload: bool) -> None:
        if upload and asked["uploadType"] == "resumable":
            place = str(len(self.server.uploads))
            self.server.uploads[place] = (bucket, key, bytearray())
            host, port = self.server.server_address[:2]
            self._answer(200, Location=f"http://{host!s}:{port}/resumable/{place}")
        elif upload and asked.get("ifGenerationMatch") == "0" and key in bucket:
            self._answer(412, {"error": {"code": 412, "message": "conditionNotMet"}})
        elif upload:
            bucket[key] = (body, datetime.now(UTC))
            self._answer(200, _described(key, bucket[key]))
        elif not key:
            self._page(bucket, asked)
        elif key not in bucket:
            self._answer(404, {"error": {"code": 404, "message": "no such object"}})
        elif self.command == "DELETE":
            del bucket[key]
            self._answer(204)
        elif asked.get("alt") == "media":
            start, end = map(int, self.headers["Range"].removeprefix("bytes=").split("-"))
            self._answer(206, bucket[key][0][start : end + 1])
        else:
            self._answer(200, _described(key, bucket[key]))

    def _page(self, bucket: dict[str, Any], asked: dict[str, str]) -> None:
        names = sorted(
            name for name in bucket if name.startswith(asked.get("prefix", "")) and name > asked.get("pageToken", "")
        )
        page: dict[str, Any] = {"items": [_described(name, bucket[name]) for name in names[:_PAGE_ITEMS]]}
        if len(names) > _PAGE_ITEMS:
            page["nextPageToken"] = names[_PAGE_ITEMS - 1]
        self._answer(200, page)

    def _resume(self, place: str, body: bytes) -> None:
        bucket, key, kept = self.server.uploads[place]
        if self.command == "DELETE":
            del self.server.uploads[place]
            self._answer(499)
            return
        start, end, size = map(int, re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", self.headers["Content-Range"]).groups())  # type: ignore[union-attr]
        assert start == len(kept)
        assert end + 1 - start == len(body)
        kept += body[:_KEPT_OF_FIRST_PART] if start == 0 else body
        if len(kept) < size:
            self._answer(308, Range=f"bytes=0-{len(kept) - 1}")
        else:
            bucket[key] = (bytes(kept), datetime.now(UTC))
            self._answer(200, _described(key, bucket[key]))

    def log_message(self, format: str, *args: object) -> None:
        pass


def _described(name: str, value: tuple[bytes, datetime]) -> dict[str, str]:
    return {"name": name, "size": str(len(value[0])), "updated": value[1].isoformat().replace("+00:00", "Z")}


class _Google(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.lock = threading.Lock()
        self.buckets: dict[str, dict[str, Any]] = {}
        self.uploads: dict[str, tuple[dict[str, Any], str, bytearray]] = {}


@contextmanager
def fake_gcs(folder: Path) -> Iterator[Server]:
    """The server, in a thread of this process."""
    with _Google() as google:
        thread = threading.Thread(target=google.serve_forever, args=(0.05,))
        thread.start()
        try:
            place = f"http://127.0.0.1:{google.server_port}"
            yield Server(
                lambda name: f"gs://{name}/stores/one",
                {"STORAGE_EMULATOR_HOST": place},
                lambda name: google.buckets.update({name: {}}),
            )
        finally:
            google.shutdown()
            thread.join()
