"""Secrets of the two scopes: where they come from, and whose a request bears."""

import dataclasses
import hashlib
import hmac
import ipaddress
import os
import secrets
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

from xlt_augment.errors import UsageError
from xlt_augment.service.settings import Settings, Tokens

READ_VARIABLE = "XLT_SERVICE_READ_TOKEN"
WRITE_VARIABLE = "XLT_SERVICE_WRITE_TOKEN"
SHORTEST, LONGEST = 16, 512  # characters
LARGEST_FILE = 1 << 16  # bytes
_MAKE = "Make one with: python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"
NOBODY: frozenset[str] = frozenset()
READER = frozenset({"read"})
WRITER = frozenset({"read", "write"})


def read_tokens(environment: Mapping[str, str], path: Path | None = None) -> Tokens:
    """The tokens of the environment and of a file. Where only such for writing are given, they are what reading needs too.

    Raises UsageError for a token or a file that cannot be trusted.
    """
    given = {"read": _of_variable(environment, READ_VARIABLE), "write": _of_variable(environment, WRITE_VARIABLE)}
    if path is not None:
        for scope, token in _of_file(path):
            given[scope].append(token)
    if set(given["read"]) & set(given["write"]):
        raise UsageError(
            "reading the tokens", found="one token for both reading and writing", expected="another for each scope",
            remedy="A token for writing may read too: leave it out of those for reading",
        )  # fmt: skip
    return Tokens(read=tuple(given["read"] or given["write"]), write=tuple(given["write"]))


def check(settings: Settings) -> None:
    """Raises UsageError where anybody on a network could read: without a token on an address other than loopback."""
    if not settings.tokens.read and not is_loopback(settings.host):
        raise UsageError(
            f"listening on {settings.host}", found="no token", expected="one, as other machines reach this address",
            remedy=f"Set {READ_VARIABLE}, give --tokens FILE, or listen on 127.0.0.1. {_MAKE}",
        )  # fmt: skip
    for address in settings.trusted_proxies:
        if canonical_address(address) is None:
            raise UsageError(
                "reading the trusted proxies", found=repr(address), expected="the IP address of one", remedy="Correct it"
            )


def with_write_token(settings: Settings) -> tuple[Settings, str | None]:
    """Settings with a token to write that is good until the service ends, and the token: None where tokens were given."""
    if settings.tokens.read or settings.tokens.write:
        return settings, None
    token = secrets.token_urlsafe(32)
    return dataclasses.replace(settings, tokens=Tokens(write=(token,))), token


def is_loopback(host: str) -> bool:
    """Whether nobody but this machine reaches the address. Names other than `localhost` may lead anywhere."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def canonical_address(text: str) -> str | None:
    """An IP address as `str` of ipaddress writes it, IPv4 also where it is wrapped in IPv6; None for anything else."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return str(getattr(address, "ipv4_mapped", None) or address)


class Keys:
    """What the tokens open. Digests are compared, each time with all of them, so that time tells nothing about any."""

    def __init__(self, tokens: Tokens) -> None:
        self._read, self._write = _digests(tokens.read), _digests(tokens.write)
        self.anonymous = NOBODY if tokens.read else READER

    def scopes(self, token: bytes) -> frozenset[str]:
        """Scopes of a token; none for a wrong one."""
        digest = hashlib.sha256(token).digest()
        reads, writes = _among(digest, self._read), _among(digest, self._write)
        return WRITER if writes else READER if reads else NOBODY


def bearer(value: bytes) -> bytes | None:
    """The token of an Authorization header; None where it holds none."""
    kind, _, token = value.partition(b" ")
    return token.strip(b" ") or None if kind.lower() == b"bearer" else None


def _digests(tokens: Iterable[str]) -> list[bytes]:
    return [hashlib.sha256(token.encode()).digest() for token in tokens]


def _among(digest: bytes, known: list[bytes]) -> bool:
    found = False
    for other in known:
        found |= hmac.compare_digest(digest, other)
    return found


def _of_variable(environment: Mapping[str, str], name: str) -> list[str]:
    value = environment.get(name, "")
    if not value.strip():
        return []
    return [_sound(token.strip(), f"reading {name}") for token in value.split(",")]


def _of_file(path: Path) -> list[tuple[str, str]]:
    """(scope, token) of each line."""
    found = []
    for number, line in enumerate(_guarded_text(path).split("\n"), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) != 2 or words[0] not in WRITER:
            raise UsageError(
                f"reading {path}, line {number}", found=f"{len(words)} word(s), not a scope and a token",
                expected="`read TOKEN` or `write TOKEN`", remedy="Correct the line",
            )  # fmt: skip
        found.append((words[0], _sound(words[1], f"reading {path}, line {number}")))
    if not found:
        raise UsageError(f"reading {path}", found="no token", expected="a line `read TOKEN` or `write TOKEN`", remedy=_MAKE)
    return found


def _sound(token: str, doing: str) -> str:
    """The token, when nobody guesses it and a header can carry it. Never in a message."""
    if not SHORTEST <= len(token) <= LONGEST or not all("!" <= c <= "~" for c in token):
        raise UsageError(
            doing, found=f"a token of {len(token)} character(s)" + ("" if token.isascii() else ", some not ASCII"),
            expected=f"{SHORTEST} to {LONGEST} printable ASCII characters without a space", remedy=_MAKE,
        )  # fmt: skip
    return token


def _guarded_text(path: Path) -> str:
    """Text of a file that nobody else could have read or written. What is checked is what is read: one open file."""
    try:
        opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        link = path.is_symlink()
        raise UsageError(
            f"opening {path}", found="a link" if link else error.strerror or str(error), expected="a file with tokens",
            remedy="Give the file itself" if link else "Check the name and who owns it",
        ) from error  # fmt: skip
    try:
        _check_owner(path, os.fstat(opened))
        content = os.read(opened, LARGEST_FILE + 1)
    finally:
        os.close(opened)
    try:
        if len(content) > LARGEST_FILE:
            raise UsageError(
                f"reading {path}", found="a large file", expected=f"{LARGEST_FILE:,} bytes", remedy="Check the name"
            )
        return content.decode("ascii")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"reading {path}", found=f"a byte that is not ASCII at {error.start}", expected="ASCII alone", remedy="Correct it"
        ) from None


def _check_owner(path: Path, facts: os.stat_result) -> None:
    found = None
    if not stat.S_ISREG(facts.st_mode):
        found = "no regular file"
    elif facts.st_uid != os.geteuid():
        found = f"an owner with the number {facts.st_uid}"
    elif stat.S_IMODE(facts.st_mode) not in (0o600, 0o400):
        found = f"the mode {stat.S_IMODE(facts.st_mode):04o}"
    elif facts.st_nlink != 1:
        found = f"{facts.st_nlink} names of one file"
    if found:
        raise UsageError(
            f"opening {path}", found=found, expected=f"a file of the user {os.geteuid()} alone, mode 0600",
            remedy=f"chmod 600 {path}, as its owner; change the tokens if others could read them",
        )  # fmt: skip
