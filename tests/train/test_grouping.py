"""Rows of similar length share a batch: the library's own order, the same in every process and after a kill, each row once."""

from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
import torch
from accelerate.data_loader import BatchSamplerShard, SkipBatchSampler
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import BatchSampler
from transformers.trainer_pt_utils import get_length_grouped_indices

from tests.train.conftest import TokenToy
from tests.train.test_tokens import go_back
from tests.train.toy import Toy, fit_here, fit_words, run_train
from xlt_train.errors import RunError, UsageError
from xlt_train.training.sampler import LengthGrouped

GROUPED = {"train_sampling_strategy": "group_by_length"}
lengths = st.lists(st.integers(0, 30), min_size=1, max_size=900).map(lambda found: np.asarray(found, np.int32))


def _order(found: np.ndarray, batch: int, *, seed: int = 7, epoch: int = 0) -> list[int]:
    return list(LengthGrouped(found, batch, seed=seed, epoch=lambda: epoch))


@given(found=lengths, batch=st.integers(1, 20), seed=st.integers(0, 2**32 - 1), epoch=st.integers(0, 50))
def test_the_order_is_that_of_the_library(found: np.ndarray, batch: int, seed: int, epoch: int) -> None:
    """For the same permutation."""
    permutation = torch.from_numpy(np.random.default_rng([seed, epoch]).permutation(len(found)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "randperm", lambda n, generator: permutation)
        expected = get_length_grouped_indices(found.tolist(), batch)
    assert _order(found, batch, seed=seed, epoch=epoch) == expected


@given(found=lengths, batch=st.integers(1, 20))
def test_each_row_once_and_the_longest_first(found: np.ndarray, batch: int) -> None:
    order = _order(found, batch)
    assert sorted(order) == list(range(len(found)))
    assert all(type(item) is int for item in order)
    assert found[order[0]] == found.max()
    assert len(LengthGrouped(found, batch, seed=0, epoch=lambda: 0)) == len(found)


def test_seed_and_epoch_decide() -> None:
    found = np.random.default_rng(0).integers(5, 60, 3_000)
    orders = {(s, e): _order(found, 16, seed=s, epoch=e) for s in (7, 8) for e in (0, 1)}
    assert orders[7, 0] == _order(found, 16)
    assert len({tuple(order) for order in orders.values()}) == 4
    asked = iter((0, 1, 0))
    sampler = LengthGrouped(found, 16, seed=7, epoch=lambda: next(asked))
    assert [list(sampler) for _ in range(3)] == [orders[7, 0], orders[7, 1], orders[7, 0]]
    assert _order(np.zeros(0, np.int32), 4) == []


def test_little_is_padded() -> None:
    found = np.random.default_rng(0).gamma(6, 7, 40_000).astype(np.int32) + 5
    shares = []
    for order in (np.random.default_rng(1).permutation(len(found)), np.asarray(_order(found, 32))):
        batches = found[order].reshape(-1, 32)
        shares.append(1 - batches.sum() / (batches.max(1) * 32).sum())
    assert shares[0] > 0.4
    assert shares[1] < 0.03


@pytest.mark.parametrize("processes", [2, 3])
def test_several_processes_share_the_order(processes: int) -> None:
    """As accelerate deals batches out: each row once, the batches of a moment of similar length."""
    found = np.random.default_rng(0).integers(5, 60, 960)
    parts: list[list[list[int]]] = []
    for k in range(processes):
        batches = BatchSampler(LengthGrouped(found, 8, seed=7, epoch=lambda: 2), 8, drop_last=False)
        shard = BatchSamplerShard(batches, num_processes=processes, process_index=k)
        parts.append(list(shard))
        assert list(SkipBatchSampler(shard, 3)) == parts[-1][3:]  # as a run that goes on
    assert sorted(item for part in parts for batch in part for item in batch) == list(range(960))
    spread = [abs(found[a].max() - found[b].max()) for a, b in zip(parts[0], parts[1])]
    assert np.mean(spread) < 4


# ---- in a run


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """Rows of every batch that reaches the loss."""
    from xlt_train.methods.base import Method

    seen: list[list[int]] = []
    plain = Method.loss

    def watched(self: Any, model: Any, batch: Any) -> Any:
        seen.append(batch.rows.tolist())
        return plain(self, model, batch)

    monkeypatch.setattr(Method, "loss", watched)
    return seen


@pytest.mark.parametrize("accumulation", [1, 2])
@pytest.mark.parametrize("what", ["ids", "texts"])
def test_a_run_sees_each_row_once_an_epoch_in_that_order(
    what: str, accumulation: int, place: TokenToy, toy: Toy, tmp_path: Path, batches: list[list[int]]
) -> None:
    data = place.pairs if what == "ids" else toy.synonym
    settings = {"model": str(place.bert), "max_steps": -1, "num_train_epochs": 2, "per_device_train_batch_size": 4}
    run = fit_here(data, "rs-da", tmp_path / "run", **settings, **GROUPED, gradient_accumulation_steps=accumulation)
    rows = datasets.load_from_disk(str(data)).filter(lambda row: row["variant"] > 0, keep_in_memory=True)
    texts = [name for name in rows.column_names if name.endswith("_ids" if what == "ids" else ("1", "2"))]
    found = np.asarray([sum(len(row[name]) for name in texts) for row in rows])
    addresses = [3 * source + variant for source, variant in zip(rows["source_id"], rows["variant"])]
    for epoch, part in enumerate((batches[: len(batches) // 2], batches[len(batches) // 2 :])):
        expected = _order(found, 4 * accumulation, seed=7, epoch=epoch)
        assert [row for batch in part for row in batch] == [addresses[item] for item in expected]
    assert run.record.training["train_sampling_strategy"] == "group_by_length"
    said = run.record.training["lengths_in"]
    assert said == "bytes" if what == "texts" else said.startswith("tokens of toy, sha256 ")


@pytest.mark.parametrize("step", [5, 8, 11])  # in the first epoch, at its end, in the second
def test_a_grouped_run_goes_on_to_the_same_weights(step: int, place: TokenToy, tmp_path: Path) -> None:
    settings: dict[str, Any] = {
        "model": str(place.bert), "max_steps": 14, "save_strategy": "steps", "save_steps": step, "save_total_limit": 9,
        "data_seed": 3,
    }  # fmt: skip
    whole = fit_here(place.pairs, "rs-da", tmp_path / "run", **settings, **GROUPED)
    go_back(whole.path, step)
    again = fit_here(place.pairs, "rs-da", tmp_path / "run", **settings, **GROUPED, resume_from_checkpoint="true")
    assert again.record.results["resumed_from"] == f"checkpoint-{step}"
    assert again.record.weights == whole.record.weights
    other = fit_here(place.pairs, "rs-da", tmp_path / "other", **(settings | {"data_seed": 4}), **GROUPED)
    assert other.record.weights != whole.record.weights


def test_lengths_of_another_kind_are_no_continuation(place: TokenToy, toy: Toy, tmp_path: Path) -> None:
    settings = {"model": str(place.bert), "max_steps": 4, "save_strategy": "steps", "save_steps": 2, "save_total_limit": 9}
    whole = fit_here(place.pairs, "rs-da", tmp_path / "run", **settings, **GROUPED)
    go_back(whole.path, 2)
    with pytest.raises(RunError, match="a run with other settings: lengths_in tokens of toy"):
        fit_here(toy.synonym, "rs-da", whole.path, **settings, **GROUPED, resume_from_checkpoint="true")


def test_the_development_set_keeps_its_order(place: TokenToy, toy: Toy, tmp_path: Path, trainers: list[Any]) -> None:
    settings = {"model": str(place.bert), "max_steps": 4, "dev": toy.dev, "eval_strategy": "steps", "eval_steps": 4}
    found = [fit_here(place.pairs, "rs-da", tmp_path / "run", **settings, **GROUPED, save_strategy="steps")]
    asked: list[int] = []
    view = trainers[0].eval_dataset
    plain = view.__getitems__
    view.__class__ = type("Watched", (type(view),), {"__getitems__": lambda self, items: asked.extend(items) or plain(items)})
    list(trainers[0].get_eval_dataloader())
    assert asked == list(range(30))  # each once, in order: none was tokenised for its length
    assert found[0].record.results["dev_accuracy"] is not None


def test_unequal_batches_are_refused(toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = fit_words(toy.synonym, "rs-da", train_sampling_strategy="batch_rebalance", output_dir=tmp_path / "run")
    done = run_train(capsys, *words)
    assert done.code == 2
    assert "batch_rebalance" in done.err
    assert "group_by_length" in done.err
    assert not (tmp_path / "run").exists()
    with pytest.raises(UsageError, match="equal size"):
        fit_here(toy.synonym, "rs-da", tmp_path / "run", train_sampling_strategy="batch_rebalance")
