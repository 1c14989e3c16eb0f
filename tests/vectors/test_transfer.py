"""A transfer is whole or not there, and goes on where it stopped, whatever stopped it. The server is on loopback."""

import errno
import fcntl
import io
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.command import SCRIPTS, run_command
from tests.vectors.range_server import (
    BODY,
    NAME,
    PARTIAL,
    SHA,
    TARGET,
    Site,
    broken_off,
    change,
    names,
    refused,
    serving,
)
from xlt_augment.errors import DownloadError
from xlt_augment.vectors import transfer as transfer_module
from xlt_augment.vectors.fetch import Fetched, fetch, recorded_sha256
from xlt_augment.vectors.partial import Partial


@pytest.fixture
def site() -> Iterator[Site]:
    """A server for BODY that behaves."""
    with serving(BODY) as site:
        yield site


def test_a_whole_fetch(site: Site, tmp_path: Path) -> None:
    done = fetch(NAME, folder=tmp_path / "new" / "folder", url=site.url)
    target = tmp_path / "new" / "folder" / TARGET
    assert done == Fetched(target, len(BODY), SHA, 0, existed=False)
    assert target.read_bytes() == BODY
    assert names(target.parent) == {TARGET, f"{TARGET}.sha256"}
    assert (target.parent / f"{TARGET}.sha256").read_text() == f"{SHA}  {TARGET}\n"
    assert recorded_sha256(target) == SHA
    if shutil.which("sha256sum"):
        subprocess.run(["sha256sum", "--strict", "-c", f"{TARGET}.sha256"], cwd=target.parent, check=True, capture_output=True)


def test_only_the_rest_is_transferred(site: Site, tmp_path: Path) -> None:
    shown: dict[str, list[int | None]] = {}

    @contextmanager
    def progress(name: str, done: int, total: int | None) -> Iterator[Callable[[int], object]]:
        shown[name] = [total, done]
        yield shown[name].append

    broken_off(site, tmp_path, 100_000)
    assert names(tmp_path) == {PARTIAL, f"{PARTIAL}.json"}
    assert fetch(NAME, folder=tmp_path, url=site.url, progress=progress).resumed_from == 100_000
    assert shown[TARGET][:2] == [len(BODY), 100_000]
    assert {name: sum(parts) for name, (_, *parts) in shown.items()} == {name: parts[0] for name, parts in shown.items()}
    assert list(shown) == [TARGET, "sha256", "zip"]
    assert site.log == [("/glove.zip", "bytes=100000-", len(BODY) - 100_000)]
    assert (tmp_path / TARGET).read_bytes() == BODY
    assert names(tmp_path) == {TARGET, f"{TARGET}.sha256"}


@given(cuts=st.lists(st.integers(0, len(BODY) - 1), max_size=5), etag=st.booleans())
def test_however_often_it_breaks_off_each_byte_comes_once(cuts: list[int], etag: bool) -> None:
    named = {"etag": '"v1"'} if etag else {"etag": None, "modified": "Mon, 05 Jan 2015 10:00:00 GMT"}
    with serving(BODY, **named) as site, tempfile.TemporaryDirectory() as folder:
        for cut in cuts:
            site.drop_after = cut
            before = site.sent()
            if before + cut < len(BODY):
                refused(site, Path(folder))
                assert site.sent() == before + cut
        site.drop_after = None
        before = site.sent()
        assert fetch(NAME, folder=Path(folder), url=site.url).resumed_from == before
        assert site.sent() == len(BODY)
        assert (Path(folder) / TARGET).read_bytes() == BODY


STARTS_OVER: dict[str, Callable[[Site, Path], object]] = {
    "the file changed": lambda site, folder: change(site),
    "it changed, If-Range is not heeded": lambda site, folder: (change(site), setattr(site, "heeds_if_range", False)),
    "it changed, parts do not name their version": lambda site, folder: (
        change(site),
        setattr(site, "names_version_of_parts", False),
    ),
    "no ranges": lambda site, folder: setattr(site, "ranges", False),
    "wrong start": lambda site, folder: setattr(site, "content_range", f"bytes 99999-{len(BODY) - 1}/{len(BODY)}"),
    "wrong total": lambda site, folder: setattr(site, "content_range", f"bytes 100000-{len(BODY)}/{len(BODY) + 1}"),
    "no Content-Range": lambda site, folder: setattr(site, "content_range", "lines 1-2"),
    "another address": lambda site, folder: setattr(site, "url", site.url + "?mirror"),
    "no note of the version": lambda site, folder: (folder / f"{PARTIAL}.json").unlink(),
    "half a note": lambda site, folder: (folder / f"{PARTIAL}.json").write_text('{"url": "htt'),
    "a note of another kind": lambda site, folder: (folder / f"{PARTIAL}.json").write_text("[1]"),
    "more than all bytes": lambda site, folder: (folder / PARTIAL).write_bytes(BODY + b"more"),
}


