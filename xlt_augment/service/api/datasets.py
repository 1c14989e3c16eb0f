"""Datasets of a store."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from xlt_augment.service import schemas
from xlt_augment.service.answers import cursor as written
from xlt_augment.service.answers import json_answer, place
from xlt_augment.service.catalogue import Catalogue
from xlt_augment.service.failures import Refused
from xlt_augment.service.head_rows import MOST_SAMPLES
from xlt_augment.service.state import Service

Version = Annotated[int | None, Query(ge=1, lt=10**9, description="The newest where none is given.")]


def router(service: Service) -> APIRouter:
    """Routes below /v1/datasets."""
    routes = APIRouter(prefix="/v1/datasets", tags=["datasets"])

    @routes.get("", response_model=schemas.DatasetPage)
    async def list_datasets(
        limit: Annotated[int, Query(ge=1, le=schemas.LIMITS.page)] = 100,
        cursor: Annotated[str | None, Query(max_length=1_000)] = None,
    ) -> Response:
        """Datasets of the store by name, each in its newest version."""
        found, more = await service.store_workers.run(_catalogue(service).page, place(cursor, str), limit)
        return json_answer({"items": found, "next": written(found[-1]["name"]) if more else None})

    @routes.get("/{team}/{name}", response_model=schemas.DatasetDetail)
    async def describe_dataset(team: str, name: str, version: Version = None) -> Response:
        """A version of a dataset with its recipe, its statistics and its card."""
        return json_answer(await service.store_workers.run(_catalogue(service).detail, f"{team}/{name}", version))

    @routes.get("/{team}/{name}/samples", response_model=schemas.DatasetSamples)
    async def sample_dataset(
        team: str, name: str, version: Version = None, limit: Annotated[int, Query(ge=1, le=MOST_SAMPLES)] = 5
    ) -> Response:
        """The first source rows of a version and their variants, read from the store as far as needed."""
        return json_answer(await service.store_workers.run(_catalogue(service).samples, f"{team}/{name}", version, limit))

    return routes


def _catalogue(service: Service) -> Catalogue:
    if service.catalogue is None:
        raise Refused(
            404, doing="looking for datasets", found="a service without a store", expected="one that was started with a store",
            remedy="Have it started with --store URL",
        )  # fmt: skip
    return service.catalogue
