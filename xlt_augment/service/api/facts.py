"""What the service is."""

from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from xlt_augment.service import schemas
from xlt_augment.service.answers import json_answer
from xlt_augment.service.state import Service


def router(service: Service) -> APIRouter:
    """GET /v1/service."""
    routes, limits = APIRouter(prefix="/v1", tags=["service"]), service.settings.limits

    @routes.get("/service", response_model=schemas.ServiceFacts)
    async def describe_service(request: Request) -> Response:
        """What this service is, and what the caller may do."""
        scopes: Any = request.scope.get("state", {}).get("scopes", ())
        return json_answer(
            {
                "version": version("xlt"),
                "sets": service.shelf.names(),
                "store": service.catalogue is not None,
                "vetoes": service.vetoes is not None,
                "scopes": sorted(scopes),
                "limits": {name: getattr(limits, name) for name in schemas.Caps.model_fields},
            }
        )

    return routes
