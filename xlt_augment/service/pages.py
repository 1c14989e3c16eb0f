"""The page of the service: a few files, read once. They hold nothing secret and are open to all."""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from fastapi import APIRouter, Request
from starlette.responses import Response

from xlt_augment.service.failures import Refused
from xlt_augment.service.state import Service

INDEX = "index.html"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_FOLDER = Path(__file__).resolve().parent / "page"


class PageFile(NamedTuple):
    """A file of the page; `tag` is its ETag, made from the bytes."""

    body: bytes
    media_type: str
    tag: str


def page_files(folder: Path = _FOLDER) -> dict[str, PageFile]:
    """The files of the page by name. Others than those of `TYPES`, and folders, are no part of it."""
    paths = [path for path in sorted(folder.iterdir()) if path.suffix in TYPES]
    bodies = {path: path.read_bytes() for path in paths}
    return {
        path.name: PageFile(body, TYPES[path.suffix], f'"{sha256(body).hexdigest()[:32]}"') for path, body in bodies.items()
    }


def router(service: Service) -> APIRouter:
    """GET / and GET /page/{name}: names are looked up among the files that were read, never on the disk."""
    routes, files = APIRouter(include_in_schema=False), page_files()

    @routes.api_route("/", methods=["GET", "HEAD"])
    async def index(request: Request) -> Response:
        return _answer(request, files[INDEX])

    @routes.api_route("/page/{name}", methods=["GET", "HEAD"])
    async def file(request: Request, name: str) -> Response:
        found = _exactly(files, name)
        return _answer(request, found)

    return routes


def _exactly(files: Mapping[str, PageFile], name: str) -> PageFile:
    if name in files:
        return files[name]
    raise Refused(
        404, doing="fetching a file of the page", found="no such file", expected="one that the page names",
        remedy="Load the page again",
    )  # fmt: skip


def _answer(request: Request, file: PageFile) -> Response:
    headers = {"ETag": file.tag, "Cache-Control": "no-cache"}  # those of security are the guard's
    asked = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
    if file.tag in asked or "*" in asked:
        return Response(None, 304, headers)
    return Response(file.body, 200, {**headers, "Content-Type": file.media_type})
