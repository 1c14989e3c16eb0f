"""Servers on loopback, each a process of its own, and the environment that leads to them. A place is one store's own corner."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import pytest

SECRET = "hush0hush1hush2hush3"  # no message may hold this
ACCESS_KEY = "AKIAHUSHHUSHHUSHHUSH"
AZURE_ACCOUNT = "hushaccount"
AZURE_KEY = "aHVzaDBodXNoMWh1c2gyaHVzaDM="
_START_SECONDS = 60


@dataclass(frozen=True)
class Server:
    """How to reach a server: the address of a store of a name, the environment that leads there, what to do before."""

    address: Callable[[str], str]
    environment: dict[str, str] = field(default_factory=dict)
    prepare: Callable[[str], None] = lambda name: None


def needed(program: str | None, name: str, variable: str) -> str:
    """The program; where it is absent the test is skipped, or fails where this run may not skip it."""
    if program is not None:
        return program
    if os.environ.get(variable):
        pytest.fail(f"{name} is not at hand, and this run may not skip it ({variable})")
    pytest.skip(f"{name} is not at hand")


def free_port() -> int:
    """A port that nobody listened at a moment ago."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def running(command: list[str], ready: Callable[[], bool], log: Path, **options: object) -> Iterator[subprocess.Popen[bytes]]:
    """A process while the block runs, entered once it is ready."""
    with log.open("wb") as stream:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, **options)  # type: ignore[call-overload]
        try:
            end = time.monotonic() + _START_SECONDS
            while not ready():
                if process.poll() is not None or time.monotonic() > end:
                    raise AssertionError(f"{command[0]} did not start: {log.read_text(errors='replace')[-2_000:]}")
                time.sleep(0.05)
            yield process
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def speaks_http(port: int) -> Callable[[], bool]:
    def ready() -> bool:
        try:
            with urlopen(f"http://127.0.0.1:{port}/", timeout=5):
                return True
        except HTTPError as error:
            error.close()
            return True
        except (URLError, OSError):
            return False

    return ready


def listens(port: int) -> Callable[[], bool]:
    def ready() -> bool:
        with socket.socket() as client:
            client.settimeout(5)
            return client.connect_ex(("127.0.0.1", port)) == 0

    return ready


