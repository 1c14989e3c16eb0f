"""The client against what is no service, addresses that are none, and tokens that must not go everywhere."""

import http.client
import http.server
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pytest

from xlt_augment import SynonymSet
from xlt_augment.errors import ServiceError, UsageError, XltError
from xlt_augment.service.client import Client


@contextmanager
def answering(status: int, body: bytes, **headers: str) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """A server that answers everything so, and the headers of the requests that came."""
    seen: list[dict[str, str]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            seen.append(dict(self.headers))
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

        def log_message(self, *args: object) -> None:
            """Nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", seen
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("status", "body", "kind", "found"),
    [
        (200, b"<html>", "text/html", "no JSON object, but text/html with status 200"),
        (200, b"{", "application/json", "no JSON object"),
        (200, b"[" * 100_000, "application/json", "no JSON object"),
        (200, b"[]", "application/json", "no JSON object"),
        (200, b'{"detail": 1}', "application/json", "an answer without 'sets'"),
        (302, b"", "text/html", "status 302"),
        (500, b"trace", "text/plain", "status 500"),
        (500, b'{"error": null}', "application/json", "status 500"),
        (404, b'{"error": {"id": 1}}', "application/json", "status 404"),
        (304, b"", "application/json", "status 304"),
    ],
)
def test_what_no_service_answers_is_a_service_error(status: int, body: bytes, kind: str, found: str) -> None:
    with answering(status, body, Content_Type=kind) as (url, _), Client(url) as client:
        with pytest.raises(ServiceError) as caught:
            client.sets()
    assert found in caught.value.found
    assert (caught.value.status, caught.value.id) == (status, None)


def test_a_set_that_arrives_damaged_is_refused(tmp_path: Path) -> None:
    SynonymSet.from_mapping({"movie": ["film"]}).save(tmp_path / "a.arrow")
    content = (tmp_path / "a.arrow").read_bytes()
    arrow = "application/vnd.apache.arrow.stream"
    for body, tag in ((content[:-300], '"0"'), (content.replace(b"film", b"fjlm"), '"0"'), (content, '"0123-1"'), (b"", '"0"')):
        with answering(200, b"{}", Content_Type="application/json") as (url, _), Client(url) as client:
            remote = client.set("a")
        with answering(200, body, Content_Type=arrow, ETag=tag) as (url, _), Client(url) as client:
            remote._connection = client._connection
            with pytest.raises(ServiceError, match="no synonym set|another in its ETag"):
                remote.download()


def stream(column: str, texts: list[str]) -> bytes:
    """Variants in Arrow, one of each text."""
    table = pa.table({"source_id": range(len(texts)), "variant": [1] * len(texts), column: texts})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


GOOD = stream("text", ["once", "more"])


@pytest.mark.parametrize(
    "body", [b"", b"{}", GOOD[:-80], GOOD.replace(b"more", b"mor\xff"), stream("text", ["a"]), stream("word", ["a", "b"])]
)
def test_variants_that_were_not_asked_for_are_refused(body: bytes) -> None:
    for content in (GOOD, body):
        with answering(200, content, Content_Type="application/json") as (url, _), Client(url) as client:
            client.__dict__["facts"] = {"limits": {"texts": 9, "work": 9}}
            if content is GOOD:
                assert client.augment(["a", "b"], m=1) == [["once"], ["more"]]
                continue
            with pytest.raises(ServiceError, match="no variants as they were asked for"):
                client.augment(["a", "b"], m=1)


@pytest.mark.parametrize("error", [ConnectionAbortedError(), ssl.SSLEOFError(), BrokenPipeError()])
def test_a_kept_connection_that_broke_is_asked_no_more(error: OSError) -> None:
    class Broken(http.client.HTTPConnection):
        def request(self, *args: object, **kwargs: object) -> None:
            raise error

    with answering(200, b'{"sets": []}', Content_Type="application/json") as (url, _), Client(url) as client:
        client._connection._idle.append(Broken("127.0.0.1"))
        assert client.sets() == []


def test_a_service_that_is_not_there_or_says_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with Client(url, timeout=0.1) as client, pytest.raises(ServiceError, match="nothing within 0.1 s"):
            client.sets()
    with Client(url) as client, pytest.raises(ServiceError, match=r"Connection refused.*xlt-augment serve"):
        client.sets()


SECRET = "secret-0123456789"


@pytest.mark.parametrize("given", ["argument", "address", "environment"])
def test_the_token_is_sent_and_never_shown(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(500, b"", Content_Type="text/plain") as (url, seen):
        if given == "environment":
            monkeypatch.setenv("XLT_SERVICE_TOKEN", SECRET)
        client = Client(f"{url}/#token={SECRET}" if given == "address" else url, SECRET if given == "argument" else None)
        with client, pytest.raises(ServiceError) as caught:
            client.sets()
    assert seen[0]["Authorization"] == f"Bearer {SECRET}"
    assert SECRET not in repr(client) + repr(vars(client)) + str(caught.value) + repr(caught.value)


@pytest.mark.parametrize(
    "url", ["http://example.org", "http://192.0.2.1:8765", "http://127.0.0.1.example.org", "http://[2001:db8::1]"]
)
def test_a_token_goes_over_http_to_this_machine_only(url: str) -> None:
    with pytest.raises(UsageError, match="a token that would go there as it is") as caught:
        Client(url, SECRET)
    assert SECRET not in str(caught.value)
    Client(url)
    Client(url, SECRET, insecure=True)
    Client(url.replace("http:", "https:"), SECRET)
    for here in ("http://localhost:1", "http://127.0.0.9", "http://[::1]:8765/prefix/"):
        Client(here, SECRET)


@pytest.mark.parametrize(
    "url",
    [
        *("", "ftp://a", "127.0.0.1:8765", "http://", f"http://me:{SECRET}@a", "http://a:99999999", "http://a/?token=1"),
        *("http://a b", "http://[a", "http://a/\r\nX: y"),
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="reading the address") as caught:
        Client(url)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("token", ["two words", "line\nbreak", "é", "\0"])
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(UsageError, match="reading the token") as caught:
        Client("http://127.0.0.1", token)
    assert token not in str(caught.value)


def test_the_client_needs_the_standard_library_alone() -> None:
    code = "import sys; from xlt_augment.service.client import Client; Client('http://127.0.0.1'); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert not loaded & {"fastapi", "starlette", "pydantic", "uvicorn", "pyarrow", "numpy", "numba", "rapidfuzz", "click"}


def test_errors_are_errors_of_xlt() -> None:
    assert issubclass(ServiceError, XltError)
