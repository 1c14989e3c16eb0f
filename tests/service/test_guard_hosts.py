"""Whom a request is for, and which site's page sent it."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.service.asgi import WRITE, ask, bearing, behind_guard, echo
from xlt_augment.errors import UsageError
from xlt_augment.service.hosts import Authority, Hosts, from_elsewhere, parse
from xlt_augment.service.server import serve
from xlt_augment.service.settings import Settings, Tokens

LABEL = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9-]{0,20}[A-Za-z0-9])?", fullmatch=True)
NAME = st.lists(LABEL, min_size=1, max_size=4).map(".".join)


@given(name=NAME | st.ip_addresses(v=4).map(str), port=st.integers(1, 65_535) | st.none())
def test_names_and_ports_are_read(name: str, port: int | None) -> None:
    assert parse(name if port is None else f"{name}:{port}") == Authority(name.lower(), port)


@given(address=st.ip_addresses(v=6), port=st.integers(1, 65_535) | st.none())
def test_ipv6_is_read_in_all_its_forms(address: Any, port: int | None) -> None:
    tail = "" if port is None else f":{port}"
    for form in (address.compressed, address.exploded, address.compressed.upper()):
        assert parse(f"[{form}]{tail}") == Authority(str(address), port)


@given(text=st.text(max_size=40))
@example("")
@example("localhost:")
@example("localhost:0")
@example("localhost:65536")
@example("localhost:+80")
@example("localhost:8٣")
@example("localhost:80:80")
@example("localhost\n")
@example("localhost,evil")
@example("user@localhost")
@example("localhost/x")
@example("localhost.")
@example(".localhost")
@example("::1")
@example("[::1")
@example("[::1%eth0]")
@example("[127.0.0.1]")
@example("loc\u0430lhost")
def test_what_is_taken_for_a_host_is_one(text: str) -> None:
    found = parse(text)
    if found is None:
        return
    assert text.isascii()
    assert text.lower() in {found.host, f"{found.host}:{found.port}"} or text.startswith("[")
    assert set(found.host) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-_:")


@pytest.mark.parametrize(
    "text",
    ["", "localhost:", "localhost:0", "localhost:65536", "localhost:+80", "a:80:80", "a\n", "a,b", "u@a", "a/x", "a.", ".a",
    "::1", "[::1",
     "[::1%eth0]", "[127.0.0.1]", " a", "a ", "*", "a:8\u0663", "[::1]x", "http://a"],
)  # fmt: skip
def test_other_things_are_no_host(text: str) -> None:
    assert parse(text) is None


def _allowed(settings: Settings, value: str, port: int = 8765) -> bool:
    return Hosts(settings).allows(value.encode("latin-1"), port)


@pytest.mark.parametrize(
    "value", ["localhost", "127.0.0.1", "[::1]", "LocalHost:8765", "127.0.0.1:8765", "[::1]:8765", "[0:0::1]"]
)
def test_loopback_is_asked_by_its_names(value: str) -> None:
    for host in ("127.0.0.1", "localhost", "::1", "127.0.0.9"):
        assert _allowed(Settings(host=host), value)


@pytest.mark.parametrize(
    "value",
    ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "127.0.0.1:80", "127.0.0.2", "localhost:8766",
    "0.0.0.0:8765", "",
     "127.1", "2130706433", "0x7f.0.0.1", "localhost, evil.example", "[::ffff:127.0.0.1]", "evil.example:8765"],
)  # fmt: skip
def test_and_by_no_other(value: str) -> None:
    assert not _allowed(Settings(), value)


def test_an_outer_address_is_asked_by_its_own_and_the_allowed_names() -> None:
    outer = Settings(host="10.1.2.3", allowed_hosts=("XLT.example.org", "other.example.org:8443"))
    for value in (
        "10.1.2.3",
        "10.1.2.3:8765",
        "xlt.example.org",
        "xlt.example.org:443",
        "XLT.EXAMPLE.ORG:1",
        "other.example.org:8443",
    ):
        assert _allowed(outer, value), value
    for value in (
        "10.1.2.3:80",
        "localhost",
        "127.0.0.1:8765",
        "other.example.org",
        "a.xlt.example.org",
        "xlt.example.org.evil",
    ):
        assert not _allowed(outer, value), value
    everywhere = Settings(host="0.0.0.0")
    assert _allowed(everywhere, "localhost:8765")
    for value in ("0.0.0.0:8765", "10.1.2.3:8765"):
        assert not _allowed(everywhere, value)


def test_any_free_port_is_the_one_the_request_came_in_by() -> None:
    hosts = Hosts(Settings(port=0))
    assert hosts.allows(b"localhost:4000", 4000)
    assert not hosts.allows(b"localhost:4001", 4000)


@pytest.mark.parametrize("name", ["http://a.example", "a.example/", "a b", "", "*.example", "a.example:0"])
def test_a_host_that_no_request_can_name_is_refused_at_the_start(name: str) -> None:
    with pytest.raises(UsageError, match="reading the allowed hosts: found .* without http://"):
        serve(Settings(sets=("no-such-set",), allowed_hosts=(name,)))  # before anything is opened


def test_strangers_fill_no_memory() -> None:
    hosts = Hosts(Settings(allowed_hosts=("a.example",)))
    for number in range(1, 3_000):
        assert hosts.allows(b"a.example:%d" % number, 8765)
        assert not hosts.allows(b"b%d.example" % number, 8765)
    assert len(hosts._known) <= 64


@pytest.mark.parametrize(
    ("pairs", "status"),
    [
        ([("host", "localhost:8765")], 200), ([("host", "evil.example")], 421), ([("host", "")], 421), ([("Host",
        "localhost"), ("host", "evil.example")], 400),
        ([("host", "localhost"), ("host", "localhost")], 400), ([("host", "localhost:8765"), ("x-forwarded-host",
        "evil.example")], 200),
        ([("host", "evil.example"), ("x-forwarded-host", "localhost")], 421),
    ],
)  # fmt: skip
def test_requests_for_others_are_turned_away(pairs: list[tuple[str, str]], status: int) -> None:
    seen: list[Any] = []
    for path in ("/v1/sets", "/healthz", "/", "/page/x"):
        assert ask(behind_guard(echo(seen)), "GET", path, pairs).status == status, path
    assert bool(seen) == (status == 200)


def test_a_request_without_a_host_is_turned_away() -> None:
    answer = ask(behind_guard(echo([])), "GET", "/v1/sets", [("host", None)])
    assert (answer.status, answer.error["found"]) == (400, "no header Host")


@pytest.mark.parametrize(
    ("method", "headers", "sign"),
    [
        ("GET", {}, None), ("POST", {}, None), ("POST", {"sec-fetch-site": "same-origin"}, None), ("POST",
        {"sec-fetch-site": "none"}, None),
        ("POST", {"sec-fetch-site": "cross-site"}, "Sec-Fetch-Site"), ("POST",
        {"sec-fetch-site": "same-site"}, "Sec-Fetch-Site"),
        ("POST", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, "Sec-Fetch-Site"),
        ("GET", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, None),
        ("GET", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}, "Sec-Fetch-Site"),
        ("GET", {"sec-fetch-site": "same-site", "sec-fetch-mode": "cors"}, "Sec-Fetch-Site"),
        ("POST", {"origin": "http://127.0.0.1:8765"}, None), ("POST", {"origin": "http://127.0.0.1:8766"}, "Origin"),
        ("POST", {"origin": "http://127.0.0.1"}, "Origin"), ("POST", {"origin": "null"}, "Origin"), ("POST",
        {"origin": "http://evil:8765"}, "Origin"), ("POST",
        {"origin": ""}, "Origin"),
        ("POST", {"origin": "https://evil.example"}, "Origin"), ("POST",
        {"origin": "http://127.0.0.1:8765.evil.example"}, "Origin"),
        ("POST", {"origin": "https://xlt.example", "host": "xlt.example"}, None),
        ("POST", {"origin": "https://xlt.example", "host": "XLT.example:443"}, None),
        ("POST", {"origin": "http://xlt.example", "host": "xlt.example:80"}, None),
        ("POST", {"origin": "https://xlt.example:8443", "host": "xlt.example"}, "Origin"),
        ("POST", {"origin": "file://", "host": "xlt.example"}, "Origin"),
    ],
)  # fmt: skip
def test_other_sites_pages_are_told_from_ours(method: str, headers: dict[str, str], sign: str | None) -> None:
    given = {"host": "127.0.0.1:8765"} | headers
    assert from_elsewhere(method, {k.encode(): v.encode() for k, v in given.items()}) == sign
    answer = ask(
        behind_guard(echo([]), Settings(tokens=Tokens(write=(WRITE,)), allowed_hosts=("xlt.example",))),
        method, "/v1/sets/a/vetoes", given | bearing(WRITE),
    )  # fmt: skip
    assert answer.status == (200 if sign is None else 403)
    assert sign is None or sign in answer.error["found"]
