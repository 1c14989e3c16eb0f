"""The smoothed classifier is what a plain loop over draws finds, whatever shares a batch."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from tests.command import Outcome
from tests.evaluation.judged import ITEMS, LANGUAGES, MAX_LENGTH, Place, opened, rows
from tests.perturbation import reference
from xlt_train import evaluate
from xlt_train.errors import UsageError
from xlt_train.evaluation.smooth import Smoothing, Tally

DRAWS = 5


def _table(folder: Path) -> list[dict[str, Any]]:
    return list(pq.read_table(folder / "predictions.parquet").to_pylist())


def _address(a: str, b: str, item: int) -> int:
    return (int.from_bytes(hashlib.sha256(f"{a}\t{b}".encode()).digest()[:8], "little") + item) % 2**64


def _drawn(run: Path, cell: tuple[str, str], item: int, kind: str, epsilon: float, seed: int, spare: bool) -> np.ndarray:
    """Logits [draws, C] of one row, alone: noise from the definition's own words, added behind the embeddings."""
    model, tokenizer = opened(run)
    texts = rows(cell[0])[item][0], rows(cell[1])[item][1]
    inputs = tokenizer(*texts, truncation=True, max_length=MAX_LENGTH, return_tensors="pt")
    mask, found = np.ones((1, inputs["input_ids"].shape[1])), []
    for draw in range(DRAWS):
        delta = reference.sample(kind, epsilon, 32, [_address(*cell, item)], mask, epoch=0, seed=seed, draw=draw)
        shift = torch.tensor(delta, dtype=torch.float32)
        if spare:
            shift[0, torch.isin(inputs["input_ids"][0], torch.tensor(tokenizer.all_special_ids))] = 0
        handle = model.bert.embeddings.register_forward_hook(lambda module, args, out, shift=shift: out + shift)
        with torch.no_grad():
            found.append(model(**inputs).logits[0].numpy())
        handle.remove()
    return np.array(found)


@pytest.mark.parametrize(
    ("kind", "options"),
    [("linf", {}), ("l2", {"norm": "l2"}), ("gaussian", {"noise": "gaussian"}), ("linf", {"spare_special_tokens": True})],
)
def test_votes_are_those_of_a_plain_loop(kind: str, options: dict[str, Any], place: Place) -> None:
    epsilon = {"linf": 0.8, "l2": 4.0, "gaussian": 0.5}[kind]
    done = evaluate("bert", "tests", pairs="all", rows=(2, 5), smooth=DRAWS, epsilon=epsilon, seed=9, batch_size=3, **options)
    assert done.path.name.startswith("test-2-5-pairs-smoothed-")
    labels, split = json.loads(pq.read_schema(done.path / "predictions.parquet").metadata[b"xlt"])["labels"], 0
    for row in _table(done.path)[::4]:
        logits = _drawn(
            place.bert, (row["language_1"], row["language_2"]), row["item"], kind, epsilon, 9, "spare_special_tokens" in options
        )
        votes = np.bincount(logits.argmax(-1), minlength=3)
        assert row["votes"] == votes.tolist()
        assert np.abs(np.array(row["logits"]) - logits.mean(0)).max() < 1e-4
        shares = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
        best = max(range(3), key=lambda k: (votes[k], shares[:, k].mean(), -k))
        assert row["predicted"] == labels[best]
        split += votes.max() < DRAWS
    assert split  # noise that changes nothing would hide everything


def test_epsilon_0_is_the_plain_classifier(place: Place) -> None:
    plain, smooth = evaluate("bert", "tests", pairs="all"), evaluate("bert", "tests", pairs="all", smooth=3, epsilon=0)
    assert plain.path != smooth.path
    found = _table(smooth.path)
    assert [row.pop("votes") for row in found] == [
        [3 * (row["logits"][k] == max(row["logits"])) for k in range(3)] for row in found
    ]
    assert found == _table(plain.path)


def test_neither_batches_nor_other_cells_count(place: Place) -> None:
    options: dict[str, Any] = {"smooth": 4, "epsilon": 0.8}
    whole = {
        (r["language_1"], r["language_2"], r["item"]): r for r in _table(evaluate("bert", "tests", pairs="all", **options).path)
    }
    others = [
        evaluate("bert", "tests", batch_size=1, out="a", **options),
        evaluate("bert", "tests", languages=("ko",), rows=(3, 8), out="b", **options),
        evaluate("bert", "tests", pairs="all", languages=("ko", "de"), batch_size=100, out="c", **options),
    ]
    for done in others:
        for row in _table(done.path):
            same = whole[row["language_1"], row["language_2"], row["item"]]
            assert (row["votes"], row["predicted"]) == (same["votes"], same["predicted"])
            assert np.abs(np.array(row["logits"]) - np.array(same["logits"])).max() < 1e-4
    other = _table(evaluate("bert", "tests", seed=1, out="d", **options).path)
    assert any(row["logits"] != whole[row["language_1"], row["language_2"], row["item"]]["logits"] for row in other)


