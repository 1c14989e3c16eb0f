"""A dataset as Parquet files with the same logical hash, for engines that read no Arrow streams (docs/format.md)."""

import base64
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import pyarrow as pa

from xlt_augment.canonical import sha256_file
from xlt_augment.errors import DatasetError, OutputError
from xlt_augment.materialize.blocks import dataset_hasher
from xlt_augment.materialize.card import dataset_card
from xlt_augment.materialize.dataset import AugmentedDataset
from xlt_augment.materialize.manifest import DATASET_FORMAT, FileEntry, Manifest, software_versions
from xlt_augment.materialize.publish import check_target, new_folder
from xlt_augment.materialize.rendering import RENDERING_NAME, Rendering
from xlt_augment.materialize.verify import check_file
from xlt_augment.sha256 import settle

if TYPE_CHECKING:
    import pyarrow.parquet as pq

OPTION = "--parquet"
ROW_GROUP = (
    32 << 20
)  # bytes in Arrow: what writers and readers of a file hold; large enough for zstd, small enough for 16 threads
MAX_FILE = 500_000_000  # bytes; DuckDB and Spark read several files beside each other
_WITH_RANGES = ("source_id", "variant", "changed", "label")  # columns whose smallest and largest value stand in each row group
_LOADING = """\
```python
from datasets import load_dataset

rows = load_dataset("parquet", data_files="PATH/OF/THIS/FOLDER/data-*.parquet", split="train")
```

```sql
SELECT * FROM 'PATH/OF/THIS/FOLDER/data-*.parquet' ORDER BY source_id, variant
```"""


def write_parquet(
    dataset: Path,
    out: Path,
    *,
    max_file: int = MAX_FILE,
    row_group: int = ROW_GROUP,
    progress: Callable[[int], object] = lambda rows: None,
) -> Rendering:
    """Render a dataset folder into the new folder `out`, which appears whole and only after its rows were read back.

    `max_file`: bytes after which the next file begins; `row_group`: bytes of rows in Arrow that are written together. What
    is there already is kept if it is this very rendering. Raises DatasetError for a dataset that is none or was damaged,
    OutputError for a place that cannot be written to, and for columns that Parquet cannot hold.
    """
    opened = AugmentedDataset.open(dataset)
    if (existing := _existing(out, opened.manifest)) is not None:
        return existing
    with new_folder(out, overwrite=False, option=OPTION) as folder:
        with _writing(dataset), _Files(folder, max_file, row_group) as files:
            for batch in opened.batches():
                files.write(batch)
                progress(batch.num_rows)
            entries = files.files()
        rendering = _described(opened, folder, entries)
        try:
            _check_rows(folder, rendering)
        except DatasetError as error:
            raise _damaged_source(dataset, error) from error
        (folder / RENDERING_NAME).write_bytes(rendering.to_bytes())
    return rendering


def verify_parquet(path: str | Path) -> Rendering:
    """Check every file's size and sha256 and the logical hash of the rows, computed anew from the Parquet files.

    Raises DatasetError that names the first file that is not as `xlt-parquet.json` says, or is a Parquet file too many.
    """
    folder = Path(path)
    rendering = Rendering.read(folder)
    for entry in rendering.files:
        check_file(folder, entry)
    if extra := sorted({p.name for p in folder.glob("*.parquet")} - {entry.path for entry in rendering.files}):
        raise _wrong(folder / extra[0], "a file of no part of the dataset", "none that *.parquet would read too")
    _check_rows(folder, rendering)
    return rendering


def _existing(out: Path, manifest: Manifest) -> Rendering | None:
    """The whole rendering of this dataset that lies at `out`. Raises OutputError for anything else that does."""
    if not (out / RENDERING_NAME).is_file():
        check_target(out, overwrite=False, option=OPTION)
        return None
    try:
        found = verify_parquet(out)
    except DatasetError:
        found = None
    if found is None or found.manifest_sha256 != manifest.to_json()["manifest_sha256"]:
        check_target(out, overwrite=False, option=OPTION)
    return found


def _described(opened: AugmentedDataset, folder: Path, data_files: list[FileEntry]) -> Rendering:
    manifest = opened.manifest
    texts = manifest.recipe["text_columns"]
    card = dataset_card(manifest, opened.path, texts, data_files="data-*.parquet", loading=_LOADING).encode()
    (folder / "README.md").write_bytes(card)
    return Rendering(
        logical_hash=manifest.logical_hash,
        manifest_sha256=manifest.to_json()["manifest_sha256"],
        recipe=manifest.recipe,
        software={name: version for name, version in software_versions().items() if name in ("xlt", "pyarrow")},
        files=(*data_files, FileEntry("README.md", len(card), None, sha256_file(folder / "README.md"))),
    )


