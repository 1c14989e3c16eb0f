"""A source with its columns understood, checked once from end to end before anything is written."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import pyarrow as pa
import pyarrow.compute as pc

from xlt_augment.arrays import string_array
from xlt_augment.content_hash import BLOCK_ROWS, ContentHasher, type_name
from xlt_augment.errors import SourceError, UsageError
from xlt_augment.materialize.columns import Columns, choose_columns
from xlt_augment.materialize.features import class_label, feature_of, stored_feature
from xlt_augment.materialize.labels import Labels
from xlt_augment.materialize.pipeline import run_in_order
from xlt_augment.materialize.sources import Chunk, Layout, Mark, Source, open_source
from xlt_augment.materialize.sources.base import DEFAULT_COLUMNS, check_names
from xlt_augment.sha256 import Digest, new_sha256, settle

SOURCE_FORMAT = "xlt-source/1"
_HELD_BYTES = 16 << 20  # a source that is no larger stays in memory between the two passes
_PIECE = 1 << 20  # bytes of a file that are read at once for its sha256


class Block(NamedTuple):
    """`BLOCK_ROWS` rows of a source, or fewer at its end: where the first stands, and the hash of the rows."""

    start: Mark
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """A checked source. `sha256` is the hash of its typed values (docs/format.md), the same for a TSV and a Parquet file
    of the same rows; `files` names each file with its size and the sha256 of its bytes; `n_bytes` is its size in memory.
    `blocks`: what the first reading noted of each block. `held`: its rows with labels as strings, where they are few enough to
    be kept.
    """

    source: Source
    columns: Columns
    labels: Labels | None
    rows: int
    n_bytes: int
    sha256: str
    files: tuple[dict[str, Any], ...]
    blocks: tuple[Block, ...]
    held: tuple[pa.RecordBatch, ...] | None = None

    @property
    def name(self) -> str:
        """Short name of the source, used in folder names."""
        return self.source.name

    @property
    def label_names(self) -> tuple[str, ...] | None:
        """Class names in the order of their codes, None without a label column."""
        return self.labels.names() if self.labels else None

    def batches(self, first: int = 0, stop: int | None = None) -> Iterator[pa.RecordBatch]:
        """The rows of the blocks `first <= k < stop`, or all, with the columns of `columns.fields`, labels as int64 codes.

        Raises SourceError when they are no longer what was checked.
        """
        blocks = self.blocks[first:stop]
        if self.held is not None and len(blocks) == len(self.blocks):
            yield from map(self._coded, self.held)
            return
        hasher = source_hasher(self.columns.fields, labelled=self.labels is not None)
        to_the_end = first + len(blocks) == len(self.blocks)
        left = None if to_the_end else len(blocks) * BLOCK_ROWS
        for chunk in self._chunks(self.source.chunks(blocks[0].start if first else None), left):
            if not {name for name in (*self.columns.text, self.columns.label) if name} <= set(chunk.batch.schema.names):
                break  # another header: the hash tells below
            batch = self.columns.arrange(chunk.batch, self.labels.strings(chunk) if self.labels else None)
            hasher.update(batch)
            settle(hasher.open())
            yield self._coded(batch)
        if hasher.blocks() != [block.sha256 for block in blocks]:
            raise SourceError(
                f"reading {self.name} for the second time",
                found="another content than the first time",
                expected="a source that stays as it is during a build",
                remedy="Build again when nothing writes to it",
            )

    @staticmethod
    def _chunks(chunks: Iterator[Chunk], left: int | None) -> Iterator[Chunk]:
        """The first rows, `left` of them, or all."""
        for chunk in chunks:
            if left is not None and chunk.batch.num_rows >= left:
                yield chunk._replace(batch=chunk.batch.slice(0, left))
                return
            yield chunk
            left = None if left is None else left - chunk.batch.num_rows

    def _coded(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The batch with the codes of its labels, int64, for their names."""
        if self.labels is None:
            return batch
        codes = pc.index_in(batch["label"], string_array(self.labels.names())).cast(pa.int64())
        return batch.set_column(batch.schema.get_field_index("label"), "label", codes)

    def features(self) -> dict[str, Any]:
        """The columns in the words of `datasets`."""
        stored = self.source.features
        found = {f.name: stored_feature(stored.get(f.name), f.type) for f in self.columns.fields}
        found |= {name: feature_of(pa.string()) for name in self.columns.text}
        return found | ({"label": class_label(self.label_names)} if self.label_names else {})


def source_hasher(fields: Sequence[pa.Field], *, labelled: bool) -> ContentHasher:
    """Hasher of a source's values; with `labelled` the column `label` counts as its class name."""
    kinds = [(f.name, "class_label" if labelled and f.name == "label" else type_name(f.type)) for f in fields]
    return ContentHasher(kinds, BLOCK_ROWS, new_sha256)


def source_sha256(hasher: ContentHasher, label_names: Sequence[str] | None) -> str:
    """The hash of a source whose rows went through `source_hasher`."""
    return hasher.hexdigest(format=SOURCE_FORMAT, recipe={"labels": list(label_names) if label_names else None})


