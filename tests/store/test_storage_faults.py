"""What a storage says when something is wrong: one message a fault, with a remedy, and never with a secret."""

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.store.canned import canned
from tests.store.conftest import REMOTE
from tests.store.servers import AZURE_ACCOUNT, AZURE_KEY, SECRET, free_port, s3_environment
from tests.store.told import message
from xlt_augment.errors import StoreError
from xlt_augment.store.probe import probe
from xlt_augment.store.storage import Storage, open_storage
from xlt_augment.store.storage.faults import Advice, Kind, fault

Address = Callable[[str], str]


def acts(storage: Storage) -> list[Callable[[], object]]:
    """Each operation once."""
    return [
        lambda: storage.read("a/b"),
        lambda: next(storage.pieces("a/b")),
        lambda: storage.size("a/b"),
        lambda: next(storage.entries("a")),
        lambda: storage.upload("a/b", [b"x"], 1),
        lambda: storage.upload("a/b", (bytes(1 << 20) for _ in range(17)), 17 << 20),
        lambda: storage.create("a/b", b"x"),
        lambda: storage.remove("a/b"),
        storage.now,
    ]


def environment_of(kind: str, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leads to a port where something else is, or nothing."""
    place = f"http://127.0.0.1:{port}"
    connection = f"DefaultEndpointsProtocol=http;AccountName={AZURE_ACCOUNT};AccountKey={AZURE_KEY};BlobEndpoint={place}/x;"
    settings = {"s3": s3_environment(port), "abfs": {"AZURE_STORAGE_CONNECTION_STRING": connection}}
    for name, value in settings.get(kind, {"STORAGE_EMULATOR_HOST": place}).items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("kind", REMOTE)
def test_nobody_listens(kind: str, address: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XLT_STORE_TIMEOUT", "0.4")
    port = free_port()
    environment_of(kind, port, monkeypatch)
    storage = open_storage(f"sftp://127.0.0.1:{port}/x" if kind == "sftp" else f"{kind}://bucket/x")
    for act in acts(storage)[2::2]:
        begun = time.monotonic()
        told = message(act)
        assert "found no answer" in told
        assert "XLT_STORE_TIMEOUT" in told
        assert time.monotonic() - begun < 5


@contextmanager
def mute() -> Iterator[int]:
    """A port where connections are taken and nothing is ever said."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        yield listener.getsockname()[1]


@pytest.mark.parametrize("kind", REMOTE)
def test_nobody_answers(kind: str, address: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XLT_STORE_TIMEOUT", "0.3")
    with mute() as port:
        environment_of(kind, port, monkeypatch)
        storage = open_storage(f"sftp://127.0.0.1:{port}/x" if kind == "sftp" else f"{kind}://bucket/x")
        begun = time.monotonic()
        assert "found no answer" in message(lambda: storage.size("a"))
        assert time.monotonic() - begun < 8


@pytest.mark.parametrize("kind", ["s3", "abfs", "gs"])
def test_no_such_bucket(kind: str, address: Address) -> None:
    place = address(kind)
    storage = open_storage(place.replace("://t", "://other-t"))
    for act in acts(storage)[:-2]:
        assert " of that name" in message(act) or "no such file" in message(act)
    told = message(lambda: storage.size("a"))
    assert "found no container of that name" in told or "found no bucket of that name" in told
    assert "make the" in told


@pytest.mark.parametrize(
    ("status", "code", "found"),
    [
        (403, "InvalidAccessKeyId", "credentials that it does not accept"),
        (403, "SignatureDoesNotMatch", "credentials that it does not accept"),
        (400, "ExpiredToken", "credentials that it does not accept"),
        (403, "AccessDenied", "found no permission"),
        (507, "XMinioStorageFull", "no space left"),
        (501, "NotImplemented", "cannot do this"),
        (400, "SomethingElse", r"a failure \(OSError SomethingElse\)"),
    ],
)
def test_what_s3_refuses(status: int, code: str, found: str, monkeypatch: pytest.MonkeyPatch, address: Address) -> None:
    with canned((status, code)) as server:
        environment_of("s3", server.port, monkeypatch)
        storage = open_storage("s3://bucket/x")
        for act in acts(storage)[4:7]:
            server.asked.clear()
            with pytest.raises(StoreError, match=found):
                message_or_raise(act)
            assert len(server.asked) == 1, "asked again in vain"


def message_or_raise(act: Callable[[], object]) -> None:
    raise StoreError(message(act), found="", expected="", remedy="")


@pytest.mark.parametrize("code", ["SlowDown", "InternalError", "ConditionalRequestConflict"])
def test_a_busy_s3_is_asked_again(code: str, monkeypatch: pytest.MonkeyPatch, address: Address) -> None:
    with canned((503, code), (503, code), (200, "")) as server:
        environment_of("s3", server.port, monkeypatch)
        assert open_storage("s3://bucket/x").create("a/b", b"x") is True
        assert server.asked == ["PUT /bucket/x/a/b"] * 3
    with canned((503, code)) as server:
        environment_of("s3", server.port, monkeypatch)
        monkeypatch.setenv("XLT_STORE_TIMEOUT", "0.5")
        assert "too busy" in message(lambda: open_storage("s3://bucket/x").create("a/b", b"x"))
        assert 2 <= len(server.asked) <= 4


@pytest.mark.parametrize("kind", ["local", "sftp"])
def test_no_permission(kind: str, address: Address) -> None:
    """Nobody makes a folder there, not even root."""
    place = address(kind)
    storage = open_storage("/sys/kernel/xlt" if kind == "local" else place.partition("/tmp")[0].rstrip("/") + "/sys/kernel/xlt")
    for act in acts(storage)[4:7]:
        assert "found no permission" in message(act)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)], capture_output=True, check=False)
    if mounted.returncode != 0:
        pytest.skip("no right to mount a small file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("kind", ["local", "sftp"])
def test_a_full_disk(kind: str, address: Address, small_disk: Path) -> None:
    place = address(kind)
    storage = open_storage(str(small_disk / "s") if kind == "local" else place.partition("/tmp")[0] + f"{small_disk}/s")
    storage.upload("a/old", [b"old"], 3)
    told = message(lambda: storage.upload("a/b", (bytes(1 << 20) for _ in range(9)), 9 << 20))
    assert "found no space left" in told
    assert "store gc" in told
    assert [entry.path for entry in storage.entries("a")] == ["a/old"]
    assert list(storage.entries("incoming")) == []
    storage.upload("a/b", [bytes(4096)] * 1000, 4096 * 1000)  # there is room for this, and for nothing after it
    assert "found no space left" in message(lambda: storage.create("a/c", bytes(1 << 17)))


def test_a_file_that_may_not_grow(tmp_path: Path) -> None:
    """The same without a right to mount: the size of files of a process is limited."""
    code = (
        "import resource, sys; from xlt_augment.store.storage import open_storage;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20)); s = open_storage(sys.argv[1])\n"
        "try: s.upload('a/b', [bytes(1 << 20)] * 2, 2 << 20)\n"
        "except Exception as error: print(error)\n"
        "print(list(s.entries('a')), list(s.entries('incoming')))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert "found no space left (OSError EFBIG)" in done.stdout
    assert done.stdout.endswith("[] []\n")


def test_a_link_that_fails_is_no_loser(new_store: Callable[[str], Storage], monkeypatch: pytest.MonkeyPatch) -> None:
    """SFTP tells a taken name and any other failure in the same way."""
    import asyncssh

    async def fail(*_: object) -> None:
        raise asyncssh.SFTPFailure(SECRET)

    storage = new_store("sftp")
    monkeypatch.setattr(asyncssh.SFTPClient, "link", fail)
    assert "found a failure (SFTPFailure" in message(lambda: storage.create("a/b", b"x"))


def test_a_server_without_hard_links(new_store: Callable[[str], Storage], monkeypatch: pytest.MonkeyPatch) -> None:
    """There the rename of SFTP 3 refuses to replace."""
    import asyncssh

    async def unknown(*_: object) -> None:
        raise asyncssh.SFTPOpUnsupported(SECRET)

    storage = new_store("sftp")
    monkeypatch.setattr(asyncssh.SFTPClient, "link", unknown)
    monkeypatch.setattr(asyncssh.SFTPClient, "posix_rename", unknown)
    assert probe(storage, writers=4, rounds=1).safe


def test_a_lost_connection_is_made_again(new_store: Callable[[str], Storage]) -> None:
    storage = new_store("sftp")
    storage.upload("a/b", [b"x"], 1)
    storage._session._connection.abort()  # type: ignore[attr-defined]
    time.sleep(0.1)
    assert storage.read("a/b") == b"x"


_USE_AND_LEAVE = """
import os, sys
from xlt_augment.store.probe import probe
from xlt_augment.store.storage import open_storage
storage = open_storage(sys.argv[1])
storage.upload("a/b", [b"x" * 1000], 1000)
child = os.fork()
if child == 0:
    assert storage.read("a/b") == b"x" * 1000 and storage.create("a/c", b"child")
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert storage.read("a/c") == b"child"
"""


@pytest.mark.parametrize("kind", ["s3", "sftp", "abfs"])
def test_a_process_forks_and_ends_in_peace(kind: str, address: Address) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _USE_AND_LEAVE, address(kind)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("kind", list(Kind))
def test_every_message_is_whole(kind: Kind) -> None:
    told = str(fault(kind, "reading x of", "s3://b", Advice(container="bucket"), OSError(5, SECRET)))
    assert "{" not in told
    assert SECRET not in told
    assert "OSError EIO" in told
