"""The probe: sound storages pass, each way of being unsound is found, and nothing stays behind."""

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from xlt_augment.errors import StoreError
from xlt_augment.store.probe import Probe, probe
from xlt_augment.store.storage import Entry, Storage, open_storage
from xlt_augment.store.storage.local import LocalStorage


def everything(storage: Storage) -> list[str]:
    return [entry.path for folder in ("incoming", "objects", "references") for entry in storage.entries(folder)]


def test_a_sound_storage_is_safe(storage: Storage) -> None:
    found = probe(storage, writers=8, rounds=2)
    assert found.safe, found.faults
    assert found.faults == []
    assert found.winners == [1, 1]
    assert abs(found.clock_skew_seconds) < 3
    assert {"xlt", "fsspec"} <= found.software.keys()
    assert everything(storage) == []
    assert Probe.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_rclone_is_refused(new_store: Callable[[str], Storage]) -> None:
    """`rclone serve s3` takes If-None-Match and overwrites all the same."""
    storage = new_store("rclone")
    found = probe(storage, writers=8, rounds=2)
    assert not found.safe
    assert not found.exclusive_sequential
    assert not found.exclusive_racing
    assert len(found.faults) == 2
    assert everything(storage) == []


class ChecksFirst(LocalStorage):
    """Exclusive in turn, but not in a race."""

    def create(self, path: str, content: bytes) -> bool:
        if self.size(path) is not None:
            return False
        time.sleep(0.02)
        self.upload(path, [content], len(content))
        return True


class Overwrites(LocalStorage):
    """Says that something is there, and replaces it."""

    def create(self, path: str, content: bytes) -> bool:
        made = super().create(path, content)
        self.upload(path, [content], len(content))
        return made


class OverwritesUploads(LocalStorage):
    """Knows of what was created only."""

    made: set[str] = set()

    def create(self, path: str, content: bytes) -> bool:
        if path not in self.made:
            self.remove(path)
        self.made.add(path)
        return super().create(path, content)

    def remove(self, path: str) -> None:
        self.made.discard(path)
        super().remove(path)


class IsWrongAboutUploads(LocalStorage):
    """Leaves what was uploaded, and says that it made it."""

    def create(self, path: str, content: bytes) -> bool:
        return super().create(path, content) or content == b"third"


class LastOneWins(LocalStorage):
    """One winner is told, but in a race the content is another's."""

    def create(self, path: str, content: bytes) -> bool:
        made = super().create(path, content)
        if not made and content.startswith(b"writer"):
            self.upload(path, [content], len(content))
        return made


class TellsAll(LocalStorage):
    """All are told that they won a race, and the content is that of the first of them."""

    def create(self, path: str, content: bytes) -> bool:
        made = super().create(path, content)
        if content.startswith(b"writer 0"):
            self.upload(path, [content], len(content))
        return made or content.startswith(b"writer")


class WritesInPlace(LocalStorage):
    """What is uploaded is seen on its way."""

    def upload(self, path: str, pieces: Iterable[bytes], size: int) -> None:
        target = self._ready(path)
        with target.open("wb") as stream:
            for piece in pieces:
                stream.write(piece)
                stream.flush()


class KeepsTheBeginning(LocalStorage):
    """A broken upload leaves a short file."""

    def upload(self, path: str, pieces: Iterable[bytes], size: int) -> None:
        kept: list[bytes] = []

        def noted() -> Iterator[bytes]:
            for piece in pieces:
                kept.append(piece)
                yield piece

        try:
            super().upload(path, noted(), size)
        except BaseException:
            super().upload(path, kept, sum(map(len, kept)))
            raise


class RemovesTheOld(LocalStorage):
    """A broken upload takes the old file with it."""

    def upload(self, path: str, pieces: Iterable[bytes], size: int) -> None:
        try:
            super().upload(path, pieces, size)
        except BaseException:
            self.remove(path)
            raise


