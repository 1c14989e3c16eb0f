"""A training set is opened only when every byte is the manifest's; receipts spare hashing and hide nothing."""

import json
import os
import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from xlt_augment import Substitute, SynonymSet, build
from xlt_train import TrainingSet
from xlt_train.data import receipts, verify
from xlt_train.data.manifest import Manifest
from xlt_train.errors import DatasetError
from xlt_train.files import pretty_json, sha256_json

FILES = ("README.md", "data-00000-of-00001.arrow", "dataset_info.json", "state.json")
CHANGES: dict[str, Callable[[bytes], bytes | None]] = {
    "first byte flipped": lambda content: bytes([content[0] ^ 1]) + content[1:],
    "last bit flipped": lambda content: content[:-1] + bytes([content[-1] ^ 128]),
    "truncated by one": lambda content: content[:-1],
    "emptied": lambda content: b"",
    "appended": lambda content: content + b"\n",
    "removed": lambda content: None,
}


def _write_dataset(folder: Path, labels: list[str]) -> Path:
    lines = [f"a good movie {k}\ta happy film {k}" + (f"\t{label}" if label else "") for k, label in enumerate(labels)]
    (folder / "c.tsv").write_text("".join(line + "\n" for line in lines))
    build(folder / "c.tsv", Substitute(SynonymSet.default(), p=0.5), m=2, out=folder / "d")
    return folder / "d"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of six rows in three variants."""
    return _write_dataset(tmp_path_factory.mktemp("original"), ["0", "1"] * 3)


@pytest.fixture
def dataset(original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, and a place for receipts that is empty."""
    monkeypatch.setenv("XLT_CACHE", str(tmp_path / "own-cache"))
    return Path(shutil.copytree(original, tmp_path / "d"))


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock of receipts is ten seconds ahead: the files of the test count as old."""
    clock = SimpleNamespace(time_ns=lambda: time.time_ns() + 10_000_000_000)
    monkeypatch.setattr(receipts, "time", clock)


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that were hashed."""
    names: list[str] = []

    def count(path: Path) -> str:
        names.append(path.name)
        return plain(path)

    plain = verify.sha256_file
    monkeypatch.setattr(verify, "sha256_file", count)
    return names


def _body(dataset: Path) -> dict[str, Any]:
    return dict(json.loads((dataset / "xlt.json").read_bytes()))


def _sign(dataset: Path, body: dict[str, Any]) -> None:
    """Write a manifest that is whole by its own hash, in the rendering of `xlt-augment`."""
    rest = {key: value for key, value in body.items() if key != "manifest_sha256"}
    (dataset / "xlt.json").write_bytes(pretty_json(rest | {"manifest_sha256": sha256_json(rest)}))


def _refused(dataset: Path, *says: str, rehash: bool = False) -> None:
    with pytest.raises(DatasetError) as error:
        TrainingSet.open(dataset, rehash=rehash)
    for part in says:
        assert part in str(error.value)
    assert "\n" not in str(error.value)


def _change_in_place(path: Path) -> None:
    """Another content of the same size under the same inode and modification time; only the time of change differs."""
    before = path.stat()
    content = path.read_bytes()
    time.sleep(0.02)  # the kernel's clock of file times has a grain of up to 10 ms
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_mtime_ns == before.st_mtime_ns


def test_the_files_are_those_of_the_table(dataset: Path) -> None:
    assert sorted(entry.path for entry in Manifest.read(dataset).files) == sorted(FILES)
    assert sorted(path.name for path in dataset.iterdir()) == sorted([*FILES, "xlt.json"])


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", FILES)
def test_any_change_of_any_file_is_refused(name: str, change: str, dataset: Path, settled: None) -> None:
    TrainingSet.open(dataset)  # leaves a receipt, which must not hide the change
    time.sleep(0.02)
    path = dataset / name
    content = CHANGES[change](path.read_bytes())
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    _refused(dataset, f"checking {path}", "Fetch or build")
    _refused(dataset, f"checking {path}", rehash=True)


def test_a_file_that_is_none_is_refused(dataset: Path) -> None:
    (dataset / "README.md").unlink()
    (dataset / "README.md").mkdir()
    _refused(dataset, str(dataset / "README.md"))
    (dataset / "README.md").rmdir()
    (dataset / "README.md").symlink_to("nowhere")
    _refused(dataset, str(dataset / "README.md"), "No such file")


def test_files_of_others_are_no_damage(dataset: Path) -> None:
    (dataset / "cache-0123456789abcdef.arrow").write_bytes(b"dropped by datasets")
    assert len(TrainingSet.open(dataset).rows) == 18


