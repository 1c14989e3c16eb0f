"""One server of each kind for a session, started when the first test asks for it, and the storages on them."""

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.store import servers
from tests.store.fake_gcs import fake_gcs
from tests.store.servers import Server
from xlt_augment.store.storage import Storage, open_storage

MAKERS = {"s3": servers.moto, "sftp": servers.sshd, "abfs": servers.azurite, "gs": fake_gcs, "rclone": servers.rclone_s3}
REMOTE = ("s3", "sftp", "abfs", "gs")
KINDS = ("local", "memory", *REMOTE)
_FOREIGN = ("AWS_", "AZURE_", "GOOGLE_", "STORAGE_", "XLT_STORE", "SSH_")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Server]]:
    """The server of a kind."""
    running: dict[str, Server] = {}
    with ExitStack() as stack:

        def get(kind: str) -> Server:
            if kind not in running:
                running[kind] = stack.enter_context(MAKERS[kind](tmp_path_factory.mktemp(kind)))
            return running[kind]

        yield get


@pytest.fixture
def address(server: Callable[[str], Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """The address of a new, empty store of a kind; the environment leads there and nowhere else."""
    for name in [name for name in os.environ if name.startswith(_FOREIGN) or name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)

    def get(kind: str) -> str:
        name = f"t{secrets.token_hex(6)}"
        if kind in ("local", "memory"):
            return str(tmp_path / name) if kind == "local" else f"memory://{name}"
        found = server(kind)
        for key, value in found.environment.items():
            monkeypatch.setenv(key, value)
        found.prepare(name)
        return found.address(name)

    return get


@pytest.fixture
def new_store(address: Callable[[str], str]) -> Callable[[str], Storage]:
    """A new, empty storage of a kind."""
    return lambda kind: open_storage(address(kind))


@pytest.fixture(params=KINDS)
def storage(request: pytest.FixtureRequest, new_store: Callable[[str], Storage]) -> Storage:
    """A new, empty storage of each kind in turn."""
    return new_store(request.param)
