"""The laboratory's small world: a task cut in three, an encoder that knows words, and languages made from English.

Nothing here is trained; all draws are functions of a seed.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from itertools import count, islice, product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from xlt_augment.vectors.read import read_vectors

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
UNKNOWN = SPECIAL.index("[UNK]")
LAYERS, HEADS, WIDTH = 2, 2, 64
COMMON = 2  # a word without a vector is in the vocabulary from so many occurrences on
SYLLABLES = [a + b for a, b in product("bdfgklmnprstvz", "aeiou")]
Row = tuple[str, ...]  # texts, then the label


class Split(NamedTuple):
    """Rows to train on, to choose by, and to judge by; no row is in two of them."""

    train: list[Row]
    dev: list[Row]
    test: list[Row]


def read_rows(path: Path) -> list[Row]:
    """Rows of a TSV without header: one text or two, then the label."""
    return [tuple(line.split("\t")) for line in path.read_text(encoding="utf-8").splitlines()]


def split_rows(rows: Sequence[Row], seed: int, dev: int, test: int) -> Split:
    """Shuffle by `seed` and cut: the first `test` rows, the next `dev`, the rest to train on."""
    order = np.random.default_rng(seed).permutation(len(rows)).tolist()
    shuffled = [rows[k] for k in order]
    return Split(test=shuffled[:test], dev=shuffled[test : test + dev], train=shuffled[test + dev :])


def write_rows(path: Path, rows: Iterable[Row]) -> Path:
    """The rows as a TSV without header."""
    path.write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")
    return path


def words_of(rows: Iterable[Row]) -> Counter[str]:
    """Lower-case words of the texts, cut at white space, with their counts."""
    return Counter(word for row in rows for text in row[:-1] for word in text.lower().split())


class Vocabulary(NamedTuple):
    """Tokens, special ones first, and the vectors [V, D] that their embeddings start from; None: drawn at random."""

    tokens: list[str]
    vectors: Tensor | None


def vocabulary_of(seen: Counter[str], others: Iterable[str], vectors: Path | None) -> Vocabulary:
    """Words of the training rows and, where they have a vector, `others` (synonyms, words of development and test rows).

    Without `vectors`: the words that occur more than once in the training rows. With them: principal components of the
    given vectors, and for a frequent word that has none a random row of the same spread.
    """
    frequent = {word for word in seen if seen[word] >= COMMON}
    if vectors is None:
        return Vocabulary([*SPECIAL, *sorted(frequent)], None)
    given = read_vectors(vectors, lower=True)
    tokens = [*SPECIAL, *sorted({word for word in (*seen, *others) if word in given.index} | frequent)]
    known = [k for k, token in enumerate(tokens) if token in given.index]
    rows = principal(torch.from_numpy(given.matrix), WIDTH)
    table = torch.randn(len(tokens), rows.shape[1], generator=torch.Generator().manual_seed(0)) * rows.std()
    table[known] = rows[[given.index[tokens[k]] for k in known]]
    return Vocabulary(tokens, table)


def principal(rows: Tensor, width: int) -> Tensor:
    """[V, D] centred, on its first `width` principal components."""
    centred = rows - rows.mean(0)
    values, axes = torch.linalg.eigh(centred.T @ centred)  # ascending
    found: Tensor = centred @ axes[:, -width:].flip(1)
    return found


def tokenizer_of(tokens: Sequence[str], max_length: int) -> Any:
    """One token a word, cut at white space, in lower case; `[CLS] a [SEP] b [SEP]`."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    inner = Tokenizer(models.WordLevel({token: k for k, token in enumerate(tokens)}, unk_token="[UNK]"))
    inner.normalizer, inner.pre_tokenizer = normalizers.Lowercase(), pre_tokenizers.WhitespaceSplit()
    ends = [(token, SPECIAL.index(token)) for token in ("[CLS]", "[SEP]")]
    inner.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=ends
    )
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), SPECIAL))
    return PreTrainedTokenizerFast(
        tokenizer_object=inner,
        model_max_length=max_length,
        split_special_tokens=True,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
        **names,
    )


