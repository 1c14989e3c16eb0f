"""`verify` finds every flipped bit, and everything else that is not as the manifest says."""

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from tests.damage import flipped
from xlt_augment import Substitute, SynonymSet, build
from xlt_augment.canonical import pretty_json, sha256_file, sha256_json
from xlt_augment.errors import DatasetError
from xlt_augment.materialize.dataset import AugmentedDataset
from xlt_augment.materialize.manifest import Manifest
from xlt_augment.materialize.verify import verify

WORDS = SynonymSet.from_mapping({"good": ["fine", "nice"], "movie": ["film"], "happy": ["glad"], "naïve": ["simple"]})


@pytest.fixture
def dataset(small_tsv: Callable[..., Path]) -> Path:
    path = small_tsv(*(f"A good movie {k} naïve\thappy film\t{k % 2}" for k in range(20)), name="née.tsv")
    return build(path, Substitute(WORDS, p=0.5), m=3, out="out", max_shard_size=4_000).path


def test_300_flipped_bits_are_300_errors(dataset: Path) -> None:
    files = sorted(dataset.iterdir())
    assert len(files) > 5
    for _ in flipped(files, 300):
        with pytest.raises(DatasetError, match="Fetch or build|Update xlt|Check the path"):
            verify(dataset)
    verify(dataset)


def test_every_bit_of_the_manifest_counts(dataset: Path) -> None:
    path = dataset / "xlt.json"
    content = path.read_bytes()
    for at in range(len(content)):
        for bit in range(8):
            damaged = bytearray(content)
            damaged[at] ^= 1 << bit
            path.write_bytes(damaged)
            with pytest.raises(DatasetError):
                Manifest.read(dataset)


def test_a_missing_or_shortened_file_is_named(dataset: Path) -> None:
    for path in sorted(dataset.iterdir()):
        content = path.read_bytes()
        path.write_bytes(content[:-1])
        with pytest.raises(DatasetError, match=path.name):
            verify(dataset)
        path.unlink()
        with pytest.raises(DatasetError, match=path.name):
            verify(dataset)
        path.write_bytes(content)


def test_caches_of_datasets_are_not_ours(dataset: Path) -> None:
    (dataset / "cache-0123456789abcdef.arrow").write_bytes(b"x")
    (dataset / "notes.txt").write_bytes(b"x")
    assert verify(dataset).unlisted == ("notes.txt",)


def _forge(folder: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    """Rewrite the rows and every file hash, as somebody would who only recomputes checksums."""
    table = change(AugmentedDataset.open(folder).head(10**9))
    body = json.loads((folder / "xlt.json").read_bytes())
    first, *rest = [entry for entry in body["files"] if entry["rows"] is not None]
    with pa.OSFile(str(folder / "new"), "wb") as stream, pa.ipc.new_stream(stream, table.schema) as writer:
        writer.write_table(table)
    (folder / "new").rename(folder / first["path"])  # the old file is still mapped
    first |= {
        "bytes": (folder / first["path"]).stat().st_size,
        "rows": table.num_rows,
        "sha256": sha256_file(folder / first["path"]),
    }
    body["files"] = [first] + [entry for entry in body["files"] if entry["rows"] is None]
    del body["manifest_sha256"]
    (folder / "xlt.json").write_bytes(pretty_json(body | {"manifest_sha256": sha256_json(body)}))


def _replace(name: str, value: object) -> Callable[[pa.Table], pa.Table]:
    def change(table: pa.Table) -> pa.Table:
        column = pa.array([value, *table[name].to_pylist()[1:]], table.schema.field(name).type)
        return table.set_column(table.schema.get_field_index(name), table.schema.field(name), column)

    return change


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda t: t, None),
        (lambda t: t.slice(1), "source_id|variant"),
        (lambda t: t.slice(0, t.num_rows - 4), "76 rows"),
        (lambda t: t.take([1, 0, *range(2, t.num_rows)]), "variant 1 in row 0"),
        (_replace("changed", 5), "logical hash"),
        (_replace("label", 1), "logical hash"),
        (_replace("sentence1", "another"), "logical hash"),
        (_replace("source_id", 9), "source_id 9 in row 0"),
        (lambda t: t.drop_columns(["changed"]), "changed: int32 among them"),
    ],
)
def test_forged_rows_are_found(change: Callable[[pa.Table], pa.Table], says: str | None, dataset: Path) -> None:
    _forge(dataset, change)
    if says is None:
        verify(dataset)
    else:
        with pytest.raises(DatasetError, match=says):
            verify(dataset)


def test_an_original_that_is_not_the_source_is_found(dataset: Path) -> None:
    body = json.loads((dataset / "xlt.json").read_bytes())
    del body["manifest_sha256"]
    body["source"]["sha256"] = "0" * 64
    (dataset / "xlt.json").write_bytes(pretty_json(body | {"manifest_sha256": sha256_json(body)}))
    with pytest.raises(DatasetError, match="variant 0"):
        verify(dataset)


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("format", "xlt-dataset/2", "xlt-dataset/2.*Update xlt"),
        ("format", "other", "the format other"),
        ("files", [{"path": "../evil", "bytes": 1, "rows": None, "sha256": ""}], "manifest"),
        ("files", [{"path": "xlt.json", "bytes": 1, "rows": None, "sha256": ""}], "manifest"),
        ("files", 7, "manifest"),
        ("recipe", None, "manifest"),
    ],
)
def test_a_hostile_manifest_is_refused(key: str, value: object, says: str, dataset: Path) -> None:
    body = json.loads((dataset / "xlt.json").read_bytes())
    del body["manifest_sha256"]
    body[key] = value
    (dataset / "xlt.json").write_bytes(pretty_json(body | {"manifest_sha256": sha256_json(body)}))
    with pytest.raises(DatasetError, match=says):
        verify(dataset)
