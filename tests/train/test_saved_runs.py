"""A run and its checkpoints are plain transformers folders, with a card and without pickles."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.command import forked_python
from tests.train.conftest import Once
from tests.train.toy import ENGLISH, Toy, checkpoints, fit_here, pairs
from xlt_train import evaluate
from xlt_train.data.encode import Encoder
from xlt_train.data.manifest import Manifest
from xlt_train.evaluation.predict import predict

FIRST, SECOND, _ = (list(column) for column in zip(*pairs(9, 6, ENGLISH)))

# Run where no import of ours is possible; prints for each folder its labels and the logits of a few pairs, one by one.
PLAIN = """
import json, sys
sys.modules["xlt_train"] = sys.modules["xlt_augment"] = None
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer
first, second, *folders = map(json.loads, sys.argv[1:])
found = {}
for folder in folders:
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    with torch.no_grad():
        batch = tokenizer(first, second, truncation=True, max_length=32, padding=True, return_tensors="pt")
        found[folder] = {"logits": model(**batch).logits.tolist(), "labels": model.config.id2label}
print(json.dumps(found))
"""


@pytest.fixture(scope="session")
def run(toy: Toy, once: Once) -> Path:
    """A short run with a development set and all of its checkpoints."""
    settings = {"max_steps": 9, "save_strategy": "steps", "save_steps": 3, "eval_strategy": "steps", "eval_steps": 3}
    folder = once(
        "saved", lambda folder: fit_here(toy.synonym, "rs-da", folder / "run", dev=toy.dev, save_total_limit=5, **settings)
    )
    return folder / "run"


@pytest.fixture(scope="session")
def opened(run: Path) -> dict[str, Any]:
    """What a process without XLT finds in the run and its checkpoints."""
    folders = [str(path) for path in (run, *checkpoints(run))]
    words = [json.dumps(value) for value in (FIRST, SECOND, *folders)]
    env = os.environ | {"HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [forked_python(), "-c", PLAIN, *words], env=env, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert list(found) == folders
    assert len(folders) == 4
    return found


def test_logits_are_those_of_plain_transformers(run: Path, opened: dict[str, Any]) -> None:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    for folder, found in opened.items():
        model = AutoModelForSequenceClassification.from_pretrained(folder)
        encode = Encoder(AutoTokenizer.from_pretrained(folder), 32)
        ours = predict(model, encode, (FIRST, SECOND), batch_size=4)
        assert ours.shape == (6, 3)
        assert np.allclose(ours, np.array(found["logits"], np.float32), atol=1e-6)  # other batches, other padding
        assert np.array_equal(predict(model, encode, (FIRST, SECOND), batch_size=6), np.array(found["logits"], np.float32))
    steps = [np.array(found["logits"]) for found in opened.values()]
    assert not np.allclose(steps[1], steps[2])


def test_labels_are_the_datasets(opened: dict[str, Any], toy: Toy) -> None:
    names = dict(enumerate(Manifest.read(toy.synonym).label_names or ()))
    for found in opened.values():
        assert {int(k): label for k, label in found["labels"].items()} == names


def test_every_folder_has_a_card(run: Path, toy: Toy) -> None:
    whole = json.loads((run / "xlt-run.json").read_bytes())
    logs = json.loads((checkpoints(run)[-1] / "trainer_state.json").read_bytes())["log_history"]
    accuracy = {entry["step"]: entry["eval_accuracy"] for entry in logs if "eval_accuracy" in entry}
    assert list(accuracy) == [3, 6, 9]
    assert whole["results"]["dev_accuracy"] == max(accuracy.values())
    assert whole["results"]["best_step"] == max(accuracy, key=lambda step: accuracy[step])
    numbers = {run: whole["results"]["dev_accuracy"]} | {path: accuracy[int(path.name[11:])] for path in checkpoints(run)}
    for folder, number in numbers.items():
        card = (folder / "README.md").read_text()
        assert card.startswith("---\nlibrary_name: transformers\n")
        assert "`rs-da`" in card
        assert Manifest.read(toy.synonym).logical_hash in card
        assert f"Accuracy on the development set dev.tsv: {number:.4f}" in card
        assert json.loads((folder / "xlt-run.json").read_bytes())["results"]["dev_accuracy"] == number


def test_no_pickled_arguments_anywhere(run: Path) -> None:
    names = {path.name for path in run.rglob("*") if path.is_file()}
    assert {"model.safetensors", "config.json", "tokenizer.json", "README.md", "xlt-run.json"} <= names
    assert not {name for name in names if name.endswith((".bin", ".pkl", ".pickle", ".joblib"))}
    assert not {name for name in names if name.startswith(".")}
    assert {path.parent.name for path in run.rglob("*.pt")} == {path.name for path in checkpoints(run)}


def test_tensors_of_a_checkpoint_load_without_unpickling(run: Path) -> None:
    import torch

    for path in checkpoints(run):
        for name in ("optimizer.pt", "scheduler.pt"):
            assert torch.load(path / name, weights_only=True)


def test_checkpoints_can_be_judged_like_runs(run: Path, toy: Toy, tmp_path: Path) -> None:
    for folder in (run, *checkpoints(run)):
        done = evaluate(folder, toy.tests, out=tmp_path / folder.name)
        assert [entry["rows"] for entry in done.evaluation.languages] == [40, 40]
        assert done.evaluation.run["status"] == ("finished" if folder == run else "checkpoint")


def test_weights_can_be_read_by_all_who_read_the_rest(run: Path) -> None:
    for folder in (run, *checkpoints(run)):
        assert (folder / "model.safetensors").stat().st_mode == (folder / "config.json").stat().st_mode
