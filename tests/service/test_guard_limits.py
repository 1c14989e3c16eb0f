"""What a body, a time and a crowd may come to."""

import asyncio
from typing import Any

import pytest

from tests.service.asgi import Answer, behind_guard, echo, exchange, scope_of
from xlt_augment.service.settings import Limits, Settings

SMALL = Limits(body=100, body_time=0.05, time=0.1, requests=2)
JSON = {"content-type": "application/json"}


def _posted(headers: dict[str, str], parts: list[Any], seen: list[Any] | None = None) -> Answer:
    app = behind_guard(echo([] if seen is None else seen), Settings(limits=SMALL))
    return asyncio.run(exchange(app, scope_of("POST", "/v1/augment", headers), parts))


def test_a_body_comes_whole_to_the_application() -> None:
    for headers in ({"content-length": "6"}, {"transfer-encoding": "chunked"}):
        seen: list[Any] = []
        assert _posted(JSON | headers, [b"ab", b"", b"cd", b"ef"], seen).status == 200
        assert seen[0]["body"] == b"abcdef"


@pytest.mark.parametrize(
    ("headers", "parts", "status"),
    [
        ({"content-length": "100"}, [b"x" * 100], 200), ({"content-length": "101"}, [None], 413),
        ({"content-length": "9" * 5_000}, [None], 413),
        ({"transfer-encoding": "chunked"}, [b"x" * 50] * 2, 200),
        ({"transfer-encoding": "chunked"}, [b"x" * 51, b"x" * 50, None], 413),
        ({"content-length": "3"}, [b"x" * 101, None], 413),
        ({"content-length": "3"}, [b"x", None], 408), ({"transfer-encoding": "chunked"}, [b"x", None], 408),
    ],
)  # fmt: skip
def test_a_body_is_bounded_in_size_and_time(headers: dict[str, str], parts: list[Any], status: int) -> None:
    seen: list[Any] = []
    answer = _posted(JSON | headers, parts, seen)
    assert answer.status == status
    assert bool(seen) == (status == 200)
    assert (answer.headers.get("connection") == "close") == (status == 408)


def test_a_client_that_waits_to_send_a_refused_body_is_told_to_go() -> None:
    answer = _posted(JSON | {"content-length": "101", "expect": "100-continue"}, [None])
    assert (answer.status, answer.headers["connection"]) == (413, "close")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (JSON, 200), ({"content-type": "Application/JSON; charset=UTF-8"}, 200),
        ({"content-type": 'application/json;charset="utf-8"'}, 200),
        ({}, 415), ({"content-type": "text/plain"}, 415), ({"content-type": "application/x-www-form-urlencoded"}, 415),
        ({"content-type": "application/json; charset=utf-16"}, 415), ({"content-type": "application/jsonx"}, 415),
        ({"content-type": "text/plain; application/json"}, 415), (JSON | {"content-encoding": "gzip"}, 415),
        (JSON | {"content-encoding": "identity"}, 200),
    ],
)  # fmt: skip
def test_a_body_is_json(headers: dict[str, str], status: int) -> None:
    for length in ({"content-length": "2"}, {"transfer-encoding": "chunked"}):
        assert _posted(headers | length, [b"{}"]).status == status
    assert _posted({"content-length": "0"}, [b""]).status == 200


class Gate:
    """An application that answers when it is let."""

    def __init__(self) -> None:
        self.open, self.entered = asyncio.Event(), 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.entered += 1
        await self.open.wait()
        await echo([])(scope, receive, send)

    async def until(self, number: int) -> None:
        """Wait until this many requests are in it."""
        while self.entered < number:
            await asyncio.sleep(0)


def test_few_requests_are_answered_at_once() -> None:
    async def crowd() -> list[int]:
        gate = Gate()
        app = behind_guard(gate, Settings(limits=SMALL))
        first = [asyncio.create_task(exchange(app, scope_of("GET", "/v1/sets"))) for _ in range(2)]
        await gate.until(2)
        third = await exchange(app, scope_of("GET", "/v1/sets"))
        assert third.headers["retry-after"] == "1"
        health = asyncio.create_task(exchange(app, scope_of("GET", "/healthz")))
        await gate.until(3)
        gate.open.set()
        done = [answer.status for answer in await asyncio.gather(*first, health)]
        return [*done, third.status, (await exchange(app, scope_of("GET", "/v1/sets"))).status]

    assert asyncio.run(crowd()) == [200, 200, 200, 503, 200]


