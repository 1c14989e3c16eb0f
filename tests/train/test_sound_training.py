"""Every method through `fit`: accumulation, processes, seeds, epochs, kills; and what must be equal to the bit."""

import json
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from tests.command import forked_python
from tests.conftest import PROJECT
from tests.train.conftest import Once, TokenToy
from tests.train.toy import SETTINGS, Toy, checkpoint_states, environment, fit_here, fit_words, kill_when
from xlt_train.errors import UsageError
from xlt_train.methods.base import Batch
from xlt_train.methods.registry import METHODS

Weights = dict[str, Tensor]

# With targets heavy enough to be seen in the weights.
WAYS: dict[str, dict[str, Any]] = {
    "baseline": {},
    "adv": {"epsilon": 0.05, "steps": 2, "restarts": 2},
    "rs-rp": {"epsilon": 0.5, "draws": 2, "norm": "l2"},
    "rs-da": {},
    "rs-syntax": {},
    "rs-da+rs-rp": {"epsilon": 0.5},
    "rs-da+adv": {"epsilon": 0.05},
    "ear": {"alpha": 5.0, "beta": 1000.0},
}
ABLATION = {"push": "nt", "sigma": 0.3, "pull": "srpt"}
NEW = ["adv", "rs-rp", "rs-da+rs-rp", "rs-da+adv", "ear"]
every_method = pytest.mark.parametrize("name", list(WAYS))
SEEN = ["baseline", "ear"]  # of which it is shown that other rows would give other weights
# One step whose change of the weights is the gradient.
PLAIN_STEPS = {"optim": "sgd", "learning_rate": 1.0, "max_grad_norm": 0.0, "max_steps": 1}


def _data(toy: Toy, name: str) -> Path:
    return toy.swap if name == "rs-syntax" else toy.synonym


@pytest.fixture(scope="session")
def still(place: TokenToy, once: Once) -> Path:
    """A small BERT without dropout."""

    def make(folder: Path) -> None:
        for path in place.bert.iterdir():
            (folder / path.name).write_bytes(path.read_bytes())
        config = json.loads((folder / "config.json").read_bytes())
        config |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
        (folder / "config.json").write_text(json.dumps(config))

    return once("still", make)


def _trained(toy: Toy, name: str, out: Path, **settings: Any) -> Weights:
    run = fit_here(_data(toy, name), name, out, **(WAYS[name] | settings))
    found: Weights = load_file(run.path / "model.safetensors")
    return found


def _furthest(one: Weights, other: Weights) -> float:
    assert one.keys() == other.keys()
    return max((one[name] - other[name]).abs().max().item() for name in one)


def test_the_table_holds_every_method() -> None:
    assert list(WAYS) == list(METHODS)


# ---- accumulation and processes, dropout off


@every_method
def test_four_batches_of_8_give_the_gradient_of_one_of_32(name: str, still: Path, toy: Toy, tmp_path: Path) -> None:
    settings = {"model": str(still), **PLAIN_STEPS}
    whole = _trained(toy, name, tmp_path / "whole", per_device_train_batch_size=32, **settings)
    parts = {"per_device_train_batch_size": 8, "gradient_accumulation_steps": 4}
    assert _furthest(_trained(toy, name, tmp_path / "parts", **parts, **settings), whole) < 1e-5
    if name in SEEN:
        few = _trained(toy, name, tmp_path / "few", per_device_train_batch_size=8, **settings)
        assert _furthest(few, whole) > 1e-2


@pytest.fixture(scope="session")
def grouped(still: Path, toy: Toy, once: Once) -> Path:
    """Three plain steps of every method by two processes, 8 rows each."""

    def make(folder: Path) -> None:
        common = {"use_cpu": True, "ddp_backend": "gloo", "model": str(still), "per_device_train_batch_size": 8}
        steps = PLAIN_STEPS | {"learning_rate": 0.1, "max_steps": 3}
        runs = [
            {
                **SETTINGS,
                **common,
                **steps,
                **way,
                "method": name,
                "data": str(_data(toy, name)),
                "output_dir": str(folder / name),
            }
            for name, way in WAYS.items()
        ]
        (folder / "runs.json").write_text(json.dumps(runs))
        group = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
        words = [*group, "-m", "tests.train.several_fits", str(folder / "runs.json")]
        env = environment(1) | {"PYTHON_EXEC": forked_python()}  # what it starts the two with
        done = subprocess.run(words, cwd=PROJECT, env=env, capture_output=True, text=True, timeout=240)
        assert done.returncode == 0, done.stderr[-3000:]

    return once("grouped", make)


