"""What token columns and grouping by length spare in training on five million rows. Linux only.

    python benchmarks/train_tokens.py [--rows 454546] [--runs 3] [--source pairs.tsv]

Builds a dataset (m=10) of `--rows` source rows of labelled pairs, tiled, and the same with token columns of a saved `nano`.
Then measures:

- batches of 32 random rows, in one process by turns: from texts with the library's collator, from texts with ours, from ids;
- the share of padding among the tokens of the first 5,000 batches, in random order, and grouped by tokens and by bytes;
- from a model that is loaded to the first batch out of the Trainer's own DataLoader (which draws a second one ahead), each time
  in a fresh process with a receipt for the dataset: opening, the tokenizer's hash, the comparison with the tokenizer, lengths,
  order. Cold: the files were put out of the page cache.

Prints a table and writes benchmarks/results/train_tokens.json. Times are of one machine and one moment.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from common import tile, write_result
from train import BATCH, MAX_LENGTH, SMALL, M, child, make, put_out_of_cache, trainer_without_data

from xlt_augment import Substitute, SynonymSet, build
from xlt_augment.resources import resource

BATCHES, LOOKED_AT = 200, 5_000


def with_tokens(source: Path, rows: int, model: Path, out: Path) -> None:
    """The large dataset again, with token columns."""
    tiled = out.with_suffix(".tsv")
    tile([source], tiled, rows)
    build(tiled, Substitute(SynonymSet.default(), p=0.1), m=M, tokenizer=model, out=out)
    tiled.unlink()


def _view(data: Path, tokenizer: Any) -> Any:
    from xlt_train import TrainingSet
    from xlt_train.data.tokens import ids_of
    from xlt_train.data.view import VariantView

    opened = TrainingSet.open(data)
    ids = ids_of(opened, tokenizer, MAX_LENGTH, len(tokenizer))
    return VariantView(opened, range(1, M + 1), ids.encode, range(len(opened.label_names)), from_ids=ids.from_ids)


def first_batch(data: Path, model: str) -> dict[str, Any]:
    """Seconds from a loaded model to the first batch."""
    trainer = trainer_without_data(model)
    trainer.args.train_sampling_strategy = os.environ.get("BENCH_ORDER", "random")
    start = time.perf_counter()
    trainer.train_dataset = _view(data, trainer.processing_class)
    batch = next(iter(trainer.get_train_dataloader()))
    seconds = time.perf_counter() - start
    assert (len(batch["rows"]), trainer.train_dataset.from_ids) == (BATCH, data.name == "ids")
    return {"seconds": seconds}


def batches(data: Path, model: str) -> dict[str, Any]:
    """Rows a second of making batches, by round, and shares of padding; `data` has token columns, `large` beside it none."""
    from transformers import DataCollatorWithPadding

    from xlt_train.data.padding import Padding
    from xlt_train.training.sampler import LengthGrouped

    tokenizer = trainer_without_data(model).processing_class
    by_ids, by_texts = _view(data, tokenizer), _view(data.with_name("large"), tokenizer)
    ways = {
        "texts, library's collator": (by_texts, DataCollatorWithPadding(tokenizer)),
        "texts": (by_texts, Padding(tokenizer)),
        "ids": (by_ids, Padding(tokenizer)),
    }
    found: dict[str, list[float]] = {name: [] for name in ways}
    chance = np.random.default_rng(0)
    for _ in range(int(os.environ["BENCH_RUNS"]) + 1):
        parts = chance.integers(len(by_ids), size=(BATCHES, BATCH)).tolist()
        made = []
        for name, (view, collate) in ways.items():
            start = time.perf_counter()
            made.append([collate(view.__getitems__(part)) for part in parts])
            found[name].append(BATCHES * BATCH / (time.perf_counter() - start))
        assert all((one[key] == other[key]).all() for kind in made[1:] for one, other in zip(made[0], kind) for key in one)
    tokens = np.minimum(by_ids.lengths() + 3, MAX_LENGTH)
    shares = {"random": _padding(tokens, iter(chance.permutation(len(tokens))))}
    for name, view in (("tokens", by_ids), ("bytes", by_texts)):
        shares[f"grouped by {name}"] = _padding(tokens, iter(LengthGrouped(view.lengths(), BATCH, seed=0, epoch=lambda: 0)))
    return {"speeds": {name: values[1:] for name, values in found.items()}, "padding": shares}


def _padding(tokens: np.ndarray, order: Any) -> float:
    rows = min(LOOKED_AT, len(tokens) // BATCH) * BATCH
    sizes = tokens[np.fromiter(order, np.int64, rows)].reshape(-1, BATCH)
    return float(1 - sizes.sum() / (sizes.max(1) * BATCH).sum())


JOBS: dict[str, Callable[[Path, str], dict[str, Any]]] = {"first": first_batch, "batches": batches}


def measure(folder: Path, runs: int) -> list[dict[str, Any]]:
    """The table, printed on the way."""
    table: list[dict[str, Any]] = []

    def add(what: str, value: float, shown: str) -> None:
        table.append({"what": what, "value": float(f"{value:.4g}")})
        print(f"{what:<64}{shown:>14}", flush=True)

    time.sleep(2.5)  # files younger than two seconds get no receipt
    model, cache = str(folder / "model"), folder / "cache"
    for name in ("large", "ids"):
        child("first", folder / name, model, cache, script=__file__)
    found = child("batches", folder / "ids", model, cache, script=__file__)
    for name, speeds in found["speeds"].items():
        value = statistics.median(speeds)
        add(f"batches from {name}, rows/s", value, f"{value:,.0f}")
    for name, share in found["padding"].items():
        add(f"padding, {name}", share, f"{share:.1%}")
    for name in ("large", "ids"):
        for order in ("random", "group_by_length"):
            for cold in (False, True):
                os.environ["BENCH_ORDER"] = order
                seconds = []
                for _ in range(runs):
                    if cold:
                        put_out_of_cache(folder / name)
                    seconds.append(child("first", folder / name, model, cache, script=__file__)["seconds"])
                value = statistics.median(seconds)
                kind = "texts" if name == "large" else "ids"
                add(f"model loaded to first batch, {kind}, {order}{', cold' if cold else ''}, s", value, f"{value:.3f}")
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--source", type=Path, help="labelled pairs as TSV [default: the embedded sample]")
    parser.add_argument("--rows", type=int, default=454_546, help="source rows")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--job", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        job, data, model = options.job
        print(json.dumps(JOBS[job](Path(data), model)))
        return
    source = options.source or resource("samples/paraphrase/train-en.tsv")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ |= {"HF_HUB_OFFLINE": "1", "HF_HOME": f"{name}/hf", "BENCH_RUNS": str(options.runs)}
        made = make(source, {"small": SMALL, "large": options.rows}, folder)
        with_tokens(source, options.rows, folder / "model", folder / "ids")
        size = sum(path.stat().st_size for path in (folder / "ids").iterdir())
        print(f"ids: {size / 1e6:,.1f} MB", flush=True)
        table = measure(folder, options.runs)
    facts = {
        "m": M, "batch": BATCH, "runs": options.runs, "source": source.name, "rows": made["large"]["rows"], "table": table,
        "bytes": {"texts": made["large"]["bytes"], "ids": size},
    }  # fmt: skip
    write_result("train_tokens", facts, ("xlt", "torch", "transformers", "accelerate", "tokenizers", "pyarrow", "numpy"))


if __name__ == "__main__":
    main()
