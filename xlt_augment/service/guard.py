"""Stands before the application: what it lets through is bounded in size, time and number, and knows its sender's scopes."""

import asyncio
import secrets
import time
from collections.abc import Callable
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from xlt_augment.service import logs
from xlt_augment.service.admission import Admission
from xlt_augment.service.bodies import Gone, whole_body
from xlt_augment.service.deadlines import Deadlines
from xlt_augment.service.denied import Denied
from xlt_augment.service.failures import problem_response
from xlt_augment.service.metrics import ELSEWHERE
from xlt_augment.service.state import Service

POLICY = "; ".join(
    ["default-src 'none'", *(f"{kind}-src 'self'" for kind in ("script", "style", "img", "connect")),
     "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"]
)  # fmt: skip
SECURITY = tuple(
    (name.encode(), value.encode())
    for name, value in {
        "content-security-policy": POLICY,
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    }.items()
)
_FRESH = (b"cache-control", b"no-store")
_OURS = frozenset(name for name, _ in SECURITY) | {b"x-request-id", b"server"}
ABORT = "xlt.abort"  # the extension of the scope by which `protocol` lets a connection be cut


def guarded(app: ASGIApp, service: Service, *, clock: Callable[[], float] = time.monotonic) -> ASGIApp:
    """The application behind its guard. `clock` is that of the rates."""
    return _Guard(app, service, clock)


def new_id() -> str:
    """The id of a request, in its answer and in the logs."""
    return secrets.token_hex(8)


class _Exchange:
    """One request and what went out for it."""

    __slots__ = ("client", "complete", "id", "received", "send_on", "sent", "started", "status")

    def __init__(self, send: Send) -> None:
        self.id, self.send_on, self.client = new_id(), send, ""
        self.status = self.sent = self.received = 0
        self.started = self.complete = False

    async def send(self, message: Message) -> None:
        """Pass on a part of the answer, with the headers that all answers have."""
        if message["type"] == "http.response.start":
            self.started, self.status = True, message["status"]
            message["headers"] = self._with_ours(message.get("headers", ()))
            await self.send_on(message)
            return
        self.sent += len(message.get("body", b""))
        await self.send_on(message)
        self.complete = self.complete or not message.get("more_body", False)

    def _with_ours(self, headers: Any) -> list[tuple[bytes, bytes]]:
        kept = [header for header in headers if header[0] not in _OURS]
        kept += SECURITY
        kept.append((b"x-request-id", self.id.encode()))
        if not any(name == b"cache-control" for name, _ in kept):
            kept.append(_FRESH)
        return kept


