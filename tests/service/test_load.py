"""The benchmark of the service in little: no answer is missing or wrong under load, and memory stays within bounds."""

import json
import os
import random
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, unquote

import pytest

from benchmarks.load_client import client
from tests.service.process import Served, serving
from xlt_augment import SynonymSet
from xlt_augment.service.client import Client

SECONDS = 1.5
GROWTH = 40 << 20  # bytes, of what is not there yet when the first requests come


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving("default", "--no-access-log", home=tmp_path_factory.mktemp("home")) as found:
        yield found


def resident(served: Served) -> int:
    """Bytes of memory that its process holds."""
    lines = Path(f"/proc/{served.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmRSS"))


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="memory is read from /proc")  # noqa: PTH112
def test_words_under_load(served: Served) -> None:
    mapping = SynonymSet.default().to_mapping()
    words = list(mapping)
    random.Random(0).shuffle(words)

    def right(path: str, body: bytes) -> bool:
        found = json.loads(body)
        return found["word"] == (word := unquote(path.rpartition("/")[2])) and (
            [entry["word"] for entry in found["neighbors"]] == mapping[word]
        )

    paths = [f"/v1/sets/default/neighbors/{quote(word, safe='')}" for word in words]
    with Client(served.url) as asking:  # what it loads once it listens is there
        asking.augment(["A good movie."], method="synonym", m=1)
        asking.augment(["A good movie."], method="swap", m=1)
    warm = client(served.url, paths, seconds=SECONDS / 3, connections=16, right=right)
    before = resident(served)
    found = client(served.url, paths, seconds=SECONDS, connections=16, right=right)
    assert (warm.errors, found.errors) == (0, 0)
    assert found.requests > 100  # that it was a load at all
    assert resident(served) - before < GROWTH
    wrong = client(served.url, paths[:1], seconds=0.05, connections=1, right=lambda path, body: False)
    assert wrong.errors == wrong.requests > 0  # and errors are counted
    gone = client(served.url, ["/nowhere"], seconds=0.05, connections=1)
    assert gone.errors == gone.requests > 0
