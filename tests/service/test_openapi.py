"""The service against its own OpenAPI description: no request that schemathesis makes up ends in a 5xx or another schema."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.core.failures import FailureGroup
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi import checks
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.service.desk import make_sets
from tests.store.made import made_dataset, made_store
from xlt_augment.service.application import create_app
from xlt_augment.service.server import open_service
from xlt_augment.service.settings import Limits, Settings, Tokens
from xlt_augment.store.names import parse_name
from xlt_augment.store.publish import publish

TOKEN = "t" * 16
CALLS = settings().max_examples // 5  # of each address, well-formed and not
# Tokens are no part of the description; what is unknown in a query is passed over; and a word may be one that is not there.
NOT_CHECKED = [checks.ignored_auth, checks.negative_data_rejection, checks.positive_data_acceptance]
REAL = {"set": "one", "a": "one", "b": "two", "team": "nli-team", "name": "pawsx", "word": "a"}


class Lifted:
    """The service with a token that may write, whoever asks."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = [pair for pair in scope["headers"] if pair[0] not in (b"host", b"authorization")]
            scope["headers"] = [*headers, (b"host", b"127.0.0.1:8765"), (b"authorization", b"Bearer " + TOKEN.encode())]
        await self.app(scope, receive, send)


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("service")
    store = made_store(folder / "store")
    publish(store, made_dataset(folder / "dataset"), parse_name("nli-team/pawsx"))
    found = Settings(
        sets=make_sets(folder), store=str(folder / "store"), vetoes=folder / "vetoes.sqlite", tokens=Tokens(write=(TOKEN,)),
        limits=Limits(rate=1e9),
    )  # fmt: skip
    service = open_service(found)
    try:
        yield schemathesis.openapi.from_asgi("/openapi.json", Lifted(create_app(service)))
    finally:
        service.workers.close()
        assert service.vetoes is not None
        service.vetoes.close()


def test_every_address_is_described(schema: Any) -> None:
    described = {operation.label for operation in operations(schema)}
    assert {"GET /v1/sets", "POST /v1/augment", "GET /v1/datasets", "POST /v1/sets/{set}/vetoes", "GET /healthz"} <= described
    assert len(described) >= 20


def operations(schema: Any) -> list[Any]:
    return [found.ok() for found in schema.get_all_operations()]


def test_what_is_made_up_is_answered_as_described(schema: Any, caplog: pytest.LogCaptureFixture) -> None:
    statuses: dict[str, set[int]] = {}
    for operation in operations(schema):
        modes = [operation.as_strategy(generation_mode=GenerationMode.POSITIVE)]
        if operation.path_parameters or operation.query or operation.body:
            modes.append(operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))
        called(st.one_of(modes), statuses.setdefault(operation.label, set()), CALLS if len(modes) > 1 else 2)
    assert not [record for record in caplog.records if record.exc_info]
    answered = [label for label, found in statuses.items() if found & {200, 201}]
    assert len(answered) >= 15, statuses  # by chance not all, as most names that are made up are unknown


def called(cases: st.SearchStrategy[Any], statuses: set[int], times: int) -> None:
    """Call one address so many times, every second time about what there is."""

    @settings(settings.default, max_examples=times, database=None, suppress_health_check=list(HealthCheck))
    @given(cases, st.booleans())
    def call(case: Any, real: bool) -> None:
        if real:
            for name in {*case.path_parameters} & {*REAL}:
                case.path_parameters[name] = REAL[name]
        statuses.add(case.call_and_validate(excluded_checks=NOT_CHECKED).status_code)

    call()


def test_what_is_found_is_told(schema: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """That a fault of ours would be seen."""
    operation = next(o for o in operations(schema) if o.label == "GET /v1/sets")
    monkeypatch.setattr("xlt_augment.service.api.sets.summary", lambda shelved: {"name": 1})
    with pytest.raises(FailureGroup, match="Server error|Response violates schema"):
        called(operation.as_strategy(), set(), 1)
