"""A service of made sets in this process, without its guard."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from starlette.testclient import TestClient

from xlt_augment import SynonymSet
from xlt_augment.service.application import routed
from xlt_augment.service.settings import Limits, Settings
from xlt_augment.service.shelf import Shelf
from xlt_augment.service.state import Service
from xlt_augment.service.workers import Workers
from xlt_augment.synonyms.origins import Origin, Origins
from xlt_augment.synonyms.table import table_from_rows

# Words that are hard to ask for.
HOSTILE = (
    ". .. ../.. / // a/b /a a/ a//b ./a ..%2f..%2f ? a?b # a#b % %2F %2f%2f %00 %zz + a+b & a&b=c ; : @ \" ' \\ <img> {} [] "
    "| ` ~ ^ 😀 👩\u200d👧 é e\u0301 İ ı ß 中文 ﷽ \u200b \u202e \ufeff \U0010ffff"
).split(" ")
HOSTILE += [
    "two words",
    " a",
    "a ",
    "  ",
    "\x01",
    "\x1b[0m",
    "\x7f",
    "x" * 64,
    "x" * 65,
    "é" * 64,
    "words",
    "neighbors",
    "compare",
]


class Desk(NamedTuple):
    """A service without its guard, in this process, and the folder of its files."""

    client: TestClient
    service: Service
    folder: Path

    def get(self, path: str, **query: object) -> dict[str, Any]:
        """The JSON of a success."""
        answer = self.client.get(path, params={name: str(value) for name, value in query.items()})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def local(self, name: str) -> SynonymSet:
        """The set as it is served."""
        return self.service.shelf.get(name).synonyms

    def items(self, path: str, **query: object) -> Iterator[dict[str, Any]]:
        """All items of a list, page by page."""
        more: dict[str, object] = {}
        while True:
            page = self.get(path, **query, **more)
            yield from page["items"]
            if page["next"] is None:
                return
            more = {"cursor": page["next"]}


def rows_of(names: str) -> list[tuple[str, list[str], list[float]]]:
    """Rows with distances, of words of one and two letters."""
    words = [*names, *(a + b for a in names for b in names)]
    return [(word, words[k % 7 : k % 7 + 3], [0.25, 0.5, 0.75] if k % 2 else []) for k, word in enumerate(words)]


def make_sets(folder: Path) -> tuple[str, ...]:
    """Sets of made words, two that differ, one with origins and its own vetoes, and hostile words: NAME=FILE of each."""
    sets = {
        "one": SynonymSet(table_from_rows(rows_of("abcd")), "one"),
        "two": SynonymSet(table_from_rows(rows_of("bcdé")), "two"),
        "hard": SynonymSet.from_mapping({word: ["<img src=x onerror=alert(1)>", word + "."] for word in HOSTILE}),
    }
    kinds = (None, Origin("constraint", ("a.txt",), 0.5), Origin("vectors", (), None))
    table = table_from_rows([("movie", [f"n{k}" for k in range(40)], [0.01 * k for k in range(40)]), ("a", ["b"], [])])
    sets["told"] = SynonymSet(table, "told", {"by": "hand"}, [("x", "y")], Origins.of(kinds[k % 3] for k in range(41)))
    for name, synonyms in sets.items():
        synonyms.save(folder / f"{name}.arrow")
    return tuple(f"{name}={folder / name}.arrow" for name in sets)


def desk_in(folder: Path) -> Desk:
    """A service of these sets."""
    settings, limits = Settings(sets=make_sets(folder)), Limits()
    service = Service(settings=settings, shelf=Shelf(settings.sets), workers=Workers(limits.heavy, limits.waiting))
    return Desk(TestClient(routed(service), raise_server_exceptions=False), service, folder)


def entries(synonyms: SynonymSet, word: str) -> list[dict[str, Any]]:
    """The neighbors as answers show them."""
    origins = synonyms.origins(word) or [None] * len(synonyms.neighbors(word))
    shown = [origin and {"source": origin.source, "lists": list(origin.lists), "before": origin.before} for origin in origins]
    return [{"word": n.word, "distance": n.distance, "origin": o} for n, o in zip(synonyms.neighbors(word), shown)]


def rows(synonyms: SynonymSet) -> list[dict[str, Any]]:
    """All rows as answers show them."""
    return [{"word": word, "neighbors": entries(synonyms, word)} for word in synonyms.to_mapping()]
