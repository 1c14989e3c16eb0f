"""A small service for the page's tests, and pages that note whatever must not happen."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pyarrow as pa
import uvicorn

from tests.store.made import made_dataset, made_store
from xlt_augment import SynonymSet
from xlt_augment.service.application import create_app
from xlt_augment.service.server import open_service
from xlt_augment.service.settings import Settings, Tokens
from xlt_augment.service.state import Service
from xlt_augment.store.names import parse_name
from xlt_augment.store.publish import publish
from xlt_augment.synonyms.origins import Origin, Origins
from xlt_augment.synonyms.table import SCHEMA

READ, WRITE = "read-" + "r" * 16, "write-" + "w" * 16
HOSTILE = "<img src=x onerror=alert(1)>"
STRANGE = [
    '"><script>alert(2)</script>',
    "javascript:alert(3)",
    "a/b?c#d",
    "..",
    "{{7*7}}",
    "x" * 64,
    "שלום",
    "don't & <b>do</b>",
]
# word -> (neighbor, distance, origin)
_MOVED = Origin("constraint", ("ppdb", "wordnet"), 0.31)
_ROWS: dict[str, list[tuple[str, float, Origin | None]]] = {
    "film": [
        ("movie", 0.12, _MOVED),
        ("picture", 0.2, Origin("vectors", (), None)),
        (HOSTILE, 0.3, None),
        ("flick", 0.45, None),
    ],
    "movie": [("film", 0.12, _MOVED), ("picture", 0.25, None), ("show", 0.4, None)],
    "picture": [("image", 0.1, None), ("photo", 0.15, None)],
    "sad": [("unhappy", 0.1, None), ("gloomy", 0.3, None)],
    "small": [("little", 0.05, None), ("tiny", 0.2, None)],
    HOSTILE: [(word, (k + 1) / 20, None) for k, word in enumerate(STRANGE)],
    "..": [("film", 0.5, None)],
    "filmed": [],
    "first": [("film", 0.9, None)],
}
SENTENCE = "Sad film , small film 🎬 and another film !"

# The text of a variant, the same with every mark undone, and how many there are.
MARKS = """item => {
  const text = item.querySelector(".variant").cloneNode(true);
  text.querySelectorAll(".heard").forEach(h => h.remove());
  const after = text.textContent, marks = [...text.querySelectorAll("mark")];
  marks.forEach(m => { m.textContent = m.title.replace("was: ", ""); });
  return [after, text.textContent, marks.length];
}"""


def first_set() -> SynonymSet:
    """Words with distances and origins, some of them hostile."""
    rows = sorted(_ROWS.items())
    columns = [[word for word, _ in rows], [[n[0] for n in row] for _, row in rows], [[n[1] for n in row] for _, row in rows]]
    table = pa.Table.from_pydict(dict(zip(SCHEMA.names, columns, strict=True)), schema=SCHEMA)
    made = {
        "command": "build",
        "vectors": {"file": HOSTILE, "limit": 10},
        "filters": {"counts": {"numbers": 3}},
        "pairs": [["a", "b"]] * 9,
    }
    return SynonymSet(table, "first", made, origins=Origins.of(n[2] for _, row in rows for n in row))


def second_set() -> SynonymSet:
    """The first set with one neighbor less, one more and one at another distance, and 60 words of its own."""
    changed = {word: [n[:2] for n in row] for word, row in _ROWS.items()}
    changed["film"] = [("movie", 0.15), ("picture", 0.2), ("cinema", 0.22), (HOSTILE, 0.3)]
    rows = sorted((changed | {f"word{k:02}": [("film", 0.5)] for k in range(60)}).items())
    columns = [[word for word, _ in rows], [[n[0] for n in row] for _, row in rows], [[n[1] for n in row] for _, row in rows]]
    return SynonymSet(pa.Table.from_pydict(dict(zip(SCHEMA.names, columns, strict=True)), schema=SCHEMA), "second")


class Live(NamedTuple):
    """A running service: its address, and itself."""

    address: str
    service: Service

    def at(self, **state: str) -> str:
        """The address of a state of the page, opened with a token that may write."""
        return f"{self.address}/#{urlencode({**state, 'token': WRITE})}"


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[Live]:
    """The two sets, veto lists and a token for each scope, in a thread."""
    for name, synonyms in (("first", first_set()), ("second", second_set())):
        synonyms.save(folder / f"{name}.arrow")
    sets = (f"first={folder / 'first.arrow'}", f"second={folder / 'second.arrow'}")
    store = made_store(folder / "store")
    for m, name in ((2, "one"), (3, "two")):
        publish(store, made_dataset(folder / name, m=m, rows=f"A good film {HOSTILE}\tyes\n"), parse_name("nli-team/rows"))
    tokens = Tokens(read=(READ,), write=(WRITE,))
    with socket.create_server(("127.0.0.1", 0)) as listener:  # connections wait in it until the server takes them
        port = listener.getsockname()[1]
        service = open_service(
            Settings(sets=sets, port=port, vetoes=folder / "vetoes.sqlite", tokens=tokens, store=str(folder / "store"))
        )
        server = uvicorn.Server(
            uvicorn.Config(create_app(service), lifespan="off", log_config=None, access_log=False, ws="none")
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield Live(f"http://127.0.0.1:{port}", service)
        finally:
            server.should_exit = True
            thread.join(30)
            service.workers.close()
            if service.vetoes is not None:
                service.vetoes.close()


class Noted(NamedTuple):
    """A page, and what was said and asked for in it."""

    view: Any
    said: list[str]
    asked: list[str]

    def check(self, live: Live, *expected: str) -> None:
        """Nothing went wrong but `expected` (parts of messages), and no other host was asked."""
        assert [text for text in self.said if not any(part in text for part in expected)] == []
        assert [url for url in self.asked if not url.startswith((f"{live.address}/", f"blob:{live.address}/"))] == []


@contextlib.contextmanager
def noted(browser: Any, live: Live, *expected: str, **settings: Any) -> Iterator[Any]:
    """A page in a context of its own, checked at its end. It waits 10 s at most for anything."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, "reduced_motion": "reduce", **settings})
    context.set_default_timeout(10_000)
    page = Noted(context.new_page(), [], [])
    page.view.on("console", lambda message: page.said.append(f"{message.type}: {message.text}"))
    page.view.on("pageerror", lambda error: page.said.append(str(error)))
    page.view.on("request", lambda request: page.asked.append(request.url))
    page.view.on("dialog", lambda dialog: (page.said.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    try:
        yield page.view
        page.check(live, *expected)
    finally:
        context.close()


def rows(view: Any, caption: str) -> list[list[str]]:
    """The cells of a table, by its caption."""
    table = view.get_by_role("table", name=caption, exact=True)
    table.wait_for()
    read = "rows => rows.map(row => [...row.children].map(cell => cell.innerText))"
    return table.locator("tbody tr").evaluate_all(read)


def radii(view: Any) -> dict[str, float]:
    """How far from the middle each neighbor is drawn, measured."""
    return view.eval_on_selector_all(
        ".graph .node:not(.far)",
        """nodes => {
        const at = n => { const b = n.querySelector(".pill").getBBox(); return [b.x + b.width / 2, b.y + b.height / 2]; };
        const [x, y] = at(nodes.find(n => n.matches(".middle"))), far = n => Math.hypot(at(n)[0] - x, at(n)[1] - y);
        return Object.fromEntries(nodes.filter(n => n.dataset.word).map(n => [n.dataset.word, far(n)])); }""",
    )


def fill(view: Any, author: str, reason: str) -> None:
    view.get_by_label("Your name").fill(author)
    view.get_by_label("Reason").fill(reason)
