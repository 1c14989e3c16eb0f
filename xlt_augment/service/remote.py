"""RemoteSynonymSet: a synonym set as a service has it, with the names of SynonymSet."""

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from xlt_augment.errors import ServiceError, SynonymError, UsageError
from xlt_augment.service.connection import Connection

if TYPE_CHECKING:
    import pyarrow as pa

    from xlt_augment.synonyms.origins import Origin
    from xlt_augment.synonyms.synonym_set import Neighbor, SynonymSet

ARROW = "application/vnd.apache.arrow.stream"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_WORD = 64  # characters that the service takes at most
_PAGE = 1_000  # entries of a page at most
_COUNTS = ("words", "words_with_neighbors", "pairs", "most_neighbors", "pairs_with_distance")


class RemoteSynonymSet:
    """A synonym set of a service. What is asked of it is asked of the service, which may open another in its place meanwhile;
    answers are kept by their ETag and not sent twice. `download` gives the set itself, which stays.

    Made by `Client.set`. Everything raises ServiceError where the service cannot be reached or refuses.
    """

    def __init__(self, connection: Connection, name: str) -> None:
        """Asks for the set's facts, so that an unknown one is refused here."""
        self.name, self._connection, self._path = name, connection, path_of(name)
        self._downloaded: tuple[str | None, SynonymSet] | None = None
        self._known = self.facts()

    def facts(self) -> dict[str, Any]:
        """The service's description of the set, as JSON: `source`, `sha256`, counts, `made`, `opened_at`."""
        self._known = self._connection.get(self._path)
        return self._known

    @property
    def sha256(self) -> str:
        """Identity, as `SynonymSet.sha256`."""
        return str(self.facts()["sha256"])

    @property
    def made(self) -> dict[str, Any]:
        """How the set came to be."""
        return dict(self.facts()["made"])

    @property
    def vetoes(self) -> tuple[tuple[str, str], ...]:
        """Pairs that the set itself will never hold, sorted. Those of the service's list are `Client.vetoes`."""
        facts = self.facts()
        if facts["vetoes"] > len(facts["veto_pairs"]):
            return self.download().vetoes
        return tuple((first, second) for first, second in facts["veto_pairs"])

    @property
    def table(self) -> "pa.Table":
        """The columns `word`, `neighbors`, `distance`, fetched once for each state of the set."""
        return self.download().table

    def __len__(self) -> int:
        return int(self.facts()["words"])

    def __contains__(self, word: object) -> bool:
        if not isinstance(word, str) or not _can_be_asked(word):
            return isinstance(word, str) and len(word) > _WORD and word in self.download()
        return bool(self._batch(word)["rows"])

    def __repr__(self) -> str:
        known = self._known  # a repr asks nobody
        counted = f"{known['words']:,} words, sha256 {known['sha256'][:12]}"
        return f"RemoteSynonymSet({self.name!r}, {counted}, {self._connection.shown})"

    def neighbors(self, word: str) -> "list[Neighbor]":
        """The neighbors of a word as it is written, nearest first. Raises SynonymError for an unknown word."""
        from xlt_augment.synonyms.synonym_set import Neighbor

        return [Neighbor(entry["word"], entry["distance"]) for entry in self._entries(word)]

    @property
    def has_origins(self) -> bool:
        """Whether the set recorded where its neighbors come from."""
        return bool(self.facts()["origins"])

    def origins(self, word: str) -> "list[Origin | None] | None":
        """Where the neighbors of a word come from, None for one where it is not known; None where the set recorded nothing.

        Raises SynonymError for an unknown word.
        """
        from xlt_augment.synonyms.origins import Origin

        if len(word) > _WORD:
            return self.download().origins(word)
        entries, known = self._entries(word), self.has_origins
        told = [entry["origin"] for entry in entries]
        return [o and Origin(o["source"], tuple(o["lists"]), o["before"]) for o in told] if known else None

    def words(self, prefix: str = "", *, near: str | None = None, limit: int | None = None) -> list[str]:
        """Words that begin with `prefix`, in sorted order; or those nearest in spelling to `near`; `limit` of them.

        The service looks for the 1,000 nearest.
        """
        if near is not None and prefix:
            raise UsageError("searching words", found="both prefix and near", expected="one of them", remedy="Leave one out")
        asked = {"prefix": prefix} if near is None else {"near": near}
        found: list[str] = []
        for page in self._connection.pages(f"{self._path}/words", **asked, limit=min(limit or _PAGE, _PAGE)):
            found += [entry["word"] for entry in page["items"]]
            if limit is not None and len(found) >= limit:
                break
        return found[:limit]

    def origin(self) -> dict[str, Any]:
        """What a set made from this one says of it: `name`, `sha256` and `made`."""
        facts = self.facts()
        return {"name": self.name, "sha256": facts["sha256"], "made": facts["made"]}

    def statistics(self) -> dict[str, int]:
        """Counts: words, words with a neighbor, pairs, most neighbors of one word, pairs with a known distance."""
        facts = self.facts()
        return {name: facts[name] for name in _COUNTS}

    def to_mapping(self) -> dict[str, list[str]]:
        """word -> neighbors, in the order of the words; distances are left out."""
        return self.download().to_mapping()

    def download(self) -> "SynonymSet":
        """The whole set as it is now, its sha256 checked; fetched again only when it changed."""
        tag = self._downloaded[0] if self._downloaded else None
        answer = self._connection.request("GET", f"{self._path}/rows", tag=tag, accept=ARROW)
        if self._downloaded is None or answer.status != 304:
            self._downloaded = answer.tag, self._opened(answer.body, answer.tag)
        return self._downloaded[1]

    def _opened(self, content: bytes, tag: str | None) -> "SynonymSet":
        from xlt_augment.synonyms.synonym_set import SynonymSet

        with tempfile.TemporaryDirectory(prefix="xlt-set-") as folder:
            file = Path(folder) / f"{self.name}.arrow"  # which names it
            file.write_bytes(content)
            try:
                found = SynonymSet.load(file)  # which checks the sha256 that it states
            except SynonymError as error:
                raise self._connection.strange(f"no synonym set, but {error.found}") from error
        if not (tag or "").strip('W/"').startswith(found.sha256):
            raise self._connection.strange(f"a set with sha256 {found.sha256[:12]}, and another in its ETag")
        return found

    def _entries(self, word: str) -> list[dict[str, Any]]:
        """The neighbors as the service tells of them. Raises SynonymError for an unknown word."""
        if not _can_be_asked(word):
            if len(word) > _WORD and word in (whole := self.download()):
                return [{"word": n.word, "distance": n.distance, "origin": None} for n in whole.neighbors(word)]
            raise self._unknown(word, [])
        if "/" in word or word in (".", ".."):  # what stands between may take these in an address for something else
            rows = self._batch(word)["rows"]
            if rows:
                return list(rows[0]["neighbors"])
            raise self._unknown(word, self.words(near=word, limit=5))
        while True:
            try:
                pages = list(self._connection.pages(f"{self._path}/neighbors/{quote(word, safe='')}"))
            except ServiceError as error:
                if error.status != 404:
                    raise
                self.facts()  # raises where it is the set that is not there
                raise self._unknown(word, error.close) from error
            if len({page["sha256"] for page in pages}) == 1:  # else another set was opened in between
                return [entry for page in pages for entry in page["neighbors"]]

    def _batch(self, word: str) -> dict[str, Any]:
        return self._connection.post(f"{self._path}/neighbors", {"words": [word]})

    def _unknown(self, word: str, close: "list[str] | tuple[str, ...]") -> SynonymError:
        return SynonymError(
            f"looking up {word!r} in the synonym set {self.name}", found="no such word",
            expected=f"one of its {self._known['words']:,} words, written as in the set",
            remedy="Check the spelling and the case" + (f"; close to it: {', '.join(close)}" if close else ""),
        )  # fmt: skip


def path_of(name: str) -> str:
    """The address of a set. Raises UsageError for what cannot be the name of one."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UsageError(
            "finding a synonym set", found=f"the name {name!r}", expected="letters, digits, dots, hyphens and underscores",
            remedy="See the names of Client.sets()",
        )  # fmt: skip
    return f"/v1/sets/{name}"


def _can_be_asked(word: str) -> bool:
    """Whether the service takes it: neither empty nor too long, and UTF-8 can hold it."""
    return 0 < len(word) <= _WORD and word == word.encode(errors="replace").decode()
