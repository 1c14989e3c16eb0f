"""Names and manifests: what is taken, and what a hostile one may not do."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.store.made import made_store
from xlt_augment.errors import StoreError, UsageError
from xlt_augment.store.artifacts import Artifact, Parent, StoredFile, read_artifact
from xlt_augment.store.names import Name, parse_name, stored_name
from xlt_augment.store.records import sealed, unsealed
from xlt_augment.store.repository import Reference, Store

GOOD = {
    "nli-team/pawsx": Name("nli-team", "pawsx"),
    "a/b@v1": Name("a", "b", 1),
    "team2/x-m10-p01@v120": Name("team2", "x-m10-p01", 120),
    f"{'a' * 64}/{'b' * 64}": Name("a" * 64, "b" * 64),
}
BAD = [  # of names
    "", "pawsx", "a/b/c", "A/b", "a/B", "a/b@3", "a/b@v0", "a/b@v01", "a/b@v1.0", "a/b@v1\n", "a/b ", "../b", "a/..",
    "a/b@latest", "a//b", "a/-b", "a/b-", "a/b--c", "a/b_c", "a/b.c", "1/b", "a/1", "ä/b", "a/b@v²", f"{'a' * 65}/b",
    "a/b@v9999999999", "a\\b",
]  # fmt: skip


@pytest.mark.parametrize("text", GOOD)
def test_names_are_read_and_written_alike(text: str) -> None:
    assert parse_name(text) == GOOD[text]
    assert str(parse_name(text)) == text


@pytest.mark.parametrize("text", BAD)
def test_other_names_are_refused_when_given_and_when_read(text: str) -> None:
    with pytest.raises(UsageError, match="team/dataset@v3"):
        parse_name(text)
    with pytest.raises(StoreError, match="team/dataset@v3"):
        stored_name(text, "a reference")


@pytest.mark.parametrize("value", [None, 3, ["a/b@v1"], "a/b"])
def test_a_stored_name_is_text_with_a_version(value: object) -> None:
    with pytest.raises(StoreError):
        stored_name(value, "a reference")


def _manifest(**changes: Any) -> bytes:
    files = (StoredFile("data-0.arrow", 3, "1" * 64), StoredFile("tables/x.csv", 1, "2" * 64))
    parents = (Parent("synonyms", "s", "3" * 64, (Parent("vectors", "v", "4" * 64),)),)
    made = Artifact(kind="dataset", identity="0" * 64, files=files, parents=parents, about={"rows": 3})
    return json.dumps(json.loads(made.to_bytes()) | changes).encode()


def test_a_manifest_comes_back_as_it_was() -> None:
    read = read_artifact(_manifest(), "here")
    assert read.parents[0].parents[0] == Parent("vectors", "v", "4" * 64)
    assert read_artifact(read.to_bytes(), "here") == read
    assert read.n_bytes == 4


HOSTILE_PATHS = [
    "../x", "/etc/passwd", "a/../../x", "..", ".", ".hidden", "a/.b", "a\\b", "a\0b", "C:x", "a//b", "a/", "", "a/b/c/d/e", "ä",
    "a b", "a\n", "~/x", "%2e%2e/x", "x" * 300, None, 3,
]  # fmt: skip


@pytest.mark.parametrize("path", HOSTILE_PATHS)
def test_a_path_out_of_its_folder_is_refused(path: object) -> None:
    with pytest.raises(StoreError, match="verify"):
        read_artifact(_manifest(files=[{"path": path, "bytes": 1, "sha256": "1" * 64}]), "here")


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "program"}, {"identity": "0" * 63}, {"identity": None}, {"files": []}, {"files": {}},
        {"about": []}, {"parents": None},
        {"files": [{"path": "a", "bytes": -1, "sha256": "1" * 64}]},
        {"files": [{"path": "a", "bytes": True, "sha256": "1" * 64}]},
        {"files": [{"path": "a", "bytes": 1, "sha256": "A" * 64}]}, {"files": [{"path": "a", "bytes": 1}]},
        {"files": [{"path": p, "bytes": 1, "sha256": "1" * 64} for p in ("a", "A")]},
        {"files": [{"path": p, "bytes": 1, "sha256": "1" * 64} for p in ("a", "a/b")]},
        {"parents": [{"kind": "x", "name": "y", "identity": "zz", "parents": []}]}, {"more": 1},
    ],
)  # fmt: skip
def test_a_manifest_of_another_shape_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(StoreError, match="verify"):
        read_artifact(_manifest(**changes), "here")


def test_ancestors_without_end_are_refused() -> None:
    parent: dict[str, Any] = {"kind": "x", "name": "y", "identity": "1" * 64, "parents": []}
    for _ in range(200):
        parent = parent | {"parents": [parent]}
    with pytest.raises(StoreError):
        read_artifact(_manifest(parents=[parent]), "here")


@pytest.mark.parametrize("content", [b"", b"null", b"[]", b"{", b"\xff", b"3", b"[" * 100_000])
def test_what_is_no_manifest_is_refused(content: bytes) -> None:
    with pytest.raises(StoreError):
        read_artifact(content, "here")
    with pytest.raises(StoreError):
        unsealed(content, "xlt-reference/1", "here", dict)


def test_a_newer_format_says_so() -> None:
    with pytest.raises(StoreError, match="pip install --upgrade xlt"):
        read_artifact(_manifest(format="xlt-artifact/2"), "here")
    with pytest.raises(StoreError, match="pip install --upgrade xlt"):
        unsealed(sealed({"format": "xlt-reference/9"}), "xlt-reference/1", "here", dict)


REFERENCE = {
    "format": "xlt-reference/1", "name": "a/b@v1", "artifact": "1" * 64, "kind": "dataset", "identity": "2" * 64,
    "by": "ann@lab", "at": "2026-01-01T00:00:00Z", "nonce": "00",
}  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [
        {"artifact": "../../x"}, {"identity": ""}, {"kind": "program"}, {"name": "a/b"}, {"name": "../b@v1"},
        {"by": "ann\x1b[2J"}, {"at": 3}, {"nonce": None}, {"more": 1},
    ],
)  # fmt: skip
def test_a_hostile_reference_is_refused(changes: dict[str, Any]) -> None:
    assert Reference.from_bytes(sealed(REFERENCE), "here", "Mend it").name == Name("a", "b", 1)
    with pytest.raises(StoreError):
        Reference.from_bytes(sealed(REFERENCE | changes), "here", "Mend it")


@pytest.mark.parametrize("changes", [{"id": "../../x"}, {"id": 3}, {"created": "\x1b[2J"}, {"probe": {}}, {"id": None}])
def test_a_hostile_store_is_refused(changes: dict[str, Any], tmp_path: Path) -> None:
    made_store(tmp_path / "s")
    path = tmp_path / "s" / "xlt-store.json"
    body = {key: value for key, value in json.loads(path.read_bytes()).items() if key != "sha256"}
    path.write_bytes(sealed(body))
    assert Store.open(str(tmp_path / "s"))
    path.write_bytes(sealed(body | changes))
    with pytest.raises(StoreError):
        Store.open(str(tmp_path / "s"))


@given(st.dictionaries(st.text(), st.none() | st.integers() | st.text(), max_size=4), st.data())
def test_any_other_byte_of_a_record_is_found(body: dict[str, Any], data: st.DataObject) -> None:
    body = {key: value for key, value in body.items() if key != "sha256"} | {"format": "xlt-reference/1"}
    try:
        content = sealed(body)
    except UnicodeEncodeError:  # half of a surrogate pair cannot be written at all
        return
    assert {**unsealed(content, "xlt-reference/1", "here", dict), "format": "xlt-reference/1"} == body
    at = data.draw(st.integers(0, len(content) - 1))
    bit = 1 << data.draw(st.integers(0, 7))
    with pytest.raises(StoreError):
        unsealed(content[:at] + bytes([content[at] ^ bit]) + content[at + 1 :], "xlt-reference/1", "here", dict)
