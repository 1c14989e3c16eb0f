"""A second process tries tokens, names, other sites and slowness: nothing opens, nothing breaks, and the service goes on."""

import json
import random
import socket
from pathlib import Path

import pytest

from tests.command import run_here
from tests.service.attacks.raw import FINE, JSON, OTHER_READ, READ, STATUS, VETO, WRITE, connect, request, statuses, talk
from tests.service.process import Served
from tests.service.uvicorn_thread import read_all

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
        assert statuses(served, request("GET", path, token=token)) == [401]
    for path in WRITES:
        assert statuses(served, request("POST", path, token=token, body=VETO)) == [401]


def test_the_read_tokens_do_not_write(served: Served) -> None:
    for token in (READ, OTHER_READ):
        assert statuses(served, request("GET", "/v1/sets", token=token)) == [200]
        for path in WRITES:
            assert statuses(served, request("POST", path, token=token, body=VETO)) == [403]


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
    answer = talk(served, request("GET", target, *filter(None, [line])))
    assert b"sha256" not in answer
    assert set(map(int, STATUS.findall(answer))) <= {401, 404} or target.startswith("/healthz?")


def test_two_tokens_are_none(served: Served) -> None:
    assert statuses(served, request("GET", "/v1/sets", f"Authorization: Bearer {WRITE}", token="x" * 26)) == [400]


def test_guessing_is_slowed_down(served: Served) -> None:
    found = [statuses(served, request("GET", "/v1/sets", token=f"guess-{n:020}", client="192.0.2.1"))[0] for n in range(14)]
    assert found[:10] == [401] * 10
    assert found[-1] == 429
    spoofed = request("GET", "/v1/sets", token="x" * 26, client="203.0.113.9, 192.0.2.1")
    assert statuses(served, spoofed) == [429]


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
        answer = talk(served, request("GET", place.format(name), token=READ))
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
        assert statuses(served, request("POST", "/v1/augment", token=READ, body=body)) == [404], name


def test_another_sites_page_neither_writes_nor_reads(served: Served) -> None:
    for line in ("Origin: https://evil.example", "Origin: null", "Sec-Fetch-Site: cross-site"):
        assert statuses(served, request("POST", "/v1/sets/default/vetoes", line, token=WRITE, body=VETO)) == [403]
    preflight = ("Origin: https://evil.example", "Access-Control-Request-Method: POST")
    assert statuses(served, request("OPTIONS", "/v1/sets/default/vetoes", *preflight)) == [405]


def test_slow_and_half_closed_connections_keep_nobody_out(served: Served) -> None:
    slow = [connect(served) for _ in range(80)]
    try:
        for number, client in enumerate(slow):
            client.sendall(request("GET", "/v1/sets", token=READ)[: number % 40])
            if number % 4 == 0:
                client.shutdown(socket.SHUT_WR)
        body = request("POST", "/v1/augment", "Content-Length: 50", JSON, token=READ)
        for client in slow[1::4]:
            client.sendall(body)
        assert statuses(served, request("GET", "/v1/sets", token=READ)) == [200]
    finally:
        for client in slow:
            client.close()
    with connect(served) as client:
        client.sendall(request("GET", "/v1/sets", token=READ))
        client.shutdown(socket.SHUT_WR)
        assert read_all(client).startswith(b"HTTP/1.1 200 ")


def test_damaged_requests(served: Served) -> None:
    source = random.Random(9)
    whole = request("POST", "/v1/sets/default/neighbors", token=READ, body=b'{"words": ["movie"]}')
    for _ in range(60):
        damaged = bytearray(whole)
        for _ in range(source.randint(1, 4)):
            at = source.randrange(len(damaged))
            damaged[at : at + source.randint(0, 3)] = source.randbytes(source.randint(0, 4))
        with connect(served) as client:
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
