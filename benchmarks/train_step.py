"""What a training step costs with each method, against plain fine-tuning and against EAR written the plain way.

    python benchmarks/train_step.py [--layers 4] [--dims 256] [--length 128] [--batch 32] [--rounds 15] [--threads 1] [--quick]

A step is the loss of `Method.loss`, backward, and AdamW. All jobs take turns on one batch of B rows (`ear`: the same rows and
their variants, 2B), of half to all of `--length` tokens, padded; so a slow moment hits them all. A ratio is the median of the
rounds' ratios to `baseline`, with a distribution-free interval of that median of at least 95% confidence (its level is in the
JSON). On a CPU that others use too, read the ratios of processor time, which include work of the kernel.

- small: a BERT with random weights, large enough that Python's own time does not count; `nano` as `fit` has it.
- where torch finds a GPU: a BERT of mBERT's size (12 layers, 768 dimensions, 119,547 tokens), random weights, bf16 autocast.
- EAR the plain way: two forward passes, eager attention, matrices of all layers (`output_attentions=True`), the same formulas.
- memory, on the CPU: peak of a fresh process that takes three steps, over what it had before the first; on a GPU: the peak that
  torch allocated, over what it held before.

Prints tables and writes benchmarks/results/train_step.json. Times are of one machine and one moment.
"""

import argparse
import json
import math
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from common import write_result
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import BertConfig, BertForSequenceClassification

from xlt_train.methods.base import Batch
from xlt_train.methods.registry import METHODS

TARGETS = {"rs-da": 1.02, "rs-rp": 1.05, "adv": 1.9, "ear": 2.15}
PLAIN = "ear, plain way"
JOBS = ("baseline", *TARGETS, PLAIN)
CHANGED = 0.1  # share of tokens that differ between a row and its variant
PAD, CLASSES = 0, 3
STEPS = 3  # of a process whose memory is measured


