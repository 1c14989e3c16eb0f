"""The synonym service under load: `xlt-augment serve` in a process of its own, the client beside it on the same machine.

    python benchmarks/service.py [--synonyms SET] [--seconds 60] [--short]

Measured: the time from the start of the process until it is ready; lookups of single words, each connection asking for one
after the other, with the server's memory; the same for a bare uvicorn application that answers with as many bytes and does
nothing else, before and after, which is what ratios are to; sentences, search as one types, fuzzy search. Without --synonyms
the published set is taken from ../shared/data, or a made one of its size. `wrk` is used where it is installed, and a client in
Python that checks every answer. Prints a table and writes benchmarks/results/service.json.
"""

import argparse
import http.client
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, unquote, urlsplit

from common import HERE, write_result
from load_client import Load, client, wrk

from xlt_augment import SynonymSet

PUBLISHED = HERE.parent.parent / "shared" / "data" / "synonyms" / "counterfitted_neighbors.json"
WORDS, NEIGHBORS = 49_975, 4  # of the published set; neighbors of every second word of a made one
CONNECTIONS = 8
ASKED = 20_000  # words that are asked for in turn
SENTENCE = "The movie was wonderful and the actors were very good indeed ."
BARE = """
import sys, uvicorn
body = b"x" * int(sys.argv[1])
headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
class Server(uvicorn.Server):
    async def startup(self, sockets=None):
        await super().startup(sockets)
        print("http://127.0.0.1:%d" % self.servers[0].sockets[0].getsockname()[1], flush=True)
Server(uvicorn.Config(app, port=0, lifespan="off", log_config=None, access_log=False)).run()
"""


class Running(NamedTuple):
    """A server that answers, and the seconds until it did."""

    process: subprocess.Popen[str]
    url: str
    seconds: float

    def memory(self) -> float:
        """Resident megabytes; NaN where the system does not tell."""
        try:
            lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        except OSError:
            return float("nan")
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


@contextmanager
def running(command: list[str], first: str, folder: Path) -> Iterator[Running]:
    """Start a server that prints its address, ask for `first`, and end it in the end."""
    start = time.perf_counter()
    environment = os.environ | {"XDG_DATA_HOME": str(folder)}
    with (folder / "log.txt").open("w") as log:
        process = subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, stderr=log, text=True, env=environment)
    try:
        assert process.stdout is not None
        line = next((line for line in process.stdout if "http://" in line), "")
        if not line:
            raise RuntimeError((folder / "log.txt").read_text())
        url = line[line.index("http://") :].split("/#")[0].strip()
        asked(url, first)
        yield Running(process, url, time.perf_counter() - start)
    finally:
        process.terminate()
        process.communicate()


def service(synonyms: Path, folder: Path) -> Any:
    """The service as it is started by default, but for the rate of one client and the access log."""
    command = ["-m", "xlt_augment", "serve", f"set={synonyms}", "--port", "0", "--rate", "1000000", "--no-access-log"]
    return running(command, "/readyz", folder)


def asked(url: str, path: str, payload: object = None) -> bytes:
    """The body of one answer. Raises RuntimeError for one that is no success."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=60)
    try:
        body = None if payload is None else json.dumps(payload)
        connection.request("POST" if body else "GET", path, body, {"Content-Type": "application/json"} if body else {})
        answer = connection.getresponse()
        content = answer.read()
    finally:
        connection.close()
    if answer.status != 200:
        raise RuntimeError(f"{path}: {answer.status} {content[:500]!r}")
    return content


def made_set(path: Path) -> None:
    """A set of the size of the published one, of made words."""
    chance = random.Random(0)
    words = [f"word{k:05d}" for k in range(WORDS)]
    rows = {word: chance.sample(words, NEIGHBORS) if k % 2 else [] for k, word in enumerate(words)}
    SynonymSet.from_mapping(rows).save(path)


def paths_of(synonyms: SynonymSet) -> list[str]:
    """Addresses of words in random order."""
    words = synonyms.table["word"].to_pylist()
    random.Random(0).shuffle(words)
    return [f"/v1/sets/set/neighbors/{quote(word, safe='')}" for word in words[:ASKED]]


def checks(synonyms: SynonymSet) -> Callable[[str, bytes], bool]:
    """Whether an answer is that of the set itself."""
    mapping = synonyms.to_mapping()

    def right(path: str, body: bytes) -> bool:
        found = json.loads(body)
        return [entry["word"] for entry in found["neighbors"]] == mapping[unquote(path.rpartition("/")[2])]

    return right


@contextmanager
def watched(server: Running, after: float) -> Iterator[list[float]]:
    """Its memory now, `after` seconds, and in the end."""
    found = [server.memory()]
    timer = threading.Timer(after, lambda: found.append(server.memory()))
    timer.start()
    yield found
    timer.cancel()
    timer.join()
    found.append(server.memory())


def row(what: str, load: Load, **more: object) -> dict[str, object]:
    """A row of the table."""
    facts = {
        "requests": load.requests,
        "a_second": round(load.rate),
        "p50_ms": round(load.p50, 2),
        "p99_ms": round(load.p99, 2),
    }
    return {"what": what, **facts, "worst_ms": round(load.worst, 1), "errors": load.errors, **more}


def latencies(work: Callable[[int], object], times: int) -> Load:
    """One request after the other on a new connection each."""
    took = []
    began = time.perf_counter()
    for k in range(times):
        start = time.perf_counter()
        work(k)
        took.append(1e3 * (time.perf_counter() - start))
    marks = statistics.quantiles(took, n=100)
    return Load(times, time.perf_counter() - began, marks[49], marks[98], max(took), 0)


def lookups(server: Running, bare: Running, synonyms: SynonymSet, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Single words, beside the bare server; by wrk and by the client that checks."""
    paths, table = paths_of(synonyms), []
    aside = max(2.0, options.seconds / 6)
    client(server.url, paths, seconds=1, connections=CONNECTIONS)  # warms up
    for name, load in (("wrk", wrk), ("checked, in Python", client)):
        more = {"right": checks(synonyms)} if load is client else {}
        long = options.seconds if load is wrk else aside
        before = load(bare.url, paths, seconds=aside, connections=CONNECTIONS)
        with watched(server, min(10.0, long / 2)) as memory:
            found = load(server.url, paths, seconds=long, connections=CONNECTIONS, **more)
        after = load(bare.url, paths, seconds=aside, connections=CONNECTIONS)
        if not (before and found and after):
            print("wrk is not installed: pip has none, Debian's package is wrk")
            continue
        rate = (before.rate + after.rate) / 2
        table.append(
            row(f"bare answer, {name}", before._replace(errors=before.errors + after.errors), rates=[before.rate, after.rate])
        )
        share = {"of_bare": round(found.rate / rate, 2), "memory_mb": [round(mb, 1) for mb in memory]}
        table.append(row(f"a word, {name}", found, **share))
    return table