class ListsFromMemory(LocalStorage):
    """A listing is asked for once."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._listed: list[Entry] | None = None

    def entries(self, prefix: str) -> Iterator[Entry]:
        if self._listed is None:
            self._listed = list(super().entries(prefix))
        yield from self._listed


class SizesFromMemory(LocalStorage):
    """A size is asked for once."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._sizes: dict[str, int | None] = {}

    def size(self, path: str) -> int | None:
        return self._sizes.setdefault(path, super().size(path))


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        (ChecksFirst, {"exclusive_racing"}),
        (Overwrites, {"exclusive_sequential", "exclusive_racing"}),
        (OverwritesUploads, {"exclusive_sequential"}),
        (IsWrongAboutUploads, {"exclusive_sequential"}),
        (LastOneWins, {"exclusive_racing"}),
        (TellsAll, {"exclusive_racing"}),
        (WritesInPlace, {"whole"}),
        (KeepsTheBeginning, {"whole"}),
        (RemovesTheOld, {"whole"}),
        (ListsFromMemory, {"listing"}),
        (SizesFromMemory, {"listing"}),
    ],
)
def test_each_way_of_being_unsound_is_found(kind: type[LocalStorage], wrong: set[str], tmp_path: Path) -> None:
    found = probe(kind(tmp_path), opened=lambda url: kind(Path(url)))
    assert {name for name, value in found.to_json().items() if value is False} == wrong
    assert not found.safe
    assert len(found.faults) == len(wrong)
    assert everything(LocalStorage(tmp_path)) == []


class FailsForLosers(LocalStorage):
    """A loser is not told, but meets a fault."""

    def create(self, path: str, content: bytes) -> bool:
        if not super().create(path, content) and content.startswith(b"writer"):
            raise StoreError("creating", found="a fault", expected="none", remedy="Try again")
        return content in (b"first", b"fourth") or content.startswith(b"writer")


def test_a_loser_may_fail_but_not_all(tmp_path: Path) -> None:
    assert probe(FailsForLosers(tmp_path), opened=lambda url: FailsForLosers(Path(url))).safe

    class FailsForAll(LocalStorage):
        def create(self, path: str, content: bytes) -> bool:
            raise StoreError("creating", found="a fault", expected="none", remedy="Try again")

    with pytest.raises(StoreError, match="a fault"):
        probe(FailsForAll(tmp_path), opened=lambda url: FailsForAll(Path(url)))


def test_the_race_is_one(tmp_path: Path) -> None:
    """All writers are under way at once, each with a storage of its own."""
    under_way, most, lock = 0, 0, threading.Lock()

    class Counts(LocalStorage):
        def create(self, path: str, content: bytes) -> bool:
            nonlocal under_way, most
            with lock:
                under_way += 1
                most = max(most, under_way)
            time.sleep(0.05)
            with lock:
                under_way -= 1
            return super().create(path, content)

    opened: list[Storage] = []

    def another(url: str) -> Storage:
        opened.append(Counts(Path(url)))
        return opened[-1]

    assert probe(Counts(tmp_path), writers=5, rounds=1, opened=another).safe
    assert most == 5
    assert len(opened) == 5


def test_an_unreachable_storage_is_an_error_and_no_verdict(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="file/store: found a folder where a file belongs"):
        probe(open_storage(str(tmp_path / "file" / "store")))


def test_the_clock_of_the_store_counts(tmp_path: Path) -> None:
    class Late(LocalStorage):
        def now(self) -> float:
            return super().now() + 100

    assert abs(probe(Late(tmp_path), opened=lambda url: Late(Path(url))).clock_skew_seconds - 100) < 1


def test_a_record_that_is_none(tmp_path: Path) -> None:
    sound = probe(LocalStorage(tmp_path)).to_json()
    assert Probe.from_json(sound).safe
    broken = [{}, None, [], sound | {"more": 1}, {k: v for k, v in sound.items() if k != "at"}, sound | {"whole": 1}]
    broken += [
        sound | {"winners": "1"},
        sound | {"winners": [True]},
        sound | {"clock_skew_seconds": "0"},
        sound | {"software": []},
    ]
    for value in broken:
        with pytest.raises(StoreError, match="reading what a probe found"):
            Probe.from_json(value)


@pytest.mark.parametrize("name", ["exclusive_sequential", "exclusive_racing", "whole", "listing"])
def test_one_fault_is_enough(name: str, tmp_path: Path) -> None:
    found = replace(probe(LocalStorage(tmp_path)), **{name: False})
    assert not found.safe
    assert len(found.faults) == 1
