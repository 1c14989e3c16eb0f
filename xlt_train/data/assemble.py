"""Rows of a parallel set as an encoder takes them, each sentence tokenised once and pairs put together batch by batch."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from xlt_train.data.encode import Encoder
from xlt_train.data.pairs import Template
from xlt_train.data.parallel import ParallelSet
from xlt_train.errors import ModelError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Cell = tuple[str, str | None]  # languages of the first and the second text; None: there is but one text
_LOOKED_AT = 32  # rows, over all languages, whose assembly is compared with the tokenizer's own
_CUT = 6  # of them that are also cut to almost nothing
_SHORT = (1, 2, 3, 7)  # tokens of text that are left then, so that every way to cut is seen
NOTE = "the tokenizer sets texts in a way of its own: pairs are tokenised one by one"


class Rows(Protocol):
    """R rows ready for batches. `lengths` [R]: their tokens, cut and with special ones."""

    lengths: np.ndarray

    def batch(self, chosen: np.ndarray) -> dict[str, np.ndarray]:
        """What the encoder takes of these rows, [chosen, longest] int64 each; no attention mask where none is needed."""


@dataclass(frozen=True, kw_only=True)
class TokenTable:
    """Token ids of T texts without special tokens: text t is `ids[starts[t] : starts[t] + sizes[t]]`."""

    ids: np.ndarray
    starts: np.ndarray
    sizes: np.ndarray

    @classmethod
    def of(cls, tokenizer: "PreTrainedTokenizerBase", texts: Iterable[str]) -> "TokenTable":
        """Every distinct text is tokenised once."""
        distinct: dict[str, int] = {}
        number = np.array([distinct.setdefault(text, len(distinct)) for text in texts])
        found = tokenizer(list(distinct), add_special_tokens=False, truncation=False, verbose=False)["input_ids"]
        sizes = np.array([len(ids) for ids in found], np.int64)
        ids = np.concatenate([np.asarray(one, np.int32) for one in found])
        return cls(ids=ids, starts=(np.cumsum(sizes) - sizes)[number], sizes=sizes[number])


@dataclass(frozen=True, kw_only=True)
class Frame:
    """How a tokenizer sets texts, cuts them at `max_length` tokens and pads them. `fills`: what padding consists of."""

    template: Template
    max_length: int
    cut_left: bool
    pad_left: bool
    fills: dict[str, int]

    @classmethod
    def of(cls, tokenizer: "PreTrainedTokenizerBase", template: Template, max_length: int) -> "Frame":
        """That of a tokenizer."""
        return cls(
            template=template,
            max_length=max_length,
            cut_left=tokenizer.truncation_side == "left",
            pad_left=tokenizer.padding_side == "left",
            fills={
                "input_ids": int(tokenizer.pad_token_id or 0),
                "token_type_ids": int(tokenizer.pad_token_type_id),
                "attention_mask": 0,
            },
        )

    def kept(self, sizes: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Tokens [R] that are left of each text of a row, as `longest_first` has it."""
        room = self.max_length - self.template.specials
        if len(sizes) == 1:
            return [np.minimum(sizes[0], room)]
        first, second = sizes
        short = np.minimum(first, second)
        long = np.maximum(short, room - short)
        halves = short + long > room
        short, long = np.where(halves, room // 2, short), np.where(halves, room - room // 2, long)
        fits = first + second <= room
        return [
            np.where(fits, first, np.where(first > second, long, short)),
            np.where(fits, second, np.where(first > second, short, long)),
        ]


class Assembled:
    """Rows put together from token ids. `texts`: for each text of a row the number [R] of it in the table."""

    def __init__(self, frame: Frame, table: TokenTable, texts: Sequence[np.ndarray]) -> None:
        self.frame, self.table, self.texts = frame, table, texts
        self.sizes = frame.kept([table.sizes[numbers] for numbers in texts])
        self.lengths: np.ndarray = frame.template.specials + np.sum(self.sizes, axis=0)

    def batch(self, chosen: np.ndarray) -> dict[str, np.ndarray]:
        """As `Rows` has it: what the tokenizer makes of the texts, without a Python object for each token or row."""
        frame, template, lengths = self.frame, self.frame.template, self.lengths[chosen]
        width = int(lengths.max())
        names = [name for name in template.names if name != "attention_mask" or int(lengths.min()) < width]
        flat = {name: np.full(len(chosen) * width, frame.fills[name], np.int64) for name in names}
        at = np.arange(len(chosen)) * width + (width - lengths if frame.pad_left else 0)
        self._put(flat, at, template.frame[0], template.frame_types[0])
        at = at + len(template.frame[0])
        behind = zip(self.texts, self.sizes, template.text_types, template.frame[1:], template.frame_types[1:])
        for texts, sizes, kind, special, special_types in behind:
            size, numbers = sizes[chosen], texts[chosen]
            start = self.table.starts[numbers] + (self.table.sizes[numbers] - size if frame.cut_left else 0)
            within = np.arange(int(size.sum())) - np.repeat(np.cumsum(size) - size, size)
            spots = np.repeat(at, size) + within
            flat["input_ids"][spots] = self.table.ids[np.repeat(start, size) + within]
            if "token_type_ids" in flat:
                flat["token_type_ids"][spots] = kind
            at = at + size
            self._put(flat, at, special, special_types)
            at = at + len(special)
        found = {name: values.reshape(len(chosen), width) for name, values in flat.items()}
        if "attention_mask" in found:
            steps = np.arange(width)[::-1] if frame.pad_left else np.arange(width)
            found["attention_mask"] = (steps < lengths[:, None]).astype(np.int64)
        return found

    def _put(self, flat: dict[str, np.ndarray], at: np.ndarray, special: np.ndarray, types: np.ndarray) -> None:
        """Special tokens into every row, from there on."""
        spots = at[:, None] + np.arange(len(special))
        flat["input_ids"][spots] = special
        if "token_type_ids" in flat:
            flat["token_type_ids"][spots] = types


class Tokenised:
    """Rows that the tokenizer made, one by one."""

    def __init__(self, encode: Encoder, columns: Sequence[Sequence[str]]) -> None:
        self.encode, self.items = encode, encode(columns)
        self.lengths = np.array([len(item["input_ids"]) for item in self.items], np.int64)

    def batch(self, chosen: np.ndarray) -> dict[str, np.ndarray]:
        """As `Rows` has it, padded by the tokenizer."""
        padded = self.encode.tokenizer.pad([self.items[k] for k in chosen], return_tensors="np")
        return {name: np.asarray(values, np.int64) for name, values in padded.items()}


class CellRows:
    """The rows of any cells of a parallel set: `rows(cells)`, cell by cell, items ascending.

    `note` says so where the tokenizer's frame has no known form, and every pair goes through the tokenizer itself. Raises
    ModelError where the tokenizer has ids that the model, which knows `embeddings` of them, has not.
    """

    def __init__(
        self, tests: ParallelSet, tokenizer: "PreTrainedTokenizerBase", max_length: int, embeddings: int | None = None
    ) -> None:
        self.tests, self.encode = tests, Encoder(tokenizer, max_length)
        columns = len(next(iter(tests.files.values())).texts)
        texts = [text for one in tests.files.values() for column in one.texts for text in column]
        self.table = TokenTable.of(tokenizer, texts)
        if embeddings is not None and len(self.table.ids) and self.table.ids.max() >= embeddings:
            raise ModelError(
                "tokenising the test files",
                found=f"the token id {self.table.ids.max():,}",
                expected=f"ids below {embeddings:,}, which the model knows",
                remedy="Save the run with its own tokenizer, or train it again",
            )
        names = [(language, k) for language in tests.files for k in range(columns)]
        self.numbers = {name: np.arange(len(tests)) + k * len(tests) for k, name in enumerate(names)}
        self.frame = self._frame()
        self.note = NOTE if self.frame is None else None

    def rows(self, cells: Sequence[Cell]) -> Rows:
        """Those of `cells`."""
        if self.frame is not None:
            return Assembled(self.frame, self.table, self._texts(cells))
        return Tokenised(self.encode, self._columns(cells))

    def _texts(self, cells: Sequence[Cell]) -> list[np.ndarray]:
        first = np.concatenate([self.numbers[a, 0] for a, _ in cells])
        if cells[0][1] is None:
            return [first]
        return [first, np.concatenate([self.numbers[b, 1] for _, b in cells if b is not None])]

    def _columns(self, cells: Sequence[Cell]) -> list[list[str]]:
        first = [text for a, _ in cells for text in self.tests.files[a].texts[0]]
        if cells[0][1] is None:
            return [first]
        return [first, [text for _, b in cells if b is not None for text in self.tests.files[b].texts[1]]]

    def _frame(self) -> Frame | None:
        """How rows are assembled, tried on some pairs at several lengths; None where that is not what the tokenizer makes."""
        texts, columns = self._looked_at()
        full = [k for k in range(len(texts[0])) if all(self.table.sizes[numbers[k]] for numbers in texts)]
        template = Template.of(self.encode.tokenizer, [[column[k] for column in columns] for k in full])
        if template is None or template.specials >= self.encode.max_length:
            return None
        frame = Frame.of(self.encode.tokenizer, template, self.encode.max_length)
        lengths = [(frame.max_length, _LOOKED_AT), *((template.specials + short, _CUT) for short in _SHORT)]
        for length, count in lengths:
            mine = Assembled(replace(frame, max_length=length), self.table, [numbers[:count] for numbers in texts])
            theirs = Tokenised(Encoder(self.encode.tokenizer, length), [column[:count] for column in columns])
            if not _same(mine, theirs):
                return None
        return frame

    def _looked_at(self) -> tuple[list[np.ndarray], list[list[str]]]:
        """Some rows, each in the next pair of languages: numbers of their texts, and the texts."""
        languages, count = list(self.tests.files), len(next(iter(self.tests.files.values())).texts)
        items = np.unique(np.linspace(0, len(self.tests) - 1, _LOOKED_AT).astype(np.int64))
        spots = [(int(item), k) for k, item in enumerate(np.resize(items, max(_LOOKED_AT, len(items))))]
        chosen = [[(languages[(k + text) % len(languages)], item) for item, k in spots] for text in range(count)]
        numbers = [np.array([self.numbers[a, text][item] for a, item in column]) for text, column in enumerate(chosen)]
        return numbers, [[self.tests.files[a].texts[text][item] for a, item in column] for text, column in enumerate(chosen)]


def _same(mine: Assembled, theirs: Tokenised) -> bool:
    """Whether each row alone is the same, in the same order of names; the mask is all ones."""
    if not np.array_equal(mine.lengths, theirs.lengths):
        return False
    for k, item in enumerate(theirs.items):
        own: dict[str, Any] = mine.batch(np.array([k]))
        known = {name: values for name, values in item.items() if name != "attention_mask"}
        if list(own) != list(known) or any(own[name][0].tolist() != list(known[name]) for name in known):
            return False
    return True
