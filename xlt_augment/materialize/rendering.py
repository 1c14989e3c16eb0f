"""`xlt-parquet.json`: which dataset a folder of Parquet files renders, and the sha256 of every file (docs/format.md)."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from xlt_augment.canonical import pretty_json, sha256_json
from xlt_augment.errors import DatasetError
from xlt_augment.materialize.manifest import FileEntry, is_plain

PARQUET_FORMAT = "xlt-parquet/1"
RENDERING_NAME = "xlt-parquet.json"


@dataclass(frozen=True, kw_only=True)
class Rendering:
    """The keys of `xlt-parquet.json`, but for `sha256`, which is computed from them.

    `logical_hash`, `manifest_sha256` and `recipe` are those of the dataset; `files` are all others in the folder.
    """

    format: str = PARQUET_FORMAT
    logical_hash: str
    manifest_sha256: str
    recipe: dict[str, Any]
    software: dict[str, str]
    files: tuple[FileEntry, ...]

    @property
    def data_files(self) -> tuple[FileEntry, ...]:
        """The files that hold rows, in order."""
        return tuple(entry for entry in self.files if entry.rows is not None)

    @property
    def rows(self) -> int:
        """Rows of all files."""
        return sum(entry.rows or 0 for entry in self.files)

    def to_bytes(self) -> bytes:
        """The file's content, the only one that `read` accepts for these keys."""
        body = asdict(self) | {"files": [entry._asdict() for entry in self.files]}
        return pretty_json(body | {"sha256": sha256_json(body)})

    @classmethod
    def read(cls, folder: Path) -> "Rendering":
        """That of a folder of Parquet files. Raises DatasetError for a folder without one, or one that was altered."""
        path = folder / RENDERING_NAME
        try:
            content = path.read_bytes()
        except OSError as error:
            raise DatasetError(
                f"opening {folder}",
                found=f"no readable {RENDERING_NAME}",
                expected="a folder written by xlt-augment store export --parquet",
                remedy="Check the path",
            ) from error
        try:
            body = json.loads(content)
            stated, found = body.pop("sha256"), body["format"]
            if found != PARQUET_FORMAT:
                raise _damaged(path, f"the format {str(found)[:40]!a}", PARQUET_FORMAT, "Update xlt")
            rendering = cls(files=tuple(FileEntry(**entry) for entry in body.pop("files")), **body)
            intact = rendering.to_bytes() == content
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise _damaged(path, "no description of Parquet files", "the JSON that xlt-augment wrote") from error
        if not intact or not rendering._has_shape():
            raise _damaged(path, "a changed description", f"one with sha256 {str(stated)[:12]}")
        return rendering

    def _has_shape(self) -> bool:
        """Whether what the readers rely on is there, so that a hostile file cannot lead them astray."""
        m = self.recipe.get("m") if isinstance(self.recipe, dict) else None
        return (
            type(m) is int
            and 0 < m < 1 << 15
            and all(isinstance(text, str) for text in (self.logical_hash, self.manifest_sha256))
            and all(is_plain(entry) and entry.path != RENDERING_NAME for entry in self.files)
            and all(entry.rows is None or (type(entry.rows) is int and entry.rows >= 0) for entry in self.files)
        )


def _damaged(path: Path, found: str, expected: str, remedy: str = "Export the dataset again") -> DatasetError:
    return DatasetError(f"reading {path}", found=found, expected=expected, remedy=remedy)