def others(server: Running, synonyms: SynonymSet, times: int) -> list[dict[str, Any]]:
    """Requests that are asked for one at a time."""
    words = [word for word in synonyms.to_mapping() if len(word) > 5 and " " not in word]
    random.Random(1).shuffle(words)
    sentence = {"texts": [SENTENCE], "m": 10, "p": 0.3}
    start = time.perf_counter()
    asked(server.url, "/v1/augment", sentence)
    first = 1e3 * (time.perf_counter() - start)

    def get(path: str) -> Callable[[int], object]:
        return lambda k: asked(
            server.url, path.format(word=quote(words[k % len(words)]), part=quote(words[k % len(words)][:3]))
        )

    def augmented(payload: dict[str, Any]) -> Callable[[int], object]:
        return lambda k: asked(server.url, "/v1/augment", payload | {"seed": k})

    jobs = {
        "a sentence, m=10": augmented(sentence),
        "100 sentences, m=10": augmented({**sentence, "texts": [SENTENCE] * 100}),
        "search as one types": get("/v1/sets/set/words?prefix={part}&limit=20"),
        "words of a near spelling": get("/v1/sets/set/words?near={word}x&limit=20"),
        "an unknown word": lambda k: unknown(server.url, words[k]),
    }
    table = [row(name, latencies(work, times // 4 if "100" in name else times)) for name, work in jobs.items()]
    return [table[0] | {"first_ms": round(first, 1)}, *table[1:]]


def unknown(url: str, word: str) -> None:
    """Ask for a word that is not there."""
    try:
        asked(url, f"/v1/sets/set/neighbors/{quote(word)}%20x")
    except RuntimeError as error:
        if ": 404 " not in str(error):
            raise


def report(starts: list[float], table: list[dict[str, Any]], facts: dict[str, Any]) -> None:
    """Print the table and write it as JSON."""
    print(f"start to ready    {statistics.median(starts):.2f} s, of {', '.join(f'{s:.2f}' for s in starts)}")
    for entry in table:
        more = f"{entry['of_bare']:>6.2f} of bare, memory {entry['memory_mb']} MB" if "of_bare" in entry else ""
        print(
            f"{entry['what']:<34}{entry['a_second']:>8,}/s  p50 {entry['p50_ms']:>7.2f} ms  p99 {entry['p99_ms']:>7.2f} ms  "
            f"worst {entry['worst_ms']:>7.1f} ms  {entry['errors']} errors {more}"
        )
    facts |= {"start_seconds": [round(s, 3) for s in starts], "connections": CONNECTIONS, "table": table}
    libraries = ("xlt", "fastapi", "starlette", "uvicorn", "uvloop", "httptools", "pydantic", "rapidfuzz", "pyarrow", "numba")
    write_result("service", facts, libraries, folder=facts.pop("folder"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--synonyms", type=Path, help="synonym set [default: the published one, else a made one of its size]")
    parser.add_argument(
        "--seconds", type=float, default=60.0, help="of single words by wrk, a sixth of it by the client in Python"
    )
    parser.add_argument("--starts", type=int, default=5, help="starts that are timed")
    parser.add_argument("--short", action="store_true", help="a few seconds of everything, one start, no file in results")
    options = parser.parse_args()
    if options.short:
        options.seconds, options.starts = 3.0, 1
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = options.synonyms or PUBLISHED
        if not path.exists():
            made_set(path := folder / "made.arrow")
        synonyms = SynonymSet.load(path)
        starts = []
        for _ in range(options.starts):
            with service(path, folder) as server:
                starts.append(server.seconds)
        with service(path, folder) as server:
            size = statistics.median(len(asked(server.url, path)) for path in paths_of(synonyms)[:100])
            with running(["-c", BARE, str(round(size))], "/", folder) as bare:
                table = lookups(server, bare, synonyms, options)
            table += others(server, synonyms, 40 if options.short else 400)
    facts = {
        "synonyms": path.name,
        "words": len(synonyms),
        "seconds": options.seconds,
        "folder": folder if options.short else None,
    }
    report(starts, table, facts)


if __name__ == "__main__":
    main()
