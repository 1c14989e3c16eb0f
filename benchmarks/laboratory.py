"""Does robust training help on languages that lie beside English? Every method, on simulated languages, over several seeds.

    python benchmarks/laboratory.py --source polarity-en.tsv [--vectors FILE] [--synonyms FILE] [--seeds 5]

The papers' premise is that E_tgt = E_src + delta. Here it is taken literally. A two-layer encoder is trained on English rows
of one task and judged on other rows of it

- in languages whose words are moved: at the output of the embedding layer each word has a vector of length r and of a random
  direction of its own added, the same wherever the word stands;
- in ciphers: each word is an invented one that the model was never trained on. An aligned cipher embeds it, from the start,
  as the English word, a shift that the whole language shares and one of its own; the bare cipher, a control, at random;
- in English with its words in another order.

`--source` is a TSV without header, one text or two and the label (default: the embedded sample, too small to show anything).
With `--vectors` the word embeddings start as principal components of that file, else at random. `--synonyms` is a set for
rs-da and ear (default: the embedded one). All runs take as many steps, and all of one seed share the split of the task, the
encoder and the languages. The English development part alone chooses the checkpoint, out of three, and epsilon.

Prints tables; writes laboratory.json, after every run, and laboratory.svg into `--out` (default benchmarks/results). Started
again with the same options it goes on. `--quick` tries everything out on a few rows.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from common import HERE, source_or_sample, write_result
from laboratory_plot import plot
from laboratory_report import summary, tables
from laboratory_runs import Job, Setup, prepare, run

NAME = "laboratory"
# The papers search 0.001, 0.01, 0.1 and 1. Here adv fails to train from 0.03 on, which two seeds are enough to show.
ADV, FAILING, SEEDS_OF_FAILING = (0.001, 0.01), (0.03, 0.1), 2
RS_RP = (0.1, 1.0, 3.0)
QUICK = ("baseline", "rs-rp 1", "ear")
LIBRARIES = ("torch", "transformers", "numpy")


def jobs(seed: int) -> list[Job]:
    """Every method and ablation with one seed, the baseline first."""
    made = [job("baseline", "baseline", seed)]
    adversarial = (*ADV, *FAILING) if seed < SEEDS_OF_FAILING else ADV
    made += [job(f"adv {epsilon:g}", "adv", seed, epsilon=epsilon) for epsilon in adversarial]
    made += [job(f"rs-rp {epsilon:g}", "rs-rp", seed, epsilon=epsilon) for epsilon in RS_RP]
    made += [job("rs-da", "rs-da", seed), job("rs-syntax", "rs-syntax", seed), job("ear", "ear", seed)]
    made += [
        job("ear, no push", "ear", seed, push="none"),
        job("ear, no pull", "ear", seed, pull="none"),
        job("ear, neither", "ear", seed, push="none", pull="none"),
        job("rs-da+rs-rp 1", "rs-da+rs-rp", seed, epsilon=1.0),
        job("rs-da+adv 0.01", "rs-da+adv", seed, epsilon=0.01),
    ]
    return made


def job(label: str, method: str, seed: int, **settings: Any) -> Job:
    """A job with the method's settings by name."""
    return Job(label=label, method=method, seed=seed, settings=tuple(settings.items()))


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path)
    parser.add_argument("--vectors", type=Path)
    parser.add_argument("--synonyms", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--from-seed", type=int, default=0, help="the first of them")
    parser.add_argument("--dev", type=int, default=1000, help="rows to choose by")
    parser.add_argument("--test", type=int, default=2000, help="rows to judge by")
    parser.add_argument("--steps", type=int, default=720)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--workers", type=int, default=2, help="runs at once, a thread each")
    parser.add_argument("--out", type=Path, default=HERE / "results")
    parser.add_argument("--work", type=Path, help="keep datasets and encoders here, for the next start")
    parser.add_argument("--quick", action="store_true")
    return parser.parse_args()


def setup_of(given: argparse.Namespace) -> Setup:
    """What was asked for."""
    setup = Setup(
        source=source_or_sample(given.source),
        synonyms=given.synonyms,
        vectors=given.vectors,
        dev=given.dev,
        test=given.test,
        steps=given.steps,
        learning_rate=given.learning_rate,
        m=10,
        radii=(0.0, 2.0, 4.0, 8.0, 16.0, 32.0),
        strengths=(0.1, 0.25, 0.5),
    )
    return replace(setup, dev=20, test=40, steps=6, m=2, radii=(0.0, 8.0), strengths=(0.5,)) if given.quick else setup


def quiet() -> None:
    """What a worker does first: one thread, no word on standard output or of progress."""
    import torch
    from transformers.utils import logging

    torch.set_num_threads(1)
    torch.set_flush_denormal(True)  # moments of words that are rare come to be such numbers, and slow every step
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


@contextmanager
def workers(amount: int) -> Iterator[ProcessPoolExecutor]:
    """Processes whose work is dropped when this one is stopped."""
    os.environ |= {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    with ProcessPoolExecutor(amount, get_context("spawn"), quiet) as pool:
        try:
            yield pool
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def earlier(path: Path, setup: Setup) -> dict[str, Any]:
    """Runs of a laboratory that was interrupted. Exits when they are of another setup."""
    if not path.exists():
        return {}
    found = json.loads(path.read_text(encoding="utf-8"))
    if found["setup"] != json.loads(json.dumps(setup.facts())):
        raise SystemExit(f"{path} holds runs of another setup. Name another folder with --out, or remove the file.")
    runs: dict[str, Any] = found["runs"]
    return runs


def train(wanted: list[Job], runs: dict[str, Any], setup: Setup, given: argparse.Namespace) -> None:
    """Do the jobs that are not among `runs` and add them, writing the results after each."""
    todo = [one for one in wanted if one.key not in runs]
    start = time.perf_counter()
    with nullcontext(given.work) if given.work else tempfile.TemporaryDirectory() as work, workers(given.workers) as pool:
        worlds = [pool.submit(prepare, setup, Path(work), seed) for seed in sorted({one.seed for one in todo})]
        for world in worlds:
            world.result()
        started: dict[Future, Job] = {pool.submit(run, setup, Path(work), one): one for one in todo}
        for count, done in enumerate(as_completed(started), 1):
            one = started[done]
            runs[one.key] = {"label": one.label, "seed": one.seed, **done.result()}
            keep(runs, wanted, setup, given.out)
            print(
                f"{count}/{len(todo)}  {time.perf_counter() - start:.0f} s  {one.key}: dev {runs[one.key]['dev']:.3f}",
                flush=True,
            )


def keep(runs: dict[str, Any], wanted: list[Job], setup: Setup, out: Path) -> None:
    """Write the results so far, runs in the order of the jobs."""
    ordered = {one.key: runs[one.key] for one in wanted if one.key in runs}
    facts = {"setup": setup.facts(), "runs": ordered, "summary": summary(list(ordered.values()))}
    write_result(NAME, facts, LIBRARIES, folder=out)


def main() -> None:
    """Train what is missing, then report."""
    given = options()
    setup = setup_of(given)
    seeds = range(given.from_seed, given.from_seed + (2 if given.quick else given.seeds))
    wanted = [one for seed in seeds for one in jobs(seed)]
    wanted = [one for one in wanted if not given.quick or one.label in QUICK]
    given.out.mkdir(parents=True, exist_ok=True)
    runs = earlier(given.out / f"{NAME}.json", setup)
    train(wanted, runs, setup, given)
    keep(runs, wanted, setup, given.out)
    found = summary([runs[one.key] for one in wanted])
    print(tables(found))
    (given.out / f"{NAME}.svg").write_text(plot(found), encoding="utf-8")


if __name__ == "__main__":
    main()
