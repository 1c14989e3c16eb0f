"""A second process tries what HTTP does not allow, or allows and nobody means: nothing opens, nothing breaks."""

import json

import pytest

from tests.service.attacks.raw import JSON, READ, VETO, WRITE, refused, request, statuses, talk
from tests.service.process import Served


def chunked(*chunks: bytes, target: str = "/v1/augment") -> bytes:
    head = request("POST", target, "Content-Type: application/json", "Transfer-Encoding: chunked", token=WRITE)
    return head + b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"null", b"\xff\xfe",
        b'{"texts": ["\xff"]}', b'{"texts": ["\\ud800"], "m": 1, "q": 1}', b"[" * 100_000, b'{"a":' * 50_000,
        b'{"texts": ["a"], "m": 1e400}', b'{"texts": ["a"], "p": NaN}', b'{"texts": ["a"], "m": 1000000}',
        b'{"texts": ["a"], "seed": ' + b"9" * 5_000 + b"}",
        b'{"texts": ["a"], "p": -1}', b'{"texts": []}', b'{"texts": "a"}', b'{"texts": ["a"], "__proto__": {}}',
        b"\x00" * 1_000, b"\xef\xbb\xbf{}",
        json.dumps({"texts": ["a" * 10_001]}).encode(), json.dumps({"texts": ["a"] * 1_001}).encode(),
        json.dumps({"texts": ["a" * 10_000] * 100, "m": 1_000}).encode(),
    ],
    ids=lambda body: repr(body[:20]),
)  # fmt: skip
def test_bodies_that_are_none(served: Served, body: bytes) -> None:
    found = statuses(served, request("POST", "/v1/augment", token=READ, body=body))
    assert found in ([422], [400], [413], [415])


def test_a_lone_surrogate_is_no_text(served: Served) -> None:
    body = b'{"texts": ["a \\ud800 movie"], "m": 1}'
    assert statuses(served, request("POST", "/v1/augment", token=READ, body=body)) in ([422], [200])
    assert set(statuses(served, request("GET", "/v1/sets/default/neighbors/%ed%a0%80", token=READ))) <= {404, 422}


def test_bodies_that_are_too_long(served: Served) -> None:
    size = (1 << 20) + 1
    head = request("POST", "/v1/augment", f"Content-Length: {size}", "Content-Type: application/json", token=READ)
    assert statuses(served, head) == [413], "told before the body comes"
    assert statuses(served, head, b" " * size) == [413]
    assert statuses(served, chunked(*[b" " * 60_000] * 20)) == [413]
    expects = request(
        "POST", "/v1/augment", f"Content-Length: {size}", "Content-Type: application/json", "Expect: 100-continue", token=READ
    )
    assert statuses(served, expects) == [413], "and never 100"


HIDDEN = request("POST", "/v1/sets/default/vetoes", token=WRITE, body=VETO)


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
    refused(served, request("POST", "/v1/augment", JSON, *lines, token=READ) + b"0\r\n\r\n" + HIDDEN)


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
    refused(served, chunked(chunk[:0] or b" ") + chunk + HIDDEN)


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
    refused(served, request("GET", "/v1/sets", *lines, token=READ, host=host))


def test_other_names_for_the_host_change_nothing(served: Served) -> None:
    lines = (
        "X-Forwarded-Host: evil.example",
        "X-Forwarded-Proto: gopher",
        "Forwarded: host=evil.example",
        "X-Host: evil.example",
    )
    answer = talk(served, request("GET", "/v1/sets", *lines, token=READ))
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"evil" not in answer


@pytest.mark.parametrize("target", ["http://localhost/v1/sets", "http://evil.example/", "*", "localhost:80", "", "v1/sets",
"/v1/sets HTTP/1.0\r\nX:", "/v1/\x00sets",
                                    "/v1/s\xe9ts", "/v1 sets", "/" + "x" * 70_000, "/?" + "x" * 20_000])  # fmt: skip
def test_other_targets(served: Served, target: str) -> None:
    refused(served, request("GET", target))


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
    refused(served, request(method, "/v1/sets/default/reload", *tricks, token=READ))
    refused(served, request("GET", "/v1/sets/default/reload?_method=POST", *tricks, token=READ))


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
    refused(served, request("GET", "/v1/sets", *lines, token=READ))
