"""HTTP/1.1 as uvicorn speaks it, with bounds on what a connection may take: a head that never ends, a reader that never reads.

uvicorn itself ends a connection that is idle after an answer, and no other; and then it waits until all is read. It does not
bound the size of a head. A reader that stops in the middle of an answer is the guard's: the answer is not given in time.
"""

import asyncio
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from xlt_augment.service import logs
from xlt_augment.service.denied import Denied
from xlt_augment.service.failures import problem_response
from xlt_augment.service.guard import ABORT, SECURITY, new_id
from xlt_augment.service.metrics import Metrics
from xlt_augment.service.settings import Limits

HEAD = 32_768  # bytes of a head, and of what came along with its last part
DISCARDED = 8 << 20  # bytes of a body that are read after its request was refused, so that the sender sees the answer


def protocol_for(limits: Limits, metrics: Metrics) -> type[asyncio.Protocol]:
    """The class to give to `uvicorn.Config(http=...)`."""
    return type("Bounded", (_Bounded,), {"limits": limits, "metrics": metrics})


class _Bounded(HttpToolsProtocol):
    """A connection. One timer looks after it from its beginning to its end."""

    limits: Limits
    metrics: Metrics

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._timer: asyncio.TimerHandle | None = None
        self._owed_since: float | None = None  # since when the client owes the rest of a head, or of a body nobody waits for
        self._closing_since: float | None = None  # since when it has not read the last of what was sent
        self._came, self._in_body, self._broken = 0, False, False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client is there; the head of its request is due."""
        super().connection_made(transport)
        self._owed_since = self.loop.time()
        self._timer = self.loop.call_later(self.limits.header_time, self._look)
        if len(self.connections) > self.limits.connections:
            self._refuse(_denied(503, "busy", "as many connections as it takes", "fewer", {"Retry-After": "1"}))

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is left behind."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        super().connection_lost(exc)
        self._unset_keepalive_if_required()

    def eof_received(self) -> bool | None:  # type: ignore[override]
        """The client sends no more: what it asked for whole is still answered, then the connection ends."""
        if not self._runs() or self._in_body or self._owed_since is not None:
            return False
        self.cycle.keep_alive = False
        return True

    def data_received(self, data: bytes) -> None:
        """Bytes of a head or a body."""
        if self._broken:
            return
        if self._owed_since is None and not (self._in_body and self._runs()):
            self._owed_since, self._came = self.loop.time(), 0
        if self._owed_since is not None:
            self._came += len(data)
            if self._in_body and self._came > DISCARDED:
                self.transport.abort()
                return
        super().data_received(data)
        if self._owed_since is not None and not self._in_body and self._came > HEAD:
            self._refuse(_denied(431, "head", "a longer head", f"at most {HEAD:,} bytes"))

    def on_message_begin(self) -> None:
        """The first byte of a head."""
        if self._owed_since is None:
            self._owed_since, self._came = self.loop.time(), 0
        super().on_message_begin()
        self.scope["extensions"] = {ABORT: {"call": self.transport.abort}}

    def on_headers_complete(self) -> None:
        """A head is whole. Only targets that begin with a slash are known here: in another form they would name a host."""
        if not self.url.startswith(b"/"):
            raise ValueError("target")
        self._owed_since, self._came, self._in_body = None, 0, True
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """A body is whole. Where its answer is out, uvicorn has put its timer off for it: the next head is due."""
        self._in_body = False
        super().on_message_complete()
        if not self._runs():
            self._owed_since, self._came = self.loop.time(), 0

    def send_400_response(self, msg: str) -> None:
        """Bytes that are no HTTP: answers that were begun before them go out whole, others are not given."""
        if self._runs() and (not self._in_body or self.cycle.response_started):
            self._broken, self.cycle.keep_alive = True, False
            return
        if self.pipeline:  # an answer is due before the one that could be refused
            self.transport.abort()
            return
        if self._runs():
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self._refuse(_denied(400, "head", "no request of HTTP/1.1", "one"))

    def _unsupported_upgrade_warning(self) -> None:
        """The request is answered as if it had not asked for another protocol, and is the last."""
        if self.cycle is not None:
            self.cycle.keep_alive = False

    def _runs(self) -> bool:
        """Whether a request is being answered."""
        return self.cycle is not None and not self.cycle.response_complete

    def _refuse(self, denied: Denied) -> None:
        """Answer what never became a request, and close."""
        self._broken = True
        if self.transport.is_closing():
            return
        if self._runs() and not self.cycle.disconnected:
            self.transport.abort()
            return
        id = new_id()
        response = problem_response(
            denied.status, id=id, doing=denied.doing, found=denied.found, expected=denied.expected, remedy=denied.remedy,
            headers={**denied.headers, "Connection": "close", "X-Request-Id": id},
        )  # fmt: skip
        lines = [name + b": " + value + b"\r\n" for name, value in (*response.raw_headers, *SECURITY)]
        self.transport.write(b"".join([STATUS_LINE[denied.status], *lines, b"\r\n", bytes(response.body)]))
        self.transport.close()
        self.metrics.rejected(denied.reason)
        logs.write_access(self.client[0] if self.client else "", "-", "-", denied.status, len(response.body), 0.0, id)

    def _look(self) -> None:
        """End a connection whose client takes too long, or look again when that could be."""
        now, limits = self.loop.time(), self.limits
        if self.transport.is_closing() and self._closing_since is None:
            self._closing_since = now
        due = now + limits.header_time
        if self._closing_since is not None:
            due = self._closing_since + limits.header_time
        elif self._owed_since is not None and not self._runs():
            due = self._owed_since + limits.header_time
        if due <= now:
            self.metrics.rejected("slow")
            self.transport.abort()
        else:
            self._timer = self.loop.call_at(due, self._look)


def _denied(status: int, reason: str, found: str, expected: str, headers: dict[str, str] | None = None) -> Denied:
    return Denied(
        status, reason, doing="receiving a request", found=found, expected=expected, remedy="Send it so", headers=headers
    )
