"""Tokenizers of every kind, made on the spot, saved as the Hub's are. Each is trained on the embedded sample."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import BertTokenizerFast, PreTrainedTokenizerFast, RobertaTokenizerFast, XLMRobertaTokenizerFast

from tests.tokens.charsmap import charsmap
from xlt_augment.resources import resource

N, P = normalizers, pre_tokenizers
GPT4 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
GPT4O = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
XLM_R = ["<s>", "<pad>", "</s>", "<unk>"]
SPACES = [AddedToken(text, normalized=True) for text in ("  ", "   ", "\n\n", "\t")]
MASK = AddedToken("<mask>", lstrip=True, special=True, normalized=False)


def sample_texts(language: str = "en") -> list[str]:
    """The texts of the embedded sample."""
    name = f"samples/paraphrase/{'train' if language == 'en' else 'test'}-{language}.tsv"
    rows = resource(name).read_text(encoding="utf-8").splitlines()
    return [text for row in rows for text in row.split("\t")[:2]]


def training_texts() -> list[str]:
    """English, Korean, Chinese and what else a vocabulary needs."""
    return sample_texts() + [text for language in ("de", "ko", "zh") for text in sample_texts(language)] + ["Ĉ é ñ ▁ 😀 '"] * 3


def wordpiece(lowercase: bool) -> Any:
    """As mBERT."""
    kinds = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    backend = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=30))
    backend.normalizer = N.BertNormalizer(lowercase=lowercase)
    backend.pre_tokenizer = P.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=900, special_tokens=kinds, show_progress=False)
    backend.train_from_iterator(training_texts(), trainer)
    return BertTokenizerFast(vocab=backend.get_vocab(), do_lower_case=lowercase)


def unigram(normalizer: Any, pre_tokenizer: Any) -> Any:
    """A SentencePiece unigram model with these two steps, and the added tokens of XLM-R."""
    backend = unigram_backend(normalizer, pre_tokenizer)
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>", mask_token=MASK
    )


def unigram_backend(normalizer: Any, pre_tokenizer: Any) -> Tokenizer:
    """See `unigram`."""
    backend = Tokenizer(models.Unigram())
    backend.normalizer, backend.pre_tokenizer = normalizer, pre_tokenizer
    trainer = trainers.UnigramTrainer(vocab_size=2_500, special_tokens=XLM_R, unk_token="<unk>", show_progress=False)
    backend.train_from_iterator(training_texts(), trainer)
    return backend


def xlm_r() -> Any:
    """XLM-R's own class, which builds its steps anew."""
    import json

    words = P.Sequence([P.WhitespaceSplit(), P.Metaspace()])
    vocab = json.loads(unigram_backend(N.Precompiled(charsmap()), words).to_str())["model"]["vocab"]
    rows = [(str(token), float(score)) for token, score in vocab]
    return XLMRobertaTokenizerFast(vocab=rows, _spm_precompiled_charsmap=charsmap())


def byte_level(pre_tokenizer: Any, normalizer: Any = None, **options: Any) -> Any:
    """Byte-level BPE with these steps."""
    backend = bpe_backend(pre_tokenizer, normalizer, **options)
    return PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|endoftext|>", mask_token=MASK)


def bpe_backend(pre_tokenizer: Any, normalizer: Any = None, **options: Any) -> Tokenizer:
    """See `byte_level`."""
    backend = Tokenizer(models.BPE(**options))
    backend.pre_tokenizer = pre_tokenizer
    if normalizer is not None:
        backend.normalizer = normalizer
    trainer = trainers.BpeTrainer(
        vocab_size=900, special_tokens=["<s>", "</s>", "<pad>", "<unk>"], show_progress=False,
        initial_alphabet=P.ByteLevel.alphabet(),
    )  # fmt: skip
    backend.train_from_iterator(training_texts(), trainer)
    return backend


def roberta(add_prefix_space: bool) -> Any:
    """RoBERTa's own class."""
    import json

    model = json.loads(bpe_backend(P.ByteLevel(add_prefix_space=add_prefix_space)).to_str())["model"]
    merges = [tuple(pair) for pair in model["merges"]]
    return RobertaTokenizerFast(vocab=model["vocab"], merges=merges, add_prefix_space=add_prefix_space)


def regex(pattern: str, *, behavior: str = "isolated", invert: bool = False, **options: Any) -> Any:
    """A regular expression and then bytes, as GPT-4 and after it."""
    steps = [P.Split(Regex(pattern), behavior, invert), P.ByteLevel(add_prefix_space=False, use_regex=False)]
    return byte_level(P.Sequence(steps), **options)


def with_tokens(tokenizer: Any, *tokens: Any) -> Any:
    """With more added tokens."""
    tokenizer.add_tokens(list(tokens))
    return tokenizer


def sentencepiece(**metaspace: Any) -> Any:
    """The layout that transformers' converter gives most SentencePiece models, such as T5's."""
    steps = [N.Precompiled(charsmap()), N.Strip(left=False, right=True), N.Replace(Regex(" {2,}"), "▁")]
    return unigram(N.Sequence(steps), P.Metaspace(**metaspace))


def albert() -> Any:
    """ALBERT's layout."""
    steps = [N.Replace("``", '"'), N.Replace("''", '"'), N.NFKD(), N.StripAccents(), N.Lowercase(), N.Precompiled(charsmap())]
    return unigram(N.Sequence([*steps, N.Replace(Regex(" {2,}"), " ")]), P.Metaspace())


