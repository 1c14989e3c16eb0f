"""Arrow stream files of a stated size, hashed while they are written."""

from collections.abc import Iterator
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
    """Writes record batches into `data-K-of-N.arrow` files of about `max_bytes` each; use it as a context manager.

    A batch that does not fit is cut by rows, so a shard passes `max_bytes` by one row at most. `files()` names them once
    all are written.
    """

    def __init__(self, folder: Path, schema: pa.Schema, max_bytes: int) -> None:
        self._folder, self._schema, self._max_bytes = folder, schema, max_bytes
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
        while start < batch.num_rows:
            shard = self._shard = self._shard or _Shard(self._folder / f"data-{len(self._done):05d}.partial", self._schema)
            mean = max(1, batch.nbytes // batch.num_rows)
            part = batch.slice(start, max(1, (self._max_bytes - shard.file.bytes) // mean))
            shard.writer.write_batch(part)
            shard.rows += part.num_rows
            start += part.num_rows
            if shard.file.bytes + mean > self._max_bytes:
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
        """Finish the last shard and give all their final names."""
        self._finish()
        named = []
        for k, entry in enumerate(self._done):
            name = f"data-{k:05d}-of-{len(self._done):05d}.arrow"
            (self._folder / entry.path).rename(self._folder / name)
            named.append(entry._replace(path=name))
        return named
