"""A client of the synonym service; needs no more than the standard library until variants or a whole set are fetched.

from xlt_augment.service.client import Client

with Client("http://127.0.0.1:8765") as client:
    synonyms = client.set()
    synonyms.neighbors("movie")
    client.augment(["The movie was good."], m=3)
"""

import functools
import json
from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self

from xlt_augment.errors import UsageError
from xlt_augment.service.connection import Connection
from xlt_augment.service.remote import ARROW, RemoteSynonymSet, path_of

_BODY = 1 << 19  # bytes of texts in a request, half of what the service takes


class Veto(NamedTuple):
    """A struck pair. `at` is ISO 8601, UTC; `withdrawn` says who took it off the list, why and when, None where it stands."""

    id: int
    first: str
    second: str
    author: str
    reason: str
    at: str
    withdrawn: dict[str, str] | None


class Client:
    """A synonym service: its sets, variants of texts, veto lists. May be used by many threads; close it, or use `with`."""

    def __init__(self, url: str, token: str | None = None, *, timeout: float = 60.0, insecure: bool = False) -> None:
        """`url`: as `xlt-augment serve` prints it. `token`: else the one in `url`, else that of XLT_SERVICE_TOKEN, if any;
        it is sent over plain HTTP to this machine only, unless `insecure`. `timeout`: seconds without a byte.

        Nothing is asked yet. Raises UsageError for an address or a token that cannot be used.
        """
        self._connection = Connection(url, token, timeout, insecure)

    def __repr__(self) -> str:
        return f"Client({self._connection.shown!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections."""
        self._connection.close()

    @functools.cached_property
    def facts(self) -> dict[str, Any]:
        """What the service says of itself: version, sets, scopes of the token, limits. Raises ServiceError."""
        return self._connection.get("/v1/service")

    def sets(self) -> list[RemoteSynonymSet]:
        """All sets, in the service's order. Raises ServiceError."""
        return [self.set(name) for name in self._names()]

    def set(self, name: str | None = None) -> RemoteSynonymSet:
        """A set by name, or the first. Raises ServiceError for one that the service does not have."""
        return RemoteSynonymSet(self._connection, self._names()[0] if name is None else name)

    def augment(
        self, texts: Iterable[str], *, method: Literal["synonym", "swap"] = "synonym", set: str | None = None, m: int = 10,
        p: float | Literal["uniform"] = 0.1, seed: int = 0, words: Literal["span", "space"] = "span",
        case: Literal["exact", "initial", "any"] = "initial", protect: Sequence[str] = (), column: str = "text",
        first_id: int = 0, vetoes: bool = False,
    ) -> list[list[str]]:  # fmt: skip
        """m variants of each text, [n][m], as `xlt_augment.augment` gives them with the same settings.

        Text t counts as row `first_id + t`; any number of texts goes, in as many requests as it takes. `vetoes`: leave out the
        pairs on the service's veto list. Raises ServiceError, UsageError for texts that UTF-8 cannot hold.
        """
        if isinstance(texts, str):
            raise UsageError("reading texts", found="one str", expected="a list of str", remedy="Pass [text]")
        settings = {
            "set": set, "method": method, "m": m, "p": p, "seed": seed, "words": words, "case": case, "protect": list(protect),
            "column": column, "vetoes": vetoes,
        }  # fmt: skip
        variants: list[list[str]] = []
        for part in _parts(texts, m if isinstance(m, int) else 1, self.facts["limits"]):
            asked = settings | {"texts": part, "first_id": first_id + len(variants)}
            variants += self._variants(asked, len(part), m)
        return variants

    def _variants(self, asked: dict[str, Any], count: int, m: int) -> list[list[str]]:
        """The answer for `count` texts, in Arrow: JSON would bring spans too, and refuse what holds many."""
        import pyarrow as pa

        answer = self._connection.request("POST", "/v1/augment", payload=asked, accept=ARROW)
        rows = [(asked["first_id"] + t, k) for t in range(count) for k in range(1, m + 1)]
        try:
            table = pa.ipc.open_stream(answer.body).read_all()
            table.validate(full=True)
            texts = table["text"].to_pylist()
            fits = list(zip(table["source_id"].to_pylist(), table["variant"].to_pylist())) == rows
        except (pa.ArrowException, KeyError):
            fits = False
        if not fits:
            raise self._connection.strange(f"no variants as they were asked for, but {answer.kind}", answer.status)
        return [texts[k : k + m] for k in range(0, len(texts), m)]

    def vetoes(self, set: str | None = None, state: Literal["standing", "withdrawn", "all"] = "standing") -> list[Veto]:
        """The service's veto list of a set, newest first. Raises ServiceError."""
        path = f"{self._path(set)}/vetoes"
        return [_veto(entry) for page in self._connection.pages(path, state=state) for entry in page["items"]]

    def strike(self, first: str, second: str, *, author: str, reason: str, set: str | None = None) -> Veto:
        """Put a pair on the veto list of a set, with a token that may write.

        Raises ServiceError, also where it stands already.
        """
        asked = {"first": first, "second": second, "author": author, "reason": reason}
        return _veto(self._connection.post(f"{self._path(set)}/vetoes", asked, again=False))

    def withdraw(self, id: int, *, author: str, reason: str, set: str | None = None) -> Veto:
        """Take a pair off the veto list of a set, with a token that may write. Raises ServiceError."""
        path = f"{self._path(set)}/vetoes/{int(id)}/withdraw"
        return _veto(self._connection.post(path, {"author": author, "reason": reason}, again=False))

    def reload(self, set: str | None = None) -> bool:
        """Make the service open a set again, with a token that may write; whether another is served now.

        Raises ServiceError.
        """
        return bool(self._connection.post(f"{self._path(set)}/reload", {})["changed"])

    def _path(self, set: str | None) -> str:
        return path_of(self._names()[0] if set is None else set)

    def _names(self) -> list[str]:
        return [str(entry["name"]) for entry in self._connection.get("/v1/sets")["sets"]]


def _veto(entry: dict[str, Any]) -> Veto:
    return Veto(**{name: entry[name] for name in Veto._fields})


def _parts(texts: Iterable[str], m: int, limits: dict[str, int]) -> Iterator[list[str]]:
    """The texts in parts that the service takes; what no part can hold is for the service to refuse."""
    part: list[str] = []
    characters = size = 0
    for text in texts:
        length, weight = len(str(text)), len(json.dumps(str(text), ensure_ascii=False).encode(errors="replace"))
        full = len(part) == limits["texts"] or (characters + length) * m > limits["work"] or size + weight > _BODY
        if part and full:
            yield part
            part, characters, size = [], 0, 0
        part.append(text)
        characters, size = characters + length, size + weight
    if part:
        yield part
