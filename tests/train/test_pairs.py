"""What is built of token ids is what the tokenizer makes of the texts, for every frame, length and side."""

import functools
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import DataCollatorWithPadding

from tests.train.tokenizers_made import KINDS, TEXTS, framed
from xlt_train.data.encode import Encoder
from xlt_train.data.padding import Padding
from xlt_train.data.pairs import PairBuilder, Template, longest_first

PROBES = [("the movie", "x y z"), ("x", "y"), ("a wonderful film", "the")]
made = functools.cache(lambda kind: KINDS[kind]())
words = st.sampled_from([*" ".join(TEXTS).split(), "unseen", "</s>", "[SEP]", "<mask>", "\u200d", "é", "ﬁ", "🙂", "\n", "  "])
texts = st.lists(words, max_size=40).map(" ".join) | st.text(max_size=12)


def _ids(tokenizer: Any, column: list[str]) -> list[np.ndarray]:
    found = tokenizer(column, add_special_tokens=False, verbose=False)["input_ids"] if column else []
    return [np.asarray(ids, np.int32) for ids in found]


def _built(tokenizer: Any, columns: list[list[str]], length: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Items by the builder, and by the tokenizer."""
    template = Template.of(tokenizer, [row[: len(columns)] for row in PROBES])
    assert template is not None
    left = tokenizer.truncation_side == "left"
    build = PairBuilder(template=template, max_length=length, cut_left=left, embeddings=len(tokenizer), place="here")
    found = build([_ids(tokenizer, column) for column in columns])
    assert all(value.dtype == np.int64 for item in found for value in item.values())
    return [{name: value.tolist() for name, value in item.items()} for item in found], Encoder(tokenizer, length)(columns)


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("kind", KINDS)
@given(rows=st.lists(st.tuples(texts, texts), min_size=1, max_size=4), length=st.integers(5, 60), pair=st.booleans())
def test_items_are_those_of_the_tokenizer(kind: str, side: str, rows: list[tuple[str, str]], length: int, pair: bool) -> None:
    tokenizer = made(kind)
    tokenizer.truncation_side = side
    columns = [list(column) for column in zip(*rows)][: 1 + pair]
    template = Template.of(tokenizer, [row[: 1 + pair] for row in PROBES])
    assert template is not None
    found, expected = _built(tokenizer, columns, max(length, template.specials + 1))
    assert found == expected
    assert [list(item) for item in found] == [list(item) for item in expected]  # in the tokenizer's order of names


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("texts", [1, 2])
def test_every_small_length_is_cut_as_the_tokenizer_cuts(kind: str, texts: int) -> None:
    tokenizer = made(kind)
    template = Template.of(tokenizer, [row[:texts] for row in PROBES])
    assert template is not None
    column = ["", "x", "x y", "x y z", "the movie was a wonderful film", "x y z " * 6]
    columns = [[a for a in column for _ in column], [b for _ in column for b in column]][:texts]
    for length in range(template.specials + 1, template.specials + 16):
        found, expected = _built(tokenizer, columns, length)
        assert found == expected
        assert max(len(item["input_ids"]) for item in found) == length


@functools.cache
def _counting() -> Tokenizer:
    tokenizer = Tokenizer(models.WordLevel({"?": 0}, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return tokenizer


@given(n1=st.integers(0, 40), n2=st.integers(0, 40), room=st.integers(1, 70))
def test_longest_first_is_that_of_the_library(n1: int, n2: int, room: int) -> None:
    tokenizer = _counting()
    tokenizer.enable_truncation(room, strategy="longest_first")
    owners = tokenizer.encode("a " * n1, "b " * n2).sequence_ids
    assert longest_first(n1, n2, room) == (owners.count(0), owners.count(1))


def test_frames_are_read_from_the_tokenizer() -> None:
    found = {kind: Template.of(made(kind), PROBES) for kind in KINDS}
    bert, own = found["bert"], found["own types"]
    assert bert is not None
    assert own is not None
    cls, sep = made("bert").cls_token_id, made("bert").sep_token_id
    assert [part.tolist() for part in bert.frame] == [[cls], [sep], [sep]]
    assert ([part.tolist() for part in bert.frame_types], bert.text_types) == ([[0], [0], [1]], (0, 1))
    assert [part.tolist() for part in own.frame] == [[0], [4, 4], [2, 2]]
    assert ([part.tolist() for part in own.frame_types], own.text_types) == ([[2], [1, 0], [4, 1]], (3, 0))
    assert {kind: template and template.specials for kind, template in found.items()} == {
        "bert": 3, "roberta": 4, "xlm-r": 4, "own types": 5, "behind": 1, "before": 3, "bare": 0, "no mask": 2,
    }  # fmt: skip


@pytest.mark.parametrize("pair", ["<s> $B $A", "<s> $A $A $B"])
def test_a_frame_of_another_form_is_none(pair: str) -> None:
    """Texts turned round, or one twice: what the tokenizer does then is left to it."""
    assert Template.of(framed("<s> $A", pair), PROBES) is None
    assert "$A $A" in pair or Template.of(framed("<s> $A", pair), PROBES[:1]) is None


def test_rows_that_are_framed_in_different_ways_give_none(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = framed("<s> $A", "<s> $A $B"), framed("$A", "$A <s> $B")
    calls = iter([one] * 4 + [other] * 2)
    assert Template.of(lambda *a, **k: next(calls)(*a, **k), PROBES) is None  # type: ignore[arg-type]
    assert Template.of(one, []) is None


SPOILT: dict[str, tuple[str, int, bool]] = {  # what, its new last value, and with special tokens or without
    "a text in two types": ("token_type_ids", 7, True),
    "a mask that hides": ("attention_mask", 0, True),
    "other ids in a pair than alone": ("input_ids", 5, False),
}


@pytest.mark.parametrize("what", SPOILT)
def test_what_cannot_be_framed_gives_none(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer, rows = framed("<s> $A", "<s> $A $B"), [("x", "x y z")]
    assert Template.of(tokenizer, rows) is not None
    name, value, framing = SPOILT[what]
    plain = type(tokenizer).__call__

    def spoilt(self: Any, *given: Any, **named: Any) -> Any:
        found = plain(self, *given, **named)
        if named.get("add_special_tokens", True) == framing:
            found[name][-1][-1] = value
        return found

    monkeypatch.setattr(type(tokenizer), "__call__", spoilt)
    assert Template.of(tokenizer, rows) is None


# ---- padding


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data(), multiple=st.sampled_from([None, 8]))
def test_padding_is_that_of_the_library(kind: str, side: str, data: st.DataObject, multiple: int | None) -> None:
    tokenizer = made(kind)
    tokenizer.padding_side, tokenizer._pad_token_type_id = side, 3
    columns = [data.draw(st.lists(texts, min_size=3, max_size=3)) for _ in range(2)]
    items = [item | {"labels": k, "rows": 10**10 + k} for k, item in enumerate(Encoder(tokenizer, 20)(columns))]
    arrays = [
        {name: np.asarray(value) if name not in ("labels", "rows") else value for name, value in i.items()} for i in items
    ]
    expected = DataCollatorWithPadding(tokenizer, pad_to_multiple_of=multiple)(items)
    for batch in (Padding(tokenizer, multiple)(items), Padding(tokenizer, multiple)(arrays)):
        assert set(batch) == set(expected)
        assert all(batch[name].dtype == expected[name].dtype for name in batch)
        assert all(batch[name].tolist() == expected[name].tolist() for name in batch)


def test_padding_goes_to_the_longest_of_the_batch_and_no_further() -> None:
    pad = Padding(made("bert"))
    batch = pad([{"input_ids": [5] * n, "attention_mask": [1] * n} for n in (3, 9, 1)])
    assert batch["input_ids"].shape == (3, 9)
    assert batch["attention_mask"].sum(1).tolist() == [3, 9, 1]
    again = pickle.loads(pickle.dumps(pad))([{"input_ids": [1]}])  # noqa: S301 - our own, as a DataLoader sends it
    assert again["input_ids"].tolist() == [[1]]
