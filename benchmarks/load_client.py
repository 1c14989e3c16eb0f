"""Load on an HTTP server: wrk where it is installed, and a client of our own that checks every answer and runs anywhere."""

import asyncio
import json
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

_SCRIPT = """local paths = {}
for line in io.lines("PATHS") do paths[#paths + 1] = line end
local k = 0
request = function()
  k = k % #paths + 1
  return wrk.format("GET", paths[k], HEADERS)
end
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('\\n{"requests": %d, "seconds": %f, "p50": %f, "p99": %f, "worst": %f, "errors": %d}\\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    latency.max / 1e3, e.connect + e.read + e.write + e.status + e.timeout))
end
"""


class Load(NamedTuple):
    """What a load came to: requests, seconds, latencies in ms, answers that were no success, or not the right one."""

    requests: int
    seconds: float
    p50: float
    p99: float
    worst: float
    errors: int

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds


def wrk(url: str, paths: Sequence[str], *, seconds: float, connections: int) -> Load | None:
    """GET the paths in turn for that long over kept connections, by wrk in one thread; None where it is not installed."""
    if shutil.which("wrk") is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        listed, script = Path(folder) / "paths.txt", Path(folder) / "paths.lua"
        listed.write_text("\n".join(paths) + "\n")
        script.write_text(_SCRIPT.replace("PATHS", str(listed)).replace("HEADERS", "nil"))
        command = ["wrk", "-t1", f"-c{connections}", f"-d{round(seconds)}s", "-s", str(script), url]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = re.search(r"^\{.*\}$", said, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"wrk said no more than: {said}")
    return Load(**json.loads(found[0]))


Check = Callable[[str, bytes], bool]


def client(url: str, paths: Sequence[str], *, seconds: float, connections: int, right: Check = lambda path, body: True) -> Load:
    """The same by asyncio. An answer counts as an error unless its status is 200 and `right(path, body)`."""
    return asyncio.run(_clients(url, paths, seconds, connections, right))


async def _clients(url: str, paths: Sequence[str], seconds: float, connections: int, right: Check) -> Load:
    parts = urlsplit(url)
    took: list[float] = []
    began = time.perf_counter()
    tasks = [
        _one(str(parts.hostname), int(parts.port or 80), paths[start::connections], began + seconds, took, right)
        for start in range(connections)
    ]
    errors = sum(await asyncio.gather(*tasks))
    lasted = time.perf_counter() - began
    marks = statistics.quantiles(took, n=100) if len(took) > 1 else [0.0] * 99
    return Load(len(took), lasted, 1e3 * marks[49], 1e3 * marks[98], 1e3 * max(took, default=0.0), errors)


async def _one(host: str, port: int, paths: Sequence[str], end: float, took: list[float], right: Check) -> int:
    """One connection until the time is up: how many answers were wrong."""
    reader, writer = await asyncio.open_connection(host, port)
    errors = k = 0
    try:
        while (start := time.perf_counter()) < end:
            path = paths[k % len(paths)]
            writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
            body = await reader.readexactly(int(length[1])) if length else b""
            took.append(time.perf_counter() - start)
            errors += not (head.startswith(b"HTTP/1.1 200 ") and right(path, body))
            k += 1
    except (OSError, EOFError):
        return errors + 1
    finally:
        writer.close()
    return errors
