"""A checkpoint that was changed, or is of another model, is refused in one line before anything is touched."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.train.conftest import Once
from tests.train.test_tokens import go_back
from tests.train.toy import Toy, checkpoints, fit_here, fit_words, run_train, snapshot
from xlt_train.errors import RunError
from xlt_train.runs.checkpoint import check_architecture

SETTINGS: dict[str, Any] = {"max_steps": 6, "save_strategy": "steps", "save_steps": 2, "save_total_limit": 9}
RESUME = {"resume_from_checkpoint": "true"}


@pytest.fixture(scope="session")
def base(toy: Toy, once: Once) -> Path:
    """A run from a small BERT that lies beside it, and other models by name that could lie in its place."""

    def make(folder: Path) -> None:
        import torch
        from transformers import AutoTokenizer, BertConfig, BertModel, DistilBertConfig, DistilBertModel

        from tests.small_models import save_small_bert

        words = (toy.synonym.parent / "train.tsv").read_text().split("\t")
        save_small_bert(folder / "model", words)
        tokenizer = AutoTokenizer.from_pretrained(folder / "model")
        torch.manual_seed(0)
        size = len(tokenizer)
        shape = {"hidden_size": 32, "num_attention_heads": 2, "intermediate_size": 64, "max_position_embeddings": 128}
        small = {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64, "max_position_embeddings": 128}
        others = {
            "deeper": BertModel(BertConfig(vocab_size=size, num_hidden_layers=3, **shape)),
            "wider": BertModel(BertConfig(vocab_size=size, num_hidden_layers=2, **shape | {"hidden_size": 64})),
            "heads": BertModel(BertConfig(vocab_size=size, num_hidden_layers=2, **shape | {"num_attention_heads": 4})),
            "distil": DistilBertModel(DistilBertConfig(vocab_size=size, **small)),  # type: ignore[arg-type]
        }
        for name, model in others.items():
            tokenizer.save_pretrained(folder / name)
            model.save_pretrained(folder / name)
        run = fit_here(toy.synonym, "rs-da", folder / "run", **SETTINGS, model=str(folder / "model"))
        go_back(run.path, 4)

    return once("checkpoints", make)


@pytest.fixture
def place(base: Path, tmp_path: Path) -> Path:
    """A copy of it; the record of the run names the model where it lies now."""
    folder = Path(shutil.copytree(base, tmp_path / "w"))
    for path in folder.rglob("xlt-run.json"):
        body = json.loads(path.read_bytes())
        body["model"]["name"] = str(folder / "model")
        path.write_text(json.dumps(body))
    return folder


def _refused(place: Path, toy: Toy, says: str, **settings: Any) -> None:
    before = snapshot(place)
    with pytest.raises(RunError, match=says) as error:
        fit_here(toy.synonym, "rs-da", place / "run", **SETTINGS | RESUME | {"model": str(place / "model")} | settings)
    assert "\n" not in str(error.value)
    assert snapshot(place) == before


def test_an_untouched_one_is_gone_on_from(place: Path, toy: Toy) -> None:
    again = fit_here(toy.synonym, "rs-da", place / "run", **SETTINGS, **RESUME, model=str(place / "model"))
    assert again.record.results["resumed_from"] == "checkpoint-4"
    whole = fit_here(toy.synonym, "rs-da", place / "whole", **SETTINGS, model=str(place / "model"))
    assert again.record.weights == whole.record.weights


@pytest.mark.parametrize(
    ("other", "says"),
    [
        (
            "distil",
            r"a checkpoint of BertForSequenceClassification \(bert\); expected one of DistilBertForSequenceClassification",
        ),
        ("deeper", "num_hidden_layers 2; expected 3"),
        ("wider", "hidden_size 32; expected 64"),
        ("heads", "num_attention_heads 2; expected 4"),  # of which no weight's shape would tell
    ],
)
@pytest.mark.parametrize("how", ["found", "named"])
def test_a_checkpoint_of_another_model(how: str, other: str, says: str, place: Path, toy: Toy) -> None:
    """Under the name that the run was begun with lies another model by now."""
    shutil.rmtree(place / "model")
    shutil.copytree(place / other, place / "model")
    if how == "found":
        _refused(place, toy, f"going on from .*run/checkpoint-4: found {says}")
    else:
        words = SETTINGS | {"model": str(place / "model"), "resume_from_checkpoint": str(place / "run" / "checkpoint-4")}
        before = snapshot(place)
        with pytest.raises(RunError, match=f"going on from .*run/checkpoint-4: found {says}"):
            fit_here(toy.synonym, "rs-da", place / "new", **words)
        assert snapshot(place) == before
        assert not (place / "new").exists()


def test_a_checkpoint_of_another_run(place: Path, toy: Toy) -> None:
    """By its own record it is of another model."""
    _refused(place, toy, "going on with .*run: found a run with other settings: model.name", model=str(place / "deeper"))


def test_a_checkpoint_of_plain_transformers(place: Path, toy: Toy) -> None:
    (place / "run" / "checkpoint-4").rename(place / "foreign")
    (place / "foreign" / "xlt-run.json").unlink()
    _refused(
        place, toy, "opening the run .*foreign: found no readable xlt-run.json", resume_from_checkpoint=str(place / "foreign")
    )


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        ("model.safetensors", _flip, "checking the weights"),
        ("model.safetensors", Path.unlink, "checking the weights .*found no such file"),
        ("config.json", _flip, "checking the model file"),
        ("tokenizer.json", _flip, "checking the model file"),
    ],
)
def test_a_changed_checkpoint(name: str, change: Callable[[Path], object], says: str, place: Path, toy: Toy) -> None:
    change(place / "run" / "checkpoint-4" / name)
    _refused(place, toy, f"{says}.*Remove it to go on from the one before")


def test_without_the_changed_one_it_goes_on_from_the_one_before(place: Path, toy: Toy) -> None:
    settings: dict[str, Any] = SETTINGS | {"model": str(place / "model")}
    whole = fit_here(toy.synonym, "rs-da", place / "other", **settings)
    record = json.loads((whole.path / "xlt-run.json").read_bytes())
    (whole.path / "xlt-run.json").write_text(
        json.dumps(record | {"status": "started", "weights": {}, "files": {}, "results": {}})
    )
    (whole.path / "model.safetensors").unlink()
    assert [path.name for path in checkpoints(whole.path)] == ["checkpoint-2", "checkpoint-4", "checkpoint-6"]
    for step in (6, 4):
        _flip(whole.path / f"checkpoint-{step}" / "model.safetensors")
        with pytest.raises(RunError, match=f"checkpoint-{step}/model.safetensors"):
            fit_here(toy.synonym, "rs-da", whole.path, **settings, **RESUME)
        shutil.rmtree(whole.path / f"checkpoint-{step}")
    again = fit_here(toy.synonym, "rs-da", whole.path, **settings, **RESUME)
    assert again.record.results["resumed_from"] == "checkpoint-2"
    assert again.record.weights == whole.record.weights


def test_the_best_one_must_be_as_it_was_too(toy: Toy, tmp_path: Path) -> None:
    """It may be what the run ends as."""
    settings = SETTINGS | {"dev": toy.dev, "eval_strategy": "steps", "eval_steps": 2, "learning_rate": 1e-8}
    run = fit_here(toy.synonym, "rs-da", tmp_path / "run", **settings)
    assert run.record.results["best_step"] == 2  # equal ones do not replace the first
    go_back(shutil.copytree(run.path, tmp_path / "copy"), 4)
    shutil.copytree(run.path / "checkpoint-2", tmp_path / "copy" / "checkpoint-2")
    _flip(tmp_path / "copy" / "checkpoint-2" / "model.safetensors")
    before = snapshot(tmp_path / "copy")
    with pytest.raises(RunError, match=r"checking the weights .*copy/checkpoint-2/model\.safetensors"):
        fit_here(toy.synonym, "rs-da", tmp_path / "copy", **settings, **RESUME)
    assert snapshot(tmp_path / "copy") == before


def test_one_line_at_the_command(place: Path, toy: Toy, capsys: pytest.CaptureFixture[str]) -> None:
    _flip(place / "run" / "checkpoint-4" / "model.safetensors")
    words = fit_words(toy.synonym, "rs-da", **SETTINGS | RESUME | {"model": str(place / "model"), "output_dir": place / "run"})
    done = run_train(capsys, *words)
    assert (done.code, done.out) == (1, "")
    assert len([line for line in done.err.splitlines() if line.startswith("xlt-train: checking the weights")]) == 1
    assert "Traceback" not in done.err


def test_special_ids_and_settings_of_the_head_do_not_count(place: Path) -> None:
    """The Trainer itself changes the ids of special tokens in a configuration."""
    from transformers import AutoModelForSequenceClassification

    path = place / "run" / "checkpoint-4"
    model = AutoModelForSequenceClassification.from_pretrained(path)
    model.config.pad_token_id, model.config.hidden_dropout_prob = 3, 0.5
    check_architecture(path, model)
    model.config.type_vocab_size = 3
    with pytest.raises(RunError, match="type_vocab_size 2; expected 3, as --model has it"):
        check_architecture(path, model)
