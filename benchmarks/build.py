"""How fast a build is, beside the same job by other means, in one run.

    python benchmarks/build.py [--source dev.tsv --source test.tsv] [--synonyms set.json] [--pairs 49401] [--runs 5]

The yardstick is the published algorithm (`yardsticks.py`). Ours is the whole way from TSV to a finished dataset folder, its
sha256 sums and manifest included. Prints a table and writes benchmarks/results/build.json. Times are of one machine
and one moment: read the ratios.
"""

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import yardsticks
from common import Jobs, ratio, rounds, source_or_sample, tile, timed, write_result

from xlt_augment import Substitute, Swap, SynonymSet, build, verify
from xlt_augment.materialize import blocks, plan
from xlt_augment.materialize.shards import _HashingFile
from xlt_augment.synonyms.files import write_json

M = 10
PUBLISHED = "published algorithm"
COLD = "the whole job as a process: "
_NLPAUG_PAIRS = 100


def operators(synonyms: SynonymSet) -> dict[str, Substitute | Swap]:
    """What is measured, by name."""
    return {
        "uniform, space words": Substitute(synonyms, p="uniform", words="space", case="exact"),
        "p=0.1, space words": Substitute(synonyms, p=0.1, words="space", case="exact"),
        "p=0.1, span words, case initial": Substitute(synonyms, p=0.1),
        "p=0.1, span words, case any": Substitute(synonyms, p=0.1, case="any"),
        "swap p=0.1, span words": Swap(p=0.1),
    }


def ours(source: Path, out: Path, operator: Substitute | Swap, threads: int) -> None:
    """One build from scratch."""
    build(source, operator, m=M, out=out, num_proc=threads)


def jobs_of(source: Path, synonyms: SynonymSet, folder: Path) -> Jobs:
    """The yardsticks first, then ours, then what bytes alone cost."""
    neighbors, out = synonyms.to_mapping(), folder / "out"
    jobs: Jobs = {
        PUBLISHED: lambda: yardsticks.published(source, neighbors, M, folder / "out.tsv"),
        "tuned Python loop": lambda: yardsticks.tuned(source, neighbors, M, folder / "out.tsv"),
        "datasets.map, batched": lambda: yardsticks.by_map(source, neighbors, M, out, folder),
    }
    for name, operator in operators(synonyms).items():
        for threads in (1, 2):
            jobs[f"xlt: {name}, {threads} thread{'s' * (threads > 1)}"] = _ours(source, out, operator, threads)
    finished = folder / "finished"
    build(source, operators(synonyms)["uniform, space words"], m=M, out=finished)
    blob = np.frombuffer(b"".join(path.read_bytes() for path in finished.glob("*.arrow")), np.uint8)
    jobs["cp of the finished folder"] = lambda: shutil.copytree(finished, out)
    jobs["memcpy of its bytes"] = lambda: blob.copy()
    return jobs


def _ours(source: Path, out: Path, operator: Substitute | Swap, threads: int) -> Callable[[], object]:
    return lambda: ours(source, out, operator, threads)


def cold_jobs(source: Path, synonyms: SynonymSet, folder: Path) -> Jobs:
    """Whole processes, from the start of Python to the end."""
    write_json(synonyms.to_mapping(), folder / "set.json")
    synonyms.save(folder / "set.arrow")
    script = str(Path(yardsticks.__file__))
    theirs = [sys.executable, script, str(source), str(folder / "set.json"), str(M), str(folder / "out.tsv")]
    common = ["build", str(source), "--m", str(M), "--out", str(folder / "out"), "--words", "space"]
    command = [sys.executable, "-m", "xlt_augment", *common, "--case", "exact", "--synonyms", str(folder / "set.arrow")]

    def run(words: list[str]) -> Callable[[], object]:
        return lambda: subprocess.run(words, check=True, capture_output=True)

    return {
        COLD + PUBLISHED: run(theirs),
        COLD + "xlt-augment build --p uniform": run([*command, "--p", "uniform"]),
        COLD + "xlt-augment build --p 0.1": run([*command, "--p", "0.1"]),
    }


