"""Ask an ASGI application without a socket."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from xlt_augment.service.guard import guarded
from xlt_augment.service.metrics import Metrics
from xlt_augment.service.settings import Settings

READ, WRITE = "r" * 20, "w" * 20
App = Callable[..., Awaitable[None]]


@dataclass
class Answer:
    """What came back. `cut`: the connection was ended before the answer was whole."""

    status: int
    headers: dict[str, str]
    body: bytes
    cut: bool

    @property
    def error(self) -> dict[str, Any]:
        """The Failure of a body."""
        return dict(json.loads(self.body)["error"])


def scope_of(
    method: str, path: str, headers: Mapping[str, str] | Iterable[tuple[str, str]] = (), **other: Any
) -> dict[str, Any]:
    """A request from 127.0.0.1 to port 8765, as uvicorn gives it."""
    given = dict(headers) if isinstance(headers, Mapping) else None
    pairs = list(given.items()) if given is not None else list(headers)
    if not any(name.lower() == "host" for name, _ in pairs):
        pairs.insert(0, ("host", "127.0.0.1:8765"))
    raw, _, query = path.partition("?")
    return {
        "type": "http", "method": method, "path": raw, "raw_path": raw.encode(), "query_string": query.encode(),
        "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in pairs if value is not None],
        "client": ("127.0.0.1", 50_000), "server": ("127.0.0.1", 8765), "scheme": "http", "http_version": "1.1",
        "root_path": "",
    } | other  # fmt: skip


async def exchange(app: App, scope: dict[str, Any], body: Iterable[bytes] = ()) -> Answer:
    """Send a request whose body comes in these parts (None: it never ends), and take the answer."""
    parts = list(body)
    sent: list[dict[str, Any]] = []
    cut = []
    scope.setdefault("extensions", {"xlt.abort": {"call": lambda: cut.append(True)}})

    async def receive() -> dict[str, Any]:
        if parts and parts[0] is None:
            await asyncio.Event().wait()
        part = parts.pop(0) if parts else b""
        return {"type": "http.request", "body": part, "more_body": bool(parts)}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    status = next((m["status"] for m in sent if m["type"] == "http.response.start"), 0)
    headers = {k.decode(): v.decode() for m in sent for k, v in m.get("headers", ())}
    return Answer(status, headers, b"".join(m.get("body", b"") for m in sent), bool(cut))


def ask(app: App, method: str, path: str, headers: Any = (), body: bytes = b"", **other: Any) -> Answer:
    """One request in a loop of its own; the length of a body and its type are said unless `headers` do."""
    pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
    named = {name.lower() for name, _ in pairs}
    if body and not named & {"content-length", "transfer-encoding"}:
        pairs.append(("content-length", str(len(body))))
    if body and "content-type" not in named:
        pairs.append(("content-type", "application/json"))
    return asyncio.run(exchange(app, scope_of(method, path, pairs, **other), [body]))


def bearing(token: str) -> dict[str, str]:
    """The header with a token."""
    return {"Authorization": f"Bearer {token}"}


def echo(seen: list[dict[str, Any]]) -> App:
    """An application that says 200 to everything, and keeps what it was asked with `body` in it."""

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        message = await receive()
        seen.append({**scope, "body": message["body"]})
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    return app


def behind_guard(app: App, settings: Settings | None = None, **other: Any) -> App:
    """An application behind a guard."""
    service: Any = SimpleNamespace(settings=settings or Settings(), metrics=Metrics())
    return guarded(app, service, **other)
