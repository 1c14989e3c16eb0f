"""Several training sets as one: the rows of each behind those of the one before."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from xlt_train.data.dataset import TrainingSet
from xlt_train.data.manifest import TokenColumns
from xlt_train.errors import DatasetError, UsageError


@dataclass(frozen=True)
class TrainingSets:
    """One or more training sets with the same labels and the same number of texts.

    The names of columns and the order of labels are those of the first set; labels of the others count by name.
    """

    parts: tuple[TrainingSet, ...]

    @classmethod
    def open(cls, paths: Sequence[str | Path], *, rehash: bool = False) -> "TrainingSets":
        """Open each as `TrainingSet.open` does.

        Raises DatasetError as that, and for sets that do not go together; UsageError for none, and for one given twice.
        """
        if not paths:
            raise UsageError("opening the training sets", found="none", expected="at least one", remedy="Name one with --data")
        parts: list[TrainingSet] = []
        for path in paths:
            part = TrainingSet.open(path, rehash=rehash)
            for other in parts:
                _check_new(part, other)
            if parts:
                _check_alike(part, parts[0])
            parts.append(part)
        return cls(tuple(parts))

    @property
    def label_names(self) -> tuple[str, ...]:
        """Class names in the order of the first set."""
        return self.parts[0].label_names

    @property
    def text_columns(self) -> tuple[str, ...]:
        """The first set's names of the text columns."""
        return self.parts[0].manifest.text_columns

    @property
    def starts(self) -> tuple[int, ...]:
        """What row 0 of each set is called among the rows of all."""
        return tuple(accumulate((part.manifest.rows for part in self.parts[:-1]), initial=0))

    @property
    def tokens(self) -> TokenColumns | None:
        """The first set's token columns where all sets have some of the same tokenizer, in which lengths can be compared."""
        found = [part.manifest.tokens for part in self.parts]
        same = {None if tokens is None else tokens.sha256 for tokens in found}
        return found[0] if len(same) == 1 else None

    def texts(self, limit: int) -> list[str]:
        """All texts of the originals of the first `limit` source rows of each set."""
        return [text for part in self.parts for column in part.originals(limit).values() for text in column]


def _check_new(part: TrainingSet, other: TrainingSet) -> None:
    if part.manifest.logical_hash == other.manifest.logical_hash:
        raise UsageError(
            "opening the training sets",
            found=f"the same rows in {other.path} and {part.path} (hash {part.manifest.logical_hash[:12]})",
            expected="each dataset once",
            remedy=f"Leave out --data {part.path}",
        )


def _check_alike(part: TrainingSet, first: TrainingSet) -> None:
    doing = f"training on {first.path} and {part.path} together"
    texts, wanted = part.manifest.text_columns, first.manifest.text_columns
    if len(texts) != len(wanted):
        raise DatasetError(
            doing,
            found=f"{len(texts)} text column{'s' * (len(texts) > 1)} in the latter: {', '.join(texts)}",
            expected=f"{len(wanted)}, as in the former: {', '.join(wanted)}",
            remedy="Leave out one of them, or build it again (xlt-augment build --text-columns NAMES)",
        )
    if set(part.label_names) != set(first.label_names):
        raise DatasetError(
            doing,
            found=f"the labels {', '.join(part.label_names)} in the latter",
            expected=f"{', '.join(first.label_names)}, as in the former, in any order",
            remedy="Leave out one of them, or build both with the same labels (xlt-augment build --labels NAMES)",
        )
