"""Words of texts as a tokenizer cuts them, and the tokens that each is made of.

A word is a run of tokens without a space between them, cut where one of them ends and letters meet punctuation. The languages
written without spaces have no such words: there every token is one, but tokens of one character stay together. So Chinese words
are characters for mBERT and pieces for XLM-R. What holds no letter or digit is no word.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from xlt_train.errors import ModelError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

# Thai, Lao, Burmese, Khmer, signs among Han, kana, Han, half-width kana, Han of the further planes: no spaces between words.
_UNSPACED = (
    (0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x3005, 0x3007), (0x3040, 0x30FF), (0x31F0, 0x31FF),
    (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0xFF66, 0xFF9F), (0x20000, 0x3FFFF),
)  # fmt: skip
_JOINERS = "\u200c\u200d"
_OTHER, _LETTER, _ALONE = range(3)


class Text(NamedTuple):
    """A text, and where it stands: row of the files, and which text of that row."""

    item: int
    column: int
    text: str


@dataclass(frozen=True)
class Sentence:
    """A text as tokens and words. `spans` [W, 2]: the words' characters; `owners` [T]: each token's word, -1 for none."""

    item: int
    column: int
    inputs: dict[str, Any]  # what the encoder takes, not padded
    words: tuple[str, ...]
    spans: np.ndarray
    owners: np.ndarray

    @property
    def key(self) -> tuple[int, int]:
        """Where it stands: item, and which text of it."""
        return self.item, self.column


def sentences_of(tokenizer: "PreTrainedTokenizerBase", texts: Sequence[Text], max_length: int) -> list[Sentence]:
    """Each text by itself, cut at `max_length` tokens, in words. Raises ModelError for a tokenizer that cannot say them."""
    found = []
    for (item, column, text), inputs, encoding in _encoded(tokenizer, texts, max_length):
        owners = np.full(len(encoding.ids), -1, np.int32)
        words: list[str] = []
        spans: list[tuple[int, int]] = []
        for tokens in _groups(text, encoding):
            start, end = _trimmed(text, encoding.offsets[tokens[0]][0], max(encoding.offsets[k][1] for k in tokens))
            if any(char.isalnum() for char in text[start:end]):
                owners[tokens] = len(words)
                words.append(text[start:end])
                spans.append((start, end))
        found.append(Sentence(item, column, inputs, tuple(words), np.array(spans, np.int64).reshape(-1, 2), owners))
    return found


def sentences_at(
    tokenizer: "PreTrainedTokenizerBase", texts: Sequence[Text], spans: Sequence[Sequence[tuple[int, int]]], max_length: int
) -> list[Sentence]:
    """The same with words given as spans of characters: a word's tokens are all that hold some of it, none where it was cut
    off.
    """
    found = []
    for ((item, column, text), inputs, encoding), wanted in zip(_encoded(tokenizer, texts, max_length), spans):
        owners = np.full(len(encoding.ids), -1, np.int32)
        for k, (start, end) in enumerate(encoding.offsets):
            low, high = _trimmed(text, start, end)
            if low < high:  # special tokens have none
                owners[k] = next((w for w, (a, b) in enumerate(wanted) if low < b and a < high), -1)
        words = tuple(text[start:end] for start, end in wanted)
        found.append(Sentence(item, column, inputs, words, np.array(wanted, np.int64).reshape(-1, 2), owners))
    return found


def _encoded(
    tokenizer: "PreTrainedTokenizerBase", texts: Sequence[Text], max_length: int
) -> Iterator[tuple[Text, dict[str, Any], Any]]:
    if not tokenizer.is_fast:
        raise ModelError(
            f"cutting texts into words with {type(tokenizer).__name__}",
            found="a tokenizer that does not say which characters a token stands for",
            expected="one of the tokenizers library, as those of mBERT and XLM-R",
            remedy="Choose another model",
        )
    if not texts:
        return
    batch = tokenizer([text.text for text in texts], truncation=True, max_length=max_length)
    for k, text in enumerate(texts):
        yield text, {name: values[k] for name, values in batch.items()}, batch.encodings[k]


def _groups(text: str, encoding: Any) -> Iterator[list[int]]:
    """Tokens of each word, and of each run of punctuation, in their order."""
    group: list[int] = []
    for k, (span, special) in enumerate(zip(encoding.offsets, encoding.special_tokens_mask)):
        start, end = _trimmed(text, *span)
        if special or start >= end:  # nothing, or nothing but a space
            continue
        if group and _apart(text, encoding.offsets[group[-1]], span):
            yield group
            group = []
        group.append(k)
    if group:
        yield group


def _apart(text: str, before: tuple[int, int], after: tuple[int, int]) -> bool:
    """Whether a word ends between two tokens that follow each other."""
    if after[0] < before[1]:  # bytes of one character
        return False
    if after[0] > before[1] or text[before[1] - 1].isspace() or text[after[0]].isspace():
        return True
    if unicodedata.category(text[after[0]]).startswith("M"):  # a mark belongs to the letter before it
        return False
    kinds = _kind(text[before[1] - 1]), _kind(text[after[0]])
    return kinds[0] != kinds[1] or _ALONE in kinds


def _kind(char: str) -> int:
    if any(low <= ord(char) <= high for low, high in _UNSPACED):
        return _ALONE
    letter = char.isalnum() or char in _JOINERS or unicodedata.category(char).startswith("M")
    return _LETTER if letter else _OTHER


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """A span without the spaces around it, which tokens of pieces and bytes include."""
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), end - (len(piece) - len(piece.rstrip()))
