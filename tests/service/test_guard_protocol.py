"""Connections: what takes too long or too much room is ended, and what is half-closed is answered."""

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.service.asgi import behind_guard
from tests.service.uvicorn_thread import Running, read_all, running
from xlt_augment.service.protocol import DISCARDED, HEAD
from xlt_augment.service.settings import Limits, Settings

LIMITS = Limits(header_time=0.3, body_time=0.3, time=0.6, connections=8, body=1_000)
GET = b"GET /v1/sets HTTP/1.1\r\nHost: localhost\r\n"
POST = b"POST /v1/augment HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
BIG = 32 << 20


async def small(scope: Any, receive: Any, send: Any) -> None:
    """`/big`, `/stream`: more than any buffer of the system takes, at once or in parts; `/slow`: after a moment;
    else the body that came, or `ok`."""
    body = (await receive()).get("body") or b"ok"
    if scope["path"] == "/slow":
        await asyncio.sleep(0.1)
    body = b"x" * BIG if scope["path"] in ("/big", "/stream") else body
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    if scope["path"] == "/stream":
        for _ in range(31):
            await send({"type": "http.response.body", "body": body[: 1 << 20], "more_body": True})
        body = body[: 1 << 20]
    await send({"type": "http.response.body", "body": body})


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    settings = Settings(port=0, limits=LIMITS)
    with running(behind_guard(small, settings), LIMITS) as found:
        yield found


@pytest.fixture(autouse=True)
def _nothing_is_left(server: Running) -> Iterator[None]:
    yield
    _until(lambda: server.connections == 0)
    assert b" 200 " in server.talk(GET + b"Connection: close\r\n\r\n"), "it still answers"


def _until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def _trickle(client: socket.socket, text: bytes, pause: float = 0.02) -> float:
    """Send byte after byte until it is no longer taken: the seconds that went by."""
    began = time.monotonic()
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        for at in range(len(text)):
            client.sendall(text[at : at + 1])
            time.sleep(pause)
    return time.monotonic() - began


def _pour(client: socket.socket, size: int) -> int:
    """Send so many bytes, as long as they are taken: how many were."""
    sent = 0
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        while sent < size:
            sent += client.send(b"x" * (1 << 16))
    return sent


def test_a_silent_connection_is_ended(server: Running) -> None:
    with server.connect() as client:
        began = time.monotonic()
        assert read_all(client) == b""
        assert 0.2 < time.monotonic() - began < 2


@pytest.mark.parametrize("start", [GET + b"X: ", b"", b"\r\n", b"G"])
def test_a_head_that_trickles_is_ended(server: Running, start: bytes) -> None:
    with server.connect() as client:
        client.sendall(start)
        filler = b"\r\n" if start in (b"", b"\r\n") else b"a"
        assert _trickle(client, filler * 200) < 2


def test_so_is_a_second_head_after_an_answer(server: Running) -> None:
    for filler in (b"X", b"\r\n"):
        with server.connect() as client:
            client.sendall(GET + b"\r\n")
            assert b" 200 " in client.recv(4_096)
            assert _trickle(client, filler * 200) < 2


def test_an_idle_connection_is_ended_after_its_answer(server: Running) -> None:
    with server.connect() as client:
        client.sendall(GET + b"\r\n")
        assert read_all(client).startswith(b"HTTP/1.1 200 ")


def test_a_head_that_is_slow_but_in_time_is_answered(server: Running) -> None:
    with server.connect() as client:
        for part in (b"GET /v1/sets", b" HTTP/1.1\r\nHo", b"st: localhost\r\nConnection: close\r", b"\n\r\n"):
            client.sendall(part)
            time.sleep(0.02)
        assert b" 200 " in read_all(client)


@pytest.mark.parametrize("field", [b"X: " + b"a" * 2 * HEAD, b"X" * 2 * HEAD, b"X: a\r\n" * HEAD])
def test_a_head_is_bounded_in_size(server: Running, field: bytes) -> None:
    answer = server.talk(GET, field[:HEAD])
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert b"content-security-policy" in answer
    assert server.talk(b"GET /" + field).startswith((b"HTTP/1.1 431 ", b"HTTP/1.1 400 "))


def test_a_body_that_trickles_is_answered_and_ended(server: Running) -> None:
    head = POST + b"Content-Length: 500\r\n\r\n"
    with server.connect() as client:
        client.sendall(head)
        client.settimeout(0.02)
        began, got = time.monotonic(), b""
        while b"408" not in got and time.monotonic() - began < 3:
            try:
                client.sendall(b" ")
                got += client.recv(4_096)
            except TimeoutError:
                continue
        assert got.startswith(b"HTTP/1.1 408 ")


def test_the_answer_to_a_refused_body_reaches_its_sender(server: Running) -> None:
    size = 4 << 20
    head = POST + b"Content-Length: %d\r\n\r\n" % size
    with server.connect() as client:
        client.sendall(head)
        client.sendall(b"x" * size)
        client.sendall(GET + b"Connection: close\r\n\r\n")
        answers = read_all(client)
        assert answers.startswith(b"HTTP/1.1 413 ")
        assert answers.count(b"HTTP/1.1 200 ") == 1, "the connection can be used further"


