"""Veto lists: what is struck, striking, withdrawing, the file for the command line, what it would do to the set."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Path, Query
from starlette.responses import PlainTextResponse, Response

from xlt_augment.service import schemas
from xlt_augment.service.answers import cursor as cursor_of
from xlt_augment.service.answers import json_answer, place
from xlt_augment.service.failures import Refused
from xlt_augment.service.shelf import Shelved
from xlt_augment.service.state import Service
from xlt_augment.service.vetoes import VetoLists, VetoRecord
from xlt_augment.synonyms.vetoes import occurring

_THREADS = 8  # that read or write the file at once: each call is short, or waits for a lock for two seconds
_Limit = Annotated[int, Query(ge=1, le=schemas.LIMITS.page, description="Entries of the answer.")]
_Cursor = Annotated[str | None, Query(max_length=1_000, description="`next` of the answer before.")]
_Word = Annotated[str | None, Query(min_length=1, max_length=schemas.LIMITS.word, description="Pairs of this word alone.")]
_Id = Annotated[int, Path(ge=1, lt=2**63)]
_TEXT: dict[int | str, dict[str, Any]] = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}


def router(service: Service) -> APIRouter:
    """Routes below /v1/sets/{set}/vetoes, and vetoes.txt."""
    routes, threads = APIRouter(prefix="/v1/sets/{set}", tags=["vetoes"]), CapacityLimiter(_THREADS)
    _add_changes(routes, service, threads)

    @routes.get("/vetoes", response_model=schemas.VetoPage)
    async def list_vetoes(
        set: str, state: Literal["standing", "withdrawn", "all"] = "standing", word: _Word = None, limit: _Limit = 100,
        cursor: _Cursor = None,
    ) -> Response:  # fmt: skip
        """The veto list of a set, newest first."""
        shelved, lists, after = service.shelf.get(set), _lists(service), place(cursor, int)

        def page() -> dict[str, Any]:
            found = lists.listed(shelved.name, state, word, after, limit)
            more = None if found.after is None else cursor_of(found.after)
            items = _entries(shelved, found.records)
            return {"set": shelved.name, "revision": found.revision, "items": items, "next": more}

        return json_answer(await to_thread.run_sync(page, limiter=threads))

    @routes.get("/vetoes.txt", response_class=PlainTextResponse, responses=_TEXT)
    async def export_vetoes(set: str) -> Response:
        """The standing pairs as the file that `xlt-augment synonyms veto SET TARGET --pairs FILE` takes."""
        shelved, lists = service.shelf.get(set), _lists(service)
        text = await to_thread.run_sync(lists.exported, shelved, limiter=threads)
        name = f'attachment; filename="{shelved.name}-vetoes.txt"'
        return PlainTextResponse(text, headers={"Content-Disposition": name, "Cache-Control": "no-store"})

    @routes.get("/vetoes/effect", response_model=schemas.VetoEffect)
    async def effect_of_vetoes(set: str) -> Response:
        """What the standing pairs would do to the set: `synonyms veto` with vetoes.txt gives the set with the hash `after`."""
        shelved, lists = service.shelf.get(set), _lists(service)

        def effect() -> dict[str, Any]:
            return lists.vetoed.applied(shelved).effect(shelved.synonyms)

        return json_answer({"set": shelved.name, **await service.workers.run(effect)})

    return routes


def _add_changes(routes: APIRouter, service: Service, threads: CapacityLimiter) -> None:
    async def changed(shelved: Shelved, change: Callable[[], VetoRecord], status: int) -> Response:
        def run() -> dict[str, Any]:
            return _entries(shelved, [change()])[0]

        return json_answer(await to_thread.run_sync(run, limiter=threads), status=status)

    @routes.post("/vetoes", response_model=schemas.Veto, status_code=201)
    async def propose_veto(set: str, asked: schemas.VetoRequest) -> Response:
        """Strike a pair of words; 409 where it is struck already."""
        shelved, lists = service.shelf.get(set), _lists(service)
        words = asked.first, asked.second, asked.author, asked.reason
        return await changed(shelved, lambda: lists.propose(shelved.name, shelved.synonyms.sha256, *words), 201)

    @routes.post("/vetoes/{id}/withdraw", response_model=schemas.Veto)
    async def withdraw_veto(set: str, id: _Id, asked: schemas.WithdrawRequest) -> Response:
        """Take a pair off the list; the row stays, with who did it and why."""
        shelved, lists = service.shelf.get(set), _lists(service)
        return await changed(shelved, lambda: lists.withdraw(shelved.name, id, asked.author, asked.reason), 200)


def _lists(service: Service) -> VetoLists:
    if service.vetoes is None:
        raise Refused(
            404, doing="finding the veto lists", found="a service without any", expected="one that was started with them",
            remedy="Start it without --no-vetoes",
        )  # fmt: skip
    return service.vetoes


def _entries(shelved: Shelved, records: list[VetoRecord]) -> list[dict[str, Any]]:
    """`schemas.Veto` of each row, by the set as it is opened now."""
    held = set(occurring(shelved.synonyms.table, [record.pair for record in records]))
    return [
        {
            "id": r.id, "first": r.first, "second": r.second, "author": r.author, "reason": r.reason, "at": r.at,
            "set_sha256": r.set_sha256, "in_set": r.pair in held,
            "withdrawn": None if r.withdrawn_at is None
            else {"author": r.withdrawn_by, "reason": r.withdrawn_reason, "at": r.withdrawn_at},
        }
        for r in records
    ]  # fmt: skip
