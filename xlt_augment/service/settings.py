"""What a service is told at its start: frozen, checked when made."""

from dataclasses import dataclass, field
from pathlib import Path

DEFAULT_PORT = 8765


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one request, one client and all together may ask for. Sizes in bytes or characters, times in seconds."""

    body: int = 1 << 20  # bytes of a request's body
    header_time: float = 10.0  # until the head of a request is there
    body_time: float = 10.0  # until its body is
    time: float = 30.0  # from the head of a request to the last byte of the answer
    requests: int = 64  # answered at once
    connections: int = 512
    heavy: int = 2  # threads for perturbing, comparing and the store
    waiting: int = 16  # requests that wait for one of them
    rate: float = 3_000.0  # units a second and client; a plain lookup costs 1, heavy work HEAVY_COST
    word: int = 64  # characters of a word
    texts: int = 1_000  # of one request
    text: int = 10_000  # characters of a text
    variants: int = 1_000  # m
    work: int = 8 << 20  # characters of all variants of a request, as if none grew
    pieces: int = 200_000  # variants and spans of an answer in JSON; neighbors of one about many words
    page: int = 1_000  # entries of a page of an answer, words of a batch


HEAVY_COST = 20


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """Secrets of the two scopes; any of a scope is good, and those that may write may read. Never shown by `repr`."""

    read: tuple[str, ...] = field(default=(), repr=False)
    write: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """`sets`: SOURCE or NAME=SOURCE each, a source being an embedded name, a file, or `team/name[@vN]` of the store at `store`.

    `vetoes`: the SQLite file of the veto lists. `tokens`: without one for reading, anybody who reaches the address may read,
    which `tokens.check` allows on loopback only. `allowed_hosts`: names besides those of loopback and `host` that requests may
    give. `trusted_proxies`: IP addresses of proxies whose X-Forwarded-For is believed, its last address alone.
    """

    sets: tuple[str, ...] = ("default",)
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    store: str | None = None
    vetoes: Path | None = None
    tokens: Tokens = field(default_factory=Tokens)
    allowed_hosts: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    access_log: bool = True
    limits: Limits = field(default_factory=Limits)
