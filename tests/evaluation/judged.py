"""Runs on the spot whose predictions are many-coloured: random weights with a wide spread, hardly trained; and a plain loop."""

import random
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tests.train.tokenizers_made import unigram, wordpiece
from xlt_augment import Swap, build
from xlt_train import fit

LABELS = ("neutral", "contradiction", "entailment")  # not in the order of the alphabet
LANGUAGES = {
    "de": "das alte Boot liegt heute nicht am Fluss sondern im Hafen".split(),
    "en": "the old boat is not on the river today but in the harbour".split(),
    "ko": "낡은 배는 오늘 강이 아니라 항구에 있다".split(),
}
MAX_LENGTH, ITEMS = 24, 11


class Place(NamedTuple):
    """A run on pairs with a BERT, one with an encoder of XLM-R's kind, one on single texts, and test files."""

    bert: Path
    xlmr: Path
    single: Path
    tests: Path
    singles: Path


def texts(language: str, count: int, seed: int) -> list[str]:
    """Of one to fourteen words, so that some pairs are cut."""
    chance = random.Random(f"{language} {seed}")
    return [" ".join(chance.choices(LANGUAGES[language], k=chance.randint(1, 14))) for _ in range(count)]


def rows(language: str, columns: int = 2, count: int = ITEMS) -> list[list[str]]:
    """Rows of a test file: texts, and a label that is the same in all languages."""
    return [[*row, LABELS[k % 3]] for k, row in enumerate(zip(*(texts(language, count, seed) for seed in range(columns))))]


def write(path: Path, lines: list[list[str]]) -> Path:
    """A TSV without header."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join("\t".join(line) + "\n" for line in lines), encoding="utf-8")
    return path


def make_place(folder: Path) -> Place:
    """All of them below `folder`."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, XLMRobertaConfig, XLMRobertaForSequenceClassification

    place = Place(*(folder / name for name in Place._fields))
    for language in LANGUAGES:
        write(place.tests / f"test-{language}.tsv", rows(language))
        write(place.singles / f"test-{language}.tsv", rows(language, 1))
    words = [text for language in LANGUAGES for text in texts(language, 60, 7)]
    shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64, "num_labels": 3}
    shape |= {"initializer_range": 0.4, "max_position_embeddings": 128}
    kinds: dict[str, tuple[Any, Any, Any]] = {
        "bert": (wordpiece(words), BertConfig, BertForSequenceClassification),
        "xlmr": (unigram(words), XLMRobertaConfig, XLMRobertaForSequenceClassification),
    }
    for name, (tokenizer, config, model) in kinds.items():
        torch.manual_seed(5)
        pad = {"pad_token_id": tokenizer.pad_token_id}
        model(config(vocab_size=len(tokenizer), **pad, **shape)).base_model.save_pretrained(folder / f"base-{name}")
        tokenizer.save_pretrained(folder / f"base-{name}")
    common = {"max_length": MAX_LENGTH, "max_steps": 1, "learning_rate": 1e-6, "save_strategy": "no", "method": "baseline"}
    build(write(folder / "pairs.tsv", rows("en", count=24)), Swap(p=0.2), m=1, out=folder / "pairs", labels=LABELS)
    names = {"columns": ("text", "label"), "text_columns": ("text",), "labels": LABELS}
    build(write(folder / "s.tsv", rows("en", 1, 24)), Swap(p=0.2), m=1, out=folder / "one", **names)  # type: ignore[arg-type]
    for data, model_name, run in (("pairs", "bert", place.bert), ("pairs", "xlmr", place.xlmr), ("one", "bert", place.single)):
        fit(folder / data, model=str(folder / f"base-{model_name}"), output_dir=str(run), **common)  # type: ignore[arg-type]
    return place


def opened(run: Path) -> tuple[Any, Any]:
    """Model and tokenizer by nothing but transformers."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    return AutoModelForSequenceClassification.from_pretrained(run).eval(), AutoTokenizer.from_pretrained(run)


def plainly(run: Path, pairs: list[tuple[str, ...]]) -> tuple[np.ndarray, list[str]]:
    """Logits and labels of rows, tokenised and judged one at a time."""
    import torch

    model, tokenizer = opened(run)
    found = []
    with torch.no_grad():
        for pair in pairs:
            inputs = tokenizer(*pair, truncation=True, max_length=MAX_LENGTH, return_tensors="pt")
            found.append(model(**inputs).logits[0].numpy())
    return np.array(found), [model.config.id2label[int(k)] for k in np.argmax(found, -1)]
