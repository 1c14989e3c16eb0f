"""Whether memory stays flat and time linear when the rows grow: builds of 1, 10 and 40 times the rows, as processes.

    python benchmarks/memory.py [--source dev.tsv --source test.tsv] [--synonyms set.json] [--pairs 49401] [--times 1,10,40]

40 times PAWS-X at m=10 writes 6 GB, which are removed again. Prints a table and writes benchmarks/results/memory.json.
"""

import argparse
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

from common import peak_of, source_or_sample, tile, write_result

M = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--source", type=Path, action="append", help="pairs as TSV, repeatable [default: the embedded sample]")
    parser.add_argument("--synonyms", default="default", help="synonym set [default: the embedded one]")
    parser.add_argument("--pairs", type=int, default=49_401, help="rows that the sources are tiled to, once")
    parser.add_argument("--times", default="1,10,40", help="how many times so many")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    sources = options.source or [source_or_sample(None)]
    sizes = [int(size) for size in options.times.split(",")]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        import_synonyms = [
            sys.executable,
            "-m",
            "xlt_augment",
            "synonyms",
            "subset",
            options.synonyms,
            str(folder / "set.arrow"),
        ]
        peak_of([*import_synonyms, "--fraction", "1"])
        found: dict[int, list[tuple[float, float]]] = {size: [] for size in sizes}
        written = {}
        for size in sizes:
            tile(sources, folder / f"pairs{size}.tsv", options.pairs * size)
        for run in range(-1, options.runs):  # the first, of the smallest size alone, compiles what is not compiled
            for size in sizes if run >= 0 else sizes[:1]:
                command = ["build", str(folder / f"pairs{size}.tsv"), "--m", str(M), "--out", str(folder / "out")]
                command += ["--synonyms", str(folder / "set.arrow"), "--num-proc", str(options.threads)]
                measured = peak_of([sys.executable, "-m", "xlt_augment", *command])
                found[size] += [measured] if run >= 0 else []
                written[size] = sum(path.stat().st_size for path in (folder / "out").iterdir())
                shutil.rmtree(folder / "out")
    table = []
    for size, values in found.items():
        seconds, peak = (statistics.median(column) for column in zip(*values))
        row = {
            "times": size,
            "pairs": options.pairs * size,
            "megabytes": round(written[size] / 1e6),
            "seconds": round(seconds, 2),
        }
        table.append(row | {"peak_mb": round(peak)})
    base = table[0]
    for row in table:
        row["time_ratio"] = round(row["seconds"] / base["seconds"], 2)
        row["peak_ratio"] = round(row["peak_mb"] / base["peak_mb"], 3)
        print(
            f"{row['pairs']:>12,} pairs{row['megabytes']:>8,} MB written{row['seconds']:>9.2f} s ({row['time_ratio']:.1f}x)"
            f"{row['peak_mb']:>7} MB peak ({row['peak_ratio']:.2f}x)"
        )
    names = ", ".join(path.name for path in sources)
    facts = {
        "m": M,
        "threads": options.threads,
        "runs": options.runs,
        "source": names,
        "synonyms": Path(options.synonyms).stem,
        "table": table,
    }
    write_result("memory", facts, ("xlt", "numba", "numpy", "pyarrow"))


if __name__ == "__main__":
    main()
