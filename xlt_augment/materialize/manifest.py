"""`xlt.json`: what a dataset is, what it was made from, and the sha256 of every file (docs/format.md)."""

import json
import platform
import re
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from xlt_augment.canonical import pretty_json, sha256_json
from xlt_augment.errors import DatasetError

DATASET_FORMAT = "xlt-dataset/1"
MANIFEST_NAME = "xlt.json"
STATISTICS = (
    "rows", "source_rows", "texts", "empty_texts", "texts_without_eligible_words", "words", "eligible_words", "changed_words",
    "unchanged_variants", "duplicate_variants", "eligible_share", "changed_share", "changed_share_of_eligible",
)  # fmt: skip
_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class FileEntry(NamedTuple):
    """A file of the dataset; `rows` is None for files that hold no rows."""

    path: str
    bytes: int
    rows: int | None
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """The manifest's keys, but for `manifest_sha256`, which is computed from them.

    `tokenizer`: `name`, `sha256`, `columns` (text column -> its token column), `by`; None without token columns.
    """

    format: str = DATASET_FORMAT
    logical_hash: str
    recipe: dict[str, Any]
    source: dict[str, Any]
    synonyms: dict[str, Any] | None
    tokenizer: dict[str, Any] | None = None
    statistics: dict[str, Any]
    software: dict[str, str]
    files: tuple[FileEntry, ...]

    def to_json(self) -> dict[str, Any]:
        """All keys, `manifest_sha256` included."""
        body = asdict(self) | {"files": [entry._asdict() for entry in self.files]}
        if self.tokenizer is None:  # the key stands where there are token columns
            del body["tokenizer"]
        return body | {"manifest_sha256": sha256_json(body)}

    def to_bytes(self) -> bytes:
        """The file's content, the only one that `read` accepts for these keys."""
        return pretty_json(self.to_json())

    @property
    def data_files(self) -> tuple[FileEntry, ...]:
        """The files that hold rows, in order."""
        return tuple(entry for entry in self.files if entry.rows is not None)

    @property
    def rows(self) -> int:
        """Rows of the dataset: source rows times m + 1."""
        return int(self.statistics["rows"])

    @property
    def token_columns(self) -> tuple[str, ...]:
        """Names of the columns that hold token ids, in the order of the text columns."""
        return tuple((self.tokenizer or {"columns": {}})["columns"].values())

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        """The manifest of a dataset folder. Raises DatasetError for a folder without one, or one that was altered."""
        path = folder / MANIFEST_NAME
        try:
            content = path.read_bytes()
        except OSError as error:
            raise DatasetError(
                f"opening {folder}",
                found=f"no readable {MANIFEST_NAME}",
                expected="a dataset folder written by xlt-augment build",
                remedy="Check the path",
            ) from error
        return cls.from_bytes(content, path)

    @classmethod
    def from_bytes(cls, content: bytes, path: Path) -> "Manifest":
        """The manifest that lies at `path`. Raises DatasetError for one that was altered."""
        try:
            body = json.loads(content)
            stated = body.pop("manifest_sha256")
            entries = tuple(FileEntry(**entry) for entry in body.pop("files"))
            if body["format"] != DATASET_FORMAT:
                raise _damaged(path, f"the format {body['format']}", DATASET_FORMAT, "Update xlt")
            manifest = cls(files=entries, **body)
            intact = manifest.to_bytes() == content and manifest.to_json()["manifest_sha256"] == stated
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise _damaged(path, "no manifest", "the JSON that xlt-augment wrote") from error
        if not intact or not _has_shape(manifest):
            raise _damaged(path, "a changed manifest", f"one with sha256 {str(stated)[:12]}")
        return manifest


def _has_shape(manifest: Manifest) -> bool:
    """Whether what the readers rely on is there, so that a hostile manifest cannot lead them astray."""
    recipe, source, statistics = manifest.recipe, manifest.source, manifest.statistics
    if not all(isinstance(part, dict) for part in (recipe, source, statistics, manifest.software)):
        return False
    numbers = (recipe.get("m"), recipe.get("seed"), source.get("rows"), statistics.get("rows"))
    texts = (recipe.get("words"), recipe.get("method"), source.get("name"), source.get("sha256"), manifest.logical_hash)
    columns, labels = recipe.get("text_columns"), source.get("label_names")
    counts = [statistics.get(name) for name in STATISTICS]
    return (
        all(type(number) is int and number >= 0 for number in numbers)
        and all(isinstance(text, str) for text in texts)
        and all(isinstance(count, int | float) for count in counts)
        and (labels is None or (isinstance(labels, list) and all(isinstance(name, str) for name in labels)))
        and isinstance(columns, list)
        and all(isinstance(name, str) for name in columns)
        and (manifest.tokenizer is None or _is_tokenizer(manifest.tokenizer, columns))
        and all(is_plain(entry) for entry in manifest.files)
    )


def _is_tokenizer(entry: Any, columns: list[str]) -> bool:
    known = isinstance(entry, dict) and all(isinstance(entry.get(key), str) for key in ("name", "sha256", "by"))
    named = entry.get("columns") if known else None
    return isinstance(named, dict) and named == {name: token_column(name) for name in columns}


def token_column(text_column: str) -> str:
    """Name of the column with the token ids of a text column."""
    return f"{text_column}_ids"


def is_plain(entry: FileEntry) -> bool:
    """Whether a file lies in the folder itself, under a plain name that is not the manifest's."""
    return isinstance(entry.path, str) and bool(_PLAIN_NAME.fullmatch(entry.path)) and entry.path != MANIFEST_NAME


def _damaged(path: Path, found: str, expected: str, remedy: str = "Fetch or build the dataset again") -> DatasetError:
    return DatasetError(f"reading {path}", found=found, expected=expected, remedy=remedy)


def software_versions(*more: str) -> dict[str, str]:
    """Versions of what made the dataset, and of `more` packages; they are no part of its identity."""
    names = ("numba", "numpy", "pyarrow", *more)
    return {"xlt": version("xlt"), "python": platform.python_version()} | {name: version(name) for name in names}