@pytest.mark.parametrize("switch", STARTS_OVER.values(), ids=STARTS_OVER)
def test_it_starts_over_where_it_must(switch: Callable[[Site, Path], object], site: Site, tmp_path: Path) -> None:
    broken_off(site, tmp_path, 100_000)
    switch(site, tmp_path)
    assert fetch(NAME, folder=tmp_path, url=site.url).resumed_from == 0
    assert (tmp_path / TARGET).read_bytes() == site.body
    assert names(tmp_path) == {TARGET, f"{TARGET}.sha256"}


def test_bytes_that_are_all_there_are_not_sent_again(site: Site, tmp_path: Path) -> None:
    broken_off(site, tmp_path, 100_000)
    (tmp_path / PARTIAL).write_bytes(BODY)  # as if stopped while it was checked
    assert fetch(NAME, folder=tmp_path, url=site.url).resumed_from == len(BODY)
    assert site.sent() == 0
    assert (tmp_path / TARGET).read_bytes() == BODY


def test_what_cannot_be_gone_on_with_is_not_kept(tmp_path: Path) -> None:
    for etag, after in ((None, 50_000), ('W/"weak"', 50_000), ('"v1"', 0)):
        with serving(BODY, etag=etag, drop_after=after) as site:
            assert "starts anew" in refused(site, tmp_path / "new")
            assert names(tmp_path) == set()  # the folder was made for nothing


def test_a_body_of_unknown_length(tmp_path: Path) -> None:
    with serving(BODY, framing="close") as site:
        assert fetch(NAME, folder=tmp_path, url=site.url).bytes == len(BODY)
    (tmp_path / TARGET).unlink()
    (tmp_path / f"{TARGET}.sha256").unlink()
    with serving(BODY, framing="close", drop_after=100_000) as site:  # an end like any other, to HTTP
        assert "no sound zip" in refused(site, tmp_path)
        assert names(tmp_path) == set()


def test_a_body_in_chunks(tmp_path: Path) -> None:
    with serving(BODY, framing="chunked", drop_after=100_000) as site:
        assert "an end of the connection after 100,000 bytes (IncompleteRead" in refused(site, tmp_path)
        site.drop_after = None
        assert fetch(NAME, folder=tmp_path, url=site.url).resumed_from == 100_000
        (tmp_path / TARGET).unlink()
        assert fetch(NAME, folder=tmp_path, url=site.url).sha256 == SHA


@pytest.mark.parametrize("status", [404, 403, 500, 503, 204])
def test_http_errors(status: int, site: Site, tmp_path: Path) -> None:
    broken_off(site, tmp_path, 100_000)
    site.status = status
    message = refused(site, tmp_path)
    assert f"fetching {site.url}: found HTTP status {status}" in message
    assert ("name a mirror with --url" in message) == (status in (403, 404))
    assert f"100,000 bytes are kept in {tmp_path / PARTIAL}, and the same command goes on from there." in message
    site.status = None
    assert fetch(NAME, folder=tmp_path, url=site.url).resumed_from == 100_000


