"""Tiny encoders saved as the Hub's are, runs of them, and parallel test files."""

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import AutoModelForSequenceClassification

from tests.train.tokenizers_made import byte_level, unigram, wordpiece
from xlt_train.runs.record import FINISHED, RunRecord, sealed

LABELS = ("no", "maybe", "yes")
ITEMS = 17
_WORDS = {
    "en": "the old boat lies near a quiet harbour , and two men paint it blue".split(),
    "de": "das alte Boot liegt nahe einem stillen Hafen , und zwei Männer streichen es blau".split(),
    "zh": list("旧船停在安静的港口，两个男人把它漆成蓝色"),
}
TOKENIZERS = {"bert": wordpiece, "xlmr": unigram, "roberta": byte_level}
_CONFIGS = {"bert": "Bert", "xlmr": "XLMRoberta", "roberta": "Roberta"}
MAX_LENGTH = 24


def sentences(language: str, count: int = ITEMS, columns: int = 2) -> list[list[str]]:
    """Rows of made-up texts, the same for each call, of many lengths; some are longer than the models take."""
    chance, words = random.Random(language), _WORDS[language]
    space = "" if language == "zh" else " "
    return [[space.join(chance.choices(words, k=chance.randint(2, 14))) + " ." for _ in range(columns)] for _ in range(count)]


def write_parallel(folder: Path, rows: Mapping[str, Sequence[Sequence[str]]] | None = None, split: str = "test") -> Path:
    """`SPLIT-LANG.tsv` of texts and, where they have none of their own, labels in turn."""
    folder.mkdir(parents=True, exist_ok=True)
    for language, texts in (rows or {name: sentences(name) for name in _WORDS}).items():
        lines = ["\t".join([*row, *([LABELS[k % 3]] if len(row) < 3 else [])]) for k, row in enumerate(texts)]
        (folder / f"{split}-{language}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def tokenizer_of(kind: str) -> Any:
    """A tokenizer that has seen all three languages."""
    return TOKENIZERS[kind]([text for name in _WORDS for row in sentences(name) for text in row])


def save_model(folder: Path, kind: str, *, seed: int = 0, size: int = 16, head: bool = True) -> Path:
    """A classifier (or an encoder without a head) of three layers and its tokenizer; large weights, so that states differ."""
    tokenizer = tokenizer_of(kind)
    name = _CONFIGS[kind]
    torch.manual_seed(seed)
    config = getattr(transformers, f"{name}Config")(
        vocab_size=len(tokenizer), hidden_size=size, num_hidden_layers=3, num_attention_heads=2, intermediate_size=2 * size,
        max_position_embeddings=40, pad_token_id=tokenizer.pad_token_id, initializer_range=0.3, num_labels=len(LABELS),
        type_vocab_size=2, id2label=dict(enumerate(LABELS)), label2id={label: k for k, label in enumerate(LABELS)},
    )  # fmt: skip
    getattr(transformers, name + ("ForSequenceClassification" if head else "Model"))(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def save_run(folder: Path, kind: str = "bert", *, base: str = "base", **method: Any) -> Path:
    """A run folder as `fit` leaves one, of a model that was never trained."""
    save_model(folder, kind)
    record = RunRecord(
        status=FINISHED,
        method={"name": "baseline", "paired": False, "variants": [[0, 0]], **method},
        data=[{"logical_hash": "0", "manifest_sha256": "0", "recipe": {}, "source": {"name": "made"}, "synonyms": None}],
        text_columns=["sentence1", "sentence2"],
        model={"name": base, "revision": None, "randomly_initialised": False, "labels": list(LABELS), "max_length": MAX_LENGTH},
        dev=None,
        training={"seed": 3},
        versions={},
        device="cpu",
        results={"steps": 0},
    )
    sealed(record, folder).write(folder)
    return folder


def opened(folder: Path) -> tuple[Any, Any]:
    """The classifier and the tokenizer of a folder, by transformers alone."""
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    return model, transformers.AutoTokenizer.from_pretrained(folder)
