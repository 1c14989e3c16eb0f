"""The files of the page: what is served, under which names, and what must never stand in them."""

import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from xlt_augment.service import pages
from xlt_augment.service.application import create_app
from xlt_augment.service.settings import Settings, Tokens
from xlt_augment.service.shelf import Shelf
from xlt_augment.service.state import Service
from xlt_augment.service.workers import Workers

FOLDER = Path(pages.__file__).parent / "page"
FILES = sorted(path.name for path in FOLDER.iterdir())


@pytest.fixture(scope="module")
def client() -> TestClient:
    settings = Settings(sets=("default",), tokens=Tokens(read=("r" * 16,)))
    service = Service(settings=settings, shelf=Shelf(settings.sets), workers=Workers(1, 1))
    return TestClient(create_app(service), base_url="http://127.0.0.1:8765", raise_server_exceptions=False)


def test_each_file_is_served_to_all_with_its_type_and_its_tag(client: TestClient) -> None:
    tags = set()
    for name in FILES:
        answer = client.get(f"/page/{name}")
        assert answer.content == (FOLDER / name).read_bytes()
        assert answer.headers["content-type"] == pages.TYPES[Path(name).suffix]
        assert answer.headers["cache-control"] == "no-cache"
        again = client.get(f"/page/{name}", headers={"if-none-match": f'"x", W/{answer.headers["etag"]}'})
        assert (again.status_code, again.content) == (304, b"")
        assert client.get(f"/page/{name}", headers={"if-none-match": '"x"'}).status_code == 200
        tags.add(answer.headers["etag"])
    assert len(tags) == len(FILES) > 15
    index = client.get("/")
    assert index.content == (FOLDER / "index.html").read_bytes()
    assert client.head("/").headers["content-length"] == str(len(index.content))


def test_the_policy_lets_in_nothing_from_elsewhere(client: TestClient) -> None:
    policy = dict(part.strip().split(" ", 1) for part in client.get("/").headers["content-security-policy"].split(";"))
    assert policy.pop("default-src") == "'none'"
    assert set(policy.values()) == {"'self'", "'none'"}
    assert {name for name, what in policy.items() if what == "'self'"} == {"script-src", "style-src", "img-src", "connect-src"}


@pytest.mark.parametrize(
    "name",
    ["", "index", "INDEX.HTML", "../pages.py", "..%2Fpages.py", "%2e%2e/pages.py", "..\\pages.py", "main.js%00", "main.js/",
     "/etc/passwd"],
)  # fmt: skip
def test_other_names_are_not_found(client: TestClient, name: str) -> None:
    answer = client.get(f"/page/{name}")
    assert answer.status_code in (401, 404)  # what is left of the folder needs a token
    assert "/" not in answer.json()["error"]["found"].replace("/openapi.json", "")


def test_what_is_read_is_what_the_page_may_have(tmp_path: Path) -> None:
    for name in ("index.html", "notes.txt", "main.js.map", ".hidden"):
        (tmp_path / name).write_text(name)
    assert list(pages.page_files(tmp_path)) == ["index.html"]


@pytest.mark.parametrize("name", FILES)
def test_nothing_in_the_files_makes_markup_of_text_or_names_another_host(name: str) -> None:
    text = (FOLDER / name).read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 300
    assert not re.search(r"[rt]HTML\b|insertAdjacent|document\.write|\beval\b|new Function|DOMParser|ContextualFragment", text)
    assert not re.search(r"""setAttribute\(\s*["'](style|on)|\sstyle=|\son[a-z]+=["']""", text)
    assert not re.search(r"(https?:)?//(?!www\.w3\.org/2000/svg)[a-z0-9]", re.sub(r"(?m)(^|\s)//.*$", "", text))
    if name.endswith(".html"):
        assert not re.search(r"<style|<script(?![^>]*\bsrc=)", text)


def test_what_the_index_and_the_modules_name_is_there() -> None:
    for name in FILES:
        text = (FOLDER / name).read_text(encoding="utf-8")
        for other in re.findall(r'from "\./([^"]+)"', text) + re.findall(r'"page/([^"]+)"', text):
            assert other in FILES
