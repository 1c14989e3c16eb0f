"""How fast training starts on a large dataset, and how much of it is read for that. Linux only.

    python benchmarks/train.py [--rows 454546] [--runs 3] [--source pairs.tsv]

Builds two datasets (m=10) in a temporary folder: a small one of 500 source rows, and a large one of `--rows`, which makes 5
million rows; both are the labelled pairs of `--source` (default: the embedded sample), tiled. Then measures, each time in a
fresh process with the libraries loaded before the clock starts, small and large taking turns:

- opening with sha256 (no receipt) and with a receipt;
- from opening to the first batch of 32 rows in random order, tokenised and padded, out of the Trainer's own DataLoader (which
  draws a second one ahead). Warm: the files are in the page cache. Cold: they were put out of it. Beside it the same rows by
  `datasets.load_from_disk` and the same arithmetic, whose map advises the kernel to fetch all (MADV_WILLNEED);
- what that took: bytes from the disk (`read_bytes` of /proc/self/io, cold; with `datasets` they depend on read_ahead_kb); pages
  of the dataset that the process has in memory (`Rss` of its mappings in /proc/self/smaps, cold); memory of its own
  (anonymous), peak (VmHWM). A cold opening with sha256 is the control: it reads everything;
- the Trainer's order of an epoch alone, a Python list with a number for every row that is trained on;
- `fit`: its checks (`plan_fit`), then `run_fit` to the loss of the first step, with a model from a folder and with `nano`,
  which makes its vocabulary from up to 10,000 source rows;
- random access, in one process by turns: `TrainingSet.take` of 32 rows that VariantView names, beside `datasets` with
  `.filter` on the same variants, beside a Python list of the same rows, beside tokenising and padding them; and what the two
  yardsticks cost to start. The list takes some gigabytes.

Prints a table and writes benchmarks/results/train.json. Times are of one machine and one moment: read the ratios, which are
medians of large / small by rounds.
"""

import argparse
import gc
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import reduce
from operator import getitem
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from typing import Any, cast

from common import write_result

from xlt_augment import Substitute, SynonymSet, build
from xlt_augment.resources import resource

HERE = Path(__file__).resolve().parent
M, SMALL, MAX_LENGTH, BATCHES, BATCH = 10, 500, 128, 100, 32
MB = 1e6
SIZES = ("small", "large")


# What a fresh process does.


def numbers(path: str) -> dict[str, int]:
    """The lines `name: number [kB]` of a file in /proc, in bytes where it says kB."""
    fields = (line.replace(":", " ").split() for line in Path(path).read_text().splitlines())
    return {f[0]: int(f[1]) * (1024 if f[-1] == "kB" else 1) for f in fields if len(f) in (2, 3) and f[1].isdigit()}


def snapshot(data: Path) -> dict[str, int]:
    """Memory and reading of this process so far, in bytes, and its page faults."""
    mapped = {"Size:": 0, "Rss:": 0}
    ours = False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        name = line.split(maxsplit=1)[0]
        if not name.endswith(":"):
            ours = str(data) in line
        elif ours and name in mapped:
            mapped[name] += int(line.split()[1]) * 1024
    status, rollup, usage = numbers("/proc/self/status"), numbers("/proc/self/smaps_rollup"), getrusage(RUSAGE_SELF)
    return {
        "mapped": mapped["Size:"], "resident": mapped["Rss:"], "peak": status["VmHWM"], "rss_file": status["RssFile"],
        "anonymous": rollup["Anonymous"], "private_dirty": rollup["Private_Dirty"], "private_clean": rollup["Private_Clean"],
        "shared": rollup["Shared_Clean"] + rollup["Shared_Dirty"], "read": numbers("/proc/self/io")["read_bytes"],
        "faults": usage.ru_minflt + usage.ru_majflt,
    }  # fmt: skip


def opening(data: Path, _: str) -> dict[str, Any]:
    """Seconds of TrainingSet.open; by sha256 or by receipt, as XLT_CACHE has it."""
    import datasets  # noqa: F401

    from xlt_train import TrainingSet

    before, start = snapshot(data), time.perf_counter()
    opened = TrainingSet.open(data)
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "read": snapshot(data)["read"] - before["read"], "hashed": opened.checked.hashed}


