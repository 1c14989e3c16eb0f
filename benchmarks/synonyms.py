"""How fast counter-fitting and the neighbor search are, beside a plain implementation and faiss in the same run. Linux only.

    python benchmarks/synonyms.py [--constraints FOLDER] [--words 76000] [--steps 20] [--runs 3] [--threads 2]

The words are those of the constraint files of the folder (`*synonyms.txt`, `*antonyms.txt`), then made-up ones up to `--words`;
without the folder the pairs are random, as many. The vectors are drawn with a seed: topics and noise, so that synonyms have
cosines as in real vectors and some hundred thousand pairs have one above 0.8, which is what VSP holds on to. Measures, the jobs
taking turns:

- the second step of counter-fitting alone, where gates of VSP are open: the compiled step, called as `counter_fit` calls it, on
  the same vectors and pairs as `reference_counterfit.step`;
- the whole job, from the matrix to the counter-fitted one: VSP pairs and `--steps` steps; the median of its later steps, by the
  clock; how far the two results differ;
- the search for 8 neighbors in that result, within a distance of 0.4 and without a limit, beside faiss `IndexFlatIP` with as
  many threads (k + 1 neighbors, for each word finds itself); how many neighbor lists agree;
- the peak memory of a fresh process that loads the matrix and searches.

Prints tables and writes benchmarks/results/synonyms.json. Times are of one machine and one moment: read the ratios. CPU seconds
are those of all threads, waiting ones included; with one thread they tell the work where others use the machine too.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import reference_counterfit as reference
from common import write_result
from synonym_data import constraints_of, cosines, topics_of, vectors
from threadpoolctl import threadpool_limits

from xlt_augment.counterfit import fit
from xlt_augment.counterfit.constraints import Constraints
from xlt_augment.counterfit.search import close_pairs, nearest

HERE = Path(__file__).resolve().parent
K, MB, FAISS = 8, 1e6, "faiss IndexFlatIP"
LIMITS = {"within 0.4": 0.4, "no limit": 2.0}
LIBRARIES = ("xlt", "numpy", "numba", "faiss-cpu", "threadpoolctl")
Jobs = dict[str, Callable[[], Any]]
Seconds = dict[str, list[tuple[float, float]]]  # of the clock, and of the processors


def rounds(jobs: Jobs, runs: int, *, first: bool = True) -> tuple[Seconds, dict[str, Any]]:
    """Seconds of every job in every round, and what each gave last; the jobs take turns. `first`: once before, to warm up."""
    seconds: Seconds = {name: [] for name in jobs}
    given = {name: work() for name, work in jobs.items()} if first else {}
    for _ in range(runs):
        for name, work in jobs.items():
            wall, cpu = time.perf_counter(), time.process_time()
            given[name] = work()
            seconds[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    return seconds, given


def names(threads: list[int]) -> dict[str, int]:
    """What the table calls ours with so many threads."""
    return {f"xlt, {n} thread{'s' * (n > 1)}": n for n in threads}


def second_step(matrix: np.ndarray, pairs: Constraints, runs: int, threads: list[int]) -> tuple[list[dict], dict[str, Any]]:
    """Rows of the table, and counts of pairs."""
    settings, chosen = fit.CounterFit(), reference.Settings()
    rows, problem = reference.prepare(matrix, pairs.synonyms, pairs.antonyms, chosen)
    begun = np.stack(rows)
    near, products = close_pairs(begun, above=1.0 - settings.rho)
    both = fit._both_ways(pairs.synonyms), fit._both_ways(pairs.antonyms)
    ours, order = fit._near_in_memory(fit._pairs(len(begun), *both, near, 1.0 - products))
    begun = begun[order]
    rows, _ = reference.step(rows, problem, chosen)
    old, new = np.stack(rows)[order], np.empty_like(begun)
    with ThreadPoolExecutor(1) as pool:
        _, moved = fit._step(begun, new, np.zeros(len(begun), bool), ours, settings, 0, pool, 1, move=True)

    def step(workers: int) -> None:
        with ThreadPoolExecutor(workers) as pool:
            fit._step(old, new, moved, ours, settings, 1, pool, workers, move=True)

    jobs: Jobs = {"plain Python": partial(reference.step, rows, problem, chosen)}
    jobs |= {name: partial(step, n) for name, n in names(threads).items()}
    seconds, given = rounds(jobs, runs)
    after, acting = given["plain Python"]
    facts = {
        "pairs_both_ways": {"ar": len(problem.antonyms), "sa": len(problem.synonyms), "vsp": len(problem.near)},
        "acting_in_second_step": acting._asdict(),
        "second_step_difference": float(np.abs(np.stack(after)[order] - new).max()),
    }
    print(json.dumps(facts))
    return table("second step", seconds, "plain Python"), facts


def whole_job(matrix: np.ndarray, pairs: Constraints, steps: int, threads: list[int]) -> tuple[list[dict], dict, np.ndarray]:
    """Rows of the table, what else was seen, and the counter-fitted matrix."""
    clock: dict[int, list[float]] = {n: [] for n in threads}

    def ours(workers: int) -> np.ndarray:
        clock[workers] = [time.perf_counter()]
        with threadpool_limits(workers):
            return fit.counter_fit(
                matrix, pairs.synonyms, pairs.antonyms, fit.CounterFit(steps=steps),
                threads=workers, progress=lambda _: clock[workers].append(time.perf_counter()),
            ).matrix  # fmt: skip

    def plain() -> reference.Whole:
        with threadpool_limits(max(threads)):
            return reference.counter_fit(matrix, pairs.synonyms, pairs.antonyms, steps)

    jobs: Jobs = {name: partial(ours, n) for name, n in names(threads).items()}
    seconds, given = rounds(jobs | {"plain Python": plain}, 1, first=False)
    fitted, whole = given[next(iter(jobs))], given["plain Python"]
    later: Seconds = {"plain Python": [(t, t) for t in whole.step_s[1:]]}  # the steps as they come: ever more words have moved
    later |= {name: [(t, t) for t in parts(clock[n])["steps_s"]] for name, n in names(threads).items()}
    facts = {
        "plain": {"to_first_step_s": round(whole.search_s, 2), "steps_s": [round(s, 2) for s in whole.step_s]},
        **{name: parts(clock[n]) for name, n in names(threads).items()},
        "difference": float(np.abs(whole.matrix - fitted).max()),
        "same_with_every_thread_count": all(np.array_equal(fitted, given[name]) for name in jobs),
    }
    print(json.dumps(facts))
    lines = table(f"VSP pairs and {steps} steps", seconds, "plain Python")
    lines += table(f"a step of 2 to {steps}, in it", later, "plain Python", cpu=False) if steps > 1 else []
    return lines, facts, fitted


def parts(clock: list[float]) -> dict[str, Any]:
    """Seconds to the first step, if that takes as long as the second, and of the steps; the last reading is of terms alone."""
    steps = np.diff(clock)[1:-1].round(3).tolist()
    return {"to_first_step_s": round(clock[1] - clock[0] - (steps or [0])[0], 2), "steps_s": steps}


def search(kind: str, matrix: np.ndarray, limit: float) -> list[np.ndarray]:
    """Rows of the neighbors by word, by ours or faiss."""
    if kind == "xlt":
        found = nearest(matrix, k=K, threshold=limit)
        return np.split(found.rows, found.first[1:-1])
    index = faiss.IndexFlatIP(matrix.shape[1])
    index.add(matrix)
    return list(index.search(matrix, K + 1)[1])


def searches(matrix: np.ndarray, runs: int, threads: list[int]) -> tuple[list[dict], dict[str, Any]]:
    """Rows of the table, and how many neighbor lists are the same."""
    lines = []
    jobs: Jobs = {FAISS: partial(search, "faiss", matrix, 2.0)}
    jobs |= {f"xlt, {name}": partial(search, "xlt", matrix, limit) for name, limit in LIMITS.items()}
    search("xlt", matrix[: 4 * K], 2.0)  # compile
    for workers in threads:
        faiss.omp_set_num_threads(workers)
        with threadpool_limits(workers):
            seconds, given = rounds(jobs, runs, first=False)
        lines += table(f"search, {workers} thread{'s' * (workers > 1)}", seconds, FAISS)
    both = enumerate(zip(given[FAISS], given["xlt, no limit"]))
    same = sum([j for j in theirs.tolist() if j != i][:K] == ours.tolist() for i, (theirs, ours) in both)
    print(f"{same:,} of {len(matrix):,} neighbor lists are the same")
    return lines, {"same_neighbor_lists": same, "words": len(matrix)}


CHILD = {
    "numpy alone, loaded": "",
    FAISS: f"import faiss; index = faiss.IndexFlatIP(x.shape[1]); index.add(x); index.search(x, {K + 1})",
} | {
    f"xlt, {name}": f"from xlt_augment.counterfit.search import nearest; nearest(x, k={K}, threshold={limit})"
    for name, limit in LIMITS.items()
}
LOAD = "import sys, numpy; x = numpy.load(sys.argv[1])\n{}\nprint(open('/proc/self/status').read())"


def peaks(matrix: np.ndarray, threads: int) -> list[dict[str, Any]]:
    """Peak memory of fresh processes that load the matrix and search. VmHWM: ru_maxrss of a child counts its parent's too."""
    counts = {name: str(threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "x.npy", matrix)
        for name, work in CHILD.items():
            command = [sys.executable, "-c", LOAD.format(work), f"{folder}/x.npy"]
            done = subprocess.run(command, env=os.environ | counts, capture_output=True, text=True, check=True)
            peak = int(done.stdout.split("VmHWM:")[1].split()[0]) * 1024 / MB
            lines.append({"what": "peak memory", "who": name, "MB": round(peak, 1)})
            print(f"{'peak memory':<26}{name:<20}{peak:>9.1f} MB", flush=True)
    return lines


def table(what: str, seconds: Seconds, yardstick: str, *, cpu: bool = True) -> list[dict[str, Any]]:
    """Medians, and medians of yardstick / job by rounds; printed. `cpu`: those of the processor too."""
    lines = []
    for name, values in seconds.items():
        line: dict[str, Any] = {"what": what, "who": name}
        for k, kind in enumerate(("", "cpu_")[: 1 + cpu]):
            line[f"{kind}seconds"] = round(statistics.median(value[k] for value in values), 3)
            ratios = (b[k] / value[k] for b, value in zip(seconds[yardstick], values))
            line[f"{kind}ratio"] = round(statistics.median(ratios), 2)
        lines.append(line)
        shown = f"{line['cpu_seconds']:>9.3f} s CPU{line['cpu_ratio']:>8.2f}x CPU" if cpu else ""
        print(f"{what:<26}{name:<20}{line['seconds']:>9.3f} s{line['ratio']:>8.2f}x{shown}", flush=True)
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument(
        "--constraints", type=Path, default=HERE.parents[1] / "shared" / "data" / "constraints", metavar="FOLDER"
    )
    parser.add_argument("--runs", type=int, default=3, help="rounds, except of the whole job, which is done once")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    for name, number in {"words": 76_000, "dimensions": 300, "steps": 20, "seed": 0}.items():
        parser.add_argument(f"--{name}", type=int, default=number)
    options = parser.parse_args()
    pairs, constrained, source = constraints_of(options.constraints, options.seed)
    if options.words < constrained:
        raise SystemExit(f"the constraints have {constrained:,} words: give at least as many --words")
    both = np.concatenate((pairs.synonyms, pairs.antonyms))
    matrix = vectors(topics_of(options.words, constrained, both), options.dimensions, options.seed)
    data = {
        "words": options.words, "dimensions": options.dimensions, "constraints": source, "constraint_words": constrained,
        "pairs": {"synonyms": len(pairs.synonyms), "antonyms": len(pairs.antonyms)},
        "cosines": {"synonyms": cosines(matrix, pairs.synonyms), "antonyms": cosines(matrix, pairs.antonyms)},
    }  # fmt: skip
    print(json.dumps(data), flush=True)
    threads = sorted({options.threads, 1}, reverse=True)
    lines, seen = second_step(matrix, pairs, options.runs, threads)
    more, job, fitted = whole_job(matrix, pairs, options.steps, threads)
    matrix = fitted / np.linalg.norm(fitted, axis=1, keepdims=True)
    found, agreed = searches(matrix, options.runs, threads)
    lines += more + found + peaks(matrix, options.threads)
    facts = {"runs": options.runs, "steps": options.steps, "k": K, "data": data | seen, "whole_job": job, "search": agreed}
    write_result("synonyms", facts | {"table": lines}, LIBRARIES)


if __name__ == "__main__":
    main()
