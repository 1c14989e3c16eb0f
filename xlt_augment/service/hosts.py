"""Whom a request means to speak to, and which site it comes from.

A page of another site can make a browser send requests here: under this service's name from afar (which browsers mark), or,
with DNS rebinding, under the site's own name, which then leads to loopback. The Host header tells the second.
"""

import ipaddress
import re
from collections.abc import Mapping
from typing import NamedTuple

from xlt_augment.errors import UsageError
from xlt_augment.service.settings import Settings
from xlt_augment.service.tokens import canonical_address, is_loopback

_AUTHORITY = re.compile(
    r"(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9])?))(?::([0-9]{1,5}))?", re.ASCII
)
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_ORIGIN = re.compile(r"(https?)://(.+)", re.ASCII)
_PORTS = {"http": 80, "https": 443}


class Authority(NamedTuple):
    """A host, in lower case and without brackets, and its port, if one is named."""

    host: str
    port: int | None


def parse(text: str) -> Authority | None:
    """`host`, `host:port` or `[IPv6]:port`; None for anything else."""
    found = _AUTHORITY.fullmatch(text)
    if found is None:
        return None
    six, name, digits = found.groups()
    port = int(digits) if digits else None
    if port is not None and not 0 < port < 65_536:
        return None
    if six is None:
        return Authority(name.lower(), port)
    try:
        return Authority(str(ipaddress.IPv6Address(six)), port)
    except ValueError:
        return None


def _named(name: str) -> Authority:
    """What `--allowed-host` names. Raises UsageError for what no Host header can say, such as an address with http://."""
    address = canonical_address(name)
    found = Authority(address, None) if address else parse(name)
    if found is None:
        raise UsageError(
            "reading the allowed hosts", found=repr(name), expected="a name or an address, with a port or without",
            remedy="Give it as in synonyms.example.org, without http:// and path",
        )  # fmt: skip
    return found


class Hosts:
    """The names under which this service may be asked for."""

    def __init__(self, settings: Settings) -> None:
        bound = settings.host.lower()
        own = {canonical_address(bound) or bound}
        if is_loopback(bound) or own & {"0.0.0.0", "::"}:
            own |= set(_LOOPBACK)
        self._own = own - {"0.0.0.0", "::", ""}  # these name no host
        self._named = [_named(name) for name in settings.allowed_hosts]
        self._port = settings.port
        self._known: dict[tuple[bytes, int | None], bool] = {}

    def allows(self, value: bytes, port: int | None) -> bool:
        """Whether a Host header may say so, `port` being the one that the request came in by."""
        key = (value, port)
        known = self._known.get(key)
        if known is None:
            known = self._allows(value, self._port or port)
            if known and len(self._known) < 64:  # names are few; what strangers send is not kept
                self._known[key] = known
        return known

    def _allows(self, value: bytes, port: int | None) -> bool:
        asked = parse(value.decode("latin-1"))
        if asked is None:
            return False
        if any(asked.host == named.host and named.port in (None, asked.port) for named in self._named):
            return True
        return asked.host in self._own and asked.port in (None, port)


def from_elsewhere(method: str, headers: Mapping[bytes, bytes]) -> str | None:
    """What shows that another site's page sent the request; None where nothing does.

    Following a link from another site is fine, as that shows the page to a person and to nobody else.
    """
    site = headers.get(b"sec-fetch-site")
    reads = method in ("GET", "HEAD")
    follows = reads and headers.get(b"sec-fetch-mode") == b"navigate"
    if site not in (None, b"same-origin", b"none") and not follows:
        return "Sec-Fetch-Site"
    origin = headers.get(b"origin")
    if origin is not None and not reads and not _same(origin, headers.get(b"host", b"")):
        return "Origin"
    return None


def _same(origin: bytes, host: bytes) -> bool:
    """Whether an Origin is that of the Host: TLS may end before this service, so either scheme will do."""
    found = _ORIGIN.fullmatch(origin.decode("latin-1"))
    if found is None:
        return False
    one, other = parse(found[2]), parse(host.decode("latin-1"))
    if one is None or other is None or one.host != other.host:
        return False
    return (one.port or _PORTS[found[1]]) == (other.port or _PORTS[found[1]])
