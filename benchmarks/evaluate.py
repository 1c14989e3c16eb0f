"""All pairs of languages, against the plain way: each pair tokenised by itself and padded to 128 tokens.

    python benchmarks/evaluate.py [--tests DIR] [--split dev] [--items 100] [--rounds 5] [--batch 32] [--threads 1] [--quick]

Both ways go from the texts in memory to the predictions of all N x N cells of the same model, with the same number of rows in a
batch, in turns, so that a slow moment hits both; a ratio is the median of the rounds' ratios, of wall
and of processor time (on a CPU that others use too, read the latter). The plain way judges one cell
after the other, the rows in their order, as published scripts do with N x N files. Ours is what `xlt-train evaluate` calls.
Without --tests the embedded sample is taken. The tokenizer is a WordPiece made of all languages' texts, of 30,000 tokens at
most; the models are BERTs with random weights: one of nano's size, one of 4 layers and 256 dimensions, on a GPU one of mBERT's
size too. The predictions of both ways must be the same, or this fails.

Prints a table and writes benchmarks/results/evaluate.json. Times are of one machine and one moment.
"""

import argparse
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import ratio, write_result
from tokenizers import BertWordPieceTokenizer
from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

from xlt_augment.resources import resource
from xlt_train.data.assemble import Cell, CellRows
from xlt_train.data.examples import Layout
from xlt_train.data.parallel import ParallelSet
from xlt_train.evaluation.cells import UNIT_ROWS, cells_of, units_of
from xlt_train.evaluation.predict import Judge, pick_device

AIM, LENGTH = 3.0, 128
MODELS = {"nano's size": (2, 128, 4), "4 layers of 256": (4, 256, 4)}
MBERT = {"mBERT's size": (12, 768, 12)}


def tokenizer_of(tests: ParallelSet) -> Any:
    """A cased WordPiece of all texts, as mBERT's in kind."""
    texts = [text for examples in tests.files.values() for column in examples.texts for text in column]
    made = BertWordPieceTokenizer(lowercase=False)
    made.train_from_iterator(texts, vocab_size=30_000, show_progress=False)
    return BertTokenizerFast(tokenizer_object=made._tokenizer, model_max_length=LENGTH)


def model_of(tokenizer: Any, shape: tuple[int, int, int], device: torch.device) -> BertForSequenceClassification:
    """A BERT with random weights, the same ones each time, with a spread that lets it say both things."""
    layers, dims, heads = shape
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=dims,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=4 * dims,
        max_position_embeddings=LENGTH,
        initializer_range=0.1,
    )
    torch.manual_seed(0)
    return BertForSequenceClassification(config).eval().to(device)


def plainly(model: Any, tokenizer: Any, tests: ParallelSet, cells: list[Cell], batch: int) -> np.ndarray:
    """Logits [cells * items, 2], cell after cell."""
    found = []
    for a, b in cells:
        first, second = tests.files[a].texts[0], tests.files[str(b)].texts[1]
        inputs = tokenizer(first, second, padding="max_length", truncation=True, max_length=LENGTH, return_tensors="pt")
        for start in range(0, len(first), batch):
            part = {name: values[start : start + batch].to(model.device) for name, values in inputs.items()}
            with torch.inference_mode():
                found.append(model(**part).logits.cpu().numpy())
    return np.concatenate(found)


def ours(model: Any, tokenizer: Any, tests: ParallelSet, cells: list[Cell], batch: int) -> np.ndarray:
    """The same, as `xlt-train evaluate` does it."""
    rows, judge = CellRows(tests, tokenizer, LENGTH), Judge(model=model, tokens=batch * LENGTH)
    items = len(tests)
    parts = [judge(rows.rows(unit), np.zeros(len(unit) * items, np.int64)) for unit in units_of(cells, items, UNIT_ROWS)]
    return np.concatenate([part.logits for part in parts])


