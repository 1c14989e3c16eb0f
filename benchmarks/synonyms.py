"""How fast counter-fitting and the neighbor search are, beside a plain implementation and faiss in the same run. Linux only.

    python benchmarks/synonyms.py [--constraints FOLDER] [--words 76000] [--steps 20] [--runs 3] [--threads 2]

The words are those of the constraint files of the folder (`*synonyms.txt`, `*antonyms.txt`), then made-up ones up to `--words`;
without the folder the pairs are random, as many. The vectors are drawn with a seed: topics and noise, so that synonyms have
cosines as in real vectors and some hundred thousand pairs have one above 0.8, which is what VSP holds on to. Measures, the jobs
taking turns:

- the second step of counter-fitting alone, where gates of VSP are open: the compiled step, called as `counter_fit` calls it, on
  the same vectors and pairs as `reference_counterfit.step`;
- the whole job, from the matrix to the counter-fitted one: VSP pairs and `--steps` steps; how far the two results differ;
- the search for 8 neighbors in that result, within a distance of 0.4 and without a limit, beside faiss `IndexFlatIP` with as
  many threads (k + 1 neighbors, for each word finds itself); how many neighbor lists agree;
- the peak memory of a fresh process that loads the matrix and searches.

Prints tables and writes benchmarks/results/synonyms.json. Times are of one machine and one moment: read the ratios.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import reference_counterfit as reference
from threadpoolctl import threadpool_limits

from xlt_augment.counterfit import fit
from xlt_augment.counterfit.constraints import Constraints, PairList, read_pairs, resolve
from xlt_augment.counterfit.search import close_pairs, nearest

HERE = Path(__file__).resolve().parent
K, MB, FAISS = 8, 1e6, "faiss IndexFlatIP"
LIMITS = {"within 0.4": 0.4, "no limit": 2.0}
LIBRARIES = ("xlt", "numpy", "numba", "faiss-cpu", "threadpoolctl")
REAL_FILES = (18_525, 16_101, 6_525)  # words, synonyms, antonyms of the files that random pairs stand in for
TOPIC, IN_REAL, THEME = 60, 15, 10  # words a topic, those of them that have constraints; topics a theme
NEARNESS = (0.68, 0.96)  # of a word to its topic: the product of two is about their cosine
Jobs = dict[str, Callable[[], Any]]


def constraints_of(folder: Path, seed: int) -> tuple[Constraints, int, str]:
    """Pairs, the number of words in them, and where they come from."""
    files = {kind: sorted(folder.glob(f"*{kind}.txt")) for kind in ("synonyms", "antonyms")}
    if all(files.values()):
        lists = {kind: [read_pairs(path) for path in paths] for kind, paths in files.items()}
        words = dict.fromkeys(w for group in lists.values() for found in group for pair in found.pairs for w in pair)
        index = {word: row for row, word in enumerate(words)}
        source = ", ".join(path.name for paths in files.values() for path in paths)
        return resolve(index, lists["synonyms"], lists["antonyms"]), len(index), source
    chance, (count, *sizes) = np.random.default_rng(seed), REAL_FILES
    made = []
    for size in sizes:  # of words that stand near one another, so that pairs share topics
        a = chance.integers(0, count, size)
        ends = np.stack((a, (a + chance.integers(1, IN_REAL, size)) % count), axis=1).astype(str)
        made.append(PairList([(x, y) for x, y in ends.tolist()], {}))
    pairs = resolve({str(row): row for row in range(count)}, made[:1], made[1:])
    return pairs, count, f"random pairs, for {folder} has no constraint files"


def topics_of(words: int, constrained: int, pairs: np.ndarray) -> np.ndarray:
    """A topic for each word, int64 [V]: constrained words go along their pairs, the others are dealt out."""
    beside = defaultdict(list)
    for a, b in pairs.tolist():
        beside[a].append(b)
        beside[b].append(a)
    order: list[int] = []
    seen = np.zeros(constrained, bool)
    for start in range(constrained):
        queue = deque([start])
        while queue:
            word = queue.popleft()
            if not seen[word]:
                seen[word] = True
                order.append(word)
                # A full topic ends the walk; who is left over starts another.
                queue = deque() if len(order) % IN_REAL == 0 else queue + deque(beside[word])
    topics = np.empty(words, np.int64)
    topics[order] = np.arange(constrained) // IN_REAL
    topics[constrained:] = np.arange(words - constrained) % max(words // TOPIC, 1)
    return topics


def vectors(topics: np.ndarray, size: int, seed: int) -> np.ndarray:
    """Rows of norm 1, float32 [V, D]: a direction that all share, a theme, a topic, noise."""
    chance = np.random.default_rng(seed)

    def directions(count: int) -> np.ndarray:
        rows = chance.standard_normal((count, size), np.float32)
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))

    count = int(topics.max()) + 1
    centres = np.sqrt(0.1) * directions(1) + np.sqrt(0.3) * directions(count)[np.arange(count) // THEME]
    centres += np.sqrt(0.6) * directions(count)
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    near = chance.uniform(*NEARNESS, (len(topics), 1)).astype(np.float32)
    rows = near * centres[topics] + np.sqrt(1 - near * near) * directions(len(topics))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def cosines(matrix: np.ndarray, pairs: np.ndarray) -> list[float]:
    """Mean, and the quartiles, of the cosines of pairs of unit rows."""
    found = (matrix[pairs[:, 0]] * matrix[pairs[:, 1]]).sum(1)
    return [round(float(value), 3) for value in (found.mean(), *np.percentile(found, (25, 50, 75)))]


def rounds(jobs: Jobs, runs: int, *, first: bool = True) -> tuple[dict[str, list[float]], dict[str, Any]]:
    """Seconds of every job in every round, and what each gave last; the jobs take turns. `first`: once before, to warm up."""
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    given = {name: work() for name, work in jobs.items()} if first else {}
    for _ in range(runs):
        for name, work in jobs.items():
            start = time.perf_counter()
            given[name] = work()
            seconds[name].append(time.perf_counter() - start)
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
    ours = fit._pairs(len(begun), fit._both_ways(pairs.synonyms), fit._both_ways(pairs.antonyms), near, 1.0 - products)
    rows, _ = reference.step(rows, problem, chosen)
    old, new = np.stack(rows), np.empty_like(begun)

    def step(workers: int) -> None:
        with ThreadPoolExecutor(workers) as pool:
            fit._step(old, new, ours, settings, 1, pool, workers, move=True)

    jobs: Jobs = {"plain Python": partial(reference.step, rows, problem, chosen)}
    jobs |= {name: partial(step, n) for name, n in names(threads).items()}
    seconds, given = rounds(jobs, runs)
    after, acting = given["plain Python"]
    facts = {
        "pairs_both_ways": {"ar": len(problem.antonyms), "sa": len(problem.synonyms), "vsp": len(problem.near)},
        "acting_in_second_step": acting._asdict(),
        "second_step_difference": float(np.abs(np.stack(after) - new).max()),
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
    facts = {
        "plain": {"to_first_step_s": round(whole.search_s, 2), "steps_s": [round(s, 2) for s in whole.step_s]},
        **{name: dict(zip(("to_first_step_s", "steps_s"), parts(clock[n]))) for name, n in names(threads).items()},
        "difference": float(np.abs(whole.matrix - fitted).max()),
        "same_with_every_thread_count": all(np.array_equal(fitted, given[name]) for name in jobs),
    }
    print(json.dumps(facts))
    return table(f"VSP pairs and {steps} steps", seconds, "plain Python"), facts, fitted


def parts(clock: list[float]) -> tuple[float, list[float]]:
    """Seconds to the first step, if that takes as long as the second, and of the steps; the last reading is of terms alone."""
    steps = np.diff(clock)[1:-1].round(3).tolist()
    return round(clock[1] - clock[0] - (steps[0] if steps else 0), 2), steps


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
            print(f"{'peak memory':<26}{name:<24}{peak:>10.1f} MB", flush=True)
    return lines


def table(what: str, seconds: dict[str, list[float]], yardstick: str) -> list[dict[str, Any]]:
    """Medians, and medians of yardstick / job by rounds; printed."""
    lines = []
    for name, values in seconds.items():
        ratio = statistics.median(b / v for b, v in zip(seconds[yardstick], values))
        middle = statistics.median(values)
        lines.append({"what": what, "who": name, "seconds": round(middle, 3), "ratio": round(ratio, 2)})
        print(f"{what:<26}{name:<24}{middle:>10.3f} s{ratio:>9.2f}x", flush=True)
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
    write(facts | {"table": lines})


def write(facts: dict[str, Any]) -> None:
    """Add machine, versions and commit, and write all as JSON."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=HERE, capture_output=True, text=True, check=False)
    facts |= {
        "machine": {"cpu": platform.machine(), "cores": os.cpu_count(), "system": platform.platform()},
        "versions": {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}},
        "commit": commit.stdout.strip(),
    }
    target = HERE / "results" / "synonyms.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(facts, indent=2) + "\n")
    print(f"written: {target.relative_to(Path.cwd()) if target.is_relative_to(Path.cwd()) else target}")


if __name__ == "__main__":
    main()