@dataclass(frozen=True)
class Size:
    """A model and its batch. `heads` have 64 dimensions each where the model is no nano."""

    layers: int
    dims: int
    heads: int
    length: int
    batch: int
    tokens: int
    device: str = "cpu"

    def model(self, attention: str) -> BertForSequenceClassification:
        """A BERT with random weights, the same ones each time, in training mode."""
        config = BertConfig(
            vocab_size=self.tokens,
            hidden_size=self.dims,
            num_hidden_layers=self.layers,
            num_attention_heads=self.heads,
            intermediate_size=4 * self.dims,
            num_labels=CLASSES,
            attn_implementation=attention,
        )
        torch.manual_seed(0)
        return BertForSequenceClassification(config).train().to(self.device)

    def pairs(self) -> Batch:
        """B rows and their variants behind them, of the same lengths."""
        chance = torch.Generator().manual_seed(1)
        lengths = torch.randint(self.length // 2, self.length + 1, (self.batch,), generator=chance)
        lengths[0] = self.length
        mask = (torch.arange(self.length) < lengths[:, None]).repeat(2, 1)
        first, other = (torch.randint(5, self.tokens, (self.batch, self.length), generator=chance) for _ in range(2))
        changed = torch.rand(first.shape, generator=chance) < CHANGED
        ids = torch.cat((first, torch.where(changed, other, first))) * mask
        inputs = {"input_ids": ids, "token_type_ids": torch.zeros_like(ids), "attention_mask": mask.long()}
        return Batch(
            inputs={name: value.to(self.device) for name, value in inputs.items()},
            labels=torch.randint(CLASSES, (self.batch,), generator=chance).to(self.device),
            rows=torch.arange(2 * self.batch, device=self.device),
            seed=42,
        )


def part(pairs: Batch, job: str) -> Batch:
    """The rows of a batch of pairs that a job takes."""
    if METHODS.get(job, METHODS["ear"]).paired:
        return pairs
    size = len(pairs.labels)
    rows = slice(size, None) if METHODS[job].operator else slice(size)
    return replace(pairs, inputs={name: value[rows] for name, value in pairs.inputs.items()}, rows=pairs.rows[rows])


def plain_ear(model: BertForSequenceClassification, batch: Batch) -> Tensor:
    """EAR's loss from two forward passes, with alpha 1, beta 0.1, the middle layer, T = 128."""
    size, layer, passes = len(batch.labels), model.config.num_hidden_layers // 2, []
    for rows in (slice(size), slice(size, None)):
        inputs = {name: value[rows] for name, value in batch.inputs.items()}
        out = model(**inputs, output_attentions=True, output_hidden_states=True)
        mask = inputs["attention_mask"].float()
        pooled = (out.hidden_states[0].float() * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        passes.append((out.logits.float(), pooled, out.attentions[layer - 1].float() * mask[:, None, :, None]))
    (one, e, a), (other, e_a, a_a) = passes
    pull = (a - a_a).square().sum((2, 3)).mean() / 128**2
    return cross_entropy(one, batch.labels) + cross_entropy(other, batch.labels) - (e - e_a).square().mean() + 0.1 * pull


def steps(size: Size, names: Sequence[str]) -> dict[str, Callable[[], None]]:
    """A step of each job; ours share one model and its optimizer."""
    pairs, made = size.pairs(), {}
    kinds = {"eager" if name == PLAIN else "sdpa" for name in names}
    models = {kind: size.model(kind) for kind in sorted(kinds)}
    optimizers = {kind: torch.optim.AdamW(model.parameters(), lr=2e-5) for kind, model in models.items()}
    for name in names:
        kind = "eager" if name == PLAIN else "sdpa"

        def step(name: str = name, batch: Batch = part(pairs, name), kind: str = kind) -> None:  # noqa: B008
            half = torch.autocast(size.device, torch.bfloat16) if size.device == "cuda" else nullcontext()
            with half:
                loss = plain_ear(models[kind], batch) if name == PLAIN else METHODS[name]().loss(models[kind], batch).total
            loss.backward()
            optimizers[kind].step()
            optimizers[kind].zero_grad()
            if size.device == "cuda":
                torch.cuda.synchronize()

        made[name] = step
    return made


def seconds(size: Size, rounds: int) -> dict[str, dict[str, list[float]]]:
    """Wall and processor time of each job by round; the first two rounds are not counted."""
    jobs = steps(size, JOBS)
    found: dict[str, dict[str, list[float]]] = {name: {"wall": [], "cpu": []} for name in jobs}
    for k in range(rounds + 2):
        for name, step in jobs.items():
            wall, cpu = time.perf_counter(), time.process_time()
            step()
            took = time.perf_counter() - wall, time.process_time() - cpu
            if k >= 2:
                found[name]["wall"].append(took[0])
                found[name]["cpu"].append(took[1])
    return found


def median_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Ends of the narrowest interval of order statistics that holds the median with 95% confidence at least, and its level.

    With fewer than six values there is none, and least and largest are given.
    """
    ordered, count = sorted(values), len(values)

    def level(k: int) -> float:
        return 1 - 2 * sum(math.comb(count, j) for j in range(k + 1)) / 2**count

    k = max((k for k in range(count // 2) if level(k) >= 0.95), default=0)
    return ordered[k], ordered[-1 - k], level(k)


def against(found: dict[str, dict[str, list[float]]], name: str, base: str, clock: str) -> dict[str, Any]:
    """How many times `base`'s time a job takes: median of the rounds' ratios, its interval, and the interval's level."""
    ratios = [a / b for a, b in zip(found[name][clock], found[base][clock])]
    low, high, level = median_interval(ratios)
    short = {"ratio": statistics.median(ratios), "from": low, "to": high, "level": level}
    return {key: round(value, 3) for key, value in short.items()}


def table_of(title: str, size: Size, rounds: int) -> list[dict[str, Any]]:
    """Measure one size and print its table."""
    found, table = seconds(size, rounds), []
    clocks = ("wall",) if size.device == "cuda" else ("wall", "cpu")
    print(
        f"\n{title}: {size}\n{'':<20}{'ms':>10}" + "".join(f"{'x baseline, ' + clock:>28}" for clock in clocks) + f"{'aim':>8}"
    )
    for name in JOBS:
        ratios = {clock: against(found, name, "baseline", clock) for clock in clocks}
        row = {"job": name, "ms": round(1000 * statistics.median(found[name]["wall"]), 2), **ratios, "aim": TARGETS.get(name)}
        table.append(row)
        shown = "".join(f"{one['ratio']:>12.3f} ({one['from']:.3f}-{one['to']:.3f})" for one in ratios.values())
        print(f"{name:<20}{row['ms']:>10.1f}{shown}{row['aim'] or '':>8}", flush=True)
    plain = {clock: against(found, PLAIN, "ear", clock) for clock in clocks}
    table.append({"job": f"{PLAIN} over ear", **plain})
    print(f"{PLAIN} over ear: " + ", ".join(f"{k} {v['ratio']:.3f} ({v['from']:.3f}-{v['to']:.3f})" for k, v in plain.items()))
    return table


def growth(size: Size, job: str) -> float:
    """MB by which a few steps raise the peak of this process's memory, or of the GPU's."""
    step = steps(size, (job,))[job]
    if size.device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        for _ in range(STEPS):
            step()
        return (torch.cuda.max_memory_allocated() - before) / 1e6
    before = resident("VmRSS") if forget_peak() else resident("VmHWM")
    for _ in range(STEPS):
        step()
    return resident("VmHWM") - before


def forget_peak() -> bool:
    """Let the kernel count this process's peak from now on; whether it can (Linux)."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def resident(name: str) -> float:
    """MB in memory now (VmRSS) or at most so far (VmHWM); where /proc does not tell, the latter either way."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) * 1024 / 1e6


def memory_of(size: Size, names: Sequence[str], runs: int, threads: int) -> dict[str, float]:
    """MB by job, each run in a fresh process; medians."""
    found: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(runs):
        for name, values in found.items():
            command = [sys.executable, __file__, "--job", json.dumps([name, vars(size)]), "--threads", str(threads)]
            values.append(float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1]))
    medians = {name: round(statistics.median(values), 1) for name, values in found.items()}
    print("peak memory of a step, MB: " + ", ".join(f"{name} {value:,.0f}" for name, value in medians.items()), flush=True)
    return medians


