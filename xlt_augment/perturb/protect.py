"""Words that a perturbation leaves alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from xlt_augment.arrays import bool_numpy, string_array
from xlt_augment.errors import UsageError
from xlt_augment.words import kernel_words as kernel
from xlt_augment.words.texts import Texts
from xlt_augment.words.unicode import unicode_table


def _whole(pattern: str) -> str:
    return rf"\A(?:{pattern})\z"


@dataclass(frozen=True, kw_only=True)
class Protect:
    """Words that are never changed nor moved: listed ones, and those that a pattern matches as a whole.

    A word is protected when it stands here as written in the text or in lower case, so "not" protects "Not" too.
    Patterns are RE2 syntax. Raises UsageError for a pattern that RE2 refuses.
    """

    words: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "words", tuple(sorted(set(self.words))))
        object.__setattr__(self, "patterns", tuple(sorted(set(self.patterns))))
        for pattern in self.patterns:
            try:
                pc.match_substring_regex(string_array(["x"]), pattern)  # alone first: "a)(b" is none, though wrapped it is
                pc.match_substring_regex(string_array(["x"]), _whole(pattern))
            except pa.ArrowInvalid as error:
                raise UsageError(
                    f"reading the pattern re:{pattern} of --protect",
                    found=str(error).rpartition("expression: ")[2],
                    expected="a regular expression in RE2 syntax",
                    remedy="See https://github.com/google/re2/wiki/Syntax",
                ) from error

    @classmethod
    def parse(cls, items: "Protect | Sequence[str]") -> "Protect":
        """From words and `re:PATTERN` items, as `--protect` takes them."""
        if isinstance(items, Protect):
            return items
        items = (items,) if isinstance(items, str) else tuple(items)
        for item in items:
            if not isinstance(item, str) or item == "re:" or (not item.startswith("re:") and item.split() != [item]):
                raise UsageError(
                    "reading --protect",
                    found=repr(item) if item not in ("", "re:") else "an empty entry",
                    expected="one word or re:PATTERN",
                    remedy="Give each word by itself",
                )
        patterns = tuple(item[3:] for item in items if item.startswith("re:"))
        return cls(words=tuple(item for item in items if not item.startswith("re:")), patterns=patterns)

    def __bool__(self) -> bool:
        return bool(self.words or self.patterns)

    def mask(self, data: np.ndarray, starts: np.ndarray, stops: np.ndarray) -> np.ndarray:
        """Which of the words at these byte ranges are protected: bool [words]."""
        table = unicode_table()
        as_written = Texts(*kernel.gather(data, starts, stops)).to_arrow()
        lowered = Texts(*kernel.lower_words(data, starts, stops, table.lower, table.classes)).to_arrow()
        found = np.zeros(len(starts), bool)
        for column in (as_written, lowered):
            found |= bool_numpy(pc.is_in(column, string_array(self.words)))
            for pattern in self.patterns:
                whole = pc.match_substring_regex(column, _whole(pattern))
                found |= bool_numpy(whole)
        return found

    def to_json(self) -> dict[str, Any]:
        """The entry of a recipe."""
        return {"words": list(self.words), "patterns": list(self.patterns)}
