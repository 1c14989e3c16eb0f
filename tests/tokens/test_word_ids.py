"""Ids of texts by words are those of the whole texts; the independent reference is the tokenizer itself."""

import functools
import random
import threading
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from transformers import AutoTokenizer

from tests.tokens.made import WHOLE, WORD_WISE, sample_texts, save
from xlt_augment.tokens import kernel_tokens as kernel
from xlt_augment.tokens import word_ids as module
from xlt_augment.tokens.tokenizer import Tokenizer, open_tokenizer
from xlt_augment.tokens.word_ids import WordIds
from xlt_augment.tokens.word_wise import WordRules
from xlt_augment.words.texts import Texts

LETTERS = [*"abXYZ019.,!'-_|/éÜßİΣς²½ﬁⅧ", *"the The n't 's '' `` e\u0301".split()]
SCRIPTS = "中 国 。 한국 각 \u1100\u1161 ไทย น้ำ क्षि ا لا 😀 👨\u200d👩 🇫 🇷 \ufe0f".split()
MARKS = [*"\u0301\u0308\u0e33\u200d\u200c\u0d4e\U00011a84\u0600\U000110bd\u0378"]
SPACES = ["\r\n", *"\t\n\r\x00\x01\x1c\x7f\x85\u00a0\u3000\u200b\u2028\u2003\ufeff\u00ad\u180e"]
CHANGED = [*"▁Ġ\u00a8\u00b4\u2017\ufffd\ufdfa\U0010ffff\ue000"]
TOKENS = ["in the", *"[MASK] [mask] [UNK] <mask> </s> <s> <x> <|endoftext|> Québec québec Ａb Ab Aｂ".split()]
GAPS = st.sampled_from(["", "", " ", " ", " ", "  ", "   "])


def texts_of(*parts: str) -> st.SearchStrategy[str]:
    """Texts of these parts with spaces between them."""
    piece = st.tuples(GAPS, st.sampled_from(parts)).map("".join)
    return st.tuples(st.lists(piece, max_size=9).map("".join), GAPS).map("".join)


PLAIN = texts_of(*LETTERS, *SCRIPTS)
NASTY = texts_of(*LETTERS, *SCRIPTS, *MARKS, *SPACES, *CHANGED, *TOKENS)
TEXTS = st.lists(st.one_of(PLAIN, NASTY), min_size=1, max_size=12)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tokenizers")


@functools.cache
def saved(name: str, folder: Path) -> tuple[Tokenizer, Any]:
    """A tokenizer as we open it, and as transformers does."""
    make = WORD_WISE[name] if name in WORD_WISE else WHOLE[name][0]
    path = save(make(), folder / name)
    return open_tokenizer(path), AutoTokenizer.from_pretrained(path)


def whole(reference: Any, texts: Sequence[str]) -> list[list[int]]:
    return [list(ids) for ids in reference(list(texts), add_special_tokens=False)["input_ids"]] if texts else []


def ids(words: WordIds, texts: Sequence[str]) -> list[list[int]]:
    found = words.ids(Texts.from_strings(texts))
    found.validate(full=True)
    assert found.type == pa.list_(pa.int32())
    lists: list[list[int]] = found.to_pylist()
    return lists


@pytest.mark.parametrize("name", [*WORD_WISE, *WHOLE])
@given(texts=TEXTS)
@example(texts=["", " ", "  ", "a", " a", "a ", "a  b", "  a  ", "a\t b", "a \u0301b", "\u200b", "a \u200b b", "x<mask> y"])
@example(texts=["a b", "b a", "\u0d4e b", "\u0d4e \u0308b", "a \u00a8 b", "a\u00a8 b", "a \ufdfa b", "▁a ▁", " ▁ ▁a", "Ġ Ġa"])
@example(
    texts=["x Québec y", "x QUÉBECs y", "x Ab y", "x Aｂ", "in the", "a 中 b", "<x> a", "a <x>", "a  <x>  b", "a\n <mask>\n b"]
)
def test_ids_are_those_of_the_whole_texts(name: str, texts: list[str], folder: Path) -> None:
    tokenizer, reference = saved(name, folder)
    words = WordIds(tokenizer)
    assert ids(words, texts) == whole(reference, texts)
    assert ids(words, texts[::-1]) == whole(reference, texts[::-1])  # now with a table that knows their pieces
    words.check(Texts.from_strings(texts))
    assert words.by == ("words" if name in WORD_WISE else "texts")


