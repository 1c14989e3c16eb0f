"""Runs and their evaluations as they stand on disk, made without training: what statistics and reports are tested on."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

LABELS = ("no", "yes")
LANGUAGES = ("de", "en", "ko")


def made_run(
    folder: Path,
    *,
    method: str = "baseline",
    seed: int = 1,
    settings: Mapping[str, Any] | None = None,
    model: str = "bert-base-multilingual-cased",
    data: str = "d" * 64,
    last: int = 0,
) -> Path:
    """A run folder with a record; `settings` of the method, `last` variant that an epoch goes through."""
    folder.mkdir(parents=True)
    (folder / "xlt-run.json").write_text(json.dumps(_record(method, seed, dict(settings or {}), model, data, last)))
    return folder


def _record(method: str, seed: int, settings: dict[str, Any], model: str, data: str, last: int) -> dict[str, Any]:
    ends = [int(last > 0), last]
    recipe = {"method": "synonym", "p": 0.1, "m": max(last, 1), "seed": 0, "words": "span", "case": "initial", "protect": []}
    return {
        "format": "xlt-run/2",
        "status": "finished",
        "method": {"name": method, "paired": False, "variants": [ends], **settings},
        "data": [
            {
                "logical_hash": data,
                "manifest_sha256": "e" * 64,
                "recipe": recipe,
                "source": {"name": "train", "rows": 9, "sha256": "f" * 64},
                "synonyms": {"name": "s", "sha256": "0" * 64},
            }
        ],
        "text_columns": ["sentence1", "sentence2"],
        "model": {
            "name": model, "revision": None, "randomly_initialised": model == "nano", "parameters": 1, "labels": list(LABELS),
            "max_length": 128,
        },
        "dev": None,
        "training": {"seed": seed, "learning_rate": 2e-5},
        "versions": {"python": "3.11", "torch": "2.13"},
        "device": "cpu",
        "results": {"steps": 10, "dev_accuracy": None},
        "weights": {"model.safetensors": hashlib.sha256(f"{method} {seed} {settings} {data}".encode()).hexdigest()},
        "files": {},
    }  # fmt: skip


def judged(
    run: Path,
    correct: np.ndarray,
    *,
    languages: Sequence[str] = LANGUAGES,
    pairs: Sequence[tuple[str, str]] | None = None,
    files: str = "a",
    labelled: bool = True,
    name: str = "test-12345678",
    rows: tuple[int, int] | None = None,
    smoothing: Mapping[str, Any] | None = None,
) -> Path:
    """An evaluation of a run: `correct` [P, I] says which predictions are right; gold labels alternate.

    `files`: another one, another test set.
    """
    record = json.loads((run / "xlt-run.json").read_text())
    cells = list(pairs or [(language, language) for language in languages])
    folder = run / "evaluations" / name
    folder.mkdir(parents=True)
    n = correct.shape[1]
    gold = np.arange(n) % 2
    found = np.where(correct, gold, 1 - gold)
    start = 0 if rows is None else rows[0]
    entries = [
        {
            "language_1": a, "language_2": b, "rows": n,
            "correct": int(c.sum()) if labelled else None, "accuracy": float(c.mean()) if labelled else None,
        }
        for (a, b), c in zip(cells, correct)
    ]  # fmt: skip
    diagonal = [
        {"language": entry["language_1"], "file": f"test-{entry['language_1']}.tsv", "sha256": files * 64}
        | {key: entry[key] for key in ("rows", "correct", "accuracy")}
        for entry in entries
        if entry["language_1"] == entry["language_2"]
    ]
    body = {
        "format": "xlt-evaluation/3",
        "run": {key: record[key] for key in ("status", "method", "data", "model", "weights")}
        | {"seed": record["training"]["seed"], "steps": 10, "identity": hashlib.sha256(str(run).encode()).hexdigest()[:16]},
        "split": "test",
        "rows": None if rows is None else list(rows),
        "columns": {"columns": None, "text_columns": record["text_columns"], "label_column": "label"},
        "languages": diagonal,
        "average": float(np.mean([entry["accuracy"] for entry in diagonal])) if labelled else None,
        "pairs": "same" if len(cells) == len(diagonal) else "all",
        "cells": entries,
        "average_of_pairs": None,
        "items": {"total": n, "kept": n, "placeholders": 0, "differing_labels": 0, "missing": 0},
        "placeholders": "keep",
        "tests": hashlib.sha256(f"{files} {rows} {list(languages)}".encode()).hexdigest()[:16],
        "smoothing": None if smoothing is None else dict(smoothing),
        "precision": "float32",
        "note": None,
        "batch_size": 64,
        "device": "cpu",
        "versions": {"python": "3.11", "torch": "2.13"},
    }
    (folder / "accuracy.json").write_text(json.dumps(body))
    golds = [LABELS[g] for g in np.tile(gold, len(cells))] if labelled else [None] * (n * len(cells))
    columns = {
        "item": pa.array(np.tile(np.arange(start, start + n), len(cells)), pa.int64()),
        "language_1": pa.array(np.repeat([a for a, _ in cells], n).tolist(), pa.string()),
        "language_2": pa.array(np.repeat([b for _, b in cells], n).tolist(), pa.string()),
        "gold": pa.array(golds, pa.string()),
        "predicted": pa.array([LABELS[p] for p in found.ravel()], pa.string()),
        "run": pa.array([body["run"]["identity"]] * (n * len(cells)), pa.string()),
    }  # fmt: skip
    pq.write_table(pa.table(columns), folder / "predictions.parquet")
    return folder


def made_group(
    folder: Path, method: str, accuracies: Mapping[str, float], *, seeds: int = 3, items: int = 200, **options: Any
) -> list[Path]:
    """A run for each of `seeds` seeds, right on about those shares of the items in each language, the same in every call."""
    runs = []
    for seed in range(1, seeds + 1):
        numbers = np.random.default_rng(seed)
        correct = np.stack([numbers.random(items) < share for share in accuracies.values()])
        runs.append(made_run(folder / f"{method}-{seed}", method=method, seed=seed, **options))
        judged(runs[-1], correct, languages=list(accuracies))
    return runs
