"""Is it there, may it be asked, and what does it count?"""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.responses import PlainTextResponse, Response

from xlt_augment.service.answers import json_answer
from xlt_augment.service.metrics import CONTENT_TYPE
from xlt_augment.service.state import Service


class Status(BaseModel):
    """One word, as anybody may ask."""

    status: Literal["ok", "stopping", "empty"]


def router(service: Service) -> APIRouter:
    """/healthz, /readyz and /metrics."""
    routes = APIRouter(tags=["health"])
    service.metrics.watch(service.shelf)

    @routes.get("/healthz", response_model=Status)
    async def alive() -> Response:
        """The process answers: restart it when it does not."""
        return json_answer({"status": "ok"})

    @routes.get("/readyz", response_model=Status, responses={503: {"model": Status}})
    async def ready() -> Response:
        """Requests may be sent: 503 while it stops, or when no set is open."""
        status = "stopping" if service.stopping else "ok" if service.shelf.names() else "empty"
        return json_answer({"status": status}, status=200 if status == "ok" else 503)

    @routes.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> Response:
        """Counts and times in Prometheus's text format."""
        return Response(service.metrics.text(), media_type=CONTENT_TYPE)

    return routes