def words_and_metaspace(**metaspace: Any) -> Any:
    """The layout of the Hub's xlm-roberta-base."""
    return unigram(N.Precompiled(charsmap()), P.Sequence([P.WhitespaceSplit(), P.Metaspace(**metaspace)]))


WORD_WISE: dict[str, Callable[[], Any]] = {
    "bert-cased": lambda: wordpiece(False),
    "bert-uncased": lambda: wordpiece(True),
    "bert-normalized-token": lambda: with_tokens(wordpiece(True), AddedToken("Québec", normalized=True, single_word=True)),
    "xlm-r-class": xlm_r,
    "xlm-r-hub": words_and_metaspace,
    "xlm-r-never": lambda: words_and_metaspace(prepend_scheme="never"),
    "stand-in": lambda: unigram(N.Sequence([N.Nmt(), N.NFKC()]), P.Sequence([P.WhitespaceSplit(), P.Metaspace()])),
    "words-collapse": lambda: unigram(
        N.Sequence([N.Nmt(), N.Replace(Regex(" {2,}"), "▁")]), P.Sequence([P.WhitespaceSplit(), P.Metaspace(split=False)])
    ),
    "t5": sentencepiece,
    "t5-first": lambda: sentencepiece(prepend_scheme="first"),
    "t5-tokens": lambda: with_tokens(
        sentencepiece(), AddedToken("<x>", lstrip=True, rstrip=True), AddedToken("Ａb", normalized=True, single_word=True)
    ),
    "metaspace": lambda: unigram(N.NFC(), P.Metaspace(prepend_scheme="never")),
    "albert": albert,
    "roberta": lambda: roberta(False),
    "roberta-prefix": lambda: roberta(True),
    "gpt2-nfkc": lambda: byte_level(P.ByteLevel(add_prefix_space=False), N.Sequence([N.NFKC(), N.Lowercase()])),
    "starcoder": lambda: byte_level(P.Sequence([P.Digits(individual_digits=True), P.ByteLevel(add_prefix_space=False)])),
    "punctuation": lambda: byte_level(P.Sequence([P.Punctuation("contiguous"), P.ByteLevel(add_prefix_space=True)])),
    "gpt4": lambda: regex(GPT4, ignore_merges=True),
    "gpt4-removed": lambda: regex(GPT4, behavior="removed", invert=True),
    "gpt4o": lambda: regex(GPT4O),
    "qwen": lambda: regex(QWEN, normalizer=N.NFC()),
    "modernbert": lambda: with_tokens(byte_level(P.ByteLevel(add_prefix_space=False), N.NFC()), *SPACES),
    "bert-spaces": lambda: with_tokens(wordpiece(True), *SPACES[:2]),
    "bpe-words": lambda: byte_level(
        P.Sequence([P.Whitespace(), P.UnicodeScripts(), P.Punctuation()]), unk_token="<unk>", fuse_unk=True,
        end_of_word_suffix="</w>", byte_fallback=True,
    ),
    "delimiter": lambda: byte_level(P.CharDelimiterSplit(" "), N.Strip(left=False), unk_token="<unk>", fuse_unk=True),
}  # fmt: skip

LLAMA = N.Sequence([N.Prepend("▁"), N.Replace(" ", "▁")])
WHOLE: dict[str, tuple[Callable[[], Any], str]] = {
    "llama": (lambda: unigram(LLAMA, P.Metaspace()), "its normalizer Prepend"),
    "replace": (lambda: unigram(N.Replace(" ", "_"), P.WhitespaceSplit()), "its normalizer replaces ' '"),
    "replace-regex": (lambda: unigram(N.Replace(Regex("[a ]b"), "c"), P.Metaspace()), "its normalizer replaces '[a ]b'"),
    "strip": (lambda: unigram(N.Strip(), P.Metaspace()), "its normalizer Strip"),
    "no-cut": (lambda: byte_level(P.ByteLevel(use_regex=False)), "its pre-tokenizer ByteLevel does not cut"),
    "none": (lambda: unigram(N.NFC(), P.Digits()), "no pre-tokenizer"),
    "other-delimiter": (lambda: unigram(N.NFC(), P.CharDelimiterSplit("e")), "its pre-tokenizer CharDelimiterSplit"),
    "not-split": (lambda: unigram(N.NFC(), P.Metaspace(split=False)), "its pre-tokenizer Metaspace"),
    "fixed": (lambda: unigram(N.NFC(), P.Sequence([P.WhitespaceSplit(), P.FixedLength(3)])), "its pre-tokenizer FixedLength"),
    "first": (lambda: words_and_metaspace(prepend_scheme="first"), "its pre-tokenizer treats the first word"),
    "regex": (lambda: regex(r"\p{L}+"), "its pre-tokenizer Split"),
    "merged": (lambda: regex(GPT4, behavior="merged_with_next"), "its pre-tokenizer Split"),
    "spaced-token": (lambda: with_tokens(sentencepiece(), "in the"), "a space in its added token 'in the'"),
    "chinese-token": (
        lambda: with_tokens(wordpiece(False), AddedToken("中", normalized=True)), "a space in its added token ' 中 '"
    ),
}  # fmt: skip


def save(made: Any, folder: Path) -> str:
    """Save a tokenizer; the folder's name."""
    made.save_pretrained(folder)
    return str(folder)
