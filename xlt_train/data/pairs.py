"""Token ids of one or two texts to what an encoder takes: cut and framed as the tokenizer itself does it."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from xlt_train.errors import DatasetError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True, kw_only=True)
class Template:
    """The frame that a tokenizer sets texts in.

    `frame`: special ids before the first text, between, and behind the last, one array more than there are texts;
    `frame_types`: their `token_type_ids`; `text_types`: that of each text. `names`: keys of an item in the tokenizer's order.
    """

    frame: tuple[np.ndarray, ...]
    frame_types: tuple[np.ndarray, ...]
    text_types: tuple[int, ...]
    names: tuple[str, ...]

    @property
    def specials(self) -> int:
        """Special tokens in all."""
        return sum(map(len, self.frame))

    @classmethod
    def of(cls, tokenizer: "PreTrainedTokenizerBase", rows: Sequence[Sequence[str]]) -> "Template | None":
        """Derive it from what a fast tokenizer makes of some rows, each one or two texts that are not empty.

        None where that has no such form, or not the same one for all rows.
        """
        found = [_probed(tokenizer, row) for row in rows]
        first = found[0] if found else None
        return first if first is not None and all(one is not None and one.same(first) for one in found) else None

    def same(self, other: "Template") -> bool:
        """Whether both frame texts alike."""
        mine, theirs = ((*one.frame, *one.frame_types) for one in (self, other))
        return (self.text_types, self.names) == (other.text_types, other.names) and all(map(np.array_equal, mine, theirs))


def _probed(tokenizer: "PreTrainedTokenizerBase", texts: Sequence[str]) -> Template | None:
    """The frame as seen on these texts; None where the texts do not stand whole, in order and each under one type."""
    batch = tokenizer(*([text] for text in texts), truncation=False, verbose=False)
    names = tuple(batch)
    if not {"input_ids"} <= set(names) <= {"input_ids", "attention_mask", "token_type_ids"} or batch.encodings is None:
        return None
    ids = np.asarray(batch["input_ids"][0], np.int64)
    types = np.asarray(batch["token_type_ids"][0] if "token_type_ids" in names else [0] * len(ids), np.int64)
    if not all(batch.get("attention_mask", [[1]])[0]):
        return None
    spots = [[k for k, owner in enumerate(batch.sequence_ids(0)) if owner == one] for one in range(len(texts))]
    alone = tokenizer(list(texts), add_special_tokens=False, truncation=False, verbose=False)["input_ids"]
    whole = all(spot and spot == list(range(spot[0], spot[-1] + 1)) for spot in spots)
    if not whole or any(ids[spot].tolist() != one or len(set(types[spot])) != 1 for spot, one in zip(spots, alone)):
        return None
    edges = [0, *(edge for spot in spots for edge in (spot[0], spot[-1] + 1)), len(ids)]
    if edges != sorted(edges):
        return None
    between = [slice(edges[k], edges[k + 1]) for k in range(0, len(edges), 2)]
    return Template(
        frame=tuple(ids[part] for part in between),
        frame_types=tuple(types[part] for part in between),
        text_types=tuple(int(types[spot[0]]) for spot in spots),
        names=names,
    )


def longest_first(n1: int, n2: int, room: int) -> tuple[int, int]:
    """What is left of n1 and n2 tokens where there is room for `room`: the longer text is cut first, then both to half.

    As the tokenizers library does it (`LongestFirst` in its truncation.rs); the odd token goes to the text that was longer, of
    two equal ones to the second.
    """
    if n1 + n2 <= room:
        return n1, n2
    short = min(n1, n2)
    long = max(short, room - short)
    if short + long > room:
        short, long = room // 2, room - room // 2
    return (long, short) if n1 > n2 else (short, long)


@dataclass(frozen=True, kw_only=True)
class PairBuilder:
    """Builds of token ids what the tokenizer makes of the texts, cut at `max_length` tokens on the tokenizer's own side.

    `embeddings`: how many ids the model knows; `place`: where the ids come from, for errors.
    """

    template: Template
    max_length: int
    cut_left: bool
    embeddings: int
    place: str

    def __call__(self, columns: Sequence[Sequence[np.ndarray]]) -> list[dict[str, Any]]:
        """One or two columns of token ids, an array [tokens] a row -> the items of `Encoder`, as arrays [tokens] int64.

        Raises DatasetError for ids that the model does not know.
        """
        parts: list[np.ndarray] = []  # of all rows: one array of all is cheaper than several of each
        kinds: list[np.ndarray] = []
        ends = [0]
        template, room = self.template, self.max_length - self.template.specials
        one_kind = [np.full(self.max_length, kind) for kind in template.text_types]
        behind = list(zip(one_kind, template.frame[1:], template.frame_types[1:]))
        for texts in zip(*columns):
            sizes = longest_first(len(texts[0]), len(texts[1]), room) if len(texts) == 2 else (min(len(texts[0]), room),)
            parts.append(template.frame[0])
            kinds.append(template.frame_types[0])
            for text, size, (kind, frame, types) in zip(texts, sizes, behind):
                parts += text[len(text) - size :] if self.cut_left else text[:size], frame
                kinds += kind[:size], types
            ends.append(ends[-1] + sum(sizes) + template.specials)
        if len(ends) == 1:
            return []
        values = {
            "input_ids": self._known(np.concatenate(parts, dtype=np.int64)),
            "attention_mask": np.ones(ends[-1], np.int64),
        }
        if "token_type_ids" in template.names:
            values["token_type_ids"] = np.concatenate(kinds)
        return [{name: values[name][a:b] for name in template.names} for a, b in pairwise(ends)]

    def _known(self, ids: np.ndarray) -> np.ndarray:
        """The ids. Raises DatasetError when the model has no embedding for one."""
        if len(ids) and not 0 <= ids.min() <= ids.max() < self.embeddings:
            raise DatasetError(
                f"reading token ids of {self.place}",
                found=f"ids {ids.min():,} to {ids.max():,}",
                expected=f"0 to {self.embeddings - 1:,}, which the model knows",
                remedy="Build the dataset again",
            )
        return ids