def test_any_flipped_byte_of_the_manifest_is_refused(dataset: Path) -> None:
    path, chance = dataset / "xlt.json", random.Random(0)
    content = path.read_bytes()
    for k in range(len(content)):
        flipped = bytearray(content)
        flipped[k] ^= 1 << chance.randrange(8)
        path.write_bytes(flipped)
        with pytest.raises(DatasetError, match=r"reading .*xlt\.json"):
            Manifest.read(dataset)
    for other in (b"", content[:-1], content + b"\n", content[: len(content) // 2], b"[" * 100_000, b"null", b"[]", b"\xff"):
        path.write_bytes(other)
        _refused(dataset, str(path))
    path.unlink()
    _refused(dataset, str(dataset), "xlt.json", "xlt-augment build")


def test_a_manifest_in_another_rendering_is_refused(dataset: Path) -> None:
    (dataset / "xlt.json").write_text(json.dumps(_body(dataset)))
    _refused(dataset, "a changed manifest")


def test_another_format_version_is_refused(dataset: Path) -> None:
    _sign(dataset, _body(dataset) | {"format": "xlt-dataset/2"})
    _refused(dataset, "xlt-dataset/2", "xlt-dataset/1", "Update xlt")


@pytest.mark.parametrize("key", ["recipe", "source", "files", "logical_hash", "synonyms"])
def test_a_manifest_without_a_key_is_refused(key: str, dataset: Path) -> None:
    body = _body(dataset)
    del body[key]
    _sign(dataset, body)
    _refused(dataset, str(dataset / "xlt.json"), key)


def test_a_manifest_that_names_files_elsewhere_is_refused(dataset: Path) -> None:
    for name in ("../c.tsv", "/etc/passwd", "a/b", ".hidden", ""):
        body = _body(dataset)
        body["files"][0]["path"] = name
        _sign(dataset, body)
        _refused(dataset, "a file name that is not plain")


@pytest.mark.parametrize(("key", "value"), [("rows", 7), ("label_names", ["0", "2"]), ("label_names", ["1", "0"])])
def test_a_manifest_that_says_other_things_than_the_rows_is_refused(key: str, value: object, dataset: Path) -> None:
    body = _body(dataset)
    body["source"][key] = value
    _sign(dataset, body)
    _refused(dataset, f"opening {dataset}", "Fetch or build")


def test_no_dataset_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XLT_CACHE", str(tmp_path / "own-cache"))
    _refused(tmp_path / "nothing", "no such folder", "xlt-augment build")
    (tmp_path / "file").write_text("x")
    for path in (tmp_path, tmp_path / "file"):
        _refused(path, str(path), "no readable xlt.json")


@pytest.mark.parametrize(("labels", "says"), [(["", "", ""], "no labels"), (["1", "1", "1"], "the single class '1'")])
def test_labels_are_needed(labels: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XLT_CACHE", str(tmp_path / "own-cache"))
    _refused(_write_dataset(tmp_path, labels), says, "at least two classes", "--label-column")


def test_a_second_open_hashes_nothing(dataset: Path, settled: None, hashed: list[str]) -> None:
    first = TrainingSet.open(dataset).checked
    assert (first.hashed, first.by_receipt, first.remark) == (4, 0, "")
    assert str(first) == "4 files hashed"
    assert sorted(hashed) == sorted(FILES)
    hashed.clear()
    second = TrainingSet.open(dataset).checked
    assert (second.hashed, second.by_receipt, second.remark) == (0, 4, "")
    assert str(second) == "4 files unchanged since they were hashed"
    assert hashed == []
    assert TrainingSet.open(dataset, rehash=True).checked.hashed == 4
    assert sorted(hashed) == sorted(FILES)


def test_a_receipt_says_what_the_format_promises(dataset: Path, settled: None, tmp_path: Path) -> None:
    TrainingSet.open(dataset)
    (path,) = (tmp_path / "own-cache" / "receipts").iterdir()
    found = json.loads(path.read_bytes())
    stats = {name: (dataset / name).stat() for name in FILES}
    assert found == {
        "format": "xlt-receipt/1",
        "folder": str(dataset.resolve()),
        "manifest_sha256": _body(dataset)["manifest_sha256"],
        "files": {name: [s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_ino] for name, s in stats.items()},
    }


@pytest.mark.parametrize("name", FILES)
def test_another_content_under_the_old_time_is_found(name: str, dataset: Path, settled: None, hashed: list[str]) -> None:
    TrainingSet.open(dataset)
    hashed.clear()
    _change_in_place(dataset / name)
    _refused(dataset, f"checking {dataset / name}", "sha256")
    assert hashed == [name]


def test_a_touched_file_alone_is_hashed_again(dataset: Path, settled: None, hashed: list[str]) -> None:
    TrainingSet.open(dataset)
    hashed.clear()
    time.sleep(0.02)
    os.utime(dataset / "state.json")
    found = TrainingSet.open(dataset).checked
    assert (found.hashed, found.by_receipt) == (1, 3)
    assert hashed == ["state.json"]
    assert TrainingSet.open(dataset).checked.hashed == 0


def test_a_copy_has_no_receipt(dataset: Path, settled: None, tmp_path: Path) -> None:
    TrainingSet.open(dataset)
    copy = Path(shutil.copytree(dataset, tmp_path / "copy"))  # with the modification times
    assert TrainingSet.open(copy).checked.hashed == 4
    assert TrainingSet.open(dataset).checked.hashed == 0
    shutil.rmtree(dataset)
    copy.rename(dataset)  # at the old place, under the old manifest, but other files
    assert TrainingSet.open(dataset).checked.hashed == 4


def test_a_receipt_is_found_by_any_way_to_the_folder(
    dataset: Path, settled: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    TrainingSet.open(dataset)
    (tmp_path / "link").symlink_to(dataset)
    monkeypatch.chdir(tmp_path)
    for path in (Path("d"), tmp_path / "link", Path("link/../d")):
        assert TrainingSet.open(path).checked.hashed == 0


def test_a_receipt_belongs_to_one_manifest(dataset: Path, settled: None) -> None:
    TrainingSet.open(dataset)
    _sign(dataset, _body(dataset) | {"software": {}})
    assert TrainingSet.open(dataset).checked.hashed == 4


def test_young_files_get_no_receipt(dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in dataset.iterdir():
        os.utime(path, ns=(0, 0))  # an old modification time alone proves nothing: anybody can set it
    for _ in range(2):
        assert TrainingSet.open(dataset).checked.hashed == 4
    (path,) = (tmp_path / "own-cache" / "receipts").iterdir()
    assert json.loads(path.read_bytes())["files"] == {}
    later = time.time_ns() + 1_500_000_000
    monkeypatch.setattr(receipts, "time", SimpleNamespace(time_ns=lambda: later))
    assert [TrainingSet.open(dataset).checked.hashed for _ in range(2)] == [4, 4]
    later += 1_000_000_000
    assert [TrainingSet.open(dataset).checked.hashed for _ in range(2)] == [4, 0]


def test_a_file_written_while_it_is_hashed_is_refused(dataset: Path, settled: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def meddle(path: Path) -> str:
        found = plain(path)
        time.sleep(0.02)
        path.write_bytes(path.read_bytes())
        return found

    plain = verify.sha256_file
    monkeypatch.setattr(verify, "sha256_file", meddle)
    _refused(dataset, "changed while it was read")


GARBAGE = [b"", b"{", b"null", b"[]", b"7", b'"x"', b"\xff", b"{}", b'{"format": "xlt-receipt/1"}', b"[" * 100_000]


@pytest.mark.parametrize("content", GARBAGE, ids=lambda content: repr(content[:12]))
def test_a_garbage_receipt_is_no_receipt(content: bytes, dataset: Path, settled: None, tmp_path: Path) -> None:
    TrainingSet.open(dataset)
    (path,) = (tmp_path / "own-cache" / "receipts").iterdir()
    path.write_bytes(content)
    found = TrainingSet.open(dataset).checked
    assert (found.hashed, found.remark) == (4, "")
    assert TrainingSet.open(dataset).checked.hashed == 0


@pytest.mark.parametrize("files", [None, [], 5, {}, dict.fromkeys(FILES), {name: [1, 2, 3, 4] for name in FILES}])
def test_a_receipt_of_other_stamps_is_no_receipt(files: object, dataset: Path, settled: None, tmp_path: Path) -> None:
    TrainingSet.open(dataset)
    (path,) = (tmp_path / "own-cache" / "receipts").iterdir()
    path.write_bytes(pretty_json(json.loads(path.read_bytes()) | {"files": files}))
    assert TrainingSet.open(dataset).checked.hashed == 4


@pytest.mark.parametrize("place", ["/proc/xlt/cache", "file", "file/below"])
def test_a_cache_that_cannot_be_written_is_said(
    place: str, dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("mine")
    monkeypatch.setenv("XLT_CACHE", str(tmp_path / place))
    found = TrainingSet.open(dataset).checked
    assert found.hashed == 4
    assert str(found).startswith("4 files hashed; no receipt kept: ")
    assert str(tmp_path / place) in found.remark
    assert (tmp_path / "file").read_text() == "mine"


def test_a_folder_in_the_place_of_the_receipt_is_said(dataset: Path, settled: None, tmp_path: Path) -> None:
    TrainingSet.open(dataset)
    (path,) = (tmp_path / "own-cache" / "receipts").iterdir()
    path.unlink()
    path.mkdir()
    found = TrainingSet.open(dataset).checked
    assert found.hashed == 4
    assert "Is a directory" in found.remark
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_the_cache_lies_where_the_user_wants(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XLT_CACHE", str(tmp_path / "a"))
    assert receipts.cache_folder() == tmp_path / "a" / "receipts"
    monkeypatch.delenv("XLT_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "b"))
    assert receipts.cache_folder() == tmp_path / "b" / "xlt" / "receipts"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert receipts.cache_folder() == tmp_path / ".cache" / "xlt" / "receipts"


def test_a_user_without_a_home_gets_no_receipt(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container whose user is in no password file."""

    def nobody(number: int) -> object:
        raise KeyError(number)

    monkeypatch.delenv("XLT_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", nobody)
    manifest = Manifest.read(dataset)
    found = verify.check_files(dataset, manifest)
    assert found.hashed == 4
    assert found.remark
