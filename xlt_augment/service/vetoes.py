"""Veto lists: pairs of a set never to use, who struck each and why, and who took it off again; and what they do to the set."""

import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pyarrow.compute as pc

from xlt_augment.service.failures import Refused
from xlt_augment.service.schemas import LIMITS
from xlt_augment.service.shelf import Shelved
from xlt_augment.service.veto_file import BUSY, VetoFile
from xlt_augment.service.veto_text import remark, struck_pair, veto_text
from xlt_augment.synonyms.synonym_set import SynonymSet
from xlt_augment.synonyms.vetoes import Pair, occurring

State = Literal["standing", "withdrawn", "all"]
REASON = 1_000  # characters, as in schemas.VetoRequest
_COLUMNS = "id, first, second, author, reason, at, set_sha256, withdrawn_by, withdrawn_reason, withdrawn_at"
_STATES: dict[State, str] = {"standing": " AND withdrawn_at IS NULL", "withdrawn": " AND withdrawn_at IS NOT NULL", "all": ""}
_KEPT = 8  # sets without their vetoed pairs


class VetoRecord(NamedTuple):
    """A row of a list: a pair in sorted order, struck by `author` at `at` (UTC) when the set had the hash `set_sha256`."""

    id: int
    first: str
    second: str
    author: str
    reason: str
    at: str
    set_sha256: str
    withdrawn_by: str | None
    withdrawn_reason: str | None
    withdrawn_at: str | None

    @property
    def pair(self) -> Pair:
        """Both words."""
        return self.first, self.second


class Listing(NamedTuple):
    """A part of a list, newest first; `after` is where the next part begins, None at the end."""

    revision: int
    records: list[VetoRecord]
    after: int | None


class Standing(NamedTuple):
    """The pairs that stand, oldest first. `revision` grows with every change of the list; no two states share a `stamp`."""

    revision: int
    stamp: str
    records: list[VetoRecord]

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """Them alone."""
        return tuple(record.pair for record in self.records)


def utc_now() -> datetime:
    """The clock of a service."""
    return datetime.now(UTC)


class VetoLists:
    """The lists of all sets, by name, in one SQLite file, which other processes may change too.

    All methods may be called from several threads; one writes at a time and no reader waits for it. Raises UsageError for a
    file that cannot be used; the methods raise Refused: 422 for what cannot be held, 404 and 409 for what does not fit the
    list, 503 for a file that is locked, read-only, full, damaged or gone. `vetoed` are the sets without their vetoed pairs.
    """

    def __init__(self, path: str | Path, *, clock: Callable[[], datetime] = utc_now, busy: float = BUSY) -> None:
        self._file, self._clock = VetoFile(path, busy), clock
        self.vetoed = Vetoed(self)

    def propose(self, set: str, sha256: str, first: str, second: str, author: str, reason: str) -> VetoRecord:
        """Strike a pair of the set, which has the hash `sha256` now. Raises Refused: 409 where it stands already."""
        pair = struck_pair(first, second)
        author, reason = remark(author, "author", LIMITS.word), remark(reason, "reason", REASON)
        doing = f"striking {pair[0]!r} and {pair[1]!r} in the set {set}"
        with self._file.writing(doing) as connection:
            where = "set_name = ? AND first = ? AND second = ? AND withdrawn_at IS NULL"
            if known := _first(connection, where, set, *pair):
                raise Refused(
                    409, doing=doing, found=f"a veto by {known.author} of {known.at}: {known.reason}",
                    expected="a pair that is not on the list", remedy=f"Nothing is left to do; it is number {known.id}",
                )  # fmt: skip
            row = connection.execute(
                "INSERT INTO vetoes (set_name, set_sha256, first, second, author, reason, at) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (set, sha256, *pair, author, reason, self._now()),
            ).lastrowid
            return _row(connection, row)

    def withdraw(self, set: str, id: int, author: str, reason: str) -> VetoRecord:
        """Take a pair off the list. Raises Refused: 404 for an id that is not of this set, 409 where it was done already."""
        author, reason = remark(author, "author", LIMITS.word), remark(reason, "reason", REASON)
        doing = f"withdrawing veto {id} of the set {set}"
        with self._file.writing(doing) as connection:
            known = _first(connection, "set_name = ? AND id = ?", set, id)
            if known is None:
                raise Refused(
                    404, doing=doing, found="no such number", expected="one of the list of this set",
                    remedy=f"See GET /v1/sets/{set}/vetoes",
                )  # fmt: skip
            if known.withdrawn_at is not None:
                raise Refused(
                    409, doing=doing, found=f"one that {known.withdrawn_by} withdrew at {known.withdrawn_at}",
                    expected="a veto that stands", remedy="Nothing is left to do",
                )  # fmt: skip
            connection.execute(
                "UPDATE vetoes SET withdrawn_by = ?, withdrawn_reason = ?, withdrawn_at = ? WHERE id = ?",
                (author, reason, self._now(), id),
            )
            return _row(connection, id)

    def listed(
        self, set: str, state: State = "standing", word: str | None = None, after: int | None = None, limit: int = 100
    ) -> Listing:
        """At most `limit` rows older than the one with id `after`: a part stays what it is while rows are added.

        `word`: those of its pairs alone.
        """
        where, values = "set_name = ?" + _STATES[state], [set]
        if word is not None:
            where, values = where + " AND (first = ? OR second = ?)", [*values, word, word]
        where += " AND id < ? ORDER BY id DESC LIMIT ?"
        with self._file.reading(f"reading the veto list of the set {set}") as connection:
            revision, _ = _state(connection, set)
            found = _rows(connection, where, *values, 2**63 - 1 if after is None else after, limit + 1)
        records = found[:limit]
        return Listing(revision, records, records[-1].id if len(found) > limit else None)

    def snapshot(self, set: str) -> Standing:
        """The pairs that stand, and the state of the list they are of."""
        with self._file.reading(f"reading the veto list of the set {set}") as connection:
            where = "set_name = ? AND withdrawn_at IS NULL ORDER BY id"
            return Standing(*_state(connection, set), _rows(connection, where, set))

    def standing(self, set: str) -> tuple[Pair, ...]:
        """The pairs that stand, oldest first, each sorted."""
        return self.snapshot(set).pairs

    def revision(self, set: str) -> int:
        """How often the list changed; 0 for one that never did."""
        return self.state(set)[0]

    def state(self, set: str) -> tuple[int, str]:
        """Revision and stamp. A copy that was put back may have the revision of another state, but not its stamp."""
        with self._file.reading(f"reading the veto list of the set {set}") as connection:
            return _state(connection, set)

    def exported(self, shelved: Shelved) -> str:
        """The file that `xlt-augment synonyms veto SET TARGET --pairs FILE` takes. Without a pair it holds comments alone."""
        found = self.snapshot(shelved.name)
        head = [
            "Pairs never to use for one another; xlt-augment synonyms veto SET TARGET --pairs FILE takes them out of a set.",
            f"set {shelved.name}", f"sha256 {shelved.synonyms.sha256}", f"revision {found.revision}",
            f"pairs {len(found.records)}", f"written {self._now()}",
        ]  # fmt: skip
        return veto_text(head, [(f"{r.author}, {r.at}: {r.reason}", r.pair) for r in found.records])

    def close(self) -> None:
        """Wait for what is being written; nothing else stays open."""
        self._file.close()

    def _now(self) -> str:
        return self._clock().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _state(connection: sqlite3.Connection, set: str) -> tuple[int, str]:
    asked = "SELECT revision, stamp FROM revisions WHERE set_name = ?"
    revision, stamp = connection.execute(asked, (set,)).fetchone() or (0, "")
    return revision, stamp


