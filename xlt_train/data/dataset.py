"""A training set: the folder of `xlt-augment build`, checked against its manifest and memory-mapped."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from xlt_train.data.manifest import FETCH, ROW_COLUMNS, Manifest
from xlt_train.data.pulled import Pulled, pull_again
from xlt_train.data.rows import MappedRows
from xlt_train.data.verify import Checked, check_files
from xlt_train.errors import DatasetError

_LOOKED_AT = 32  # rows that are looked at for originals


@dataclass(frozen=True, kw_only=True)
class TrainingSet:
    """Row `source_id * (m + 1) + variant` holds variant `variant` of a source row; variant 0 is the original.

    `rows` is a memory map; nothing of it is read before a row is asked for. `pulled`: where a pulled folder came from.
    """

    path: Path
    manifest: Manifest
    checked: Checked
    rows: MappedRows
    pulled: Pulled | None = None

    @classmethod
    def open(cls, path: str | Path, *, rehash: bool = False) -> "TrainingSet":
        """Open a dataset folder whose files are those of its manifest (`rehash`: by sha256 even where there is a receipt).

        Raises DatasetError for a folder that is no dataset, is damaged, is not the one that its record of a pull names, has
        fewer than two classes or more than two texts.
        """
        folder = Path(path)
        pulled = Pulled.beside(folder)
        with pull_again(pulled):
            manifest = Manifest.read(folder)
            if pulled is not None:
                pulled.check(folder, manifest)
            cls._check_use(folder, manifest)
            return cls._mapped(folder, manifest, check_files(folder, manifest, rehash=rehash), pulled)

    @staticmethod
    def _check_use(folder: Path, manifest: Manifest) -> None:
        """Raises DatasetError for labels and texts that no classifier can be trained on."""
        if manifest.label_names is None or len(manifest.label_names) < 2:
            raise DatasetError(
                f"opening {folder} for training",
                found="no labels" if not manifest.label_names else f"the single class {manifest.label_names[0]!r}",
                expected="a label column with at least two classes",
                remedy="Build it again from a source with labels (xlt-augment build --label-column NAME)",
            )
        if not 1 <= len(manifest.text_columns) <= 2:
            raise DatasetError(
                f"opening {folder} for training",
                found=f"{len(manifest.text_columns)} text columns: {', '.join(manifest.text_columns)}",
                expected="one or two, which is what encoders take",
                remedy="Build it again (xlt-augment build --text-columns a,b)",
            )

    @classmethod
    def _mapped(cls, folder: Path, manifest: Manifest, checked: Checked, pulled: Pulled | None) -> "TrainingSet":
        """Map files that were checked: what they hold must be what the manifest says."""
        paths = [folder / entry.path for entry in manifest.files if entry.rows is not None]
        rows = MappedRows(paths, manifest.text_columns, manifest.tokens.columns if manifest.tokens else ())
        if len(rows) == manifest.source_rows * manifest.m:
            raise _without_originals(folder, f"{len(rows):,} rows, {manifest.m} of each source row")
        if rows.label_names != manifest.label_names or len(rows) != manifest.rows:
            raise DatasetError(
                f"opening {folder}",
                found=f"{len(rows):,} rows, labels {rows.label_names}",
                expected=f"{manifest.rows:,} rows, labels {manifest.label_names}",
                remedy=FETCH,
            )
        return cls(path=folder, manifest=manifest, checked=checked, rows=rows, pulled=pulled)

    def __reduce__(self) -> tuple[Any, ...]:
        # a worker maps the files anew
        return type(self)._mapped, (self.path.absolute(), self.manifest, self.checked, self.pulled)

    def provenance(self) -> dict[str, Any]:
        """What a run says about its training set; `store` tells where it was pulled from, or is None."""
        return self.manifest.provenance() | {"store": None if self.pulled is None else self.pulled.provenance()}

    @property
    def label_names(self) -> tuple[str, ...]:
        """Class names in the order of their codes."""
        return self.manifest.label_names or ()

    def take(self, rows: Sequence[int]) -> dict[str, list[Any]]:
        """The text columns and `label` of these rows, as lists by column.

        Raises DatasetError when a row has no label, or the row address that it should not have.
        """
        found = self._checked(rows, self.rows.take(rows))
        return {name: found[name] for name in (*self.manifest.text_columns, "label")}

    def take_ids(self, rows: Sequence[int]) -> tuple[list[list[np.ndarray]], list[int]]:
        """Token ids of these rows, for each text column an array [tokens] int32 a row (a view of the map), and their labels.

        Raises DatasetError as `take`, and for lists that are none.
        """
        labels: list[int] = self._checked(rows, self.rows.take(rows, ROW_COLUMNS))["label"]
        return self.rows.take_ids(rows), labels

    def check_originals(self) -> None:
        """Look at some rows, evenly spread, that should be originals. Raises DatasetError where one is not."""
        addresses = np.unique(np.linspace(0, self.manifest.source_rows - 1, _LOOKED_AT).astype(np.int64)) * (
            self.manifest.m + 1
        )
        rows: list[int] = addresses.tolist()
        found = self.rows.take(rows, ("source_id", "variant"))
        for row, source_id, variant in zip(rows, found["source_id"], found["variant"]):
            if (source_id, variant) != (row // (self.manifest.m + 1), 0):
                raise _without_originals(self.path, f"variant {variant} of source row {source_id:,} in row {row:,}")

    def _checked(self, rows: Sequence[int], found: dict[str, list[Any]]) -> dict[str, list[Any]]:
        m = self.manifest.m
        for row, source_id, variant, label in zip(rows, found["source_id"], found["variant"], found["label"]):
            if source_id * (m + 1) + variant != row or label is None or not 0 <= label < len(self.label_names):
                raise DatasetError(
                    f"reading row {row:,} of {self.path}",
                    found=f"source_id {source_id}, variant {variant}, label {label}",
                    expected=f"source_id {row // (m + 1)}, variant {row % (m + 1)} and a label",
                    remedy="Build the dataset again; xlt-augment verify names all that is wrong",
                )
        return found

    def originals(self, limit: int) -> dict[str, list[str]]:
        """The texts of variant 0 of the first `limit` source rows, by column."""
        m, count = self.manifest.m, min(limit, self.manifest.source_rows)
        found = self.rows.take(range(0, count * (m + 1), m + 1))
        return {name: found[name] for name in self.manifest.text_columns}


def _without_originals(folder: Path, found: str) -> DatasetError:
    return DatasetError(
        f"looking for the originals in {folder}",
        found=found,
        expected="each original (variant 0) in front of its variants",
        remedy="Build the dataset again with xlt-augment build SOURCE, which keeps the originals",
    )
