"""Read `xlt.json`, the manifest of a training set (docs/format.md): what it was made from, and the sha256 of every file."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from xlt_train.errors import DatasetError
from xlt_train.files import pretty_json, sha256_json

DATASET_FORMAT = "xlt-dataset/1"
MANIFEST_NAME = "xlt.json"
ROW_COLUMNS = ("source_id", "variant", "label")  # that training reads beside texts or tokens
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
FETCH = "Fetch or build the dataset again"
_BUILD = "Check the path, build one (xlt-augment build train.tsv), or pull one (xlt-augment store pull TEAM/NAME)"
FETCH_AGAIN = (FETCH, _BUILD)  # what errors of a damaged dataset advise, where it is not known to come from a store


class FileEntry(NamedTuple):
    """A file of the dataset; `rows` is None for files that hold no rows."""

    path: str
    bytes: int
    rows: int | None
    sha256: str


class TokenColumns(NamedTuple):
    """The tokenizer of a dataset's token ids, the columns that hold them in the order of the text columns, and whether the ids
    were made word by word ("words") or text by text ("texts"), which changes nothing in them."""

    name: str
    sha256: str
    columns: tuple[str, ...]
    by: str

    @classmethod
    def of(cls, body: Any, text_columns: Sequence[str]) -> "TokenColumns | None":
        """The manifest's key `tokenizer`, None without one. Raises ValueError, KeyError or TypeError for another shape."""
        if body is None:
            return None
        name, sha256, columns, by = (body[key] for key in ("name", "sha256", "columns", "by"))
        if not (isinstance(name, str) and name and name.isprintable()):
            raise ValueError("a tokenizer without a plain name")
        if not (isinstance(sha256, str) and _SHA256.fullmatch(sha256)):
            raise ValueError("a tokenizer's sha256 that is none")
        if set(columns) != set(text_columns):
            raise ValueError("token columns of other texts")
        found = tuple(columns[text] for text in text_columns)
        if not all(isinstance(column, str) for column in found) or len({*found, *text_columns, *ROW_COLUMNS}) != (
            2 * len(found) + len(ROW_COLUMNS)
        ):
            raise ValueError("token columns that are not columns of their own")
        if by not in ("words", "texts"):
            raise ValueError("token ids made in an unknown way")
        return cls(name, sha256, found, by)


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What training needs of a manifest. `operator` is the recipe's method, "synonym" or "swap"."""

    sha256: str
    logical_hash: str
    recipe: dict[str, Any]
    source: dict[str, Any]
    synonyms: dict[str, Any] | None
    operator: str
    m: int
    text_columns: tuple[str, ...]
    label_names: tuple[str, ...] | None
    source_rows: int
    files: tuple[FileEntry, ...]
    tokens: TokenColumns | None = None

    @property
    def rows(self) -> int:
        """Rows of the dataset: source rows times m + 1."""
        return self.source_rows * (self.m + 1)

    def provenance(self) -> dict[str, Any]:
        """What a run or report says about its training set."""
        source = {name: self.source[name] for name in ("name", "rows", "sha256")}
        return {
            "logical_hash": self.logical_hash,
            "manifest_sha256": self.sha256,
            "recipe": self.recipe,
            "source": source,
            "synonyms": self.synonyms,
        }

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        """The manifest of a dataset folder. Raises DatasetError for a folder without one, or one that was altered."""
        path = folder / MANIFEST_NAME
        try:
            content = path.read_bytes()
        except OSError as error:
            raise DatasetError(
                f"opening {folder}",
                found="no such folder" if not folder.exists() else f"no readable {MANIFEST_NAME}",
                expected="a dataset folder written by xlt-augment build",
                remedy=_BUILD,
            ) from error
        try:
            body = json.loads(content)
            stated, found_format = body["manifest_sha256"], body["format"]
            rest = {key: value for key, value in body.items() if key != "manifest_sha256"}
            intact = sha256_json(rest) == stated and pretty_json(body) == content
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise _damaged(path, "no manifest", "the JSON that xlt-augment wrote") from error
        if found_format != DATASET_FORMAT:
            raise _damaged(path, f"the format {found_format}", DATASET_FORMAT, "Update xlt")
        if not intact:
            raise _damaged(path, "a changed manifest", f"one with sha256 {str(stated)[:12]}")
        try:
            return cls._of(body)
        except (KeyError, TypeError, ValueError) as error:
            raise _damaged(path, f"a manifest without what training needs ({error})", "the keys of a dataset") from error

    @classmethod
    def _of(cls, body: dict[str, Any]) -> "Manifest":
        recipe, source, names = body["recipe"], body["source"], body["source"]["label_names"]
        files = tuple(FileEntry(**entry) for entry in body["files"])
        if not all(_PLAIN_NAME.fullmatch(entry.path) for entry in files):
            raise ValueError("a file name that is not plain")
        text_columns = tuple(map(str, recipe["text_columns"]))
        return cls(
            sha256=str(body["manifest_sha256"]),
            logical_hash=str(body["logical_hash"]),
            recipe=dict(recipe),
            source=dict(source),
            synonyms=body["synonyms"],
            operator=str(recipe["method"]),
            m=int(recipe["m"]),
            text_columns=text_columns,
            label_names=None if names is None else tuple(map(str, names)),
            source_rows=int(source["rows"]),
            files=files,
            tokens=TokenColumns.of(body.get("tokenizer"), text_columns),
        )


def _damaged(path: Path, found: str, expected: str, remedy: str = FETCH) -> DatasetError:
    return DatasetError(f"reading {path}", found=found, expected=expected, remedy=remedy)