def trainer_without_data(model: str) -> Any:
    """A RobustTrainer that only lacks its rows."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, DataCollatorWithPadding

    from xlt_train import METHODS, RobustTrainer
    from xlt_train.training.arguments import chosen_arguments, training_arguments

    tokenizer = AutoTokenizer.from_pretrained(model)
    given = {"output_dir": model, "report_to": "none", "use_cpu": True}
    return RobustTrainer(
        method=METHODS["rs-da"](),
        record=cast(Any, None),
        model=AutoModelForSequenceClassification.from_pretrained(model),
        args=training_arguments(chosen_arguments(given, method=METHODS["rs-da"], model=model, has_dev=False)),
        data_collator=DataCollatorWithPadding(tokenizer),
        processing_class=tokenizer,
    )


class Rows:
    """The yardsticks' rows as a DataLoader takes them; `take` gives columns of texts and labels."""

    def __init__(
        self, take: Callable[[Sequence[int]], dict[str, list]], n: int, encode: Callable, texts: Sequence[str]
    ) -> None:
        self.take, self.n, self.encode, self.texts = take, n, encode, texts

    def __len__(self) -> int:
        return self.n

    def __getitems__(self, items: Sequence[int]) -> list[dict[str, Any]]:
        found = self.take(items)
        encoded = self.encode([found[name] for name in self.texts])
        return [row | {"labels": label} for row, label in zip(encoded, found["label"])]


def rows_of(kind: str, opened: Any, encode: Callable) -> Any:
    """The variants 1 ... m of an open dataset: ours, the same rows by plain `datasets`, by its `.filter`, or as a list."""
    import datasets

    from xlt_train.data.view import VariantView

    texts = opened.manifest.text_columns
    if kind == "ours":
        return VariantView(opened, range(1, M + 1), encode, range(len(opened.label_names)))
    plain = datasets.load_from_disk(str(opened.path))
    if kind == "plain":
        addresses = VariantView(opened, range(1, M + 1), encode, ())
        return Rows(lambda items: plain[addresses.rows(items)], len(addresses), encode, texts)
    if kind == "filter":
        found = plain.filter(lambda variant: variant > 0, input_columns="variant", keep_in_memory=True)
        return Rows(lambda items: found[items], len(found), encode, texts)
    listed = [row for row in plain.to_list() if row["variant"] > 0]
    return Rows(
        lambda items: {name: [listed[k][name] for k in items] for name in (*texts, "label")}, len(listed), encode, texts
    )


def first_batch(data: Path, model: str, kind: str = "ours") -> dict[str, Any]:
    """Seconds from opening to the first batch, and memory on the way."""
    import datasets
    import torch

    from xlt_train import TrainingSet
    from xlt_train.data.encode import Encoder

    datasets.disable_progress_bars()
    trainer = trainer_without_data(model)
    encode = Encoder(trainer.processing_class, MAX_LENGTH)
    encode([["warm"], ["up"]])
    before, start = snapshot(data), time.perf_counter()
    opened = TrainingSet.open(data)
    open_s, opened_at = time.perf_counter() - start, snapshot(data)
    opened_at["read"] -= before["read"]
    start = time.perf_counter()
    trainer.train_dataset = rows_of(kind, opened, encode)
    batches = iter(trainer.get_train_dataloader())
    rows = len(next(batches)["labels"])
    seconds = open_s + time.perf_counter() - start
    assert (opened.checked.hashed, rows) == (0, BATCH)
    after = snapshot(data)
    grown = {name: after[name] - before[name] for name in after}
    start = time.perf_counter()  # the first order is still in use, so this one takes memory of its own
    order = torch.randperm(len(trainer.train_dataset)).tolist()
    alone = {"order_s": time.perf_counter() - start, "order": len(order) and snapshot(data)["anonymous"] - after["anonymous"]}
    return {"seconds": seconds, "grown": grown, "after": after, "opened": opened_at, **alone}


