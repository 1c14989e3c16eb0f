"""Every route of the service has its scope and its cost, written down here: a new one has to be thought of."""

from typing import Any

import pytest
from fastapi import FastAPI

from tests.service.asgi import READ, WRITE, ask, bearing
from tests.service.desk import desk_in
from xlt_augment.service.application import routed
from xlt_augment.service.guard import guarded
from xlt_augment.service.needs import methods_of, needed
from xlt_augment.service.settings import HEAVY_COST, Settings, Tokens

HEAVY = float(HEAVY_COST)
NEEDS = {
    "GET /": ("open", 1), "GET /page/{name}": ("open", 1), "GET /healthz": ("open", 1), "GET /readyz": ("open", 1),
    "GET /metrics": ("read", HEAVY), "GET /openapi.json": ("read", 1), "GET /v1/service": ("read", 1),
    "GET /v1/sets": ("read", 1), "GET /v1/sets/{set}": ("read", 1), "GET /v1/sets/{set}/neighbors/{word}": ("read", 1),
    "POST /v1/sets/{set}/neighbors": ("read", HEAVY), "GET /v1/sets/{set}/words": ("read", 1),
    "GET /v1/sets/{set}/rows": ("read", HEAVY), "GET /v1/sets/{a}/compare/{b}": ("read", HEAVY),
    "POST /v1/sets/{set}/reload": ("write", HEAVY), "POST /v1/augment": ("read", HEAVY), "GET /v1/datasets": ("read", HEAVY),
    "GET /v1/datasets/{team}/{name}": ("read", HEAVY), "GET /v1/datasets/{team}/{name}/samples": ("read", HEAVY),
    "GET /v1/sets/{set}/vetoes": ("read", 1), "POST /v1/sets/{set}/vetoes": ("write", 1),
    "POST /v1/sets/{set}/vetoes/{id}/withdraw": ("write", 1), "GET /v1/sets/{set}/vetoes.txt": ("read", 1),
    "GET /v1/sets/{set}/vetoes/effect": ("read", HEAVY),
}  # fmt: skip
NAMES = {"set": "one", "a": "one", "b": "two", "team": "t", "name": "n", "id": "1", "word": "a/vetoes"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> tuple[FastAPI, Any]:
    """The routes, and the whole of it with tokens of both scopes."""
    service = desk_in(tmp_path_factory.mktemp("sets")).service
    service.settings = Settings(tokens=Tokens(read=(READ,), write=(WRITE,)))
    service.metrics = type(service.metrics)()
    app = routed(service)
    return app, guarded(app, service)


def _path(route: str) -> str:
    return route.partition(" ")[2].format(**NAMES)


def test_every_route_is_known(served: tuple[FastAPI, Any]) -> None:
    described = {f"{m.upper()} {path}" for path, methods in served[0].openapi()["paths"].items() for m in methods}
    assert described | {"GET /", "GET /page/{name}", "GET /openapi.json"} == set(NEEDS)


@pytest.mark.parametrize(("route", "need"), NEEDS.items())
def test_each_route_needs_what_is_written_here(served: tuple[FastAPI, Any], route: str, need: tuple[str, float]) -> None:
    method, path, app = route.partition(" ")[0], _path(route), served[1]
    assert needed(method, path, b"")[:2] == need
    assert method in methods_of(path).split(", ")
    for asked in ("GET", "HEAD") if method == "GET" else ("POST",):
        statuses = [
            ask(app, asked, path, bearing(token) if token else {}, client=(route, 1)).status
            for token in ("", "x" * 20, READ, WRITE)
        ]
        turned_away = {"open": [], "read": [401, 401], "write": [401, 401, 403]}[need[0]]
        assert statuses[: len(turned_away)] == turned_away
        assert not {401, 403, 405, 500} & {*statuses[len(turned_away) :]}
    for other in ("PUT", "DELETE", "PATCH", "OPTIONS"):
        assert ask(app, other, path, bearing(WRITE), client=(route, 1)).status == 405


@pytest.mark.parametrize("query", [b"near=a", b"limit=1&near=a", b"n%65ar=a", b"%6E%65%61%72=a"])
def test_a_search_by_spelling_is_heavy_however_it_is_written(query: bytes) -> None:
    assert needed("GET", "/v1/sets/one/words", query).cost == HEAVY
    assert needed("GET", "/v1/sets/one/words", b"prefix=a").cost == 1
