"""Does a tokenizer work word by word? Read from its own configuration, the JSON that `tokenizers` writes.

A text is cut before each run of spaces (U+0020). The tokenizer works word by word when the ids of the pieces, put behind each
other, are those of the whole text. That holds where

- each step of the normalizer treats the pieces alone as it treats them in the text: none looks across a space;
- some step of the pre-tokenizer, the cutter, cuts at every such place. What comes after it sees one piece at a time, and so
  does every model, which therefore needs no look but at randomness.

What is not known here counts as not word-wise. Source: the Rust code of tokenizers 0.23.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_SHORT = "'s|'t|'re|'ve|'m|'ll|'d"
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_ANY = r"[^\r\n\p{L}\p{N}]?"
_GAPS = r"|\s*[\r\n]+|\s+(?!\S)|\s+"
# In all of these every character matches, and a space only opens a match or stands in a run of white space.
_PATTERNS = {
    rf"{_SHORT}| ?\p{{L}}+| ?\p{{N}}+| ?[^\s\p{{L}}\p{{N}}]+|\s+(?!\S)|\s+",  # GPT-2
    rf"(?i:{_SHORT})|{_ANY}\p{{L}}+|\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*{_GAPS}",  # GPT-4, Llama 3
    rf"(?i:{_SHORT})|{_ANY}\p{{L}}+|\p{{N}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*{_GAPS}",  # Qwen 2
    rf"{_ANY}{_UPPER}*{_LOWER}+(?i:{_SHORT})?|{_ANY}{_UPPER}+{_LOWER}*(?i:{_SHORT})?"
    rf"|\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*{_GAPS}",  # GPT-4o
}

_PARTS = set("version truncation padding added_tokens normalizer pre_tokenizer post_processor decoder model".split())
_MODELS = {
    "WordPiece": {"unk_token", "continuing_subword_prefix", "max_input_chars_per_word", "vocab"},
    "WordLevel": {"vocab", "unk_token"},
    "Unigram": {"unk_id", "vocab", "byte_fallback"},
    "BPE": {"unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk", "byte_fallback", "ignore_merges",
            "vocab", "merges", "dropout"},
}  # fmt: skip
_NORMALIZERS = {
    "Strip": {"strip_left", "strip_right"},
    "Replace": {"pattern", "content"},
    "BertNormalizer": {"clean_text", "handle_chinese_chars", "strip_accents", "lowercase"},
    "Precompiled": {"precompiled_charsmap"},
} | dict.fromkeys(("NFC", "NFD", "NFKC", "NFKD", "Nmt", "Lowercase", "StripAccents"), set[str]())
_PRE_TOKENIZERS = {
    "BertPreTokenizer": set[str](),
    "Whitespace": set[str](),
    "WhitespaceSplit": set[str](),
    "UnicodeScripts": set[str](),
    "CharDelimiterSplit": {"delimiter"},
    "Punctuation": {"behavior"},
    "Digits": {"individual_digits"},
    "Metaspace": {"replacement", "prepend_scheme", "split"},
    "ByteLevel": {"add_prefix_space", "trim_offsets", "use_regex"},
    "Split": {"pattern", "behavior", "invert"},
}
_KEEPS, _DROPS = "keeps", "drops"  # what a cutter does with the spaces at its cuts


@dataclass(frozen=True, kw_only=True)
class WordRules:
    """How a tokenizer works word by word, or why it does not.

    `reason`: a short phrase why it does not, else None, and the rest describes pieces that are exact:
    `strict`: only those without white space beside their leading spaces, before and after the normalizer;
    `single_spaces`: only those with at most one leading space;
    `strips`: the normalizer may take spaces off the end of a text;
    `graphemes`: the normalizer works on grapheme clusters;
    `local`: the JSON of the normalizer without its steps that only strip or collapse white space, or None.
    """

    reason: str | None = None
    strict: bool = False
    single_spaces: bool = False
    strips: bool = False
    graphemes: bool = False
    local: dict[str, Any] | None = None


def word_rules(config: dict[str, Any]) -> WordRules:
    """The rules of a tokenizer from its JSON. Added tokens are looked at in text that they are searched in: `oddity.py`."""
    if new := sorted(config.keys() - _PARTS):
        return WordRules(reason=f"its file has a part {new[0]}, which is not known here")
    steps = list(_flat(config["normalizer"], "normalizers"))
    cutter, reason = _cutter(list(_flat(config["pre_tokenizer"], "pretokenizers")))
    reason = _model_reason(config["model"]) or reason or next(filter(None, (_step_reason(s, cutter) for s in steps)), None)
    if reason:
        return WordRules(reason=reason)
    local = [step for step in steps if step["type"] != "Strip" and not _collapses(step)]
    collapses = any(_collapses(step) for step in steps)
    return WordRules(
        strict=cutter == _KEEPS or collapses,
        single_spaces=collapses,
        strips=len(local) < len(steps),
        graphemes=any(step["type"] == "Precompiled" for step in steps),
        local={"type": "Sequence", "normalizers": local} if local else None,
    )


def _flat(step: dict[str, Any] | None, inner: str) -> Iterator[dict[str, Any]]:
    """The steps of a Sequence in a Sequence, in order."""
    if step is not None and step.get("type") == "Sequence":
        for part in step[inner]:
            yield from _flat(part, inner)
    elif step is not None:
        yield step


def _unknown(step: dict[str, Any], known: dict[str, set[str]]) -> bool:
    """Whether a step, or an option of it, is none of those that were studied."""
    return step.get("type") not in known or not step.keys() - {"type"} <= known[step["type"]]


def _model_reason(model: dict[str, Any]) -> str | None:
    if _unknown(model, _MODELS):
        return f"its model {model.get('type')} is not known to work on words"
    return "its model drops merges at random" if model.get("dropout") else None


def _collapses(step: dict[str, Any]) -> bool:
    return bool(step["type"] == "Replace" and step.get("pattern") == {"Regex": " {2,}"} and step["content"] in (" ", "▁"))


def _step_reason(step: dict[str, Any], cutter: str | None) -> str | None:
    """Why a step of the normalizer may look across a space."""
    if _unknown(step, _NORMALIZERS) or (step["type"] == "Strip" and step["strip_left"] and cutter != _DROPS):
        return f"its normalizer {step.get('type')} is not known to work on words"
    if step["type"] == "Replace" and not _collapses(step):
        text = step["pattern"].get("String", "")
        return None if text and not _has_space(text) else f"its normalizer replaces {next(iter(step['pattern'].values()))!r}"
    return None


def _has_space(text: str) -> bool:
    return any(character.isspace() for character in text)


def _cutter(steps: list[dict[str, Any]]) -> tuple[str | None, str | None]:
    """What the step that cuts at spaces does with them, and why there is none that may be relied on."""
    for at, step in enumerate(steps):
        if _unknown(step, _PRE_TOKENIZERS):
            return None, f"its pre-tokenizer {step.get('type')} is not known to work on words"
        found = _cuts(step)
        if found:
            return found, next(filter(None, (_after_reason(found, later) for later in steps[at + 1 :])), None)
        if not _only_classes(step):
            return None, f"its pre-tokenizer {step['type']} does not cut at spaces in a known way"
    return None, "no pre-tokenizer cuts its text at spaces"


def _cuts(step: dict[str, Any]) -> str | None:
    match step:
        case {"type": "BertPreTokenizer" | "Whitespace" | "WhitespaceSplit"}:
            return _DROPS
        case {"type": "CharDelimiterSplit", "delimiter": " "}:  # drops spaces, but no other white space
            return _KEEPS
        case {"type": "Metaspace", "split": True} | {"type": "ByteLevel", "use_regex": True}:
            return _KEEPS
        case {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}:
            return _KEEPS if pattern in _PATTERNS else None
        case {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Removed", "invert": True}:
            return _KEEPS if pattern in _PATTERNS else None
    return None


def _only_classes(step: dict[str, Any]) -> bool:
    """Whether a step before the cutter cuts by the class of single characters, none of them a space."""
    return step["type"] == "Digits" or (step["type"] == "Punctuation" and step["behavior"] in ("Isolated", "Contiguous"))


def _after_reason(cutter: str, step: dict[str, Any]) -> str | None:
    """Why a step behind the cutter, which sees piece by piece, may still depend on the place of a piece."""
    if _unknown(step, _PRE_TOKENIZERS):
        return f"its pre-tokenizer {step.get('type')} is not known to work on words"
    if step["type"] == "Metaspace" and step["prepend_scheme"] == "first":
        return "its pre-tokenizer treats the first word of a text in its own way"
    return None
