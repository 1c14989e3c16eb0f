"""What every storage keeps to: the same table of behaviours over a folder, memory, S3, SFTP, Azure and Google."""

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.store.conftest import KINDS
from xlt_augment.errors import StoreError
from xlt_augment.store.storage import Entry, Missing, Storage, open_storage, remote
from xlt_augment.store.storage.base import PIECE_BYTES, regrouped
from xlt_augment.store.storage.s3 import S3Storage

MIB = 1 << 20
BIG = os.urandom(2 * PIECE_BYTES + MIB + 1)  # three parts, the last one odd


def cut(content: bytes, size: int = 3 * MIB) -> Iterator[bytes]:
    """Pieces that fit no block."""
    for start in range(0, len(content), size):
        yield content[start : start + size]


def put(storage: Storage, path: str, content: bytes) -> None:
    storage.upload(path, [content], len(content))


def paths(storage: Storage, prefix: str) -> list[str]:
    return [entry.path for entry in storage.entries(prefix)]


def test_nothing_is_there_at_first(storage: Storage) -> None:
    assert storage.size("a/b") is None
    assert list(storage.entries("a")) == []
    storage.remove("a/b")
    with pytest.raises(Missing, match="reading a/b of"):
        storage.read("a/b")
    with pytest.raises(Missing):
        next(storage.pieces("a/b"))


@pytest.mark.parametrize("content", [b"", b"x", BIG], ids=["none", "one", "many"])
def test_what_is_uploaded_comes_back(storage: Storage, content: bytes) -> None:
    storage.upload("objects/ab/cd", cut(content), len(content))
    assert storage.size("objects/ab/cd") == len(content)
    pieces = list(storage.pieces("objects/ab/cd"))
    assert b"".join(pieces) == content
    assert all(0 < len(piece) <= PIECE_BYTES for piece in pieces)
    assert storage.read("objects/ab/cd", max(len(content), 1)) == content
    assert paths(storage, "incoming") == []


def test_reading_has_a_limit(storage: Storage) -> None:
    put(storage, "a/b", b"12345")
    assert storage.read("a/b", 5) == b"12345"
    with pytest.raises(StoreError, match="found 5 bytes; expected at most 4"):
        storage.read("a/b", 4)


def test_an_upload_replaces(storage: Storage) -> None:
    for content in (b"first and longer", b"second", BIG, b"last"):
        put(storage, "a/b", content)
        assert storage.size("a/b") == len(content)
    assert storage.read("a/b") == b"last"
    assert paths(storage, "a") == ["a/b"]


@pytest.mark.parametrize("old", [None, b"old"])
@pytest.mark.parametrize("sent", [0, 2 * MIB, 17 * MIB])
def test_a_broken_upload_leaves_what_was_there(storage: Storage, sent: int, old: bytes | None) -> None:
    if old is not None:
        put(storage, "a/b", old)

    def breaks() -> Iterator[bytes]:
        yield from cut(BIG[:sent])
        assert storage.size("a/b") == (None if old is None else len(old)), "visible before it is whole"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        storage.upload("a/b", breaks(), 18 * MIB)
    assert paths(storage, "a") == ([] if old is None else ["a/b"])
    assert old is None or storage.read("a/b") == old
    assert paths(storage, "incoming") == []


@pytest.mark.parametrize("announced", [0, 2, 4, 18 * MIB])
@pytest.mark.parametrize("large", [False, True])
def test_pieces_that_do_not_add_up_are_refused(storage: Storage, announced: int, large: bool) -> None:
    content = BIG if large else b"abc"
    with pytest.raises(StoreError, match=f"expected {announced:,}, as announced"):
        storage.upload("a/b", cut(content), announced)
    assert storage.size("a/b") is None
    assert paths(storage, "incoming") == []


def test_creation_is_exclusive_and_whole(storage: Storage) -> None:
    assert storage.create("references/t/d/v1.json", b"first") is True
    assert storage.create("references/t/d/v1.json", b"second") is False
    assert storage.read("references/t/d/v1.json") == b"first"
    put(storage, "references/t/d/v2.json", b"uploaded")
    assert storage.create("references/t/d/v2.json", b"created") is False
    assert storage.read("references/t/d/v2.json") == b"uploaded"
    storage.remove("references/t/d/v1.json")
    assert storage.create("references/t/d/v1.json", b"") is True
    assert paths(storage, "incoming") == []
    with pytest.raises(StoreError, match="at most 1,048,576"):
        storage.create("references/t/d/v3.json", bytes(MIB + 1))


def test_removing(storage: Storage) -> None:
    for name in ("a/b", "a/c"):
        put(storage, name, b"x")
    storage.remove("a/b")
    storage.remove("a/b")
    assert paths(storage, "a") == ["a/c"]


def test_a_listing_is_deep_sorted_and_of_one_folder(storage: Storage) -> None:
    names = ["a/b-c/x", "a/b/c/d", "a/b/c2", "a/b.x", "a/b0/x", "a/A", "a/c", "ab/x", "a-b", "a.b/x"]
    for name in names:
        put(storage, name, name.encode())
    expected = sorted(name for name in names if name.startswith("a/"))
    listed = list(storage.entries("a"))
    assert [entry.path for entry in listed] == expected
    assert all(isinstance(entry, Entry) and entry.bytes == len(entry.path) for entry in listed)
    assert paths(storage, "a/b") == ["a/b/c/d", "a/b/c2"]
    assert paths(storage, "a/c") == []
    assert abs(listed[0].modified - storage.now()) < 60