def _rows(connection: sqlite3.Connection, where: str, *values: object) -> list[VetoRecord]:
    return [VetoRecord(*row) for row in connection.execute(f"SELECT {_COLUMNS} FROM vetoes WHERE {where}", values)]


def _first(connection: sqlite3.Connection, where: str, *values: object) -> VetoRecord | None:
    return next(iter(_rows(connection, where, *values)), None)


def _row(connection: sqlite3.Connection, id: int | None) -> VetoRecord:
    return _rows(connection, "id = ?", id)[0]


@dataclass(frozen=True)
class Applied:
    """A set without the pairs of its list: `synonyms` is that set, `in_set` how many of the pairs it held."""

    standing: Standing
    in_set: int
    synonyms: SynonymSet

    def effect(self, before: SynonymSet) -> dict[str, Any]:
        """`schemas.VetoEffect` without the name of the set, which was `before`."""
        counts, left = (pc.list_value_length(s.table["neighbors"]) for s in (before, self.synonyms))  # of the same rows
        lost = before.table["word"].filter(pc.and_(pc.greater(counts, 0), pc.equal(left, 0)))
        return {
            "revision": self.standing.revision, "standing": len(self.standing.records), "in_set": self.in_set,
            "neighbors_removed": (pc.sum(counts).as_py() or 0) - (pc.sum(left).as_py() or 0),
            "words_left_without": lost.slice(0, LIMITS.page).to_pylist(),
            "before": before.sha256, "after": self.synonyms.sha256,
        }  # fmt: skip


class Vetoed:
    """Sets without the pairs that stand on their lists: each is made once, in the thread of who asks, and the last are kept."""

    def __init__(self, lists: VetoLists, keep: int = _KEPT) -> None:
        self._lists, self._keep = lists, keep
        self._lock, self._making = threading.Lock(), threading.Lock()
        self._made: OrderedDict[tuple[str, str, str], Applied] = OrderedDict()

    def of(self, shelved: Shelved) -> SynonymSet:
        """The set without the pairs that stand now. Raises Refused (503)."""
        return self.applied(shelved).synonyms

    def applied(self, shelved: Shelved) -> Applied:
        """The same with what was taken out. Raises Refused (503)."""
        stamp = self._lists.state(shelved.name)[1]
        known = self._known(shelved, stamp)
        if known is None:
            with self._making:  # one at a time, so that of several who ask at once all but one find it made
                known = self._known(shelved, stamp) or self._make(shelved)
        return known

    def _known(self, shelved: Shelved, stamp: str) -> Applied | None:
        with self._lock:
            key = shelved.name, shelved.tag, stamp
            if key in self._made:
                self._made.move_to_end(key)
            return self._made.get(key)

    def _make(self, shelved: Shelved) -> Applied:
        standing = self._lists.snapshot(shelved.name)  # which may be newer than the stamp that was asked for
        in_set = len(occurring(shelved.synonyms.table, standing.pairs)) if standing.pairs else 0
        made = Applied(standing, in_set, shelved.synonyms.veto(standing.pairs))
        with self._lock:
            self._made[shelved.name, shelved.tag, standing.stamp] = made
            while len(self._made) > self._keep:
                self._made.popitem(last=False)
        return made
