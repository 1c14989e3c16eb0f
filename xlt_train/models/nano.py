"""`nano`: a randomly initialised small BERT whose vocabulary comes from the training set's own text, for trying things out.

The vocabulary is byte-level BPE: it has all 256 bytes, so no language turns into unknown tokens, as 70 to 94% of Japanese,
Korean and Chinese do with a WordPiece vocabulary from English text.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import BertConfig, PreTrainedTokenizerBase

NOTE = "nano is randomly initialised and has seen nothing but this training set: its numbers prove the plumbing, not the method"
VOCABULARY = 4_096  # tokens at most: 256 bytes, five special tokens, merges
SAMPLED_ROWS = 10_000  # source rows that the vocabulary is made from; more change little
RANDOM = "xlt_randomly_initialised"  # key of config.json that says so, and that every model trained on from it keeps
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def nano_tokenizer(texts: Iterable[str], max_length: int) -> "PreTrainedTokenizerBase":
    """Byte-level BPE trained on `texts`; the same texts give the same vocabulary. Sequences are `[CLS] a [SEP] b [SEP]`."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=list(_SPECIAL),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    ends = [(name, tokenizer.token_to_id(name)) for name in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=ends
    )
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), _SPECIAL))
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=max_length,
        split_special_tokens=True,  # [SEP] in a text is text
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
        **names,
    )


def nano_config(vocabulary: int, max_length: int) -> "BertConfig":
    """Two layers of 128 dimensions; the rest as BERT."""
    from transformers import BertConfig

    config = BertConfig(
        vocab_size=vocabulary,
        hidden_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=512,
        max_position_embeddings=max_length,
        pad_token_id=0,
    )
    setattr(config, RANDOM, True)
    return config
