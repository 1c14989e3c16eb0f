"""A second process tries what it should not: nothing opens, nothing breaks, and the service answers afterwards."""

import itertools
import json
import random
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command import run_here
from tests.service.process import Served, serving
from tests.service.uvicorn_thread import read_all

READ, OTHER_READ, WRITE = "read-token-of-the-attacks", "second-read-token-of-them", "write-token-of-the-attacks"
_clients = itertools.count(1)
STATUS = re.compile(rb"HTTP/1\.1 (\d{3})")
FINE = {400, 401, 403, 404, 405, 408, 413, 414, 415, 421, 422, 429, 431, 503}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("attacked")
    tokens = home / "tokens"
    tokens.write_text(f"read {READ}\nread {OTHER_READ}\nwrite {WRITE}\n")
    tokens.chmod(0o600)
    with serving(
        "default", "--tokens", tokens, "--trusted-proxy", "127.0.0.1", "--vetoes", home / "v.sqlite", home=home
    ) as found:
        yield found
        said = found.said()
        assert found.end() == 0
        assert "Traceback" not in said
        for secret in (READ, OTHER_READ, WRITE, "forged"):
            assert secret not in said.replace("%0Aforged", "").replace("%0aforged", "")
        assert all(re.match(r"\d{4}-\d\d-\d\dT|    ", line) for line in said.splitlines())


@pytest.fixture(autouse=True)
def _stands(served: Served) -> Iterator[None]:
    """Whatever was tried: it lives, knows its set, and nothing was written."""
    yield
    assert _statuses(served, _request("GET", "/healthz")) == [200]
    assert b'"default"' in _raw(served, _request("GET", "/v1/sets", token=READ))
    vetoes = _raw(served, _request("GET", "/v1/sets/default/vetoes?state=all", token=READ))
    assert b'"items":[]' in vetoes
    assert served.process.poll() is None


def _request(
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


def _connect(served: Served) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(served.url.rpartition(":")[2])), timeout=20)


def _raw(served: Served, *parts: bytes) -> bytes:
    """All that comes back for these bytes. No answer tells of folders, code or tokens."""
    with _connect(served) as client:
        try:
            for part in parts:
                client.sendall(part)
        except (BrokenPipeError, ConnectionResetError):
            pass
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


def _statuses(served: Served, *parts: bytes) -> list[int]:
    return [int(status) for status in STATUS.findall(_raw(served, *parts))]


def _refused(served: Served, *parts: bytes) -> None:
    """One answer at most, and that a refusal; never a 5xx but 503."""
    found = _statuses(served, *parts)
    assert len(found) <= 1
    assert set(found) <= FINE


VETO = json.dumps({"first": "movie", "second": "film", "author": "mallory", "reason": "because"}).encode()
WRITES = ["/v1/sets/default/vetoes", "/v1/sets/default/vetoes/1/withdraw", "/v1/sets/default/reload"]
READS = ["/v1/sets", "/v1/service", "/metrics", "/openapi.json", "/v1/sets/default/rows", "/v1/nothing"]
WRONG = [
    None, "", " ", "x" * 26, READ[:-1], READ + "x", READ.upper(), READ + " x", READ + "," + WRITE, READ[:16], "null",
    "undefined",
    "\xff" * 26, "x" * 8_000, f'"{READ}"', READ.replace("-", "%2d"),
]  # fmt: skip


@pytest.mark.parametrize("token", WRONG)
def test_wrong_tokens_open_nothing(served: Served, token: str | None) -> None:
    for path in READS:
        assert _statuses(served, _request("GET", path, token=token)) == [401]
    for path in WRITES:
        assert _statuses(served, _request("POST", path, token=token, body=VETO)) == [401]


def test_the_read_tokens_do_not_write(served: Served) -> None:
    for token in (READ, OTHER_READ):
        assert _statuses(served, _request("GET", "/v1/sets", token=token)) == [200]
        for path in WRITES:
            assert _statuses(served, _request("POST", path, token=token, body=VETO)) == [403]


