"""The SQLite file of the veto lists: made, known again, opened for one task at a time; its errors in four parts."""

import os
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from xlt_augment.errors import UsageError
from xlt_augment.service.failures import Refused

APPLICATION = 0x584C5456  # "XLTV", which `file` and everybody else finds in the head of the database
VERSION = 1
BUSY = 2.0  # seconds until a lock of somebody else is an error

# The file keeps its own rules, so that a hand with `sqlite3` cannot break them: a pair stands once, is what a veto file can
# hold (veto_text.py), is withdrawn once and never deleted; each change gives the set's list a higher revision and a new stamp.
# Python sorts by code points and SQLite by the bytes of UTF-8, which is the same order.
_SCHEMA = """
CREATE TABLE vetoes (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  set_name TEXT NOT NULL, set_sha256 TEXT NOT NULL, first TEXT NOT NULL, second TEXT NOT NULL,
  author TEXT NOT NULL, reason TEXT NOT NULL, at TEXT NOT NULL,
  withdrawn_by TEXT, withdrawn_reason TEXT, withdrawn_at TEXT,
  CHECK (first < second),
  CHECK (first = trim(first) AND second = trim(second) AND first <> ''),  -- a blob is none of them
  CHECK (substr(first, 1, 1) <> '#' OR substr(second, 1, 1) <> '#'),
  CHECK (instr(first || second, char(9)) + instr(first || second, char(10)) + instr(first || second, char(13)) = 0),
  CHECK (instr(first || second, char(0)) = 0),
  CHECK ((withdrawn_by IS NULL) = (withdrawn_at IS NULL) AND (withdrawn_reason IS NULL) = (withdrawn_at IS NULL))
);
CREATE UNIQUE INDEX standing ON vetoes (set_name, first, second) WHERE withdrawn_at IS NULL;
CREATE INDEX by_set ON vetoes (set_name, id);
CREATE TABLE revisions (set_name TEXT PRIMARY KEY, revision INTEGER NOT NULL, stamp TEXT NOT NULL) WITHOUT ROWID;
CREATE TRIGGER added AFTER INSERT ON vetoes BEGIN
  INSERT INTO revisions VALUES (NEW.set_name, 1, hex(randomblob(16)))
    ON CONFLICT (set_name) DO UPDATE SET revision = revision + 1, stamp = excluded.stamp;
END;
CREATE TRIGGER withdrawn AFTER UPDATE ON vetoes BEGIN
  UPDATE revisions SET revision = revision + 1, stamp = hex(randomblob(16)) WHERE set_name = NEW.set_name;
END;
CREATE TRIGGER once BEFORE UPDATE ON vetoes WHEN OLD.withdrawn_at IS NOT NULL OR NEW.withdrawn_at IS NULL
  OR (NEW.id, NEW.set_name, NEW.set_sha256, NEW.first, NEW.second, NEW.author, NEW.reason, NEW.at)
  IS NOT (OLD.id, OLD.set_name, OLD.set_sha256, OLD.first, OLD.second, OLD.author, OLD.reason, OLD.at)
BEGIN SELECT RAISE(ABORT, 'a veto can be withdrawn once, and nothing else of it changes'); END;
CREATE TRIGGER kept BEFORE DELETE ON vetoes BEGIN SELECT RAISE(ABORT, 'a veto is withdrawn, never deleted'); END;
"""

_DAMAGED = ("damage in the file", "a sound SQLite database",
            "Stop the service and put back a copy, or save what is left with: sqlite3 FILE .recover")  # fmt: skip
_READ_ONLY = ("a file or folder that the service may not write to", "one that it may", "Let it write there; reading goes on")
_TOLD = {
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_PERM: _READ_ONLY,
    sqlite3.SQLITE_FULL: ("a full disk", "room for the change", "Make room; nothing was changed, and reading goes on"),
    sqlite3.SQLITE_IOERR: ("a disk that fails, or has no room", "one that works", "See to the disk; nothing was changed"),
    sqlite3.SQLITE_CANTOPEN: ("no file that can be opened", "the file of the veto lists, and leave to read it",
                              "Put it back, or give leave; to begin with an empty one, start the service again"),
    sqlite3.SQLITE_NOTADB: _DAMAGED,
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
}  # fmt: skip
_LOCKED = ("the file locked by another program", "a lock for a moment", "Try again; if it stays, end the program that holds it")


