"""What is logged and counted: of each request a line and a count, of no request a secret, and nothing that can be forged."""

import logging
import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from tests.service.asgi import READ, WRITE, ask, bearing, behind_guard, echo
from xlt_augment.service import logs
from xlt_augment.service.api import health
from xlt_augment.service.denied import REASONS
from xlt_augment.service.guard import guarded
from xlt_augment.service.metrics import ELSEWHERE, Metrics
from xlt_augment.service.settings import Settings, Tokens

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00 127\.0\.0\.1 (\S+) (\S+) (\d+) (\d+) \d+\.\dms ([0-9a-f]{16})")
SETTINGS = Settings(tokens=Tokens(read=(READ,), write=(WRITE,)))


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    names = (logs.ACCESS, logs.ERROR, "uvicorn.error")
    loggers = [logging.getLogger(name) for name in names]
    before = [(logger.handlers, logger.propagate, logger.level) for logger in loggers]
    yield
    for logger, (handlers, propagate, level) in zip(loggers, before):
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)


def test_a_request_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(True)
    answer = ask(behind_guard(echo([]), SETTINGS), "GET", "/v1/sets/a/words?prefix=private", bearing(READ))
    out, err = capsys.readouterr()
    found = LINE.fullmatch(err.removesuffix("\n"))
    assert found is not None, err
    assert found.groups() == ("GET", "/v1/sets/a/words", "200", "2", answer.headers["x-request-id"])
    assert out == ""


