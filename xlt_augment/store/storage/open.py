"""From an address to a storage. Addresses are read strictly: no password, key or query, and none is ever repeated."""

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from xlt_augment.errors import StoreError, UsageError
from xlt_augment.store.storage.base import Storage

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_PART = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]*")
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,221}")
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*|[0-9A-Fa-f:.]+")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_AZURE_HOST = re.compile(r"([a-z0-9]{3,24})\.(?:blob|dfs)\.core\.windows\.net")
FORMS = {
    "file": "a folder, or file:///FOLDER",
    "s3": "s3://BUCKET/PREFIX",
    "gs": "gs://BUCKET/PREFIX",
    "abfs": "abfs://CONTAINER/PREFIX",
    "sftp": "sftp://USER@HOST:PORT/FOLDER",
    "memory": "memory://NAME",
}


def open_storage(url: str) -> Storage:
    """The storage at an address; nothing is asked of it yet.

    Raises UsageError for an address that is none, or that holds a secret; StoreError where a package is missing.
    """
    match = _SCHEME.match(url)
    if match is None:
        return _local(url)
    scheme = match[1].lower()
    if scheme not in _OPENERS:
        raise UsageError(
            "opening a store",
            found=f"an address that begins with {scheme}://",
            expected="; ".join(FORMS.values()),
            remedy="Choose one of these, for instance by mounting the storage as a folder",
        )
    return _OPENERS[scheme](_split(url, scheme))


def _local(path: str) -> Storage:
    from xlt_augment.store.storage.local import LocalStorage

    if not path.strip() or "\0" in path:
        raise _refused("file", "no address")
    return LocalStorage(Path(path).expanduser())


def _split(url: str, scheme: str) -> SplitResult:
    """The parts of an address that holds nothing but place and user."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise _refused(scheme, "an address that cannot be read") from None
    if parts.password is not None or (parts.username is not None and scheme not in ("sftp", "abfs")):
        raise _refused(scheme, "a user or password in the address")
    if "?" in url or "#" in url:
        raise _refused(scheme, "a query or fragment in the address")
    if not url.isascii() or not url.isprintable():
        raise _refused(scheme, "characters outside printable ASCII in the address")
    return parts


def _refused(scheme: str, found: str) -> UsageError:
    return UsageError(
        "opening a store",
        found=f"{found} (not repeated here)",
        expected=FORMS[scheme],
        remedy="Name the place alone; credentials come from the environment or from profiles",
    )


def _place(parts: SplitResult, scheme: str) -> tuple[str, str]:
    """Bucket and prefix, the latter empty or ending in `/`."""
    if parts.port is not None or not _BUCKET.fullmatch(parts.netloc):
        raise _refused(scheme, "no name of a bucket" if not parts.netloc else "a name that no bucket has")
    return parts.netloc, _prefix(parts, scheme)


def _prefix(parts: SplitResult, scheme: str) -> str:
    names = [name for name in parts.path.split("/") if name]
    if not all(_PART.fullmatch(name) for name in names):
        raise _refused(scheme, "a prefix with other characters than letters, digits and ._~-, or with a leading dot")
    return "".join(name + "/" for name in names)


def _written(scheme: str, container: str, prefix: str) -> str:
    return f"{scheme}://{container}/{prefix}".rstrip("/")


def _file(parts: SplitResult) -> Storage:
    if parts.netloc not in ("", "localhost") or not parts.path.startswith("/"):
        raise _refused("file", "a host in the address of a folder, or no full path")
    return _local(unquote(parts.path))


def _memory(parts: SplitResult) -> Storage:
    from xlt_augment.store.storage.memory import MemoryStorage

    name, prefix = _place(parts, "memory")
    return MemoryStorage(f"{name}/{prefix}".rstrip("/"))


def _s3(parts: SplitResult) -> Storage:
    from xlt_augment.store.storage.s3 import S3Storage

    _need("s3fs", "s3")
    container, prefix = _place(parts, "s3")
    return S3Storage(_written("s3", container, prefix), container, prefix)


def _gs(parts: SplitResult) -> Storage:
    from xlt_augment.store.storage.gs import GoogleStorage

    _need("gcsfs", "gs")
    container, prefix = _place(parts, "gs")
    return GoogleStorage(_written("gs", container, prefix), container, prefix)


def _abfs(parts: SplitResult) -> Storage:
    """Also the long form that other programs write: CONTAINER@ACCOUNT.dfs.core.windows.net."""
    from xlt_augment.store.storage.azure import AzureStorage

    _need("adlfs", "azure")
    host, account = parts.netloc, None
    if parts.username is not None:
        match = _AZURE_HOST.fullmatch(parts.netloc.rpartition("@")[2])
        if match is None:
            raise _refused("abfs", "an '@' without a host of Azure after it")
        host, account = parts.username, match[1]
    container, prefix = _place(parts._replace(netloc=host), "abfs")
    written = container if account is None else parts.netloc
    return AzureStorage(_written("abfs", written, prefix), container, prefix, account)


def _sftp(parts: SplitResult) -> Storage:
    from xlt_augment.store.storage.sftp import SftpStorage
    from xlt_augment.store.storage.ssh_session import Host

    _need("asyncssh", "sftp")
    host, user = parts.hostname or "", parts.username
    if not _HOST.fullmatch(host) or (user is not None and not _USER.fullmatch(user)):
        raise _refused("sftp", "no name of a host, or a user's name with other characters than letters, digits and ._-")
    folder = _prefix(parts, "sftp").rstrip("/")
    if not folder:
        raise _refused("sftp", "no folder")
    at_home = folder == "~" or folder.startswith("~/")
    root = folder[2:] if at_home else "/" + folder
    place = f"{user + '@' if user else ''}{f'[{host}]' if ':' in host else host}{f':{parts.port}' if parts.port else ''}"
    return SftpStorage(f"sftp://{place}/{folder}".rstrip("/"), Host(host, parts.port, user), root.rstrip("/"))


def _need(package: str, extra: str) -> None:
    """Raises StoreError where an optional package is not installed."""
    from importlib.util import find_spec

    if find_spec(package) is None:
        raise StoreError(
            f"opening a store at {extra if extra != 'azure' else 'abfs'}://",
            found=f"no package {package}",
            expected=f"the extra {extra}",
            remedy=f"Run pip install 'xlt[{extra}]'",
        )


_OPENERS: dict[str, Callable[[SplitResult], Storage]] = {
    "file": _file,
    "memory": _memory,
    "s3": _s3,
    "gs": _gs,
    "abfs": _abfs,
    "sftp": _sftp,
}