def test_a_listing_knows_what_another_wrote(storage: Storage) -> None:
    other = open_storage(storage.url)
    assert paths(storage, "a") == []
    put(other, "a/b", b"1")
    assert paths(storage, "a") == ["a/b"]
    put(other, "a/b", b"22")
    assert [entry.bytes for entry in storage.entries("a")] == [2]
    assert storage.size("a/b") == 2
    other.remove("a/b")
    assert paths(storage, "a") == []
    assert storage.size("a/b") is None


def test_a_listing_leaves_out_what_no_store_writes(
    new_store: Callable[[str], Storage], monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = new_store("s3")
    put(storage, "a/b", b"1")
    with monkeypatch.context() as patch:
        patch.setattr(remote, "checked", lambda path: path)
        for path in ("a/.hidden", "a/x y", "a/.c/d"):
            put(storage, path, b"1")
    assert paths(storage, "a") == ["a/b"]


def test_a_folder_is_no_file(storage: Storage) -> None:
    put(storage, "a/b/c", b"x")
    assert storage.size("a/b") is None
    with pytest.raises(StoreError):
        storage.read("a/b")


def test_the_clock(storage: Storage) -> None:
    assert abs(storage.now() - time.time()) < 3
    assert paths(storage, "incoming") == []


@pytest.mark.parametrize(
    "path", ["", "/a", "a/", "a//b", "../a", "a/../b", ".", "a/.b", "a\\b", "a b", "ä", "a/\0", "-a", "a\nb"]
)
def test_a_path_never_leads_out(storage: Storage, path: str) -> None:
    acts: list[Callable[[], object]] = [
        lambda: storage.read(path),
        lambda: list(storage.pieces(path)),
        lambda: storage.size(path),
        lambda: list(storage.entries(path)),
        lambda: storage.upload(path, [b"x"], 1),
        lambda: storage.create(path, b"x"),
        lambda: storage.remove(path),
    ]
    for act in acts:
        with pytest.raises(StoreError, match="using a path of a store"):
            act()


def test_many_threads(storage: Storage) -> None:
    def work(number: int) -> bool:
        content = b"%d" % number * 1_000
        put(storage, f"objects/{number:02d}", content)
        made = storage.create("references/one", b"%d" % number)
        assert b"".join(storage.pieces(f"objects/{number:02d}")) == content
        return made

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(work, range(16))) == 1
    assert paths(storage, "objects") == [f"objects/{number:02d}" for number in range(16)]


@pytest.mark.parametrize("kind", KINDS)
def test_the_address_leads_back(kind: str, address: Callable[[str], str]) -> None:
    place = address(kind)
    storage = open_storage(place)
    assert storage.url == place
    put(storage, "a/b", b"x")
    assert open_storage(storage.url + "/").read("a/b") == b"x"


@pytest.mark.parametrize("kind", KINDS)
def test_many_begin_at_once(kind: str, address: Callable[[str], str]) -> None:
    """Each with a storage of its own, where no folder is there yet."""
    place = address(kind)

    def work(number: int) -> None:
        put(open_storage(place), f"objects/{number % 3}/{number}", b"x")

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    assert len(paths(open_storage(place), "objects")) == 6


def test_a_long_listing_of_s3_comes_in_pages(new_store: Callable[[str], Storage], monkeypatch: pytest.MonkeyPatch) -> None:
    storage = new_store("s3")
    names = [f"a/{number}" for number in range(5)]
    for name in names:
        put(storage, name, b"x")
    asked = S3Storage._s3
    monkeypatch.setattr(S3Storage, "_s3", lambda self, method, **more: asked(self, method, **more, MaxKeys=2))
    assert paths(storage, "a") == names


def test_blocks_of_an_upload_are_few_enough_for_s3(monkeypatch: pytest.MonkeyPatch) -> None:
    """500 GB in parts: 10,000 at most, each of at most 64 MiB, which is all that memory has to hold."""
    parts: list[tuple[int, int, int]] = []
    storage = S3Storage("s3://bucket", "bucket", "")
    monkeypatch.setattr(S3Storage, "_begin", lambda *_: None)
    monkeypatch.setattr(S3Storage, "_complete", lambda *_: None)
    monkeypatch.setattr(
        S3Storage, "_part", lambda _, upload, number, start, content: parts.append((number, start, len(content)))
    )
    size = 500 * 10**9
    monkeypatch.setattr(remote, "regrouped", lambda pieces, block: (Sized(block) for _ in range(-(-size // block))))
    storage.upload("a/b", [], size)
    assert len(parts) <= 10_000
    assert max(length for _, _, length in parts) <= 64 * MIB
    assert [start for _, start, _ in parts] == [number * parts[0][2] for number in range(len(parts))]


class Sized(bytes):
    """Nothing that is as long as it is told."""

    def __new__(cls, length: int) -> "Sized":
        made = super().__new__(cls)
        made.length = length
        return made

    length: int

    def __len__(self) -> int:
        return self.length


@pytest.mark.parametrize("block", [1, 3, 7, 100])
def test_regrouping_keeps_the_bytes(block: int) -> None:
    pieces = [b"", b"a", b"bcdefg", b"", b"hijklmnopqrstuvw", b"x"]
    blocks = list(regrouped(pieces, block))
    assert b"".join(blocks) == b"".join(pieces)
    assert all(len(part) == block for part in blocks[:-1])
    assert 0 < len(blocks[-1]) <= block
    assert list(regrouped([], block)) == list(regrouped([b""], block)) == []
