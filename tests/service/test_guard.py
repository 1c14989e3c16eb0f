"""The guard around an application: sizes, times, numbers, scopes and the headers of every answer."""

import asyncio
import json
import logging
from typing import Any

import pytest

from tests.service.asgi import READ, WRITE, Answer, ask, bearing, behind_guard, echo, exchange, scope_of
from xlt_augment.service.admission import HEADER_BYTES, HEADERS, TARGET
from xlt_augment.service.guard import POLICY
from xlt_augment.service.settings import Limits, Settings, Tokens

BOTH = Tokens(read=(READ,), write=(WRITE,))
SMALL = Limits(body=100, body_time=0.05, time=0.1, requests=2)


def _settings(tokens: Tokens = BOTH, limits: Limits = SMALL) -> Settings:
    return Settings(tokens=tokens, limits=limits)


OURS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "cache-control": "no-store",
}


async def broken(scope: Any, receive: Any, send: Any) -> None:
    """Fails before it answers."""
    raise ValueError("/secret/path\n2026-01-01 forged")


@pytest.mark.parametrize(
    ("app", "path", "headers", "status"),
    [
        (echo([]), "/", {}, 200), (echo([]), "/v1/sets", {}, 401), (echo([]), "/v1/sets", {"host": "evil"}, 421),
        (broken, "/v1/sets", bearing(READ), 500),
    ],
)  # fmt: skip
def test_every_answer_has_the_headers(app: Any, path: str, headers: dict[str, str], status: int) -> None:
    answer = ask(behind_guard(app, _settings()), "GET", path, headers)
    assert answer.status == status
    assert {name: answer.headers[name] for name in OURS} == OURS
    assert len(answer.headers["x-request-id"]) == 16
    assert not [name for name in answer.headers if name.startswith("access-control") or name == "server"]


def test_the_application_may_say_how_long_an_answer_is_kept_and_nothing_else_of_these() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        headers = [
            (b"cache-control", b"max-age=5"),
            (b"server", b"x/1"),
            (b"content-security-policy", b"default-src *"),
            (b"x", b"y"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"ok"})

    sent: list[Any] = []

    async def ask_raw() -> None:
        async def send(message: Any) -> None:
            sent.append(message)

        await behind_guard(app)(scope_of("GET", "/"), None, send)

    asyncio.run(ask_raw())
    names = [name for name, _ in sent[0]["headers"]]
    assert len(names) == len(set(names))
    found = dict(sent[0]["headers"])
    assert (found[b"cache-control"], found[b"x"], found[b"content-security-policy"]) == (b"max-age=5", b"y", POLICY.encode())
    assert b"server" not in found


def test_ids_are_ours_and_never_the_same() -> None:
    seen: list[Any] = []
    app = behind_guard(echo(seen))
    ids = {ask(app, "GET", "/", {"x-request-id": "forged"}).headers["x-request-id"] for _ in range(20)}
    assert len(ids) == 20
    assert {scope["state"]["request_id"] for scope in seen} == ids


