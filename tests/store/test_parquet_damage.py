"""Damage to a Parquet rendering, by chance or on purpose: none goes unseen."""

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.damage import flipped
from tests.store.rendered import Change, make, render
from xlt_augment.canonical import pretty_json, sha256_file, sha256_json
from xlt_augment.errors import DatasetError
from xlt_augment.materialize.parquet import verify_parquet, write_parquet


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return make(tmp_path)


@pytest.fixture
def out(data: Path) -> Path:
    return render(data)


def test_300_flipped_bits_are_300_errors(out: Path) -> None:
    files = sorted(out.iterdir())
    assert len(files) == 5
    for _ in flipped(files, 300):
        with pytest.raises(DatasetError, match="Fetch or build|Export the dataset again|Update xlt"):
            verify_parquet(out)
    verify_parquet(out)


def _signed(out: Path, change: Change = lambda body: None) -> None:
    """Describe the files as they are, and sign that."""
    body = json.loads((out / "xlt-parquet.json").read_bytes())
    for entry in body["files"]:
        path = out / entry["path"]
        entry |= {"bytes": path.stat().st_size, "sha256": sha256_file(path)}
    change(body)
    del body["sha256"]
    (out / "xlt-parquet.json").write_bytes(pretty_json(body | {"sha256": sha256_json(body)}))


def test_other_rows_have_another_hash_whoever_signs_them(out: Path) -> None:
    path = out / "data-00001-of-00003.parquet"
    table = pq.read_table(path)
    for changed in (
        table.set_column(0, "sentence1", pa.array(["another", *table["sentence1"].to_pylist()[1:]])),
        table.take(pa.array([1, 0, *range(2, len(table))])),
    ):
        pq.write_table(changed, path)
        _signed(out)
        with pytest.raises(DatasetError, match="found rows with the logical hash"):
            verify_parquet(out)
    pq.write_table(table.slice(1), path)
    _signed(out)
    with pytest.raises(DatasetError, match=f"data-00001-of-00003.parquet: found {len(table) - 1} rows; expected {len(table)}"):
        verify_parquet(out)
    pq.write_table(table.drop_columns("changed"), path)
    _signed(out)
    with pytest.raises(DatasetError, match="found other columns than in the first file"):
        verify_parquet(out)
    pq.write_table(table, path, store_schema=False)
    _signed(out)
    with pytest.raises(DatasetError, match="expected a complete Parquet file of ours"):
        verify_parquet(out)
    path.write_bytes(b"PAR1 and nothing else")
    _signed(out)
    with pytest.raises(DatasetError, match="expected a complete Parquet file of ours"):
        verify_parquet(out)


def test_a_missing_or_shortened_file_is_named(out: Path) -> None:
    for path in sorted(out.iterdir()):
        content = path.read_bytes()
        path.write_bytes(content[:-1])
        with pytest.raises(DatasetError, match=path.name):
            verify_parquet(out)
        path.unlink()
        with pytest.raises(DatasetError, match=path.name):
            verify_parquet(out)
        path.write_bytes(content)
    verify_parquet(out)


def test_a_file_that_globs_would_read_too_is_refused(out: Path) -> None:
    (out / "cache.json").write_text("others may leave what they like")
    verify_parquet(out)
    shutil.copy(out / "data-00000-of-00003.parquet", out / "data-00003-of-00003.parquet")
    with pytest.raises(DatasetError, match="data-00003-of-00003.parquet: found a file of no part of the dataset"):
        verify_parquet(out)


HOSTILE: dict[str, Change] = {
    "a path upwards": lambda body: body["files"][0].update(path="../data/xlt.json"),
    "an absolute path": lambda body: body["files"][0].update(path="/etc/passwd"),
    "itself": lambda body: body["files"][0].update(path="xlt-parquet.json"),
    "no list": lambda body: body.update(files=None),
    "no recipe": lambda body: body.update(recipe=None),
    "no m": lambda body: body["recipe"].pop("m"),
    "m of nothing": lambda body: body["recipe"].update(m=-1),
    "m of too much": lambda body: body["recipe"].update(m=10**30),
    "m of truth": lambda body: body["recipe"].update(m=True),
    "rows in words": lambda body: body["files"][0].update(rows="12"),
    "fewer than no rows": lambda body: body["files"][0].update(rows=-12),
    "one key more": lambda body: body.update(more=1),
    "no hash": lambda body: body.update(logical_hash=None),
    "newer": lambda body: body.update(format="xlt-parquet/2"),
    "a list": lambda body: body.update(format=["xlt-parquet/1"]),
}


@pytest.mark.parametrize("change", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_description_is_refused(change: Change, out: Path) -> None:
    _signed(out, change)
    with pytest.raises(DatasetError, match=r"reading .*xlt-parquet\.json: .*(Export the dataset again|Update xlt)"):
        verify_parquet(out)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"[" * 60_000, b"\xff", b'{"sha256": 1, "format": 1}'])
def test_what_is_no_description_is_refused(content: bytes, out: Path) -> None:
    (out / "xlt-parquet.json").write_bytes(content)
    with pytest.raises(DatasetError, match=r"reading .*xlt-parquet\.json"):
        verify_parquet(out)


def test_a_damaged_dataset_is_not_rendered(data: Path, tmp_path: Path) -> None:
    path = sorted(data.glob("*.arrow"))[0]
    content = path.read_bytes()
    path.write_bytes(content.replace(b"happy", b"hippy", 1))
    with pytest.raises(DatasetError, match="found rows with the logical hash .*Run xlt-augment verify"):
        write_parquet(data, tmp_path / "out")
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(DatasetError, match=path.name):
        write_parquet(data, tmp_path / "out")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["data", "née.tsv"]
