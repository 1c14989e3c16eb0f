"""Stores to try things on: in memory, in a folder, in a bucket; and artifacts that are small and share files."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.store.servers import Server, moto
from xlt_augment.store.probe import Probe
from xlt_augment.store.repository import Store

SAFE = Probe(
    exclusive_sequential=True, exclusive_racing=True, whole=True, listing=True, winners=[1], clock_skew_seconds=0.0,
    software={}, at="2026-01-01T00:00:00Z",
)  # fmt: skip


@contextmanager
def s3_server(folder: Path) -> Iterator[Server]:
    """moto, and this process's environment leading there."""
    with moto(folder) as server, pytest.MonkeyPatch.context() as patch:
        for key, value in server.environment.items():
            patch.setenv(key, value)
        server.prepare("bucket")
        yield server


def new_store(kind: str, folder: Path) -> Store:
    """An empty store that nobody else knows; `kind`: memory, local, s3 (with a server at hand)."""
    name = secrets.token_hex(8)
    urls = {"memory": f"memory://{name}", "local": str(folder / f"store-{name}"), "s3": f"s3://bucket/{name}"}
    return Store.init(urls[kind], SAFE)


def report(folder: Path, number: int) -> Path:
    """A folder to publish: `number` decides on its content, and every two share a file, as versions do."""
    folder.mkdir(parents=True)
    (folder / "report.json").write_text(f'{{"title": "report {number}", "summary": "", "runs": []}}\n')
    (folder / "tables").mkdir()
    (folder / "tables" / "common.csv").write_bytes(b"the same everywhere\n" * 100)
    (folder / "tables" / f"half-{number % 2}.csv").write_bytes(b"one of two %d\n" % (number % 2) * 100)
    (folder / "tables" / "own.csv").write_bytes(b"row %d\n" % number * 200)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder. A file that stands for itself is one of that name."""
    files = [folder] if folder.is_file() else sorted(path for path in folder.rglob("*") if path.is_file())
    root = folder.parent if folder.is_file() else folder
    return {os.fspath(path.relative_to(root)): path.read_bytes() for path in files}
