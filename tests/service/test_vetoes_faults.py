"""Veto lists whose file is locked, read-only, full, damaged or gone: told in four parts, and read where that is possible."""

import os
import resource
import signal
import sqlite3
import threading
from pathlib import Path

import pytest

from tests.service.veto_cases import PAIR, WITHDRAWN, bound_by_leave, by_hand, propose, refusal
from xlt_augment.errors import UsageError
from xlt_augment.service.failures import Refused
from xlt_augment.service.veto_file import VetoFile
from xlt_augment.service.vetoes import VetoLists


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A list with `PAIR`."""
    found = tmp_path / "lists" / "v.sqlite"
    VetoLists(found).propose("s", "ab", *PAIR, "Ann", "why")
    return found


def test_a_lock_of_another_program_is_waited_for_and_then_told(path: Path) -> None:
    lists = VetoLists(path, busy=0.02)
    with by_hand(path) as other:
        other.execute("BEGIN IMMEDIATE")  # it writes: we may read
        assert refusal(lambda: propose(lists), "locked by another program").retry_after == 1
        assert lists.standing("s") == (PAIR,)
        other.execute("COMMIT")
        propose(lists)
    with by_hand(path) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        for call in (lambda: propose(lists), lambda: lists.standing("s"), lambda: lists.revision("s")):
            assert refusal(call, "locked by another program").retry_after == 1
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
        refusal(lambda: propose(lists), "may not write to")
        assert lists.standing("s") == (PAIR,)
        assert [found.name for found in path.parent.iterdir()] == ["v.sqlite"]  # nor anything that stands in the way later
        path.parent.chmod(0o700)
        path.chmod(0o600)
        propose(lists)
        assert lists.standing("s") == (PAIR, ("a", "x"))


def test_what_changes_while_it_is_read_without_locks_is_no_answer(path: Path) -> None:
    path.chmod(0o400)
    with bound_by_leave(), pytest.raises(Refused, match="locked by another program") as refused:
        with VetoFile(path).reading("reading"):
            os.utime(path, ns=(1, 1))
    assert refused.value.retry_after == 1


def test_a_read_only_file_that_another_writes_to_is_read_with_its_changes(path: Path) -> None:
    path.chmod(0o400)
    with by_hand(path) as other:  # whose change is in the file beside it
        other.execute(f"UPDATE vetoes SET {WITHDRAWN}")
        with bound_by_leave():
            assert VetoLists(path).standing("s") == ()


def test_a_full_disk_changes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lists, real = VetoLists(path), VetoFile._connection

    def small(file: VetoFile, how: str) -> sqlite3.Connection:
        connection = real(file, how)
        connection.execute("PRAGMA max_page_count = 1")  # no less than it has, and no more
        return connection

    monkeypatch.setattr(VetoFile, "_connection", small)

    def fill() -> None:
        for number in range(500):
            propose(lists, f"{number:0100}")

    refusal(fill, "a full disk")
    kept = lists.snapshot("s")
    assert kept.revision == len(kept.records) < 500
    monkeypatch.undo()
    propose(lists)
    assert lists.revision("s") == kept.revision + 1


def test_a_disk_that_takes_no_more_changes_nothing(path: Path) -> None:
    lists = VetoLists(path)
    assert signal.getsignal(signal.SIGXFSZ) is signal.SIG_IGN
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size, hard))
    try:
        refusal(lambda: propose(lists), "a disk that fails|a full disk")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert lists.snapshot("s")[::2] == (1, lists.listed("s", "all").records)
    propose(lists)
    assert lists.revision("s") == 2


def test_damage_is_told_and_what_can_be_read_is(path: Path) -> None:
    lists = VetoLists(path)
    for number in range(60):
        propose(lists, f"{number:060}")
    with by_hand(path) as other:
        size = other.execute("PRAGMA page_size").fetchone()[0]
        (root,) = other.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'vetoes'").fetchone()
    data = bytearray(path.read_bytes())
    data[(root - 1) * size : root * size] = b"\xff" * size
    path.write_bytes(data)
    for call in (lambda: lists.standing("s"), lambda: propose(lists)):
        refusal(call, "damage in the file")
    assert lists.revision("s") == 61  # of another page
    with pytest.raises(UsageError, match="found damage in the file; expected .* sqlite3 FILE .recover"):
        VetoLists(path)
    assert path.read_bytes() == data


def test_a_file_that_another_process_is_just_growing_is_no_damage(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, make = path.read_bytes(), VetoFile._make
    path.write_bytes(whole[:-4096])  # its head tells of a page that is on its way
    monkeypatch.setattr(VetoFile, "_make", lambda file, doing: (path.write_bytes(whole), make(file, doing)))
    assert VetoLists(path).standing("s") == (PAIR,)


def test_text_that_is_no_utf8_is_damage(path: Path) -> None:
    with by_hand(path) as other:
        add = "INSERT INTO vetoes (set_name, set_sha256, first, second, author, reason, at) VALUES (?, ?, ?, ?, ?, "
        other.execute(add + "CAST(x'ff' AS TEXT), '')", ("s", "", "a", "b", ""))
    refusal(lambda: VetoLists(path).snapshot("s"), "damage")


def test_a_file_that_is_gone_is_not_made_anew_by_a_running_service(path: Path) -> None:
    lists = VetoLists(path)
    kept = path.read_bytes()
    path.unlink()
    for call in (lambda: lists.standing("s"), lambda: propose(lists)):
        refusal(call, "no file that can be opened")
    assert list(path.parent.iterdir()) == []
    path.write_bytes(kept)
    assert lists.standing("s") == (PAIR,)
    path.unlink()
    assert VetoLists(path).standing("s") == ()


def test_closing_waits_for_who_writes(path: Path) -> None:
    lists, closed = VetoLists(path), threading.Event()
    closing = threading.Thread(target=lambda: (lists.close(), closed.set()))
    with lists._file.writing("writing"):
        closing.start()
        assert not closed.wait(0.05)
    assert closed.wait(20)
    closing.join()
