"""A test folder as one parallel set: the same items in every language, with a policy for rows that are no translation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from xlt_train.data.examples import Examples, Layout, read_examples, same_count
from xlt_train.data.languages import language_files
from xlt_train.errors import ExamplesError, UsageError
from xlt_train.files import sha256_json

PLACEHOLDER = "NS"  # what PAWS-X has for a sentence that was not translated
KEEP, DROP = "keep", "drop"
AUTO, TEST, DEV = "auto", "test", "dev"


@dataclass(frozen=True, kw_only=True)
class ParallelSet:
    """Items in several languages. `files`: language -> rows, sorted by language, for `items` [I] int64, rows of the files.

    `counts`, of items: `total` before dropping, `kept`, and those with `placeholders`, `differing_labels` or `missing` texts in
    any language, of which one item may have several. `note`: which split was taken, where that was not asked for.
    """

    split: str
    rows: tuple[int, int] | None
    layout: Layout
    placeholders: str
    files: dict[str, Examples]
    items: np.ndarray
    counts: dict[str, int]
    note: str | None = None

    @classmethod
    def read(
        cls,
        folder: str | Path,
        split: str,
        layout: Layout,
        rows: tuple[int, int] | None = None,
        *,
        placeholders: str = KEEP,
        languages: Sequence[str] | None = None,
    ) -> "ParallelSet":
        """Open the files `SPLIT-LANG` of `folder`; split `auto` is `test` where that has labels, else `dev` where there is one.

        `keep` leaves every item in; `drop` leaves out, in all languages, items with the text NS, labels that differ between
        languages, or a missing row (a blank line, or a text that is empty or white space) in any language. Raises ExamplesError
        for files that cannot be read, are not parallel, lack one of `languages`, or lack a row that is to be kept.
        """
        if placeholders not in (KEEP, DROP):
            raise UsageError(
                "reading --placeholders", found=repr(placeholders), expected=f"{KEEP} or {DROP}", remedy="Choose one of them"
            )
        split, whole, note = open_split(folder, split, layout, languages)
        same_count(list(whole.values()))
        part = {language: examples.part(rows) for language, examples in whole.items()}
        marks = {"placeholders": _with_placeholder(part), "differing_labels": _differing(part), "missing": _missing(part)}
        if placeholders == KEEP and marks["missing"].any():
            raise _gap(part, int(marks["missing"].argmax()))
        left_out = np.logical_or.reduce(list(marks.values()))
        kept = np.flatnonzero(~left_out) if placeholders == DROP else np.arange(len(left_out))
        if not len(kept):
            raise ExamplesError(
                f"reading the {split} files of {folder}",
                found=f"{len(left_out):,} items, each with a placeholder, labels that differ or a missing row",
                expected="at least one without, to be judged",
                remedy="Use --placeholders keep, or check that the files are parallel",
            )
        return cls(
            split=split,
            rows=rows,
            layout=layout,
            placeholders=placeholders,
            files={language: examples.take(kept.tolist()) for language, examples in part.items()},
            items=kept + (rows or (0,))[0],
            counts={"total": len(left_out), "kept": len(kept)} | {name: int(mark.sum()) for name, mark in marks.items()},
            note=note,
        )

    def __len__(self) -> int:
        return len(self.items)

    @property
    def languages(self) -> list[str]:
        """Their names, sorted."""
        return list(self.files)

    @property
    def columns(self) -> dict[str, object]:
        """Which columns of the files were taken, as results say it."""
        layout = self.layout
        return {
            "columns": None if layout.columns is None else list(layout.columns),
            "text_columns": list(layout.text_columns),
            "label_column": layout.label_column,
        }

    @property
    def identity(self) -> str:
        """The same for the same files, rows, columns and policy: 16 hex digits."""
        files = {language: examples.sha256 for language, examples in self.files.items()}
        rows = None if self.rows is None else list(self.rows)
        return tests_identity(files, rows, self.columns, self.placeholders)


def open_split(
    folder: str | Path, split: str, layout: Layout, languages: Sequence[str] | None = None
) -> tuple[str, dict[str, Examples], str | None]:
    """The split that is taken, its files in full, and why it is that one where nobody asked for it.

    Raises ExamplesError for files that cannot be read, or lack one of `languages`.
    """
    if split != AUTO or not _there(folder, DEV):
        split = TEST if split == AUTO else split
        return split, _read(folder, split, layout, languages), None
    if not _there(folder, TEST):
        return DEV, _read(folder, DEV, layout, languages), f"no file {TEST}-LANG: the {DEV} files are judged"
    tests = _read(folder, TEST, layout, languages)
    bare = [examples.path.name for examples in tests.values() if examples.labels is None]
    if bare and tests.keys() <= language_files(folder, DEV).keys():
        found = _read(folder, DEV, layout, list(tests))
        if all(examples.labels is not None for examples in found.values()):
            whose = f"the {TEST} files" if len(bare) == len(tests) else ", ".join(bare)
            why = f"no labels in {whose}: the {DEV} files are judged"
            return DEV, found, f"{why}; --split {TEST} predicts without accuracy"
    return TEST, tests, None


def _there(folder: str | Path, split: str) -> bool:
    """Whether there are files of that split; what is wrong with the folder shows when they are read."""
    try:
        return bool(language_files(folder, split))
    except ExamplesError:
        return False


def _read(folder: str | Path, split: str, layout: Layout, languages: Sequence[str] | None) -> dict[str, Examples]:
    paths = language_files(folder, split)
    missing = [language for language in languages or () if language not in paths]
    if missing:
        raise ExamplesError(
            f"looking for language files in {folder}",
            found=f"no file {split}-{missing[0]}.tsv",
            expected=f"one for each language asked for; there are {', '.join(paths)}",
            remedy="Check --languages and --test-dir",
        )
    chosen = sorted(set(languages)) if languages else list(paths)
    return {language: read_examples(paths[language], layout, gaps=True) for language in chosen}


def _with_placeholder(files: dict[str, Examples]) -> np.ndarray:
    """[I] bool: the items with a text NS in any language."""
    return _any([[text.strip() == PLACEHOLDER for text in column] for one in files.values() for column in one.texts])


def _missing(files: dict[str, Examples]) -> np.ndarray:
    """[I] bool: the items with a text that is empty, or white space, in any language."""
    return _any([[not text.strip() for text in column] for one in files.values() for column in one.texts])


def _any(marked: list[list[bool]]) -> np.ndarray:
    return np.logical_or.reduce(np.array(marked, bool), axis=0)  # type: ignore[no-any-return]


def _differing(files: dict[str, Examples]) -> np.ndarray:
    """[I] bool: the items whose labels are not the same in all files that have labels; a missing row has none."""
    size = len(next(iter(files.values())))
    labels = [one.labels for one in files.values() if one.labels is not None]
    return np.array([len({label for label in row if label}) > 1 for row in zip(*labels)] if labels else [False] * size, bool)


def _gap(files: dict[str, Examples], item: int) -> ExamplesError:
    place = next(one.places[item] for one in files.values() if any(not column[item].strip() for column in one.texts))
    return ExamplesError(
        f"reading {place}",
        found="a blank line, or an empty text",
        expected="a text in every row of every language, as all rows are kept",
        remedy="Repair that row, or leave the item out in all languages with --placeholders drop",
    )


def tests_identity(files: Mapping[str, str], rows: Sequence[int] | None, columns: Mapping[str, Any], placeholders: str) -> str:
    """What was judged on, as one word: `files` is language -> sha256. Two results are comparable where theirs are the same."""
    body = {"files": dict(files), "rows": rows, "columns": dict(columns), "placeholders": placeholders}
    return sha256_json(body)[:16]
