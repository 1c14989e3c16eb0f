"""The first source rows of a dataset and their variants, from the beginning of its first file as it comes out of a store."""

import io
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from xlt_augment.errors import DatasetError
from xlt_augment.materialize.dataset import check_schema
from xlt_augment.materialize.manifest import Manifest
from xlt_augment.service.failures import Refused
from xlt_augment.store.artifacts import StoredFile
from xlt_augment.store.pieces import hashed

MOST_SAMPLES = 20  # source rows that are kept of a dataset
MOST_VARIANTS = 20  # of each
WHOLE = 64 << 20  # bytes of a file that is read whole and checked, and of the beginning of a larger one
_SHOWN = 1 << 20  # bytes of all texts of an answer


@dataclass(frozen=True)
class Wanted:
    """What the rows of a dataset are read by."""

    manifest: Manifest
    columns: tuple[str, ...]
    m: int

    @classmethod
    def of(cls, manifest: Manifest) -> "Wanted":
        """By its manifest, without the list of files, which may be long."""
        recipe = manifest.recipe
        return cls(replace(manifest, files=()), tuple(recipe["text_columns"]), int(recipe["m"]))

    def rows(self, start: int, stop: int) -> list[int]:
        """Those of the rows start ... stop - 1 that are shown."""
        width, last = self.m + 1, min(stop, MOST_SAMPLES * (self.m + 1))
        return [row for row in range(start, last) if row % width <= MOST_VARIANTS]


@dataclass(frozen=True)
class Head:
    """`schemas.DatasetSample` of the first source rows; `checked`: whether the file has its sha256."""

    samples: list[dict[str, Any]]
    checked: bool


def read_head(pieces: Iterator[bytes], file: StoredFile, wanted: Wanted) -> Head:
    """The first rows of a file that comes in pieces, of which no more are taken than needed.

    Raises DatasetError for a file that is none or has another sha256, Refused (422) for one with too much in a row or batch.
    """
    checked = file.bytes <= WHOLE
    if checked:  # the sha256 shows behind the last piece, and nothing is made of a file that has another
        source: Any = pa.BufferReader(b"".join(hashed(pieces, file.sha256, file.bytes, _wrong)))
    else:
        source = _Beginning(pieces, file.bytes)
    with closing(source) as stream:
        try:
            rows = list(_rows(stream, wanted))
        except (pa.ArrowException, EOFError, UnicodeDecodeError) as error:
            raise _wrong("no Arrow stream, or half of one") from error
    if not rows:
        raise _too_much("a longer text in the first row", f"at most {_SHOWN:,} bytes")
    width = min(wanted.m, MOST_VARIANTS) + 1
    samples = [rows[k : k + width] for k in range(0, len(rows), width)]
    whole = [sample for sample in samples if len(sample) == width]
    return Head([_sample(sample) for sample in whole or samples], checked)


class _Beginning(io.RawIOBase):
    """The first WHOLE bytes of a file of `n_bytes` as a stream: its pieces are asked for when they are read."""

    def __init__(self, pieces: Iterator[bytes], n_bytes: int) -> None:
        self._pieces, self._n_bytes, self._read = pieces, n_bytes, 0
        self._piece, self._at = b"", 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """Raises DatasetError or Refused, before anything is read, where there is not so much."""
        if not 0 <= size <= self._n_bytes - self._read:
            raise _wrong("no Arrow stream, or half of one")
        if size > WHOLE - self._read:
            raise _too_much("a record batch that goes beyond the first bytes of its file", f"{WHOLE:,} bytes at most")
        parts, missing = [], size
        while missing:
            if self._at == len(self._piece):
                self._piece, self._at = next(self._pieces, b""), 0
                if not self._piece:
                    break
            parts.append(self._piece[self._at : self._at + missing])
            self._at += len(parts[-1])
            missing -= len(parts[-1])
        self._read += size
        return b"".join(parts)

    def close(self) -> None:
        if not self.closed and hasattr(self._pieces, "close"):
            self._pieces.close()
        super().close()


def _rows(stream: Any, wanted: Wanted) -> Iterator[dict[str, Any]]:
    """The rows that are shown, in order, as long as their texts are not too much."""
    reader, start, shown = pa.ipc.open_stream(stream), 0, 0
    check_schema(Path("its first file"), reader.schema, wanted.manifest)
    names = [*wanted.columns, *(name for name in ("label",) if name in reader.schema.names and name not in wanted.columns)]
    labels = wanted.manifest.source["label_names"]
    while start < MOST_SAMPLES * (wanted.m + 1) and (batch := _next(reader)) is not None:
        part = batch.select([*names, "source_id", "variant"])
        rows = wanted.rows(start, start + batch.num_rows)
        if rows:
            part.slice(0, rows[-1] + 1 - start).validate(full=True)
        for row in rows:
            values = {name: part[name][row - start].as_py() for name in part.schema.names}
            if (values["source_id"], values["variant"]) != divmod(row, wanted.m + 1):
                raise _wrong(f"source {values['source_id']}, variant {values['variant']} in row {row}")
            texts = {name: str(values[name]) for name in wanted.columns}
            shown += sum(len(text.encode()) for text in texts.values())
            if shown > _SHOWN:
                return
            yield {"source_id": values["source_id"], "label": _label(values, wanted, labels), "texts": texts}
        start += batch.num_rows


def _next(reader: pa.RecordBatchReader) -> pa.RecordBatch | None:
    try:
        return reader.read_next_batch()
    except StopIteration:
        return None


def _label(values: dict[str, Any], wanted: Wanted, names: list[str] | None) -> str | int | float | None:
    """The label as people know it."""
    label = None if "label" in wanted.columns else values.get("label")
    if names and isinstance(label, int) and 0 <= label < len(names):
        return names[label]
    return label if isinstance(label, str | int | float) else None


def _sample(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return rows[0] | {"variants": [row["texts"] for row in rows[1:]]}


def _wrong(found: str) -> DatasetError:
    return DatasetError(
        "reading the first file of a dataset", found=found, expected="rows as its manifest says", remedy="Publish it again"
    )


def _too_much(found: str, expected: str) -> Refused:
    remedy = "Pull the dataset and look at it there: xlt-augment store pull, then xlt-augment inspect"
    return Refused(422, doing="reading samples of a dataset", found=found, expected=expected, remedy=remedy)
