"""Every kind of source can be read from any of its rows on, and gives there what a reading from its start gives."""

import bz2
import csv
import gzip
import json
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.engines.small_blocks import set_block_rows
from xlt_augment.errors import SourceError
from xlt_augment.materialize.corpus import Corpus, open_corpus
from xlt_augment.materialize.sources import Chunk, Mark, delimited, jsonl, lines, open_source, tables
from xlt_augment.materialize.sources.base import Layout

ROWS = [(f"the good movie {k} " + "é" * (k % 7), f'film "{k}" 👩‍👩‍👧', str(k % 3)) for k in range(97)]
NAMES = ("sentence1", "sentence2", "label")


def _text(rows: list[tuple[str, ...]], end: str = "\n") -> bytes:
    return "".join("\t".join(row) + end for row in rows).encode()


def _several(folder: Path, head: bytes = b"") -> str:
    for k in range(3):
        (folder / f"part-{k}.tsv").write_bytes(head + _text(ROWS[40 * k : 40 * (k + 1)]))
    return str(folder / "part-*.tsv")


def _csv(path: Path, *, breaks: bool = False) -> Path:
    rows = [(a.replace(" ", "\r\n" if k % 2 else "\n") if breaks else a, b, c) for k, (a, b, c) in enumerate(ROWS)]
    with path.open("w", newline="", encoding="utf-8-sig" if breaks else "utf-8") as stream:
        csv.writer(stream).writerows([NAMES, *rows])
    return path


def _jsonl(path: Path) -> Path:
    objects = [dict(zip(NAMES, row)) | ({"n": k} if k % 2 else {}) | {"tags": row[1:]} for k, row in enumerate(ROWS)]
    path.write_text("".join(json.dumps(one) + "\n" for one in objects), encoding="utf-8")
    return path


def _table() -> pa.Table:
    return pa.table({name: [row[k] for row in ROWS] for k, name in enumerate(NAMES)})


def _parquet(path: Path, group: int) -> Path:
    pq.write_table(_table(), path, row_group_size=group)
    return path


def _saved(path: Path) -> Path:
    datasets.Dataset(_table()).save_to_disk(path, num_shards=3)
    return path


def _hub(path: Path) -> str:
    path.mkdir()
    _jsonl(path / "train.jsonl")
    return f"hf:{path}:train"


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


