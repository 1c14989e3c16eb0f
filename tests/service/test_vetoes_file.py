"""The file of the veto lists: made for its owner, refused untouched, locked, read-only, full, damaged, gone, changed by hand."""

import os
import resource
import signal
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.service.veto_cases import bound_by_leave, by_hand
from xlt_augment.errors import UsageError
from xlt_augment.service.failures import Refused
from xlt_augment.service.veto_file import APPLICATION, VetoFile
from xlt_augment.service.vetoes import VetoLists

PAIR = ("bad", "good")
WITHDRAWN = "withdrawn_by = 'x', withdrawn_reason = 'y', withdrawn_at = 'z'"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A list with one pair."""
    found = tmp_path / "lists" / "v.sqlite"
    VetoLists(found).propose("s", "ab", *PAIR, "Ann", "why")
    return found


def _propose(lists: VetoLists, second: str = "x") -> None:
    lists.propose("s", "ab", "a", second, "Ann", "why")


def _everything(folder: Path) -> dict[str, bytes]:
    return {found.name: found.read_bytes() for found in folder.iterdir() if found.is_file()}


def _refusal(call: Callable[[], object], found: str) -> Refused:
    with pytest.raises(Refused, match=found) as refused:
        call()
    error = refused.value
    assert error.status == 503
    assert all((error.doing, error.expected, error.remedy))
    assert "sqlite3 FILE" in error.remedy or "/" not in str(error)  # no path in an answer
    return error


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
    _propose(VetoLists(path))
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
     (lambda path: path.write_text("x"), "damage|another program"), (Path.mkdir, "no regular file"), (os.mkfifo, "no regular file")],
)  # fmt: skip
def test_what_is_not_ours_is_refused_and_untouched(tmp_path: Path, make: Callable[[Path], object], found: str) -> None:
    path = tmp_path / "v.sqlite"
    make(path)
    before, changed = _everything(tmp_path), path.stat().st_mtime_ns
    with pytest.raises(UsageError, match=f"opening the veto lists {path}: found .*({found}).*; expected .+\\. .+\\."):
        VetoLists(path)
    assert _everything(tmp_path) == before
    assert path.stat().st_mtime_ns == changed


@pytest.mark.parametrize("change", [_newer, lambda path: path.write_text("dear diary\n" * 99)])
def test_a_file_that_becomes_another_is_refused_then(path: Path, change: Callable[[Path], object]) -> None:
    lists = VetoLists(path)
    change(path)
    before = path.read_bytes()
    for call in (lambda: lists.standing("s"), lambda: _propose(lists)):
        _refusal(call, "version 2|damage")
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


def test_a_lock_of_another_program_is_waited_for_and_then_told(path: Path) -> None:
    lists = VetoLists(path, busy=0.02)
    with by_hand(path) as other:
        other.execute("BEGIN IMMEDIATE")  # it writes: we may read
        assert _refusal(lambda: _propose(lists), "locked by another program").retry_after == 1
        assert lists.standing("s") == (PAIR,)
        other.execute("COMMIT")
        _propose(lists)
    with by_hand(path) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        for call in (lambda: _propose(lists), lambda: lists.standing("s"), lambda: lists.revision("s")):
            assert _refusal(call, "locked by another program").retry_after == 1
        later = VetoLists(path, busy=0.02)  # a service starts all the same
    assert later.standing("s") == (PAIR, ("a", "x"))


def test_a_writer_of_this_process_is_waited_for_too(path: Path) -> None:
    file = VetoFile(path, busy=0.02)
    with file.writing("writing"):
        with file.reading("reading") as connection:
            assert connection.execute("SELECT count(*) FROM vetoes").fetchone() == (1,)
        with pytest.raises(Refused, match="locked"), file.writing("writing more"):
            pytest.fail("two writers at once")


@pytest.mark.parametrize(("of_file", "of_folder"), [(0o400, 0o700), (0o600, 0o500), (0o400, 0o500)])
def test_a_file_or_folder_that_is_read_only_is_read(path: Path, of_file: int, of_folder: int) -> None:
    path.chmod(of_file)
    path.parent.chmod(of_folder)
    with bound_by_leave():
        lists = VetoLists(path)
        assert lists.standing("s") == (PAIR,)
        assert lists.listed("s").revision == 1
        _refusal(lambda: _propose(lists), "may not write to")
        assert lists.standing("s") == (PAIR,)
        assert [found.name for found in path.parent.iterdir()] == ["v.sqlite"]  # nor anything that stands in the way later
        path.parent.chmod(0o700)
        path.chmod(0o600)
        _propose(lists)
        assert lists.standing("s") == (PAIR, ("a", "x"))


def test_what_changes_while_it_is_read_without_locks_is_no_answer(path: Path) -> None:
    path.chmod(0o400)
    with bound_by_leave():
        file = VetoFile(path)
        with pytest.raises(Refused, match="locked by another program") as refused:
            with file.reading("reading"):
                os.utime(path, ns=(1, 1))
    assert refused.value.retry_after == 1


def test_a_read_only_file_that_another_writes_to_is_read_with_its_changes(path: Path) -> None:
    path.chmod(0o400)
    with by_hand(path) as other:  # whose change is in the file beside it
        other.execute(f"UPDATE vetoes SET {WITHDRAWN}")
        with bound_by_leave():
            assert VetoLists(path).standing("s") == ()


def test_a_full_disk_changes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lists, before = VetoLists(path), path.read_bytes()
    real = VetoFile._connection

    def small(file: VetoFile, how: str) -> sqlite3.Connection:
        connection = real(file, how)
        connection.execute("PRAGMA max_page_count = 1")  # no less than it has, and no more
        return connection

    monkeypatch.setattr(VetoFile, "_connection", small)

    def fill() -> None:
        for number in range(500):
            _propose(lists, f"{number:0100}")

    _refusal(fill, "a full disk")
    kept = lists.snapshot("s")
    assert kept.revision == len(kept.records) < 500
    monkeypatch.undo()
    _propose(lists)
    assert lists.revision("s") == kept.revision + 1
    assert len(path.read_bytes()) >= len(before)


def test_a_disk_that_takes_no_more_changes_nothing(path: Path) -> None:
    lists = VetoLists(path)
    assert signal.getsignal(signal.SIGXFSZ) is signal.SIG_IGN
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size, hard))
    try:
        _refusal(lambda: _propose(lists), "a disk that fails|a full disk")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert lists.snapshot("s")[::2] == (1, lists.listed("s", "all").records)
    _propose(lists)
    assert lists.revision("s") == 2


def test_damage_is_told_and_what_can_be_read_is(path: Path) -> None:
    lists = VetoLists(path)
    for number in range(60):
        _propose(lists, f"{number:060}")
    with by_hand(path) as other:
        size = other.execute("PRAGMA page_size").fetchone()[0]
        (root,) = other.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'vetoes'").fetchone()
    data = bytearray(path.read_bytes())
    data[(root - 1) * size : root * size] = b"\xff" * size
    path.write_bytes(data)
    for call in (lambda: lists.standing("s"), lambda: _propose(lists)):
        _refusal(call, "damage in the file")
    assert lists.revision("s") == 61  # of another page
    with pytest.raises(UsageError, match="found damage in the file; expected .* sqlite3 FILE .recover"):
        VetoLists(path)
    assert path.read_bytes() == data


def test_text_that_is_no_utf8_is_damage(path: Path) -> None:
    with by_hand(path) as other:
        add = "INSERT INTO vetoes (set_name, set_sha256, first, second, author, reason, at) VALUES (?, ?, ?, ?, ?, "
        other.execute(add + "CAST(x'ff' AS TEXT), '')", ("s", "", "a", "b", ""))
    _refusal(lambda: VetoLists(path).snapshot("s"), "damage")


def test_a_file_that_is_gone_is_not_made_anew_by_a_running_service(path: Path) -> None:
    lists = VetoLists(path)
    kept = path.read_bytes()
    path.unlink()
    for call in (lambda: lists.standing("s"), lambda: _propose(lists)):
        _refusal(call, "no file that can be opened")
    assert list(path.parent.iterdir()) == []
    path.write_bytes(kept)
    assert lists.standing("s") == (PAIR,)
    path.unlink()
    assert VetoLists(path).standing("s") == ()


_AGAIN = "INSERT INTO vetoes SELECT 9, set_name, set_sha256, first, second, author, reason, at"


@pytest.mark.parametrize(
    "change",
    [
        f"{_AGAIN}, NULL, NULL, NULL FROM vetoes",  # it stands
        f"{_AGAIN}, '', '', NULL FROM vetoes",
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
    _propose(VetoLists(path))


def test_closing_waits_for_who_writes(path: Path) -> None:
    lists = VetoLists(path)
    with lists._file.writing("writing"):
        assert lists._file._writer.locked()
    lists.close()
    lists.close()
