"""Words and gaps: cases with a comment each, and the reference on arbitrary text."""

import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.perturb import reference
from xlt_augment.words.split import WORD_MODES, find_words, split_text
from xlt_augment.words.texts import Texts

CASES = json.loads((Path(__file__).parent / "cases" / "words.json").read_text(encoding="utf-8"))
AWKWARD = "aZéßΣ1٣中ह\u0301\u0323\u094d\u20e3'’- \u00a0\u200b\u200c\u200d.\n👩𠮷𝟏\u0000"

arbitrary = st.text(st.characters(codec="utf-8"))
awkward = st.text(st.sampled_from(AWKWARD))
texts = arbitrary | awkward
same_unicode = pytest.mark.skipif(not reference.SAME_UNICODE, reason="this Python's Unicode table is another version")


@pytest.mark.parametrize("mode", WORD_MODES)
@pytest.mark.parametrize("case", CASES, ids=[case["comment"] for case in CASES])
def test_texts_fall_into_the_words_one_expects(case: dict, mode: str) -> None:
    words, gaps = split_text(case["text"], mode)
    assert words == case[mode]
    assert reference.join(words, gaps) == case["text"]


@same_unicode
@pytest.mark.parametrize("mode", WORD_MODES)
@pytest.mark.parametrize("case", CASES, ids=[case["comment"] for case in CASES])
def test_reference_knows_the_same_words(case: dict, mode: str) -> None:
    assert reference.split(case["text"], mode)[0] == case[mode]


@pytest.mark.parametrize("mode", WORD_MODES)
@given(text=texts)
@example(text="")
@example(text=" '")
def test_words_and_gaps_put_together_are_the_text(mode: str, text: str) -> None:
    words, gaps = split_text(text, mode)
    assert len(gaps) == len(words) + 1
    assert "".join(piece for pair in zip(gaps, [*words, ""], strict=True) for piece in pair) == text
    assert all(words)


@same_unicode
@pytest.mark.parametrize("mode", WORD_MODES)
@given(text=texts)
def test_words_are_those_of_the_reference(mode: str, text: str) -> None:
    assert split_text(text, mode) == reference.split(text, mode)


@same_unicode
def test_every_character_of_unicode_has_its_place() -> None:
    planes = [*range(0xD800), *range(0xE000, 0x33000), *range(0xE0000, 0xE0200)]
    text = " ".join(f"{chr(c)}a{chr(c)}'a" for c in planes)  # at the start of a word, inside, and before an apostrophe
    assert split_text(text) == reference.split(text, "span")
    beyond = "".join(map(chr, [*range(0x33000, 0xE0000), *range(0xE0200, 0x110000)]))
    assert split_text(beyond) == ([], [beyond])


@pytest.mark.parametrize("mode", WORD_MODES)
@given(rows=st.lists(texts))
def test_each_text_of_a_column_is_split_on_its_own(mode: str, rows: list[str]) -> None:
    column = Texts.from_strings(["before", *rows, "after"]).slice(1, len(rows) + 1)
    first, starts, stops = find_words(column, mode)
    blob = column.data.tobytes()
    for t, text in enumerate(rows):
        words = [blob[starts[k] : stops[k]].decode() for k in range(first[t], first[t + 1])]
        assert words == split_text(text, mode)[0]
