"""Variants of texts."""

import functools
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from starlette.responses import Response

from xlt_augment.service import schemas
from xlt_augment.service.answers import ARROW_CONTENT, wants_arrow
from xlt_augment.service.state import Service

if TYPE_CHECKING:
    from xlt_augment.service.maker import Maker


def router(service: Service) -> APIRouter:
    """POST /v1/augment."""
    routes = APIRouter(prefix="/v1", tags=["variants"])

    @functools.cache
    def maker() -> "Maker":
        from xlt_augment.service.maker import Maker  # and the compiler, which nothing else needs: half a second

        return Maker(service)

    @routes.post("/augment", response_model=schemas.AugmentAnswer, responses=ARROW_CONTENT)
    async def augment_texts(request: Request, asked: schemas.AugmentRequest) -> Response:
        """Variants of texts, the same that the command line gives; as Arrow the columns `source_id`, `variant`, `text` and
        `changed`, without spans."""
        return await service.workers.run(lambda arrow: maker().answer(asked, arrow), wants_arrow(request))

    return routes