@pytest.mark.parametrize(
    ("target", "line"),
    [
        (f"/v1/sets?token={WRITE}", ""), (f"/v1/sets?access_token={WRITE}", ""), (f"/v1/sets#token={WRITE}", ""),
        ("/v1/sets", f"Cookie: token={WRITE}"),
        ("/v1/sets", f"X-Api-Key: {WRITE}"), ("/v1/sets", f"Proxy-Authorization: Bearer {WRITE}"), ("/v1/sets",
        f"Authorization: Basic {WRITE}"),
        ("/v1/sets", f"Authorization: {WRITE}"), ("/v1/sets", f"Authorization: Bearer: {WRITE}"), ("/v1/sets",
        f"Authorization_: Bearer {WRITE}"),
        ("/page/../v1/sets", ""), ("//v1/sets", ""), ("/./v1/sets", ""), ("/page/%2e%2e/v1/sets", ""),
        ("/healthz/../v1/sets", ""), ("/v1/sets;/healthz", ""),
        ("/V1/sets", ""), ("/v1/sets", "X-Original-URL: /healthz"), ("/v1/sets", "X-Rewrite-URL: /"),
        ("/healthz?/../v1/sets", "X-Original-URL: /v1/sets"),
    ],
)  # fmt: skip
def test_no_side_door(served: Served, target: str, line: str) -> None:
    answer = _raw(served, _request("GET", target, *filter(None, [line])))
    assert b"sha256" not in answer
    assert set(map(int, STATUS.findall(answer))) <= {401, 404} or target.startswith("/healthz?")


def test_two_tokens_are_none(served: Served) -> None:
    assert _statuses(served, _request("GET", "/v1/sets", f"Authorization: Bearer {WRITE}", token="x" * 26)) == [400]


def test_guessing_is_slowed_down(served: Served) -> None:
    found = [_statuses(served, _request("GET", "/v1/sets", token=f"guess-{n:020}", client="192.0.2.1"))[0] for n in range(14)]
    assert found[:10] == [401] * 10
    assert found[-1] == 429
    spoofed = _request("GET", "/v1/sets", token="x" * 26, client="203.0.113.9, 192.0.2.1")
    assert _statuses(served, spoofed) == [429]


NAMES = [
    "..", "../../../../etc/passwd", "..%2f..%2f..%2fetc%2fpasswd", "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "%252e%252e%252fetc%252fpasswd", "/etc/passwd",
    "%2fetc%2fpasswd", "..%5c..%5cwindows", "default%00", "%00", "default%00.arrow", "tokens", "..%c0%af..%c0%afetc",
    "%ff%fe", "file:%2f%2f%2fetc%2fpasswd",
    "~root", "$HOME", "default%0d%0aX-Forged:%20yes", "%0aforged", ".", "con", "a" * 3_000, "default/../../tokens", "-",
    "%3Cscript%3E", "__proto__",
]  # fmt: skip
PLACES = ["/v1/sets/{}", "/v1/sets/{}/neighbors/movie", "/v1/sets/{}/words", "/v1/sets/{}/vetoes.txt",
"/v1/sets/default/compare/{}", "/page/{}",
          "/v1/datasets/{}/x", "/v1/datasets/x/{}/samples", "/{}"]  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_names_lead_nowhere_else(served: Served, place: str) -> None:
    for name in NAMES:
        answer = _raw(served, _request("GET", place.format(name), token=READ))
        assert {int(status) for status in STATUS.findall(answer)} <= {400, 404, 405, 414, 422}, name
        assert b"x-forged" not in answer.lower().partition(b"\r\n\r\n")[0]


def test_names_in_bodies_lead_nowhere_else(served: Served) -> None:
    for name in (
        "../../etc/passwd",
        "/etc/passwd",
        "\x00",
        "default\x00",
        "a" * 64,
        "team/words@v1",
        "file:///etc/passwd",
        "__class__",
    ):
        body = json.dumps({"texts": ["A movie."], "m": 1, "set": name}).encode()
        assert _statuses(served, _request("POST", "/v1/augment", token=READ, body=body)) == [404], name


def _chunked(*chunks: bytes, target: str = "/v1/augment") -> bytes:
    head = _request("POST", target, "Content-Type: application/json", "Transfer-Encoding: chunked", token=WRITE)
    return head + b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"null", b"\xff\xfe",
        b'{"texts": ["\xff"]}', b'{"texts": ["\\ud800"], "m": 1, "q": 1}', b"[" * 100_000, b'{"a":' * 50_000,
        b'{"texts": ["a"], "m": 1e400}', b'{"texts": ["a"], "p": NaN}', b'{"texts": ["a"], "m": 1000000}', b'{"texts": ["a"], "seed": ' + b"9" * 5_000 + b"}",
        b'{"texts": ["a"], "p": -1}', b'{"texts": []}', b'{"texts": "a"}', b'{"texts": ["a"], "__proto__": {}}', b"\x00" * 1_000, b"\xef\xbb\xbf{}",
        json.dumps({"texts": ["a" * 10_001]}).encode(), json.dumps({"texts": ["a"] * 1_001}).encode(),
        json.dumps({"texts": ["a" * 10_000] * 100, "m": 1_000}).encode(),
    ],
    ids=lambda body: repr(body[:20]),
)  # fmt: skip
def test_bodies_that_are_none(served: Served, body: bytes) -> None:
    found = _statuses(served, _request("POST", "/v1/augment", token=READ, body=body))
    assert found in ([422], [400], [413], [415])


