"""May this request be answered? All that can be told from its head."""

import math
import time
from collections.abc import Callable, Mapping

from starlette.types import Scope

from xlt_augment.service.denied import Denied
from xlt_augment.service.hosts import Hosts, from_elsewhere
from xlt_augment.service.needs import METHODS, Need, methods_of, needed
from xlt_augment.service.rates import WRONG_RATE, WRONG_TOKENS, Buckets, client_key
from xlt_augment.service.settings import HEAVY_COST, Settings
from xlt_augment.service.tokens import NOBODY, Keys, bearer, canonical_address

TARGET = 4_096  # bytes of path and query
HEADERS = 64  # headers of a request
HEADER_BYTES = 16_384  # names and values together
_ONCE = frozenset({b"host", b"authorization", b"content-type", b"content-encoding", b"origin", b"sec-fetch-site"})


class Admission:
    """Decides from the head of a request. `clock`: seconds that never go back."""

    def __init__(self, settings: Settings, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._hosts, self._keys = Hosts(settings), Keys(settings.tokens)
        self._proxies = frozenset(canonical_address(address) or address for address in settings.trusted_proxies)
        rate = settings.limits.rate
        self._rates = Buckets(rate, max(rate, 2.0 * HEAVY_COST), clock=clock)
        self._guesses = Buckets(WRONG_RATE, WRONG_TOKENS, clock=clock)

    def client(self, scope: Scope, headers: Mapping[bytes, bytes]) -> str:
        """Address of the client: the other end, or, where that is a trusted proxy, what this one added itself."""
        peer = scope.get("client")
        address = str(peer[0]) if peer else ""
        if self._proxies and (canonical_address(address) or address) in self._proxies:
            added = headers.get(b"x-forwarded-for", b"").rpartition(b",")[2].strip().decode("latin-1")
            return canonical_address(added) or address
        return address

    def need(self, scope: Scope, headers: Mapping[bytes, bytes], client: str) -> tuple[Need, frozenset[str]]:
        """What the request needs, and the scopes of its sender, once all is well. Raises Denied."""
        self._check_form(scope, headers)
        server = scope.get("server")
        if not self._hosts.allows(headers.get(b"host", b""), server[1] if server else None):
            raise _wrong_host(headers.get(b"host"))
        method: str = scope["method"]
        if method not in METHODS:
            raise _wrong_method(method, scope["path"])
        need, key = needed(method, scope["path"], scope["query_string"]), client_key(client)
        if not need.vital and (wait := self._rates.take(key, need.cost)):
            raise _too_fast("rate", "more requests than the rate of one client", wait)
        sign = from_elsewhere(method, headers)
        if sign is not None:
            raise Denied(
                403, "site", doing="receiving the request", found=f"a request of another site's page ({sign})",
                expected="one of this service's own page, or of a program", remedy="Open this service's page itself",
            )  # fmt: skip
        return need, NOBODY if need.scope == "open" else self._scopes(need, headers, key)

    def searched(self, need: Need, client: str) -> None:
        """Charge for what was not there: to look for what is spelled like it is heavy work, which no head tells."""
        if need.cost < HEAVY_COST:
            self._rates.charge(client_key(client), HEAVY_COST - need.cost)

    def _check_form(self, scope: Scope, headers: Mapping[bytes, bytes]) -> None:
        given = scope["headers"]
        if len(scope["path"]) + len(scope["query_string"]) > TARGET:
            raise Denied(
                414, "target", doing="reading the address", found="a longer one", expected=f"at most {TARGET:,} bytes",
                remedy="Shorten it",
            )  # fmt: skip
        if len(given) > HEADERS or sum(map(len, headers)) + sum(map(len, headers.values())) > HEADER_BYTES:
            raise Denied(
                431, "headers", doing="reading the headers", found="more or longer ones",
                expected=f"at most {HEADERS} headers and {HEADER_BYTES:,} bytes", remedy="Send fewer",
            )  # fmt: skip
        if len(headers) != len(given):
            names = [name for name, _ in given]
            double = next((name for name in names if name in _ONCE and names.count(name) > 1), None)
            if double is not None:
                raise Denied(
                    400, "headers", doing="reading the headers", found=f"the header {double.decode('latin-1')} twice",
                    expected="it once", remedy="Send it once",
                )  # fmt: skip

    def _scopes(self, need: Need, headers: Mapping[bytes, bytes], client: str) -> frozenset[str]:
        value = headers.get(b"authorization")
        scopes = self._keys.anonymous if value is None else self._proven(value, client)
        if need.scope in scopes:
            return scopes
        if value is None:
            raise _no_token("none", {"read": "reading", "write": "writing"}[need.scope])
        raise Denied(
            403, "scope", doing="checking the token", found="a token that may read alone", expected="one that may write",
            remedy="Ask whoever keeps the service for a token to write",
            headers={"WWW-Authenticate": 'Bearer error="insufficient_scope", scope="write"'},
        )  # fmt: skip

    def _proven(self, value: bytes, client: str) -> frozenset[str]:
        """Scopes of the token. Who guesses must wait before the next is looked at, right or wrong."""
        if wait := self._guesses.wait(client):
            raise _too_fast("guessing", "many wrong tokens", wait)
        token = bearer(value)
        scopes = NOBODY if token is None else self._keys.scopes(token)
        if not scopes:
            self._guesses.take(client)
            raise _no_token("a wrong one", "this service")
        return scopes


def _wrong_host(value: bytes | None) -> Denied:
    found = "no header Host" if value is None else f"the host {value[:80].decode('latin-1')!a}"
    return Denied(
        400 if value is None else 421, "host", doing="checking whom the request is for", found=found,
        expected="the address of this service", remedy="Ask under its own name, or start it with --allowed-host NAME",
    )  # fmt: skip


def _wrong_method(method: str, path: str) -> Denied:
    allowed = methods_of(path)
    return Denied(
        405, "method", doing="reading the request", found=f"the method {method[:20]}", expected=allowed,
        remedy="Check the method", headers={"Allow": allowed},
    )  # fmt: skip


def _no_token(found: str, purpose: str) -> Denied:
    return Denied(
        401, "token", doing="checking the token", found=found, expected=f"a token for {purpose}",
        remedy="Send the header Authorization: Bearer TOKEN", headers={"WWW-Authenticate": 'Bearer realm="xlt"'},
    )  # fmt: skip


def _too_fast(reason: str, found: str, wait: float) -> Denied:
    seconds = str(math.ceil(wait))
    return Denied(
        429, reason, doing="receiving the request", found=found, expected="fewer", remedy=f"Try again in {seconds} s",
        headers={"Retry-After": seconds},
    )  # fmt: skip