class _Guard:
    """An ASGI application around another."""

    def __init__(self, app: ASGIApp, service: Service, clock: Callable[[], float]) -> None:
        self._app, self._limits, self._metrics = app, service.settings.limits, service.metrics
        self._admission = Admission(service.settings, clock=clock)
        self._deadlines = Deadlines(self._limits.time)
        self._running = self._bodies = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; lifespan events go through, WebSockets are not taken up."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._request(scope, receive, _Exchange(send))
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _request(self, scope: Scope, receive: Receive, exchange: _Exchange) -> None:
        began = time.perf_counter()
        inner = {**scope, "state": {**scope.get("state", {}), "request_id": exchange.id}}
        self._metrics.running.inc()
        deadline = self._deadlines.start()
        try:
            await self._answered(inner, receive, exchange)
        except asyncio.CancelledError:
            if not deadline.missed:
                raise
            deadline.task.uncancel()
            await self._late(inner, receive, exchange)
        finally:
            self._deadlines.stop(deadline)
            self._metrics.running.dec()
            self._record(scope, inner, exchange, time.perf_counter() - began)

    async def _answered(self, scope: Scope, receive: Receive, exchange: _Exchange) -> None:
        """Check, then let the application answer."""
        headers = dict(scope["headers"])
        try:
            exchange.client = self._admission.client(scope, headers)
            need, scopes = self._admission.need(scope, headers, exchange.client)
            scope["state"]["scopes"] = scopes
            if scope["method"] == "POST":
                receive = await self._with_body(headers, receive, exchange)
            elif scope["method"] == "HEAD":
                scope["method"] = "GET"  # to the application; the server leaves the body out
            if need.vital:
                await self._app(scope, receive, exchange.send)
                return
            if self._running >= self._limits.requests:
                raise _busy("as many requests as it answers at once")
            self._running += 1
            try:
                await self._app(scope, receive, exchange.send)
            finally:
                self._running -= 1
            if exchange.status == 404:
                self._admission.searched(need, exchange.client)
        except Denied as denied:
            await self._deny(denied, scope, receive, exchange)
        except Gone:
            return
        except Exception as error:  # noqa: BLE001 - the outermost place there is: logged and answered
            await self._broken(error, scope, receive, exchange)

    async def _with_body(self, headers: dict[bytes, bytes], receive: Receive, exchange: _Exchange) -> Receive:
        """A `receive` that has all of the body at once. Few are read at a time, as each takes memory."""
        if self._bodies >= self._limits.requests:
            raise _busy("as many bodies as it takes in at once")
        self._bodies += 1
        try:
            body = await whole_body(headers, receive, self._limits)
        finally:
            self._bodies -= 1
        exchange.received = len(body)
        first = [{"type": "http.request", "body": body, "more_body": False}]

        async def again() -> Message:
            return first.pop() if first else await receive()

        return again

    async def _deny(self, denied: Denied, scope: Scope, receive: Receive, exchange: _Exchange) -> None:
        self._metrics.rejected(denied.reason)
        headers = denied.headers
        if any(name == b"expect" for name, _ in scope["headers"]):
            headers = {**headers, "Connection": "close"}  # the body that was announced will not come
        response = problem_response(
            denied.status, id=exchange.id, doing=denied.doing, found=denied.found, expected=denied.expected,
            remedy=denied.remedy, headers=headers,
        )  # fmt: skip
        await response(scope, receive, exchange.send)

    async def _late(self, scope: Scope, receive: Receive, exchange: _Exchange) -> None:
        """Too late: say so, or cut the connection where the answer has begun, as nothing else tells that it is not whole."""
        if not exchange.started:
            await self._deny(_slow(self._limits.time), scope, receive, exchange)
        elif not exchange.complete:
            self._metrics.rejected("time")
            await self._cut(scope)

    async def _broken(self, error: Exception, scope: Scope, receive: Receive, exchange: _Exchange) -> None:
        """An error that the application did not turn into an answer."""
        if exchange.complete:
            return  # it did, and logged it
        logs.write_error(exchange.id, error)
        if exchange.started:
            await self._cut(scope)
            return
        response = problem_response(
            500, id=exchange.id, doing="answering the request", found="an error", expected="an answer",
            remedy=f"Tell whoever keeps the service the id {exchange.id}; the reason stands in its log",
        )  # fmt: skip
        await response(scope, receive, exchange.send)

    async def _cut(self, scope: Scope) -> None:
        abort = scope.get("extensions", {}).get(ABORT)
        if abort is not None:
            abort["call"]()
            await asyncio.sleep(0)  # until the server knows that the connection is gone

    def _record(self, scope: Scope, inner: Scope, exchange: _Exchange, seconds: float) -> None:
        route = getattr(inner.get("route"), "path", ELSEWHERE)
        method = scope["method"] if scope["method"] in ("GET", "HEAD", "POST") else "other"
        sent = 0 if method == "HEAD" else exchange.sent
        self._metrics.answered(route, method, exchange.status, seconds, exchange.received, sent)
        path = scope.get("raw_path", b"").decode("latin-1") or scope["path"]
        logs.write_access(exchange.client, scope["method"], path, exchange.status, sent, seconds, exchange.id)


def _busy(found: str) -> Denied:
    return Denied(
        503, "busy", doing="receiving the request", found=found, expected="fewer at a time", remedy="Try again in a moment",
        headers={"Retry-After": "1"},
    )  # fmt: skip


def _slow(seconds: float) -> Denied:
    return Denied(
        503, "time", doing="answering the request", found=f"no answer after {seconds:g} s", expected="one by then",
        remedy="Ask for less at once, or try again later", headers={"Retry-After": "5"},
    )  # fmt: skip
