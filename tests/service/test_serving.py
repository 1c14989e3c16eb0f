"""`xlt-augment serve` in a process of its own: its start, signals, files that change under it, and its end."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.command import run_here
from tests.service.process import ENDS_WITHIN, Served, serving
from xlt_augment import SynonymSet
from xlt_augment.service.client import Client

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals")
SLOW = {"texts": [f"The movie number {k} was good ." * 8 for k in range(1_000)], "m": 30, "p": 0.5}  # about a second


@pytest.fixture
def words(tmp_path: Path) -> Path:
    path = tmp_path / "words.arrow"
    SynonymSet.from_mapping({f"word{k}": ["movie", "film"] for k in range(5_000)}).save(path)
    return path


@pytest.fixture
def served(words: Path, tmp_path: Path) -> Iterator[Served]:
    with serving("default", words, "--no-access-log", home=tmp_path / "home") as found:
        yield found


def connected(served: Served) -> "closing[http.client.HTTPConnection]":
    parts = urlsplit(served.url)
    return closing(http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=ENDS_WITHIN))


def waited_for(condition: Callable[[], bool], seconds: float = ENDS_WITHIN) -> bool:
    """Whether it came true in time."""
    end = time.monotonic() + seconds
    while not (found := condition()) and time.monotonic() < end:
        time.sleep(0.005)
    return found


def test_what_cannot_be_served_is_one_line(tmp_path: Path, words: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def failing(*args: object) -> str:
        done = run_here(capsys, "serve", "--vetoes", tmp_path / "v.sqlite", *args)
        assert (done.code, done.out, done.err.count("\n")) == (done.code or 1, "", 1)
        return done.err

    words.write_bytes(words.read_bytes()[:-1_000])
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"listening on 127.0.0.1, port {port}: found Address already in use" in failing("--port", port)
    assert "no such file, and no embedded set of that name" in failing("nowhere")
    assert f"reading the synonym set {words}: found no readable synonym set" in failing(words)
    assert "the name default twice" in failing("default", "default")


def test_a_reload_by_signal_and_files_that_are_cut_in_place(served: Served, words: Path) -> None:
    with Client(served.address, timeout=ENDS_WITHIN) as client:
        synonyms = client.set("words")
        before = synonyms.sha256
        assert client.set("default").neighbors("movie")
        os.truncate(words, 4_096)  # ends a process that has it mapped
        assert all(f"word{k}" in synonyms for k in range(0, 5_000, 500))
        assert synonyms.download().sha256 == before
        served.process.send_signal(signal.SIGHUP)
        assert waited_for(lambda: "reload words:" in served.said())
        assert synonyms.sha256 == before
        words.unlink()
        SynonymSet.from_mapping({"new": ["word"]}).save(words)
        served.process.send_signal(signal.SIGHUP)
        assert waited_for(lambda: synonyms.sha256 != before)
        assert synonyms.neighbors("new")[0].word == "word"
    assert served.process.poll() is None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_was_begun_is_finished(served: Served, number: int) -> None:
    with connected(served) as slow, connected(served) as idle, Client(served.address) as client:
        expected = client.augment(SLOW["texts"][-1:], m=30, p=0.5, first_id=999)  # type: ignore[index]
        idle.request("GET", "/readyz")
        assert idle.getresponse().read() == b'{"status":"ok"}'
        slow.request("POST", "/v1/augment", json.dumps(SLOW), {"Content-Type": "application/json"})
        assert waited_for(lambda: "xlt_requests_in_progress 2.0" in metrics(client))  # this one is the other
        served.process.send_signal(number)
        assert waited_for(lambda: refuses(served))
        assert served.process.poll() is None  # still at it
        answer = slow.getresponse()
        results = json.loads(answer.read())["results"]
    assert answer.status == 200
    assert [len(result["variants"]) for result in results] == [30] * 1_000
    assert [[variant["text"] for variant in results[-1]["variants"]]] == expected
    assert served.process.wait(ENDS_WITHIN) == 0
    assert "Traceback" not in served.said()


def metrics(client: Client) -> str:
    return client._connection.request("GET", "/metrics", accept="text/plain").body.decode()


def refuses(served: Served) -> bool:
    """Whether no new connection is taken."""
    parts = urlsplit(served.url)
    try:
        socket.create_connection((str(parts.hostname), int(parts.port or 0)), timeout=1).close()
    except OSError:
        return True
    return False


def test_a_start_with_stdout_closed_serves_all_the_same(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "xlt_augment", "serve", "--port", port, "--vetoes", tmp_path / "v.sqlite"]
    reader, writer = os.pipe()
    os.close(reader)
    with open(tmp_path / "log.txt", "w+") as log:  # noqa: PTH123
        process = subprocess.Popen([*map(str, command)], stdout=writer, stderr=log, text=True)
        os.close(writer)
        served = Served(process, f"http://127.0.0.1:{port}", log)
        assert waited_for(lambda: process.poll() is not None or not refuses(served))
        assert process.poll() is None, served.said()
        with Client(served.url) as client:
            assert client.set().name == "default"
        assert served.end() == 0


def test_many_at_once_and_none_is_left_without_an_answer(served: Served) -> None:
    found: list[int] = []

    def asking() -> None:
        with connected(served) as connection:
            for k in range(50):
                connection.request("GET", f"/v1/sets/words/neighbors/word{k}")
                answer = connection.getresponse()
                answer.read()
                found.append(answer.status)

    threads = [threading.Thread(target=asking) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [200] * 400
    assert served.end() == 0