def access(data: Path, model: str) -> dict[str, Any]:
    """Seconds of BATCHES batches from each kind of rows, by turns, and of tokenising and padding them; lists by round."""
    import datasets
    import numpy as np

    from xlt_train import TrainingSet
    from xlt_train.data.encode import Encoder

    datasets.disable_progress_bars()
    trainer, opened = trainer_without_data(model), TrainingSet.open(data)
    encode = Encoder(trainer.processing_class, MAX_LENGTH)
    kinds = {kind: rows_of(kind, opened, encode) for kind in ("ours", "plain", "filter", "list")}
    view = kinds["ours"]
    takes = {kind: rows.take for kind, rows in kinds.items() if kind != "ours"}
    takes = {"ours": lambda items: opened.take(view.rows(items)), **takes}
    gc.collect()
    gc.freeze()  # or every collection would walk the list
    found: dict[str, list[float]] = {name: [] for name in (*takes, "encode")}
    chance, texts = np.random.default_rng(0), opened.manifest.text_columns
    for _ in range(int(os.environ["BENCH_RUNS"]) + 1):
        parts = chance.integers(len(view), size=(BATCHES, BATCH)).tolist()
        answers: dict[str, list] = {}
        for name, take in takes.items():
            start = time.perf_counter()
            answers[name] = [take(items) for items in parts]
            found[name].append(time.perf_counter() - start)
        same = [[{k: part[k] for k in (*texts, "label")} for part in answer] for answer in answers.values()]
        assert same[0] == same[1] == same[2] == same[3]
        start = time.perf_counter()
        for part in answers["ours"]:
            trainer.data_collator(encode([part[name] for name in texts]))
        found["encode"].append(time.perf_counter() - start)
    speeds = {name: [BATCHES * BATCH / value for value in values[1:]] for name, values in found.items()}
    return speeds | {"share": [a / (a + b) for a, b in zip(found["ours"][1:], found["encode"][1:])]}


def fit_start(data: Path, model: str) -> dict[str, Any]:
    """Seconds of fit's checks, and of what it does then until the loss of the first step."""
    import datasets  # noqa: F401
    import transformers

    from xlt_train import RobustTrainer
    from xlt_train.methods.base import Choice
    from xlt_train.training.fit import run_fit
    from xlt_train.training.plan import plan_fit

    transformers.logging.set_verbosity_error()
    trainer_without_data(os.environ["BENCH_MODEL"])  # loads what transformers loads late
    first: list[tuple[float, dict[str, int]]] = []
    compute = RobustTrainer.compute_loss

    def watched(*given: Any, **named: Any) -> Any:
        first.append((time.perf_counter(), snapshot(data)))
        return compute(*given, **named)

    RobustTrainer.compute_loss = watched  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as out:
        given = {"output_dir": f"{out}/run", "max_steps": 1, "save_strategy": "no", "report_to": "none", "use_cpu": True}
        start = time.perf_counter()
        plan = plan_fit(
            data, method="rs-da", model=model, choice=Choice(), dev=None, max_length=MAX_LENGTH, rehash=False, training=given
        )
        plan_s, start = time.perf_counter() - start, time.perf_counter()
        run_fit(plan)
    return {"plan_s": plan_s, "seconds": first[0][0] - start, "at_step": first[0][1]}


JOBS: dict[str, Callable[[Path, str], dict[str, Any]]] = {
    "open": opening,
    "batch": first_batch,
    "filter": lambda data, model: first_batch(data, model, "filter"),
    "list": lambda data, model: first_batch(data, model, "list"),
    "plain": lambda data, model: first_batch(data, model, "plain"),
    "access": access,
    "fit": fit_start,
}


# What the first process does.

