"""Small things to publish: datasets, sets, runs and reports, and a store to hold them."""

import hashlib
import json
from pathlib import Path
from typing import Any

from tests.results.made import made_run
from xlt_augment import Substitute, SynonymSet, build
from xlt_augment.store.probe import probe
from xlt_augment.store.repository import Store
from xlt_augment.store.storage import open_storage

WORDS = SynonymSet.from_mapping({"movie": ["film"], "film": ["movie"], "good": ["fine", "nice"]})
ROWS = "The movie was good .\tA good film .\t1\nA fine movie .\tNo film .\t0\n"


def made_dataset(folder: Path, *, m: int = 2, rows: str = ROWS, **settings: Any) -> Path:
    """A dataset of two rows, or of the given ones."""
    source = folder.with_suffix(".tsv")
    source.write_text(rows)
    return build(source, Substitute(WORDS, p=0.5), m=m, out=folder, **settings).path


def finished_run(folder: Path, data: str) -> Path:
    """A run on the dataset of that logical hash, with weights that are none."""
    made_run(folder, data=data)
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "checkpoint-1").mkdir()
    (folder / "checkpoint-1" / "optimizer.pt").write_bytes(b"not shared")
    record = folder / "xlt-run.json"
    body = json.loads(record.read_text())
    body["weights"] = {"model.safetensors": hashlib.sha256(b"weights").hexdigest()}
    record.write_text(json.dumps(body))
    return folder


def made_store(url: str | Path) -> Store:
    """A new store."""
    return Store.init(str(url), probe(open_storage(str(url))))
