"""Items of different lengths to one batch, padded to its longest."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import numpy as np

from xlt_train.data.view import Pair, Row

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedTokenizerBase


class Padding:
    """A collator: what DataCollatorWithPadding gives, without a Python object for each token.

    Rows are padded on the tokenizer's own side to the longest of the batch, or the next multiple of `multiple_of`.
    """

    def __init__(self, tokenizer: "PreTrainedTokenizerBase", multiple_of: int | None = None) -> None:
        self.fills = {
            "input_ids": tokenizer.pad_token_id,
            "token_type_ids": tokenizer.pad_token_type_id,
            "attention_mask": 0,
        }
        self.left, self.multiple_of = tokenizer.padding_side == "left", multiple_of or 1

    def __call__(self, items: Sequence[Row | Pair]) -> dict[str, "Tensor"]:
        """Items with sequences under the names of `fills` (lists or arrays of equal length), and numbers under others -> int64
        tensors [items, longest] and [items].

        Of B pairs: the B originals, then their B variants, all padded alike, [2B, longest]; `labels` [B], other numbers [2B].
        """
        if not isinstance(items[0], tuple):
            return self._padded(cast(Sequence[Row], items))
        originals, variants = zip(*items)
        found = self._padded([*originals, *variants])
        return found | {"labels": found["labels"][: len(items)]}

    def _padded(self, items: Sequence[Row]) -> dict[str, "Tensor"]:
        import torch

        sizes = [len(item["input_ids"]) for item in items]
        width = -(-max(sizes) // self.multiple_of) * self.multiple_of
        found = {}
        for name in items[0]:
            if name not in self.fills:
                found[name] = torch.tensor([item[name] for item in items])
                continue
            block = np.full((len(items), width), self.fills[name], np.int64)
            for row, item, size in zip(block, items, sizes):
                row[width - size if self.left else 0 : width if self.left else size] = item[name]
            found[name] = torch.from_numpy(block)
        return found
