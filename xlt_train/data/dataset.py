"""A training set: the folder of `xlt-augment build`, checked against its manifest and memory-mapped."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xlt_train.data.manifest import Manifest
from xlt_train.data.verify import Checked, check_files
from xlt_train.errors import DatasetError

if TYPE_CHECKING:
    from datasets import Dataset


@dataclass(frozen=True, kw_only=True)
class TrainingSet:
    """Row `source_id * (m + 1) + variant` holds variant `variant` of a source row; variant 0 is the original.

    `rows` is a memory-mapped `datasets.Dataset`; nothing of it is read before a row is asked for.
    """

    path: Path
    manifest: Manifest
    checked: Checked
    rows: "Dataset"

    @classmethod
    def open(cls, path: str | Path, *, rehash: bool = False) -> "TrainingSet":
        """Open a dataset folder whose files are those of its manifest (`rehash`: by sha256 even where there is a receipt).

        Raises DatasetError for a folder that is no dataset, is damaged, has no labels or none but one class.
        """
        folder = Path(path)
        manifest = Manifest.read(folder)
        if manifest.label_names is None or len(manifest.label_names) < 2:
            raise DatasetError(
                f"opening {folder} for training",
                found="no labels" if not manifest.label_names else f"the single class {manifest.label_names[0]!r}",
                expected="a label column with at least two classes",
                remedy="Build it again from a source with labels (xlt-augment build --label-column NAME)",
            )
        checked = check_files(folder, manifest, rehash=rehash)
        return cls(path=folder, manifest=manifest, checked=checked, rows=_load(folder, manifest))

    @property
    def label_names(self) -> tuple[str, ...]:
        """Class names in the order of their codes."""
        return self.manifest.label_names or ()

    def take(self, rows: Sequence[int]) -> dict[str, list[Any]]:
        """The text columns and `label` of these rows, as lists by column.

        Raises DatasetError when a row has no label, or the row address that it should not have.
        """
        found = self.rows[list(rows)]
        m = self.manifest.m
        for row, source_id, variant, label in zip(rows, found["source_id"], found["variant"], found["label"]):
            if source_id * (m + 1) + variant != row or label is None or not 0 <= label < len(self.label_names):
                raise DatasetError(
                    f"reading row {row:,} of {self.path}",
                    found=f"source_id {source_id}, variant {variant}, label {label}",
                    expected=f"source_id {row // (m + 1)}, variant {row % (m + 1)} and a label",
                    remedy="Build the dataset again; xlt-augment verify names all that is wrong",
                )
        return {name: found[name] for name in (*self.manifest.text_columns, "label")}

    def originals(self, limit: int) -> dict[str, list[str]]:
        """The texts of variant 0 of the first `limit` source rows, by column."""
        m, count = self.manifest.m, min(limit, self.manifest.source_rows)
        names = self.manifest.text_columns
        found = self.rows.select_columns(list(names))[0 : count * (m + 1) : m + 1]
        return {name: found[name] for name in names}


def _load(folder: Path, manifest: Manifest) -> "Dataset":
    """Memory-map the rows. The files are what the manifest says; here their schema and count are."""
    import datasets

    rows = datasets.load_from_disk(str(folder), keep_in_memory=False)
    label = rows.features.get("label") if isinstance(rows, datasets.Dataset) else None
    missing = [name for name in (*manifest.text_columns, "source_id", "variant") if name not in rows.column_names]
    names = tuple(label.names) if isinstance(label, datasets.ClassLabel) else None
    if missing or names != manifest.label_names or len(rows) != manifest.rows:
        raise DatasetError(
            f"opening {folder}",
            found=f"{len(rows):,} rows, columns {', '.join(rows.column_names)}, labels {names}",
            expected=f"{manifest.rows:,} rows, {', '.join(manifest.text_columns)}, labels {manifest.label_names}",
            remedy="Fetch or build the dataset again",
        )
    return rows