@pytest.mark.parametrize(
    ("tokens", "sent", "method", "path", "status"),
    [
        (Tokens(), None, "GET", "/v1/sets", 200), (Tokens(write=(WRITE,)), None, "GET", "/v1/sets", 200),
        (Tokens(write=(WRITE,)), None, "POST", "/v1/augment", 200), (Tokens(write=(WRITE,)), None, "POST",
        "/v1/sets/a/vetoes", 401),
        (Tokens(write=(WRITE,)), "x" * 20, "GET", "/v1/sets", 401), (Tokens(), READ, "GET", "/v1/sets", 401),
        (BOTH, None, "GET", "/v1/sets", 401), (BOTH, READ, "GET", "/v1/sets", 200), (BOTH, WRITE, "GET", "/v1/sets", 200),
        (BOTH, READ, "HEAD", "/v1/sets", 200), (BOTH, None, "HEAD", "/v1/sets", 401), (BOTH, READ[:-1], "GET", "/v1/sets", 401),
        (BOTH, READ, "POST", "/v1/augment", 200), (BOTH, READ, "POST", "/v1/sets/a/neighbors", 200),
        (BOTH, READ, "POST", "/v1/sets/a/vetoes", 403), (BOTH, READ, "POST", "/v1/sets/a/vetoes/1/withdraw", 403),
        (BOTH, READ, "POST", "/v1/sets/a/reload", 403), (BOTH, READ, "POST", "/v1/new", 403), (BOTH, WRITE, "POST",
        "/v1/sets/a/vetoes", 200),
        (BOTH, WRITE, "POST", "/v1/sets/a/reload", 200), (BOTH, None, "GET", "/metrics", 401), (BOTH, None, "GET",
        "/openapi.json", 401),
        (BOTH, None, "GET", "/nowhere", 401), (BOTH, None, "GET", "/", 200), (BOTH, "x" * 20, "GET", "/page/a.js", 200),
        (BOTH, None, "GET", "/healthz", 200), (BOTH, None, "GET", "/readyz", 200), (BOTH, None, "POST", "/healthz", 401),
    ],
)  # fmt: skip
def test_scopes(tokens: Tokens, sent: str | None, method: str, path: str, status: int) -> None:
    seen: list[Any] = []
    answer = ask(behind_guard(echo(seen), _settings(tokens)), method, path, {} if sent is None else bearing(sent))
    assert answer.status == status
    assert bool(seen) == (status == 200)
    if status in (401, 403):
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert sent is None or sent not in answer.body.decode()


def test_the_application_learns_the_scopes() -> None:
    seen: list[Any] = []
    app = behind_guard(echo(seen), _settings())
    for token in (READ, WRITE):
        ask(app, "GET", "/v1/service", bearing(token), state={"scopes": frozenset({"write"}), "kept": 1})
    ask(app, "GET", "/")
    assert [sorted(scope["state"]["scopes"]) for scope in seen] == [["read"], ["read", "write"], []]
    assert seen[0]["state"]["kept"] == 1


@pytest.mark.parametrize("name", ["Authorization", "Host", "Content-Type", "Origin"])
def test_a_header_that_decides_is_not_sent_twice(name: str) -> None:
    pairs = [(name, f"Bearer {READ}"), (name, f"Bearer {WRITE}")]
    assert ask(behind_guard(echo([]), _settings()), "GET", "/v1/sets", pairs).status == 400
    assert ask(behind_guard(echo([])), "GET", "/v1/sets", [("accept", "a"), ("accept", "b")]).status == 200


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "get", "PROPFIND"])
def test_other_methods_reach_nothing(method: str) -> None:
    seen: list[Any] = []
    app = behind_guard(echo(seen), _settings())
    answer = ask(app, method, "/v1/sets/a/vetoes", bearing(WRITE) | {"X-HTTP-Method-Override": "GET"})
    assert (answer.status, answer.headers["allow"], seen) == (405, "GET, HEAD, POST", [])
    ask(app, "GET", "/v1/sets", bearing(READ) | {"X-HTTP-Method-Override": "POST", "X-Method-Override": "POST"})
    assert seen[0]["method"] == "GET"


def test_head_is_get_to_the_application() -> None:
    seen: list[Any] = []
    ask(behind_guard(echo(seen)), "HEAD", "/v1/sets")
    assert seen[0]["method"] == "GET"


def test_the_head_is_bounded() -> None:
    app = behind_guard(echo([]))
    target = "/v1/sets/a/neighbors/"
    assert ask(app, "GET", target + "x" * (TARGET - len(target))).status == 200
    assert ask(app, "GET", target + "x" * (TARGET - len(target) + 1)).status == 414
    assert ask(app, "GET", "/v1/sets?" + "x" * TARGET).status == 414
    assert ask(app, "GET", "/", [(f"x-{n}", "v") for n in range(HEADERS - 1)]).status == 200
    assert ask(app, "GET", "/", [(f"x-{n}", "v") for n in range(HEADERS)]).status == 431
    assert ask(app, "GET", "/", {"x": "v" * HEADER_BYTES}).status == 431


JSON = {"content-type": "application/json"}


