"""A task that nano learns in a few steps, and ways to train on it: in this process, or in one of its own."""

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pytest

from tests.command import Outcome, forked_python
from xlt_augment import Substitute, Swap, SynonymSet, build

# class -> groups of words that stand for each other: a text's class is that of its two words, whatever its order
CLASSES = {
    "fruit": [["apple", "pear", "plum"], ["cherry", "grape", "melon"]],
    "tool": [["hammer", "saw", "chisel"], ["drill", "pliers", "wrench"]],
    "music": [["violin", "flute", "harp"], ["drum", "trumpet", "cello"]],
}
ENGLISH = "the a near was seen today in our house again and then".split()
MADE_UP = "der ein nahe war heute im unser Haus wieder und dann noch".split()  # a second language with the same nouns
M, ROWS, TEST_ROWS = 2, 60, 40
MAX_LENGTH = 32
STEPS = 40
# 40 steps of 16 rows at this rate are enough for every method on every seed tried; 2 s each.
SETTINGS: dict[str, Any] = {
    "model": "nano",
    "max_length": MAX_LENGTH,
    "max_steps": STEPS,
    "per_device_train_batch_size": 16,
    "learning_rate": 1e-3,
    "lr_scheduler_type": "constant",
    "save_strategy": "no",
    "seed": 7,
}

Row = tuple[str, ...]


class Toy(NamedTuple):
    """Paths of the task: datasets of pairs (synonym and swap variants), a small one of single texts, dev file, test folder."""

    synonym: Path
    swap: Path
    single: Path
    dev: Path
    tests: Path


def make_toy(folder: Path) -> Toy:
    """Write the task below `folder`."""
    (folder / "tests").mkdir(parents=True)
    train = write_tsv(folder / "train.tsv", pairs(0, ROWS, ENGLISH))
    write_tsv(folder / "dev.tsv", pairs(1, 30, ENGLISH))
    write_tsv(folder / "tests" / "test-en.tsv", pairs(2, TEST_ROWS, ENGLISH))
    write_tsv(folder / "tests" / "test-de.tsv", pairs(2, TEST_ROWS, MADE_UP))
    few = write_tsv(folder / "few.tsv", [(first, label) for first, _, label in pairs(3, 11, ENGLISH)])
    groups = chain.from_iterable(CLASSES.values())
    (folder / "synonyms.json").write_text(json.dumps({w: [v for v in group if v != w] for group in groups for w in group}))
    substitute = Substitute(SynonymSet.load(folder / "synonyms.json"), p=0.5)
    build(train, substitute, m=M, out=folder / "synonym")
    build(train, Swap(p=0.3), m=M, out=folder / "swap")
    build(few, substitute, m=3, out=folder / "single", columns=("text", "label"), text_columns=("text",))
    return toy_in(folder)


def toy_in(folder: Path) -> Toy:
    """The task that `make_toy` wrote there."""
    return Toy(folder / "synonym", folder / "swap", folder / "single", folder / "dev.tsv", folder / "tests")


def add_tokens(data: Path, tokenizer: Any, out: Path, *, by: str = "texts", **changes: Any) -> Path:
    """A copy of a dataset with token columns behind the carried ones, written down from docs/format.md alone.

    `changes`: other values of the manifest's key `tokenizer`.
    """
    shutil.copytree(data, out)
    manifest = json.loads((out / "xlt.json").read_bytes())
    texts = manifest["recipe"]["text_columns"]
    for path in sorted(out.glob("*.arrow")):
        table = pa.ipc.open_stream(path.read_bytes()).read_all()
        for name in texts:
            ids = tokenizer(table[name].to_pylist(), add_special_tokens=False)["input_ids"] if len(table) else []
            at = table.schema.get_field_index("source_id")
            table = table.add_column(at, pa.field(f"{name}_ids", pa.list_(pa.int32())), pa.array(ids, pa.list_(pa.int32())))
        write_arrow(path, table)
    whole = json.loads(tokenizer.backend_tokenizer.to_str()) | {"truncation": None, "padding": None}
    canonical = json.dumps(whole, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    said = {"name": "toy", "sha256": hashlib.sha256(canonical.encode()).hexdigest(), "by": by}
    sign(out, manifest | {"tokenizer": said | {"columns": {name: f"{name}_ids" for name in texts}} | changes})
    return out


def write_arrow(path: Path, table: pa.Table) -> None:
    """A table as a stream of short record batches; its metadata and dataset_info.json beside it learn of token columns."""
    described = json.loads(table.schema.metadata[b"huggingface"])
    for field in table.schema:
        if pa.types.is_list(field.type):
            inner = {"dtype": str(field.type.value_type), "_type": "Value"}
            described["info"]["features"].setdefault(field.name, {"feature": inner, "_type": "List"})
    table = table.replace_schema_metadata({**table.schema.metadata, b"huggingface": json.dumps(described).encode()})
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=50)
    info = json.loads((path.parent / "dataset_info.json").read_bytes())
    (path.parent / "dataset_info.json").write_text(json.dumps(info | {"features": described["info"]["features"]}))


