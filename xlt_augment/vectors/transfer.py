"""The transfer of one file by HTTP, gone on with where an earlier one stopped (RFC 9110: Range, If-Range, 206, 416)."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from http.client import HTTPException, HTTPMessage
from typing import Any, NoReturn
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    UnknownHandler,
)

from xlt_augment.errors import DownloadError, UsageError
from xlt_augment.vectors.partial import Partial, Version

# Called with a name, the bytes done before and all bytes if known; gives a function that is told of each further number.
Progress = Callable[[str, int, int | None], AbstractContextManager[Callable[[int], object]]]

TIMEOUT = 60.0  # seconds without a byte
_CHUNK = 1 << 18  # bytes; a bar moves smoothly and little is lost with a connection
_RANGE = re.compile(r"bytes (?:([0-9]{1,18})-([0-9]{1,18})|\*)/([0-9]{1,18})", re.ASCII)
_BROKEN = (OSError, HTTPException, UnicodeError)  # UnicodeError: a host name that cannot be one


class _Redirects(HTTPRedirectHandler):
    """Follows redirects, but not from https to what anyone on the way could change."""

    def redirect_request(self, req: Request, fp: Any, code: int, msg: str, headers: HTTPMessage, newurl: str) -> Request | None:
        """The request that follows `req`. Raises URLError."""
        if urlsplit(req.full_url).scheme == "https" and urlsplit(newurl).scheme != "https":
            fp.close()
            raise URLError(f"a redirect from https to {newurl}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def check_url(url: str) -> None:
    """Raises UsageError for anything but an http or https address."""
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # such as a port that is no number
        sound = False
    if not sound or not url.isascii() or not url.isprintable() or " " in url:
        raise UsageError(
            "reading --url",
            found=repr(url),
            expected="an http:// or https:// address, other characters than ASCII and spaces written as %XX",
            remedy="Mend it; a file of your own needs no fetching",
        )


def transfer(url: str, partial: Partial, progress: Progress) -> int:
    """Make `partial` the whole of the file at `url`; gives the number of bytes that an earlier call had brought.

    Bytes of another version of the file are not gone on with. Proxies are those of the environment (HTTPS_PROXY, NO_PROXY).
    Raises DownloadError: no connection, an HTTP error, fewer bytes than announced, a full disk. What came is kept.
    """
    while True:
        known, start = partial.version(url), partial.size
        with _ask(url, partial, known) as answer:
            if answer.status == 200:
                version = Version(url, _validator(answer.headers), answer.length)
                partial.begin(version)
                _receive(answer, partial, version, progress)
                return 0
            if known is None or answer.status not in (206, 416):
                _fail(url, partial, f"HTTP status {answer.status}, with no file")
            total = _goes_on(answer.status == 206, answer.headers, start, known)
            if total is not None:
                _receive(answer, partial, known._replace(total=total), progress)
                return start
        partial.clear()  # then the next round asks for all of it


def _ask(url: str, partial: Partial, known: Version | None) -> Any:
    """The open answer to a request for all bytes, or for those after the ones of `known`. Raises DownloadError."""
    headers = {"User-Agent": "xlt-augment", "Accept-Encoding": "identity"}
    if known is not None:
        headers |= {"Range": f"bytes={partial.size}-", "If-Range": str(known.validator)}
    opener = OpenerDirector()  # the default one would follow a redirect to ftp too
    handlers = (
        HTTPHandler,
        HTTPSHandler,
        ProxyHandler,
        _Redirects,
        HTTPDefaultErrorHandler,
        HTTPErrorProcessor,
        UnknownHandler,
    )
    for handler in handlers:
        opener.add_handler(handler())
    try:
        return opener.open(Request(url, headers=headers), timeout=TIMEOUT)
    except HTTPError as error:
        if error.code == 416 and known is not None:
            return error  # an answer like any other
        error.close()
        _fail(url, partial, f"HTTP status {error.code} {error.reason}", error)
    except _BROKEN as error:
        reason = error.reason if isinstance(error, URLError) else error
        _fail(url, partial, f"no answer ({_first_line(reason)})", error)


def _goes_on(partly: bool, headers: HTTPMessage, start: int, known: Version) -> int | None:
    """Bytes of the whole file where the answer goes on after `start` bytes of `known` or says that they are all, else None."""
    found = _RANGE.fullmatch(headers.get("Content-Range", ""))
    if found is None or _validator(headers) not in (None, known.validator):  # some servers do not heed If-Range
        return None
    total = int(found[3])
    if known.total not in (None, total):
        return None
    if not partly:  # 416: nothing comes after `start`
        return total if total == start else None
    return total if found[1] is not None and int(found[1]) == start <= int(found[2]) < total else None


def _receive(answer: Any, partial: Partial, version: Version, progress: Progress) -> None:
    """Append the body. Raises DownloadError where it is short."""
    size, total, cause = partial.size, version.total, None
    with progress(partial.target.name, size, total) as update:
        while total is None or size < total:
            try:
                chunk = answer.read1(_CHUNK if total is None else min(_CHUNK, total - size))
            except _BROKEN as error:
                chunk, cause = b"", error
            if not chunk:
                break
            partial.append(chunk)
            size += len(chunk)
            update(len(chunk))
    if cause is not None or (total is not None and size < total):
        reason = f" ({_first_line(cause)})" if cause else ""
        of = f" of {total:,}" if total is not None else ""
        _fail(version.url, partial, f"an end of the connection after {size:,}{of} bytes{reason}", cause)


def _validator(headers: HTTPMessage) -> str | None:
    """What If-Range may name: a strong ETag, else the time of the last change."""
    tag = headers.get("ETag", "")
    value = tag if tag.startswith('"') else headers.get("Last-Modified", "")
    return value if value and value.isascii() and value.isprintable() else None


def _fail(url: str, partial: Partial, found: str, cause: BaseException | None = None) -> NoReturn:
    missing = cause.code in (401, 403, 404, 410) if isinstance(cause, HTTPError) else False
    advice = "Check the address, or name a mirror with --url" if missing else "Check the connection and try again"
    raise DownloadError(
        f"fetching {url}", found=found, expected="the whole file", remedy=f"{advice}; {partial.kept()}"
    ) from cause


def _first_line(error: object) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
