"""A store that somebody wrote on purpose: nothing is written outside the cache, and what is newer is said to be."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.command import run_here
from tests.store.backends import SAFE, contents, report
from xlt_augment.errors import StoreError
from xlt_augment.store.cache import Cache
from xlt_augment.store.gc import collect
from xlt_augment.store.intents import INTENT_FORMAT
from xlt_augment.store.names import Name
from xlt_augment.store.publish import publish
from xlt_augment.store.pull import pull
from xlt_augment.store.records import sealed
from xlt_augment.store.repository import STORE_RECORD, Reference, Store, object_path, reference_path

NAME = Name("evil", "data", 1)
CONTENT = b"content"
HASH = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.init(str(tmp_path / "store"), SAFE)


def write(store: Store, path: str, content: bytes) -> None:
    store.storage.upload(path, [content], len(content))


def forged(store: Store, files: list[dict[str, Any]], **changes: Any) -> None:
    """An artifact and a reference with right hashes, whatever they say."""
    body = {"format": "xlt-artifact/1", "kind": "report", "identity": "0" * 64, "files": files, "parents": [], "about": {}}
    content = json.dumps(body | changes).encode()
    artifact = hashlib.sha256(content).hexdigest()
    write(store, object_path(artifact), content)
    write(store, object_path(HASH), CONTENT)
    made = Reference(NAME, artifact, "report", "0" * 64, "me", "2026-01-01T00:00:00Z", "0")
    write(store, reference_path(NAME), made.to_bytes())


def file(path: object, **changes: Any) -> dict[str, Any]:
    return {"path": path, "bytes": len(CONTENT), "sha256": HASH} | changes


def refused(store: Store, tmp_path: Path) -> str:
    """The message; nothing appeared anywhere but in the store and below the cache."""
    before = outside(tmp_path)
    with pytest.raises(StoreError) as caught:
        pull(store, NAME, cache=Cache(tmp_path / "deep" / "er" / "cache"))
    assert outside(tmp_path) == before
    assert not list((tmp_path / "deep").rglob("data@v1"))
    return str(caught.value)


def outside(folder: Path) -> set[str]:
    return {os.fspath(path) for path in folder.rglob("*") if "deep" not in path.parts}


PATHS = [
    "../../../../escaped", "/tmp/escaped", "..\\escaped", "a/../../escaped", "a\0b", "C:\\escaped", "con", "NUL.csv",
    "tables/aux", "tables/com1.csv", "dot.", ".hidden", "a/b/c/d/e", "x" * 300, "~/escaped", "a//b", "", None, ["a"],
    "a\u202eb",
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS, ids=repr)
def test_a_path_that_leads_astray_is_refused(path: object, store: Store, tmp_path: Path) -> None:
    forged(store, [file("fine.csv"), file(path)])
    assert "manifest of evil/data@v1" in refused(store, tmp_path)


def test_names_alike_but_for_case_are_refused(store: Store, tmp_path: Path) -> None:
    forged(store, [file("Table.csv"), file("table.csv")])
    assert "two files of one name" in refused(store, tmp_path)
    forged(store, [file("a"), file("A/b")])
    assert "two files of one name" in refused(store, tmp_path)


@pytest.mark.parametrize("n_bytes", [10**30, 1, 0, -1, 1.5, "7", None, True])
def test_a_size_that_is_not_so_is_refused(n_bytes: object, store: Store, tmp_path: Path) -> None:
    forged(store, [file("a.csv", bytes=n_bytes)])
    assert "evil/data@v1" in refused(store, tmp_path)


def test_a_size_that_is_too_large_is_refused_before_anything_is_fetched(store: Store, tmp_path: Path) -> None:
    forged(store, [file("a.csv", bytes=10**30)])
    with pytest.raises(StoreError, match="--max-size"):
        pull(store, NAME, cache=Cache(tmp_path / "cache"), max_size=1_000)


def test_ancestors_without_end_are_refused(store: Store, tmp_path: Path) -> None:
    parent: dict[str, Any] = {"kind": "source", "name": "x", "identity": "1" * 64, "parents": []}
    for _ in range(100):
        parent = parent | {"parents": [parent]}
    forged(store, [file("a.csv")], parents=[parent])
    assert "a parent without" in refused(store, tmp_path)


@pytest.mark.parametrize("store_id", ["../../../../escaped", "0" * 31, "/tmp/escaped/abc", "0" * 31 + "\n", None, 3])
def test_the_id_of_a_store_names_no_folder_elsewhere(store_id: object, store: Store, tmp_path: Path) -> None:
    path = Path(store.url) / STORE_RECORD
    body = json.loads(path.read_bytes())
    del body["sha256"]
    path.write_bytes(sealed(body | {"id": store_id}))
    with pytest.raises(StoreError, match="without what is needed"):
        Store.open(store.url)


@pytest.mark.parametrize("artifact", ["../../xlt-store.json", "0" * 63, "", None, 7, "A" * 64, "\x1b[2J"])
def test_a_reference_to_what_is_no_object_is_refused(artifact: Any, store: Store, tmp_path: Path) -> None:
    forged(store, [file("a.csv")])
    made = store.reference(NAME)
    body = {**made._asdict(), "name": str(NAME), "format": "xlt-reference/1", "artifact": artifact}
    write(store, reference_path(NAME), sealed(body))
    refused(store, tmp_path)


@pytest.mark.parametrize("by", ["\x1b[2J", "a\nb", "\x9b2J", "x" * 1_000, None])
def test_a_publisher_is_a_short_line_of_text(by: Any, store: Store, tmp_path: Path) -> None:
    forged(store, [file("a.csv")])
    body = {**store.reference(NAME)._asdict(), "name": str(NAME), "format": "xlt-reference/1", "by": by}
    write(store, reference_path(NAME), sealed(body))
    assert "no sound by" in refused(store, tmp_path)


def test_what_is_newer_is_said_to_be(store: Store, tmp_path: Path) -> None:
    forged(store, [file("a.csv")], format="xlt-artifact/2")
    assert "pip install --upgrade xlt" in refused(store, tmp_path)
    forged(store, [file("a.csv")])
    body = {**store.reference(NAME)._asdict(), "name": str(NAME), "format": "xlt-reference/2"}
    newer = sealed(body)
    write(store, reference_path(NAME), newer)
    assert "pip install --upgrade xlt" in refused(store, tmp_path)
    source = report(tmp_path / "source", 1)
    with pytest.raises(StoreError, match="pip install --upgrade xlt"):
        publish(store, source, NAME, again=True)
    assert store.storage.read(reference_path(NAME)) == newer
    path = Path(store.url) / STORE_RECORD
    record = {key: value for key, value in json.loads(path.read_bytes()).items() if key != "sha256"}
    path.write_bytes(sealed(record | {"format": "xlt-store/2"}))
    with pytest.raises(StoreError, match="pip install --upgrade xlt"):
        Store.open(store.url)


def test_links_in_the_cache_lead_nowhere(store: Store, tmp_path: Path) -> None:
    source, elsewhere = report(tmp_path / "source", 1), tmp_path / "elsewhere"
    name = publish(store, source, Name("team", "data")).reference.name
    elsewhere.mkdir()
    cache = Cache(tmp_path / "cache")
    folder = pull(store, name, cache=cache).path
    for make_link in (lambda: folder.rename(folder.with_name("old")), lambda: (folder / "tables").rename(folder / "old")):
        make_link()
        link = folder if not folder.exists() else folder / "tables"
        link.symlink_to(elsewhere)
        assert contents(pull(store, name, cache=cache).path).items() >= contents(source).items()
        assert list(elsewhere.iterdir()) == []
        assert not link.is_symlink()


def test_the_cache_may_itself_be_a_link(store: Store, tmp_path: Path) -> None:
    source = report(tmp_path / "source", 1)
    (tmp_path / "large-disk").mkdir()
    (tmp_path / "cache").symlink_to(tmp_path / "large-disk")
    name = publish(store, source, Name("team", "data")).reference.name
    assert contents(pull(store, name, cache=Cache(tmp_path / "cache")).path) == contents(source)
    assert pull(store, name, cache=Cache(tmp_path / "cache")).files == 0


ESCAPE = "\x1b[2J\x9b2J\u202e"


@pytest.mark.parametrize("command", ["show", "lineage", "verify"])
@pytest.mark.parametrize("about", [{ESCAPE: ESCAPE, "recipe": {ESCAPE: ESCAPE}}, {"recipe": [ESCAPE]}])
def test_a_terminal_is_told_nothing_by_a_manifest(
    command: str, about: dict[str, Any], store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    forged(store, [file("a.csv")], about=about)
    found = run_here(capsys, "store", command, NAME, "--store", store.url)
    assert found.code == 0
    assert all(line.isprintable() for line in (found.out + found.err).split("\n"))


@pytest.mark.parametrize("command", ["show", "verify"])
def test_a_terminal_is_told_nothing_by_an_error(command: str, store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    forged(store, [file("a.csv", **{ESCAPE: 1})])
    found = run_here(capsys, "store", command, NAME, "--store", store.url)
    assert found.code == 1
    assert "\\x1b[2J" in found.out + found.err
    assert all(line.isprintable() for line in (found.out + found.err).split("\n"))


def test_a_terminal_is_told_nothing_by_a_store(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    path = Path(store.url) / STORE_RECORD
    body = {key: value for key, value in json.loads(path.read_bytes()).items() if key != "sha256"}
    path.write_bytes(sealed(body | {"probe": body["probe"] | {"at": ESCAPE}}))
    with pytest.raises(StoreError, match="reading what a probe found"):
        Store.open(store.url)


@pytest.mark.parametrize("objects", [7, [7], [None]])
def test_a_notice_of_another_shape_is_refused(objects: Any, store: Store) -> None:
    write(store, f"incoming/publish-{'0' * 32}", sealed({"format": INTENT_FORMAT, "objects": objects}))
    with pytest.raises(StoreError, match="if nobody is publishing"):
        collect(store)


def test_what_others_leave_in_a_folder_is_passed_over(store: Store, tmp_path: Path) -> None:
    source = report(tmp_path / "source", 1)
    name = publish(store, source, Name("team", "data")).reference.name
    for folder in ("references", "references/team/data", "objects", "incoming"):
        (Path(store.url) / folder / ".DS_Store").write_bytes(b"")
        (Path(store.url) / folder / "a\x1b[2J").write_bytes(b"")
    assert store.every_name() == [name]
    assert collect(store, apply=True).removed == ()


def test_a_link_in_place_of_a_pulled_folder_makes_way_for_it(store: Store, tmp_path: Path) -> None:
    source, cache = report(tmp_path / "source", 1), Cache(tmp_path / "cache")
    name = publish(store, source, Name("team", "data")).reference.name
    folder = pull(store, name, cache=cache).path
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    folder.with_name(f"{folder.name}.json").unlink()
    assert contents(pull(store, name, cache=cache).path) == contents(source)
    assert not folder.is_symlink()
