"""The rows of an epoch: some variants of every source row, by arithmetic alone; nothing is copied or listed."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from xlt_train.data.dataset import TrainingSet

Encode = Callable[[Sequence[Sequence[Any]]], list[dict[str, Any]]]  # columns of texts or token ids to items


class VariantView:
    """A map-style dataset for a DataLoader: item i is variant `variants[i % n]` of source row `i // n`, n variants.

    Items are what `encode` makes of the texts, or with `from_ids` of the dataset's token ids, with `labels` (the class as
    `label_ids` numbers it) and `rows` (the row of the training set, by which a method may seed its noise or find the original).
    """

    def __init__(
        self, data: TrainingSet, variants: Sequence[int], encode: Encode, label_ids: Sequence[int], *, from_ids: bool = False
    ) -> None:
        self.data, self.encode, self.label_ids, self.from_ids = data, encode, tuple(label_ids), from_ids
        self.variants = np.asarray(variants, np.int64)

    def __len__(self) -> int:
        return self.data.manifest.source_rows * len(self.variants)

    def rows(self, items: Sequence[int]) -> list[int]:
        """Rows of the training set that these items are."""
        index = np.asarray(items, np.int64)
        n = len(self.variants)
        found: list[int] = (index // n * (self.data.manifest.m + 1) + self.variants[index % n]).tolist()
        return found

    def lengths(self) -> np.ndarray:
        """How long each item is, [items] int32: in tokens where the dataset has token columns, else in bytes, before any cut.

        It depends on the dataset alone, not on how items are made of it.
        """
        rows = self.data.rows.lengths().reshape(self.data.manifest.source_rows, -1)
        return rows[:, self.variants].reshape(-1)

    def __getitems__(self, items: Sequence[int]) -> list[dict[str, Any]]:
        rows = self.rows(items)
        if self.from_ids:
            columns, labels = self.data.take_ids(rows)
        else:
            found = self.data.take(rows)
            labels = found.pop("label")
            columns = list(found.values())
        encoded = self.encode(columns)
        return [item | {"labels": self.label_ids[label], "rows": row} for item, label, row in zip(encoded, labels, rows)]

    def __getitem__(self, item: int) -> dict[str, Any]:
        if not -len(self) <= item < len(self):
            raise IndexError(item)
        return self.__getitems__([item % len(self)])[0]


class ExampleView:
    """A map-style dataset over texts in memory: a development or test file. Items carry `labels` where there are some."""

    def __init__(self, columns: Sequence[Sequence[str]], encode: Encode, labels: Sequence[int] | None) -> None:
        self.columns, self.encode, self.labels = columns, encode, labels

    def __len__(self) -> int:
        return len(self.columns[0])

    def __getitems__(self, items: Sequence[int]) -> list[dict[str, Any]]:
        encoded = self.encode([[column[k] for k in items] for column in self.columns])
        if self.labels is None:
            return encoded
        return [item | {"labels": self.labels[k]} for item, k in zip(encoded, items)]

    def __getitem__(self, item: int) -> dict[str, Any]:
        if not -len(self) <= item < len(self):
            raise IndexError(item)
        return self.__getitems__([item % len(self)])[0]
