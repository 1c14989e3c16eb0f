"""Sources that are tables already: Parquet files, saved `datasets` folders, and datasets of the Hugging Face Hub."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from xlt_augment.errors import SourceError, UsageError
from xlt_augment.materialize.sources.base import Chunk, Mark, columns_differ, files_from, no_rows, unreadable

_ROWS = 2_048
# What loading a foreign dataset was seen to raise; those of `datasets` itself derive from them.
_LOAD_ERRORS = (OSError, ValueError, RuntimeError, LookupError, TypeError, AttributeError, ImportError, pa.ArrowException)


class _Rows(Protocol):
    """What a loaded `datasets.Dataset` gives us."""

    features: Any

    def __len__(self) -> int: ...
    def with_format(self, type: str) -> Any: ...
    def select(self, indices: range) -> Any: ...


def _features(schema: pa.Schema) -> dict[str, Any]:
    """What `datasets` left in a schema's metadata about its columns."""
    try:
        return _features_of(json.loads((schema.metadata or {})[b"huggingface"])["info"])
    except (KeyError, ValueError, TypeError, AttributeError):
        return {}


def _features_of(info: dict[str, Any]) -> dict[str, Any]:
    """Those features that are in the layout of `datasets`."""
    return {name: feature for name, feature in (info.get("features") or {}).items() if isinstance(feature, dict)}


@dataclass
class ParquetSource:
    """Parquet files; class names that `datasets` left in them are kept."""

    name: str
    files: tuple[Path, ...]
    features: dict[str, Any] = field(default_factory=dict)
    remark: str = "Parquet"
    guessed: bool = False

    def chunks(self, start: Mark | None = None) -> Iterator[Chunk]:
        """See `Source.chunks`."""
        schema: pa.Schema | None = None
        for number, path, begin in files_from(self.files, start):
            try:
                with pq.ParquetFile(path) as file:
                    found = file.schema_arrow
                    schema = schema or found
                    self.features = self.features or _features(found)
                    if not schema.equals(found) or _features(found) != _features(schema):
                        raise columns_differ(path, _columns(found), self.files[0], _columns(schema))
                    if file.metadata.num_rows == 0:
                        raise no_rows(str(path))
                    yield from _numbered(_groups(file, begin.offset), str(path), Mark(number, begin.offset, begin.offset))
            except (pa.ArrowException, OSError) as error:
                raise unreadable(path, error) from error


def _groups(file: pq.ParquetFile, row: int) -> Iterator[pa.RecordBatch]:
    """Batches from a row on; the row groups before it are not read."""
    groups = list(range(file.metadata.num_row_groups))
    while groups and row >= (rows := file.metadata.row_group(groups[0]).num_rows):
        groups, row = groups[1:], row - rows
    for batch in file.iter_batches(batch_size=_ROWS, row_groups=groups):
        if row < batch.num_rows:
            yield batch.slice(row)
        row = max(0, row - batch.num_rows)


def _columns(schema: pa.Schema) -> list[str]:
    names = {name: f" {feature['names']}" for name, feature in _features(schema).items() if "names" in feature}
    return [f"{column.name}: {column.type}{names.get(column.name, '')}" for column in schema]


@dataclass
class SavedSource:
    """A folder that `Dataset.save_to_disk` wrote, read by memory map without `datasets`."""

    name: str
    folder: Path
    features: dict[str, Any] = field(default_factory=dict)
    remark: str = "saved datasets folder"
    guessed: bool = False

    def __post_init__(self) -> None:
        try:
            state = json.loads((self.folder / "state.json").read_bytes())
            info = json.loads((self.folder / "dataset_info.json").read_bytes())
            names = [str(entry["filename"]) for entry in state["_data_files"]]
            self.features = _features_of(info)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise unreadable(self.folder, error) from error
        if any(Path(name).name != name for name in names):
            raise unreadable(self.folder, ValueError("data files outside the folder"))
        self.files = tuple(self.folder / name for name in names)

    def chunks(self, start: Mark | None = None) -> Iterator[Chunk]:
        """See `Source.chunks`."""
        row, schema = start.line if start else 0, None  # rows of the whole folder have the place of lines
        for number, path, begin in files_from(self.files, start):
            try:
                with pa.memory_map(str(path)) as stream:
                    reader = pa.ipc.open_stream(stream)
                    schema = schema or reader.schema
                    if not schema.equals(reader.schema):
                        raise columns_differ(path, _columns(reader.schema), self.files[0], _columns(schema))
                    mark = Mark(number, begin.offset, row)
                    for chunk in _numbered(_slices(reader, begin.offset), str(self.folder), mark):
                        row += chunk.batch.num_rows
                        yield chunk
            except (pa.ArrowException, OSError) as error:
                raise unreadable(path, error) from error
        if row == 0:
            raise no_rows(str(self.folder))