def save_encoder(folder: Path, vocabulary: Vocabulary, *, max_length: int, seed: int) -> Path:
    """A BERT of two layers without a head; its layers are drawn from `seed`, its word embeddings are the vectors."""
    from transformers import BertConfig, BertModel

    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(vocabulary.tokens),
        hidden_size=WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        intermediate_size=4 * WIDTH,
        max_position_embeddings=max_length,
        pad_token_id=0,
        attention_probs_dropout_prob=0.0,  # dropout there takes the slow attention on a CPU
    )
    model = BertModel(config)
    if vocabulary.vectors is not None:
        with torch.no_grad():
            model.get_input_embeddings().weight.copy_(vocabulary.vectors)
    model.save_pretrained(folder)
    tokenizer_of(vocabulary.tokens, max_length).save_pretrained(folder)
    return folder


# Languages.


def directions(tokens: int, width: int, seed: int) -> Tensor:
    """A unit vector for each token, float32 [V, D], the same for the same seed; zeros for special tokens but `[UNK]`."""
    rows = torch.randn(tokens, width, generator=torch.Generator().manual_seed(seed))
    rows /= rows.norm(dim=1, keepdim=True)
    rows[[k for k in range(len(SPECIAL)) if k != UNKNOWN]] = 0.0
    return rows


@contextmanager
def moved(model: Any, shifts: Tensor) -> Iterator[None]:
    """While it lasts, the output of the embedding layer has row `shifts[id]` [V, D] added at every token."""

    def move(module: Any, args: Any, kwargs: dict[str, Any], output: Tensor) -> Tensor:
        return output + shifts[kwargs["input_ids"]]

    handle = model.base_model.embeddings.register_forward_hook(move, with_kwargs=True)
    try:
        yield
    finally:
        handle.remove()


def invented_words(amount: int, seed: int, taken: Iterable[str]) -> list[str]:
    """Distinct made-up words, none of them in `taken`."""
    known, chance = set(taken), np.random.default_rng(seed)
    order = chance.permutation(len(SYLLABLES))
    made = ("".join(SYLLABLES[k] for k in parts) for size in count(3) for parts in product(order.tolist(), repeat=size))
    return list(islice((word for word in made if word not in known), amount))


@dataclass(frozen=True)
class Cipher:
    """A language of invented words that stand one for one for English ones, in the same order."""

    words: dict[str, str]

    @classmethod
    def of(cls, vocabulary: Sequence[str], seed: int) -> "Cipher":
        """An invented word for each of the vocabulary."""
        made = invented_words(len(vocabulary), seed, vocabulary)
        order = np.random.default_rng(seed).permutation(len(made)).tolist()
        return cls(dict(zip(vocabulary, (made[k] for k in order))))

    def translate(self, text: str) -> str:
        """The text in it; a word that has none stays, which no model knows."""
        return " ".join(self.words.get(word, word) for word in text.lower().split())


def aligned_rows(english: Tensor, strength: float, seed: int) -> Tensor:
    """Embeddings [N, D] of a language beside English, whose own are `english` [N, D].

    Each is the English one, a shift that the whole language shares, and one of its own; both have random directions
    and `strength` times the mean length of the English rows. So languages lie in mBERT: clusters, aligned within.
    """
    chance = torch.Generator().manual_seed(seed)
    steps = torch.randn(len(english) + 1, english.shape[1], generator=chance)
    steps *= strength * english.norm(dim=1).mean() / steps.norm(dim=1, keepdim=True)
    return english + steps[:1] + steps[1:]


def unrelated_rows(english: Tensor, seed: int) -> Tensor:
    """Embeddings [N, D] with the spread of the English ones and nothing else of them: the bare cipher."""
    return torch.randn(english.shape, generator=torch.Generator().manual_seed(seed)) * english.std()


def with_rows(model: Any, rows: Tensor) -> Any:
    """A copy of the model whose vocabulary goes on with words that it was never trained on, embedded as `rows` [N, D]."""
    longer, weight = deepcopy(model), model.get_input_embeddings().weight.detach()
    longer.set_input_embeddings(torch.nn.Embedding.from_pretrained(torch.cat([weight, rows])))
    longer.config.vocab_size = len(weight) + len(rows)
    return longer