def sign(data: Path, body: dict[str, Any]) -> None:
    """Write a manifest that says of the files what is true, and is signed."""
    for entry in body["files"]:
        content = (data / entry["path"]).read_bytes()
        entry |= {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    body = {key: value for key, value in body.items() if key != "manifest_sha256"}
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    body["manifest_sha256"] = hashlib.sha256(canonical.encode()).hexdigest()
    (data / "xlt.json").write_text(json.dumps(body, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def pairs(seed: int, count: int, fill: Sequence[str]) -> list[Row]:
    """Pairs of texts of one class, and that class; the classes take turns."""
    chance, names = random.Random(seed), list(CLASSES)
    labels = [names[k % len(names)] for k in range(count)]
    return [(_text(chance, label, fill), _text(chance, label, fill), label) for label in labels]


def _text(chance: random.Random, label: str, fill: Sequence[str]) -> str:
    words = chance.choices(fill, k=chance.randint(2, 5))
    for _ in range(2):
        words.insert(chance.randint(0, len(words)), chance.choice(chance.choice(CLASSES[label])))
    return " ".join(words) + " ."


def write_tsv(path: Path, rows: Sequence[Row]) -> Path:
    """One row a line, no header."""
    path.write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")
    return path


def options(**settings: Any) -> list[str]:
    """Keyword arguments of `fit` as words of the command line."""
    names = {"model", "max_length", "dev", "dev_rows", "variants", "method", "data"}
    return list(
        chain.from_iterable(
            (f"--{key.replace('_', '-') if key in names else key}", str(value)) for key, value in settings.items()
        )
    )


def fit_words(data: Path, method: str, **settings: Any) -> list[str]:
    """The words of `xlt-train fit` for a run with the toy's settings, changed by `settings`."""
    return ["fit", *options(data=data, method=method, **(SETTINGS | settings))]


def run_train(capsys: pytest.CaptureFixture[str], *words: object) -> Outcome:
    """Run `xlt-train` with these words in this process."""
    from xlt_train.cli.main import main

    capsys.readouterr()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    handlers = [signal.getsignal(number) for number in numbers]
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", ["xlt-train", *map(str, words)])
            with pytest.raises(SystemExit) as end:
                main()
    finally:
        for number, handler in zip(numbers, handlers):
            signal.signal(number, handler)
    printed = capsys.readouterr()
    code = end.value.code
    return Outcome(code if isinstance(code, int) else 0, printed.out, printed.err)


def fit_here(data: Path, method: str, output_dir: Path, **settings: Any) -> Any:
    """`fit` with the toy's settings, changed by `settings`; a `Run`."""
    from xlt_train import fit

    return fit(data, method=method, output_dir=str(output_dir), **(SETTINGS | settings))


def environment(hash_seed: int) -> dict[str, str]:
    """The environment of a process with another order of sets and of its own hashes; the Hub is not asked."""
    return {**os.environ, "PYTHONHASHSEED": str(hash_seed), "HF_HUB_OFFLINE": "1"}


def kill_when(ready: Callable[[Path], bool], words: Sequence[str], *, cwd: Path, folder: Path, hash_seed: int) -> bool:
    """Start `xlt-train`, have it killed by SIGKILL as soon as `ready(folder)`. False when the run was over before."""
    command = [forked_python(), "-m", "xlt_train", *words]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    running = subprocess.Popen(command, cwd=cwd, env=environment(hash_seed), **quiet)  # type: ignore[call-overload]
    try:
        while running.poll() is None and not ready(folder):
            with suppress(subprocess.TimeoutExpired):
                running.wait(0.005)
    finally:
        running.send_signal(signal.SIGUSR1 if command[0] != sys.executable else signal.SIGKILL)  # see tests/forking/client.py
        running.wait()
    return running.returncode == -signal.SIGKILL and json.loads((folder / "xlt-run.json").read_bytes())["status"] == "started"


def checkpoint_states(folder: Path) -> list[dict[str, Any]]:
    """`trainer_state.json` of every complete checkpoint, by step; what vanishes while one looks is left out."""
    found = []
    for path in folder.glob("checkpoint-*/xlt-run.json"):
        with suppress(OSError, ValueError):
            found.append(json.loads(path.with_name("trainer_state.json").read_bytes()))
    return sorted(found, key=lambda state: int(state["global_step"]))


def checkpoints(folder: Path) -> list[Path]:
    """Folders of the checkpoints, by step, complete or not."""
    return sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))


def snapshot(folder: Path) -> Mapping[str, tuple[str, int]]:
    """Every file below a folder with its sha256 and its time of change."""
    return {
        str(path.relative_to(folder)): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".xlt-run.lock"  # which a kill leaves, and the next run takes away
    }


def sha256(path: Path) -> str:
    """Hex sha256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
