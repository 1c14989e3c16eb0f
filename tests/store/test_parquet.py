"""The Parquet rendering: the same rows for every reader, the same logical hash, and no damage that goes unseen."""

import errno
import json
import os
import shutil
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import datasets
import duckdb
import polars
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.command import run_here
from tests.store.rendered import WORDS, M, make, render
from xlt_augment import Substitute, build
from xlt_augment.errors import DatasetError, OutputError
from xlt_augment.materialize import parquet
from xlt_augment.materialize.manifest import Manifest
from xlt_augment.materialize.parquet import verify_parquet, write_parquet
from xlt_augment.materialize.rendering import Rendering


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return make(tmp_path)


@pytest.fixture
def out(data: Path) -> Path:
    return render(data)


def test_every_reader_sees_the_same_rows(data: Path, out: Path, tmp_path: Path) -> None:
    rows = datasets.load_from_disk(str(data))
    files = sorted(map(str, out.glob("*.parquet")))
    assert len(files) > 2
    expected = rows.to_list()
    for source in ({"path": "parquet", "data_files": files}, {"path": str(out)}):  # the latter by the card's head
        back = datasets.load_dataset(**source, split="train", cache_dir=str(tmp_path / "cache"))
        assert back.features == rows.features
        assert back.features["label"].names == ["no", "yes"]
        assert back.to_list() == expected
    pattern = f"{out}/data-*.parquet"
    assert polars.read_parquet(pattern).to_dicts() == expected
    found = duckdb.sql(f"SELECT * FROM '{pattern}' ORDER BY source_id, variant")
    assert [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()] == expected
    counted = duckdb.sql(f"SELECT count(*) FROM '{pattern}' WHERE variant = 0 AND label = 1").fetchall()
    assert counted == [(sum(row["label"] for row in expected[:: M + 1]),)]


@pytest.mark.parametrize("sizes", [{}, {"max_file": 1}, {"row_group": 1}, {"max_file": 2_500, "row_group": 700}])
def test_the_hash_does_not_depend_on_the_cut(sizes: dict[str, int], data: Path, tmp_path: Path) -> None:
    done = write_parquet(data, tmp_path / "out", **sizes)
    manifest = Manifest.read(data)
    assert done.logical_hash == manifest.logical_hash
    assert done.manifest_sha256 == manifest.to_json()["manifest_sha256"]
    assert verify_parquet(tmp_path / "out") == done == Rendering.read(tmp_path / "out")
    assert done.rows == manifest.rows == 40 * (M + 1)
    assert [entry.path for entry in done.data_files] == sorted(path.name for path in (tmp_path / "out").glob("*.parquet"))


def test_row_groups_and_files_have_the_stated_size(data: Path, tmp_path: Path) -> None:
    source = pa.concat_tables(pa.ipc.open_stream(path.read_bytes()).read_all() for path in sorted(data.glob("*.arrow")))
    mean = source.nbytes / len(source)
    done = write_parquet(data, tmp_path / "out", max_file=1_500, row_group=2_000)
    assert len(done.data_files) > 1
    rows = []
    for entry in done.data_files:
        described = pq.ParquetFile(tmp_path / "out" / entry.path).metadata
        groups = [described.row_group(k).num_rows for k in range(described.num_row_groups)]
        rows += groups
        assert all(part.total_byte_size < 2_000 for part in map(described.row_group, range(described.num_row_groups)))
        assert len(groups) > 1
    assert max(rows) * mean < 2_400
    assert min(rows[:-1]) * mean > 1_000


def test_the_columns_are_plain(out: Path) -> None:
    described = pq.ParquetFile(out / "data-00000-of-00003.parquet")
    kinds = [str(described.schema.column(k).logical_type) for k in range(3)]
    assert (described.schema.names[:3], kinds) == (["sentence1", "sentence2", "label"], ["String", "String", "None"])
    group = described.metadata.row_group(0)
    columns = {group.column(k).path_in_schema: group.column(k) for k in range(group.num_columns)}
    assert {column.compression for column in columns.values()} == {"ZSTD"}
    ranges = [name for name, column in columns.items() if column.is_stats_set]
    assert ranges == ["label", "source_id", "variant", "changed"]  # and no texts in the file's foot


EVERY: dict[str, Any] = {
    "large": pa.array(["a", None, "é"], pa.large_string()),
    "binary": pa.array([b"\0a", None, b""]),
    "fixed": pa.array([b"aa", None, b"bb"], pa.binary(2)),
    "half": pa.array([1.5, None, -0.0], pa.float16()),
    "single": pa.array([1.5, None, float("nan")], pa.float32()),
    "byte": pa.array([1, None, 255], pa.uint8()),
    "unsigned": pa.array([1, None, 2**64 - 1], pa.uint64()),
    "truth": pa.array([True, None, False]),
    "day": pa.array([date(2020, 1, 1), None, date(1900, 1, 1)], pa.date32()),
    "day64": pa.array([date(2020, 1, 1), None, date(1900, 1, 1)], pa.date64()),
    "hour": pa.array([time(1, 2, 3), None, time(4, 5)], pa.time32("s")),
    "hour64": pa.array([time(1, 2, 3), None, time(4, 5)], pa.time64("ns")),
    "second": pa.array([datetime(2020, 1, 1), None, datetime(1900, 1, 1)], pa.timestamp("s")),
    "moment": pa.array([datetime(2020, 1, 1, tzinfo=UTC), None, None], pa.timestamp("us", tz="UTC")),
    "span": pa.array([timedelta(seconds=1), None, timedelta(0)], pa.duration("s")),
    "money": pa.array([Decimal("1.25"), None, Decimal("-2.00")], pa.decimal128(10, 2)),
    "nothing": pa.nulls(3),
    "list": pa.array([[1, None], None, []], pa.list_(pa.int32())),
    "large_list": pa.array([["1", None], None, []], pa.large_list(pa.string())),
    "pair": pa.array([[1, 2], None, [3, None]], pa.list_(pa.int32(), 2)),
    "struct": pa.array([{"a": 1, "b": ["x"]}, None, {"a": None, "b": None}]),
}


