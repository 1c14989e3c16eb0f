"""Fetched vectors are the same ever after: digests given and recorded, sound archives, the command. No network."""

import hashlib
import json
import re
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.command import run_here
from tests.vectors.range_server import (
    BODY,
    NAME,
    OTHER,
    OTHER_SHA,
    PARTIAL,
    SHA,
    TARGET,
    Site,
    archive,
    broken_off,
    change,
    names,
    refused,
    serving,
)
from xlt_augment.cli.vectors import NAMES
from xlt_augment.errors import DownloadError, UsageError
from xlt_augment.vectors.fetch import ARCHIVES, Fetched, _fault_of_zip, fetch, recorded_sha256

EMPTY_ZIP, LZMA_ZIP = b"PK\5\6" + bytes(18), archive(method=zipfile.ZIP_LZMA)


@pytest.fixture
def site() -> Iterator[Site]:
    """A server for BODY that behaves."""
    with serving(BODY) as site:
        yield site


def test_the_command_knows_the_archives() -> None:
    assert tuple(ARCHIVES) == NAMES
    assert ARCHIVES["glove.840B"].endswith("/glove.840B.300d.zip")


def test_a_given_digest(site: Site, tmp_path: Path) -> None:
    message = refused(site, tmp_path, sha256=OTHER_SHA)
    assert f"found sha256 {SHA}; expected {OTHER_SHA}, given with --sha256. It was removed" in message
    assert names(tmp_path) == set()
    assert fetch(NAME, folder=tmp_path, url=site.url, sha256=SHA.upper()).sha256 == recorded_sha256(tmp_path / TARGET) == SHA
    site.log.clear()
    with pytest.raises(DownloadError, match=f"found the digest {SHA} in .*; expected {OTHER_SHA}, given with --sha256"):
        fetch(NAME, folder=tmp_path, url=site.url, sha256=OTHER_SHA)
    assert (site.log, (tmp_path / TARGET).read_bytes()) == ([], BODY)


def test_the_recorded_digest_holds_ever_after(site: Site, tmp_path: Path) -> None:
    fetch(NAME, folder=tmp_path, url=site.url)
    (tmp_path / TARGET).unlink()
    change(site)
    message = refused(site, tmp_path)
    assert f"found sha256 {OTHER_SHA}; expected {SHA}, recorded in {tmp_path / TARGET}.sha256" in message
    assert names(tmp_path) == {f"{TARGET}.sha256"}
    site.body, site.etag = BODY, '"v1"'
    assert fetch(NAME, folder=tmp_path, url=site.url).sha256 == SHA


def test_a_damaged_rest_is_removed_and_heals(site: Site, tmp_path: Path) -> None:
    broken_off(site, tmp_path, 100_000)
    (tmp_path / PARTIAL).write_bytes(bytes(100_000))
    assert "no sound zip archive (glove.50d.txt" in refused(site, tmp_path)
    assert names(tmp_path) == set()
    assert fetch(NAME, folder=tmp_path, url=site.url).sha256 == SHA


@pytest.mark.parametrize(
    "body", [b"", b"<html>log in</html>", EMPTY_ZIP, LZMA_ZIP, BODY[:-1], BODY[:5000] + b"x" + BODY[5001:]], ids=len
)
def test_an_unsound_archive_is_removed(body: bytes, tmp_path: Path) -> None:
    with serving(body) as site:
        message = refused(site, tmp_path)
    assert "no sound zip archive (" in message
    assert hashlib.sha256(body).hexdigest() in message
    assert names(tmp_path) == set()


@given(data=st.data())
def test_any_damage_to_a_zip_is_a_fault_or_harmless(data: st.DataObject) -> None:
    body = bytearray(archive(size=200))
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    with tempfile.NamedTemporaryFile() as file:
        file.write(body)
        file.flush()

        @contextmanager
        def silent(name: str, done: int, total: int | None) -> Iterator[Callable[[int], object]]:
            yield lambda count: None

        assert _fault_of_zip(Path(file.name), silent) != ""


