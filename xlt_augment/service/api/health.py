"""Is it there, may it be asked, and what does it count?"""

from fastapi import APIRouter
from starlette.responses import Response

from xlt_augment.service.answers import json_answer
from xlt_augment.service.metrics import CONTENT_TYPE
from xlt_augment.service.state import Service


def router(service: Service) -> APIRouter:
    """/healthz, /readyz and /metrics."""
    routes = APIRouter(tags=["health"])
    return routes