def _posted(headers: dict[str, str], parts: list[Any], seen: list[Any] | None = None) -> Answer:
    app = behind_guard(echo([] if seen is None else seen), _settings(Tokens()))
    return asyncio.run(exchange(app, scope_of("POST", "/v1/augment", headers), parts))


def test_a_body_comes_whole_to_the_application() -> None:
    for headers in ({"content-length": "6"}, {"transfer-encoding": "chunked"}):
        seen: list[Any] = []
        assert _posted(JSON | headers, [b"ab", b"", b"cd", b"ef"], seen).status == 200
        assert seen[0]["body"] == b"abcdef"


@pytest.mark.parametrize(
    ("headers", "parts", "status"),
    [
        ({"content-length": "100"}, [b"x" * 100], 200), ({"content-length": "101"}, [None], 413),
        ({"content-length": "9" * 5_000}, [None], 413),
        ({"transfer-encoding": "chunked"}, [b"x" * 50] * 2, 200),
        ({"transfer-encoding": "chunked"}, [b"x" * 51, b"x" * 50, None], 413),
        ({"content-length": "3"}, [b"x" * 101, None], 413),
        ({"content-length": "3"}, [b"x", None], 408), ({"transfer-encoding": "chunked"}, [b"x", None], 408),
    ],
)  # fmt: skip
def test_a_body_is_bounded_in_size_and_time(headers: dict[str, str], parts: list[Any], status: int) -> None:
    seen: list[Any] = []
    answer = _posted(JSON | headers, parts, seen)
    assert answer.status == status
    assert bool(seen) == (status == 200)
    assert (answer.headers.get("connection") == "close") == (status == 408)


def test_a_client_that_waits_to_send_a_refused_body_is_told_to_go() -> None:
    answer = _posted(JSON | {"content-length": "101", "expect": "100-continue"}, [None])
    assert (answer.status, answer.headers["connection"]) == (413, "close")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (JSON, 200), ({"content-type": "Application/JSON; charset=UTF-8"}, 200),
        ({"content-type": 'application/json;charset="utf-8"'}, 200),
        ({}, 415), ({"content-type": "text/plain"}, 415), ({"content-type": "application/x-www-form-urlencoded"}, 415),
        ({"content-type": "application/json; charset=utf-16"}, 415), ({"content-type": "application/jsonx"}, 415),
        ({"content-type": "text/plain; application/json"}, 415), (JSON | {"content-encoding": "gzip"}, 415),
        (JSON | {"content-encoding": "identity"}, 200),
    ],
)  # fmt: skip
def test_a_body_is_json(headers: dict[str, str], status: int) -> None:
    for length in ({"content-length": "2"}, {"transfer-encoding": "chunked"}):
        assert _posted(headers | length, [b"{}"]).status == status
    assert _posted({"content-length": "0"}, [b""]).status == 200


class Gate:
    """An application that answers when it is let."""

    def __init__(self) -> None:
        self.open, self.entered = asyncio.Event(), 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.entered += 1
        await self.open.wait()
        await echo([])(scope, receive, send)

    async def until(self, number: int) -> None:
        """Wait until this many requests are in it."""
        while self.entered < number:
            await asyncio.sleep(0)


def test_few_requests_are_answered_at_once() -> None:
    async def crowd() -> list[int]:
        gate = Gate()
        app = behind_guard(gate, _settings(Tokens()))
        first = [asyncio.create_task(exchange(app, scope_of("GET", "/v1/sets"))) for _ in range(2)]
        await gate.until(2)
        third = await exchange(app, scope_of("GET", "/v1/sets"))
        assert third.headers["retry-after"] == "1"
        health = asyncio.create_task(exchange(app, scope_of("GET", "/healthz")))
        await gate.until(3)
        gate.open.set()
        done = [answer.status for answer in await asyncio.gather(*first, health)]
        return [*done, third.status, (await exchange(app, scope_of("GET", "/v1/sets"))).status]

    assert asyncio.run(crowd()) == [200, 200, 200, 503, 200]


