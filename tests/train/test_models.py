"""nano, its vocabulary and its label; encoders by path, with a head or without."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from transformers import (
    AutoConfig,
    AutoTokenizer,
    BertConfig,
    BertForSequenceClassification,
    BertModel,
    BertTokenizer,
    PreTrainedTokenizerBase,
    set_seed,
)

from tests.train.toy import CLASSES, ENGLISH, MADE_UP, MAX_LENGTH, SETTINGS, Toy, fit_here, fit_words, pairs, run_train
from xlt_train import evaluate
from xlt_train.models.nano import NOTE, nano_tokenizer

LEARNING = {"learning_rate": 2e-3, "max_steps": 120}  # what so small a BERT needs
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
TEXTS = [text for first, second, _ in pairs(0, 40, ENGLISH) for text in (first, second)]


# ---- nano


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerBase:
    """nano's, from English text only."""
    return nano_tokenizer(TEXTS, 64)


def test_the_same_texts_give_the_same_vocabulary(tokenizer: Any) -> None:
    first = tokenizer.backend_tokenizer.to_str()
    assert nano_tokenizer(iter(TEXTS), 64).backend_tokenizer.to_str() == first  # type: ignore[attr-defined]
    assert nano_tokenizer(TEXTS[2:], 64).backend_tokenizer.to_str() != first  # type: ignore[attr-defined]
    assert 261 < len(tokenizer) < 4_096


@pytest.mark.parametrize(
    "text",
    [
        "東京は今日も雨です。", "서울은 오늘도 비가 옵니다.", "今天北京也下雨。", "القطة على السجادة.",
        "👩‍👩‍👧‍👦 and 🇰🇷!", "naïve e\u0301",
        "a\u0000b\u200d\ufeff\U0010ffff", "  two  spaces ", "tab\tand\nline", "",
    ],
)  # fmt: skip
def test_no_language_is_unknown(text: str, tokenizer: Any) -> None:
    _round_trip(text, tokenizer)


@given(st.text())
@example("‏\u202e\ud7ff\ue000")
def test_any_text_comes_back(tokenizer: Any, text: str) -> None:
    _round_trip(text, tokenizer)


@pytest.mark.parametrize("text", ["a [SEP] b", "[UNK]", "see [PAD] and [MASK]", "[CLS]"])
def test_names_of_special_tokens_are_text_like_any_other(text: str, tokenizer: Any) -> None:
    _round_trip(text, tokenizer)


def _round_trip(text: str, tokenizer: Any) -> None:
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert not set(ids) & set(tokenizer.all_special_ids)
    assert tokenizer.decode(ids).removeprefix(" ") == text.removeprefix(" ")


def test_pairs_stand_in_one_sequence(tokenizer: Any) -> None:
    both = tokenizer("the apple", "a saw")
    first, second = (tokenizer(text, add_special_tokens=False)["input_ids"] for text in ("the apple", "a saw"))
    cls, sep = tokenizer.cls_token_id, tokenizer.sep_token_id
    assert both["input_ids"] == [cls, *first, sep, *second, sep]
    assert both["token_type_ids"] == [0] * (len(first) + 2) + [1] * (len(second) + 1)
    assert both["attention_mask"] == [1] * len(both["input_ids"])


def test_nano_is_labelled_as_random_for_ever(toy: Toy, tmp_path: Path) -> None:
    first = fit_here(toy.synonym, "baseline", tmp_path / "first", max_steps=2, save_strategy="epoch")
    settings = {"model": str(tmp_path / "first"), "max_steps": 2}
    second = fit_here(toy.swap, "rs-syntax", tmp_path / "second", **settings)
    third = fit_here(toy.swap, "rs-syntax", tmp_path / "third", **(settings | {"model": str(tmp_path / "second")}))
    for run in (first, second, third):
        assert run.record.model["randomly_initialised"] is True
        assert AutoConfig.from_pretrained(run.path).xlt_randomly_initialised is True
        assert NOTE[1:] in (run.path / "README.md").read_text()
        done = evaluate(run.path, toy.tests)
        assert done.evaluation.note == NOTE
        assert json.loads((done.path / "accuracy.json").read_bytes())["note"] == NOTE
        assert NOTE[1:] in (done.path / "accuracy.md").read_text()
        assert NOTE[1:] in (run.path / "README.md").read_text()
    assert third.record.model["name"] == str(tmp_path / "second")
    assert third.record.weights != second.record.weights


