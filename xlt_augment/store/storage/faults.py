"""What went wrong with a storage, as one of few kinds, and the sentence for each. No foreign text is passed on.

Such text may hold a key, a signed address or a header. What is shown of a foreign error is its class's name and an error code.
"""

import errno
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from xlt_augment.errors import StoreError, XltError
from xlt_augment.store.storage.base import Missing

_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_.]{1,59}|\d{3}")
SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}
_NO_ANSWER = {errno.ECONNREFUSED, errno.ECONNRESET, errno.ECONNABORTED, errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.ENETUNREACH}
_NO_ANSWER |= {errno.EPIPE, errno.ESTALE}


class Kind(Enum):
    """The kinds of faults: what was found, what was expected."""

    MISSING = ("no such file", "a file that a publisher wrote")
    CREDENTIALS = ("credentials that it does not accept, or none", "credentials that the store knows")
    DENIED = ("no permission", "the right to do this")
    CONTAINER = ("no {container} of that name", "a {container} that exists")
    UNREACHABLE = ("no answer", "a storage that can be reached and answers")
    BUSY = ("a storage that is too busy or out of order", "a storage that does what it is asked")
    SPACE = ("no space left", "room for the file")
    HOST_KEY = ("a host key that is not known", "a host key that stands in known_hosts")
    BLOCKED = ("a folder where a file belongs, or a file where a folder does", "nothing in the way")
    UNSUPPORTED = ("a storage that cannot do this", "a storage that can create a file only where there is none")
    OTHER = ("a failure", "a storage that does what it is asked")


@dataclass(frozen=True)
class Advice:
    """What to do about a fault, where that depends on the kind of storage."""

    container: str = "folder"
    credentials: str = "Check the credentials"
    network: str = "Check the network and the address"
    denied: str = "Ask the owner of the store for the right to read and write there"


_READING = ("reading", "looking", "listing", "removing")
_REMEDIES = {
    Kind.MISSING: "Run xlt-augment store verify to see what else the store lacks",
    Kind.CONTAINER: "Check the address, or make the {container} first: the store does not",
    Kind.BUSY: "Try again later; what is complete in the store stays there",
    Kind.SPACE: "Make room in the store, for instance with xlt-augment store gc, and run the same command again",
    Kind.HOST_KEY: "Connect once with ssh and compare the key's fingerprint with that of the host's owner",
    Kind.BLOCKED: "Remove what is in the way, which xlt-augment did not make, and run the same command again",
    Kind.UNSUPPORTED: "Use another storage: this one cannot keep two publishers apart",
    Kind.OTHER: "Try again; xlt-augment store probe says what this storage can do",
}


def fault(kind: Kind, doing: str, url: str, advice: Advice, cause: BaseException | None = None) -> StoreError:
    """The error to raise, `from None`, for a foreign one: `doing` names the path, `url` the store."""
    if kind is Kind.MISSING and not doing.startswith(_READING):
        kind = Kind.OTHER  # a folder that went away under a file being written
    found, expected = (text.format(container=advice.container) for text in kind.value)
    remedy = {Kind.CREDENTIALS: advice.credentials, Kind.UNREACHABLE: advice.network, Kind.DENIED: advice.denied}.get(kind)
    error = Missing if kind is Kind.MISSING else StoreError
    return error(
        f"{doing} {url}",
        found=found + (f" ({signature(cause)})" if cause is not None else ""),
        expected=expected,
        remedy=remedy or _REMEDIES[kind].format(container=advice.container),
    )


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what caused it, the outermost first."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def signature(error: BaseException) -> str:
    """The name of an error's class and its code: all of a foreign error that is shown."""
    code = code_of(error)
    if isinstance(error, OSError) and error.errno is not None and not code:
        code = errno.errorcode.get(error.errno, "")
    name = type(error).__name__
    return f"{name} {code}" if code and code != name else name


def code_of(error: BaseException) -> str:
    """The code that a service gave, from anywhere in the chain: a word or an HTTP status; empty where there is none."""
    for link in chain(error):
        answer = getattr(link, "response", None)
        inner = answer.get("Error") if isinstance(answer, dict) else None
        found = (inner.get("Code") if isinstance(inner, dict) else None) or getattr(link, "error_code", None)
        found = getattr(found, "value", found) or getattr(link, "status_code", None) or getattr(link, "status", None)
        if isinstance(found, str | int) and _CODE.fullmatch(str(found)):
            return str(found)
    return ""


def kind_of_os_error(error: BaseException) -> Kind | None:
    """The kind of a plain OSError, None where it says nothing."""
    if isinstance(error, XltError) or not isinstance(error, OSError):
        return None
    if isinstance(error, FileNotFoundError):
        return Kind.MISSING
    if error.errno in SPACE:
        return Kind.SPACE
    if isinstance(error, IsADirectoryError | NotADirectoryError | FileExistsError):
        return Kind.BLOCKED
    if isinstance(error, PermissionError) or error.errno in _DENIED:
        return Kind.DENIED
    if isinstance(error, TimeoutError | ConnectionError) or error.errno in _NO_ANSWER:
        return Kind.UNREACHABLE
    return None
