"""Replaced words of a dataset, against its rows as `datasets` reads them, and a model run on them plainly."""

import json
from pathlib import Path

import datasets
import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from tests.probing.made import opened
from tests.probing.test_ranks import plain_rank
from xlt_augment import Substitute, Swap, SynonymSet, build
from xlt_train.errors import DatasetError
from xlt_train.probing.probe import probe
from xlt_train.probing.synonyms import replaced_words

ROWS = [("the old boat, near a quiet harbour .", f"two men paint the boat {k}", str(k % 2)) for k in range(12)]


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Three variants of pairs; one synonym is of two words."""
    (tmp_path / "train.tsv").write_text("".join("\t".join(row) + "\n" for row in ROWS))
    neighbors = {"old": ["aged"], "boat": ["ship", "vessel"], "quiet": ["still"], "men": ["grown men"]}
    (tmp_path / "set.json").write_text(json.dumps(neighbors))
    build(tmp_path / "train.tsv", Substitute(SynonymSet.load(tmp_path / "set.json"), p=0.7), m=3, out=tmp_path / "data")
    return tmp_path / "data"


def test_replaced_words_are_drawn_with_the_vectors_of_their_texts(bert_run: Path, tests: Path, dataset: Path) -> None:
    done = probe(bert_run, tests, failures=False, data=dataset, words=50, depth="embeddings", sentences=5)
    rows = [row for row in pq.read_table(done.path / "words.parquet").to_pylist() if row["kind"] == "synonym"]
    table = datasets.load_from_disk(str(dataset))
    model, tokenizer = opened(bert_run)

    def vector(text: str, word: str) -> np.ndarray:
        encoding = tokenizer(text)
        start = text.index(word)
        tokens = {encoding.char_to_token(k) for k in range(start, start + len(word))}
        with torch.no_grad():
            states = model.base_model.embeddings(torch.tensor([encoding.input_ids]))[0].numpy()
        return np.asarray(states[sorted(tokens)].mean(0))

    pairs = list(zip(rows[::2], rows[1::2]))
    assert {(a["word"], b["word"]) for a, b in pairs} == {
        ("old", "aged"),
        ("boat", "ship"),
        ("boat", "vessel"),
        ("quiet", "still"),
    }
    assert len(pairs) == 4  # each once
    for before, behind in pairs:
        assert (before["variant"], before["aligned_to"], before["language"]) == (0, None, "en")
        assert behind["aligned_to"] == behind["position"] == before["position"]
        assert (behind["item"], behind["column"]) == (before["item"], before["column"])
        for row in (before, behind):
            text = table[row["item"] * 4 + row["variant"]][row["column"]]
            assert text.split()[row["position"]].strip(",") == row["word"]
            np.testing.assert_allclose(row["vector"], vector(text, row["word"]), rtol=1e-4, atol=1e-5)
    found = done.probe.synonyms
    assert found is not None
    assert (found.pairs, found.dataset["name"]) == (4, "data")
    apart = np.array([np.subtract(a["vector"], b["vector"]) for a, b in pairs])
    figures = found.depths["embeddings"]
    assert figures.distances.euclidean == pytest.approx(np.linalg.norm(apart, axis=1).mean(), rel=1e-5)
    assert figures.distances.linf == pytest.approx(np.abs(apart).max(1).mean(), rel=1e-5)
    targets, words = np.array([b["vector"] for _, b in pairs]), [b["word"] for _, b in pairs]
    ranks = [plain_rank(np.array(a["vector"]), targets, words, k) for k, (a, _) in enumerate(pairs)]
    assert (figures.rank.words, figures.rank.mean) == (4, pytest.approx(np.mean(ranks)))


def test_as_many_as_asked_for_and_the_same_each_time(dataset: Path) -> None:
    _, found = replaced_words(dataset, 3)
    assert sum(len(one.positions) for one in found) == 3
    assert replaced_words(dataset, 3)[1] == found


def test_words_that_were_cut_off_are_left_out(bert_run: Path, tests: Path, tmp_path: Path) -> None:
    long = "the near " * 20
    (tmp_path / "train.tsv").write_text("".join(f"old {long} boat\tboat {k}\t{k % 2}\n" for k in range(4)))
    (tmp_path / "set.json").write_text(json.dumps({"old": ["aged"], "boat": ["ship"]}))
    build(tmp_path / "train.tsv", Substitute(SynonymSet.load(tmp_path / "set.json"), p=1.0), m=1, out=tmp_path / "long")
    done = probe(bert_run, tests, failures=False, data=tmp_path / "long", sentences=5)
    rows = [row for row in pq.read_table(done.path / "words.parquet").to_pylist() if row["kind"] == "synonym"]
    assert {(row["word"], row["column"]) for row in rows} <= {
        ("old", "sentence1"), ("aged", "sentence1"), ("boat", "sentence2"), ("ship", "sentence2")
    }  # fmt: skip
    assert done.probe.synonyms is not None
    assert 4 * done.probe.synonyms.pairs == len(rows)  # two words at two depths


def test_datasets_without_synonyms_are_refused(dataset: Path, tmp_path: Path) -> None:
    build(tmp_path / "train.tsv", Swap(p=0.3), m=1, out=tmp_path / "swap")
    with pytest.raises(DatasetError, match="found the method swap; expected a dataset with words replaced by synonyms"):
        replaced_words(tmp_path / "swap", 5)
    (tmp_path / "none.json").write_text(json.dumps({"unheard": ["of"]}))
    build(tmp_path / "train.tsv", Substitute(SynonymSet.load(tmp_path / "none.json"), p=0.7), m=2, out=tmp_path / "same")
    with pytest.raises(DatasetError, match="found no replaced word in 12 source rows"):
        replaced_words(tmp_path / "same", 5)
