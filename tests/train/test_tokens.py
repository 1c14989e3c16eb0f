"""A dataset's token columns give the run that its texts give, or are refused, or left aside with a word about it."""

import json
import shutil
from functools import cache
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader
from transformers import AutoTokenizer

from tests.train.conftest import TokenToy
from tests.train.tokenizers_made import KINDS
from tests.train.toy import Toy, add_tokens, checkpoints, fit_here, fit_words, run_train
from xlt_train.data.dataset import TrainingSet
from xlt_train.data.encode import Encoder
from xlt_train.data.lists import Lists
from xlt_train.data.manifest import Manifest
from xlt_train.data.tokens import ids_of, tokenizer_sha256
from xlt_train.data.view import VariantView

FEW = {"max_steps": 12, "max_length": 16}  # some rows are cut


# ---- the same run


def test_the_toy_sets_are_what_the_format_says(place: TokenToy) -> None:
    rows = datasets.load_from_disk(str(place.pairs))
    assert list(rows.features) == [
        "sentence1", "sentence2", "label", "sentence1_ids", "sentence2_ids", "source_id", "variant", "changed",
    ]  # fmt: skip
    assert rows.features["sentence1_ids"] == datasets.List(datasets.Value("int32"))
    assert len(TrainingSet.open(place.pairs).rows.paths) == 1
    found = Manifest.read(place.pairs).tokens
    assert found is not None
    assert found.columns == ("sentence1_ids", "sentence2_ids")
    assert found.sha256 == tokenizer_sha256(place.tokenizer)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("what", ["pairs", "single"])
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded, use of fork.*:DeprecationWarning")
def test_weights_are_those_of_the_texts_bit_for_bit(
    what: str, workers: int, place: TokenToy, toy: Toy, tmp_path: Path, trainers: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "false")
    settings = FEW | {"model": str(place.bert), "dataloader_num_workers": workers}
    if what == "pairs":
        settings |= {"dev": toy.dev, "eval_strategy": "steps", "eval_steps": 6, "save_strategy": "steps"}
    texts = fit_here(toy.synonym if what == "pairs" else toy.single, "rs-da", tmp_path / "texts", **settings)
    ids = fit_here(getattr(place, what), "rs-da", tmp_path / "ids", **settings)
    assert [trainer.train_dataset.from_ids for trainer in trainers] == [False, True]
    assert ids.record.weights == texts.record.weights
    assert [run.record.results["tokens_from"] for run in (texts, ids)] == [["texts"], ["dataset"]]
    assert ids.record.settings() == texts.record.settings()
    assert ids.record.results["dev_accuracy"] == texts.record.results["dev_accuracy"]
    other = fit_here(getattr(place, what), "rs-da", tmp_path / "other", **settings, seed=8)
    assert other.record.weights != ids.record.weights


@pytest.mark.parametrize(("first", "second"), [("texts", "ids"), ("ids", "texts")])
def test_a_run_goes_on_from_the_other_way(first: str, second: str, place: TokenToy, toy: Toy, tmp_path: Path) -> None:
    data = {"texts": toy.synonym, "ids": place.pairs}
    settings = FEW | {"model": str(place.bert), "save_strategy": "steps", "save_steps": 5, "save_total_limit": 9}
    whole = fit_here(data[first], "rs-da", tmp_path / "run", **settings)
    go_back(whole.path, 5)
    again = fit_here(data[second], "rs-da", tmp_path / "run", **settings, resume_from_checkpoint="true")
    assert again.record.results["resumed_from"] == "checkpoint-5"
    assert again.record.results["tokens_from"] == [{"texts": "texts", "ids": "dataset"}[second]]
    assert again.record.weights == whole.record.weights


def go_back(run: Path, step: int) -> None:
    """Make of a finished run one that was killed behind that step."""
    for path in checkpoints(run):
        if path.name != f"checkpoint-{step}":
            shutil.rmtree(path)
    (run / "model.safetensors").unlink()
    record = json.loads((run / "xlt-run.json").read_bytes())
    (run / "xlt-run.json").write_text(json.dumps(record | {"status": "started", "weights": {}, "files": {}, "results": {}}))