def test_slow_bodies_keep_nobody_from_reading() -> None:
    async def crowd() -> list[int]:
        app = behind_guard(echo([]), _settings(Tokens()))
        slow = scope_of("POST", "/v1/augment", JSON | {"content-length": "9"})
        tasks = [asyncio.create_task(exchange(app, dict(slow), [b"x", None])) for _ in range(3)]
        await asyncio.sleep(0)
        read = await exchange(app, scope_of("GET", "/v1/sets"))
        return [read.status, *sorted(answer.status for answer in await asyncio.gather(*tasks))]

    assert asyncio.run(crowd()) == [200, 408, 408, 503]


def test_who_leaves_before_the_body_is_whole_is_forgotten() -> None:
    async def leave() -> list[Any]:
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        await behind_guard(broken)(scope_of("POST", "/v1/augment", JSON | {"content-length": "9"}), receive, send)
        return sent

    assert asyncio.run(leave()) == []


def test_an_answer_that_takes_too_long_is_given_up() -> None:
    undone: list[str] = []

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        try:
            if scope["path"] == "/begun":
                await send({"type": "http.response.start", "status": 200, "headers": []})
                await send({"type": "http.response.body", "body": b"half", "more_body": True})
            await asyncio.Event().wait()
        finally:
            undone.append(scope["path"])

    async def ask_two() -> list[Answer]:
        app = behind_guard(slow, _settings(Tokens()))
        return [*await asyncio.gather(*(exchange(app, scope_of("GET", path)) for path in ("/none", "/begun")))]

    none, begun = asyncio.run(ask_two())
    assert (none.status, none.headers["retry-after"], none.cut) == (503, "5", False)
    assert (begun.status, begun.body, begun.cut) == (200, b"half", True)
    assert undone == ["/none", "/begun"]


def test_time_ends_what_is_late_and_nothing_else() -> None:
    async def ask_three() -> list[int]:
        gate = Gate()
        app = behind_guard(gate, _settings(Tokens(), Limits(time=0.2)))
        late = asyncio.create_task(exchange(app, scope_of("GET", "/late")))
        await asyncio.sleep(0.1)
        quick = asyncio.create_task(exchange(app, scope_of("GET", "/quick")))
        first = (await late).status
        gate.open.set()
        return [first, (await quick).status, (await exchange(app, scope_of("GET", "/after"))).status]

    assert asyncio.run(ask_three()) == [503, 200, 200]


def test_a_cancelled_server_is_not_taken_for_a_late_answer() -> None:
    async def end() -> None:
        gate = Gate()
        task = asyncio.create_task(exchange(behind_guard(gate), scope_of("GET", "/")))
        await gate.until(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(end())


def test_an_error_has_an_id_and_tells_nothing(caplog: pytest.LogCaptureFixture) -> None:
    answer = ask(behind_guard(broken), "GET", "/v1/sets")
    assert answer.status == 500
    assert b"secret" not in answer.body
    assert b"ValueError" not in answer.body
    assert answer.error["id"] == answer.headers["x-request-id"]
    (record,) = [record for record in caplog.records if record.name == "xlt.error"]
    assert answer.error["id"] in record.getMessage()
    assert record.exc_info is not None


def test_an_error_after_the_beginning_cuts_the_connection_and_one_after_the_end_is_known(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x", "more_body": scope["path"] == "/half"})
        raise ValueError

    assert ask(behind_guard(app), "GET", "/half").cut
    assert len([r for r in caplog.records if r.name == "xlt.error"]) == 1
    assert not ask(behind_guard(app), "GET", "/whole").cut
    assert len([r for r in caplog.records if r.name == "xlt.error"]) == 1, "the application has logged it"


def test_no_websocket_is_taken_up() -> None:
    async def connect() -> list[Any]:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        await behind_guard(broken)({"type": "websocket", "path": "/"}, None, send)
        return sent

    assert asyncio.run(connect()) == [{"type": "websocket.close", "code": 1008}]


def test_failures_are_of_one_form() -> None:
    answer = ask(behind_guard(echo([])), "GET", "/", {"host": 'a"<script>\xe9'})
    assert answer.headers["content-type"] == "application/json"
    assert set(json.loads(answer.body)["error"]) == {"id", "status", "doing", "found", "expected", "remedy", "close"}


@pytest.fixture(autouse=True)
def _logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "xlt.access")
