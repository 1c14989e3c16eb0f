"""What a word is for each kind of tokenizer, and which tokens it has."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.probing.made import TOKENIZERS, tokenizer_of
from xlt_train.errors import ModelError
from xlt_train.models.nano import nano_tokenizer
from xlt_train.probing.words import Text, sentences_at, sentences_of

MADE: dict[str, Any] = {kind: tokenizer_of(kind) for kind in TOKENIZERS}
MADE["nano"] = nano_tokenizer(["the old boat lies near a quiet harbour", "don't"], 64)
TEXTS = ["the old boat , near a harbour .", "don't re-paint (it) blue!", "旧船停在港口。", "das alte Boot 港口 liegt"]


def words(kind: str, text: str, max_length: int = 60) -> Any:
    return sentences_of(MADE[kind], [Text(0, 0, text)], max_length)[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("the old boat , near a harbour .", ["the", "old", "boat", "near", "a", "harbour"]),  # punctuation is no word
        ("the boat, old.", ["the", "boat", "old"]),  # also where it sticks to one
        ("旧船停", ["旧", "船", "停"]),  # no spaces: every character of mBERT
        ("", []),
        (" . , ", []),
        ("x 12 ½", ["x", "12", "½"]),
    ],
)
def test_words_of_mbert(text: str, expected: list[str]) -> None:
    assert list(words("bert", text).words) == expected


@pytest.mark.parametrize("kind", ["xlmr", "roberta", "nano"])
def test_pieces_and_bytes_of_a_word_stay_together_but_for_punctuation(kind: str) -> None:
    found = words(kind, "the boatyard, (old).")
    assert list(found.words) == ["the", "boatyard", "old"]
    assert max((found.owners == k).sum() for k in range(3)) > 1  # one is of several tokens, or the test shows nothing


@pytest.mark.parametrize("kind", ["roberta", "nano"])
def test_bytes_of_a_character_without_spaces_around_it_are_one_word(kind: str) -> None:
    assert list(words(kind, "船漆港").words) == ["船", "漆", "港"]
    assert (words(kind, "漆").owners == 0).sum() > 1


def test_a_piece_of_a_text_without_spaces_is_a_word() -> None:
    tokenizer = MADE["xlmr"]
    pieces = [piece.strip("▁") for piece in tokenizer.tokenize("旧船停在安静的港口")]
    assert list(words("xlmr", "旧船停在安静的港口").words) == [piece for piece in pieces if piece]


@pytest.mark.parametrize("text", ["กี่", "किताब", "x12"])
def test_a_mark_stays_with_its_letters(text: str) -> None:
    assert list(words("nano", text).words) == [text]


@pytest.mark.parametrize("kind", MADE)
@given(
    text=st.one_of(
        st.sampled_from(TEXTS),
        st.text(alphabet="ab éß.,'-  \t船港カกี่한국", max_size=20),
        st.text(max_size=12).filter(str.isprintable),
    )
)
def test_spans_and_tokens_are_those_of_the_words(kind: str, text: str) -> None:
    found = words(kind, text)
    encoding = MADE[kind](text, truncation=True, max_length=60).encodings[0]
    assert [text[a:b] for a, b in found.spans] == list(found.words)
    assert all(word == word.strip() and any(char.isalnum() for char in word) for word in found.words)
    assert all(b <= a for (_, b), (a, _) in zip(found.spans, found.spans[1:]))
    assert set(found.owners) >= set(range(len(found.words)))
    assert found.inputs["input_ids"] == encoding.ids
    for owner, special, (start, end) in zip(found.owners, encoding.special_tokens_mask, encoding.offsets):
        if owner >= 0:
            low, high = found.spans[owner]
            assert not special
            assert start < high
            assert low < end
        elif not special and start < end:  # nothing but what is no word
            assert not any(char.isalnum() for char in text[start:end])


def test_a_text_that_is_too_long_loses_its_last_words() -> None:
    whole, cut = words("bert", "the old boat near a harbour"), words("bert", "the old boat near a harbour", 6)
    assert 0 < len(cut.words) < len(whole.words)
    assert whole.words[: len(cut.words) - 1] == cut.words[:-1]
    assert len(cut.owners) == 6


@pytest.mark.parametrize("kind", MADE)
def test_given_words_have_all_tokens_that_hold_some_of_them(kind: str) -> None:
    text = "the boatyard, (old) harbour"
    spans = [(4, 12), (15, 18)]
    found = sentences_at(MADE[kind], [Text(7, 1, text)], [spans], 60)[0]
    encoding = MADE[kind](text).encodings[0]
    assert found.words == ("boatyard", "old")
    assert found.key == (7, 1)
    for owner, special, (start, end) in zip(found.owners, encoding.special_tokens_mask, encoding.offsets):
        while start < end and text[start].isspace():
            start += 1
        overlapping = [k for k, (low, high) in enumerate(spans) if start < end and low < end and start < high and not special]
        assert owner == (overlapping or [-1])[0]


def test_a_tokenizer_without_offsets_is_refused() -> None:
    class Slow:
        is_fast = False

    with pytest.raises(ModelError, match="does not say which characters"):
        sentences_of(Slow(), [Text(0, 0, "a")], 10)  # type: ignore[arg-type]