@every_method
def test_two_processes_are_one(name: str, grouped: Path, still: Path, toy: Toy, tmp_path: Path) -> None:
    settings = PLAIN_STEPS | {"learning_rate": 0.1, "max_steps": 3, "model": str(still), "per_device_train_batch_size": 16}
    alone = _trained(toy, name, tmp_path / "alone", **settings)
    assert json.loads((grouped / name / "xlt-run.json").read_bytes())["training"]["processes"] == 2
    assert _furthest(load_file(grouped / name / "model.safetensors"), alone) < 1e-6
    if name in SEEN:
        half = _trained(toy, name, tmp_path / "half", **settings | {"per_device_train_batch_size": 8})
        assert _furthest(half, alone) > 1e-3


# ---- equal to the bit, with dropout


SAME: dict[str, tuple[tuple[str, dict[str, Any]], tuple[str, dict[str, Any]]]] = {
    "adv without radius": (("adv", {"epsilon": 0.0}), ("baseline", {})),
    "rs-rp without radius": (("rs-rp", {"epsilon": 0.0}), ("baseline", {})),
    "rs-da+adv without radius": (("rs-da+adv", {"epsilon": 0.0}), ("rs-da", {})),
    "rs-da+rs-rp without radius": (("rs-da+rs-rp", {"epsilon": 0.0}), ("rs-da", {})),
    "ear without weights": (("ear", {"alpha": 0.0, "beta": 0.0}), ("ear", {"push": "none", "pull": "none"})),
}


@pytest.mark.parametrize("what", list(SAME))
def test_what_is_the_same_ends_at_the_same_weights(what: str, place: TokenToy, toy: Toy, tmp_path: Path) -> None:
    weights = [
        fit_here(toy.synonym, name, tmp_path / str(k), model=str(place.bert), max_steps=4, **settings).record.weights
        for k, (name, settings) in enumerate(SAME[what])
    ]
    assert weights[0] == weights[1]


@pytest.mark.parametrize("name", ["adv", "rs-rp", "ear"])
def test_the_seed_decides(name: str, place: TokenToy, toy: Toy, tmp_path: Path) -> None:
    settings = WAYS[name] | {"model": str(place.bert), "max_steps": 3}
    runs = [fit_here(toy.synonym, name, tmp_path / str(k), **settings, **more) for k, more in enumerate(({}, {}, {"seed": 8}))]
    first, second, other = (run.record.weights["model.safetensors"] for run in runs)
    assert first == second != other


@pytest.mark.parametrize("name", ["adv", "rs-rp", "ear"])
def test_activation_checkpointing_ends_at_the_same_weights(name: str, place: TokenToy, toy: Toy, tmp_path: Path) -> None:
    settings = WAYS[name] | PLAIN_STEPS | {"model": str(place.bert), "max_steps": 2, "learning_rate": 0.1}
    plain = _trained(toy, name, tmp_path / "plain", **settings)
    assert _furthest(_trained(toy, name, tmp_path / "again", activation_checkpointing=True, **settings), plain) < 1e-6


@pytest.mark.parametrize("name", ["adv", "ear"])
def test_half_precision_has_nearly_the_same_terms(
    name: str, trainers: list[Any], still: Path, toy: Toy, tmp_path: Path
) -> None:
    logs = []
    for more in ({}, {"bf16": True, "use_cpu": True}):
        _trained(toy, name, tmp_path / str(len(logs)), model=str(still), max_steps=2, logging_steps=1, **more)
        logs.append([entry for entry in trainers[-1].state.log_history if "loss" in entry])
    for plain, half in zip(*logs):
        terms = set(plain) - {"step", "epoch", "learning_rate", "grad_norm", "apt"}  # A differs little here: a difference of it
        assert {key: half[key] for key in terms} == pytest.approx({key: plain[key] for key in terms}, rel=0.02)
        assert half["loss"] != plain["loss"]