def open_corpus(
    spec: str | Path,
    *,
    text_columns: Sequence[str] | None = None,
    label_column: str | None = None,
    labels: Sequence[str] | None = None,
    header: bool | None = None,
    columns: Sequence[str] | None = None,
    threads: int = 1,
) -> Corpus:
    """Open a source and read it once from end to end: columns, class names, row count and hash.

    `label_column` None means `label` where there is one, "" means none. Raises SourceError for every row that cannot be
    used as it is, and UsageError for columns that the source lacks.
    """
    for name, given in (("text_columns", text_columns), ("labels", labels), ("columns", columns)):
        if isinstance(given, str):
            raise UsageError(f"reading {name}", found="one str", expected="a list of names", remedy=f"Pass [{given!r}]")
    named = frozenset([*(text_columns or ()), *([label_column] if label_column else [])])
    source = open_source(spec, Layout(header=header, columns=tuple(columns) if columns else None, named=named))
    chunks = source.chunks()
    head = next(chunks)
    chosen = choose_columns(source.name, head, text_columns, label_column)
    reader = _labels(source, chosen.label, labels)
    if source.guessed and not text_columns:
        _refuse_numbers(head, chosen)

    def checked() -> Iterator[pa.RecordBatch]:
        for chunk in chain([head], chunks):
            known.mark(chunk)
            chosen.check_texts(chunk)
            yield chosen.arrange(chunk.batch, reader.count(chunk) if reader else None)

    known = _Known(source_hasher(chosen.fields, labelled=reader is not None), source.files)
    run_in_order(checked(), lambda batch: batch, [known.add], threads=min(threads, 2))
    if reader and header is None and source.guessed and reader.first_looks_like_header():
        _refuse_header(head, reader)
    digest = source_sha256(known.hasher, reader.names() if reader else None)
    return Corpus(
        source=source, columns=chosen, labels=reader, rows=known.hasher.rows, n_bytes=known.n_bytes, sha256=digest,
        files=known.files(), blocks=known.blocks(), held=None if known.held is None else tuple(known.held),
    )  # fmt: skip


class _Known:
    """What the first reading finds out: where blocks start; the hash of the rows and, beside it, of the files; the rows where
    they are few."""

    def __init__(self, hasher: ContentHasher, files: Sequence[Path]) -> None:
        self.hasher, self.n_bytes = hasher, 0
        self.held: list[pa.RecordBatch] | None = []
        self._marks: list[Mark] = []
        self._marked = 0  # rows of the chunks so far
        self._files = [(path, new_sha256()) for path in files]
        self._pieces = self._read_files()

    def _read_files(self) -> Iterator[Digest]:
        for path, digest in self._files:
            with path.open("rb") as stream:
                while piece := stream.read(_PIECE):
                    digest.update(piece)
                    yield digest

    def add(self, batch: pa.RecordBatch) -> None:
        """Take the next rows, and about as much of the files."""
        self.hasher.update(batch)
        settle((*self.hasher.open(), *islice(self._pieces, 1 + batch.nbytes // _PIECE)))
        self.n_bytes += batch.nbytes
        if self.held is not None:
            self.held = [*self.held, batch] if self.n_bytes <= _HELD_BYTES else None

    def mark(self, chunk: Chunk) -> None:
        """Note the blocks that start in the next chunk."""
        for row in range(-self._marked % BLOCK_ROWS, chunk.batch.num_rows, BLOCK_ROWS):
            self._marks.append(chunk.mark(row))
        self._marked += chunk.batch.num_rows

    def blocks(self) -> tuple[Block, ...]:
        """All blocks."""
        return tuple(map(Block, self._marks, self.hasher.blocks()))

    def files(self) -> tuple[dict[str, Any], ...]:
        """Name, size and sha256 of every file."""
        for digest in self._pieces:
            settle((digest,))
        return tuple({"name": p.name, "bytes": p.stat().st_size, "sha256": d.hexdigest()} for p, d in self._files)


def _labels(source: Source, column: str | None, declared: Sequence[str] | None) -> Labels | None:
    if declared is not None:
        check_names(tuple(declared), "--labels", UsageError)
    if column is None:
        if declared is not None:
            raise UsageError(
                f"reading --labels of {source.name}", found="no label column", expected="one", remedy="Name it: --label-column"
            )
        return None
    return Labels(column, declared, source.features.get(column, {}).get("names"))


def _refuse_numbers(chunk: Chunk, columns: Columns) -> None:
    """A text column that nobody named and that holds numbers, or single words that repeat, is a label read as text."""
    for name in columns.text:
        values = chunk.batch[name].cast(pa.string())
        few = len(values) >= 8 and 4 * len(pc.unique(values)) <= len(values)
        words = few and name == DEFAULT_COLUMNS[1] and columns.label is None
        if pc.all(pc.match_substring_regex(values, r"^\S+$" if words else r"^-?\d+$")).as_py():
            raise SourceError(
                f"reading {chunk.locate(0)}",
                found=f"{'a few words' if words else 'numbers'} alone in column {name!r}, for example {values[0].as_py()!r}",
                expected="text",
                remedy="Name the columns, for example: --columns sentence,label",
            )


def _refuse_header(chunk: Chunk, reader: Labels) -> NoReturn:
    raise SourceError(
        f"reading {chunk.locate(0)}",
        found=f"the label {reader.first!r}, which no other row has",
        expected="a row, or a header that is declared",
        remedy="If line 1 names the columns, say --header; if it is a row, say --no-header",
    )
