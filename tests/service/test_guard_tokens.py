"""Tokens: where they may come from, what they open, and that nothing tells how near a guess was."""

import hmac
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xlt_augment.errors import UsageError
from xlt_augment.service import tokens
from xlt_augment.service.settings import Settings, Tokens
from xlt_augment.service.tokens import Keys, bearer, check, is_loopback, read_tokens, with_write_token

A, B, C = "a" * 16, "b" * 20, "c" * 512
ASCII = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=16, max_size=40)


def _file(folder: Path, content: str | bytes, mode: int = 0o600) -> Path:
    path = folder / "tokens"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(mode)
    return path


def test_tokens_come_from_the_environment_and_from_a_file(tmp_path: Path) -> None:
    path = _file(tmp_path, f"# ours\n\n read {B} \r\nwrite\t{C}\n")
    found = read_tokens({"XLT_SERVICE_READ_TOKEN": f"{A}, {A}x", "XLT_SERVICE_WRITE_TOKEN": "w" * 16}, path)
    assert found == Tokens(read=(A, f"{A}x", B), write=("w" * 16, C))
    assert read_tokens({}) == read_tokens({"XLT_SERVICE_READ_TOKEN": "  "}) == Tokens()
    assert read_tokens({"XLT_SERVICE_WRITE_TOKEN": A}).read == (A,), "reading would be open"
    _file(tmp_path, f"read {B}", 0o600).chmod(0o400)
    assert read_tokens({}, path).read == (B,)


def test_no_secret_is_shown(tmp_path: Path) -> None:
    assert A not in repr(Settings(tokens=Tokens(read=(A,), write=(B,))))
    for bad in (f"reed {A}", f"read {A} {A}", f"read {A}é", "read hunter2secret", f"{A}"):
        with pytest.raises(UsageError) as error:
            read_tokens({}, _file(tmp_path, bad))
        assert A not in str(error.value)
        assert "hunter2" not in str(error.value)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o700, 0o644, 0o200, 0o4600])
def test_a_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(UsageError, match="0600"):
        read_tokens({}, _file(tmp_path, f"read {A}", mode))


def test_a_file_that_is_not_plainly_the_users_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _file(tmp_path, f"read {A}")
    (tmp_path / "link").symlink_to(path)
    os.mkfifo(tmp_path / "pipe", 0o600)
    (tmp_path / "folder").mkdir(mode=0o700)
    for name, found in (
        ("link", "a link"),
        ("pipe", "no regular file"),
        ("folder", "no regular file"),
        ("none", "No such file"),
    ):
        with pytest.raises(UsageError, match=found):
            read_tokens({}, tmp_path / name)
    (tmp_path / "twin").hardlink_to(path)
    with pytest.raises(UsageError, match="2 names"):
        read_tokens({}, path)
    (tmp_path / "twin").unlink()
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(UsageError, match="an owner with the number"):
        read_tokens({}, path)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("", "no token"), ("# none\n", "no token"), (f"admin {A}", "not a scope"), (f"READ {A}", "not a scope"),
        (f"read {A} # ours", "4 word"), ("read " + "a" * 15, "15 char"), ("read " + "a" * 513, "513 char"),
        (f"read {A}\x7f", "17 char"), (f"read {A}\x00", "17 char"), (f"read {A}é", "not ASCII"),
        (b"read \xff" * 20, "not ASCII"),
        ("#" * 70_000, "a large file"),
    ],
)  # fmt: skip
def test_a_bad_file_is_refused(tmp_path: Path, content: str | bytes, found: str) -> None:
    with pytest.raises(UsageError, match=found):
        read_tokens({}, _file(tmp_path, content))


@pytest.mark.parametrize("value", ["short", f"{A},", f"{A},,{B}", f"{A} {B}", f"{A}é", f"{A}\n{B}"])
def test_a_bad_variable_is_refused(value: str) -> None:
    for name in ("XLT_SERVICE_READ_TOKEN", "XLT_SERVICE_WRITE_TOKEN"):
        with pytest.raises(UsageError, match=name):
            read_tokens({name: value})


def test_one_token_is_not_of_both_scopes(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="both reading and writing"):
        read_tokens({"XLT_SERVICE_READ_TOKEN": A}, _file(tmp_path, f"write {A}"))


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "", "10.0.0.1", "example.org", "localhost.example.org", "127.0.0.1.nip.io", "::ffff:10.0.0.1"]
)
def test_other_addresses_need_a_token(host: str) -> None:
    with pytest.raises(UsageError, match="no token"):
        check(Settings(host=host))
    with pytest.raises(UsageError, match="no token"):
        check(Settings(host=host, tokens=Tokens(write=(A,))))  # made for this run: reading is open
    check(Settings(host=host, tokens=Tokens(read=(A,))))
    assert not is_loopback(host)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost", "LOCALHOST"])
def test_loopback_needs_none(host: str) -> None:
    check(Settings(host=host))


def test_a_trusted_proxy_is_an_address() -> None:
    check(Settings(trusted_proxies=("10.0.0.1", "::1")))
    for bad in ("10.0.0.0/8", "*", "proxy", ""):
        with pytest.raises(UsageError, match="trusted proxies"):
            check(Settings(trusted_proxies=(bad,)))


def test_a_token_to_write_is_made_where_none_is_given() -> None:
    settings, one = with_write_token(Settings())
    _, other = with_write_token(Settings())
    assert one is not None
    assert len(one) >= 43
    assert one != other
    keys = Keys(settings.tokens)
    assert keys.scopes(one.encode()) == {"read", "write"}
    assert keys.anonymous == {"read"}
    given = Settings(tokens=Tokens(read=(A,)))
    assert with_write_token(given) == (given, None)


@given(reads=st.lists(ASCII, max_size=3), writes=st.lists(ASCII, max_size=3), guess=ASCII)
def test_scopes_are_those_of_the_token(reads: list[str], writes: list[str], guess: str) -> None:
    keys = Keys(Tokens(read=tuple(reads), write=tuple(writes)))
    for token in (guess, *reads, *writes):
        wanted = {"read", "write"} if token in writes else {"read"} if token in reads else set()
        assert keys.scopes(token.encode()) == wanted
        for near in (token[:-1], token + token[-1], token.swapcase() + "é", ""):
            known = near in writes or near in reads
            assert bool(keys.scopes(near.encode())) == known
    assert keys.anonymous == (set() if reads else {"read"})


def test_every_token_is_compared_every_time_and_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def watched(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return hmac.compare_digest(one, other)

    keys = Keys(Tokens(read=(A, B), write=("w" * 16, C)))
    monkeypatch.setattr(tokens, "hmac", SimpleNamespace(compare_digest=watched))
    for token in (A, B, C, "w" * 16, "no"):
        compared.clear()
        keys.scopes(token.encode())
        assert len(compared) == 4
        assert {len(side) for pair in compared for side in pair} == {32}, "digests, so that no length shows"


@pytest.mark.parametrize(
    ("value", "token"),
    [
        (b"Bearer abc", b"abc"), (b"bearer abc", b"abc"), (b"BEARER  abc ", b"abc"), (b"Basic abc", None), (b"Bearer", None),
        (b"Bearer ", None), (b"", None), (b"abc", None), (b"Bearerabc", None),
    ],
)  # fmt: skip
def test_the_header(value: bytes, token: bytes | None) -> None:
    assert bearer(value) == token
