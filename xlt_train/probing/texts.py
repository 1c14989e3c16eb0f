"""The parallel texts of a test folder, without those that stand for nothing."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from xlt_train.data.examples import Examples, Layout, same_count
from xlt_train.data.parallel import PLACEHOLDER, open_split
from xlt_train.errors import ExamplesError, UsageError
from xlt_train.probing.words import Text

Key = tuple[int, int]  # row of the files, which text of the row


@dataclass(frozen=True, kw_only=True)
class Parallel:
    """Files of several languages with the same rows, `source` among them. `first`: the number of the first row taken;
    `note`: why these files were taken, where nobody asked for their split. Unlike a set to judge on, single texts may be
    missing."""

    split: str
    note: str | None
    source: str
    first: int
    files: dict[str, Examples]

    @classmethod
    def read(cls, test_dir: str | Path, split: str, layout: Layout, rows: tuple[int, int] | None, source: str) -> "Parallel":
        """Raises ExamplesError for files that are missing or not parallel, UsageError for a source without a file."""
        split, whole, note = open_split(test_dir, split, layout)
        if source not in whole:
            raise UsageError(
                f"looking for the source language {source} in {test_dir}",
                found=f"files of {', '.join(whole)}",
                expected=f"a file {split}-{source} among them",
                remedy="Name the language that the model was trained on with --source",
            )
        if len(whole) == 1:
            raise ExamplesError(
                f"looking for parallel files in {test_dir}",
                found=f"{whole[source].path.name} alone",
                expected="at least one other language",
                remedy="Check --test-dir and --split",
            )
        same_count(list(whole.values()))
        files = {language: examples.part(rows) for language, examples in whole.items()}
        return cls(split=split, note=note, source=source, first=rows[0] if rows else 0, files=files)

    @property
    def targets(self) -> list[str]:
        """All languages but the source, sorted."""
        return [language for language in self.files if language != self.source]

    @property
    def items(self) -> range:
        """The rows taken, as the files number them."""
        return range(self.first, self.first + len(self.files[self.source]))

    def texts(self, language: str) -> list[Text]:
        """The texts of a language that are neither empty nor the placeholder, row by row."""
        columns = self.files[language].texts
        return [
            Text(item, column, texts[k])
            for k, item in enumerate(self.items)
            for column, texts in enumerate(columns)
            if texts[k].strip() not in ("", PLACEHOLDER)
        ]


def drawn(keys: Sequence[tuple[int, ...]], count: int) -> list[tuple[int, ...]]:
    """`count` of some numbered things, which depend on nothing but their numbers: those first by the sha256 of them."""
    return sorted(keys, key=lambda key: hashlib.sha256(":".join(map(str, key)).encode()).digest())[:count]