def test_depth_is_where_noise_is_added(place: Place) -> None:
    tables = [
        _table(evaluate("bert", "tests", smooth=2, epsilon=0.5, depth=d, out=f"at-{d}").path) for d in ("embeddings", "1", "2")
    ]
    logits = [np.array([row["logits"] for row in table]) for table in tables]
    assert np.abs(logits[0] - logits[1]).max() < 1e-4  # what comes out of the embeddings goes into the first layer
    assert np.abs(logits[1] - logits[2]).max() > 1e-2


def test_settings_are_those_of_the_training() -> None:
    trained = {"name": "rs-rp", "paired": False, "epsilon": 0.3, "norm": "l2", "noise": "gaussian", "depth": "1", "draws": 4}
    assert Smoothing.of(7, trained, {}) == Smoothing(draws=7, epsilon=0.3, norm="l2", noise="gaussian", depth="1")
    found = Smoothing.of(7, trained, {"epsilon": 1, "norm": "linf", "depth": None, "seed": 5})
    assert found == Smoothing(draws=7, epsilon=1.0, norm="linf", noise="gaussian", depth="1", seed=5)
    assert Smoothing.of(0, trained, {"epsilon": None}) is None


@pytest.mark.parametrize(
    ("draws", "given", "says"),
    [
        (0, {"epsilon": 0.1}, "--epsilon 0.1; expected --smooth N"),
        (-1, {}, "--smooth -1"),
        (5, {}, "none, and a run of baseline was trained without"),
        (5, {"epsilon": -1.0}, "-1.0; expected 0 or more"),
        (5, {"epsilon": float("nan")}, "nan; expected 0 or more"),
        (5, {"epsilon": 0.1, "norm": "l1"}, "'l1'; expected linf or l2"),
        (5, {"epsilon": 0.1, "noise": "pink"}, "'pink'; expected uniform or gaussian"),
        (5, {"epsilon": 0.1, "depth": "deep"}, "'deep'; expected word-embeddings"),
        (5, {"epsilon": 0.1, "draws": 3}, "draws; expected"),
        (5, {"epsilon": 0.1, "colour": 3}, "colour; expected"),
    ],
)
def test_settings_that_are_none(draws: int, given: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError) as error:
        Smoothing.of(draws, {"name": "baseline"}, given)
    assert says in str(error.value)


def test_a_layer_that_is_not_there(place: Place) -> None:
    with pytest.raises(UsageError, match="layer 3; expected 1 to 2"):
        evaluate("bert", "tests", smooth=2, epsilon=0.1, depth="3")
    assert not Path("bert/evaluations").exists()


def test_equal_votes_go_to_the_more_probable_then_the_first() -> None:
    tally = Tally()
    first = [[2.0, 1, 0], [0, 3, 0], [1, 0, 0], [9, 0, 0]]
    second = [[0, 0, 5.0], [9, 0, 0], [0, 1, 0], [0, 0, 0.5]]
    third = [[0, 1, 0.0], [0, 0, 2.0], [0, 0, 2.0], [0, 0, 0.5]]
    for logits in (first, second, third):
        tally.add(torch.tensor(logits))
    mean, predicted, votes = tally.outcome()
    assert votes.tolist() == [[1, 1, 1], [1, 1, 1], [1, 1, 1], [1, 0, 2]]
    assert predicted.tolist() == [2, 0, 2, 2]  # the last by votes, against the probabilities
    assert torch.allclose(mean[0], torch.tensor([2 / 3, 2 / 3, 5 / 3]))
    even = Tally()
    for row in ([[1.0, 0]], [[0.0, 1]]):
        even.add(torch.tensor(row))
    assert even.outcome()[1].tolist() == [0]


def test_the_command_says_how_it_was_smoothed(place: Place, command: Callable[..., Outcome]) -> None:
    outcome = command("bert", "--test-dir", "tests", "--smooth", 2, "--epsilon", 0.25, "--norm", "l2", "--seed", 3)
    assert (outcome.code, outcome.err) == (0, "")
    assert "draws 2, epsilon 0.25, norm l2, noise uniform, depth embeddings, spare_special_tokens False, seed 3" in outcome.out
    assert "### test, smoothed by 2 draws, epsilon 0.25" in Path("bert/README.md").read_text()
    refused = command("bert", "--test-dir", "tests", "--epsilon", 0.1)
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.startswith("xlt-train: reading the settings of smoothing: found --smooth 0 --epsilon 0.1; expected")
    assert len(_table(next(Path("bert/evaluations").iterdir()))) == ITEMS * len(LANGUAGES)
