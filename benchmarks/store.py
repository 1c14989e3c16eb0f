"""What a store costs beside copying: `publish` and `pull` of a dataset, as processes, and `cp -r` of the same files, in turns.

    python benchmarks/store.py [--source dev.tsv] [--size 1000] [--rounds 5] [--folder DIR]

The dataset is built on the spot, about --size megabytes of it; the store is a folder beside it, new in every round, and so is
the cache. No job flushes to the disk what it writes; what others left to be flushed is, before each job. Before every job of
ours the files are copied, and the ratio is to that. Prints a table and writes benchmarks/results/store.json: read the ratios.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common import peak_of, source_or_sample, tile, write_result

from xlt_augment import Substitute, SynonymSet, build

M = 30
COPY, PUBLISH, PULL, AGAIN = "cp -r", "publish", "pull", "pull, all there"


def made_dataset(source: Path, folder: Path, megabytes: int) -> Path:
    """A dataset of about that size, by the rows of a small one."""
    synonyms, rows, pairs = SynonymSet.load("default"), folder / "rows.tsv", 500
    tile([source], rows, pairs)
    trial = build(rows, Substitute(synonyms, p=0.1), m=M, out=folder / "trial").path
    tile([source], rows, round(pairs * megabytes * 1e6 / size_of(trial)))
    made = build(rows, Substitute(synonyms, p=0.1), m=M, out=folder / "dataset", max_shard_size=64 << 20).path
    shutil.rmtree(trial)
    rows.unlink()
    return made


def size_of(folder: Path) -> int:
    """Bytes of the files in a folder."""
    return sum(path.stat().st_size for path in folder.iterdir())


def store(*words: str) -> Sequence[str]:
    """A command of the store."""
    return [sys.executable, "-m", "xlt_augment", "store", *words]


def one_round(dataset: Path, folder: Path) -> dict[str, tuple[float, float]]:
    """Seconds and peak memory (MB) of every job; what they made is removed."""
    os.environ |= {"XLT_STORE": str(folder / "store"), "XLT_CACHE": str(folder / "cache")}
    subprocess.run(store("init"), check=True, stdout=subprocess.DEVNULL)
    found = {}
    for name, command in {
        PUBLISH: store("publish", str(dataset), "bench/dataset"),
        PULL: store("pull", "bench/dataset"),
        AGAIN: store("pull", "bench/dataset"),
    }.items():
        os.sync()  # else each job would be slowed down by what those before it wrote
        found[COPY + " before " + name] = peak_of(["cp", "-r", str(dataset), str(folder / "copy")])
        shutil.rmtree(folder / "copy")
        os.sync()
        found[name] = peak_of(command)
    pulled = subprocess.run(store("pull", "bench/dataset"), check=True, capture_output=True, text=True).stdout.strip()
    subprocess.run(["diff", "-r", str(dataset), pulled], check=True)
    for made in ("store", "cache"):
        shutil.rmtree(folder / made)
    return found


def report(rounds: list[dict[str, tuple[float, float]]], megabytes: float, options: argparse.Namespace) -> None:
    """Print the table and write it as JSON."""
    table: list[dict[str, Any]] = []
    for name in rounds[0]:
        seconds = [measured[name][0] for measured in rounds]
        copies = [measured[name if name.startswith(COPY) else f"{COPY} before {name}"][0] for measured in rounds]
        against = [value / copy for value, copy in zip(seconds, copies)]
        row = {
            "what": name, "seconds": round(statistics.median(seconds), 2), "ratio": round(statistics.median(against), 2),
            "ratios": [round(value, 2) for value in against], "peak_mb": round(max(measured[name][1] for measured in rounds)),
        }  # fmt: skip
        table.append(row)
        print(
            f"{name:<32}{row['seconds']:>8.2f} s{megabytes / row['seconds']:>9,.0f} MB/s{row['ratio']:>7.2f}x cp"
            f"{row['peak_mb']:>7} MB at most"
        )
    facts = {"megabytes": round(megabytes), "rounds": options.rounds, "table": table}
    write_result("store", facts, ("xlt", "pyarrow", "fsspec", "filelock"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--source", type=Path, help="pairs as TSV [default: the embedded sample]")
    parser.add_argument("--size", type=int, default=1_000, help="megabytes, about")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where to work [default: a temporary folder]")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        dataset = made_dataset(source_or_sample(options.source), folder, options.size)
        rounds = [one_round(dataset, folder) for _ in range(options.rounds + 1)][1:]  # the first one warms up
        report(rounds, size_of(dataset) / 1e6, options)


if __name__ == "__main__":
    main()