def _slices(batches: Iterator[pa.RecordBatch], row: int) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for start in range(row, batch.num_rows, _ROWS):
            yield batch.slice(start, _ROWS)
        row = max(0, row - batch.num_rows)


def _numbered(batches: Iterator[pa.RecordBatch], where: str, first: Mark) -> Iterator[Chunk]:
    """Chunks of batches, of which the first starts at the mark `first`; its `line` is what people see as the row's number."""
    for batch in batches:
        places = _Places(where, first)
        yield Chunk(batch, places.locate, places.mark)
        first = places.mark(batch.num_rows)


class _Places(NamedTuple):
    """Where the rows of a chunk stand."""

    where: str
    first: Mark

    def locate(self, row: int) -> str:
        return f"{self.where} row {self.first.line + row} (counted from 0)"

    def mark(self, row: int) -> Mark:
        return Mark(self.first.file, self.first.offset + row, self.first.line + row)


class HubSource:
    """A dataset that `datasets.load_dataset` finds, by name or path; dataset scripts are never run."""

    files: tuple[Path, ...] = ()
    guessed = False

    def __init__(self, spec: str) -> None:
        """`spec` is NAME[/CONFIG][:SPLIT]. Raises UsageError without `datasets`, SourceError for what it cannot load."""
        self.spec = f"hf:{spec}"
        path, _, split = spec.partition(":")
        if not path.strip("/"):
            raise UsageError(f"reading {self.spec}", found="no name", expected="hf:NAME[/CONFIG][:SPLIT]", remedy="Name one")
        self._rows = _one_split(self.spec, _load(self.spec, path), split)
        if len(self._rows) == 0:
            raise no_rows(self.spec)
        self.name = "-".join(part for part in [*path.split("/"), split] if part not in ("", ".", ".."))
        self.features = self._rows.features.to_dict()
        self.remark = f"datasets: {', '.join(self.features)}"

    def chunks(self, start: Mark | None = None) -> Iterator[Chunk]:
        """See `Source.chunks`."""
        row = start.offset if start else 0
        rows = self._rows.select(range(row, len(self._rows))) if row else self._rows
        tables = rows.with_format("arrow").iter(batch_size=_ROWS)
        batches = (batch for table in tables for batch in table.combine_chunks().to_batches())
        yield from _numbered(batches, self.spec, Mark(0, row, row))


def _load(spec: str, path: str) -> Any:
    """All splits of NAME[/CONFIG]: the whole path as a name first, then its last part as a configuration."""
    try:
        import datasets
    except ImportError as error:
        raise UsageError(
            f"reading {spec}", found="no package datasets", expected="it installed", remedy="Run: pip install 'xlt[hf]'"
        ) from error
    name, _, config = path.rpartition("/")
    tries: list[tuple[str, str | None]] = [(path, None)] if not name or path.count("/") < 2 or Path(path).exists() else []
    tries += [(name, config)] if name and config else []
    reasons = []
    for candidate, configuration in tries:
        try:
            with _quiet(datasets):
                return datasets.load_dataset(candidate, configuration)
        except _LOAD_ERRORS as error:
            reasons.append(f"{candidate}{f' with configuration {configuration}' if configuration else ''}: {error}")
    raise SourceError(
        f"loading {spec}",
        found="; ".join(reason.splitlines()[0] for reason in reasons) or "no such name",
        expected="a dataset that datasets.load_dataset finds without a script",
        remedy="Check the name and the network; offline, give a local folder or file",
    )


@contextmanager
def _quiet(datasets: Any) -> Iterator[None]:
    """Keep the log lines of the libraries from standard error; what failed stands in the exception."""
    loggers = [logging.getLogger(name) for name in ("datasets", "huggingface_hub", "fsspec")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels):
            logger.setLevel(level)


def _one_split(spec: str, loaded: Any, split: str) -> _Rows:
    splits = list(loaded)
    chosen = split or (splits[0] if len(splits) == 1 else "")
    if chosen not in splits:
        raise SourceError(
            f"loading {spec}",
            found=f"no split {split!r}" if split else f"{len(splits)} splits",
            expected=f"one of {', '.join(splits)}",
            remedy=f"Name it: {spec.removesuffix(':' + split)}:{splits[0]}",
        )
    rows: _Rows = loaded[chosen]
    return rows