def s3_environment(port: int) -> dict[str, str]:
    """What leads boto to a server here, and to nothing of the machine's own configuration."""
    nothing = dict.fromkeys(("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"), os.devnull)
    own = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_DEFAULT_REGION": "us-east-1"}
    return {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_EC2_METADATA_DISABLED": "true", **own, **nothing}


def _make_bucket(port: int) -> Callable[[str], None]:
    """Makes buckets by a plain request of boto, which is there wherever s3fs is."""

    def make(name: str) -> None:
        import botocore.session

        client = botocore.session.Session().create_client(
            "s3",
            "us-east-1",
            endpoint_url=f"http://127.0.0.1:{port}",
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET,
        )
        client.create_bucket(Bucket=name)

    return make


@contextmanager
def moto(folder: Path) -> Iterator[Server]:
    """S3 as moto has it, in a process of its own."""
    port = free_port()
    code = "import sys; from moto.server import main; main(sys.argv[1:])"
    command = [sys.executable, "-W", "ignore", "-c", code, "-H", "127.0.0.1", "-p", str(port)]
    with running(command, speaks_http(port), folder / "moto.log"):
        yield Server(lambda name: f"s3://{name}/stores/one", s3_environment(port), _make_bucket(port))


@contextmanager
def rclone_s3(folder: Path) -> Iterator[Server]:
    """S3 as rclone serves a folder: whether it creates exclusively is for the probe to find out."""
    program = needed(newer_rclone(), "an rclone that serves S3", "XLT_REQUIRE_RCLONE")
    port, root = free_port(), folder / "rclone"
    root.mkdir()
    command = [program, "serve", "s3", "--config", os.devnull, "--addr", f"127.0.0.1:{port}"]
    command += ["--auth-key", f"{ACCESS_KEY},{SECRET}", str(root)]
    with running(command, speaks_http(port), folder / "rclone.log"):
        yield Server(lambda name: f"s3://{name}/stores/one", s3_environment(port), _make_bucket(port))


def newer_rclone() -> str | None:
    """An rclone that has `serve s3`, beside this Python or in the PATH."""
    beside = Path(sys.executable).parent / "rclone"
    for program in filter(None, (str(beside) if beside.is_file() else None, shutil.which("rclone"))):
        told = subprocess.run([program, "serve", "--help"], capture_output=True, text=True, check=False)
        if "\n  s3 " in told.stdout:
            return program
    return None


@contextmanager
def sshd(folder: Path) -> Iterator[Server]:
    """OpenSSH with a host key, a user key and a known_hosts of its own, serving SFTP to whoever runs the tests."""
    program = needed(shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin"), "sshd", "XLT_REQUIRE_SSHD")
    home, port = folder / "sshd", free_port()
    ssh = home / ".ssh"
    ssh.mkdir(parents=True, mode=0o700)
    for key in (home / "host_key", ssh / "id_ed25519"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    host_key = (home / "host_key.pub").read_text().split()
    (ssh / "known_hosts").write_text(f"[127.0.0.1]:{port} {host_key[0]} {host_key[1]}\n")
    (home / "authorized_keys").write_text((ssh / "id_ed25519.pub").read_text())
    (home / "sshd_config").write_text(_SSHD.format(port=port, home=home))
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd insists
    command = [program, "-D", "-e", "-f", str(home / "sshd_config")]
    with running(command, listens(port), folder / "sshd.log"):
        place = f"sftp://127.0.0.1:{port}{home}/stores"
        # asyncssh asks the HOME for keys, configuration and known hosts
        yield Server(lambda name: f"{place}/{name}", {"HOME": str(home), "SSH_AUTH_SOCK": ""})


_SSHD = """\
ListenAddress 127.0.0.1:{port}
HostKey {home}/host_key
AuthorizedKeysFile {home}/authorized_keys
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
MaxStartups 100
MaxSessions 100
Subsystem sftp internal-sftp
"""


@contextmanager
def azurite(folder: Path) -> Iterator[Server]:
    """Azure's blob storage as its emulator has it."""
    program = needed(_azurite(), "azurite", "XLT_REQUIRE_AZURITE")
    port = free_port()
    command = [program, "--silent", "--skipApiVersionCheck", "--inMemoryPersistence", "--disableTelemetry"]
    command += ["--blobHost", "127.0.0.1", "--blobPort", str(port)]
    environment = {**os.environ, "AZURITE_ACCOUNTS": f"{AZURE_ACCOUNT}:{AZURE_KEY}"}
    place = f"http://127.0.0.1:{port}/{AZURE_ACCOUNT}"
    connection = f"DefaultEndpointsProtocol=http;AccountName={AZURE_ACCOUNT};AccountKey={AZURE_KEY};BlobEndpoint={place};"

    def make_container(name: str) -> None:
        from azure.storage.blob import ContainerClient

        with ContainerClient.from_connection_string(connection, name) as client:
            client.create_container()

    with running(command, listens(port), folder / "azurite.log", cwd=folder, env=environment):
        yield Server(lambda name: f"abfs://{name}/stores/one", {"AZURE_STORAGE_CONNECTION_STRING": connection}, make_container)


def _azurite() -> str | None:
    """The blob service alone, from XLT_AZURITE (the program or the folder of npm install) or the PATH."""
    named = os.environ.get("XLT_AZURITE")
    if not named:
        return shutil.which("azurite-blob")
    inside = Path(named) / "node_modules/.bin/azurite-blob"
    return str(inside) if inside.is_file() else named