def test_a_refused_body_is_not_read_for_ever(server: Running) -> None:
    size = 100 * DISCARDED
    head = POST + b"Content-Length: %d\r\n\r\n" % size
    with server.connect() as client:
        client.sendall(head)
        assert _pour(client, size) < 3 * DISCARDED
    with server.connect() as client:
        client.sendall(head)
        assert _trickle(client, b"x" * 200) < 2


def test_the_next_head_may_come_in_parts(server: Running) -> None:
    head = POST + b"Content-Length: "
    with server.connect() as client:
        client.sendall(head + b"%d\r\n\r\n" % (2 * HEAD))
        assert b" 413 " in client.recv(4_096)
        client.sendall(b"x" * 2 * HEAD + GET)
        time.sleep(0.05)
        client.sendall(b"Connection: close\r\n\r\n")
        assert read_all(client).startswith(b"HTTP/1.1 200 ")


def test_a_refused_body_that_ends_leaves_no_connection_without_a_timer(server: Running) -> None:
    with server.connect() as client:
        client.sendall(b"POST /v1/augment HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n")
        assert b" 415 " in client.recv(4_096)
        client.sendall(b"xx")
        assert read_all(client) == b""


@pytest.mark.parametrize("path", [b"/big", b"/stream"])
def test_a_reader_that_never_reads_is_ended(server: Running, path: bytes) -> None:
    with server.connect() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        client.sendall(b"GET %b HTTP/1.1\r\nHost: localhost\r\n\r\n" % path)
        _until(lambda: server.connections == 1)
        _until(lambda: server.connections == 0)


@pytest.mark.parametrize("path", [b"/v1/sets", b"/slow"])
def test_a_half_closed_connection_is_answered(server: Running, path: bytes) -> None:
    with server.connect() as client:
        client.sendall(b"GET %b HTTP/1.1\r\nHost: localhost\r\n\r\n" % path)
        client.shutdown(socket.SHUT_WR)
        assert read_all(client).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "part", [b"", b"GET /v1", GET, POST + b"Content-Length: 5\r\n\r\nab", POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab"]
)
def test_half_a_request_and_no_more_is_ended(server: Running, part: bytes) -> None:
    with server.connect() as client:
        client.sendall(part)
        client.shutdown(socket.SHUT_WR)
        assert read_all(client) == b"", "what is missing is not waited for"


def test_requests_in_one_piece_are_answered_in_order(server: Running) -> None:
    post = POST + b"Content-Length: 2\r\n\r\n"
    answers = server.talk(post + b"11" + post + b"22" + GET + b"Connection: close\r\n\r\n")
    places = [answers.index(text) for text in (b"\r\n\r\n11", b"\r\n\r\n22", b"\r\n\r\nok")]
    assert places == sorted(places)


def test_nonsense_after_a_request_takes_nothing_from_its_answer(server: Running) -> None:
    answer = server.talk(GET.replace(b"/v1/sets", b"/slow") + b"\r\n\x00\x01nonsense\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.count(b"HTTP/1.1") == 1


def test_nonsense_in_a_body_is_told_at_once(server: Running) -> None:
    began = time.monotonic()
    head = POST + b"Transfer-Encoding: chunked\r\n\r\n"
    assert server.talk(head + b"zz\r\n").startswith(b"HTTP/1.1 400 ")
    assert time.monotonic() - began < 0.25


def test_nonsense_in_the_body_of_a_request_that_waits_is_no_answer_to_the_one_before(server: Running) -> None:
    first = GET.replace(b"/v1/sets", b"/slow") + b"\r\n"
    assert b" 400 " not in server.talk(first + POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n")


@pytest.mark.parametrize("target", [b"http://localhost/v1/sets", b"http://evil/", b"*", b"evil:80", b"v1/sets"])
def test_targets_that_name_a_host_are_refused(server: Running, target: bytes) -> None:
    assert server.talk(b"GET " + target + b" HTTP/1.1\r\nHost: localhost\r\n\r\n").startswith(b"HTTP/1.1 400 ")


def test_another_protocol_is_not_taken_up(server: Running) -> None:
    upgrade = GET + b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n\r\n"
    answer = server.talk(upgrade + GET + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.count(b"HTTP/1.1") == 1


def test_connections_are_few(server: Running) -> None:
    clients = [server.connect() for _ in range(LIMITS.connections)]
    try:
        _until(lambda: server.connections == LIMITS.connections)
        answer = read_all(more := server.connect())
        more.close()
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: 1" in answer
    finally:
        for client in clients:
            client.close()


def test_a_connection_leaves_no_timer() -> None:
    with running(behind_guard(small, Settings(port=0)), Limits(header_time=60), keep_alive=60) as server:
        timers: list[Any] = []
        make = server.loop.call_later

        def watched(delay: float, *rest: Any, **named: Any) -> Any:
            timers.append((delay, make(delay, *rest, **named)))
            return timers[-1][1]

        server.loop.call_later = watched  # type: ignore[method-assign]
        server.talk(GET + b"Connection: close\r\n\r\n")
        with server.connect() as client:
            client.sendall(GET + b"\r\n")
            assert b" 200 " in client.recv(4_096)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        _until(lambda: server.connections == 0)
        ours = [timer for delay, timer in timers if delay == 60]
        assert len(ours) >= 3
        assert all(timer.cancelled() for timer in ours)