def test_columns_of_another_tokenizer_are_left_aside_and_that_is_said(
    place: TokenToy, toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = {}
    for name, data in (("texts", toy.synonym), ("columns", place.pairs)):
        words = fit_words(data, "rs-da", **(FEW | {"model": place.other}))
        done[name] = run_train(capsys, *words, "--output_dir", tmp_path / name, "--json")
        assert done[name].code == 0, done[name].err
    records = {name: json.loads(one.out) for name, one in done.items()}
    assert records["columns"]["weights"] == records["texts"]["weights"]
    assert records["columns"]["results"]["tokens_from"] == ["texts"]
    said = [line for line in done["columns"].err.splitlines() if "token columns" in line]
    assert len(said) == 1
    own, theirs = (tokenizer_sha256(AutoTokenizer.from_pretrained(path)) for path in (place.other, place.bert))
    assert str(own)[:12] in said[0]
    assert str(theirs)[:12] in said[0]
    assert "texts are tokenised" in said[0]
    assert "token columns" not in done["texts"].err


def test_columns_that_are_used_are_named(place: TokenToy, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = fit_words(place.pairs, "rs-da", **(FEW | {"model": place.bert}))
    done = run_train(capsys, *words, "--output_dir", tmp_path / "run")
    assert done.code == 0, done.err
    assert f"{place.pairs}: token columns of toy used" in done.err.splitlines()


def test_nano_makes_a_vocabulary_of_its_own(place: TokenToy, toy: Toy, tmp_path: Path) -> None:
    texts, columns = (fit_here(data, "rs-da", tmp_path / data.name, **FEW) for data in (toy.synonym, place.pairs))
    assert columns.record.weights == texts.record.weights
    assert columns.record.results["tokens_from"] == ["texts"]


# ---- the rows of a view


def _views(data: TrainingSet, tokenizer: Any, length: int) -> tuple[VariantView, VariantView]:
    """By ids, and by texts."""
    ids = ids_of(data, tokenizer, length, len(tokenizer))
    assert ids.from_ids, ids.note
    variants, codes = range(data.manifest.m + 1), [2, 0, 1]
    by_ids = VariantView(data, variants, ids.encode, codes, from_ids=True)
    return by_ids, VariantView(data, variants, Encoder(tokenizer, length), codes)


def _plain(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: np.asarray(value).tolist() for name, value in item.items()} for item in items]


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("what", ["synonym", "single"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_row_is_that_of_the_texts(kind: str, what: str, side: str, toy: Toy, tmp_path: Path) -> None:
    tokenizer = KINDS[kind]()
    tokenizer.truncation_side = side
    data = TrainingSet.open(add_tokens(getattr(toy, what), tokenizer, tmp_path / "d"))
    for length in (9, 12, 128):
        by_ids, by_texts = _views(data, tokenizer, length)
        items = list(range(len(by_ids)))
        assert _plain(by_ids.__getitems__(items)) == _plain(by_texts.__getitems__(items))
    assert by_ids.rows(items) == list(range(len(data.rows)))


@pytest.mark.parametrize("context", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded, use of fork.*:DeprecationWarning")
def test_workers_give_the_same_rows(context: str, place: TokenToy) -> None:
    view, _ = _views(TrainingSet.open(place.pairs), place.tokenizer, 16)
    loader: Any = DataLoader(view, batch_size=50, collate_fn=list, num_workers=2, multiprocessing_context=context)  # type: ignore[arg-type]
    found = [item for batch in loader for item in batch]
    assert _plain(found) == _plain(view.__getitems__(range(len(view))))


def test_lengths_are_those_of_the_columns_or_of_the_bytes(place: TokenToy, toy: Toy) -> None:
    rows = datasets.load_from_disk(str(place.pairs))
    tokens = [len(a) + len(b) for a, b in zip(rows["sentence1_ids"], rows["sentence2_ids"])]
    texts = [len(a.encode()) + len(b.encode()) for a, b in zip(rows["sentence1"], rows["sentence2"])]
    for path, expected in ((place.pairs, tokens), (toy.synonym, texts)):
        data = TrainingSet.open(path)
        assert data.rows.lengths().tolist() == expected
        for variants in ((0,), (1, 2), (0, 2)):
            view = VariantView(data, variants, list, (0, 1, 2))  # type: ignore[arg-type]
            assert view.lengths().tolist() == [expected[row] for row in view.rows(range(len(view)))]


@given(
    rows=st.lists(st.lists(st.integers(-(2**31), 2**31 - 1), max_size=5), max_size=9),
    start=st.integers(0, 9),
    count=st.integers(0, 9),
)
def test_a_column_is_viewed_as_it_is(rows: list[list[int]], start: int, count: int) -> None:
    part, texts = rows[start : start + count], ["é" * len(row) for row in rows]
    lists = Lists.of(pa.array(rows, pa.list_(pa.int32())).slice(start, count), "c")
    assert [lists[k].tolist() for k in range(len(part))] == part
    assert lists.lengths().tolist() == [len(row) for row in part]
    found = Lists.of(pa.array(texts, pa.string()).slice(start, count), "c")
    assert found.lengths().tolist() == [len(text.encode()) for text in texts[start : start + count]]


# ---- the identity of a tokenizer


@cache
def _hash(kind: str) -> str:
    return str(tokenizer_sha256(KINDS[kind]()))


def test_a_tokenizer_is_known_by_its_content_alone(place: TokenToy, tmp_path: Path) -> None:
    assert len({_hash(kind) for kind in KINDS if kind != "no mask"}) == len(KINDS) - 1  # each frame is another
    tokenizer = place.tokenizer
    before = tokenizer_sha256(tokenizer)
    tokenizer(["a b"] * 3, truncation=True, max_length=4, padding="max_length")
    assert json.loads(tokenizer.backend_tokenizer.to_str())["truncation"] is not None
    assert tokenizer_sha256(tokenizer) == before
    tokenizer.save_pretrained(tmp_path / "again")
    assert tokenizer_sha256(AutoTokenizer.from_pretrained(tmp_path / "again")) == before
    tokenizer.add_tokens(["new"])
    assert tokenizer_sha256(tokenizer) != before


def test_a_tokenizer_without_a_file_has_no_identity(place: TokenToy, monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow:
        """As one written in Python."""

    assert tokenizer_sha256(Slow()) is None  # type: ignore[arg-type]
    monkeypatch.setattr("xlt_train.data.tokens.tokenizer_sha256", lambda tokenizer: None)
    found = ids_of(TrainingSet.open(place.pairs), place.tokenizer, 16, 10**6)
    assert not found.from_ids
    assert "is not a fast one" in str(found.note)
