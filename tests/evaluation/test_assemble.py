"""Pairs put together from token ids are, row by row, what the tokenizer makes of the two texts."""

import random
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.train.tokenizers_made import KINDS, TEXTS, framed
from xlt_train.data.assemble import CellRows, Frame, TokenTable
from xlt_train.data.examples import Examples, Layout
from xlt_train.data.pairs import Template, longest_first
from xlt_train.data.parallel import ParallelSet
from xlt_train.errors import ModelError
from xlt_train.evaluation.predict import batches

WORDS = " ".join(TEXTS[:4]).split()
ITEMS = 9


def _tests(columns: int = 2, items: int = ITEMS) -> ParallelSet:
    """Three languages, texts of one to thirty words."""
    from pathlib import Path

    chance = random.Random(3)
    files = {}
    for language in ("de", "en", "ko"):
        texts = tuple([" ".join(chance.choices(WORDS, k=chance.randint(1, 30))) for _ in range(items)] for _ in range(columns))
        places = [f"{language}:{k}" for k in range(items)]
        files[language] = Examples(path=Path(language), sha256=language, texts=texts, labels=None, places=places)
    counts = {"total": items, "kept": items, "placeholders": 0, "differing_labels": 0, "missing": 0}
    layout = Layout(text_columns=("one", "two")[:columns])
    return ParallelSet(
        split="test", rows=None, layout=layout, placeholders="keep", files=files, items=np.arange(items), counts=counts
    )


@cache
def _made(kind: str) -> Any:
    """Each is trained once."""
    return KINDS[kind]()


def _unpadded(tokenizer: Any, batch: dict[str, np.ndarray], k: int, length: int) -> dict[str, list[int]]:
    """Row k of a batch without its padding, which must be padding."""
    width = batch["input_ids"].shape[1]
    own = slice(width - length, width) if tokenizer.padding_side == "left" else slice(0, length)
    pads = {"input_ids": tokenizer.pad_token_id, "token_type_ids": tokenizer.pad_token_type_id, "attention_mask": 0}
    for name, values in batch.items():
        outside = np.delete(values[k], np.arange(width)[own])
        assert (outside == pads[name]).all()
    return {name: values[k][own].tolist() for name, values in batch.items()}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("cut", "pad"), [("right", "right"), ("left", "left")])