class VetoFile:
    """The database at `path`, made with mode 0600 where there is none. `busy`: seconds to wait for a lock.

    Nothing stays open between two tasks, so each finds what is there by then: changed by others, replaced or gone.
    Raises UsageError for what cannot be made or read, another program's file and one of a newer version, untouched.
    """

    def __init__(self, path: str | Path, busy: float = BUSY) -> None:
        self.path, self.busy = Path(path).resolve(), busy
        self._writer = threading.Lock()
        doing = f"opening the veto lists {path}"
        try:
            self._prepare(doing)
        except OSError as error:
            raise UsageError(
                doing, found=error.strerror or str(error), expected="a file, or a folder to make it in",
                remedy="Check the name and the leave of its folders, name another with --vetoes FILE, or say --no-vetoes",
            ) from error  # fmt: skip
        except Refused as error:
            raise UsageError(doing, found=error.found, expected=error.expected, remedy=error.remedy) from error

    @contextmanager
    def reading(self, doing: str) -> Iterator[sqlite3.Connection]:
        """A connection that sees the lists as they are at one moment. Raises Refused (503), which `doing` opens."""
        before = self._at_rest()
        try:
            with _told(doing), closing(self._connection("immutable=1" if before else "mode=rw")) as connection:
                _check_kind(connection, doing)
                connection.execute("BEGIN")
                yield connection
        finally:
            if before and before != self._at_rest():  # somebody who may write did, and SQLite was told not to look for that
                raise _refused(doing, _LOCKED)

    @contextmanager
    def writing(self, doing: str) -> Iterator[sqlite3.Connection]:
        """A connection whose changes hold all together when the block ends well, else not at all. Raises Refused (503)."""
        if self._at_rest():
            raise _refused(doing, _READ_ONLY)
        if not self._writer.acquire(timeout=self.busy):
            raise _refused(doing, _LOCKED)
        try:
            with _told(doing), closing(self._connection("mode=rw")) as connection:
                _check_kind(connection, doing)
                connection.execute("PRAGMA synchronous = FULL")  # on the disk before it is answered
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
        finally:
            self._writer.release()

    def close(self) -> None:
        """Wait for the change that is being made."""
        with self._writer:
            pass

    def _connection(self, how: str) -> sqlite3.Connection:
        # `mode=rw` makes no file where there is none.
        return sqlite3.connect(f"{self.path.as_uri()}?{how}", uri=True, timeout=self.busy, isolation_level=None)

    def _at_rest(self) -> tuple[int, ...]:
        """What changes with the file where we may not write and nobody has it open for writing, else nothing.

        SQLite reads a database in WAL mode by making two files beside it. It cannot in a folder that we may not write to; for a
        file that we may not write to it makes them read-only as well, and there they would stand in the way of later writers.
        """
        effective = os.access in os.supports_effective_ids
        if all(os.access(place, os.W_OK, effective_ids=effective) for place in (self.path, self.path.parent)):
            return ()
        try:
            found = self.path.stat()
        except OSError:
            return ()
        return () if Path(f"{self.path}-wal").exists() else (found.st_ino, found.st_size, found.st_mtime_ns)

    def _prepare(self, doing: str) -> None:
        """Make the file where there is none; see that another is ours and sound."""
        if not self.path.exists():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileExistsError):  # somebody else was first
                os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        found = self.path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise _refused(doing, ("no regular file", "a file", "Give another name"))
        if found.st_size:
            with _told(doing), closing(self._connection("immutable=1")) as connection:  # which touches nothing
                connection.execute("PRAGMA writable_schema = ON")  # and minds no page that another is just adding
                _check_kind(connection, doing)
        try:
            if not found.st_size or not self._at_rest():
                self._make(doing)
            with self.reading(doing) as connection:
                sound = connection.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok"
        except Refused as error:
            if found.st_size and error.retry_after:
                return  # locked for now, and ours
            raise
        if not sound:
            raise _refused(doing, _DAMAGED)

    def _make(self, doing: str) -> None:
        """The tables in a file that has none. Of several who make them at once, the others wait and find them there."""
        with _told(doing), closing(self._connection("mode=rw")) as connection:
            if _kind(connection) != (0, 0):
                return
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")  # until WAL mode is on, and the connection closed
            connection.execute("BEGIN EXCLUSIVE")
            if _kind(connection) == (0, 0):
                for statement in _statements(_SCHEMA):
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id = {APPLICATION}")
                connection.execute(f"PRAGMA user_version = {VERSION}")
            connection.execute("COMMIT")
            connection.execute("PRAGMA journal_mode = WAL")


def _statements(script: str) -> Iterator[str]:
    """One by one, as `executescript` would end our transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _kind(connection: sqlite3.Connection) -> tuple[int, int]:
    """(application, version)."""
    (application,), (version,) = (
        connection.execute(f"PRAGMA {name}").fetchone() for name in ("application_id", "user_version")
    )
    return application, version


def _check_kind(connection: sqlite3.Connection, doing: str) -> None:
    application, version = _kind(connection)
    if application != APPLICATION:
        other = ("a database of another program", "veto lists", "Give another name; the file was left as it is")
        raise _refused(doing, other)
    if version != VERSION:
        newer = (f"version {version} of the file", f"version {VERSION}", "Use the newer program; the file was left as it is")
        raise _refused(doing, newer)


def _refused(doing: str, parts: tuple[str, str, str]) -> Refused:
    found, expected, remedy = parts
    retry_after = 1 if parts is _LOCKED else None
    return Refused(503, doing=doing, found=found, expected=expected, remedy=remedy, retry_after=retry_after)


@contextmanager
def _told(doing: str) -> Iterator[None]:
    """What SQLite raises as Refused (503), without the name of the file."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF  # without one: text that is no UTF-8
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise _refused(doing, _LOCKED) from error
        raise _refused(doing, _TOLD.get(code, _DAMAGED)) from error