def parts(source: Path, operator: Substitute | Swap, out: Path) -> dict[str, float]:
    """Seconds by what they are spent on, in one thread; what a part calls of another part counts there."""
    spent: dict[str, float] = {}
    inside: list[float] = []  # seconds of parts that the part under way called

    def measured(owner: Any, name: str, label: str) -> Callable[[], None]:
        plain = getattr(owner, name)

        def timing(*args: Any, **options: Any) -> Any:
            start = time.perf_counter()
            inside.append(0.0)
            try:
                return plain(*args, **options)
            finally:
                seconds = time.perf_counter() - start
                spent[label] = spent.get(label, 0.0) + seconds - inside.pop()
                if inside:
                    inside[-1] += seconds

        setattr(owner, name, timing)
        return lambda: setattr(owner, name, plain)

    undo = [
        measured(plan, "open_corpus", "reading, checking and hashing the source"),
        measured(blocks, "perturb_unit", "words, random numbers, copies"),
        measured(blocks, "settle", "sha256 of files and content, two at a time"),
        measured(_HashingFile, "write", "writing the files"),
    ]
    whole = timed(lambda: ours(source, out, operator, 1))
    for restore in undo:
        restore()
    return {name: round(value, 3) for name, value in (spent | {"the rest": whole - sum(spent.values()), "all": whole}).items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--source", type=Path, action="append", help="pairs as TSV, repeatable [default: the embedded sample]")
    parser.add_argument("--synonyms", default="default", help="synonym set [default: the embedded one]")
    parser.add_argument("--pairs", type=int, default=49_401, help="rows that the sources are tiled to")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    sources = options.source or [source_or_sample(None)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = folder / "pairs.tsv"
        tile(sources, source, options.pairs)
        synonyms = SynonymSet.load(options.synonyms)
        jobs = jobs_of(source, synonyms, folder)

        def clean() -> None:
            shutil.rmtree(folder / "out", ignore_errors=True)
            (folder / "out.tsv").unlink(missing_ok=True)

        seconds = rounds(jobs, options.runs, warm=[job for job in jobs if job.startswith("xlt")], clean=clean)
        cold = cold_jobs(source, synonyms, folder)
        seconds |= rounds(cold, options.runs, warm=[COLD + "xlt-augment build --p 0.1"], clean=clean)
        few = yardsticks.by_nlpaug(yardsticks.read_rows(source)[:_NLPAUG_PAIRS], M) or {}
        slow = rounds(few, 1)
        where = {}
        for job, operator in operators(synonyms).items():
            where[job] = parts(source, operator, folder / "out")
            clean()
        same = set()
        for threads in (1, 2):
            ours(source, folder / "out", operators(synonyms)["p=0.1, space words"], threads)
            same.add(verify(folder / "out").manifest.logical_hash)
            clean()
    assert len(same) == 1, "the hash depends on the number of threads"
    names = ", ".join(path.name for path in sources)
    report(options, names, synonyms, seconds, {job: values[0] for job, values in slow.items()}, where)


def report(
    options: argparse.Namespace, sources: str, synonyms: SynonymSet, seconds: dict[str, list[float]],
    slow: dict[str, float], where: dict[str, dict[str, float]],
) -> None:  # fmt: skip
    """Print the tables and write them as JSON."""
    rows = []
    for name, values in seconds.items():
        base = seconds[COLD + PUBLISHED if name.startswith(COLD) else PUBLISHED]
        middle = statistics.median(values)
        rows.append(_row(name, middle, options.pairs, ratio(base, values)))
    for name, value in slow.items():
        whole = value * options.pairs / _NLPAUG_PAIRS
        rows.append(
            _row(f"{name}, from {_NLPAUG_PAIRS} pairs", whole, options.pairs, statistics.median(seconds[PUBLISHED]) / whole)
        )
    for row in rows:
        print(f"{row['what']:<58}{row['seconds']:>9.3f} s{row['variants_per_s']:>14,} pairs/s{row['ratio']:>8.1f}x")
    for name, shares in where.items():
        print(f"{name}, 1 thread: " + ", ".join(f"{label} {value:.3f}" for label, value in shares.items()))
    facts = {
        "pairs": options.pairs, "m": M, "runs": options.runs, "source": sources,
        "synonyms": f"{synonyms.name}, {len(synonyms)} words", "table": rows, "parts": where,
    }  # fmt: skip
    write_result("build", facts, ("xlt", "numba", "numpy", "pyarrow", "datasets", "nlpaug"))


def _row(name: str, seconds: float, pairs: int, against: float) -> dict[str, Any]:
    return {
        "what": name,
        "seconds": round(seconds, 3),
        "variants_per_s": round(pairs * M / seconds),
        "ratio": round(against, 1),
    }


if __name__ == "__main__":
    main()
