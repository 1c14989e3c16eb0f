"""The file of the veto lists: made for its owner; what is not ours is refused untouched; it keeps its rules from others."""

import os
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.service.veto_cases import PAIR, WITHDRAWN, bound_by_leave, by_hand, propose, refusal
from xlt_augment.errors import UsageError
from xlt_augment.service.veto_file import APPLICATION
from xlt_augment.service.vetoes import VetoLists


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A list with `PAIR`."""
    found = tmp_path / "lists" / "v.sqlite"
    VetoLists(found).propose("s", "ab", *PAIR, "Ann", "why")
    return found


def test_the_file_is_made_for_its_owner_alone_with_its_folders(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with by_hand(path) as other:
        other.execute("SELECT * FROM vetoes").fetchone()
        assert {stat.S_IMODE(found.stat().st_mode) for found in path.parent.iterdir()} == {0o600}
        assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert other.execute("PRAGMA application_id").fetchone() == (APPLICATION,)
        assert other.execute("PRAGMA user_version").fetchone() == (1,)
    assert VetoLists(path).standing("s") == (PAIR,)
    assert [found.name for found in path.parent.iterdir()] == ["v.sqlite"]  # nothing stays open


def test_an_empty_file_and_a_name_with_odd_characters_will_do(tmp_path: Path) -> None:
    path = tmp_path / "a ?b#%20é.db"
    path.touch()
    propose(VetoLists(path))
    assert VetoLists(path).standing("s") == (("a", "x"),)
    assert [found.name for found in tmp_path.iterdir()] == [path.name]


def _other_program(path: Path) -> None:
    with by_hand(path) as other:
        other.execute("CREATE TABLE notes (note)")


def _other_program_in_wal(path: Path) -> None:
    with by_hand(path) as other:
        other.execute("PRAGMA journal_mode = WAL")
        other.execute("PRAGMA application_id = 7")


def _newer(path: Path) -> None:
    VetoLists(path)
    with by_hand(path) as other:
        other.execute("PRAGMA user_version = 2")


@pytest.mark.parametrize(
    ("make", "found"),
    [(_other_program, "a database of another program"), (_other_program_in_wal, "a database of another program"),
     (_newer, "version 2 of the file"), (lambda path: path.write_text("dear diary\n" * 99), "damage"),
     (lambda path: path.write_text("x"), "damage|another program"), (Path.mkdir, "no regular file"),
     (os.mkfifo, "no regular file")],
)  # fmt: skip
def test_what_is_not_ours_is_refused_and_untouched(tmp_path: Path, make: Callable[[Path], object], found: str) -> None:
    path = tmp_path / "v.sqlite"
    make(path)
    before, changed = [found.read_bytes() for found in tmp_path.iterdir() if found.is_file()], path.stat().st_mtime_ns
    with pytest.raises(UsageError, match=f"opening the veto lists {path}: found .*({found}).*; expected .+\\. .+\\."):
        VetoLists(path)
    assert [found.read_bytes() for found in tmp_path.iterdir() if found.is_file()] == before
    assert len(list(tmp_path.iterdir())) == 1
    assert path.stat().st_mtime_ns == changed


@pytest.mark.parametrize("change", [_newer, lambda path: path.write_text("dear diary\n" * 99)])
def test_a_file_that_becomes_another_is_refused_then(path: Path, change: Callable[[Path], object]) -> None:
    lists = VetoLists(path)
    change(path)
    before = path.read_bytes()
    for call in (lambda: lists.standing("s"), lambda: propose(lists)):
        refusal(call, "version 2|damage")
    assert path.read_bytes() == before


def test_where_nothing_can_be_made_the_name_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="file/v.sqlite: found File exists"):
        VetoLists(tmp_path / "file" / "v.sqlite")
    with bound_by_leave():
        tmp_path.chmod(0o500)
        try:
            with pytest.raises(UsageError, match="v.sqlite: found Permission denied"):
                VetoLists(tmp_path / "v.sqlite")
        finally:
            tmp_path.chmod(0o700)


_AGAIN = "INSERT INTO vetoes SELECT 9, set_name, set_sha256, first, second, author, reason, at"


@pytest.mark.parametrize(
    "change",
    [
        f"{_AGAIN}, NULL, NULL, NULL FROM vetoes",  # it stands
        f"{_AGAIN}, '', '', NULL FROM vetoes",
        f"{_AGAIN}, NULL, NULL, NULL FROM vetoes".replace(" second,", " CAST(second AS BLOB),"),
        "DELETE FROM vetoes",
        "UPDATE vetoes SET author = 'Bo'",
        f"UPDATE vetoes SET first = 'aa', {WITHDRAWN}",
        "UPDATE vetoes SET withdrawn_at = 'now'",
    ],
)
def test_the_file_keeps_its_rules_from_other_hands(path: Path, change: str) -> None:
    with by_hand(path) as other:
        with pytest.raises(sqlite3.IntegrityError):
            other.execute(change)
        other.execute(f"UPDATE vetoes SET {WITHDRAWN}")
        for again in ("NULL", "'later'"):
            with pytest.raises(sqlite3.IntegrityError):
                other.execute(f"UPDATE vetoes SET withdrawn_at = {again}")
    assert VetoLists(path).revision("s") == 2


def test_a_making_that_was_killed_is_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "v.sqlite"
    with monkeypatch.context() as patch:
        patch.setattr("xlt_augment.service.veto_file.VERSION", "1; no number")
        with pytest.raises(UsageError):
            VetoLists(path)
    assert path.stat().st_size == 0
    propose(VetoLists(path))
