"""Read a dataset folder by memory map, without `datasets`."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from xlt_augment.arrays import number_numpy
from xlt_augment.errors import DatasetError
from xlt_augment.materialize.manifest import Manifest

OURS = (("source_id", pa.int64()), ("variant", pa.int16()), ("changed", pa.int32()))  # our columns, behind the source's
TOKENS = pa.list_(pa.int32())  # the ids of a text
_LOOKED_AT = 65_536  # rows that samples are chosen from


class Sample(NamedTuple):
    """A source row and one of its variants: its texts by column, before and after."""

    source_id: int
    variant: int
    label: Any
    before: dict[str, str]
    after: dict[str, str]


@dataclass(frozen=True)
class AugmentedDataset:
    """A dataset folder and its manifest. The rows are trusted as they lie there; `verify` checks them."""

    path: Path
    manifest: Manifest

    @classmethod
    def open(cls, path: str | Path) -> "AugmentedDataset":
        """Open a folder that `build` wrote. Raises DatasetError when it is none."""
        return cls(Path(path), Manifest.read(Path(path)))

    def batches(self) -> Iterator[pa.RecordBatch]:
        """All record batches in order, memory-mapped. Raises DatasetError for a file that is not readable."""
        for entry in self.manifest.data_files:
            for batch in read_shard(self.path / entry.path):
                check_schema(self.path / entry.path, batch.schema, self.manifest)
                yield batch

    def head(self, rows: int) -> pa.Table:
        """The first rows as a table."""
        found, count = [], 0
        for batch in self.batches():
            found.append(batch.slice(0, rows - count))
            count += found[-1].num_rows
            if count >= rows:
                break
        return pa.Table.from_batches(found)

    def samples(self, n: int = 3) -> list[Sample]:
        """The first variant that changed something, of each of the first n source rows that have one."""
        recipe = self.manifest.recipe
        table = self.head(min(self.manifest.rows, _LOOKED_AT))  # views: texts are touched row by row
        source, changed = (number_numpy(table[name].combine_chunks()) for name in ("source_id", "changed"))
        hits = np.flatnonzero(changed > 0)
        _, firsts = np.unique(source[hits], return_index=True)
        rows = hits[firsts][:n]
        text = recipe["text_columns"]

        def texts(row: int) -> dict[str, str]:
            return {name: table[name][row].as_py() for name in text}

        m, labels = int(recipe["m"]), table["label"].to_pylist() if "label" in table.column_names else None
        return [
            Sample(
                source_id=int(source[row]),
                variant=int(row - source[row] * (m + 1)),
                label=labels[row] if labels else None,
                before=texts(int(source[row]) * (m + 1)),
                after=texts(row),
            )
            for row in rows.tolist()
        ]


def check_schema(path: Path, schema: pa.Schema, manifest: Manifest) -> None:
    """Raises DatasetError when a file lacks a text column or one of ours, or holds it in another type."""
    wanted = [pa.field(name, pa.string()) for name in manifest.recipe["text_columns"]]
    wanted += [pa.field(name, TOKENS) for name in manifest.token_columns] + [pa.field(*our) for our in OURS]
    missing = [f"{f.name}: {f.type}" for f in wanted if f.name not in schema.names or schema.field(f.name).type != f.type]
    if missing or b"huggingface" not in (schema.metadata or {}):
        raise DatasetError(
            f"reading {path}",
            found=f"the columns {', '.join(f'{f.name}: {f.type}' for f in schema)}",
            expected=f"{', '.join(missing)} among them" if missing else "a schema that names its features",
            remedy="Fetch or build the dataset again",
        )


def label_names(schema: pa.Schema) -> list[str] | None:
    """Class names of the column `label`, None where there is no ClassLabel. Raises DatasetError for a strange schema."""
    try:
        names = json.loads(schema.metadata[b"huggingface"])["info"]["features"].get("label", {}).get("names")
        return [str(name) for name in names] if names else None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DatasetError(
            "reading the schema of a dataset",
            found=f"features that are none ({error!r})",
            expected="those that xlt-augment wrote",
            remedy="Fetch or build the dataset again",
        ) from error


def read_shard(path: Path) -> Iterator[pa.RecordBatch]:
    """Record batches of one Arrow stream file. Raises DatasetError for a file that is none."""
    try:
        with pa.memory_map(str(path)) as stream:
            yield from pa.ipc.open_stream(stream)
    except (pa.ArrowException, OSError) as error:
        raise DatasetError(
            f"reading {path}",
            found=str(error).splitlines()[0],
            expected="a complete Arrow stream",
            remedy="Fetch or build the dataset again",
        ) from error