class _Files:
    """Writes record batches into Parquet files, some batches a row group; use it as a context manager."""

    def __init__(self, folder: Path, max_file: int, row_group: int) -> None:
        self._folder, self._max_file, self._row_group = folder, max_file, row_group
        self._done: list[tuple[Path, int]] = []  # and rows
        self._schema: pa.Schema | None = None
        self._waiting: list[pa.RecordBatch] = []
        self._bytes = self._rows = 0  # that wait; of the file under way
        self._stream: BinaryIO | None = None
        self._writer: pq.ParquetWriter | None = None

    def __enter__(self) -> "_Files":
        return self

    def __exit__(self, *error: object) -> None:
        with suppress(OSError, pa.ArrowException):  # after an error the file will not be kept
            if self._writer is not None:
                self._writer.close()
        if self._writer is not None:
            self._writer.is_open = False  # or it tries again when it is collected
        if self._stream is not None:
            self._stream.close()

    def write(self, batch: pa.RecordBatch) -> None:
        """Append rows. Raises OSError, and DatasetError for a batch with other columns than the first."""
        self._schema = self._schema or batch.schema
        if batch.schema != self._schema:
            raise _wrong(self._folder, "files with different columns", "one schema")
        start = 0
        while start < batch.num_rows:
            mean = max(1, batch.nbytes // batch.num_rows)
            part = batch.slice(start, max(1, (self._row_group - self._bytes) // mean))
            self._waiting.append(part)
            self._bytes += part.nbytes
            start += part.num_rows
            if self._bytes + mean > self._row_group:
                self._flush()

    def _flush(self) -> None:
        """Write what waits as one row group."""
        if not self._waiting:
            return
        table = pa.Table.from_batches(self._waiting)
        stream, writer = self._begin(table.schema)
        writer.write_table(table, row_group_size=table.num_rows)
        self._rows += table.num_rows
        self._waiting, self._bytes = [], 0
        if stream.tell() >= self._max_file:
            self._finish()

    def _begin(self, schema: pa.Schema) -> "tuple[BinaryIO, pq.ParquetWriter]":
        """The file under way, or a new one."""
        import pyarrow.parquet as pq

        if self._stream is None or self._writer is None:
            self._stream = (self._folder / f"data-{len(self._done):05d}.partial").open("wb")
            ranges = [name for name in _WITH_RANGES if name in schema.names]
            # A dictionary saves a third of the time, and costs nothing where values are too many: then the writer gives up.
            self._writer = pq.ParquetWriter(
                self._stream, schema, compression="zstd", use_dictionary=True, write_statistics=ranges, version="2.6"
            )
        return self._stream, self._writer

    def _finish(self) -> None:
        if self._stream is not None and self._writer is not None:
            self._writer.close()
            self._stream.close()
            self._done.append((Path(self._stream.name), self._rows))
        self._stream, self._writer, self._rows = None, None, 0

    def files(self) -> list[FileEntry]:
        """Finish the last file and give all their final names."""
        self._flush()
        self._finish()
        entries = []
        for k, (path, rows) in enumerate(self._done):
            named = path.rename(self._folder / f"data-{k:05d}-of-{len(self._done):05d}.parquet")
            entries.append(FileEntry(named.name, named.stat().st_size, rows, sha256_file(named)))
        return entries


@contextmanager
def _writing(dataset: Path) -> Iterator[None]:
    try:
        yield
    except pa.ArrowException as error:  # an empty struct, for example
        raise OutputError(
            f"rendering {dataset} as Parquet",
            found=" ".join(str(error).split())[:200],
            expected="columns that Parquet can hold",
            remedy="Build the dataset again from a source without that column",
        ) from error


def _check_rows(folder: Path, rendering: Rendering) -> None:
    """Raises DatasetError where the rows are not those of the logical hash."""
    hasher, schema = None, None
    for entry in rendering.data_files:
        path, rows = folder / entry.path, 0
        for batch in _batches(path):
            if hasher is None:
                schema = batch.schema
                hasher = dataset_hasher(schema, int(rendering.recipe["m"]))
            if batch.schema != schema:
                raise _wrong(path, "other columns than in the first file", "one schema")
            hasher.update(batch)
            settle(hasher.open())
            rows += batch.num_rows
        if rows != entry.rows:
            raise _wrong(path, f"{rows:,} rows", f"{entry.rows:,}, as {RENDERING_NAME} says")
    found = "" if hasher is None else hasher.hexdigest(format=DATASET_FORMAT, recipe=rendering.recipe)
    if found != rendering.logical_hash:
        raise _wrong(folder, f"rows with the logical hash {found[:12]}", f"{rendering.logical_hash[:12]}, the dataset's")


def _batches(path: Path) -> Iterator[pa.RecordBatch]:
    """The rows of one file in the types of the dataset; Parquet keeps seconds as milliseconds, for example."""
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            schema = _stored_schema(file.metadata.metadata or {})
            for batch in file.iter_batches():
                yield batch.cast(schema)
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise _wrong(path, " ".join(str(error).split())[:200], "a complete Parquet file of ours") from error


def _stored_schema(metadata: dict[bytes, Any]) -> pa.Schema:
    """The Arrow schema that a file was written from, which Arrow's writers leave in its metadata."""
    return pa.ipc.read_schema(pa.py_buffer(base64.b64decode(metadata[b"ARROW:schema"])))


def _wrong(path: Path, found: str, expected: str) -> DatasetError:
    return DatasetError(f"verifying {path}", found=found, expected=expected, remedy="Export the dataset again")


def _damaged_source(dataset: Path, error: DatasetError) -> DatasetError:
    return DatasetError(
        f"rendering {dataset} as Parquet",
        found=error.found,
        expected=error.expected,
        remedy=f"Run xlt-augment verify {dataset}; fetch or build the dataset again",
    )
