"""What a storage says when something is wrong: one message a fault, with a remedy, and never with a secret."""

import json
import os
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.store.canned import canned
from tests.store.conftest import REMOTE
from tests.store.servers import ACCESS_KEY, AZURE_ACCOUNT, AZURE_KEY, SECRET, Server, free_port, s3_environment
from xlt_augment.errors import StoreError
from xlt_augment.store.storage import Missing, Storage, open_storage
from xlt_augment.store.storage.faults import Advice, Kind, fault

Address = Callable[[str], str]
SECRETS = (SECRET, ACCESS_KEY, AZURE_KEY, "signature", "Signature=")


def message(act: Callable[[], object]) -> str:
    """The message of the StoreError that `act` raises; nothing of it, nor of what Python prints, holds a secret."""
    with pytest.raises(StoreError) as caught:
        act()
    assert not isinstance(caught.value, Missing)
    printed = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    for secret in SECRETS:
        assert secret not in printed
    return str(caught.value)


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


def test_s3_without_credentials(address: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    place = address("s3")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    told = message(lambda: open_storage(place).size("a"))
    assert "credentials" in told
    assert "AWS_PROFILE" in told
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    assert "AWS_PROFILE" in message(lambda: open_storage(place).size("a"))


def test_google_without_credentials(address: Address, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    assert "gcloud auth" in message(lambda: open_storage("gs://bucket/x").size("a"))


def test_google_credentials_that_were_revoked(address: Address, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    key = rsa.generate_private_key(65537, 2048).private_bytes(*form).decode()
    with canned((400, "invalid_grant")) as server:
        account = {"type": "service_account", "project_id": "p", "private_key": key, "client_email": f"{SECRET}@example.org"}
        account["token_uri"] = f"http://127.0.0.1:{server.port}/token"
        (tmp_path / "account.json").write_text(json.dumps(account))
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "account.json"))
        assert "found credentials that it does not accept" in message(lambda: open_storage("gs://bucket/x").size("a"))
        assert server.asked == ["POST /token"]


def test_a_wrong_key_of_azure(address: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    place = address("abfs")
    right = os.environ["AZURE_STORAGE_CONNECTION_STRING"]
    for key in ("aHVzaGh1c2hodXNo", "not base64"):
        monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", right.replace(AZURE_KEY, key))
        told = message(lambda: open_storage(place).create("a/b", b"x"))
        # Azurite says AuthorizationFailure where Azure says AuthenticationFailed
        assert "Check the key in the environment" in told or "AZURE_STORAGE_CONNECTION_STRING" in told
        assert key not in told
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", f"AccountKey={SECRET}")
    assert "AZURE_STORAGE_CONNECTION_STRING" in message(lambda: open_storage(place).size("a"))


def test_an_ssh_key_that_the_host_does_not_know(
    address: Address, server: Callable[[str], Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = address("sftp")
    ssh = tmp_path / ".ssh"
    ssh.mkdir()
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(ssh / "id_ed25519")], check=True)
    (ssh / "known_hosts").write_text((Path(os.environ["HOME"]) / ".ssh/known_hosts").read_text())
    monkeypatch.setenv("HOME", str(tmp_path))
    told = message(lambda: open_storage(place).size("a"))
    assert "credentials that it does not accept" in told
    assert "ssh-add" in told


@pytest.mark.parametrize("config", ["", "Host *\n  StrictHostKeyChecking no\n  UserKnownHostsFile none\n"])
def test_a_host_key_is_never_taken_on_trust(
    config: str, address: Address, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = address("sftp")
    ssh = tmp_path / ".ssh"
    ssh.mkdir()
    (ssh / "config").write_text(config)
    (ssh / "id_ed25519").write_bytes((Path(os.environ["HOME"]) / ".ssh/id_ed25519").read_bytes())
    (ssh / "id_ed25519").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    told = message(lambda: open_storage(place).size("a"))
    assert "host key that is not known" in told
    assert "fingerprint" in told
    assert not (ssh / "known_hosts").exists()


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
    storage.upload("a/b", [bytes(1 << 20)], 1 << 20)  # there is room for this


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


def test_a_lost_connection_is_made_again(new_store: Callable[[str], Storage]) -> None:
    storage = new_store("sftp")
    storage.upload("a/b", [b"x"], 1)
    storage._session._connection.abort()  # type: ignore[attr-defined]
    time.sleep(0.1)
    assert storage.read("a/b") == b"x"


_USE_AND_LEAVE = """
import os, sys
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
