"""How fast a build is, beside a plain per-word loop in the same run.

    python benchmarks/build.py [--source pairs.tsv --synonyms set.json] [--pairs 49401] [--runs 5]

The yardstick does what the method's description says (Huang et al. 2021, data augmentation by synonyms), in Python without
waste: cut at spaces, redraw each word that has synonyms from itself and them, m times a sentence, write the rows as TSV. Ours
is the whole way from TSV to a finished dataset folder, its sha256 sums and manifest included. Prints a table and writes
benchmarks/results/build.json. Times are of one machine and one moment: read the ratios.
"""

import argparse
import json
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from xlt_augment import Substitute, Swap, SynonymSet, build
from xlt_augment.materialize.build import plan_build, run_build
from xlt_augment.resources import resource

HERE = Path(__file__).resolve().parent
M = 10


def plain_loop(source: Path, neighbors: dict[str, list[str]], out: Path, p: float | None) -> None:
    """The per-word loop; `p` None redraws every word from itself and its synonyms."""
    chance = random.Random(0)

    def vary(words: list[str]) -> str:
        drawn = []
        for word in words:
            others = neighbors.get(word)
            if others and p is None:
                word = chance.choice([word, *others])
            elif others and chance.random() < (p or 0):
                word = chance.choice(others)
            drawn.append(word)
        return " ".join(drawn)

    with source.open(encoding="utf-8") as lines, out.open("w", encoding="utf-8") as written:
        for line in lines:
            first, second, label = line.rstrip("\n").split("\t")
            for _ in range(M):
                written.write(f"{vary(first.split(' '))}\t{vary(second.split(' '))}\t{label}\n")


def tile(source: Path, target: Path, pairs: int) -> None:
    """Repeat the labelled rows of `source` until there are `pairs`."""
    rows = source.read_text(encoding="utf-8").splitlines()
    target.write_text("".join(rows[k % len(rows)] + "\n" for k in range(pairs)), encoding="utf-8")


def timed(work: Callable[[], object]) -> float:
    """Seconds that one call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def rounds(jobs: dict[str, Callable[[], object]], runs: int) -> dict[str, list[float]]:
    """Seconds of every job in every round; the jobs take turns, so a slow moment hits them all."""
    for work in jobs.values():
        work()  # compile, fill the page cache
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(runs):
        for name, work in jobs.items():
            seconds[name].append(timed(work))
    return seconds


def jobs_of(source: Path, synonyms: SynonymSet, folder: Path) -> dict[str, Callable[[], object]]:
    """The yardstick first, then ours."""
    neighbors = synonyms.to_mapping()
    uniform = Substitute(synonyms, p="uniform", words="space", case="exact")
    tenth = Substitute(synonyms, p=0.1, words="space", case="exact")
    span = Substitute(synonyms, p=0.1)

    def ours(operator: Substitute | Swap, threads: int) -> Callable[[], object]:
        def work() -> None:
            shutil.rmtree(folder / "out", ignore_errors=True)
            build(source, operator, m=M, out=folder / "out", num_proc=threads)

        return work

    return {
        "plain loop, uniform": lambda: plain_loop(source, neighbors, folder / "out.tsv", None),
        "plain loop, p=0.1": lambda: plain_loop(source, neighbors, folder / "out.tsv", 0.1),
        "xlt, uniform, space, 1 thread": ours(uniform, 1),
        "xlt, uniform, space, 2 threads": ours(uniform, 2),
        "xlt, p=0.1, space, 1 thread": ours(tenth, 1),
        "xlt, p=0.1, space, 2 threads": ours(tenth, 2),
        "xlt, p=0.1, span, initial, 2 threads": ours(span, 2),
        "xlt, swap p=0.1, 2 threads": ours(Swap(p=0.1), 2),
    }


def startup(runs: int) -> dict[str, float]:
    """Median seconds of whole processes: an empty Python, the import, the help."""
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "import xlt_augment": [sys.executable, "-c", "import xlt_augment"],
        "xlt-augment --help": [sys.executable, "-m", "xlt_augment", "--help"],
    }
    return {
        name: statistics.median(
            timed(lambda c=command: subprocess.run(c, check=True, capture_output=True)) for _ in range(runs)
        )  # type: ignore[misc]
        for name, command in commands.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--source", type=Path, help="labelled pairs as TSV [default: the embedded sample]")
    parser.add_argument("--synonyms", default="default", help="synonym set [default: the embedded one]")
    parser.add_argument("--pairs", type=int, default=49_401, help="rows that the source is tiled to")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    source = options.source or resource("samples/paraphrase/train-en.tsv")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tile(source, folder / "pairs.tsv", options.pairs)
        synonyms = SynonymSet.load(options.synonyms)
        seconds = rounds(jobs_of(folder / "pairs.tsv", synonyms, folder), options.runs)
        plan = plan_build(folder / "pairs.tsv", Swap(), m=M, out=folder / "size")
        size = sum(entry.bytes for entry in run_build(plan).manifest.files)
    report(options, source, synonyms, seconds, size)


def report(options: argparse.Namespace, source: Path, synonyms: SynonymSet, seconds: dict[str, list[float]], size: int) -> None:
    """Print the table and write it as JSON."""
    rows = []
    for name, values in seconds.items():
        base = seconds["plain loop, uniform" if "uniform" in name else "plain loop, p=0.1"]
        ratio = statistics.median(b / v for b, v in zip(base, values))
        middle = statistics.median(values)
        rows.append(
            {
                "what": name,
                "seconds": round(middle, 3),
                "variants_per_s": round(options.pairs * M / middle),
                "ratio": round(ratio, 1),
            }
        )
        print(f"{name:<40}{middle:>9.3f} s{options.pairs * M / middle:>14,.0f} variants/s{ratio:>8.1f}x")
    starts = startup(options.runs)
    for name, value in starts.items():
        print(f"{name:<40}{value:>9.3f} s")
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=HERE, capture_output=True, text=True, check=False)
    facts = {
        "pairs": options.pairs,
        "m": M,
        "runs": options.runs,
        "source": source.name,
        "synonyms": f"{synonyms.name}, {len(synonyms)} words",
        "dataset_bytes": size,
        "table": rows,
        "startup": {name: round(value, 3) for name, value in starts.items()},
        "machine": {"cpu": platform.machine(), "cores": os.cpu_count(), "system": platform.platform()},
        "versions": {"python": platform.python_version(), **{n: version(n) for n in ("xlt", "numba", "numpy", "pyarrow")}},
        "commit": commit.stdout.strip(),
    }
    target = HERE / "results" / "build.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(facts, indent=2) + "\n")
    print(f"written: {target.relative_to(Path.cwd()) if target.is_relative_to(Path.cwd()) else target}")


if __name__ == "__main__":
    main()
