"""The embedded sample is what its README says: sizes, layout, translations row by row, no repetition."""

import unicodedata
from pathlib import Path

import pytest

from tests.conftest import PROJECT

SAMPLE = PROJECT / "data" / "samples" / "paraphrase"
LANGUAGES = ("en", "de", "es", "fr", "ja", "ko", "zh")
SCRIPTS = {"ja": ("HIRAGANA", "KATAKANA", "CJK"), "ko": ("HANGUL",), "zh": ("CJK",)}


def _rows(path: Path) -> list[list[str]]:
    return [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize(("split", "count"), [("train-en", 200), ("dev-en", 60), *((f"test-{code}", 60) for code in LANGUAGES)])
def test_each_file_is_a_balanced_sample(split: str, count: int) -> None:
    rows = _rows(SAMPLE / f"{split}.tsv")
    assert len(rows) >= count
    assert all(len(row) == 3 and row[2] in "01" and row[0] != row[1] for row in rows)
    assert all(text == text.strip() and text for row in rows for text in row)
    assert 0.4 < sum(row[2] == "1" for row in rows) / len(rows) < 0.6
    texts = [text for row in rows for text in row[:2]]
    assert len(set(texts)) == len(texts)


def test_the_test_files_are_parallel() -> None:
    labels = {code: [row[2] for row in _rows(SAMPLE / f"test-{code}.tsv")] for code in LANGUAGES}
    assert all(found == labels["en"] for found in labels.values())


@pytest.mark.parametrize("code", SCRIPTS)
def test_translations_are_in_their_script(code: str) -> None:
    for row in _rows(SAMPLE / f"test-{code}.tsv"):
        for text in row[:2]:
            names = [unicodedata.name(c, "") for c in text if c.isalpha()]
            assert sum(name.startswith(SCRIPTS[code]) for name in names) > 0.8 * len(names), text


def test_word_overlap_does_not_give_the_label_away() -> None:
    overlap: dict[str, list[float]] = {"0": [], "1": []}
    for a, b, label in _rows(SAMPLE / "train-en.tsv"):
        one, two = set(a.lower().split()), set(b.lower().split())
        overlap[label].append(len(one & two) / len(one | two))
    means = [sum(values) / len(values) for values in overlap.values()]
    assert min(means) > 0.6
    assert abs(means[0] - means[1]) < 0.15
