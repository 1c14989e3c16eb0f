"""How much each client may ask for: token buckets, for no more clients than memory is set aside for."""

import functools
import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable

CLIENTS = 10_000  # remembered at most
WRONG_TOKENS, WRONG_RATE = 10.0, 1.0  # at once, and a second, of each client


class Buckets:
    """A bucket a client: `size` units that come back at `rate` a second. `clock`: seconds that never go back."""

    def __init__(
        self, rate: float, size: float, *, clients: int = CLIENTS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate, self._size, self._clients, self._clock = rate, size, clients, clock
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()  # client -> units left, and when

    def take(self, client: str, cost: float = 1.0) -> float:
        """Take `cost` units: 0 when they were there, otherwise none is taken, and the seconds until they will be."""
        left, now = self._level(client)
        wait = 0.0
        if left >= cost:
            left -= cost
        else:
            wait = (cost - left) / self._rate
        self._keep(client, left, now)
        return wait

    def charge(self, client: str, cost: float) -> None:
        """Take what proved to have been needed; the client may come to owe some of it."""
        left, now = self._level(client)
        self._keep(client, left - cost, now)

    def wait(self, client: str) -> float:
        """Seconds until one unit is there; takes none."""
        return max(0.0, 1.0 - self._level(client)[0]) / self._rate

    def _level(self, client: str) -> tuple[float, float]:
        """Units that the client has now, and the time. The client is then the last to be forgotten."""
        now = self._clock()
        known = self._levels.get(client)
        if known is None:
            return self._size, now
        self._levels.move_to_end(client)
        return min(self._size, known[0] + (now - known[1]) * self._rate), now

    def _keep(self, client: str, left: float, now: float) -> None:
        self._levels[client] = (left, now)
        if len(self._levels) > self._clients:
            self._levels.popitem(last=False)

    def __len__(self) -> int:
        return len(self._levels)


@functools.lru_cache(maxsize=1_024)
def client_key(address: str) -> str:
    """Who counts as one client: an IPv4 address, or the 64 bits of an IPv6 address that name a network."""
    if ":" not in address:
        return address
    try:
        whole = ipaddress.IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    return str(whole.ipv4_mapped or ipaddress.IPv6Network((int(whole) >> 64 << 64, 64)))
