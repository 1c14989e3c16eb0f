"""Texts or pairs of texts to what an encoder takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class Encoder:
    """Tokenises as the papers do: both texts in one sequence, the longer one cut first at `max_length` tokens."""

    tokenizer: "PreTrainedTokenizerBase"
    max_length: int

    def __call__(self, columns: Sequence[Sequence[str]]) -> list[dict[str, Any]]:
        """One or two columns of texts -> for each row `input_ids` and whatever else the model takes, not padded."""
        batch = self.tokenizer(*map(list, columns), truncation=True, max_length=self.max_length)
        return [{name: values[k] for name, values in batch.items()} for k in range(len(columns[0]))]
