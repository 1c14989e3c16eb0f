"""One Ray cluster of two nodes with one core each, everything that tests ask of it, and what came out as JSON.

    python -m tests.engines.ray_session FOLDER

A process of its own, so that Ray's threads, warnings and children are gone with it.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from tests.engines.deadly import Deadly
from xlt_augment import Swap, build
from xlt_augment.cluster import connected
from xlt_augment.counterfit.search import nearest
from xlt_augment.counterfit.spread import SpreadSearch

BLOCK = 65_536
HEAD_DIES_NEVER = {"num_cpus": 0, "include_dashboard": False}
# A lost node is noticed within seconds, and one that waits for a busy core is not taken for lost.
WATCH = {
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "20000",
    "RAY_health_check_failure_threshold": "3",
}


@contextmanager
def two_nodes() -> Iterator[Any]:
    """A cluster whose head does no work, and two nodes of one core."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={**HEAD_DIES_NEVER, "object_store_memory": 80 << 20})
    try:
        for _ in range(2):
            cluster.add_node(num_cpus=1, object_store_memory=80 << 20)
        yield cluster
    finally:
        cluster.shutdown()


def source(folder: Path, blocks: int) -> Path:
    """Tiny rows, the last block not full."""
    path = folder / f"{blocks}.tsv"
    with path.open("w") as stream:
        stream.writelines(f"a good {k}\tfilm {k % 97}\t{k % 3}\n" for k in range(blocks * BLOCK - 9))
    return path


def same(folder: Path, one: str, other: str) -> bool:
    """Whether two folders hold the same files to the last byte."""
    files = [{p.name: p.read_bytes() for p in (folder / name).iterdir()} for name in (one, other)]
    return files[0] == files[1]


def fuse(folder: Path, row: int, kind: str) -> tuple[int, str, str]:
    """A fuse that was not burnt."""
    path = folder / f"fuse-{row}-{kind}"
    path.touch()
    return row, kind, str(path)


def built(folder: Path, address: str, count: int, fuses: list[tuple[int, str]], **options: Any) -> dict[str, Any]:
    """A local build and one on the cluster that loses what the fuses take."""
    path, operator = source(folder, count), Swap(p=0.5)
    shard = {name: value for name, value in options.items() if name == "max_shard_size"}
    local = build(path, operator, m=1, out=folder / f"local-{count}", **shard)
    deadly = Deadly(p=0.5, fuses=tuple(fuse(folder, row, kind) for row, kind in fuses))
    far = build(path, deadly, m=1, out=folder / f"ray-{count}", engine="ray", ray_address=address, **options)
    return {
        "hash": far.manifest.logical_hash == local.manifest.logical_hash,
        "bytes": same(folder, f"local-{count}", f"ray-{count}"),
        "files": len(far.manifest.data_files),
        "fuses left": len(list(folder.glob("fuse-*"))),
    }


def failing(folder: Path, address: str, kind: str) -> list[str]:
    """What a build raises whose workers fail in this way, and what it leaves."""
    deadly = Deadly(p=0.5, fuses=(fuse(folder, 5, kind),))
    try:
        build(folder / "1.tsv", deadly, m=1, out=folder / "never", engine="ray", ray_address=address)
    except Exception as error:  # noqa: BLE001 - a test looks at it
        return [type(error).__name__, str(error), *left(folder)]
    finally:
        for path in folder.glob("fuse-*"):
            path.unlink()
    return ["nothing"]


def left(folder: Path) -> list[str]:
    """What no build should leave."""
    return sorted(p.name for p in folder.iterdir() if p.name.startswith((".", "never")))


def neighbors(address: str) -> bool:
    """Whether a search divided among the nodes finds what one process finds."""
    matrix = np.random.default_rng(3).normal(size=(700, 12)).astype(np.float32)
    matrix[::5] = matrix[3]
    settings: dict[str, Any] = {"k": 4, "threshold": 0.9, "order": np.arange(700)[::-1]}
    with connected(address) as cluster:
        far = SpreadSearch(cluster, 3)(matrix, **settings)
    return all(a.dtype == b.dtype and a.tolist() == b.tolist() for a, b in zip(far, nearest(matrix, **settings)))


def slow(last: int, item: int) -> int:
    """Work of which one item fails while others are under way."""
    if item == last:
        raise ZeroDivisionError
    time.sleep(0.3)
    return item


def abandoned(address: str) -> list[str]:
    """What still runs in this process after maps that failed or that nobody read to the end; each with a new connection."""
    before = {thread.ident for thread in threading.enumerate()}
    for last in (0, -1):
        with suppress(ZeroDivisionError), connected(address) as cluster:
            for _ in cluster.map(slow, range(8), shared=last):
                break
    begun = [thread.name for thread in threading.enumerate() if thread.ident not in before]
    return [name for name in begun if name.startswith(("StreamingExecutor", "ray-data", "iter_threaded"))]


def interrupted(folder: Path, address: str, number: signal.Signals) -> list[Any]:
    """Exit code, last line and leftovers of a command that was stopped while workers wrote."""
    words = [sys.executable, "-m", "xlt_augment", "build", str(folder / "7.tsv"), "--m", "60", "--out", str(folder / "never")]
    with subprocess.Popen(
        [*words, "--engine", "ray", "--ray-address", address], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        waiting = time.monotonic() + 120
        while not list(folder.glob(".xlt-*-work/*.partial")) and child.poll() is None and time.monotonic() < waiting:
            time.sleep(0.05)
        child.send_signal(number)
        _, said = child.communicate(timeout=120)
    return [child.returncode, said.strip().splitlines()[-1:], left(folder)]


def take(steps: dict[str, Callable[[], Any]], found: dict[str, Any]) -> None:
    """Those steps, or those of them that the command line names, one after the other."""
    for name, step in steps.items():
        if name in (sys.argv[2:] or steps):
            start = time.monotonic()
            found[name] = step()
            found[f"{name}, seconds"] = round(time.monotonic() - start, 1)
            sys.stdout.write(f"{name} {found[name]}\n")
            sys.stdout.flush()


def main() -> None:
    folder = Path(sys.argv[1])
    os.environ.update(WATCH)
    found: dict[str, Any] = {}
    with two_nodes() as cluster:
        address = cluster.address
        within: dict[str, Callable[[], Any]] = {
            "1 block": lambda: built(folder, address, 1, [(40_000, "worker")]),
            "2 blocks": lambda: built(folder, address, 2, [(100_000, "worker")], max_shard_size=3_000_000),
            "neighbors": lambda: neighbors(address),
            "error": lambda: failing(folder, address, "error"),
            "bug": lambda: failing(folder, address, "bug"),
            "always": lambda: failing(folder, address, "always"),
        }
        by_themselves: dict[str, Callable[[], Any]] = {
            "abandoned": lambda: abandoned(address),
            "7 blocks": lambda: built(folder, address, 7, [(3 * BLOCK + 9, "worker"), (5 * BLOCK + 9, "node")], blocks=5),
            "SIGINT": lambda: interrupted(folder, address, signal.SIGINT),
            "SIGTERM": lambda: interrupted(folder, address, signal.SIGTERM),
        }
        with connected(address):  # a new connection starts new workers, which takes seconds
            take(within, found)
        take(by_themselves, found)
    (folder / "found.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