def test_no_connection(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(BODY) as gone:
        pass
    assert "no answer" in refused(gone, tmp_path)
    for host in ("xlt.invalid", "a..b", "a" * 64):
        site.url = f"http://{host}/glove.zip"
        assert f"fetching {site.url}: found no answer" in refused(site, tmp_path)
    assert names(tmp_path) == set()
    monkeypatch.setattr(transfer_module, "TIMEOUT", 0.2)
    with serving(BODY, stall_after=70_000) as site:
        assert f"after 70,000 of {len(BODY):,} bytes (timed out)" in refused(site, tmp_path)
    assert (tmp_path / PARTIAL).stat().st_size == 70_000


def test_redirects(site: Site, tmp_path: Path) -> None:
    with serving(b"", redirect=site.url) as first:
        broken_off(site, tmp_path / "a", 100_000)
        first.body = BODY
        assert fetch(NAME, folder=tmp_path, url=first.url).sha256 == SHA
        for bad in ("ftp://127.0.0.1/glove.zip", "file:///etc/passwd"):
            first.redirect = bad
            refused(first, tmp_path / "b")
    request = transfer_module.Request("https://example.org/glove.zip")
    with pytest.raises(transfer_module.URLError, match="from https to http://example.org"):
        transfer_module._Redirects().redirect_request(request, io.BytesIO(), 302, "", {}, "http://example.org/")  # type: ignore
    followed = transfer_module._Redirects().redirect_request(request, io.BytesIO(), 302, "", {}, "https://b.org/")  # type: ignore
    assert followed is not None


def test_the_proxy_of_the_environment_is_used(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", site.url.rsplit("/", 1)[0])
    fetch(NAME, folder=tmp_path, url="http://xlt.invalid/glove.zip")
    assert [path for path, _, _ in site.log] == ["http://xlt.invalid/glove.zip"]


def test_a_full_disk_keeps_what_fitted(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append = Partial.append

    def full(partial: Partial, chunk: bytes) -> None:
        append(partial, chunk[: 100_000 - partial.size])
        raise partial.unwritable(OSError(errno.ENOSPC, "No space left on device"))

    with monkeypatch.context() as patch:
        patch.setattr(Partial, "append", full)
        message = refused(site, tmp_path)
    assert "found No space left on device" in message
    size = (tmp_path / PARTIAL).stat().st_size
    assert f"Make room or choose another folder with --to; {size:,} bytes are kept in" in message
    assert fetch(NAME, folder=tmp_path, url=site.url).resumed_from == size > 0


def test_a_file_that_may_not_grow(site: Site, clean_folder: Path) -> None:
    command = f"ulimit -f 100; exec {SCRIPTS / 'xlt-augment'} synonyms fetch-vectors {NAME} --url {site.url}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "File too large; expected a folder with room that can be written to. Make room" in done.stderr
    assert f"102,400 bytes are kept in {PARTIAL}, and the same command goes on from there" in done.stderr
    assert fetch(NAME, url=site.url).resumed_from == 102_400


def test_a_folder_that_cannot_be(site: Site, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DownloadError, match=r"writing .*/file/new/glove.6B.zip: found Not a directory"):
        fetch(NAME, folder=tmp_path / "file" / "new", url=site.url)


def _started(site: Site, folder: Path, size: int) -> subprocess.Popen[str]:
    """A fetch in a process of its own, when it has `size` bytes."""
    command = [SCRIPTS / "xlt-augment", "synonyms", "fetch-vectors", NAME, "--url", site.url]
    running = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not ((folder / PARTIAL).exists() and (folder / PARTIAL).stat().st_size >= size):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return running


@pytest.mark.parametrize("numbers", [[signal.SIGINT], [signal.SIGTERM], [signal.SIGINT] * 3], ids=str)
def test_a_signal_keeps_what_came(numbers: list[signal.Signals], site: Site, clean_folder: Path) -> None:
    site.stall_after = 100_000
    running = _started(site, clean_folder, 100_000)
    for number in numbers:
        running.send_signal(number)
    out, err = running.communicate(timeout=60)
    kept = f"100,000 bytes are kept in {PARTIAL}, and the same command goes on from there"
    assert (running.returncode, out, err) == (130, "", f"xlt-augment: interrupted; {kept}\n")
    assert names(clean_folder) == {PARTIAL, f"{PARTIAL}.json"}
    site.stall_after, site.log = None, []
    done = run_command("xlt-augment", "synonyms", "fetch-vectors", NAME, "--url", site.url)
    assert (done.code, done.err) == (0, "")
    assert f"{TARGET} ({len(BODY):,} bytes), gone on after 100,000 bytes\n" in done.out
    assert site.sent() == len(BODY) - 100_000
    assert (clean_folder / TARGET).read_bytes() == BODY


def test_two_at_once(site: Site, clean_folder: Path) -> None:
    site.stall_after = 100_000
    running = _started(site, clean_folder, 100_000)
    assert "another process that is fetching it" in refused(site, Path())
    assert (clean_folder / PARTIAL).stat().st_size == 100_000
    running.kill()  # the lock goes with the process
    running.communicate(timeout=60)
    site.stall_after = None
    assert fetch(NAME, url=site.url).resumed_from == 100_000


@pytest.mark.parametrize("published", [True, False])
def test_another_process_ends_in_between(published: bool, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock, ends = fcntl.flock, [lambda path: path.replace(tmp_path / TARGET) if published else path.unlink()]

    def late(stream: Any, operation: int) -> None:
        if ends:
            (tmp_path / PARTIAL).write_bytes(BODY)
            ends.pop()(tmp_path / PARTIAL)
        lock(stream, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    assert fetch(NAME, folder=tmp_path, url=site.url).existed == published
    assert site.sent() == (0 if published else len(BODY))
    assert names(tmp_path) == {TARGET, f"{TARGET}.sha256"}


def test_many_at_once_and_one_result(site: Site, clean_folder: Path) -> None:
    command = [SCRIPTS / "xlt-augment", "synonyms", "fetch-vectors", NAME, "--url", site.url]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    done = [(process.communicate(timeout=60), process.returncode) for process in running]
    assert any(code == 0 for _, code in done)
    assert all(code == 0 or "another process" in err for (_, err), code in done), done
    assert site.sent() == len(BODY)
    assert (clean_folder / TARGET).read_bytes() == BODY
    assert names(clean_folder) == {TARGET, f"{TARGET}.sha256"}