def sizes_of(options: argparse.Namespace) -> dict[str, Size]:
    """The models that are measured."""
    if options.quick:
        return {"tiny": Size(2, 32, 2, 16, 4, 500)}
    heads = max(1, options.dims // 64)
    found = {
        "small": Size(options.layers, options.dims, heads, options.length, options.batch, 4_000),
        "nano": Size(2, 128, 4, options.length, options.batch, 4_000),
    }
    if torch.cuda.is_available():
        found["mbert, bf16"] = Size(12, 768, 12, options.length, options.batch, 119_547, "cuda")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    for name, default in {"layers": 4, "dims": 256, "length": 128, "batch": 32, "rounds": 15, "threads": 1}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--quick", action="store_true", help="a tiny model, few rounds, nothing written: whether it runs")
    parser.add_argument("--job", help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.job:
        job, size = json.loads(options.job)
        print(growth(Size(**size), job))
        return
    facts: dict[str, Any] = {"rounds": 3 if options.quick else options.rounds, "threads": options.threads, "sizes": {}}
    for title, size in sizes_of(options).items():
        table = table_of(title, size, facts["rounds"])
        facts["sizes"][title] = {
            **vars(size),
            "table": table,
            "memory_mb": memory_of(
                size, *((("ear",), 1) if options.quick else (("baseline", "ear", PLAIN), 3)), options.threads
            ),
        }
    if not options.quick:
        write_result("train_step", facts, ("xlt", "torch", "transformers"))


if __name__ == "__main__":
    main()
