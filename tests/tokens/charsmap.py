"""The character map of SentencePiece (nmt_nfkc), from a tiny model trained on the spot."""

import functools
import io
import warnings
from pathlib import Path


def _fields(message: bytes) -> dict[int, bytes]:
    """The length-delimited fields of a protocol buffer message, the last of each number."""
    at, found = 0, {}

    def number() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(message):
        key = number()
        if key & 7 == 0:
            number()
        elif key & 7 == 2:
            length = number()
            found[key >> 3] = message[at : at + length]
            at += length
        else:
            at += {1: 8, 5: 4}[key & 7]
    return found


@functools.cache
def charsmap(rules: Path | None = None) -> bytes:
    """The bytes that `tokenizers.normalizers.Precompiled` takes: ModelProto.normalizer_spec.precompiled_charsmap.

    `rules`: a file of rules of one's own, lines of code points in hexadecimal: before, tab, after.
    """
    rule = {"normalization_rule_tsv": str(rules)} if rules else {"normalization_rule_name": "nmt_nfkc"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its bindings are old in the eyes of newer Pythons
        import sentencepiece
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["a b c"] * 9), model_writer=model, vocab_size=8, hard_vocab_limit=False,
        minloglevel=2, **rule,
    )  # fmt: skip
    return _fields(_fields(model.getvalue())[3])[2]