def test_carried_columns_of_every_type_keep_the_hash(tmp_path: Path) -> None:
    texts = pa.array(["A good movie", "Nothing here", "naïve"])
    source = datasets.Dataset(pa.table({"text": texts, "label": pa.array([0, 1, 0]), **EVERY}))
    source.save_to_disk(str(tmp_path / "in"))  # in Arrow, as Parquet keeps no seconds
    data = build(tmp_path / "in", Substitute(WORDS, p=0.5), m=2, out=tmp_path / "data").path
    done = write_parquet(data, tmp_path / "out")
    assert verify_parquet(tmp_path / "out").logical_hash == done.logical_hash == Manifest.read(data).logical_hash
    (path,) = (tmp_path / "out").glob("*.parquet")
    expected = datasets.load_from_disk(str(data)).to_list()
    plain = [
        "text",
        "label",
        "large",
        "binary",
        "byte",
        "unsigned",
        "truth",
        "day",
        "hour",
        "second",
        "money",
        "list",
        "struct",
    ]
    quoted = ", ".join(f'"{name}"' for name in plain)
    found = duckdb.sql(f"SELECT {quoted} FROM '{path}'").fetchall()
    assert found == [tuple(row[name] for name in plain) for row in expected]
    assert polars.read_parquet(path).select(plain).to_dicts() == [{name: row[name] for name in plain} for row in expected]


def test_a_column_that_parquet_cannot_hold_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text(
        '{"text": "a good movie", "label": 0, "more": {}}\n{"text": "b", "label": 1, "more": {}}\n'
    )
    data = build(tmp_path / "in.jsonl", Substitute(WORDS), m=1, out=tmp_path / "data").path
    with pytest.raises(
        OutputError, match=r"rendering .*data as Parquet: found .*struct.*expected columns that Parquet can hold"
    ):
        write_parquet(data, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "in.jsonl"]


def test_the_same_again_is_left_as_it_is(data: Path, out: Path) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in out.iterdir()}
    assert write_parquet(data, out) == Rendering.read(out)
    assert {path.name: path.stat().st_mtime_ns for path in out.iterdir()} == before


def test_nothing_else_is_replaced(data: Path, out: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = make(tmp_path / "other", rows=3)
    (out / "README.md").write_text("mine")
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to("nowhere")
    for source, target in ((data, out), (data, tmp_path / "file"), (data, data), (data, tmp_path / "empty")):
        with pytest.raises(
            OutputError, match="found something of that name already; .*Choose another --parquet, or remove what"
        ):
            write_parquet(source, target)
    with pytest.raises(OutputError, match="something of that name already"):
        write_parquet(data, tmp_path / "link")
    assert (out / "README.md").read_text() == "mine"
    shutil.rmtree(out)
    write_parquet(data, out)
    with pytest.raises(OutputError, match="something of that name already"):
        write_parquet(other, out)


def test_no_space_left_leaves_nothing(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flush = parquet._Files._flush
    calls = []

    def full(self: Any) -> None:
        calls.append(self)
        if len(calls) > 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        flush(self)

    def close(self: Any) -> None:
        raise pa.ArrowInvalid("nor can the foot be written")

    monkeypatch.setattr(parquet._Files, "_flush", full)
    monkeypatch.setattr(pq.ParquetWriter, "close", close)
    with pytest.raises(
        OutputError, match="found no space left; expected room for the dataset. Make room or choose another --parq"
    ):
        write_parquet(data, tmp_path / "new" / "out", row_group=2_000)
    assert not (tmp_path / "new").exists()


def test_what_was_written_wrongly_never_appears(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = parquet._Files.write
    monkeypatch.setattr(parquet._Files, "write", lambda self, batch: write(self, batch.slice(0, batch.num_rows - 1)))
    with pytest.raises(DatasetError, match="rendering .* as Parquet"):
        write_parquet(data, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_command_and_verify(data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XLT_STORE", raising=False)
    out = data.with_name("rendered")
    done = run_here(capsys, "store", "export", data, "--parquet", out)
    size = sum(path.stat().st_size for path in out.iterdir() if path.name != "xlt-parquet.json")
    said = f"parquet   {out} ({size:,} bytes, 1 Parquet file(s), 160 rows)\nhash      {Manifest.read(data).logical_hash}\n"
    assert (done.code, done.out) == (0, said)
    done = run_here(capsys, "verify", out)
    assert (done.code, done.out.splitlines()[1]) == (0, f"hash      {Manifest.read(data).logical_hash}")
    facts = json.loads(run_here(capsys, "verify", out, "--json").out)
    assert (facts["rows"], facts["verified"], facts["files"]) == (160, True, 2)
    assert run_here(capsys, "store", "export", data.with_name("none"), "--parquet", out.with_name("x")).code == 1
