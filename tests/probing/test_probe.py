"""A probe against a plain computation, and planted languages whose figures are known."""

import csv
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

from tests.probing.made import ITEMS, MAX_LENGTH, opened, save_model, save_run, sentences, write_parallel
from tests.probing.test_aligners import MONOTONE
from tests.probing.test_ranks import plain_rank
from xlt_train.probing.probe import probe
from xlt_train.probing.result import Probe, read_probe
from xlt_train.probing.space import upper_middle
from xlt_train.probing.words import Text, sentences_of

EPSILONS = [0.5, 2.0]


def plain_space(folder: Path, tests: Path, language: str, depth: str) -> dict[tuple[int, int], list[tuple[str, np.ndarray]]]:
    """(item, column) -> its words and their vectors, one text at a time, by what transformers gives out."""
    model, tokenizer = opened(folder)
    found = {}
    for item, line in enumerate((tests / f"test-{language}.tsv").read_text(encoding="utf-8").splitlines()):
        for column, text in enumerate(line.split("\t")[:2]):
            if text in ("", "NS"):
                continue
            one = sentences_of(tokenizer, [Text(item, column, text)], MAX_LENGTH)[0]
            with torch.no_grad():
                out = model.base_model(**tokenizer(text, truncation=True, max_length=MAX_LENGTH, return_tensors="pt"),
                                       output_hidden_states=True)  # fmt: skip
            states = out.hidden_states[{"embeddings": 0, "3": 2, "final": 3}[depth]][0].numpy()
            found[item, column] = [(word, states[one.owners == k].mean(0)) for k, word in enumerate(one.words)]
    return found


def plain_pairs(source: Mapping[Any, Any], target: Mapping[Any, Any]) -> list[tuple[Any, Any, Any]]:
    """(item, source, target) of words at the same position."""
    keys = sorted(source.keys() & target.keys())
    return [(key[0], a, b) for key in keys for a, b in zip(source[key], target[key])]