def test_checkpointing_that_drops_gradients_is_refused(toy: Toy, tmp_path: Path) -> None:
    """The reentrant kind runs a layer without gradients, and what is read inside has none."""
    how = {"activation_checkpointing": True, "activation_checkpointing_kwargs": {"use_reentrant": True}}
    with pytest.raises(UsageError, match="use_reentrant"):
        fit_here(toy.synonym, "ear", tmp_path / "run", max_steps=1, **how)


# ---- epochs


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[Batch]:
    """Batches that reach `rs-rp`."""
    seen: list[Batch] = []
    inner = METHODS["rs-rp"].loss

    def noted(self: Any, model: Any, batch: Batch) -> Any:
        seen.append(batch)
        return inner(self, model, batch)

    monkeypatch.setattr(METHODS["rs-rp"], "loss", noted)
    return seen


@pytest.mark.parametrize("accumulation", [1, 3])
def test_each_epoch_has_noise_of_its_own(
    accumulation: int, batches: list[Batch], still: Path, toy: Toy, tmp_path: Path
) -> None:
    """60 rows, 8 batches of 8 an epoch: accumulated by three, the last step of an epoch is of two."""
    settings = {"per_device_train_batch_size": 8, "gradient_accumulation_steps": accumulation, "model": str(still)}
    fit_here(toy.synonym, "rs-rp", tmp_path / "run", max_steps=-1, num_train_epochs=3, seed=11, **settings)
    assert [batch.epoch for batch in batches] == [0] * 8 + [1] * 8 + [2] * 8
    assert {batch.seed for batch in batches} == {11}
    assert all(set(batch.special_ids) >= {0, 2, 3} for batch in batches)  # [PAD], [CLS], [SEP]
    for epoch in range(3):
        rows = torch.cat([batch.rows for batch in batches if batch.epoch == epoch])
        assert sorted(rows.tolist()) == list(range(0, 180, 3))  # variant 0 of 60 rows


# ---- kills


STEPS = 12  # three epochs
KEPT = {"max_steps": STEPS, "save_strategy": "steps", "save_steps": 2, "save_total_limit": 2}
RESUME = {"resume_from_checkpoint": "true"}


class Killed(BaseException):
    """What nobody catches."""


def _killed_at(step: int, name: str, patch: pytest.MonkeyPatch, run: Callable[[], Any]) -> None:
    steps, inner = [0], METHODS[name].loss

    def loss(self: Any, model: Any, batch: Batch) -> Any:
        steps[0] += 1
        if steps[0] == step:
            raise Killed
        return inner(self, model, batch)

    with patch.context() as within:
        within.setattr(METHODS[name], "loss", loss)
        with pytest.raises(Killed):
            run()


@pytest.mark.parametrize(("name", "more"), [*((name, WAYS[name]) for name in NEW), ("ear", ABLATION)], ids=str)
def test_a_run_that_was_stopped_anywhere_ends_at_the_same_weights(
    name: str, more: dict[str, Any], place: TokenToy, toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = more | KEPT | {"model": str(place.bert)}
    whole = fit_here(toy.synonym, name, tmp_path / "whole", **settings).record
    step = random.Random(name).randint(4, STEPS - 1)
    _killed_at(step, name, monkeypatch, lambda: fit_here(toy.synonym, name, tmp_path / "killed", **settings))
    assert [state["global_step"] for state in checkpoint_states(tmp_path / "killed")][-1] == (step - 1) // 2 * 2
    again = fit_here(toy.synonym, name, tmp_path / "killed", **settings, **RESUME).record
    assert again.results["resumed_from"] is not None
    assert again.weights == whole.weights


def test_a_killed_process_of_ear_goes_on_to_the_same_weights(toy: Toy, place: TokenToy, tmp_path: Path) -> None:
    settings = WAYS["ear"] | KEPT | {"model": str(place.bert), "max_steps": 40}
    words = fit_words(toy.synonym, "ear", **settings)
    for attempt in range(4):  # where this process gets no time for seconds, the other one comes to its end
        out = tmp_path / f"killed-{attempt}"
        more = [*words, "--output_dir", str(out)]
        if kill_when(lambda path: len(checkpoint_states(path)) > 1, more, cwd=tmp_path, folder=out, hash_seed=2):
            break
    again = fit_here(toy.synonym, "ear", out, **settings, **RESUME).record
    assert again.results["resumed_from"] is not None
    assert again.weights == fit_here(toy.synonym, "ear", tmp_path / "whole", **settings).record.weights