ROUND = {  # name: job, model, receipt, cold
    "sha256": ("open", "saved", False, False), "sha256, cold": ("open", "saved", False, True),
    "receipt": ("open", "saved", True, False), "warm": ("batch", "saved", True, False), "cold": ("batch", "saved", True, True),
    "plain": ("plain", "saved", True, False), "plain, cold": ("plain", "saved", True, True),
    "filter": ("filter", "saved", True, False), "list": ("list", "saved", True, False),
    "fit": ("fit", "saved", True, False), "nano": ("fit", "nano", True, False),
}  # fmt: skip
LINES = {  # what: where it is in a round; MB count in bytes there
    "open, sha256, cold, s": "sha256, cold/seconds",
    "open, sha256, cold: read from disk, MB": "sha256, cold/read",
    "open, sha256, s": "sha256/seconds",
    "open, receipt, s": "receipt/seconds",
    "open to first batch, s": "warm/seconds",
    "open to first batch, cold, s": "cold/seconds",
    "opened, cold: read from disk, MB": "cold/opened/read",
    "first batch, cold: read from disk, MB": "cold/grown/read",
    "first batch, cold: dataset in memory, MB": "cold/after/resident",
    "first batch: dataset mapped, MB": "warm/after/mapped",
    "first batch: anonymous growth, MB": "warm/grown/anonymous",
    "of that the order of an epoch, MB": "warm/order",
    "the order of an epoch, s": "warm/order_s",
    "first batch: peak RSS, MB": "warm/after/peak",
    "fit, saved model: checks, s": "fit/plan_s",
    "fit, saved model: run_fit to first loss, s": "fit/seconds",
    "fit, saved model: peak RSS, MB": "fit/at_step/peak",
    "fit, nano: run_fit to first loss, s": "nano/seconds",
    "datasets: open to first batch, s": "plain/seconds",
    "datasets: open to first batch, cold, s": "plain, cold/seconds",
    "datasets, first batch, cold: read, MB": "plain, cold/grown/read",
    "datasets.filter: open to first batch, s": "filter/seconds",
    "datasets.filter: peak RSS, MB": "filter/after/peak",
    "list: open to first batch, s": "list/seconds",
    "list: peak RSS, MB": "list/after/peak",
    "take, rows/s": "access/ours",
    "datasets, rows/s": "access/plain",
    "datasets.filter, rows/s": "access/filter",
    "list, rows/s": "access/list",
    "tokenise and pad, rows/s": "access/encode",
    "take, share of take, tokenise and pad": "access/share",
}
Round = dict[str, Any]