def test_a_lone_surrogate_is_no_text(served: Served) -> None:
    body = b'{"texts": ["a \\ud800 movie"], "m": 1}'
    assert _statuses(served, _request("POST", "/v1/augment", token=READ, body=body)) in ([422], [200])
    assert set(_statuses(served, _request("GET", "/v1/sets/default/neighbors/%ed%a0%80", token=READ))) <= {404, 422}


def test_bodies_that_are_too_long(served: Served) -> None:
    size = (1 << 20) + 1
    head = _request("POST", "/v1/augment", f"Content-Length: {size}", "Content-Type: application/json", token=READ)
    assert _statuses(served, head) == [413], "told before the body comes"
    assert _statuses(served, head, b" " * size) == [413]
    assert _statuses(served, _chunked(*[b" " * 60_000] * 20)) == [413]
    expects = _request(
        "POST", "/v1/augment", f"Content-Length: {size}", "Content-Type: application/json", "Expect: 100-continue", token=READ
    )
    assert _statuses(served, expects) == [413], "and never 100"


HIDDEN = _request("POST", "/v1/sets/default/vetoes", token=WRITE, body=VETO)
JSON = "Content-Type: application/json"


@pytest.mark.parametrize(
    "lines",
    [
        ("Transfer-Encoding: chunked", "Content-Length: 5"), ("Content-Length: 5", "Transfer-Encoding: chunked"),
        ("Content-Length: 5", "Content-Length: 6"),
        ("Content-Length: 5, 6",), ("Content-Length: -5",), ("Content-Length: +5",), ("Content-Length: 0x5",),
        ("Content-Length: 5 5",),
        ("Content-Length: 99999999999999999999999",), ("Transfer-Encoding: xchunked",),
        ("Transfer-Encoding: chunked, identity",),
        ("Transfer-Encoding: chunked", "Transfer-Encoding: identity"), ("Transfer-Encoding : chunked",),
        ("Transfer-Encoding:\x0bchunked",),
        ("Transfer-Encoding: \x00chunked",), ("X: y\nTransfer-Encoding: chunked",), ("X: y\rTransfer-Encoding: chunked",),
        (" Transfer-Encoding: chunked",),
        ("Transfer_Encoding: chunked", "Transfer-Encoding: gzip"),
    ],
)  # fmt: skip
def test_a_request_is_not_hidden_in_the_body_of_another(served: Served, lines: tuple[str, ...]) -> None:
    _refused(served, _request("POST", "/v1/augment", JSON, *lines, token=READ) + b"0\r\n\r\n" + HIDDEN)


@pytest.mark.parametrize(
    "chunk",
    [
        b"ffffffffffffffffff\r\n",
        b"-1\r\n",
        b"zz\r\n",
        b"5;" + b"x" * 200_000,
        b"1\r\nab\r\n",
        b"0\r\nHost: evil\r\n\r\n",
        b"0x5\r\n",
    ],
)
def test_chunks_that_are_none(served: Served, chunk: bytes) -> None:
    _refused(served, _chunked(chunk[:0] or b" ") + chunk + HIDDEN)


@pytest.mark.parametrize(
    ("host", "lines"),
    [
        ("evil.example", ()), ("localhost", ("Host: evil.example",)), ("localhost", ("Host: localhost",)), ("evil.example",
        ("X-Forwarded-Host: localhost",)),
        ("", ()), ("localhost:1", ()), ("localhost\x00.evil", ()), ("localhost/evil", ()), ("localhost@evil", ()),
        ("evil#localhost", ()), ("[::1", ()),
        ("localhost", (" evil",)), ("localhost", ("\tfolded",)), ("localhost\r\n evil.example", ()),
    ],
)  # fmt: skip
def test_only_this_host(served: Served, host: str, lines: tuple[str, ...]) -> None:
    _refused(served, _request("GET", "/v1/sets", *lines, token=READ, host=host))


