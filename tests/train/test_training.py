"""What training does with rows, losses and seeds: checked against the dataset itself and a plain `transformers.Trainer`."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import datasets
import pytest
import torch
from safetensors.torch import load_file
from torch.utils.data import DataLoader
from transformers import AutoTokenizer, DataCollatorWithPadding, Trainer, TrainingArguments, set_seed

from tests.command import forked_python
from tests.train.conftest import Once
from tests.train.toy import CLASSES, MAX_LENGTH, ROWS, SETTINGS, Toy, environment, fit_here, fit_words
from xlt_train import evaluate
from xlt_train.data.dataset import TrainingSet
from xlt_train.data.encode import Encoder
from xlt_train.data.view import VariantView
from xlt_train.methods.base import Loss, Method
from xlt_train.methods.registry import METHODS
from xlt_train.models.load import load_model
from xlt_train.models.nano import nano_tokenizer

# ---- the task is learned, the same way every time


@pytest.mark.parametrize(("method", "data"), [("baseline", "synonym"), ("rs-da", "synonym"), ("rs-syntax", "swap")])
def test_every_method_learns_the_toy_task(method: str, data: str, toy: Toy, tmp_path: Path) -> None:
    run = fit_here(getattr(toy, data), method, tmp_path / "run")
    found = evaluate(run.path, toy.tests).evaluation
    assert {entry["language"]: entry["rows"] for entry in found.languages} == {"de": 40, "en": 40}
    assert all(entry["accuracy"] > 0.9 for entry in found.languages), found.languages
    assert run.record.results["train_loss"] < 0.9 < 1.0986  # ln 3 at the start


@pytest.fixture(scope="session")
def two_processes(toy: Toy, once: Once) -> list[dict[str, Any]]:
    """What two processes print of the same short run, each with hashes of its own."""

    def make(folder: Path) -> None:
        words = fit_words(toy.synonym, "rs-da", max_steps=6)
        running = []
        for k in (1, 2):
            command = [forked_python(), "-m", "xlt_train", *words, "--output_dir", f"run-{k}", "--json"]
            with (folder / f"{k}.json").open("wb") as out:
                running.append(subprocess.Popen(command, cwd=folder, env=environment(k), stdout=out, stderr=subprocess.DEVNULL))
        assert [process.wait(timeout=240) for process in running] == [0, 0]

    folder = once("two-processes", make)
    return [json.loads((folder / f"{k}.json").read_bytes()) for k in (1, 2)]


def test_a_seed_gives_the_same_weights_in_every_process(two_processes: list[dict[str, Any]], toy: Toy, tmp_path: Path) -> None:
    first, second = (found["weights"] for found in two_processes)
    assert list(first) == ["model.safetensors"]
    assert first == second
    assert fit_here(toy.synonym, "rs-da", tmp_path / "same", max_steps=6).record.weights == first
    assert fit_here(toy.synonym, "rs-da", tmp_path / "other", max_steps=6, seed=8).record.weights != first


# ---- rows


class Batch(NamedTuple):
    """What a method was given."""

    rows: list[int]
    labels: list[int]
    ids: list[list[int]]  # input_ids without padding
    types: list[list[int]]


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[Batch]:
    """Batches that reach the methods `spy` (originals) and `spy-variants`."""
    batches: list[Batch] = []

    @dataclass(frozen=True, kw_only=True)
    class Spy(Method):
        """Writes down what it is given."""

        name: ClassVar[str] = "spy"
        summary: ClassVar[str] = "for tests"
        epochs: ClassVar[float] = 2.0

        def loss(self, model: torch.nn.Module, batch: Any) -> Loss:
            """As every method, noted."""
            kept = batch.inputs["attention_mask"].bool()
            texts, types = ([v[m].tolist() for v, m in zip(batch.inputs[key], kept)] for key in ("input_ids", "token_type_ids"))
            batches.append(Batch(batch.rows.tolist(), batch.labels.tolist(), texts, types))
            return super().loss(model, batch)

    @dataclass(frozen=True, kw_only=True)
    class SpyVariants(Spy):
        """The same, for variants."""

        name: ClassVar[str] = "spy-variants"
        operator: ClassVar[str | None] = "synonym"

    for kind in (Spy, SpyVariants):
        monkeypatch.setitem(METHODS, kind.name, kind)
    return batches


ROW_CASES = [
    ("spy", {}, (0,)),
    ("spy-variants", {}, (1, 2, 3)),
    ("spy-variants", {"variants": 2}, (1, 2)),
    ("spy-variants", {"variants": 1, "include_original": True}, (0, 1)),
    ("spy-variants", {"include_original": True}, (0, 1, 2, 3)),
]


@pytest.mark.parametrize("accumulation", [1, 3])
@pytest.mark.parametrize(("method", "choice", "variants"), ROW_CASES, ids=str)
def test_every_row_is_seen_once_an_epoch(
    method: str,
    choice: dict[str, Any],
    variants: tuple[int, ...],
    accumulation: int,
    toy: Toy,
    tmp_path: Path,
    seen: list[Batch],
) -> None:
    settings = {"max_steps": -1, "num_train_epochs": 2, "per_device_train_batch_size": 5}
    run = fit_here(toy.single, method, tmp_path / "run", gradient_accumulation_steps=accumulation, **choice, **settings)
    m, sources = 3, 11
    expected = sorted(source * (m + 1) + variant for source in range(sources) for variant in variants)
    order = [row for batch in seen for row in batch.rows]
    first, second = order[: len(expected)], order[len(expected) :]
    assert sorted(first) == expected
    assert sorted(second) == expected
    assert first != second
    assert first != expected
    batches_an_epoch = -(-len(expected) // 5)
    assert len(seen) == 2 * batches_an_epoch
    assert run.record.results["steps"] == 2 * -(-batches_an_epoch // accumulation)
    assert run.record.results["epochs"] == 2
    _check_texts(seen, toy.single, run.path, ("text",))


def test_pairs_reach_the_model_as_one_sequence_of_their_own_row(toy: Toy, tmp_path: Path, seen: list[Batch]) -> None:
    settings = {"max_steps": -1, "num_train_epochs": 1, "max_length": 16}  # some are cut
    run = fit_here(toy.synonym, "spy-variants", tmp_path / "run", include_original=True, **settings)
    assert sorted(row for batch in seen for row in batch.rows) == list(range(ROWS * 3))
    _check_texts(seen, toy.synonym, run.path, ("sentence1", "sentence2"))


def _check_texts(seen: list[Batch], data: Path, run: Path, columns: tuple[str, ...]) -> None:
    """Tokens and label of every row that was seen are those of that row of the dataset."""
    rows, tokenizer = datasets.load_from_disk(str(data)), AutoTokenizer.from_pretrained(run)
    limit = json.loads((run / "xlt-run.json").read_bytes())["model"]["max_length"]
    config = json.loads((run / "config.json").read_bytes())
    names = rows.features["label"].names
    assert set(names) == set(CLASSES)
    for batch in seen:
        for row, label, ids, types in zip(*batch):
            stored = rows[row]
            expected = tokenizer(*(stored[name] for name in columns), truncation=True, max_length=limit)
            assert ids == expected["input_ids"]
            assert types == expected["token_type_ids"]
            assert len(ids) <= limit
            assert config["label2id"][names[stored["label"]]] == label
            assert any(word in stored[columns[0]] for group in CLASSES[names[stored["label"]]] for word in group)


# With Python 3.12 and newer a fork of a process with threads warns; those of the test run's own are harmless to a DataLoader.
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded, use of fork.*:DeprecationWarning")
def test_workers_of_a_data_loader_see_every_row_once(toy: Toy) -> None:
    data = TrainingSet.open(toy.single)
    encode = Encoder(nano_tokenizer(data.originals(11)["text"], 32), 32)
    view = VariantView(data, (0, 2, 3), encode, [2, 0, 1])
    here = [view[k] for k in range(len(view))]
    for workers in (0, 2):
        loader = DataLoader(view, batch_size=4, num_workers=workers, collate_fn=list)  # type: ignore[arg-type, var-annotated]
        assert [item for batch in loader for item in batch] == here
    assert [item["rows"] for item in here] == [4 * source + variant for source in range(11) for variant in (0, 2, 3)]
    stored = datasets.load_from_disk(str(toy.single))["label"]
    assert [item["labels"] for item in here] == [(2, 0, 1)[stored[item["rows"]]] for item in here]
    assert view[-1] == here[-1]
    assert view.__getitems__([7, 7, 0]) == [here[7], here[7], here[0]]
    for outside in (len(view), -len(view) - 1):
        with pytest.raises(IndexError):
            view[outside]


# ---- the loss that the optimizer sees


@pytest.mark.parametrize("accumulation", [1, 2])
def test_baseline_is_a_plain_trainer_bit_for_bit(accumulation: int, toy: Toy, tmp_path: Path) -> None:
    """Reference: the library's own Trainer and loss, on a list of the originals taken from plain `load_from_disk`."""
    shared = {
        "per_device_train_batch_size": 7, "num_train_epochs": 2, "gradient_accumulation_steps": accumulation,
        "learning_rate": 1e-3, "weight_decay": 0.01, "warmup_steps": 3, "seed": 11,
    }  # fmt: skip
    settings = {"max_steps": -1, "lr_scheduler_type": "linear"} | shared
    run = fit_here(toy.synonym, "baseline", tmp_path / "ours", **settings)

    rows = datasets.load_from_disk(str(toy.synonym)).filter(lambda row: row["variant"] == 0, keep_in_memory=True)
    set_seed(11)
    texts = [*rows["sentence1"], *rows["sentence2"]]
    loaded = load_model("nano", rows.features["label"].names, MAX_LENGTH, lambda _: texts)
    items = [
        dict(loaded.tokenizer(row["sentence1"], row["sentence2"], truncation=True, max_length=MAX_LENGTH))
        | {"labels": row["label"]}
        for row in rows
    ]
    assert len(items) == ROWS
    arguments = TrainingArguments(
        output_dir=str(tmp_path / "plain"), save_strategy="no", report_to="none", disable_tqdm=True,
        dataloader_pin_memory=False, **shared,
    )  # fmt: skip
    plain = Trainer(
        model=loaded.model, args=arguments, train_dataset=items, data_collator=DataCollatorWithPadding(loaded.tokenizer)
    )  # type: ignore[arg-type]
    plain.model_accepts_loss_kwargs = False  # this model's loss is a mean over the batch, so the Trainer has to divide
    plain.train()

    expected = plain.model.state_dict()
    found = load_file(run.path / "model.safetensors")
    assert set(found) == set(expected)
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert run.record.results["steps"] == plain.state.global_step