def child(job: str, data: Path, model: str, cache: Path, *, script: str = __file__) -> dict[str, Any]:
    """What a fresh process finds."""
    command = [sys.executable, script, "--job", job, str(data), model]
    done = subprocess.run(command, env=os.environ | {"XLT_CACHE": str(cache)}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{job} on {data.name} failed:\n{done.stderr}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def put_out_of_cache(data: Path) -> None:
    """Make the kernel forget the pages of these files."""
    for path in data.iterdir():
        file = os.open(path, os.O_RDONLY)
        os.fsync(file)
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(file)


def read_ahead(folder: Path) -> int | None:
    """How many kB the kernel reads around a page of a file here, None where it does not tell."""
    device = folder.stat().st_dev
    told = Path(f"/sys/class/bdi/{os.major(device)}:{os.minor(device)}/read_ahead_kb")
    return int(told.read_text()) if told.exists() else None


def make(source: Path, sizes: dict[str, int], folder: Path) -> dict[str, Any]:
    """Build both datasets and a saved model. Exits when the disk has no room."""
    lines = source.read_text(encoding="utf-8").splitlines()
    row = sum(len(line.encode()) + 1 for line in lines) / len(lines)
    need, free = int(sum(sizes.values()) * (row + (row + 64) * (M + 1))), shutil.disk_usage(folder).free
    if need > free:
        room = f"{free / 1e9:.1f} GB free, and the datasets take about {need / 1e9:.1f}"
        raise SystemExit(f"{folder} has {room}: give fewer --rows, or another folder as TMPDIR")
    made = {}
    for name, rows in sizes.items():
        tiled = folder / f"{name}.tsv"
        with tiled.open("w", encoding="utf-8") as out:
            out.writelines(f"{lines[k % len(lines)]}\n" for k in range(rows))
        report = build(tiled, Substitute(SynonymSet.default(), p=0.1), m=M, out=folder / name, num_proc=os.cpu_count())
        tiled.unlink()
        size = sum(entry.bytes for entry in report.manifest.files)
        made[name] = {"rows": rows * (M + 1), "bytes": size, "build_s": round(report.seconds, 2)}
        print(f"{name}: {rows * (M + 1):,} rows, {size / MB:,.1f} MB, built in {report.seconds:.1f} s", flush=True)
    command = "fit --method rs-da --model nano --max_steps 1 --save_strategy no --report_to none --use_cpu true".split()
    saved = [
        sys.executable,
        "-m",
        "xlt_train",
        *command,
        "--data",
        str(folder / "small"),
        "--output_dir",
        str(folder / "model"),
    ]
    subprocess.run(saved, env=os.environ | {"XLT_CACHE": str(folder / "cache")}, check=True, capture_output=True)
    return made


def measure(folder: Path, runs: int) -> dict[str, list[Round]]:
    """All that the processes find, by size and round. Small and large take turns; the disk is warm where not said otherwise."""
    time.sleep(2.5)  # files younger than two seconds get no receipt
    for size in SIZES:
        child("open", folder / size, "", folder / "cache")
    found: dict[str, list[Round]] = {size: [{} for _ in range(runs)] for size in SIZES}
    for k in range(runs):
        for name, (job, model, receipt, cold) in ROUND.items():
            for size in SIZES:
                data = folder / size
                if cold:
                    put_out_of_cache(data)
                with tempfile.TemporaryDirectory(dir=folder) as empty:
                    cache = folder / "cache" if receipt else Path(empty)
                    found[size][k][name] = child(job, data, str(folder / "model") if model == "saved" else model, cache)
                if cold:
                    for path in data.iterdir():
                        path.read_bytes()  # back into the page cache
        print(f"round {k + 1} of {runs}", flush=True)
    for size in SIZES:
        speeds = child("access", folder / size, str(folder / "model"), folder / "cache")
        for k in range(runs):
            found[size][k]["access"] = {name: values[k] for name, values in speeds.items()}
    return found


def table_of(found: dict[str, list[Round]]) -> list[dict[str, Any]]:
    """Medians by size, and the median of large / small by rounds; printed."""
    table = []
    print(f"{'':<46}{'small':>12}{'large':>12}{'large/small':>13}")
    for what, where in LINES.items():
        unit = MB if what.endswith("MB") else 1
        small, large = ([reduce(getitem, where.split("/"), one) / unit for one in found[size]] for size in SIZES)
        ratio = statistics.median(b / a for a, b in zip(small, large)) if all(small) else None
        row = {"what": what, "small": statistics.median(small), "large": statistics.median(large), "ratio": ratio}
        table.append({k: v if isinstance(v, str | None) else float(f"{v:.4g}") for k, v in row.items()})
        shown = [f"{row[size]:,.{0 if row[size] >= 1000 else 3}f}" for size in SIZES]
        print(f"{what:<46}{shown[0]:>12}{shown[1]:>12}{'' if ratio is None else f'{ratio:.2f}':>13}")
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--source", type=Path, help="labelled pairs as TSV [default: the embedded sample]")
    parser.add_argument("--rows", type=int, default=454_546, help="source rows of the large dataset")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--job", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        job, data, model = options.job
        print(json.dumps(JOBS[job](Path(data), model)))
        return
    source = options.source or resource("samples/paraphrase/train-en.tsv")
    with tempfile.TemporaryDirectory() as name:
        offline = {
            "HF_HUB_OFFLINE": "1",
            "HF_HOME": f"{name}/hf",
            "BENCH_MODEL": f"{name}/model",
            "BENCH_RUNS": str(options.runs),
        }
        os.environ |= offline
        made = make(source, {"small": SMALL, "large": options.rows}, Path(name))
        ahead = read_ahead(Path(name))
        table = table_of(measure(Path(name), options.runs))
    facts = {
        "m": M, "batch": BATCH, "runs": options.runs, "source": source.name, "datasets": made, "table": table,
        "read_ahead_kb": ahead,
    }  # fmt: skip
    write_result("train", facts, ("xlt", "torch", "transformers", "accelerate", "datasets", "tokenizers", "pyarrow", "numpy"))


if __name__ == "__main__":
    main()