# ---- encoders by path


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small BERT without a head, whose WordPiece vocabulary has every word of the task and every letter."""
    folder = tmp_path_factory.mktemp("models") / "bert"
    nouns = [word for groups in CLASSES.values() for group in groups for word in group]
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    words = dict.fromkeys([*SPECIAL, ".", *ENGLISH, *MADE_UP, *nouns, *letters, *(f"##{letter}" for letter in letters)])
    vocabulary = {word: k for k, word in enumerate(words)}
    BertTokenizer(vocab=vocabulary, do_lower_case=False, model_max_length=128).save_pretrained(folder)
    set_seed(0)
    shape = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 128}
    BertModel(BertConfig(vocab_size=len(vocabulary), max_position_embeddings=128, **shape)).save_pretrained(folder)
    return folder


def _with_head(bert: Path, folder: Path, labels: list[str] | None, count: int = 3) -> Path:
    """The same with a head, for these labels or for `count` without names."""
    set_seed(1)
    names = {"num_labels": count} if labels is None else {"id2label": dict(enumerate(labels))}
    config = BertConfig.from_pretrained(bert, **names)
    BertForSequenceClassification.from_pretrained(bert, config=config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(bert).save_pretrained(folder)
    return folder


def _accuracy(run: Path, toy: Toy) -> list[float]:
    """In each language."""
    return [entry["accuracy"] for entry in evaluate(run, toy.tests).evaluation.languages]


def test_an_encoder_without_a_head_gets_one(bert: Path, toy: Toy, tmp_path: Path) -> None:
    settings = SETTINGS | LEARNING | {"model": str(bert)}
    run = fit_here(toy.synonym, "rs-da", tmp_path / "run", **settings)
    assert run.record.model["randomly_initialised"] is False
    assert run.record.model["name"] == str(bert)
    assert NOTE[1:] not in (run.path / "README.md").read_text()
    assert evaluate(run.path, toy.tests).evaluation.note is None
    assert min(_accuracy(run.path, toy)) > 0.9
    again = fit_here(toy.synonym, "rs-da", tmp_path / "again", **settings)
    assert again.record.weights == run.record.weights  # the new head is the seed's too


@pytest.mark.parametrize(
    ("labels", "count"),
    [(["yes", "no", "perhaps"], 3), (["fruit", "tool"], 2), (["fruit", "tool", "music", "more"], 4), (None, 5)],
    ids=str,
)
def test_a_head_for_other_labels_is_refused(
    labels: list[str] | None, count: int, bert: Path, toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = _with_head(bert, tmp_path / "headed", labels, count)
    done = run_train(capsys, *fit_words(toy.synonym, "baseline", model=model, output_dir=tmp_path / "run"))
    assert done.code == 1
    error = done.err.splitlines()[-1]
    assert error.startswith("xlt-train: fitting the labels to the head of ")
    assert f"a head for {count} labels: {', '.join(labels or [])}" in error
    assert "Traceback" not in done.err
    assert not (tmp_path / "run").exists()


def test_labels_of_a_head_map_by_name(bert: Path, toy: Toy, tmp_path: Path) -> None:
    """Trained on, a head in another order keeps its outputs, and is judged by their names."""
    stored = json.loads((toy.synonym / "xlt.json").read_bytes())["source"]["label_names"]
    turned = [*stored[1:], stored[0]]
    model = _with_head(bert, tmp_path / "turned", turned)
    settings = SETTINGS | LEARNING | {"model": str(model), "dev": toy.dev, "save_strategy": "epoch"}
    run = fit_here(toy.synonym, "rs-da", tmp_path / "run", **settings)
    assert AutoConfig.from_pretrained(run.path).id2label == dict(enumerate(turned))
    assert run.record.results["dev_accuracy"] > 0.9
    assert min(_accuracy(run.path, toy)) > 0.9
    # and on from there, with hardly a step: what it knew it knows
    little = settings | {"model": str(run.path), "max_steps": 1, "learning_rate": 1e-9, "save_strategy": "no", "dev": None}
    more = fit_here(toy.synonym, "baseline", tmp_path / "more", **little)
    assert more.record.results["train_loss"] < 0.5
    assert min(_accuracy(more.path, toy)) > 0.9


def test_a_head_without_names_takes_the_datasets_in_order(bert: Path, toy: Toy, tmp_path: Path) -> None:
    model = _with_head(bert, tmp_path / "unnamed", None)
    run = fit_here(toy.synonym, "baseline", tmp_path / "run", model=str(model), max_steps=1)
    stored = json.loads((toy.synonym / "xlt.json").read_bytes())["source"]["label_names"]
    assert sorted(stored) == sorted(CLASSES)
    assert AutoConfig.from_pretrained(run.path).id2label == dict(enumerate(stored))


@pytest.mark.parametrize("words", [["--max-length", "129"], ["--model", "no/such-model"], ["--model", "."]], ids=" ".join)
def test_a_model_that_cannot_be_had_is_one_line(
    words: list[str], bert: Path, toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)  # read from the environment at import
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    done = run_train(
        capsys, *fit_words(toy.synonym, "baseline", model=bert, max_length=MAX_LENGTH), *words, "--output_dir", "run"
    )
    assert done.code == (2 if "--max-length" in words else 1)
    assert done.err.splitlines()[-1].startswith("xlt-train: ")
    assert "Traceback" not in done.err
    assert not Path("run").exists()
