"""What a build is measured against: the same job by other means, written here from descriptions."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Neighbors = dict[str, list[str]]
Rows = list[list[str]]


def read_rows(source: Path) -> Rows:
    """Rows of a TSV: text 1, text 2, label."""
    with source.open(encoding="utf-8") as lines:
        return [line.rstrip("\n").split("\t") for line in lines]


def write_rows(rows: Rows, m: int, vary: Callable[[str], str], out: Path) -> None:
    """m variants of each row as TSV."""
    with out.open("w", encoding="utf-8") as written:
        for first, second, label in rows:
            for _ in range(m):
                written.write(f"{vary(first)}\t{vary(second)}\t{label}\n")


def published(source: Path, neighbors: Neighbors, m: int, out: Path) -> None:
    """Huang et al. 2021, section 3.3 (data augmentation), word by word: cut at spaces; a word of the synonym set becomes one of
    its synonyms or itself, drawn by index from numpy's generator; join with spaces."""
    choices = {word: [word, *others] for word, others in neighbors.items()}
    chance = np.random.RandomState(0)

    def draw(word: str) -> str:
        if word not in choices:
            return word
        options = choices[word]
        return options[chance.randint(0, len(options))]

    write_rows(read_rows(source), m, lambda text: " ".join(draw(word) for word in text.split(" ")), out)


def tuned(source: Path, neighbors: Neighbors, m: int, out: Path) -> None:
    """The same without waste: Python's own generator, no call a word."""
    write_rows(read_rows(source), m, _tuned(neighbors), out)


def _tuned(neighbors: Neighbors) -> Callable[[str], str]:
    choices, chance = {word: (word, *others) for word, others in neighbors.items() if others}, random.Random(0).random

    def vary(text: str) -> str:
        words = text.split(" ")
        for k, word in enumerate(words):
            if options := choices.get(word):
                words[k] = options[int(chance() * len(options))]
        return " ".join(words)

    return vary


def by_map(source: Path, neighbors: Neighbors, m: int, out: Path, cache: Path) -> None:
    """The tuned loop inside `datasets.map`, batched, from TSV to a folder on disk."""
    from datasets import Dataset, disable_caching, disable_progress_bars

    disable_caching()
    disable_progress_bars()
    rows = read_rows(source)
    names = ("sentence1", "sentence2", "label")
    data = Dataset.from_dict({name: [row[k] for row in rows] for k, name in enumerate(names)})
    vary = _tuned(neighbors)

    def augment(batch: dict[str, list[str]]) -> dict[str, list[str]]:
        texts = {name: [vary(text) for text in batch[name] for _ in range(m)] for name in names[:2]}
        return texts | {"label": [label for label in batch["label"] for _ in range(m)]}

    mapped = data.map(augment, batched=True, cache_file_name=str(cache / "mapped.arrow"), load_from_cache_file=False)
    mapped.save_to_disk(str(out))


def by_nlpaug(rows: Rows, m: int) -> dict[str, Callable[[], object]] | None:
    """nlpaug's own synonym (where it finds WordNet) and swap augmenters; None where it is not installed."""
    try:
        import nlpaug.augmenter.word as naw
    except ImportError:
        return None
    found: dict[str, Any] = {"nlpaug RandomWordAug(swap)": naw.RandomWordAug(action="swap", aug_p=0.1)}
    try:
        import nltk

        for name in ("corpora/wordnet", "taggers/averaged_perceptron_tagger_eng"):
            nltk.data.find(name)
        found["nlpaug SynonymAug(wordnet)"] = naw.SynonymAug(aug_src="wordnet", aug_p=0.1)
    except LookupError:
        pass  # nltk's data is not on this machine

    def job(augmenter: Any) -> Callable[[], object]:
        return lambda: [augmenter.augment(text, n=m) for row in rows for text in row[:2]]

    return {name: job(augmenter) for name, augmenter in found.items()}


def whole_published_job() -> None:
    """The published job as a process: SOURCE SET.json M OUT."""
    import sys

    source, synonyms, m, out = sys.argv[1:]
    published(Path(source), json.loads(Path(synonyms).read_text(encoding="utf-8")), int(m), Path(out))


if __name__ == "__main__":
    whole_published_job()
