"""Sources: a file, several by pattern, a saved `datasets` folder or a dataset of the Hub -> chunks of rows."""

import glob
from pathlib import Path

from xlt_augment.errors import SourceError, UsageError
from xlt_augment.materialize.sources.base import Chunk, Layout, Mark, Source
from xlt_augment.materialize.sources.delimited import CsvSource, TsvSource
from xlt_augment.materialize.sources.jsonl import JsonlSource
from xlt_augment.materialize.sources.tables import HubSource, ParquetSource, SavedSource

_COMPRESSIONS = {".gz", ".bz2", ".zst"}
_ENDINGS = ".tsv, .csv, .jsonl, .ndjson or .parquet"


def open_source(spec: str | Path, layout: Layout) -> Source:
    """The source that `spec` names: a path, a glob pattern, a folder, or hf:NAME[/CONFIG][:SPLIT].

    Raises SourceError when nothing is there or its kind is unknown.
    """
    text = str(spec)
    path = Path(text)
    if text.startswith("hf:") or path.is_dir():
        _refuse_layout(text, layout)
        return HubSource(text[3:]) if text.startswith("hf:") else _open_folder(path)
    files = (path,) if path.exists() else tuple(Path(p) for p in sorted(glob.glob(text, recursive=True)))  # noqa: PTH207 - absolute patterns too
    if not files:
        found = "no file that matches" if glob.has_magic(text) else "no such file or folder"
        raise SourceError(f"opening {text}", found=found, expected="a corpus", remedy="Check the path, from this folder")
    kinds = {_kind(file) for file in files}
    if len(kinds) > 1:
        found = f"files of several kinds ({', '.join(sorted(kinds))})"
        raise SourceError(f"opening {text}", found=found, expected="files of one kind", remedy="Narrow the pattern")
    name = _name(files[0] if len(files) == 1 else path)
    kind = kinds.pop()
    if kind in (".tsv", ".csv"):
        return (TsvSource if kind == ".tsv" else CsvSource)(name, files, layout)
    _refuse_layout(text, layout)
    return (ParquetSource if kind == ".parquet" else JsonlSource)(name, files)


def _refuse_layout(text: str, layout: Layout) -> None:
    if layout.header is not None or layout.columns is not None:
        raise UsageError(
            f"opening {text}",
            found="--header, --no-header or --columns",
            expected="them for TSV and CSV files alone",
            remedy="Leave them out: this source names its columns itself",
        )


def _open_folder(path: Path) -> Source:
    if (path / "state.json").is_file():
        return SavedSource(_name(path.resolve()), path)
    splits = sorted(child.name for child in path.iterdir() if (child / "state.json").is_file())
    raise SourceError(
        f"opening {path}",
        found=f"a folder of splits ({', '.join(splits)})" if splits else "a folder that no dataset was saved to",
        expected="a file, a pattern or one saved dataset",
        remedy=f"Name one: {path / splits[0]}" if splits else f"For files in it give a pattern in quotes: '{path}/*.tsv'",
    )


def _kind(file: Path) -> str:
    packed = file.suffix in _COMPRESSIONS
    kind = (Path(file.stem).suffix if packed else file.suffix).lower()
    kind = {".ndjson": ".jsonl"}.get(kind, kind)
    if kind not in (".tsv", ".csv", ".jsonl", ".parquet") or (kind == ".parquet" and packed):
        raise SourceError(
            f"opening {file}", found=f"the ending {file.suffix!r}", expected=_ENDINGS, remedy="Rename the file by what it holds"
        )
    return kind


def _name(path: Path) -> str:
    """The file's name up to its endings, in letters that every file system takes."""
    stem = path.name
    for suffix in (*_COMPRESSIONS, ".tsv", ".csv", ".jsonl", ".ndjson", ".parquet"):
        stem = stem[: -len(suffix)] if stem.lower().endswith(suffix) else stem
    cleaned = "".join(c if c.isalnum() or c in "-_." else "-" for c in stem).strip("-.")
    return cleaned or "corpus"


__all__ = ["Chunk", "Layout", "Mark", "Source", "open_source"]
