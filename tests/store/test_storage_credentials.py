"""Credentials that are absent or wrong, keys of hosts that nobody vouched for: each told apart, and never repeated."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.store.canned import canned
from tests.store.servers import AZURE_KEY, SECRET, Server, s3_environment
from tests.store.told import message
from xlt_augment.store.storage import open_storage

Address = Callable[[str], str]


def test_s3_without_credentials(address: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    place = address("s3")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    told = message(lambda: open_storage(place).size("a"))
    assert "credentials" in told
    assert "AWS_PROFILE" in told
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    assert "AWS_PROFILE" in message(lambda: open_storage(place).size("a"))


def test_a_bare_403_of_s3_may_be_a_wrong_key(monkeypatch: pytest.MonkeyPatch) -> None:
    with canned((403, "")) as server:
        for name, value in s3_environment(server.port).items():
            monkeypatch.setenv(name, value)
        told = message(lambda: open_storage("s3://bucket/x").size("a"))
    assert "found no permission" in told
    assert "AWS_SECRET_ACCESS_KEY" in told


def test_an_endpoint_that_is_no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in s3_environment(1).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "127.0.0.1:9000")
    assert "AWS_ENDPOINT_URL" in message(lambda: open_storage("s3://bucket/x").size("a"))


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
