"""Tokenizers of the kinds that encoders come with, made on the spot: ways to cut words, frames that texts are set in."""

from collections.abc import Callable, Iterable
from typing import Any

from tokenizers import BertWordPieceTokenizer, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import BertTokenizerFast, PreTrainedTokenizerFast

TEXTS = ["the movie was a wonderful film", "naïve Müller saw 東京 and 서울 today .", "don't re-run it , please !", "x y z"] * 3


def wordpiece(texts: Iterable[str] = TEXTS) -> Any:
    """As BERT: [CLS] a [SEP] b [SEP], types 0 and 1."""
    tokenizer = BertWordPieceTokenizer(lowercase=False)
    tokenizer.train_from_iterator(texts, vocab_size=200, show_progress=False)
    return BertTokenizerFast(tokenizer_object=tokenizer._tokenizer, model_max_length=128)


def byte_level(texts: Iterable[str] = TEXTS) -> Any:
    """As RoBERTa: <s> a </s></s> b </s>, byte-level BPE."""
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=special, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    return _fast(tokenizer, names=["input_ids", "attention_mask"])


def unigram(texts: Iterable[str] = TEXTS) -> Any:
    """As XLM-R: <s> a </s></s> b </s>, pieces of a Unigram model with a mark for spaces, NFKC before."""
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=90, special_tokens=special, unk_token="<unk>", show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return _fast(tokenizer, names=["input_ids", "attention_mask"])


def framed(single: str, pair: str, **settings: Any) -> Any:
    """Words of spaces in any frame of TemplateProcessing over the specials <s>, </s>, <unk> and <mask>."""
    words = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", *sorted({word for text in TEXTS for word in text.split()})]
    tokenizer = Tokenizer(models.WordLevel({word: k for k, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    if single:
        special = [(word, k) for k, word in enumerate(words[:5])]
        tokenizer.post_processor = processors.TemplateProcessing(single=single, pair=pair, special_tokens=special)
    return _fast(tokenizer, **settings)


def _fast(tokenizer: Tokenizer, *, names: list[str] | None = None, **settings: Any) -> Any:
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=512, bos_token="<s>", cls_token="<s>", eos_token="</s>", sep_token="</s>",
        pad_token="<pad>", unk_token="<unk>", mask_token="<mask>",
        model_input_names=names or ["input_ids", "token_type_ids", "attention_mask"], **settings,
    )  # fmt: skip


KINDS: dict[str, Callable[[], Any]] = {
    "bert": wordpiece,
    "roberta": byte_level,
    "xlm-r": unigram,
    "own types": lambda: framed("<s>:2 $A:3 </s>:1", "<s>:2 $A:3 <mask>:1 <mask>:0 $B:0 </s>:4 </s>:1"),
    "behind": lambda: framed("$A </s>", "$A $B:1 </s>:1"),
    "before": lambda: framed("<s> <s> $A", "<s> <mask> $A <s> $B"),
    "bare": lambda: framed("", ""),
    "no mask": lambda: framed("<s> $A", "<s> $A </s> $B", names=["input_ids"]),
}