@pytest.mark.parametrize(("kind", "depth"), [("bert", "embeddings"), ("bert", "3"), ("xlmr", "final")])
def test_figures_are_those_of_a_plain_computation(
    kind: str, depth: str, tmp_path: Path, tests: Path, aligner: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = save_run(tmp_path / "run", kind)
    monkeypatch.setattr("xlt_train.probing.compare._BLOCK", 10)
    rows = {language: sentences(language) for language in ("en", "de", "zh")}
    rows["de"][3][0], rows["en"][5][1], rows["zh"][5][1] = "NS", "", "NS"
    write_parallel(tests, rows)
    options: dict[str, Any] = {"aligner": aligner(MONOTONE), "epsilon": EPSILONS, "failures": False, "batch_size": 7}
    done = probe(run, tests, depth=depth, sentences=2 * ITEMS, **options).probe
    source = plain_space(run, tests, "en", depth)
    assert [one.language for one in done.languages] == ["de", "zh"]
    for one in done.languages:
        target = plain_space(run, tests, one.language, depth)
        both = source.keys() & target.keys()
        assert (one.texts, one.skipped) == (len(both), 2 * ITEMS - len(both))
        assert one.words == sum(len(target[key]) for key in both)
        assert one.source_words == sum(len(source[key]) for key in both)
        pairs = plain_pairs(source, target)
        apart = np.array([a[1].astype(float) - b[1] for _, a, b in pairs])
        sizes, largest = np.sqrt((apart**2).sum(1)), np.abs(apart).max(1)
        found = one.depths[depth].distances
        assert found.pairs == len(pairs)
        assert found.euclidean == pytest.approx(sizes.mean(), rel=1e-5)
        assert found.linf == pytest.approx(largest.mean(), rel=1e-5)
        assert found.quartiles == pytest.approx([np.quantile(sizes, q) for q in (0.25, 0.5, 0.75)], rel=1e-5)
        assert found.inside == pytest.approx([(largest <= epsilon).mean() for epsilon in EPSILONS])
        everywhere = [place for key in sorted(both) for place in target[key]]
        vectors, words = np.array([v for _, v in everywhere]).astype(float), [w for w, _ in everywhere]
        at = {id(place): k for k, place in enumerate(everywhere)}
        ranks = np.array([plain_rank(a[1], vectors, words, at[id(b)]) for _, a, b in pairs])
        rank = one.depths[depth].rank
        assert (rank.pairs, rank.words) == (len(pairs), len(set(words)))
        assert rank.mean == pytest.approx(ranks.mean(), rel=0.01)  # rounding of the model's own may change an order
        assert rank.first == pytest.approx((ranks == 1).mean(), abs=0.02)


def test_nothing_depends_on_batches_blocks_or_time(bert_run: Path, tests: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options: dict[str, Any] = {"failures": False, "sentences": 9, "words": 11}
    first = probe(bert_run, tests, batch_size=64, **options)
    drawn = pq.read_table(first.path / "words.parquet")
    monkeypatch.setattr("xlt_train.probing.compare._BLOCK", 4)
    second = probe(bert_run, tests, batch_size=3, **options)  # in place of the first
    assert second.path == first.path
    assert sorted(path.name for path in first.path.parent.iterdir()) == [first.path.name]
    again = pq.read_table(second.path / "words.parquet")
    assert again.drop(["vector"]).equals(drawn.drop(["vector"]))
    one, other = (list(csv.reader(found.probe.table().decode().splitlines()[1:])) for found in (first, second))
    assert [line[:-1] for line in one] == [line[:-1] for line in other]
    assert [float(line[-1]) for line in one] == pytest.approx([float(line[-1]) for line in other], rel=1e-5)


def test_a_copy_of_the_source_lies_where_the_source_does(run: Path, tmp_path: Path) -> None:
    rows = sentences("en")
    tests = write_parallel(tmp_path / "copies", {"en": rows, "xx": rows, "de": sentences("de")})
    done = probe(run, tests, failures=False, epsilon=0.001, depth="word-embeddings,embeddings,final").probe
    for depth in ("embeddings", "final"):  # word embeddings alone do not tell a word from its repetition
        figures = done.language("xx").depths[depth]
        assert figures.distances.pairs == done.language("xx").words == done.language("xx").source_words
        assert (figures.distances.euclidean, figures.distances.linf, figures.distances.inside) == (0, 0, [1])
        assert (figures.rank.mean, figures.rank.reciprocal, figures.rank.first) == (1, 1, 1)
        other = done.language("de").depths[depth]
        assert other.distances.euclidean is not None
        assert other.distances.euclidean > 1
        assert other.rank.mean is not None
        assert other.rank.mean > 2


def shifted_model(folder: Path, shift: np.ndarray) -> Path:
    """A model that knows `wK` and `vK`; vK lies at wK plus `shift`, to which the embeddings of all wK are orthogonal."""
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *(f"w{k}" for k in range(30)), *(f"v{k}" for k in range(30))]
    backend = Tokenizer(models.WordLevel({word: k for k, word in enumerate(words)}, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="[PAD]", unk_token="[UNK]").save_pretrained(folder)
    size = len(shift)
    model = BertForSequenceClassification(
        BertConfig(vocab_size=64, hidden_size=size, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8)
    )
    embeddings = np.random.default_rng(0).normal(size=(34, size)) * 3
    embeddings -= np.outer(embeddings @ shift, shift) / (shift @ shift)
    with torch.no_grad():
        weight = model.get_input_embeddings().weight
        weight[:34], weight[34:] = torch.tensor(embeddings), torch.tensor(embeddings[4:] + shift)
    model.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("aligner", ["mutual", "mutual-euclidean"])
def test_a_known_shift_is_the_distance(tmp_path: Path, aligner: str) -> None:
    shift = np.array([0.3, -0.4, 0.0, 0.0, 1.2, 0, 0, 0, 0, 0, 0, 0])
    model = shifted_model(tmp_path / "model", shift)
    chance = np.random.default_rng(1)
    numbers = [[chance.permutation(30)[: 5 + k] for _ in range(2)] for k in range(8)]
    rows = {
        name: [[" ".join(f"{sign}{n}" for n in text) for text in row] for row in numbers]
        for name, sign in (("en", "w"), ("de", "v"))
    }
    tests = write_parallel(tmp_path / "tests", rows)
    options: dict[str, Any] = {"depth": "word-embeddings", "align_depth": "word-embeddings", "aligner": aligner}
    done = probe(model, tests, out=tmp_path / "out", epsilon=[1.19, 1.21], **options).probe
    found = done.language("de").depths["word-embeddings"]
    assert found.distances.pairs == sum(len(text) for row in numbers for text in row)
    assert found.distances.euclidean == pytest.approx(1.3, abs=1e-6)
    assert found.distances.quartiles == pytest.approx([1.3] * 3, abs=1e-6)
    assert found.distances.linf == pytest.approx(1.2, abs=1e-6)
    assert found.distances.inside == [0, 1]
    assert (found.rank.mean, found.rank.words) == (1, 30)
    by_l2 = probe(model, tests, out=tmp_path / "l2", epsilon=[1.29, 1.31], norm="l2", **options).probe
    assert by_l2.language("de").depths["word-embeddings"].distances.inside == [0, 1]
    assert done.model["kind"] == "model"
    assert done.evaluation is None


def test_what_is_written_is_read_again(bert_run: Path, tests: Path) -> None:
    done = probe(bert_run, tests, failures=False, rows=(2, 12), sentences=5)
    assert done.path == bert_run / "probes" / done.probe.name
    assert done.probe.name.startswith("test-2-12-")
    assert read_probe(done.path) == done.probe
    body = json.loads((done.path / "probe.json").read_bytes())
    assert Probe.from_json(body) == done.probe
    assert (body["format"], body["rows"], body["evaluation"]) == ("xlt-probe/1", [2, 12], None)
    assert body["settings"]["align_depth"] == "3"  # two thirds of three layers, and the input of the next
    assert body["settings"]["epsilons"] == [0.001, 0.01, 0.1, 1.0]
    lines = list(csv.DictReader((done.path / "languages.csv").read_text().splitlines()))
    for one in done.probe.languages:
        for depth, figures in one.depths.items():
            chosen = [
                line for line in lines if (line["language"], line["depth"], line["group"]) == (one.language, depth, "all")
            ]
            values = {(line["measure"], line["epsilon"]): float(line["value"]) for line in chosen}
            assert values["euclidean", ""] == figures.distances.euclidean
            assert values["rank_mean", ""] == figures.rank.mean
            assert figures.distances.inside == [values["inside", str(epsilon)] for epsilon in (0.001, 0.01, 0.1, 1.0)]


def test_words_are_aligned_in_the_upper_middle() -> None:
    assert [upper_middle(layers) for layers in (1, 2, 6, 12, 24)] == ["1", "2", "5", "9", "17"]


def test_words_to_draw_are_in_their_places(bert_run: Path, tests: Path) -> None:
    done = probe(bert_run, tests, failures=False, sentences=10, words=100, depth="final")
    rows = pq.read_table(done.path / "words.parquet").to_pylist()
    spaces = {language: plain_space(bert_run, tests, language, "final") for language in ("en", "de", "zh")}
    for row in rows:
        word, vector = spaces[row["language"]][row["item"], ["sentence1", "sentence2"].index(row["column"])][row["position"]]
        assert row["word"] == word
        np.testing.assert_allclose(row["vector"], vector, rtol=1e-4, atol=1e-5)
        assert (row["kind"], row["depth"], row["variant"]) == ("word", "final", None)
    own = {(row["item"], row["column"], row["position"]): row["word"] for row in rows if row["language"] == "en"}
    others = [row for row in rows if row["language"] != "en"]
    assert 2 < len(own) == len(set(own.values()))
    assert {(row["item"], row["column"], row["aligned_to"]) for row in others} == own.keys()
    assert all((row["aligned_to"] is None) == (row["language"] == "en") for row in rows)
    assert len({(row["item"], row["column"]) for row in rows}) <= 10


def test_the_base_of_a_run_is_probed_beside_it(tmp_path: Path, tests: Path) -> None:
    base = save_model(tmp_path / "base", "bert", seed=5, head=False)
    run = save_run(tmp_path / "run", "bert", base=str(base), epsilon=0.25, norm="l2")
    after = probe(run, tests, failures=False, sentences=5)
    before = probe(run, tests, base=True, sentences=5, epsilon=0.25, norm="l2")
    assert (before.probe.model["kind"], after.probe.model["kind"]) == ("base", "run")
    assert before.path.parent == after.path.parent == run / "probes"
    assert before.path.name.startswith("test-base-")
    assert (after.probe.settings["norm"], after.probe.settings["epsilons"]) == ("l2", [0.25])  # the run's own
    assert before.probe.settings == after.probe.settings
    itself = probe(base, tests, out=tmp_path / "itself", sentences=5, epsilon=0.25, norm="l2").probe
    assert itself.languages == before.probe.languages != after.probe.languages
    drawn = [pq.read_table(done.path / "words.parquet").to_pylist() for done in (before, after)]
    words = [[row["word"] for row in rows if row["language"] == "en"] for rows in drawn]
    assert set(words[0]) & set(words[1])
