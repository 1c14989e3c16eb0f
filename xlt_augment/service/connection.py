"""Requests to a synonym service, with the standard library alone: kept connections, kept answers, errors in four parts."""

import http.client
import ipaddress
import json
import os
import re
import ssl
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlencode, urlsplit

from xlt_augment.errors import ServiceError, UsageError

TOKEN_VARIABLE = "XLT_SERVICE_TOKEN"
_KEPT_ANSWERS = 256
_KEPT_BYTES = 1 << 20  # of one answer; larger ones are kept by who asked, if at all
_KEPT_CONNECTIONS = 4
_BROKEN = (http.client.RemoteDisconnected, ConnectionError, ssl.SSLEOFError)  # a kept connection that was closed meanwhile


class Answer(NamedTuple):
    """Status, ETag with its quotes, content type and body of an answer."""

    status: int
    tag: str | None
    kind: str
    body: bytes


class Connection:
    """A service at an address. May be used by many threads; whoever made it closes it."""

    def __init__(self, url: str, token: str | None, timeout: float, insecure: bool) -> None:
        """Opens nothing yet. Raises UsageError for what is no address, and for a token that others could read on its way."""
        self._secure, self._host, self._port, self._path, in_url = _parsed(url)
        self._token = token or in_url or os.environ.get(TOKEN_VARIABLE) or None
        _check_token(self._token)
        if self._token and not self._secure and not insecure and not _is_loopback(self._host):
            raise UsageError(
                f"preparing requests to {self.shown}", found="a token that would go there as it is",
                expected="https, or an address of this machine",
                remedy="Give an https address; or insecure=True where nobody listens on the way",
            )  # fmt: skip
        self._timeout = timeout
        self._idle: list[http.client.HTTPConnection] = []
        self._kept: OrderedDict[str, Answer] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def shown(self) -> str:
        """The address, without the token."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http{'s' * self._secure}://{host}:{self._port}{self._path}"

    def close(self) -> None:
        """Close what is open. A later request opens again."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def get(self, path: str) -> dict[str, Any]:
        """The JSON of a GET; an answer that bears an ETag is kept, and sent again only when it changed. Raises ServiceError."""
        with self._lock:
            known = self._kept.get(path)
        answer = self.request("GET", path, tag=known.tag if known else None)
        if known and answer.status == 304:
            answer = known
        found = self._object(answer)
        if answer.tag and len(answer.body) <= _KEPT_BYTES:
            self._keep(path, answer)
        return found

    def pages(self, path: str, **asked: str | int) -> Iterator[dict[str, Any]]:
        """The parts of a list, one after the other. Raises ServiceError."""
        more: dict[str, str] = {}
        while True:
            query = urlencode(asked | more)
            page = self.get(f"{path}?{query}" if query else path)
            yield page
            if page["next"] is None:
                return
            more = {"cursor": page["next"]}

    def post(self, path: str, payload: Mapping[str, Any], *, again: bool = True) -> dict[str, Any]:
        """The JSON of a POST. `again`: whether it may be sent twice without harm. Raises ServiceError."""
        return self._object(self.request("POST", path, payload=payload, again=again))

    def request(
        self, method: str, path: str, *, payload: Mapping[str, Any] | None = None, tag: str | None = None,
        accept: str = "application/json", again: bool = True,
    ) -> Answer:  # fmt: skip
        """The answer to one request: a success, or 304 to a `tag`. Raises ServiceError."""
        headers = {"Accept": accept, "User-Agent": "xlt-client"}
        headers |= {"Authorization": f"Bearer {self._token}"} if self._token else {}
        headers |= {"If-None-Match": tag} if tag else {}
        body = None if payload is None else _json_bytes(payload)
        headers |= {"Content-Type": "application/json"} if body is not None else {}
        try:
            answer = self._exchange(method, self._path + path, body, headers, again)
        except (OSError, http.client.HTTPException) as error:
            raise ServiceError(
                f"asking the synonym service at {self.shown}", found=_reason(error, self._timeout), expected="an answer",
                remedy="Check the address, and that the service runs: xlt-augment serve",
            ) from error  # fmt: skip
        if answer.status in (200, 201) or (answer.status == 304 and tag):
            return answer
        raise self._refusal(answer)

    def _exchange(self, method: str, target: str, body: bytes | None, headers: dict[str, str], again: bool) -> Answer:
        with self._lock:
            connection = self._idle.pop() if self._idle and again else None
        if connection is not None:
            try:
                return self._through(connection, method, target, body, headers)
            except _BROKEN:
                pass
        return self._through(self._opened(), method, target, body, headers)

    def _through(
        self, connection: http.client.HTTPConnection, method: str, target: str, body: bytes | None, headers: dict[str, str]
    ) -> Answer:
        whole = False
        try:
            connection.request(method, target, body, headers)
            with connection.getresponse() as response:
                content = response.read()
                answer = Answer(response.status, response.headers.get("ETag"), response.headers.get_content_type(), content)
                whole = not response.will_close
        finally:
            with self._lock:
                whole = whole and len(self._idle) < _KEPT_CONNECTIONS
                if whole:
                    self._idle.append(connection)
            if not whole:
                connection.close()
        return answer

    def _opened(self) -> http.client.HTTPConnection:
        if self._secure:
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout, context=context)
        return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)

    def _keep(self, path: str, answer: Answer) -> None:
        with self._lock:
            self._kept[path] = answer
            self._kept.move_to_end(path)
            if len(self._kept) > _KEPT_ANSWERS:
                self._kept.popitem(last=False)

    def _object(self, answer: Answer) -> dict[str, Any]:
        try:
            found = json.loads(answer.body)
        except (ValueError, RecursionError):
            found = None
        if answer.kind != "application/json" or not isinstance(found, dict):
            raise self.strange(f"no JSON object, but {answer.kind} with status {answer.status}", answer.status)
        return _Told(found, lambda what: self.strange(what, answer.status))

    def _refusal(self, answer: Answer) -> ServiceError:
        """The error that the service tells of."""
        try:
            told = json.loads(answer.body)["error"]
            parts = {part: str(told[part]) for part in ("doing", "found", "expected", "remedy")}
            return ServiceError(
                **parts, status=answer.status, id=str(told["id"]), close=[str(w) for w in told.get("close", ())]
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return self.strange(f"status {answer.status}, {answer.kind}", answer.status)

    def strange(self, found: str, status: int | None = None) -> ServiceError:
        """The error of an answer that no synonym service gives."""
        return ServiceError(
            f"reading the answer of {self.shown}", found=found, expected="one of xlt-augment serve",
            remedy="Check the address, and what stands between", status=status,
        )  # fmt: skip


class _Told(dict[str, Any]):
    """What a service said. Asking for what it did not say raises ServiceError."""

    def __init__(self, found: dict[str, Any], strange: Callable[[str], ServiceError]) -> None:
        super().__init__(found)
        self._strange = strange

    def __missing__(self, name: str) -> None:
        raise self._strange(f"an answer without {name!r}")


def _parsed(url: str) -> tuple[bool, str, int, str, str | None]:
    """Whether by TLS, host, port, path before that of the API, and the token of an address as `xlt-augment serve` prints it."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        token = parse_qs(parts.fragment).get("token", [None])[0]
    except ValueError:
        parts, host, port, token = urlsplit(""), "", None, None
    fits = (
        parts.scheme in ("http", "https") and re.fullmatch(r"[\w.:%-]+", host) and not parts.query and "@" not in parts.netloc
    )
    if not fits or not re.fullmatch(r"[\w./~%-]*", parts.path, re.ASCII):
        raise UsageError(
            "reading the address of a synonym service", found="one that is not of that kind",  # it may hold a secret
            expected="http://HOST:PORT or https://HOST, without user name and question mark",
            remedy="Give the address that xlt-augment serve prints",
        )  # fmt: skip
    secure = parts.scheme == "https"
    return secure, host, port or (443 if secure else 80), parts.path.rstrip("/"), token


def _check_token(token: str | None) -> None:
    if token is not None and not re.fullmatch(r"[\x21-\x7e]+", token):
        raise UsageError(
            "reading the token of the synonym service", found="spaces, or characters outside ASCII",
            expected="one token, as it stands in the token file", remedy=f"Set {TOKEN_VARIABLE} again",
        )  # fmt: skip


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _json_bytes(payload: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(payload, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, TypeError) as error:
        raise UsageError(
            "preparing a request", found=f"what JSON cannot hold ({str(error)[:80]})",
            expected="texts in UTF-8 and finite numbers", remedy="Repair it",
        ) from error  # fmt: skip


def _reason(error: Exception, timeout: float) -> str:
    if isinstance(error, TimeoutError):
        return f"nothing within {timeout:g} s"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
