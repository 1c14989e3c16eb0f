"""How much each client may ask for, on a clock that the tests set."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.service.asgi import READ, WRITE, ask, bearing, behind_guard, echo
from xlt_augment.service.needs import Need, methods_of, needed
from xlt_augment.service.rates import Buckets, client_key
from xlt_augment.service.settings import HEAVY_COST, Limits, Settings, Tokens


class Clock:
    """Stands still until it is set."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_empties_and_fills() -> None:
    clock = Clock()
    buckets = Buckets(2.0, 4.0, clock=clock)
    assert [buckets.take("a") for _ in range(4)] == [0.0] * 4
    assert buckets.take("a") == 0.5
    assert buckets.take("b", 4.0) == 0.0, "each client has its own"
    clock.now = 0.5
    assert buckets.take("a") == 0.0
    assert buckets.take("a") == 0.5
    clock.now = 100.0
    assert buckets.take("a", 4.0) == 0.0, "it is full again"
    assert buckets.take("a") == 0.5, "and holds no more than that"


@given(costs=st.lists(st.tuples(st.floats(0, 3), st.floats(0.1, 5)), max_size=40))
def test_no_client_gets_more_than_its_rate(costs: list[tuple[float, float]]) -> None:
    clock = Clock()
    buckets, taken = Buckets(1.5, 5.0, clock=clock), 0.0
    for pause, cost in costs:
        clock.now += pause
        wait = buckets.take("a", cost)
        taken += 0.0 if wait else cost
        assert taken <= 5.0 + 1.5 * clock.now + 1e-6
        clock.now += wait
        if wait:
            assert buckets.take("a", cost - 1e-6) == 0.0, "the wait that was named is enough"
            taken += cost - 1e-6


def test_memory_is_bounded_and_the_longest_silent_are_forgotten() -> None:
    buckets = Buckets(1.0, 1.0, clients=3, clock=Clock())
    for name in ("a", "b", "c"):
        assert buckets.take(name) == 0.0
    assert buckets.take("a") > 0.0  # seen again: `b` is now the oldest
    assert buckets.take("d") == 0.0
    assert len(buckets) == 3
    assert buckets.take("a") > 0.0
    assert buckets.take("b") == 0.0


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("10.0.0.1", "10.0.0.2", False), ("2001:db8::1", "2001:db8::ffff:1", True), ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:10.0.0.1", "10.0.0.1", True), ("fe80::1%eth0", "fe80::2%eth0", True), ("", "", True), ("a:b:c", "a:b:d",
        False),
    ],
)  # fmt: skip
def test_an_ipv6_network_is_one_client(one: str, other: str, same: bool) -> None:
    assert (client_key(one) == client_key(other)) == same


def _app(clock: Clock, rate: float = 100.0, **other: Any) -> Any:
    tokens = Tokens(read=(READ,), write=(WRITE,))
    return behind_guard(echo([]), Settings(tokens=tokens, limits=Limits(rate=rate), **other), clock=clock)


def test_the_rate_holds_and_says_when_to_come_again() -> None:
    clock = Clock()
    app = _app(clock)
    assert [ask(app, "GET", "/v1/sets", bearing(READ)).status for _ in range(100)] == [200] * 100
    answer = ask(app, "GET", "/v1/sets", bearing(READ))
    assert (answer.status, answer.headers["retry-after"]) == (429, "1")
    assert ask(app, "GET", "/v1/sets", bearing(READ), client=("10.0.0.9", 1)).status == 200
    assert ask(app, "GET", "/healthz").status == 200, "whether it lives is always told"
    assert ask(app, "GET", "/").status == 429
    clock.now = 0.01
    assert ask(app, "GET", "/v1/sets", bearing(READ)).status == 200


HEAVY = [
    ("POST", "/v1/augment"), ("POST", "/v1/sets/a/neighbors"), ("POST", "/v1/sets/a/reload"), ("GET", "/v1/sets/a/compare/b"),
    ("GET", "/v1/sets/a/rows"), ("GET", "/v1/sets/a/words?near=x"), ("GET", "/v1/sets/a/vetoes/effect"), ("GET",
    "/v1/datasets"),
    ("GET", "/v1/datasets/t/n/samples"), ("GET", "/metrics"), ("HEAD", "/v1/sets/a/rows"),
]  # fmt: skip
LIGHT = [
    ("GET", "/v1/sets"), ("GET", "/v1/sets/a/neighbors/rows"), ("GET", "/v1/sets/a/neighbors/x/compare/y"),
    ("GET", "/v1/sets/a/words?prefix=x"), ("GET", "/v1/sets/rows"), ("GET", "/v1/sets/a/vetoes"), ("POST", "/v1/sets/a/vetoes"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), HEAVY + LIGHT)
def test_heavy_work_costs_more(method: str, path: str) -> None:
    clock = Clock()
    app = _app(clock, rate=10.0)  # a bucket of twice the heavy cost
    passed = 0
    while ask(app, method, path, bearing(WRITE)).status == 200:
        passed += 1
    assert passed == (2 if (method, path) in HEAVY else 2 * HEAVY_COST)


