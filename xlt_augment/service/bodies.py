"""The body of a request: of the right kind, no larger than allowed, and there in time."""

import asyncio
from collections.abc import Mapping

from starlette.types import Receive

from xlt_augment.service.denied import Denied
from xlt_augment.service.settings import Limits


class Gone(Exception):
    """The client left before its body was whole."""


async def whole_body(headers: Mapping[bytes, bytes], receive: Receive, limits: Limits) -> bytes:
    """The body of a POST. Raises Denied (408, 413, 415), or Gone."""
    length = headers.get(b"content-length", b"0")
    chunked = b"transfer-encoding" in headers
    if len(length) > len(str(limits.body)) or (length.isdigit() and int(length) > limits.body):
        raise _too_long(limits)
    if not chunked and length == b"0":
        return b""
    _check_kind(headers)
    try:
        async with asyncio.timeout(limits.body_time):
            return await _collected(receive, limits)
    except TimeoutError:
        raise Denied(
            408, "slow", doing="receiving the body", found="a part of it", expected=f"all of it within {limits.body_time:g} s",
            remedy="Send it faster, or less", headers={"Connection": "close"},
        ) from None  # fmt: skip


async def _collected(receive: Receive, limits: Limits) -> bytes:
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        part = message.get("body", b"")
        size, more = size + len(part), message.get("more_body", False)
        if size > limits.body:
            raise _too_long(limits)
        parts.append(part)
    return b"".join(parts)


def _check_kind(headers: Mapping[bytes, bytes]) -> None:
    kind, _, parameters = headers.get(b"content-type", b"").partition(b";")
    charset = parameters.strip().lower().replace(b'"', b"")
    if kind.strip().lower() != b"application/json" or charset not in (b"", b"charset=utf-8"):
        found = headers.get(b"content-type", b"")[:80].decode("latin-1")
        raise _wrong_kind(f"Content-Type: {found!a}" if found else "no Content-Type", "application/json in UTF-8")
    coding = headers.get(b"content-encoding", b"identity")
    if coding.lower() != b"identity":
        raise _wrong_kind(f"Content-Encoding: {coding[:80].decode('latin-1')!a}", "a body that is not compressed")


def _wrong_kind(found: str, expected: str) -> Denied:
    return Denied(415, "type", doing="receiving the body", found=found, expected=expected, remedy="Send it so")


def _too_long(limits: Limits) -> Denied:
    return Denied(
        413, "length", doing="receiving the body", found="more", expected=f"at most {limits.body:,} bytes",
        remedy="Split the request",
    )  # fmt: skip