def test_of_an_answer_to_head_nothing_is_sent(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(True)
    ask(behind_guard(echo([]), SETTINGS), "HEAD", "/v1/sets", bearing(READ))
    assert " HEAD /v1/sets 200 0 " in capsys.readouterr().err


def test_no_access_log(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(False)
    ask(behind_guard(echo([])), "GET", "/v1/sets")
    assert capsys.readouterr() == ("", "")


def test_no_secret_is_logged(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(True)

    async def broken(scope: Any, receive: Any, send: Any) -> None:
        raise ValueError

    for app in (behind_guard(echo([]), SETTINGS), behind_guard(broken, SETTINGS)):
        for token in (READ, WRITE, "wrong-token-of-me"):
            ask(app, "POST", f"/v1/augment?token={token}", bearing(token) | {"cookie": "private"}, b'{"texts": ["private"]}')
    err = capsys.readouterr().err
    assert len(LINE.findall(err)) == 6
    for secret in (READ, WRITE, "wrong-token", "private", "token="):
        assert secret not in err


NASTY = st.text(max_size=300) | st.text(st.sampled_from("\r\n\x1b[31m\x00 \x85\u2028%a/"), max_size=300)


@given(path=NASTY, client=NASTY, method=NASTY)
def test_no_request_forges_a_line(path: str, client: str, method: str) -> None:
    written: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: written.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger(logs.ACCESS)
    logger.handlers, logger.propagate, level = [handler], False, logger.level
    logger.setLevel(logging.INFO)
    logs.write_access(client, method, path, 200, 1, 0.001, "0" * 16)
    logger.setLevel(level)
    (line,) = written
    assert len(line.split(" ")) == 8
    assert line.isascii()
    assert line.isprintable()
    assert len(line) < 6 * 3 * logs.LONGEST_PATH * 4


def test_a_trace_cannot_pass_for_other_entries(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(True)
    try:
        raise ValueError("a\n2026-01-01T00:00:00 ERROR forged\r2026 forged\x1b[2Jred\u2028x")
    except ValueError as error:
        logs.write_error("0" * 16, error)
    lines = capsys.readouterr().err.split("\n")
    assert re.match(r"\d{4}-.* ERROR 0{16} ValueError$", lines[0])
    assert all(line.startswith("    ") for line in lines[1:] if line)
    assert any("forged" in line for line in lines)
    assert all(line.isprintable() for line in lines)


def _series(metrics: Metrics) -> dict[tuple[str, str], float]:
    families = text_string_to_metric_families(metrics.text().decode())
    return {
        (sample.name, ",".join(f"{k}={v}" for k, v in sorted(sample.labels.items()))): sample.value
        for family in families for sample in family.samples
    }  # fmt: skip


def test_requests_are_counted() -> None:
    service: Any = SimpleNamespace(settings=SETTINGS, metrics=Metrics())

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope["route"] = SimpleNamespace(path="/v1/sets/{set}")
        assert _series(service.metrics)["xlt_requests_in_progress", ""] == 1
        await echo([])(scope, receive, send)

    guard = guarded(app, service)
    answers = []
    for number in range(50):
        answers.append(ask(guard, "GET", f"/v1/sets/{number}", bearing(READ)))
        answers.append(ask(guard, "GET", f"/{number}" if number < 5 else "/v1/sets", {} if number < 5 else {"host": "evil"}))
    answers.append(ask(guard, "POST", "/v1/augment", bearing(READ), b'"' * 1_000))
    answers.append(ask(guard, "BREW", "/"))
    found = _series(service.metrics)
    assert found["xlt_requests_total", "method=GET,route=/v1/sets/{set},status=200"] == 50
    assert found["xlt_requests_total", "method=other,route=other,status=405"] == 1
    assert found["xlt_request_seconds_count", "route=/v1/sets/{set}"] == 51
    assert found["xlt_received_bytes_total", ""] == 1_000
    assert found["xlt_sent_bytes_total", ""] == sum(len(answer.body) for answer in answers) > 0
    assert found["xlt_rejected_total", "reason=host"] == 45
    assert found["xlt_rejected_total", "reason=token"] == 5
    assert found["xlt_requests_in_progress", ""] == 0
    assert ("process_open_fds", "") in found
    assert {labels.split("=")[1] for name, labels in found if name == "xlt_rejected_total"} == set(REASONS)
    assert len([1 for name, _ in found if name == "xlt_requests_total"]) == 5


def test_labels_are_bounded() -> None:
    metrics = Metrics()
    for number in range(1_100):
        metrics.answered(f"/{number}", "GET", 200, 0.1, 0, 0)
    found = _series(metrics)
    assert len([1 for name, _ in found if name == "xlt_requests_total"]) == 1_001
    assert found["xlt_requests_total", f"method=other,route={ELSEWHERE},status=200"] == 100
    assert sum(value for (name, _), value in found.items() if name == "xlt_requests_total") == 1_100


def test_each_service_counts_for_itself() -> None:
    one, other = Metrics(), Metrics()
    one.rejected("host")
    assert _series(one)["xlt_rejected_total", "reason=host"] == 1
    assert _series(other)["xlt_rejected_total", "reason=host"] == 0


class Sets:
    """A shelf with these."""

    def __init__(self, *names: str) -> None:
        self._names = names

    def names(self) -> list[str]:
        """Names."""
        return [*self._names]

    def get(self, name: str) -> Any:
        """A set of three words."""
        return SimpleNamespace(synonyms=type("S", (), {"__len__": lambda _: 3, "sha256": f"hash-of-{name}"})())


def _health(*names: str, stopping: bool = False) -> Any:
    from fastapi import FastAPI

    app = FastAPI()
    app.include_router(health.router(SimpleNamespace(shelf=Sets(*names), metrics=Metrics(), stopping=stopping)))  # type: ignore[arg-type]
    return app


@pytest.mark.parametrize(
    ("names", "stopping", "status", "word"),
    [(("a",), False, 200, "ok"), ((), False, 503, "empty"), (("a",), True, 503, "stopping")],
)
def test_ready_and_alive(names: tuple[str, ...], stopping: bool, status: int, word: str) -> None:
    app = _health(*names, stopping=stopping)
    ready, alive = ask(app, "GET", "/readyz"), ask(app, "GET", "/healthz")
    assert (ready.status, ready.body) == (status, b'{"status":"%b"}' % word.encode())
    assert (alive.status, alive.body) == (200, b'{"status":"ok"}')


def test_metrics_name_the_sets() -> None:
    answer = ask(_health("a", "b"), "GET", "/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert b'xlt_set_words{set="a"} 3.0' in answer.body
    assert b'xlt_set_info{set="b",sha256="hash-of-b"} 1.0' in answer.body
