"""The application: all routes, one way to fail, and the guard around them."""

from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from starlette.types import ASGIApp

from xlt_augment.service import failures, pages
from xlt_augment.service.api import augment, datasets, facts, health, sets, vetoes
from xlt_augment.service.guard import guarded
from xlt_augment.service.schemas import Failure
from xlt_augment.service.state import Service

_ABOUT = "Synonym sets: neighbors, search, variants of sentences, comparisons and veto lists."
_FAILURES: dict[int | str, dict[str, Any]] = {
    status: {"model": Failure, "description": what}
    for status, what in {
        400: "No request of HTTP", 401: "No token, or a wrong one", 403: "A token of another scope", 404: "Unknown",
        405: "Another method", 408: "The body took too long", 409: "Not as things stand", 413: "Too large",
        414: "Too long an address", 415: "Another content type", 421: "Another host", 422: "Cannot be used",
        429: "Too many requests", 431: "Too many headers", 502: "The store cannot be read", 503: "Too busy, or stopping",
    }.items()
}  # fmt: skip


def create_app(service: Service) -> ASGIApp:
    """The whole service as an ASGI application."""
    return guarded(routed(service), service)


def routed(service: Service) -> FastAPI:
    """The routes without the guard."""
    app = _Application(
        title="XLT synonym service", version=version("xlt"), description=_ABOUT, docs_url=None, redoc_url=None,
        responses=_FAILURES, redirect_slashes=False,
    )  # fmt: skip
    failures.install(app)
    for module in (augment, datasets, facts, health, pages, sets, vetoes):
        app.include_router(module.router(service))
    return app


class _Application(FastAPI):
    def openapi(self) -> dict[str, Any]:
        """The description, made when it is first asked for."""
        if self.openapi_schema is None:
            _describe_failures(super().openapi())
        return super().openapi()


def _describe_failures(description: dict[str, Any]) -> None:
    """Failures are JSON, whatever the type of the answer that they take the place of. Changes what is given."""
    answers = (operation["responses"] for methods in description["paths"].values() for operation in methods.values())
    for responses in answers:
        for status in {*responses} & {str(status) for status in _FAILURES}:
            kinds = responses[status]["content"]
            responses[status]["content"] = {"application/json": next(iter(kinds.values()))}
