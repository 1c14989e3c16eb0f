"""What a request needs before the application sees it: a scope, a share of the client's rate, a method that exists.

What is not known here needs the most, so that a new route is closed until somebody opens it.
"""

from typing import Literal, NamedTuple
from urllib.parse import unquote_to_bytes

from xlt_augment.service.settings import HEAVY_COST


class Need(NamedTuple):
    """`scope`: that of the token, or open to all. `cost`: units of the client's rate. `vital`: answered however full it is."""

    scope: Literal["open", "read", "write"]
    cost: float = 1.0
    vital: bool = False


METHODS = ("GET", "HEAD", "POST")
_VITAL, _OPEN = Need("open", vital=True), Need("open")
_READ, _HEAVY_READ = Need("read"), Need("read", HEAVY_COST)
_WRITE, _HEAVY_WRITE = Need("write"), Need("write", HEAVY_COST)
_SETS = "/v1/sets/"


def needed(method: str, path: str, query: bytes) -> Need:
    """What a request of one of METHODS needs; `path` is decoded, as routes see it."""
    if path.startswith(_SETS):
        parts = path[len(_SETS) :].split("/", 2)
        return _of_set(method, parts[1:], query)
    if method == "POST":
        return _HEAVY_READ if path == "/v1/augment" else _HEAVY_WRITE
    if path in ("/healthz", "/readyz"):
        return _VITAL
    if path == "/" or path.startswith("/page/"):
        return _OPEN
    return _HEAVY_READ if path == "/metrics" or path.startswith("/v1/datasets") else _READ


def _of_set(method: str, rest: list[str], query: bytes) -> Need:
    """`rest`: what follows the name of the set, cut at the first slash."""
    if method == "POST":
        if rest == ["neighbors"]:
            return _HEAVY_READ
        return _HEAVY_WRITE if rest == ["reload"] else _WRITE
    kind = rest[0] if rest else ""
    heavy = (
        kind in ("compare", "rows") or rest == ["vetoes", "effect"] or (kind == "words" and b"near" in unquote_to_bytes(query))
    )
    return _HEAVY_READ if heavy else _READ


def methods_of(path: str) -> str:
    """The methods that an address has, as the header Allow names them."""
    parts = path[len(_SETS) :].split("/", 2) if path.startswith(_SETS) else []
    if (
        path == "/v1/augment"
        or parts[1:] in (["neighbors"], ["reload"])
        or (parts[1:2] == ["vetoes"] and path.endswith("/withdraw"))
    ):
        return "POST"
    return "GET, HEAD, POST" if parts[1:] == ["vetoes"] else "GET, HEAD"
