"""The rows of an epoch: some variants of every source row, by arithmetic alone; nothing is copied or listed."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import numpy as np

from xlt_train.data.dataset import TrainingSet

Encode = Callable[[Sequence[Sequence[Any]]], list[dict[str, Any]]]  # columns of texts or token ids to items
Row = dict[str, Any]  # what `encode` makes of a row, with `labels` and `rows`
Pair = tuple[Row, Row]  # an original and one of its variants
_Item = TypeVar("_Item")


class _View(Generic[_Item]):
    """A map-style dataset for a DataLoader: item i belongs to source row `i // n` and to `variants[i % n]`, n variants."""

    def __init__(
        self,
        data: TrainingSet,
        variants: Sequence[int],
        encode: Encode,
        label_ids: Sequence[int],
        *,
        from_ids: bool = False,
        first_row: int = 0,
    ) -> None:
        """`encode` takes texts, or with `from_ids` token ids; `label_ids`: the class as the model numbers it.

        `first_row`: what row 0 of the training set is called in `rows`, where it stands behind other sets.
        """
        self.data, self.encode, self.label_ids, self.from_ids = data, encode, tuple(label_ids), from_ids
        self.variants, self.first_row = np.asarray(variants, np.int64), first_row

    def __len__(self) -> int:
        return self.data.manifest.source_rows * len(self.variants)

    def rows(self, items: Sequence[int]) -> list[int]:
        """Rows of the training set in which the variants of these items stand."""
        index = np.asarray(items, np.int64)
        n = len(self.variants)
        found: list[int] = (index // n * (self.data.manifest.m + 1) + self.variants[index % n]).tolist()
        return found

    @abstractmethod
    def lengths(self, *, in_bytes: bool = False) -> np.ndarray:
        """How long each item is, [items] int32, before any cut: in tokens where the dataset has token columns, else, or with
        `in_bytes`, in bytes. It depends on the dataset alone, not on how items are made of it."""

    @abstractmethod
    def __getitems__(self, items: Sequence[int]) -> list[_Item]: ...

    def __getitem__(self, item: int) -> _Item:
        if not -len(self) <= item < len(self):
            raise IndexError(item)
        return self.__getitems__([item % len(self)])[0]

    def _made(self, rows: Sequence[int]) -> list[Row]:
        """What the encoder takes of these rows, with label and row number."""
        if self.from_ids:
            columns, labels = self.data.take_ids(rows)
        else:
            found = self.data.take(rows)
            labels = found.pop("label")
            columns = list(found.values())
        encoded = self.encode(columns)
        return [
            item | {"labels": self.label_ids[label], "rows": self.first_row + row}
            for item, label, row in zip(encoded, labels, rows)
        ]

    def _lengths(self, in_bytes: bool) -> np.ndarray:
        """Of all rows, [source rows, m + 1]."""
        return self.data.rows.lengths(in_bytes=in_bytes).reshape(self.data.manifest.source_rows, -1)


class VariantView(_View[Row]):
    """Item i is variant `variants[i % n]` of source row `i // n`, n variants.

    Items are what `encode` makes of the texts, or with `from_ids` of the dataset's token ids, with `labels` (the class as
    `label_ids` numbers it) and `rows` (the row of the training set, by which a method may seed its noise or find the original).
    """

    def lengths(self, *, in_bytes: bool = False) -> np.ndarray:
        """How long each item is, see `_View.lengths`."""
        return self._lengths(in_bytes)[:, self.variants].reshape(-1)

    def __getitems__(self, items: Sequence[int]) -> list[Row]:
        return self._made(self.rows(items))


class PairView(_View[Pair]):
    """Item i is a pair: source row `i // n` as it was (variant 0) and its variant `variants[i % n]`, n variants."""

    def lengths(self, *, in_bytes: bool = False) -> np.ndarray:
        """How long the longer of the two is, see `_View.lengths`."""
        rows = self._lengths(in_bytes)
        found: np.ndarray = np.maximum(rows[:, :1], rows[:, self.variants]).reshape(-1)
        return found

    def __getitems__(self, items: Sequence[int]) -> list[Pair]:
        rows = self.rows(items)
        made = self._made([row - row % (self.data.manifest.m + 1) for row in rows] + rows)
        return list(zip(made[: len(rows)], made[len(rows) :]))


class JoinedView:
    """Several views as one, the items of each behind those of the one before. `in_bytes`: how `lengths` are counted in all."""

    def __init__(self, views: Sequence[VariantView | PairView], *, in_bytes: bool) -> None:
        self.views, self.in_bytes = tuple(views), in_bytes
        self._starts = np.concatenate(([0], np.cumsum([len(view) for view in views], dtype=np.int64)))

    def __len__(self) -> int:
        return int(self._starts[-1])

    def lengths(self) -> np.ndarray:
        """How long each item is, [items] int32."""
        return np.concatenate([view.lengths(in_bytes=self.in_bytes) for view in self.views])

    def __getitems__(self, items: Sequence[int]) -> list[Row | Pair]:
        index = np.asarray(items, np.int64)
        owner = np.searchsorted(self._starts, index, side="right") - 1
        found: list[Any] = [None] * len(index)
        for k in np.unique(owner).tolist():
            (places,) = np.nonzero(owner == k)
            for place, item in zip(places, self.views[k].__getitems__((index[places] - self._starts[k]).tolist())):
                found[place] = item
        return found

    def __getitem__(self, item: int) -> Row | Pair:
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
