"""What the benchmark scripts share: jobs in turns, tables, and results as JSON with machine, versions and commit."""

import gc
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from xlt_augment.resources import resource

HERE = Path(__file__).resolve().parent
Jobs = dict[str, Callable[[], object]]


def source_or_sample(source: Path | None) -> Path:
    """The corpus that was named, else the embedded sample."""
    return source or resource("samples/paraphrase/train-en.tsv")


def tile(sources: Iterable[Path], target: Path, pairs: int) -> None:
    """Repeat the rows of `sources` until there are `pairs`; rows that lack a label get one, so that all have three fields."""
    rows = [line for source in sources for line in source.read_text(encoding="utf-8").splitlines()]
    whole = [row if row.count("\t") > 1 else f"{row}\t{k % 2}" for k, row in enumerate(rows)]
    with target.open("w", encoding="utf-8") as out:
        out.writelines(whole[k % len(whole)] + "\n" for k in range(pairs))


def timed(work: Callable[[], object]) -> float:
    """Seconds that one call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def rounds(
    jobs: Jobs, runs: int, *, warm: Iterable[str] = (), clean: Callable[[], object] = lambda: None
) -> dict[str, list[float]]:
    """Seconds of every job in every round; the jobs take turns, so a slow moment hits them all.

    `warm` ones run once before; `clean` runs after each and is not counted.
    """
    gc.collect()
    gc.freeze()  # what one job needs in memory is not to be looked through during another
    for name in warm:
        jobs[name]()
        clean()
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(runs):
        for name, work in jobs.items():
            seconds[name].append(timed(work))
            clean()
    return seconds


def ratio(base: Sequence[float], other: Sequence[float]) -> float:
    """How many times as long `base` takes: median over the rounds."""
    return statistics.median(b / o for b, o in zip(base, other))


def peak_of(command: Sequence[str]) -> tuple[float, float]:
    """Seconds and peak resident memory (MB) of a process of its own. Raises CalledProcessError when it fails."""
    script = (
        "import resource, subprocess, sys, time; t = time.perf_counter(); "
        "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL); "
        "print(time.perf_counter() - t, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    found = subprocess.run([sys.executable, "-c", script, *command], check=True, capture_output=True, text=True).stdout
    seconds, kilobytes = found.split()
    return float(seconds), int(kilobytes) / (1 if sys.platform == "linux" else 1024) / 1024


def write_result(name: str, facts: dict[str, Any], libraries: Iterable[str], *, folder: Path | None = None) -> None:
    """Add machine, versions and commit, and write NAME.json into benchmarks/results, saying so, or into `folder`."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=HERE, capture_output=True, text=True, check=False)
    facts |= {
        "machine": {"cpu": _processor(), "cores": os.cpu_count(), "system": platform.platform()},
        "versions": {"python": platform.python_version()} | {n: v for n in libraries if (v := _version(n))},
        "commit": commit.stdout.strip(),
    }
    target = (folder or HERE / "results") / f"{name}.json"
    target.parent.mkdir(exist_ok=True)
    part = target.with_suffix(".part")  # what stands there stays whole if this is stopped
    part.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    part.replace(target)
    if folder is None:
        print(f"written: {target.relative_to(Path.cwd()) if target.is_relative_to(Path.cwd()) else target}")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{platform.machine()}, {names[0]}" if names else platform.machine()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