@pytest.mark.parametrize("accumulation", [1, 3])
def test_terms_are_logged_as_means(
    accumulation: int, toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trainers: list[Any]
) -> None:
    given: list[tuple[float, float]] = []

    @dataclass(frozen=True, kw_only=True)
    class Terms(Method):
        """A loss of two named parts."""

        name: ClassVar[str] = "terms"
        summary: ClassVar[str] = "for tests"
        epochs: ClassVar[float] = 1.0

        def loss(self, model: torch.nn.Module, batch: Any) -> Loss:
            """Cross-entropy, named, and a number that changes from batch to batch."""
            total = super().loss(model, batch).total
            other = batch.rows.float().mean()
            given.append((total.item(), other.item()))
            return Loss(total, {"a": total, "b": other})

    monkeypatch.setitem(METHODS, "terms", Terms)
    settings = {"max_steps": 7, "logging_steps": 2, "gradient_accumulation_steps": accumulation}
    fit_here(toy.synonym, "terms", tmp_path / "run", per_device_train_batch_size=4, **settings)
    logs = [entry for entry in trainers[0].state.log_history if "loss" in entry]
    assert [entry["step"] for entry in logs] == [2, 4, 6]
    assert len(given) == 7 * accumulation
    for k, entry in enumerate(logs):
        part = given[2 * k * accumulation : 2 * (k + 1) * accumulation]
        assert entry["a"] == pytest.approx(sum(a for a, _ in part) / len(part), rel=1e-5)
        assert entry["b"] == pytest.approx(sum(b for _, b in part) / len(part), rel=1e-5)
        assert entry["a"] == pytest.approx(entry["loss"], abs=1e-3)
    assert not {"a", "b"} & set(trainers[0].state.log_history[-1])  # the summary of the whole run


def test_the_seed_is_set_before_the_weights_are_drawn(toy: Toy, tmp_path: Path) -> None:
    """With no step to speak of, the weights are the first ones: the seed's, whatever was drawn before."""
    found = []
    for k, seed in enumerate((5, 5, 6)):
        torch.manual_seed(k)
        settings = SETTINGS | {"max_steps": 1, "learning_rate": 0.0, "seed": seed}
        run = fit_here(toy.single, "baseline", tmp_path / str(k), **settings)
        found.append(load_file(run.path / "model.safetensors"))
    name = "classifier.weight"
    assert torch.equal(found[0][name], found[1][name])
    assert not torch.equal(found[0][name], found[2][name])