def test_other_names_for_the_host_change_nothing(served: Served) -> None:
    lines = (
        "X-Forwarded-Host: evil.example",
        "X-Forwarded-Proto: gopher",
        "Forwarded: host=evil.example",
        "X-Host: evil.example",
    )
    answer = _raw(served, _request("GET", "/v1/sets", *lines, token=READ))
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"evil" not in answer


@pytest.mark.parametrize("target", ["http://localhost/v1/sets", "http://evil.example/", "*", "localhost:80", "", "v1/sets",
"/v1/sets HTTP/1.0\r\nX:", "/v1/\x00sets",
                                    "/v1/s\xe9ts", "/v1 sets", "/" + "x" * 70_000, "/?" + "x" * 20_000])  # fmt: skip
def test_other_targets(served: Served, target: str) -> None:
    _refused(served, _request("GET", target))


@pytest.mark.parametrize(
    "method",
    [
        "get",
        "PUT",
        "DELETE",
        "PATCH",
        "OPTIONS",
        "TRACE",
        "CONNECT",
        "PROPFIND",
        "GE T",
        "X" * 1_000,
        "",
        "PRI",
        "\x16\x03\x01",
    ],
)
def test_other_methods(served: Served, method: str) -> None:
    tricks = ("X-HTTP-Method-Override: POST", "X-HTTP-Method: POST", "X-Method-Override: POST")
    _refused(served, _request(method, "/v1/sets/default/reload", *tricks, token=READ))
    _refused(served, _request("GET", "/v1/sets/default/reload?_method=POST", *tricks, token=READ))


@pytest.mark.parametrize(
    "lines",
    [
        ("X: " + "a" * 60_000,),
        tuple(f"X-{n}: y" for n in range(1_000)),
        ("a" * 50_000 + ": b",),
        ("X: a\x00b",),
        ("X y: b",),
        (":b",),
        ("nothing",),
    ],
)
def test_other_headers(served: Served, lines: tuple[str, ...]) -> None:
    _refused(served, _request("GET", "/v1/sets", *lines, token=READ))


def test_another_sites_page_neither_writes_nor_reads(served: Served) -> None:
    for line in ("Origin: https://evil.example", "Origin: null", "Sec-Fetch-Site: cross-site"):
        assert _statuses(served, _request("POST", "/v1/sets/default/vetoes", line, token=WRITE, body=VETO)) == [403]
    preflight = ("Origin: https://evil.example", "Access-Control-Request-Method: POST")
    assert _statuses(served, _request("OPTIONS", "/v1/sets/default/vetoes", *preflight)) == [405]


def test_slow_and_half_closed_connections_keep_nobody_out(served: Served) -> None:
    slow = [_connect(served) for _ in range(80)]
    try:
        for number, client in enumerate(slow):
            client.sendall(_request("GET", "/v1/sets", token=READ)[: number % 40])
            if number % 4 == 0:
                client.shutdown(socket.SHUT_WR)
        body = _request("POST", "/v1/augment", "Content-Length: 50", JSON, token=READ)
        for client in slow[1::4]:
            client.sendall(body)
        assert _statuses(served, _request("GET", "/v1/sets", token=READ)) == [200]
    finally:
        for client in slow:
            client.close()
    with _connect(served) as client:
        client.sendall(_request("GET", "/v1/sets", token=READ))
        client.shutdown(socket.SHUT_WR)
        assert read_all(client).startswith(b"HTTP/1.1 200 ")


def test_damaged_requests(served: Served) -> None:
    source = random.Random(9)
    whole = _request("POST", "/v1/sets/default/neighbors", token=READ, body=b'{"words": ["movie"]}')
    for _ in range(60):
        damaged = bytearray(whole)
        for _ in range(source.randint(1, 4)):
            at = source.randrange(len(damaged))
            damaged[at : at + source.randint(0, 3)] = source.randbytes(source.randint(0, 4))
        with _connect(served) as client:
            client.sendall(damaged)
            client.shutdown(socket.SHUT_WR)
            found = {int(status) for status in STATUS.findall(read_all(client))}
        assert found <= FINE | {200}


def test_a_service_that_would_be_open_does_not_start(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "tokens"
    path.write_text(f"read {READ}\n")
    path.chmod(0o644)
    for words, found in ((("--tokens", path), "mode 0644"), (("--host", "0.0.0.0"), "no token")):
        done = run_here(capsys, "serve", *words, "--vetoes", tmp_path / "v.sqlite")
        assert done.code == 2
        assert found in done.err
        assert READ not in done.err
