"""Batches of pairs: each original with each chosen variant of its own row, once an epoch, all rows of a batch padded alike."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, cast

import datasets
import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.train.conftest import TokenToy
from tests.train.toy import ROWS, M, Toy, fit_here, fit_words, run_train, sign, write_arrow
from xlt_train import TrainingSet, evaluate
from xlt_train.data.padding import Padding
from xlt_train.data.view import JoinedView, PairView, VariantView
from xlt_train.errors import DatasetError, XltError
from xlt_train.methods.base import Batch, Loss, Method, cross_entropy, logits
from xlt_train.methods.registry import METHODS
from xlt_train.training.sampler import LengthGrouped

FEW = {"max_steps": 4}
SEEN: list[Batch] = []


@dataclass(frozen=True, kw_only=True)
class Pairs(Method):
    """Cross-entropy of both halves of a batch; it keeps what it is given."""

    name: ClassVar[str] = "pairs"
    summary: ClassVar[str] = "cross-entropy of originals and variants"
    epochs: ClassVar[float] = 1.0
    operator: ClassVar[str | None] = "synonym"
    paired: ClassVar[bool] = True

    def loss(self, model: torch.nn.Module, batch: Batch) -> Loss:
        """The mean over all rows."""
        SEEN.append(batch)
        found = cross_entropy(logits(model, batch), batch.labels.repeat(2), self.label_smoothing)
        return Loss(found, {"ce": found})


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[Batch]:
    """The batches that reach the method `pairs`, which is there for the test."""
    SEEN.clear()
    monkeypatch.setitem(METHODS, "pairs", Pairs)
    return SEEN


def _write_out(columns: Any) -> list[dict[str, Any]]:
    return [{"texts": texts} for texts in zip(*columns)]


# ---- the view


@given(m=st.integers(1, 32_767), source_rows=st.integers(1, 40), data=st.data())
def test_each_row_is_paired_with_each_chosen_variant_once(m: int, source_rows: int, data: st.DataObject) -> None:
    variants = data.draw(st.lists(st.integers(1, m), min_size=1, max_size=12, unique=True).map(sorted))
    taken: list[list[int]] = []

    def take(rows: list[int]) -> dict[str, list[Any]]:
        taken.append(rows)
        return {"text": [str(row) for row in rows], "label": [0] * len(rows)}

    here = SimpleNamespace(manifest=SimpleNamespace(source_rows=source_rows, m=m), take=take)
    view = PairView(cast(TrainingSet, here), variants, _write_out, [7], first_row=1000)
    assert len(view) == source_rows * len(variants)
    order = data.draw(st.permutations(range(len(view))))
    found = view.__getitems__(order)
    expected = [(k * (m + 1), k * (m + 1) + v) for k in range(source_rows) for v in variants]
    assert [(one["rows"] - 1000, other["rows"] - 1000) for one, other in found] == [expected[item] for item in order]
    assert all(
        half == {"texts": (str(half["rows"] - 1000),), "labels": 7, "rows": half["rows"]} for pair in found for half in pair
    )
    assert len(taken) == 1
    assert all(type(row) is int for row in taken[0])


@pytest.mark.parametrize("what", ["synonym", "single"])
def test_pairs_are_the_rows_that_plain_datasets_gives(what: str, toy: Toy) -> None:
    data, plain = TrainingSet.open(getattr(toy, what)), datasets.load_from_disk(str(getattr(toy, what)))
    m, names = data.manifest.m, list(data.manifest.text_columns)
    view = PairView(data, range(1, m + 1), _write_out, (5, 6, 7))
    expected = [(plain[k * (m + 1)], plain[k * (m + 1) + v]) for k in range(data.manifest.source_rows) for v in range(1, m + 1)]
    for found, rows in zip(view.__getitems__(range(len(view))), expected, strict=True):
        for half, row in zip(found, rows, strict=True):
            assert half["texts"] == tuple(row[name] for name in names)
            assert half["labels"] == 5 + row["label"]
            assert half["rows"] == row["source_id"] * (m + 1) + row["variant"]
    longest = [max(sum(len(row[name].encode()) for name in names) for row in rows) for rows in expected]
    assert view.lengths().tolist() == longest
    assert longest != [sum(len(second[name].encode()) for name in names) for _, second in expected]  # the original counts too
    assert view[-1] == view[len(view) - 1] == view.__getitems__([len(view) - 1])[0]
    with pytest.raises(IndexError):
        view[len(view)]


def test_lengths_in_tokens_or_bytes(place: TokenToy, toy: Toy) -> None:
    with_ids, without = (TrainingSet.open(path) for path in (place.pairs, toy.synonym))
    views = [PairView(data, (2,), _write_out, (0, 1, 2)) for data in (with_ids, without)]
    rows = datasets.load_from_disk(str(place.pairs))
    sizes = np.asarray([len(one) + len(two) for one, two in zip(rows["sentence1_ids"], rows["sentence2_ids"])]).reshape(
        ROWS, M + 1
    )
    assert views[0].lengths().tolist() == np.maximum(sizes[:, 0], sizes[:, 2]).tolist()
    assert views[0].lengths(in_bytes=True).tolist() == views[1].lengths().tolist() != views[0].lengths().tolist()
    both = JoinedView(views, in_bytes=True).lengths()
    assert both.tolist() == views[1].lengths().tolist() * 2
    assert both.dtype == views[0].lengths().dtype == np.int32


# ---- the collator


def _row(k: int, size: int, label: int) -> dict[str, Any]:
    ids = np.arange(k * 100 + 1, k * 100 + 1 + size)
    return {"input_ids": ids, "attention_mask": np.ones(size, np.int64), "labels": label, "rows": k}


@pytest.mark.parametrize("side", ["right", "left"])
@given(
    sizes=st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=6), multiple=st.sampled_from([None, 8])
)
def test_all_rows_of_a_batch_are_padded_alike(side: str, sizes: list[tuple[int, int]], multiple: int | None) -> None:
    tokenizer: Any = SimpleNamespace(pad_token_id=0, pad_token_type_id=0, padding_side=side)
    pairs = [(_row(2 * k, one, k % 3), _row(2 * k + 1, other, k % 3)) for k, (one, other) in enumerate(sizes)]
    found = Padding(tokenizer, multiple)(pairs)
    assert set(found) == {"input_ids", "attention_mask", "labels", "rows"}
    halves = [pair[0] for pair in pairs] + [pair[1] for pair in pairs]
    width = max(size for pair in sizes for size in pair)
    width += -width % (multiple or 1)
    assert found["input_ids"].shape == found["attention_mask"].shape == (2 * len(sizes), width)
    for row, mask, half in zip(found["input_ids"], found["attention_mask"], halves, strict=True):
        size = len(half["input_ids"])
        assert row[mask.bool()].tolist() == half["input_ids"].tolist()
        assert mask.tolist() == ([1] * size + [0] * (width - size))[:: 1 if side == "right" else -1]
        assert int(row.sum()) == int(half["input_ids"].sum())
    assert found["rows"].tolist() == [half["rows"] for half in halves]
    assert found["labels"].tolist() == [k % 3 for k in range(len(sizes))]
    assert all(value.dtype == torch.int64 for value in found.values())


# ---- a run


@pytest.mark.parametrize("settings", [{}, {"variants": 1}, {"train_sampling_strategy": "group_by_length"}], ids=str)
def test_a_run_sees_each_pair_once_an_epoch(
    settings: dict[str, Any], toy: Toy, place: TokenToy, tmp_path: Path, batches: list[Batch]
) -> None:
    size = {"max_steps": -1, "num_train_epochs": 2, "per_device_train_batch_size": 7, "model": str(place.bert)}
    run = fit_here(toy.synonym, "pairs", tmp_path / "run", **size, **settings)
    m = settings.get("variants", M)
    assert run.record.method["variants"] == [[1, m]]
    assert run.record.results["steps"] == len(batches) == 2 * -(-ROWS * m // 7)
    rows = datasets.load_from_disk(str(toy.synonym))
    names, tokenizer = rows.features["label"].names, place.tokenizer
    epochs: list[list[tuple[int, int]]] = [[], []]
    for k, batch in enumerate(batches):
        count = len(batch.labels)
        assert len(batch.rows) == 2 * count == len(batch.inputs["input_ids"])
        assert set(batch.inputs) == {"input_ids", "token_type_ids", "attention_mask"}
        epochs[k * 2 // len(batches)] += list(zip(batch.rows[:count].tolist(), batch.rows[count:].tolist()))
        for row, label, ids, mask in zip(
            batch.rows, batch.labels.repeat(2), batch.inputs["input_ids"], batch.inputs["attention_mask"]
        ):
            there = rows[int(row)]
            assert names[there["label"]] == run.record.model["labels"][int(label)]
            expected = tokenizer(there["sentence1"], there["sentence2"], truncation=True, max_length=32)["input_ids"]
            assert ids[mask.bool()].tolist() == expected
    wanted = [(3 * k, 3 * k + v) for k in range(ROWS) for v in range(1, m + 1)]
    assert [sorted(found) for found in epochs] == [wanted, wanted]
    assert epochs[0] != epochs[1]
    if "train_sampling_strategy" in settings:
        lengths = PairView(TrainingSet.open(toy.synonym), (1, 2), _write_out, (0, 1, 2)).lengths()
        assert epochs[0] == [wanted[item] for item in LengthGrouped(lengths, 7, seed=7, epoch=lambda: 0)]


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded, use of fork.*:DeprecationWarning")
def test_token_columns_and_workers_change_nothing(workers: int, toy: Toy, place: TokenToy, tmp_path: Path) -> None:
    settings: dict[str, Any] = {
        "model": str(place.bert), "max_steps": 6, "dev": toy.dev, "eval_strategy": "steps", "eval_steps": 3,
        "save_strategy": "steps",
    }  # fmt: skip
    texts = fit_here(toy.synonym, "ear", tmp_path / "texts", **settings)
    ids = fit_here(place.pairs, "ear", tmp_path / "ids", **settings, dataloader_num_workers=workers)
    assert [run.record.results["tokens_from"] for run in (texts, ids)] == [["texts"], ["dataset"]]
    assert ids.record.weights == texts.record.weights
    assert ids.record.results["dev_accuracy"] == texts.record.results["dev_accuracy"] is not None
    other = fit_here(place.pairs, "ear", tmp_path / "other", **settings, seed=8)
    assert other.record.weights != ids.record.weights


def test_pairs_of_several_sets(toy: Toy, tmp_path: Path, batches: list[Batch]) -> None:
    from tests.train.toy import ENGLISH, pairs, write_tsv
    from xlt_augment import Substitute, SynonymSet, build

    more = write_tsv(tmp_path / "more.tsv", pairs(9, 9, ENGLISH))
    build(more, Substitute(SynonymSet.load(toy.synonym.parent / "synonyms.json"), p=0.5), m=4, out=tmp_path / "more")
    run = fit_here([toy.synonym, tmp_path / "more"], "pairs", tmp_path / "run", max_steps=-1, num_train_epochs=1)  # type: ignore[arg-type]
    found = [pair for batch in batches for pair in zip(*batch.rows.reshape(2, -1).tolist())]
    wanted = [(3 * k, 3 * k + v) for k in range(ROWS) for v in (1, 2)]
    wanted += [(180 + 5 * k, 180 + 5 * k + v) for k in range(9) for v in (1, 2, 3, 4)]
    assert sorted(found) == wanted
    assert run.record.method["variants"] == [[1, 2], [1, 4]]
    said = [f"pairs of each original with variants 1 to {m} of set {k}" for k, m in ((1, 2), (2, 4))]
    assert f"`pairs`, on {', '.join(said)} |" in (run.path / "README.md").read_text()


def test_pairs_are_named_where_a_run_is_described(toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = fit_words(toy.synonym, "ear", output_dir=tmp_path / "run", **FEW)
    done = run_train(capsys, *words, "--beta", "0.2", "--variants", "1")
    assert done.code == 0, done.err
    assert f"data      {toy.synonym}, 60 rows, pairs of each original with variant 1: 60 pairs an epoch\n" in done.out
    record = json.loads((tmp_path / "run" / "xlt-run.json").read_bytes())
    assert record["method"]["paired"] is True
    assert record["method"]["variants"] == [[1, 1]]
    assert (record["method"]["beta"], record["method"]["push"], record["method"]["max_length"]) == (0.2, "ept", 32)
    card = (tmp_path / "run" / "README.md").read_text()
    assert "| method | `ear`, on pairs of each original with variant 1 |" in card
    assert "beta=0.2" in next(line for line in card.splitlines() if line.startswith("| settings | "))
    judged = evaluate(tmp_path / "run", toy.tests)
    assert "- rows: pairs of each original with variant 1\n" in judged.evaluation.markdown()


# ---- datasets without originals


def _rewritten(data: Path, out: Path, rows: list[int], source_rows: int | None = None) -> Path:
    """A copy with other rows, under a manifest that is signed for them."""
    shutil.copytree(data, out)
    (path,) = out.glob("*.arrow")
    table = pa.ipc.open_stream(path.read_bytes()).read_all().take(rows)
    write_arrow(path, table)
    body = json.loads((out / "xlt.json").read_bytes())
    for entry in body["files"]:
        if entry["path"] == path.name:
            entry["rows"] = len(table)
    body["source"]["rows"] = source_rows or body["source"]["rows"]
    sign(out, body)
    return out


VARIANTS = [row for row in range(ROWS * (M + 1)) if row % (M + 1)]


@pytest.mark.parametrize("method", ["pairs", "ear"])
def test_a_dataset_without_originals(method: str, toy: Toy, tmp_path: Path, batches: list[Batch]) -> None:
    data = _rewritten(toy.synonym, tmp_path / "d", VARIANTS)
    with pytest.raises(DatasetError) as error:
        fit_here(data, method, tmp_path / "run", **FEW)
    assert str(error.value) == (
        f"looking for the originals in {data}: found 120 rows, 2 of each source row; expected each original (variant 0) in "
        "front of its variants. Build the dataset again with xlt-augment build SOURCE, which keeps the originals."
    )
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("first", [0, 58])
def test_originals_at_other_addresses(first: int, toy: Toy, tmp_path: Path, batches: list[Batch]) -> None:
    """As many rows as there should be, but from some row on the original stands behind its variants."""
    order = [3 * (row // 3) + (row + (row // 3 >= first)) % 3 for row in range(180)]
    data = _rewritten(toy.synonym, tmp_path / "d", order)
    with pytest.raises(
        DatasetError, match=r"looking for the originals in .*found variant 1 of source row \d+ in row \d+"
    ) as error:
        fit_here(data, "pairs", tmp_path / "run", **FEW)
    assert "xlt-augment build SOURCE" in str(error.value)
    assert not batches
    assert not (tmp_path / "run").exists()


def test_variants_that_count_as_rows_of_their_own(toy: Toy, tmp_path: Path, batches: list[Batch]) -> None:
    """120 rows may pass for 40 source rows with two variants each, until one looks."""
    data = _rewritten(toy.synonym, tmp_path / "d", VARIANTS, source_rows=40)
    with pytest.raises(DatasetError, match="looking for the originals in .*found variant 1 of source row 0 in row 0"):
        fit_here(data, "pairs", tmp_path / "run", **FEW)


def test_one_line_for_it(toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = _rewritten(toy.synonym, tmp_path / "d", VARIANTS)
    done = run_train(capsys, *fit_words(data, "ear", output_dir=tmp_path / "run", **FEW))
    assert (done.code, done.out) == (1, "")
    assert [line for line in done.err.splitlines() if "originals" in line] == done.err.splitlines()[-1:]


def test_an_empty_choice_is_an_error_of_ours(toy: Toy, tmp_path: Path) -> None:
    for settings in ({"include_original": True}, {"variants": M + 1}):
        with pytest.raises(XltError):
            fit_here(toy.synonym, "ear", tmp_path / "run", **FEW, **settings)
    assert not (tmp_path / "run").exists()


def test_views_share_their_rows(toy: Toy) -> None:
    """The second half of pairs is what a view of variants gives."""
    data = TrainingSet.open(toy.synonym)
    pairs, plain = (kind(data, (1, 2), _write_out, (2, 0, 1), first_row=5) for kind in (PairView, VariantView))
    items = [7, 0, 119, 7]
    assert [pair[1] for pair in pairs.__getitems__(items)] == plain.__getitems__(items)
