"""Whether a training set's token columns may stand for what the model's tokenizer makes of the texts."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from xlt_train.data.dataset import TrainingSet
from xlt_train.data.encode import Encoder
from xlt_train.data.manifest import TokenColumns
from xlt_train.data.pairs import PairBuilder, Template
from xlt_train.data.view import Encode
from xlt_train.errors import DatasetError
from xlt_train.files import sha256_json

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_LOOKED_AT = 32  # rows, evenly spread, whose ids and items are compared with the tokenizer's own
_CUT = 6  # of them that are also cut to almost nothing; the library takes milliseconds for each
_SHORT = (1, 2, 3, 7)  # tokens of text that are left then, so that every way to cut is seen


class Ids(NamedTuple):
    """How items are made: `encode` takes token ids where `from_ids`, else texts. `note` says why; None: no token columns."""

    encode: Encode
    from_ids: bool
    note: str | None


def tokenizer_sha256(tokenizer: "PreTrainedTokenizerBase") -> str | None:
    """Identity of a fast tokenizer: sha256 of its own file as canonical JSON (docs/format.md, "Token columns").

    None for a tokenizer written in Python, which has no such file.
    """
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None or not hasattr(backend, "to_str"):
        return None
    config = json.loads(backend.to_str()) | {"truncation": None, "padding": None}
    if getattr(tokenizer, "split_special_tokens", False):  # a setting that is in no tokenizer.json, and gives other ids
        config["split_special_tokens"] = True
    return sha256_json(config)


def ids_of(data: TrainingSet, tokenizer: "PreTrainedTokenizerBase", max_length: int, embeddings: int) -> Ids:
    """How to make items of `data`: from its token columns where they are this tokenizer's own, else from the texts.

    Both give the same items. `embeddings`: tokens that the model knows. Raises DatasetError for columns that say they are the
    tokenizer's and are not.
    """
    encode, tokens = Encoder(tokenizer, max_length), data.manifest.tokens
    if tokens is None:
        return Ids(encode, False, None)
    own = tokenizer_sha256(tokenizer)
    if own != tokens.sha256:
        whose = f"of {tokens.name} (sha256 {tokens.sha256[:12]})"
        mine = "is not a fast one" if own is None else f"has sha256 {own[:12]}"
        return Ids(
            encode, False, f"token columns unused: they are {whose}, and the model's tokenizer {mine}; texts are tokenised"
        )
    build = _builder(data, tokens, tokenizer, max_length, embeddings)
    if build is None:
        return Ids(encode, False, "token columns unused: the tokenizer frames texts in a way of its own; texts are tokenised")
    return Ids(build, True, f"token columns of {tokens.name} used")


def _builder(
    data: TrainingSet, tokens: TokenColumns, tokenizer: "PreTrainedTokenizerBase", max_length: int, embeddings: int
) -> PairBuilder | None:
    """What gives the tokenizer's own items, tried on some rows at several lengths; None where its frame has no such form."""
    texts, columns = _looked_at(data, tokens, tokenizer)
    template = Template.of(tokenizer, [row for row, *ids in zip(zip(*texts), *columns) if all(map(len, ids))])
    if template is None or template.specials >= max_length:
        return None
    left = tokenizer.truncation_side == "left"
    build = PairBuilder(template=template, max_length=max_length, cut_left=left, embeddings=embeddings, place=str(data.path))
    for length, rows in ((max_length, _LOOKED_AT), *((template.specials + short, _CUT) for short in _SHORT)):
        mine = replace(build, max_length=length)([column[:rows] for column in columns])
        if not _same_items(mine, Encoder(tokenizer, length)([column[:rows] for column in texts])):
            return None
    return build


def _looked_at(
    data: TrainingSet, tokens: TokenColumns, tokenizer: "PreTrainedTokenizerBase"
) -> tuple[list[list[str]], list[list[np.ndarray]]]:
    """Texts and token ids of some rows, by column. Raises DatasetError where the ids are not those that the tokenizer gives."""
    rows = np.unique(np.linspace(0, len(data.rows) - 1, _LOOKED_AT).astype(np.int64)).tolist()
    found, (columns, _) = data.take(rows), data.take_ids(rows)
    texts = [found[name] for name in data.manifest.text_columns]
    for name, column, ids in zip(tokens.columns, texts, columns):
        expected = tokenizer(column, add_special_tokens=False, truncation=False, verbose=False)["input_ids"]
        for row, own, there in zip(rows, expected, ids):
            if own != there.tolist():
                raise _lying(data, tokens, row, name, own, there)
    return texts, columns


def _same_items(mine: Sequence[dict[str, np.ndarray]], theirs: Sequence[dict[str, list[int]]]) -> bool:
    return all(
        list(one) == list(other) and all(one[name].tolist() == list(other[name]) for name in one)
        for one, other in zip(mine, theirs, strict=True)
    )


def _lying(data: TrainingSet, tokens: TokenColumns, row: int, name: str, own: list[int], there: np.ndarray) -> DatasetError:
    at = next((k for k, (a, b) in enumerate(zip(own, there.tolist())) if a != b), min(len(own), len(there)))
    return DatasetError(
        f"comparing the token columns of {data.path} with the tokenizer {tokens.name}, which they name",
        found=f"in row {row:,}, {name}, token {at:,}: {int(there[at]) if at < len(there) else 'none'}",
        expected=f"{own[at] if at < len(own) else 'none'}, as the tokenizer gives",
        remedy="Build the dataset again with the installed versions of tokenizers and transformers, or without --tokenizer",
    )