def test_slow_bodies_keep_nobody_from_reading() -> None:
    async def crowd() -> list[int]:
        app = behind_guard(echo([]), Settings(limits=SMALL))
        slow = scope_of("POST", "/v1/augment", JSON | {"content-length": "9"})
        tasks = [asyncio.create_task(exchange(app, dict(slow), [b"x", None])) for _ in range(3)]
        await asyncio.sleep(0)
        read = await exchange(app, scope_of("GET", "/v1/sets"))
        return [read.status, *sorted(answer.status for answer in await asyncio.gather(*tasks))]

    assert asyncio.run(crowd()) == [200, 408, 408, 503]


def test_who_leaves_before_the_body_is_whole_is_forgotten() -> None:
    async def leave() -> list[Any]:
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        await behind_guard(echo([]))(scope_of("POST", "/v1/augment", JSON | {"content-length": "9"}), receive, send)
        return sent

    assert asyncio.run(leave()) == []


def test_an_answer_that_takes_too_long_is_given_up() -> None:
    undone: list[str] = []

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        try:
            if scope["path"] == "/begun":
                await send({"type": "http.response.start", "status": 200, "headers": []})
                await send({"type": "http.response.body", "body": b"half", "more_body": True})
            await asyncio.Event().wait()
        finally:
            undone.append(scope["path"])

    async def ask_two() -> list[Answer]:
        app = behind_guard(slow, Settings(limits=SMALL))
        return [*await asyncio.gather(*(exchange(app, scope_of("GET", path)) for path in ("/none", "/begun")))]

    none, begun = asyncio.run(ask_two())
    assert (none.status, none.headers["retry-after"], none.cut) == (503, "5", False)
    assert (begun.status, begun.body, begun.cut) == (200, b"half", True)
    assert undone == ["/none", "/begun"]


def test_time_ends_what_is_late_and_nothing_else() -> None:
    async def ask_three() -> list[int]:
        gate = Gate()
        app = behind_guard(gate, Settings(limits=Limits(time=0.2)))
        late = asyncio.create_task(exchange(app, scope_of("GET", "/late")))
        await asyncio.sleep(0.1)
        quick = asyncio.create_task(exchange(app, scope_of("GET", "/quick")))
        first = (await late).status
        gate.open.set()
        return [first, (await quick).status, (await exchange(app, scope_of("GET", "/after"))).status]

    assert asyncio.run(ask_three()) == [503, 200, 200]


def test_a_cancelled_server_is_not_taken_for_a_late_answer() -> None:
    async def end() -> None:
        gate = Gate()
        task = asyncio.create_task(exchange(behind_guard(gate), scope_of("GET", "/")))
        await gate.until(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(end())


def test_what_is_done_is_not_ended_although_its_task_goes_on() -> None:
    async def answer_and_go_on() -> int:
        app = behind_guard(echo([]), Settings(limits=Limits(time=0.05)))
        status = (await exchange(app, scope_of("GET", "/"))).status
        await asyncio.sleep(0.1)  # cancelled here, were it still watched
        return status

    assert asyncio.run(answer_and_go_on()) == 200


def test_each_event_loop_has_its_own_end_of_time() -> None:
    gate = Gate()
    app = behind_guard(gate, Settings(limits=Limits(time=0.05)))

    async def ask_twice(path: str) -> list[int]:
        gate.open = asyncio.Event()
        gate.open.set()
        quick = await exchange(app, scope_of("GET", "/quick"))  # the timer still runs when the loop ends
        gate.open.clear()
        return [quick.status, (await asyncio.wait_for(exchange(app, scope_of("GET", path)), 5)).status]

    assert [asyncio.run(ask_twice("/one")), asyncio.run(ask_twice("/two"))] == [[200, 503]] * 2
    asyncio.run(exchange_once(app, gate))
    assert asyncio.run(ask_twice("/three")) == [200, 503]


async def exchange_once(app: Any, gate: Gate) -> None:
    """One answer, and the end of the loop before any timer."""
    gate.open = asyncio.Event()
    gate.open.set()
    assert (await exchange(app, scope_of("GET", "/"))).status == 200


def test_any_number_of_bodies_may_come_one_after_the_other() -> None:
    async def post() -> set[int]:
        app, headers = behind_guard(echo([]), Settings(limits=Limits(rate=1e9))), JSON | {"transfer-encoding": "chunked"}
        ends = [[b"{}"], [b"x" * 3_000_000], [b"{}"]]
        return {
            (await exchange(app, scope_of("POST", "/v1/augment", headers), ends[k % 3])).status
            for k in range(3 * Limits().requests)
        }

    assert asyncio.run(post()) == {200, 413}