def test_guessing_is_slowed_down_right_guesses_too() -> None:
    clock = Clock()
    app = _app(clock)
    wrong = bearing("x" * 20)
    assert [ask(app, "GET", "/v1/sets", wrong).status for _ in range(12)] == [401] * 10 + [429] * 2
    right = ask(app, "GET", "/v1/sets", bearing(READ))
    assert right.status == 429, "else an answer would still tell right from wrong"
    assert right.headers["retry-after"] == "1"
    assert ask(app, "GET", "/v1/sets", bearing(READ), client=("10.0.0.9", 1)).status == 200
    assert ask(app, "GET", "/v1/sets").status == 401, "without a token nothing is guessed"
    clock.now = 1.0
    assert ask(app, "GET", "/v1/sets", bearing(READ)).status == 200
    assert [ask(app, "GET", "/v1/sets", wrong).status for _ in range(2)] == [401, 429]


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("10.0.0.1", ["1.2.3.4"], "1.2.3.4"), ("10.0.0.1", ["6.6.6.6, 1.2.3.4"], "1.2.3.4"), ("10.0.0.1", ["6.6.6.6",
        "1.2.3.4"], "1.2.3.4"),
        ("10.0.0.1", ["1.2.3.4, nonsense"], "10.0.0.1"), ("10.0.0.1", [], "10.0.0.1"), ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", ["6.6.6.6, 2001:DB8::1"], "2001:db8::1"), ("10.0.0.2", ["1.2.3.4"], "10.0.0.2"), ("::ffff:10.0.0.1",
        ["1.2.3.4"], "1.2.3.4"),
    ],
)  # fmt: skip
def test_a_trusted_proxy_names_its_client_and_nobody_else_does(
    peer: str, forwarded: list[str], client: str, caplog: pytest.LogCaptureFixture
) -> None:
    for trusted, wanted in ((("10.0.0.1",), client), ((), peer)):
        caplog.clear()
        pairs = [("x-forwarded-for", value) for value in forwarded] + [("x-real-ip", "7.7.7.7"), ("forwarded", "for=7.7.7.7")]
        with caplog.at_level("INFO", "xlt.access"):
            ask(behind_guard(echo([]), Settings(trusted_proxies=trusted)), "GET", "/v1/sets", pairs, client=(peer, 1))
        assert caplog.messages[0].split()[1] == wanted


def test_the_rate_is_that_of_the_client_behind_the_proxy() -> None:
    clock = Clock()
    app = _app(clock, rate=10.0, trusted_proxies=("127.0.0.1",))
    heavy = bearing(READ) | {"x-forwarded-for": "6.6.6.6, 1.2.3.4"}
    assert [ask(app, "GET", "/v1/datasets", heavy).status for _ in range(3)] == [200, 200, 429]
    assert ask(app, "GET", "/v1/datasets", heavy | {"x-forwarded-for": "9.9.9.9, 1.2.3.4"}).status == 429
    assert ask(app, "GET", "/v1/datasets", heavy | {"x-forwarded-for": "1.2.3.4, 5.6.7.8"}).status == 200


@pytest.mark.parametrize(
    "path", ["/v1/sets/a/vetoes", "/v1/sets/a/vetoes/1/withdraw", "/v1/sets/a/reload", "/v1/sets", "/", "/healthz", "/new"]
)
def test_what_is_not_known_to_read_needs_to_write(path: str) -> None:
    assert needed("POST", path, b"").scope == "write"


def test_only_these_are_open() -> None:
    assert [p for p in ("/", "/page/a.js", "/healthz", "/readyz") if needed("GET", p, b"").scope != "open"] == []
    closed = ("/metrics", "/openapi.json", "/v1/service", "/v1/sets", "/page", "//", "/healthz/", "/x", "", "/page../v1")
    assert {needed(method, p, b"").scope for p in closed for method in ("GET", "HEAD")} == {"read"}
    assert needed("GET", "/healthz", b"") == Need("open", 1.0, vital=True)


def test_an_address_tells_its_methods() -> None:
    assert methods_of("/v1/sets/a/vetoes") == "GET, HEAD, POST"
    for path in ("/v1/augment", "/v1/sets/a/neighbors", "/v1/sets/a/reload", "/v1/sets/a/vetoes/3/withdraw"):
        assert methods_of(path) == "POST"
    for path in ("/", "/v1/sets", "/v1/sets/a/neighbors/b", "/v1/sets/a/vetoes.txt"):
        assert methods_of(path) == "GET, HEAD"


def test_what_is_not_there_costs_the_search_for_what_is_like_it() -> None:
    async def absent(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 404, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    clock = Clock()
    app = behind_guard(absent, Settings(limits=Limits(rate=10.0 * HEAVY_COST)), clock=clock)
    asked = [ask(app, "GET", "/v1/sets/a/neighbors/x").status for _ in range(12)]
    assert asked == [404] * 10 + [429] * 2
    clock.now = 0.1
    assert ask(app, "GET", "/v1/sets/a/neighbors/x").status == 404
    assert [ask(app, "GET", "/healthz").status for _ in range(30)] == [404] * 30
    buckets = Buckets(1.0, 5.0, clients=2, clock=clock)
    for name in "abc":
        buckets.charge(name, 7.0)
    assert (len(buckets), buckets.take("c")) == (2, 3.0)