KINDS: dict[str, Callable[[Path], str | Path]] = {
    "TSV": lambda d: _written(d / "x.tsv", _text(ROWS)),
    "TSV, CRLF, byte order mark, no last line end": lambda d: _written(d / "x.tsv", b"\xef\xbb\xbf" + _text(ROWS, "\r\n")[:-2]),
    "TSV, header": lambda d: _written(d / "x.tsv", _text([NAMES, *ROWS])),
    "TSV, gzip": lambda d: _written(d / "x.tsv.gz", gzip.compress(_text([NAMES, *ROWS]))),
    "TSV, bzip2": lambda d: _written(d / "x.tsv.bz2", bz2.compress(_text(ROWS))),
    "several TSV": _several,
    "several TSV, headers": lambda d: _several(d, _text([NAMES])),
    "CSV": lambda d: _csv(d / "x.csv"),
    "CSV, line breaks in quotes, byte order mark": lambda d: _csv(d / "x.csv", breaks=True),
    "CSV, gzip": lambda d: _written(d / "y.csv.gz", gzip.compress(_csv(d / "x.csv", breaks=True).read_bytes())),
    "JSONL": lambda d: _jsonl(d / "x.jsonl"),
    "JSONL, gzip": lambda d: _written(d / "y.jsonl.gz", gzip.compress(_jsonl(d / "x.jsonl").read_bytes())),
    "Parquet, row groups": lambda d: _parquet(d / "x.parquet", 10),
    "Parquet, one row group": lambda d: _parquet(d / "x.parquet", 1_000),
    "saved dataset": lambda d: _saved(d / "x"),
    "hub": lambda d: _hub(d / "x"),
}


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of a few rows, so that most rows are not at the start of one."""
    monkeypatch.setattr(lines, "_READ", 300)
    monkeypatch.setattr(delimited, "_CHARS", 500)
    monkeypatch.setattr(jsonl, "_ROWS", 3)
    monkeypatch.setattr(tables, "_ROWS", 7)


def rows_of(chunks: Iterator[Chunk]) -> list[tuple[dict[str, Any], str, Mark]]:
    """Each row with its place and its mark."""
    found = []
    for chunk in chunks:
        found += [(row, chunk.locate(k), chunk.mark(k)) for k, row in enumerate(chunk.batch.to_pylist())]
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_from_any_row_on(kind: str, tmp_path: Path, small_chunks: None) -> None:
    source = open_source(KINDS[kind](tmp_path), Layout())
    whole = rows_of(source.chunks())
    assert len({mark for _, _, mark in whole}) == len(whole) == len(ROWS)
    elsewhere = pickle.loads(pickle.dumps(source))  # noqa: S301
    for k in range(0, len(whole), 5):
        assert rows_of(elsewhere.chunks(whole[k][2])) == whole[k:]
    assert rows_of(source.chunks(whole[-1][2])) == whole[-1:]


def _rows(corpus: Corpus, first: int = 0, stop: int | None = None) -> list[dict[str, Any]]:
    return pa.Table.from_batches(list(corpus.batches(first, stop))).to_pylist()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rows", [1, 10, 97, 200])
def test_ranges_of_blocks(kind: str, rows: int, tmp_path: Path, small_chunks: None, monkeypatch: pytest.MonkeyPatch) -> None:
    set_block_rows(monkeypatch, rows)
    held = open_corpus(KINDS[kind](tmp_path))
    corpus = Corpus(**{**vars(held), "held": None})
    count = len(corpus.blocks)
    assert count == -(-len(ROWS) // rows)
    whole = _rows(held)
    assert whole == _rows(corpus)
    for first, stop in {(0, 1), (count // 2, count // 2 + 1), (count // 3, count), (count - 1, count)}:
        assert _rows(corpus, first, stop) == whole[first * rows : stop * rows]


@pytest.mark.parametrize("kind", ["TSV", "several TSV, headers", "CSV, line breaks in quotes, byte order mark", "JSONL"])
@pytest.mark.parametrize("block", [0, 4, 9])
def test_a_range_that_changed_is_noticed_by_whoever_reads_it(
    kind: str, block: int, tmp_path: Path, small_chunks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_block_rows(monkeypatch, 10)
    held = open_corpus(KINDS[kind](tmp_path))
    corpus = Corpus(**{**vars(held), "held": None})
    mark = corpus.blocks[block].start
    path = corpus.source.files[mark.file]
    content = bytearray(path.read_bytes())
    at = content.index(b"good", mark.offset)
    content[at : at + 4] = b"poor"
    path.write_bytes(content)
    for k in range(len(corpus.blocks)):
        if k == block:
            with pytest.raises(SourceError, match="another content than the first time"):
                _rows(corpus, k, k + 1)
        else:
            assert len(_rows(corpus, k, k + 1)) == min(10, len(ROWS) - 10 * k)


@pytest.mark.parametrize(
    ("change", "part"), [("longer", (9, 10)), ("shorter", (9, 10)), ("shorter", (8, 9)), ("empty", (5, 6))]
)
def test_a_source_of_another_length_is_noticed(
    change: str, part: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_block_rows(monkeypatch, 10)
    path = _written(tmp_path / "x.tsv", _text(ROWS))
    corpus = Corpus(**{**vars(open_corpus(path)), "held": None})
    path.write_bytes({"longer": _text([*ROWS, ROWS[0]]), "shorter": _text(ROWS[:85]), "empty": b""}[change])
    with pytest.raises(SourceError, match="another content than the first time"):
        _rows(corpus, *part)


def test_rows_behind_a_full_last_block_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_block_rows(monkeypatch, len(ROWS))
    path = _written(tmp_path / "x.tsv", _text(ROWS))
    corpus = Corpus(**{**vars(open_corpus(path)), "held": None})
    path.write_bytes(_text([*ROWS, ROWS[0]]))
    with pytest.raises(SourceError, match="another content than the first time"):
        _rows(corpus)
