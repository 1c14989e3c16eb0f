"""Addresses of stores: read strictly, and what might be a secret in one is never repeated."""

import importlib.util
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from xlt_augment.errors import StoreError, UsageError
from xlt_augment.store.storage import open_storage

SECRET = "hush"


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("s3://bucket", "s3://bucket"),
        ("s3://bucket/", "s3://bucket"),
        ("S3://my.bucket-1/a//b/", "s3://my.bucket-1/a/b"),
        ("gs://bucket_2/a", "gs://bucket_2/a"),
        ("abfs://container/a/b", "abfs://container/a/b"),
        ("abfs://container@account1.dfs.core.windows.net/a", "abfs://container@account1.dfs.core.windows.net/a"),
        ("memory://name/a", "memory://name/a"),
        ("sftp://host/srv/xlt/", "sftp://host/srv/xlt"),
        ("sftp://me@host.example:2222/srv", "sftp://me@host.example:2222/srv"),
        ("sftp://me@[::1]:22/srv", "sftp://me@[::1]:22/srv"),
        ("sftp://host/~/xlt", "sftp://host/~/xlt"),
        ("/srv/xlt/", "/srv/xlt"),
        ("file:///srv/a%20b", "/srv/a b"),
        ("file://localhost/srv", "/srv"),
        ("/srv/what?#@:", "/srv/what?#@:"),
    ],
)
def test_what_is_an_address(address: str, url: str) -> None:
    assert open_storage(address).url == url
    assert open_storage(url).url == url


def test_a_relative_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    storage = open_storage("store")
    monkeypatch.chdir("/")
    assert storage.url == str(tmp_path / "store")
    assert open_storage("~/x").url == str(tmp_path / "home/x")


@pytest.mark.parametrize(
    "address",
    [
        "s3://AKIA:hush@bucket/a",
        "s3://hush@bucket/a",
        "gs://hush@bucket",
        "s3://bucket/a?secret=hush",
        "s3://bucket/a#hush",
        "s3://bucket?",
        "abfs://container/a?sv=1&sig=hush",
        "abfs://container:hush@account.dfs.core.windows.net/a",
        "abfs://hush@example.org/a",
        "sftp://me:hush@host/srv",
        "sftp://:hush@host/srv",
        "sftp://me;hush@host/srv",
        "sftp://host:hush/srv",
        "sftp://host:99999/srv",
        "sftp://-oProxyCommand=hush/srv",
        "sftp://-hush@host/srv",
        "sftp://host",
        "sftp:///srv",
        "s3://",
        "s3:///a",
        "s3://bucket:80/a",
        "s3://bucket/../hush",
        "s3://bucket/a/./hush",
        "s3://bucket/%2e%2e/hush",
        "s3://bucket/a b",
        "s3://bückét/hush",
        "s3://bucket/a\nhush",
        "s3://[hush/a",
        "file://host/hush",
        "file://me:hush@localhost/srv",
        "memory://",
        "memory://hush:hush@x",
        "",
        " ",
        "a\0hush",
    ],
)
def test_what_is_refused_is_not_repeated(address: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_storage(address)
    told = "".join(traceback.format_exception(caught.value))
    assert SECRET not in told
    assert "not repeated here" in told
    assert "credentials come from the environment" in told


@pytest.mark.parametrize("address", ["http://me:hush@host/x", "s3a://bucket", "webdav://hush", "x-y.z+1://a"])
def test_an_unknown_kind_of_store_names_the_known_ones(address: str) -> None:
    with pytest.raises(UsageError, match=r"s3://BUCKET/PREFIX; gs://.*; abfs://.*; sftp://.*; memory://") as caught:
        open_storage(address)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "package", "extra"),
    [
        ("s3://bucket", "s3fs", "s3"),
        ("gs://bucket", "gcsfs", "gs"),
        ("abfs://bucket", "adlfs", "azure"),
        ("sftp://host/x", "asyncssh", "sftp"),
    ],
)
def test_a_missing_package(address: str, package: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found: Callable[..., object] = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == package else found(name, *rest))
    with pytest.raises(
        StoreError, match=rf"no package {package}; expected the extra {extra}\. Run pip install 'xlt\[{extra}\]'"
    ):
        open_storage(address)


@pytest.mark.parametrize("value", ["x", "0", "-1", "nan", "1e9"])
def test_a_timeout_that_is_none(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XLT_STORE_TIMEOUT", value)
    with pytest.raises(StoreError, match="reading XLT_STORE_TIMEOUT"):
        open_storage("s3://bucket").size("a")