def compare(name: str, model: Any, tokenizer: Any, tests: ParallelSet, batch: int, turns: int) -> dict[str, Any]:
    """One model, both ways in turns; ends the script where they predict differently."""
    cells, kept = cells_of(tests.languages, "all", 2), {}

    seconds: dict[str, list[tuple[float, float]]] = {"plain": [], "ours": []}
    ways = {"plain": plainly, "ours": ours}
    ours(model, tokenizer, tests, cells[:2], batch)
    for _ in range(turns):
        for key, way in ways.items():
            wall, cpu = time.perf_counter(), time.process_time()
            kept[key] = way(model, tokenizer, tests, cells, batch)
            seconds[key].append((time.perf_counter() - wall, time.process_time() - cpu))
    differing = int((kept["plain"].argmax(-1) != kept["ours"].argmax(-1)).sum())
    apart = float(np.abs(kept["plain"] - kept["ours"]).max())
    count, shares = len(kept["ours"]), np.bincount(kept["ours"].argmax(-1), minlength=2) / len(kept["ours"])
    if differing:
        sys.exit(f"{name}: {differing:,} of {count:,} predictions differ (logits by {apart:.2g} at most)")
    row: dict[str, Any] = {"model": name, "rows": count, "aim": AIM}
    for k, clock in enumerate(("wall", "cpu")):
        plain, mine = ([took[k] for took in seconds[key]] for key in ways)
        row[clock] = {"plain": round(statistics.median(plain), 3), "ours": round(statistics.median(mine), 3)}
        row[clock] |= {"times_as_fast": round(ratio(plain, mine), 2), "rounds": [round(a / b, 2) for a, b in zip(plain, mine)]}
    row |= {"largest_difference_of_logits": apart, "share_of_class_0": round(float(shares[0]), 3)}
    shown = "".join(f"{row[clock][key]:>9.2f}" for clock in ("wall", "cpu") for key in ("plain", "ours", "times_as_fast"))
    print(f"{name:<16}{count:>8,}{shown}{AIM:>5}  same predictions", flush=True)
    return row


def main() -> None:
    """Measure, print, write."""
    given = arguments()
    torch.set_num_threads(given.threads)
    folder = given.tests or resource("samples/paraphrase/test-en.tsv").parent
    whole = ParallelSet.read(folder, given.split, Layout(text_columns=("sentence1", "sentence2")))
    tokenizer, device = tokenizer_of(whole), pick_device("auto")
    items = 8 if given.quick else min(given.items, len(whole))
    tests = ParallelSet.read(folder, given.split, whole.layout, (0, items))
    lengths = CellRows(tests, tokenizer, LENGTH).rows(cells_of(tests.languages, "all", 2)).lengths
    facts = {"tests": folder.name, "split": tests.split, "languages": tests.languages, "items": items}
    facts |= {"tokens_a_row": round(float(lengths.mean()), 1), "vocabulary": len(tokenizer), "batch": given.batch}
    facts |= {"threads": given.threads, "device": str(device)}
    print(", ".join(f"{key} {value}" for key, value in facts.items()))
    print(f"{'':<16}{'rows':>8}{'plain, s':>9}{'ours, s':>9}{'times':>9}{'cpu, s':>9}{'ours, s':>9}{'times':>9}{'aim':>5}")
    sizes = dict(list(MODELS.items())[:1]) if given.quick else MODELS | (MBERT if device.type == "cuda" else {})
    turns, table = 1 if given.quick else given.rounds, []
    for name, shape in sizes.items():
        table.append(compare(name, model_of(tokenizer, shape, device), tokenizer, tests, given.batch, turns))
    if not given.quick:
        write_result("evaluate", facts | {"table": table}, ("torch", "transformers", "tokenizers", "numpy"))


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--tests", type=Path, default=None)
    parser.add_argument("--split", default="auto")
    parser.add_argument("--items", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="a few items, nano's size; nothing is written")
    return parser.parse_args()


if __name__ == "__main__":
    main()