@pytest.mark.parametrize("name", sorted(WORD_WISE.keys() - {"bert-spaces"}))  # where Chinese, set apart, is odd
def test_ordinary_text_of_many_languages_goes_word_by_word(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer, reference = saved(name, folder)
    texts = [text for language in ("en", "de", "fr", "es", "ko", "zh", "ja") for text in sample_texts(language)]
    words = WordIds(tokenizer)
    assert ids(words, texts) == whole(reference, texts)
    encoded = encodings(tokenizer, monkeypatch)
    assert ids(words, texts) == whole(reference, texts)
    share = sum(encoded.values()) / len(texts)
    assert share < 0.02, f"{share:.1%} of the rows are odd"


def encodings(tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts how often each string is encoded from now on."""
    counts: Counter[str] = Counter()
    encode, lock = Tokenizer.encode, threading.Lock()

    def counted(self: Tokenizer, texts: Sequence[str]) -> Any:
        with lock:
            counts.update(texts)
        return encode(self, texts)

    monkeypatch.setattr(Tokenizer, "encode", counted)
    return counts


@pytest.mark.parametrize("name", WHOLE)
def test_a_tokenizer_that_does_not_work_on_words_says_why(name: str, folder: Path) -> None:
    words = WordIds(saved(name, folder)[0])
    assert words.by == "texts"
    assert (words.reason or "").startswith(WHOLE[name][1])


@pytest.mark.parametrize("name", ["llama", "not-split", "none", "spaced-token"])
def test_the_check_alone_finds_it(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer, reference = saved(name, folder)
    monkeypatch.setattr(module, "word_rules", lambda config: WordRules())
    words = WordIds(tokenizer)
    words.reason = None  # nor its added tokens
    texts = Texts.from_strings(sample_texts())
    words.check(texts)
    assert (words.by, words.pieces) == ("texts", 0)
    assert (words.reason or "").startswith("word by word it gives other ids for the text '")
    assert words.ids(texts).to_pylist() == whole(reference, sample_texts())


def test_the_check_looks_at_texts_from_first_to_last(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer, _ = saved("gpt4", folder)
    encoded = encodings(tokenizer, monkeypatch)
    words = WordIds(tokenizer)
    words.check(Texts.from_strings([f"text {n}" for n in range(5_000)]))
    taken = sorted(int(text[5:]) for text in encoded if text.startswith("text "))
    assert (len(taken), taken[0], taken[-1]) == (1_000, 0, 4_999)
    assert max(b - a for a, b in zip(taken, taken[1:])) <= 6
    words.check(Texts.from_strings([]))
    assert words.by == "words"


def test_threads_share_one_table_and_encode_each_piece_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer, reference = saved("roberta", folder)
    texts = sample_texts() * 4
    units = [texts[start : start + 90] for start in range(0, len(texts), 90)]
    wanted = [whole(reference, unit) for unit in units]
    order = list(range(len(units)))
    random.Random(0).shuffle(order)
    encoded = encodings(tokenizer, monkeypatch)
    words = WordIds(tokenizer)
    with ThreadPoolExecutor(8) as pool:
        found = dict(zip(order, pool.map(lambda k: ids(words, units[k]), order)))
    assert [found[k] for k in range(len(units))] == wanted
    assert set(encoded.values()) == {1}
    assert set(encoded) == {piece for text in texts for piece in pieces(text)}


def pieces(text: str) -> list[str]:
    """A text cut before each run of spaces, by hand."""
    first, *rest = text.split(" ")
    found, spaces = [first], 0
    for word in rest:
        spaces += 1
        if word:
            found.append(" " * spaces + word)
            spaces = 0
    if spaces:
        found.append(" " * spaces)
    return found if found[0] or len(found) == 1 else found[1:]


@pytest.mark.parametrize("limits", [{"max_pieces": 40}, {"max_bytes": 200}, {"max_pieces": 0}])
@pytest.mark.parametrize("name", ["bert-cased", "xlm-r-hub"])
def test_a_full_table_stays_as_it_is(
    name: str, limits: dict[str, int], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    tokenizer, reference = saved(name, folder)
    words = WordIds(tokenizer, **limits)
    texts = [*sample_texts()[:200], "x<mask> y[MASK]", "中" * 90 + " <mask>", "\u0d4e b"]
    for _ in range(2):
        assert ids(words, texts) == whole(reference, texts)
    known = words._table.pieces
    assert known.odd.size <= limits.get("max_pieces", 1_000)
    assert known.data.size <= limits.get("max_bytes", 1_000)
    assert known.odd.size >= limits.get("max_pieces", 20) - 1
    encoded = encodings(tokenizer, monkeypatch)
    ids(words, texts)
    assert set(encoded.values()) == {1}, "a piece that is not kept is still encoded once per call"


def test_a_long_piece_is_not_kept(folder: Path) -> None:
    tokenizer, reference = saved("bert-cased", folder)
    words = WordIds(tokenizer)
    texts = ["中" * 90 + " a", "中" * 60 + " b"]
    assert ids(words, texts) == whole(reference, texts)
    assert words._table.size == 3


def test_what_is_known_is_found_without_a_lock(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = WordIds(saved("roberta", folder)[0])
    texts = Texts.from_strings([*sample_texts(), "  two  spaces  "])
    before = words.ids(texts)
    monkeypatch.setattr(words, "_learn", None)
    assert words.ids(texts) == before


def test_another_piece_with_the_same_hash_is_not_taken_for_it() -> None:
    known, other = Texts.from_strings([" a"]), Texts.from_strings([" b"])
    slots = kernel.with_keys(np.full(8, -1, np.int64), other.data, other.offsets, 0)
    starts, stops = other.offsets[:1], other.offsets[1:]
    assert kernel.find_ranges(other.data, starts, stops, slots, other.data, other.offsets).tolist() == [0]
    assert kernel.find_ranges(other.data, starts, stops, slots, known.data, known.offsets).tolist() == [-1]


def test_slices_and_no_texts(folder: Path) -> None:
    tokenizer, reference = saved("bert-uncased", folder)
    words = WordIds(tokenizer)
    texts = sample_texts()[:50]
    part = Texts.from_strings(texts).slice(7, 23)
    assert words.ids(part).to_pylist() == whole(reference, texts[7:23])
    assert ids(words, []) == []