def test_rows_are_those_of_the_tokenizer(kind: str, cut: str, pad: str) -> None:
    tests, tokenizer = _tests(), _made(kind)
    tokenizer.truncation_side, tokenizer.padding_side = cut, pad
    for max_length in (8, 25, 60):
        cells = list(product(tests.languages, tests.languages))
        made = CellRows(tests, tokenizer, max_length)
        rows = made.rows(cells)
        assert made.note is None
        chosen = np.arange(len(rows.lengths))[::-2]
        batch = rows.batch(chosen)
        for k, row in enumerate(chosen):
            (a, b), item = cells[row // ITEMS], row % ITEMS
            texts = tests.files[a].texts[0][item], tests.files[b].texts[1][item]
            expected = tokenizer(*texts, truncation=True, max_length=max_length)
            assert rows.lengths[row] == len(expected["input_ids"])
            found = _unpadded(tokenizer, batch, k, int(rows.lengths[row]))
            assert found == {name: list(expected[name]) for name in found}
            assert set(expected) - set(found) <= {"attention_mask"}
        assert ("attention_mask" in batch) == (len(set(rows.lengths[chosen].tolist())) > 1 and "attention_mask" in expected)


@pytest.mark.parametrize("kind", ["bert", "xlm-r"])
def test_single_texts(kind: str) -> None:
    tests, tokenizer = _tests(columns=1), KINDS[kind]()
    rows = CellRows(tests, tokenizer, 16).rows([("ko", None), ("de", None)])
    texts = [*tests.files["ko"].texts[0], *tests.files["de"].texts[0]]
    expected = tokenizer(texts, truncation=True, max_length=16, padding=True)
    batch = rows.batch(np.arange(len(texts)))
    assert {name: values.tolist() for name, values in batch.items()} == {name: expected[name] for name in expected}


def test_a_frame_of_its_own_goes_through_the_tokenizer() -> None:
    """Texts that do not stand whole and in order are no frame: a line says so, and the rows are right all the same."""
    tests = _tests()
    for tokenizer in (framed("<s> $A", "<s> $B </s> $A"), framed("<s> $A", "<s> $A </s> $B $B")):
        made = CellRows(tests, tokenizer, 200)
        assert made.note is not None
        rows = made.rows([("de", "en"), ("en", "de")])
        cells = [(tests.files[a].texts[0], tests.files[b].texts[1]) for a, b in (("de", "en"), ("en", "de"))]
        pairs = [pair for cell in cells for pair in zip(*cell)]
        for k, pair in enumerate(pairs):
            assert rows.batch(np.array([k]))["input_ids"][0].tolist() == tokenizer(*pair)["input_ids"]


def test_a_tokenizer_that_cuts_otherwise_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = KINDS["bert"]()
    usual = type(tokenizer).__call__

    def other(self: Any, *texts: Any, **options: Any) -> Any:
        return usual(self, *texts, **options | ({"max_length": options["max_length"] - 1} if options.get("truncation") else {}))

    monkeypatch.setattr(type(tokenizer), "__call__", other)
    assert CellRows(_tests(), tokenizer, 60).note is not None


def test_every_text_is_tokenised_once() -> None:
    tokenizer, seen = KINDS["bert"](), []

    def noting(texts: list[str], **options: Any) -> Any:
        seen.extend(texts)
        return tokenizer(texts, **options)

    texts = ["a film", "the movie", "a film", "", "the movie"]
    table = TokenTable.of(noting, texts)  # type: ignore[arg-type]
    assert seen == ["a film", "the movie", ""]
    for k, text in enumerate(texts):
        ids = table.ids[table.starts[k] : table.starts[k] + table.sizes[k]]
        assert ids.tolist() == tokenizer(text, add_special_tokens=False)["input_ids"]


def test_ids_that_the_model_lacks_are_refused() -> None:
    tests, tokenizer = _tests(), KINDS["bert"]()
    largest = int(CellRows(tests, tokenizer, 16).table.ids.max())
    CellRows(tests, tokenizer, 16, largest + 1)
    with pytest.raises(ModelError, match=f"token id {largest}; expected ids below {largest}"):
        CellRows(tests, tokenizer, 16, largest)


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=1), st.integers(0, 50))
def test_cutting_many_is_cutting_each(sizes: list[tuple[int, int]], room: int) -> None:
    nothing = np.array([], np.int64)
    template = Template(frame=(nothing,) * 3, frame_types=(nothing,) * 3, text_types=(0, 0), names=("input_ids",))
    frame = Frame(template=template, max_length=room, cut_left=False, pad_left=False, fills={})
    found = frame.kept([np.array(column) for column in zip(*sizes)])
    assert list(zip(*(column.tolist() for column in found))) == [longest_first(a, b, room) for a, b in sizes]


@given(st.lists(st.integers(0, 60), min_size=1, max_size=200), st.integers(1, 400))
def test_batches_hold_each_row_once_and_no_more_than_fits(lengths: list[int], tokens: int) -> None:
    sizes = np.array(lengths)
    cut = list(batches(sizes, tokens))
    assert sorted(np.concatenate(cut).tolist()) == list(range(len(lengths)))
    for chosen in cut:
        assert len(chosen) == 1 or len(chosen) * sizes[chosen].max() <= tokens
    assert [int(sizes[chosen].max()) for chosen in cut] == sorted(int(sizes[chosen].max()) for chosen in cut)


def test_rows_of_one_length_go_alone() -> None:
    """Where they fill a quarter of a batch; the few of other lengths share one."""
    sizes = np.array([10] * 30 + [11] * 9 + [12] * 2 + [13] * 2 + [14] * 20)
    kinds = [sorted(set(sizes[chosen].tolist())) for chosen in batches(sizes, 400)]
    assert kinds == [[10], [11, 12], [13, 14]]
    assert [len(chosen) for chosen in batches(np.full(100, 10), 400)] == [40, 40, 20]
