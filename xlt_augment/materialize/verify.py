"""`verify`: whether a dataset folder is what its manifest says, to the last bit."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from xlt_augment.arrays import number_array, number_numpy, scalar, string_array
from xlt_augment.canonical import sha256_file
from xlt_augment.errors import DatasetError
from xlt_augment.materialize.blocks import dataset_hasher
from xlt_augment.materialize.columns import OUR_COLUMNS
from xlt_augment.materialize.corpus import source_hasher, source_sha256
from xlt_augment.materialize.dataset import check_schema, read_shard
from xlt_augment.materialize.manifest import DATASET_FORMAT, MANIFEST_NAME, FileEntry, Manifest
from xlt_augment.sha256 import settle

_REMEDY = "Fetch or build the dataset again"


@dataclass(frozen=True, kw_only=True)
class Verified:
    """A dataset that passed, and the files in its folder that it does not name (`datasets` caches left out)."""

    manifest: Manifest
    unlisted: tuple[str, ...]


def verify(path: str | Path) -> Verified:
    """Check every file's size and sha256, the row count, order and schema, the variants, and both hashes of the content.

    Raises DatasetError that names the first file, or the first row, that is not as the manifest says.
    """
    folder = Path(path)
    manifest = Manifest.read(folder)
    for entry in manifest.files:
        check_file(folder, entry)
    _check_rows(folder, manifest)
    listed = {entry.path for entry in manifest.files} | {MANIFEST_NAME}
    extra = sorted(p.name for p in folder.iterdir() if p.name not in listed)
    unlisted = tuple(name for name in extra if not (name.startswith("cache-") and name.endswith(".arrow")))
    return Verified(manifest=manifest, unlisted=unlisted)


def check_file(folder: Path, entry: FileEntry) -> None:
    """Raises DatasetError where a file is missing, or has another size or sha256 than `entry` says."""
    path = folder / entry.path
    try:
        size, digest = path.stat().st_size, sha256_file(path)
    except OSError as error:
        raise _wrong(path, error.strerror or str(error), "the file that the manifest names") from error
    if size != entry.bytes:
        raise _wrong(path, f"{size:,} bytes", f"{entry.bytes:,}, as the manifest says")
    if digest != entry.sha256:
        raise _wrong(path, f"sha256 {digest[:12]}", f"{entry.sha256[:12]}, as the manifest says")


def _check_rows(folder: Path, manifest: Manifest) -> None:
    m, schema = int(manifest.recipe["m"]), None
    row = 0
    for path, batch in _all_batches(folder, manifest):
        if schema is None:
            check_schema(path, schema := batch.schema, manifest)
            names, ours = manifest.source["label_names"], (*manifest.token_columns, *OUR_COLUMNS)
            sources = [f for f in schema if f.name not in ours]
            whole, originals = dataset_hasher(schema, m), source_hasher(sources, labelled=names is not None)
        if batch.schema != schema:
            raise _wrong(path, "other columns than in the first file", "one schema")
        index = np.arange(row, row + batch.num_rows)
        for name, expected in (("source_id", index // (m + 1)), ("variant", index % (m + 1))):
            bad = np.flatnonzero(number_numpy(batch[name]) != expected)
            if len(bad):
                k = int(bad[0])
                raise _wrong(path, f"{name} {batch[name][k].as_py()} in row {row + k}", f"{expected[k]}, rows in order")
        whole.update(batch)
        originals.update(_originals(batch.drop_columns(list(ours)), row, m, names))
        settle((*whole.open(), *originals.open()))
        row += batch.num_rows
    if schema is None or row != manifest.rows or row != manifest.source["rows"] * (m + 1):
        raise _wrong(folder, f"{row:,} rows", f"{manifest.rows:,}, as the manifest says")
    if whole.hexdigest(format=DATASET_FORMAT, recipe=manifest.recipe) != manifest.logical_hash:
        raise _wrong(folder, "rows with another logical hash", f"{manifest.logical_hash[:12]}, as the manifest says")
    if source_sha256(originals, names) != manifest.source["sha256"]:
        raise _wrong(folder, "a variant 0 that is not the source", "the source of the manifest")


def _all_batches(folder: Path, manifest: Manifest) -> Iterator[tuple[Path, pa.RecordBatch]]:
    for entry in manifest.data_files:
        path, rows = folder / entry.path, 0
        for batch in read_shard(path):
            rows += batch.num_rows
            yield path, batch
        if rows != entry.rows:
            raise _wrong(path, f"{rows:,} rows", f"{entry.rows:,}, as the manifest says")


def _originals(batch: pa.RecordBatch, row: int, m: int, names: list[str] | None) -> pa.RecordBatch:
    """The rows with variant 0, as the source's hash sees them: the label by its class name."""
    rows = number_array(np.arange(-row % (m + 1), batch.num_rows, m + 1))
    taken = batch.take(rows)
    if names is None:
        return taken
    known = pc.and_(pc.greater_equal(taken["label"], scalar(0)), pc.less(taken["label"], scalar(len(names))))
    labels = string_array(names).take(pc.if_else(known, taken["label"], None))
    return taken.set_column(taken.schema.get_field_index("label"), "label", labels)


def _wrong(path: Path, found: str, expected: str) -> DatasetError:
    return DatasetError(f"verifying {path}", found=found, expected=expected, remedy=_REMEDY)
