"""Arrow stream files of a stated size, hashed while they are written."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from xlt_augment.materialize.manifest import FileEntry
from xlt_augment.sha256 import Digest, new_sha256


class _HashingFile:
    """A file that keeps count and sha256 of what passes through."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self.digest, self.bytes, self.closed = stream, new_sha256(), 0, False

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        self.bytes += len(data)
        return self._stream.write(data)

    def flush(self) -> None:
        self._stream.flush()

    def close(self) -> None:
        self._stream.close()
        self.closed = True

    def hexdigest(self) -> str:
        return self.digest.hexdigest()


class _Shard:
    """One file being written."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.path, self.rows = path, 0
        self.file = _HashingFile(path.open("wb"))
        self.writer = pa.ipc.new_stream(pa.PythonFile(self.file, mode="w"), schema)

    def finish(self) -> FileEntry:
        self.writer.close()
        self.file.close()
        return FileEntry(self.path.name, self.file.bytes, self.rows, self.file.hexdigest())


class ShardWriter:
    """Writes record batches into files `NAME-K.partial` of about `max_bytes` each; use it as a context manager.

    A batch that does not fit is cut by rows, so a shard passes `max_bytes` by one row at most. After each `block_rows` rows,
    which no batch may lie across, a new one starts: so another writer can start there, and all cut alike. `files()` are its
    files; `name_shards` gives those of all writers their final names.
    """

    def __init__(self, folder: Path, name: str, schema: pa.Schema, *, max_bytes: int, block_rows: int) -> None:
        self._folder, self._name, self._schema, self._max_bytes = folder, name, schema, max_bytes
        self._rows, self._block_rows = 0, block_rows
        self._done: list[FileEntry] = []
        self._shard: _Shard | None = None

    def __enter__(self) -> "ShardWriter":
        return self

    def __exit__(self, *error: object) -> None:
        if self._shard is not None:
            self._shard.file.close()

    def write(self, batch: pa.RecordBatch) -> None:
        """Append rows. Raises OSError, for example when the disk is full."""
        start = 0
        mean = max(1, pa.ipc.get_record_batch_size(batch) // batch.num_rows)  # nbytes would count what is not written
        while start < batch.num_rows:
            path = self._folder / f"{self._name}-{len(self._done):05d}.partial"
            shard = self._shard = self._shard or _Shard(path, self._schema)
            part = batch.slice(start, max(1, (self._max_bytes - shard.file.bytes) // mean))
            shard.writer.write_batch(part)
            shard.rows += part.num_rows
            start += part.num_rows
            self._rows += part.num_rows
            if shard.file.bytes + mean > self._max_bytes or self._rows % self._block_rows == 0:
                self._finish()

    def open(self) -> Iterator[Digest]:
        """Digest of the file under way, for `sha256.settle`."""
        if self._shard is not None:
            yield self._shard.file.digest

    def _finish(self) -> None:
        if self._shard is not None:
            self._done.append(self._shard.finish())
        self._shard = None

    def files(self) -> list[FileEntry]:
        """Finish the last shard and list all of them."""
        self._finish()
        return self._done


def name_shards(source: Path, target: Path, entries: Sequence[FileEntry]) -> list[FileEntry]:
    """Move the files of `entries`, in this order, from one folder to another as `data-K-of-N.arrow`."""
    named = []
    for k, entry in enumerate(entries):
        name = f"data-{k:05d}-of-{len(entries):05d}.arrow"
        (source / entry.path).rename(target / name)
        named.append(entry._replace(path=name))
    return named
