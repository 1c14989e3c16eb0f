"""How answers are written: compact JSON or Arrow, with the ETag of what they depend on; cursors of lists."""

import base64
import json
from collections.abc import Iterable
from typing import Any

import pyarrow as pa
from starlette.requests import Request
from starlette.responses import Response

from xlt_augment.service.failures import Refused

ARROW = "application/vnd.apache.arrow.stream"
# For the description of a route that has both.
ARROW_CONTENT: dict[int | str, dict[str, Any]] = {200: {"content": {ARROW: {"schema": {"type": "string", "format": "binary"}}}}}
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
_FARTHEST = 2**31
_CACHED = "private, no-cache"  # kept by the client, asked for again each time


def json_answer(payload: Any, tag: str | None = None, status: int = 200) -> Response:
    """`payload` as JSON; with the ETag `tag` where one is given."""
    return json_bytes(written(payload).encode(), tag, status)


def json_list(facts: dict[str, Any], name: str, entries: Iterable[str], tag: str | None = None) -> Response:
    """`facts`, and as the last of them the list `name` of entries that are JSON already.

    Large answers are made so, entry by entry: written in one go they would stop all other threads.
    """
    head = written(facts)[:-1]
    listed = b",".join(entry.encode() for entry in entries)
    return json_bytes(b"".join((f"{head},{json.dumps(name)}:[".encode(), listed, b"]}")), tag)


def written(entry: Any) -> str:
    """An entry of a list as JSON."""
    return _ENCODER.encode(entry)


def json_bytes(body: bytes, tag: str | None = None, status: int = 200) -> Response:
    """JSON that is there."""
    return Response(body, status, _headers(tag), media_type="application/json")


def not_modified(request: Request, tag: str) -> Response | None:
    """304 for a client that has what bears this tag."""
    given = request.headers.get("if-none-match")
    if given is None:
        return None
    known = {part.strip().removeprefix("W/") for part in given.split(",")}
    return Response(None, 304, _headers(tag)) if known & {f'"{tag}"', "*"} else None


def _headers(tag: str | None) -> dict[str, str]:
    # The same address answers in JSON or Arrow, by Accept, and differently by token.
    return {"Vary": "Accept, Authorization"} | ({"ETag": f'"{tag}"', "Cache-Control": _CACHED} if tag else {})


def wants_arrow(request: Request) -> bool:
    """Whether the client asks for Arrow rather than JSON."""
    return ARROW in request.headers.get("accept", "")


def arrow_answer(table: pa.Table, tag: str | None = None) -> Response:
    """A table as an Arrow IPC stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return arrow_bytes(sink.getvalue().to_pybytes(), tag)


def arrow_bytes(stream: bytes, tag: str | None = None) -> Response:
    """An Arrow IPC stream that is there."""
    return Response(stream, 200, _headers(tag), media_type=ARROW)


def cursor(place: str | int) -> str:
    """A place in a list as clients hand it back."""
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def place(given: str | None, kind: type[Any]) -> Any:
    """The place of a cursor, of type `kind` (int or str); None without one. Raises Refused (422)."""
    if given is None:
        return None
    try:
        found: Any = json.loads(base64.urlsafe_b64decode(given.encode("ascii") + b"=" * (-len(given) % 4)))
        fits = isinstance(found, kind) and not isinstance(found, bool) and cursor(found) == given
        if fits and (0 <= found < _FARTHEST if kind is int else found.encode()):  # which half of a surrogate pair fails
            return found
    except (ValueError, RecursionError):
        pass
    raise Refused(
        422, doing="reading the cursor", found=repr(given[:40]), expected="the `next` of an answer to the same request",
        remedy="Begin again without a cursor",
    )  # fmt: skip
