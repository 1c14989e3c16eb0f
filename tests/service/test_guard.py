"""The guard around an application: scopes, methods, heads, errors, and the headers of every answer."""

import asyncio
import json
import logging
from typing import Any

import pytest

from tests.service.asgi import READ, WRITE, ask, bearing, behind_guard, echo, scope_of
from xlt_augment.service.admission import HEADER_BYTES, HEADERS, TARGET
from xlt_augment.service.guard import POLICY
from xlt_augment.service.settings import Settings, Tokens

BOTH = Tokens(read=(READ,), write=(WRITE,))


def _settings(tokens: Tokens = BOTH) -> Settings:
    return Settings(tokens=tokens)


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