def test_an_archive_that_is_there(site: Site, tmp_path: Path) -> None:
    target = tmp_path / TARGET
    target.write_bytes(BODY)
    assert fetch(NAME, folder=tmp_path, url=site.url) == Fetched(target, len(BODY), SHA, 0, existed=True)
    assert recorded_sha256(target) == SHA
    target.write_bytes(OTHER)
    with pytest.raises(DownloadError, match=f"found sha256 {OTHER_SHA}; expected {SHA}, recorded in .* It stays as it is"):
        fetch(NAME, folder=tmp_path, url=site.url)
    (tmp_path / f"{TARGET}.sha256").unlink()
    target.write_bytes(OTHER[:-1])
    with pytest.raises(DownloadError, match="no sound zip archive"):
        fetch(NAME, folder=tmp_path, url=site.url)
    assert (target.read_bytes(), names(tmp_path), site.log) == (OTHER[:-1], {TARGET}, [])
    target.unlink()
    target.mkdir()
    with pytest.raises(DownloadError, match="no file"):
        fetch(NAME, folder=tmp_path, url=site.url)


@pytest.mark.parametrize(
    "text",
    ["", SHA, f"{SHA}  other.zip\n", f"{SHA[1:]}  {TARGET}\n", f"{SHA}  {TARGET}\n{SHA}  b\n", "\0", f"g{SHA[1:]}  {TARGET}"],
)
def test_a_malformed_record_is_no_record(text: str, site: Site, tmp_path: Path) -> None:
    (tmp_path / f"{TARGET}.sha256").write_text(text)
    with pytest.raises(DownloadError, match=rf"reading .*{re.escape(TARGET)}\.sha256: found .*; expected one line"):
        recorded_sha256(tmp_path / TARGET)
    refused(site, tmp_path)
    assert site.log == []


@pytest.mark.parametrize("line", [f"{SHA}  {TARGET}", f"{SHA} *{TARGET}\r\n", f"{SHA.upper()}  {TARGET}\n"])
def test_records_as_other_programs_write_them(line: str, tmp_path: Path) -> None:
    (tmp_path / f"{TARGET}.sha256").write_bytes(line.encode())
    assert recorded_sha256(tmp_path / TARGET) == SHA
    assert recorded_sha256(tmp_path / "other.zip") is None


def test_the_command(site: Site, clean_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ("synonyms", "fetch-vectors", NAME, "--url", site.url, "--to", "my vectors")
    done = run_here(capsys, *command)
    assert (done.code, done.err) == (0, "")
    assert f"{SHA}, as recorded in my vectors/{TARGET}.sha256\n" in done.out
    assert done.out.endswith(f"next      xlt-augment synonyms build --vectors 'my vectors/{TARGET}' ...\n")
    facts = json.loads(run_here(capsys, *command, "--sha256", SHA, "--json").out)
    assert facts == {
        "path": f"my vectors/{TARGET}", "bytes": len(BODY), "sha256": SHA, "resumed_from": 0, "existed": True
    }  # fmt: skip
    assert "is there already; nothing was fetched" in run_here(capsys, *command).out
    failed = run_here(capsys, *command, "--sha256", OTHER_SHA)
    assert (failed.code, failed.out) == (1, "")


BAD_URLS = [
    "ftp://a/b.zip",
    "file:///etc/passwd",
    "glove.zip",
    "",
    "http://",
    "http://[",
    "http://a:x/b",
    "http://a/ä",
    "http://a/b c",
]


@pytest.mark.parametrize(
    "args", [["glove.7B"], [], *([NAME, "--url", url] for url in BAD_URLS), [NAME, "--sha256", "abc"]], ids=str
)
def test_wrong_usage(args: list[str], clean_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    failed = run_here(capsys, "synonyms", "fetch-vectors", *args)
    assert (failed.code, failed.out, failed.err.count("\n")) == (2, "", 1)
    assert names(clean_folder) == set()


def test_an_unknown_name_in_python() -> None:
    with pytest.raises(UsageError, match="'glove.7B'; expected glove.6B or glove.840B"):
        fetch("glove.7B")
