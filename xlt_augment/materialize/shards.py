"""Arrow stream files of a stated size, hashed while they are written."""

import hashlib
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from xlt_augment.materialize.manifest import FileEntry


class _HashingFile:
    """A file that keeps count and sha256 of what passes through."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._digest, self.bytes, self.closed = stream, hashlib.sha256(), 0, False

    def write(self, data: bytes) -> int:
        self._digest.update(data)
        self.bytes += len(data)
        return self._stream.write(data)

    def flush(self) -> None:
        self._stream.flush()

    def close(self) -> None:
        self._stream.close()
        self.closed = True

    def hexdigest(self) -> str:
        return self._digest.hexdigest()


class ShardWriter:
    """Writes record batches into `data-K-of-N.arrow` files of about `max_bytes` each; use it as a context manager.

    A batch that does not fit is cut by rows, so a shard passes `max_bytes` by one row at most. `files()` names them once
    all are written.
    """

    def __init__(self, folder: Path, schema: pa.Schema, max_bytes: int) -> None:
        self._folder, self._schema, self._max_bytes = folder, schema, max_bytes
        self._done: list[FileEntry] = []
        self._file: _HashingFile | None = None
        self._writer: pa.RecordBatchStreamWriter | None = None
        self._rows = 0

    def __enter__(self) -> "ShardWriter":
        return self

    def __exit__(self, *error: object) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, batch: pa.RecordBatch) -> None:
        """Append rows. Raises OSError, for example when the disk is full."""
        start = 0
        while start < batch.num_rows:
            if self._writer is None or self._file is None:
                self._open()
            assert self._writer is not None and self._file is not None  # for mypy: _open has set both
            mean = max(1, batch.nbytes // batch.num_rows)
            part = batch.slice(start, max(1, (self._max_bytes - self._file.bytes) // mean))
            self._writer.write_batch(part)
            self._rows += part.num_rows
            start += part.num_rows
            if self._file.bytes + mean > self._max_bytes:
                self._close()

    def _open(self) -> None:
        path = self._folder / f"data-{len(self._done):05d}.partial"
        self._file = _HashingFile(path.open("wb"))
        self._writer = pa.ipc.new_stream(pa.PythonFile(self._file, mode="w"), self._schema)
        self._rows = 0

    def _close(self) -> None:
        if self._writer is not None and self._file is not None:
            self._writer.close()
            self._file.close()
            name = f"data-{len(self._done):05d}.partial"
            self._done.append(FileEntry(name, self._file.bytes, self._rows, self._file.hexdigest()))
        self._writer = self._file = None

    def files(self) -> list[FileEntry]:
        """Finish the last shard and give all their final names."""
        self._close()
        named = []
        for k, entry in enumerate(self._done):
            name = f"data-{k:05d}-of-{len(self._done):05d}.arrow"
            (self._folder / entry.path).rename(self._folder / name)
            named.append(entry._replace(path=name))
        return named
