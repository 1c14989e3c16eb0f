"""The label column: class names in a stated order, and the code of every row."""

from collections import Counter
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from xlt_augment.arrays import scalar, string_array
from xlt_augment.content_hash import is_text
from xlt_augment.errors import SourceError
from xlt_augment.materialize.sources import Chunk

_MOST_CLASSES = 4_096


def _is_number(name: str) -> bool:
    digits = name.removeprefix("-")
    return digits.isascii() and digits.isdigit()


class Labels:
    """Reads label values as class names; with no declared order it collects the names that occur.

    `column` is the label column, `declared` the names in order or None, `stored` the names of a ClassLabel source.
    """

    def __init__(self, column: str, declared: Sequence[str] | None, stored: Sequence[str] | None) -> None:
        self.column, self.stored = column, stored
        self.declared = tuple(declared) if declared else tuple(stored) if stored else None
        self.first = ""
        self._counts: Counter[str] = Counter()

    def strings(self, chunk: Chunk) -> pa.StringArray:
        """Class names of a chunk. Raises SourceError, naming the row, for a missing or undeclared label."""
        values = chunk.batch[self.column]
        if self.stored is not None and pt.is_integer(values.type):
            inside = pc.and_(pc.greater_equal(values, scalar(0)), pc.less(values, scalar(len(self.stored))))
            names = string_array(self.stored).take(pc.if_else(inside, values, None))
        elif is_text(values.type) or pt.is_integer(values.type) or pt.is_boolean(values.type) or pt.is_dictionary(values.type):
            names = values.cast(pa.string())
        else:
            raise self._refuse(chunk, 0, f"the type {values.type}", "text or whole numbers", "Name another --label-column")
        known = pc.and_(names.is_valid(), pc.match_substring_regex(names, r"\A\S(?:.*\S)?\z"))  # no white space around it
        if self.declared is not None:
            known = pc.and_(known, pc.is_in(names, string_array(self.declared)))
        known = pc.fill_null(known, scalar(False))
        if not pc.all(known).as_py():
            bad = pc.index(known, False).as_py()
            found = values[bad].as_py()
            expected = f"one of {', '.join(self.declared)}" if self.declared else "a label"
            raise self._refuse(
                chunk, bad, "no label" if found is None or not str(found).strip() else f"the label {found!r}", expected, ""
            )
        return names

    def count(self, chunk: Chunk) -> pa.StringArray:
        """`strings`, and remember which names occur."""
        names = self.strings(chunk)
        self.first = self.first or names[0].as_py()
        for entry in pc.value_counts(names):
            self._counts[entry["values"].as_py()] += entry["counts"].as_py()
        if self.declared is None and len(self._counts) > _MOST_CLASSES:
            found = f"more than {_MOST_CLASSES:,} different values in the label column {self.column!r}"
            raise self._refuse(chunk, 0, found, "class names", "Name the right column with --label-column")
        return names

    def names(self) -> tuple[str, ...]:
        """Class names in their declared order, else numbers by value, else sorted."""
        if self.declared is not None:
            return self.declared
        numbers = all(_is_number(name) for name in self._counts)
        return tuple(sorted(self._counts, key=lambda name: (int(name), name)) if numbers else sorted(self._counts))

    def first_looks_like_header(self) -> bool:
        """Whether the first row has a label of its own that nothing else has, while every other label repeats."""
        rest = [count for name, count in self._counts.items() if name != self.first]
        numeric = all(_is_number(name) for name in self._counts if name != self.first)
        alone = self.declared is None and self._counts[self.first] == 1 and bool(rest)
        return alone and (len(rest) > 1 and min(rest) > 1 or (numeric and not _is_number(self.first)))

    def _refuse(self, chunk: Chunk, row: int, found: str, expected: str, remedy: str) -> SourceError:
        remedy = remedy or "Repair that row, declare its label with --labels, or carry the column through: --label-column ''"
        return SourceError(f"reading {chunk.locate(row)}", found=found, expected=expected, remedy=remedy)
