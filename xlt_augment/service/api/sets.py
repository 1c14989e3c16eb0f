"""Sets, their words, neighbors and differences; reloading."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from xlt_augment.service import schemas
from xlt_augment.service.answers import (
    ARROW_CONTENT,
    arrow_answer,
    arrow_bytes,
    cursor,
    json_answer,
    json_list,
    not_modified,
    place,
    wants_arrow,
    written,
)
from xlt_augment.service.compare import Comparisons, word_change
from xlt_augment.service.failures import Refused
from xlt_augment.service.rows import batch, fitting, neighborhood, place_of, rows_in
from xlt_augment.service.search import MOST_NEAR, close_words, first_row, near, neighbor_counts, rows_with_prefix
from xlt_augment.service.shelf import Shelved
from xlt_augment.service.state import Service

Limit = Annotated[int, Query(ge=1, le=schemas.LIMITS.page, description="Entries of the answer.")]
Cursor = Annotated[str | None, Query(max_length=1_000, description="`next` of the answer before.")]
Part = Annotated[str, Query(max_length=schemas.LIMITS.word)]


def router(service: Service) -> APIRouter:
    """Routes below /v1/sets."""
    routes, shelf = APIRouter(prefix="/v1/sets", tags=["sets"]), service.shelf
    _add_words(routes, service)
    _add_comparison(routes, service)

    @routes.get("", response_model=schemas.SetList)
    async def list_sets() -> Response:
        """All sets, in the order of the command line."""
        return json_answer({"sets": [summary(shelf.get(name)) for name in shelf.names()]})

    @routes.get("/{set}", response_model=schemas.SetDetail)
    async def describe_set(request: Request, set: str) -> Response:
        """A set with its provenance."""
        shelved = shelf.get(set)
        tag = f"{shelved.tag}-{shelved.opened_at}"  # which is told too
        pairs = [list(pair) for pair in shelved.synonyms.vetoes[: schemas.LIMITS.page]]
        facts = summary(shelved) | {"made": shelved.synonyms.made, "veto_pairs": pairs}
        return not_modified(request, tag) or json_answer(facts, tag)

    @routes.post("/{set}/reload", response_model=schemas.Reloaded)
    async def reload_set(set: str) -> Response:
        """Open a set again from its source, which picks up a new version. The old one stays when that fails (409)."""
        before, now = await service.workers.run(shelf.reload, shelf.get(set).name)
        return json_answer(
            {
                "name": now.name, "source": now.source, "before": before.synonyms.sha256, "after": now.synonyms.sha256,
                "changed": before.tag != now.tag,
            }
        )  # fmt: skip

    return routes


def summary(shelved: Shelved) -> dict[str, Any]:
    """`schemas.SetSummary`."""
    synonyms = shelved.synonyms
    return {
        "name": shelved.name, "source": shelved.source, "sha256": synonyms.sha256, **shelved.statistics,
        "vetoes": len(synonyms.vetoes), "origins": synonyms.has_origins, "opened_at": shelved.opened_at,
    }  # fmt: skip


def _add_words(routes: APIRouter, service: Service) -> None:
    shelf = service.shelf

    @routes.get("/{set}/neighbors/{word:path}", response_model=schemas.Neighborhood)
    async def neighbors_of_word(
        request: Request, set: str, word: str, limit: Limit = schemas.LIMITS.page, cursor: Cursor = None
    ) -> Response:
        """The neighbors of one word as it is written, nearest first."""
        shelved = shelf.get(set)
        found = neighborhood(shelved, _checked(word), place(cursor, int) or 0, limit)
        if found is None:
            raise _unknown(shelved, word, await service.workers.run(close_words, shelved, word))
        return not_modified(request, shelved.tag) or json_answer(found, shelved.tag)

    @routes.post("/{set}/neighbors", response_model=schemas.Batch, responses=ARROW_CONTENT)
    async def neighbors_of_words(request: Request, set: str, asked: schemas.BatchRequest) -> Response:
        """The neighbors of many words; as Arrow the columns of a set, unknown words left out."""
        return await service.workers.run(_batch, service, shelf.get(set), asked.words, wants_arrow(request))

    @routes.get("/{set}/words", response_model=schemas.WordPage)
    async def search_words(
        request: Request, set: str, prefix: Part | None = None, near: Part | None = None, limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Response:  # fmt: skip
        """Words that begin with `prefix`, in sorted order; or those nearest in spelling to `near`; or all."""
        shelved = shelf.get(set)
        if prefix is not None and near is not None:
            raise Refused(
                422, doing="searching words", found="both prefix and near", expected="one of them", remedy="Leave one out"
            )
        after = place(cursor, str if near is None else int)
        if known := not_modified(request, shelved.tag):
            return known
        if near is not None:
            items, more = await service.workers.run(_near_words, shelved, near, after or 0, limit)
        else:
            items, more = _words_with_prefix(shelved, prefix or "", after, limit)
        return json_answer({"set": set, "sha256": shelved.synonyms.sha256, "items": items, "next": more}, shelved.tag)

    @routes.get("/{set}/rows", response_model=schemas.RowPage, responses=ARROW_CONTENT)
    async def list_rows(request: Request, set: str, prefix: Part = "", limit: Limit = 100, cursor: Cursor = None) -> Response:
        """Rows in the order of their words; as Arrow the whole set, the file that `SynonymSet.save` writes."""
        shelved, after, arrow = shelf.get(set), place(cursor, str), wants_arrow(request)
        tag = f"{shelved.tag}-arrow" if arrow else shelved.tag  # else a cache could give the one for the other
        if known := not_modified(request, tag):
            return known
        if arrow:
            return arrow_bytes(await service.workers.run(getattr, shelved, "file"), tag)
        return await service.workers.run(_rows, service, shelved, prefix, after, limit)


_cursor = cursor  # which routes have as a parameter


def _unknown(shelved: Shelved, word: str, close: list[str]) -> Refused:
    return Refused(
        404, doing=f"looking up {word!r} in the synonym set {shelved.name}", found="no such word",
        expected=f"one of its {len(shelved.synonyms):,} words, written as in the set",
        remedy="Check the spelling and the case", close=close,
    )  # fmt: skip


def _checked(word: str) -> str:
    if not 1 <= len(word) <= schemas.LIMITS.word:
        raise Refused(
            422, doing="looking up a word", found=f"one of {len(word):,} characters",
            expected=f"1 to {schemas.LIMITS.word}", remedy="Ask for a word of that length",
        )  # fmt: skip
    return word


def _batch(service: Service, shelved: Shelved, words: list[str], arrow: bool) -> Response:
    """`schemas.Batch`, or the rows as Arrow. Raises Refused (422)."""
    places = [place_of(shelved, word) for word in words]
    known = [place for place in places if place is not None]
    table = batch(shelved, known, service.settings.limits)
    if arrow:
        return arrow_answer(table)
    unknown = [word for word, place in zip(words, places) if place is None]
    facts = {"set": shelved.name, "sha256": shelved.synonyms.sha256, "unknown": unknown}
    return json_list(facts, "rows", map(written, rows_in(shelved, table)))


def _rows(service: Service, shelved: Shelved, prefix: str, after: str | None, limit: int) -> Response:
    """`schemas.RowPage`."""
    table, (found, more) = shelved.synonyms.table, rows_with_prefix(shelved, prefix, after, limit)
    shown = fitting(shelved, found, service.settings.limits)
    last = table["word"][shown[-1]].as_py() if more or shown != found else None
    facts = {"set": shelved.name, "sha256": shelved.synonyms.sha256, "next": last and _cursor(last)}
    return json_list(facts, "items", map(written, rows_in(shelved, table.slice(shown.start, len(shown)))), shelved.tag)


def _near_words(shelved: Shelved, word: str, start: int, limit: int) -> tuple[list[dict[str, Any]], str | None]:
    stop = min(start + limit, MOST_NEAR)
    found = near(shelved, word, min(stop + 1, MOST_NEAR))
    shown = found[start:stop]
    counts = [neighbor_counts(shelved, range(at, at + 1))[0] for at in (first_row(shelved, name) for name, _ in shown)]
    items = [{"word": name, "neighbors": n, "score": round(100 * score, 1)} for (name, score), n in zip(shown, counts)]
    return items, _cursor(stop) if len(found) > stop else None


def _words_with_prefix(shelved: Shelved, prefix: str, after: str | None, limit: int) -> tuple[list[dict[str, Any]], str | None]:
    rows, more = rows_with_prefix(shelved, prefix, after, limit)
    words = shelved.synonyms.table["word"].slice(rows.start, len(rows)).to_pylist()
    items = [{"word": word, "neighbors": n, "score": None} for word, n in zip(words, neighbor_counts(shelved, rows))]
    return items, _cursor(words[-1]) if more else None


def _add_comparison(routes: APIRouter, service: Service) -> None:
    comparisons = Comparisons()

    @routes.get("/{a}/compare/{b}", response_model=schemas.Comparison)
    async def compare_sets(
        request: Request, a: str, b: str, word: Part | None = None, limit: Limit = 100, cursor: Cursor = None
    ) -> Response:
        """What has to change in set `a` to make it set `b`: counts, and the words that differ, or `word` alone as its items."""
        one, other, after = service.shelf.get(a), service.shelf.get(b), place(cursor, str)
        if word is not None:
            _checked(word)
        tag = f"{one.tag}-{other.tag}"
        if known := not_modified(request, tag):
            return known
        found, items, more = await service.workers.run(comparisons.page, one, other, after, limit)
        after = _cursor(items[-1]["word"]) if more else None
        if word is not None:
            items, after = [word_change(one.synonyms, other.synonyms, word)], None
        sides = {key: {"name": s.name, "sha256": s.synonyms.sha256} for key, s in (("a", one), ("b", other))}
        facts = {"identical": found.identical, "counts": found.counts(), "items": items, "next": after}
        return json_answer(sides | facts, tag)
