"""What a build on many machines takes, planned from rates measured here on one core.

    python benchmarks/scale.py [--rows 10e9] [--m 10] [--nodes 1 4 16] [--cores 16] [--price 0.05] [--source pairs.tsv]

Three rates are measured: the first reading, which one process does; one run of hash blocks by a worker's own function; and,
for the whole, both. The plan is arithmetic (docs/scale.md has the formulas). Prices and networks are assumptions: give yours.
Writes benchmarks/results/scale.json.
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from common import source_or_sample, tile, write_result

from xlt_augment import Substitute, SynonymSet
from xlt_augment.content_hash import BLOCK_ROWS
from xlt_augment.materialize.blocks import Job, write_blocks
from xlt_augment.materialize.engines.ray import MOST_RUNS
from xlt_augment.materialize.plan import Plan, plan_build

RUNS = 3


class Rates(NamedTuple):
    """What one core does: source rows a second in the first reading and in a worker, and what a source row weighs."""

    first_pass_rows: float
    worker_rows: float
    source_bytes: float
    written_bytes: float
    text: str


class Assumed(NamedTuple):
    """What was not measured: the cluster, its network and storage, and what a core costs."""

    nodes: int
    cores: int
    node_mb_per_s: float
    storage_mb_per_s: float
    price: float


def measure(source: Path, m: int, folder: Path) -> Rates:
    """The rates of this machine, the best of a few runs; compiled code is loaded before."""
    operator = Substitute(SynonymSet.default(), p=0.1)
    first, second = [], []
    plan: Plan
    for k in range(RUNS + 1):
        start = time.process_time()
        plan = plan_build(source, operator, m=m, num_proc=1, out=folder / "never")
        read = time.process_time() - start
        out = folder / str(k)
        out.mkdir()
        start = time.process_time()
        written = write_blocks(out, "data", Job.of(plan, 500 << 20), first=0, stop=1)
        if k:
            first.append(plan.corpus.rows / read)
            second.append(written.counts["rows"] / (m + 1) / (time.process_time() - start))
    size = sum(entry.bytes for entry in written.files) / (written.counts["rows"] / (m + 1))
    return Rates(max(first), max(second), source.stat().st_size / plan.corpus.rows, size, source.name)


def planned(rows: float, m: int, rates: Rates, assumed: Assumed) -> dict[str, Any]:
    """Files, bytes, hours and cost of `rows` source rows; the formulas of docs/scale.md."""
    blocks = -(-int(rows) // BLOCK_ROWS)
    workers = assumed.nodes * assumed.cores
    written, source = rows * rates.written_bytes, rows * rates.source_bytes
    first_pass = rows / rates.first_pass_rows
    computing = rows / rates.worker_rows / workers
    moved = (written + source) / 1e6
    moving = moved / min(assumed.nodes * assumed.node_mb_per_s, assumed.storage_mb_per_s)
    slots = min(workers, min(blocks, MOST_RUNS))
    work = max(computing * workers / slots, moving)
    return {
        "nodes": assumed.nodes, "workers": workers, "source rows": int(rows),
        "rows": int(rows * (m + 1)), "source TB": round(source / 1e12, 2),
        "written TB": round(written / 1e12, 2), "hash blocks": blocks, "files, at least": blocks,
        "MB a file": round(rates.written_bytes * BLOCK_ROWS / 1e6),
        "first reading, hours": round(first_pass / 3600, 2), "computing, hours": round(computing / 3600, 2),
        "moving bytes, hours": round(moving / 3600, 2), "in all, hours": round((first_pass + work) / 3600, 2),
        "core-hours of work": round(rows / rates.worker_rows / 3600, 1),
        "core-hours paid": round(workers * (first_pass + work) / 3600),
        "cost": round(workers * (first_pass + work) / 3600 * assumed.price, 2),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rows", type=float, default=10e9, help="source rows to plan for [default: 10e9]")
    parser.add_argument("--m", type=int, default=10, help="variants of each [default: 10]")
    parser.add_argument("--nodes", type=int, nargs="+", default=[1, 4, 16], help="one column of the plan each")
    parser.add_argument("--cores", type=int, default=16, help="of a node")
    parser.add_argument("--node-mb-per-s", type=float, default=1_000, help="network of a node, assumed")
    parser.add_argument("--storage-mb-per-s", type=float, default=20_000, help="shared storage in all, assumed")
    parser.add_argument("--price", type=float, default=0.05, help="of a core for an hour, assumed, in your currency")
    parser.add_argument("--source", type=Path, help="pairs as TSV [default: the embedded sample]")
    options = parser.parse_args()
    assumed = Assumed(1, options.cores, options.node_mb_per_s, options.storage_mb_per_s, options.price)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tile([source_or_sample(options.source)], folder / "pairs.tsv", BLOCK_ROWS)
        rates = measure(folder / "pairs.tsv", options.m, folder)
    print(f"one core here: first reading {rates.first_pass_rows:,.0f} source rows/s, "
          f"work {rates.worker_rows:,.0f} source rows/s = {rates.worker_rows * (options.m + 1):,.0f} rows/s "
          f"= {rates.worker_rows * rates.written_bytes / 1e6:,.0f} MB/s written")  # fmt: skip
    print(f"a source row: {rates.source_bytes:,.0f} bytes, and {rates.written_bytes:,.0f} written")
    table = [planned(options.rows, options.m, rates, assumed._replace(nodes=nodes)) for nodes in options.nodes]
    for row in table[0]:
        print(f"{row:<24}" + "".join(f"{facts[row]:>18,}" for facts in table))
    facts = {"m": options.m, "rates": rates._asdict(), "assumed": assumed._asdict(), "plans": table}
    write_result("scale", facts, ("xlt", "numba", "numpy", "pyarrow", "ray"))


if __name__ == "__main__":
    main()
