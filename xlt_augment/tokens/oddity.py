"""Which pieces of text may not be tokenised alone, though their tokenizer works word by word: the odd ones.

A row with an odd piece is encoded whole. To call a piece odd costs time and never exactness, so a doubt makes it odd.
"""

import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from xlt_augment.tokens.word_wise import WordRules

if TYPE_CHECKING:
    import tokenizers

_SPACE = re.compile(r"\s")
_JOINERS = re.compile("[\u200c\u200d]")  # invisible, but a part of words in Persian, Hindi and others, and of emoji
# Characters that form one grapheme cluster with what follows, even a space (GraphemeBreakProperty: Prepend, Unicode 17).
_PREPEND = re.compile(
    "[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\u0d4e\U000110bd\U000110cd\U000111c2\U000111c3\U000113d1\U0001193f\U00011941\U00011a3a\U00011a84-\U00011a89\U00011d46\U00011f02]"
)
_PRINTABLE_ASCII = [chr(c) for c in range(0x21, 0x7F)]


class Oddity:
    """Decides which pieces are odd for one tokenizer; `reason` is set when its added tokens leave no word-wise way at all."""

    def __init__(self, backend: "tokenizers.Tokenizer", config: dict[str, Any], rules: WordRules) -> None:
        self._rules = rules
        self._local = _normalizer(rules.local)
        whole = backend.normalizer.normalize_str if backend.normalizer else str
        raw = {token["content"] for token in config["added_tokens"]} - {""}
        normalized = {whole(token["content"]) for token in config["added_tokens"] if token["normalized"] and token["content"]}
        runs = {token for token in raw | normalized if len(token) > 1 and not token.strip(" ")}
        tokens = sorted((raw | normalized) - runs)
        spaced = [token for token in tokens if " " in token or not token]  # such a one could cross a cut
        self.reason = f"a space in its added token {spaced[0]!r}" if spaced else None
        self._added = re.compile("|".join(map(re.escape, tokens)) or "(?!)")
        self._strict = rules.strict or bool(runs)
        self._single_spaces = rules.single_spaces or bool(runs)
        self._plain_ascii = not normalized and self._keeps_ascii()

    def __call__(self, pieces: Sequence[str]) -> np.ndarray:
        """For each piece whether it is odd: bool [pieces]."""
        return np.fromiter(map(self._is_odd, pieces), bool, len(pieces))

    def _is_odd(self, piece: str) -> bool:
        body = piece.lstrip(" ")
        leading = len(piece) - len(body)
        if self._single_spaces and leading > 1:
            return True
        if not body:  # an empty text, or the spaces that end one
            return self._rules.strips or (self._local is not None and self._local.normalize_str(piece) != piece)
        if self._added.search(body):
            return True
        if self._strict and not _JOINERS.sub("", body).isprintable():
            return True
        if self._rules.graphemes and (_PREPEND.search(body) or not body[-1].isprintable()):
            return True
        if self._local is None or (self._plain_ascii and piece.isascii()):
            return False
        normalized = self._local.normalize_str(piece)
        return self._added.search(normalized) is not None or self._is_changed(normalized, leading)

    def _is_changed(self, normalized: str, leading: int) -> bool:
        """Whether the normalizer touched what the cuts rest upon."""
        if not self._strict:
            return leading > 0 and not normalized.startswith(" ")
        body = normalized[leading:]
        return normalized[:leading] != " " * leading or not body or _SPACE.search(body) is not None

    def _keeps_ascii(self) -> bool:
        """Whether the normalizer turns every printable ASCII character, each for itself, into something without white space."""
        if self._local is None:
            return True
        if any(step["type"] == "Replace" for step in (self._rules.local or {})["normalizers"]):
            return False
        forms = [self._local.normalize_str(" " + character) for character in _PRINTABLE_ASCII]
        return all(len(form) > 1 and form[0] == " " and not _SPACE.search(form[1:]) for form in forms)


def _normalizer(local: dict[str, Any] | None) -> "tokenizers.normalizers.Normalizer | None":
    """A normalizer from its JSON, for which `tokenizers` has a reader only as part of a whole tokenizer."""
    if local is None:
        return None
    from tokenizers import Tokenizer
    from tokenizers.normalizers import Normalizer

    bare = Tokenizer.from_str(
        json.dumps(
            {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": local,
             "pre_tokenizer": None, "post_processor": None, "decoder": None,
             "model": {"type": "WordLevel", "vocab": {"?": 0}, "unk_token": "?"}}
        )
    )  # fmt: skip
    found: Normalizer | None = bare.normalizer
    return found
