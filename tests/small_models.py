"""Small encoders made on the spot, saved as the Hub's are, where no Hub is reachable."""

from collections.abc import Iterable
from pathlib import Path

import torch
from tokenizers import BertWordPieceTokenizer
from transformers import BertConfig, BertModel, BertTokenizerFast


def save_small_bert(folder: Path, texts: Iterable[str], *, seed: int = 0) -> Path:
    """A BERT of two layers without a head, with a WordPiece vocabulary from `texts`."""
    tokenizer = BertWordPieceTokenizer(lowercase=False)
    tokenizer.train_from_iterator(texts, vocab_size=600, show_progress=False)
    BertTokenizerFast(tokenizer_object=tokenizer._tokenizer, model_max_length=128).save_pretrained(folder)
    torch.manual_seed(seed)
    shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    BertModel(BertConfig(vocab_size=tokenizer.get_vocab_size(), max_position_embeddings=128, **shape)).save_pretrained(folder)
    return folder
