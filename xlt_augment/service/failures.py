"""From an error to an answer: four parts and an id; no path, no trace."""

import json
import logging
import re
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from xlt_augment.errors import StoreError, UsageError, XltError

log = logging.getLogger("xlt.error")
_SHOWN = 80  # characters of a bad value in an answer
_EXTRA = "extra_forbidden"
_FIELD = re.compile(r"\w+", re.ASCII)
_PYDANTIC = re.compile(r"^(Input|String|List|Value) should (be|have) ")
_OBJECT = "a JSON object"
_EXPECTED = {
    "missing": "a value", "list_type": "a list", _EXTRA: "those of /openapi.json alone",
    "json_invalid": _OBJECT, "dict_type": _OBJECT, "model_type": _OBJECT, "model_attributes_type": _OBJECT,
}  # fmt: skip
_HTTP = {
    400: ("a body that cannot be read as JSON", "JSON in UTF-8, no number of thousands of digits", "Correct the body"),
    404: ("no such address", "one of those in /openapi.json", "Check the address"),
    405: ("a method that this address does not have", "one of those in /openapi.json", "Check the method"),
}


class Refused(XltError):
    """A request that cannot be answered: `status` is HTTP's, `close` are words or names near the one that is unknown."""

    def __init__(
        self,
        status: int,
        *,
        doing: str,
        found: str,
        expected: str,
        remedy: str,
        close: Sequence[str] = (),
        retry_after: int | None = None,
    ) -> None:
        super().__init__(doing, found=found, expected=expected, remedy=remedy)
        self.status, self.close, self.retry_after = status, tuple(close), retry_after


class Busy(Refused):
    """Too much is asked for at once; later it will work."""

    def __init__(self, doing: str, found: str, *, retry_after: int = 1) -> None:
        super().__init__(
            503, doing=doing, found=found, expected="fewer requests at a time", remedy="Try again in a moment",
            retry_after=retry_after,
        )  # fmt: skip


def problem_response(
    status: int,
    *,
    id: str,
    doing: str,
    found: str,
    expected: str,
    remedy: str,
    close: Sequence[str] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The answer to a request that failed (`schemas.Failure`)."""
    parts = {"doing": doing, "found": found, "expected": expected, "remedy": remedy}
    # What was found may be no valid Unicode, which JSON can write and few can read.
    shown = {name: part.encode(errors="backslashreplace").decode() for name, part in parts.items()}
    body = json.dumps({"error": {"id": id, "status": status, **shown, "close": list(close)}}).encode()
    return Response(body, status, {"Cache-Control": "no-store", **(headers or {})}, media_type="application/json")


def install(app: FastAPI) -> None:
    """Make the application answer all its errors so."""
    app.add_exception_handler(XltError, _known)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unknown)


def request_id(request: Request) -> str:
    """The id that the guard gave this request."""
    return str(request.scope.get("state", {}).get("request_id") or secrets.token_hex(8))


async def _known(request: Request, error: Exception) -> Response:
    if isinstance(error, Refused):
        headers = {"Retry-After": str(error.retry_after)} if error.retry_after else {}
        if isinstance(error.__cause__, XltError):  # which speaks of files and addresses
            log.error("%s %s: %s", request_id(request), error.doing, error.__cause__)
        return problem_response(error.status, **_parts(request, error), close=error.close, headers=headers)
    if isinstance(error, UsageError):
        return problem_response(422, **_parts(request, error))
    # The others speak of files and addresses of the server: those who keep it find them in its log.
    id = request_id(request)
    log.error("%s %s", id, error)
    status, what = (502, "a store that cannot be read") if isinstance(error, StoreError) else (500, "an error")
    return problem_response(
        status, id=id, doing="answering the request", found=what, expected="an answer", remedy=_ASK.format(id=id)
    )


_ASK = "Tell whoever keeps the service the id {id}; the reason stands in its log"


def _parts(request: Request, error: XltError) -> dict[str, Any]:
    parts = {name: getattr(error, name) for name in ("doing", "found", "expected", "remedy")}
    return {"id": request_id(request), **parts}


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = error.errors()
    where = _where(errors[0])
    # A value of which there are two kinds (a number or 'uniform') fails as each of them.
    expected = dict.fromkeys(_expected(one) for one in errors if _where(one) == where)
    return problem_response(
        422,
        id=request_id(request),
        doing=f"reading {_short(where)}",
        found=_found(errors[0]),
        expected=_short(" or ".join(expected)),
        remedy="Correct the request; /openapi.json describes it",
    )


def _where(error: Mapping[str, Any]) -> str:
    """`body.texts.0`, without the names that pydantic has for kinds of a value."""
    first, *rest = error["loc"]
    if error["type"] == "json_invalid":
        return "body"
    return ".".join([str(first), *(str(part) for part in rest if _FIELD.fullmatch(str(part)) or error["type"] == _EXTRA)])


def _expected(error: Mapping[str, Any]) -> str:
    known = _EXPECTED.get(error["type"])
    if known is not None:
        return known
    # "Input should be a valid integer, unable to parse string as an integer", "List should have at least 1 item after ..."
    text = _PYDANTIC.sub("", str(error["msg"]))
    return text.partition(", unable")[0].partition(" after validation")[0]


def _found(error: Mapping[str, Any]) -> str:
    kind, value = error["type"], error.get("input")
    if kind == "missing":
        return "nothing"
    if kind == "json_invalid":
        return _short(f"no JSON ({error.get('ctx', {}).get('error', 'unreadable')} at character {error['loc'][-1]})")
    if kind == _EXTRA:
        return "a field that is not known"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return "an object"
    return _short(json.dumps(value, ensure_ascii=False, default=str))


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]} ..."


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    found, expected, remedy = _HTTP.get(error.status_code, ("a request that HTTP does not allow", "another", "Correct it"))
    doing = "reading the request" if error.status_code == 400 else "finding what answers"
    return problem_response(
        error.status_code,
        id=request_id(request),
        doing=doing,
        found=found,
        expected=expected,
        remedy=remedy,
        headers=error.headers,
    )


async def _unknown(request: Request, error: Exception) -> Response:
    id = request_id(request)
    log.error("%s %s", id, type(error).__name__, exc_info=error)
    return problem_response(
        500, id=id, doing="answering the request", found="an error", expected="an answer", remedy=_ASK.format(id=id)
    )
