"""Texts of a veto list: pairs that a veto file can hold, remarks that show as they are, the file itself."""

import unicodedata
from collections.abc import Iterable

from xlt_augment.errors import SynonymError
from xlt_augment.service.failures import Refused
from xlt_augment.synonyms.vetoes import Pair, checked_pair

# Control characters, those that reorder or hide text, halves of surrogate pairs, private ones, line and paragraph breaks.
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
_JOINERS = "\u200c\u200d"  # which Persian, Indic scripts and emoji are written with


def struck_pair(first: str, second: str) -> Pair:
    """The pair in sorted order. Raises Refused (422) for what `synonyms veto --pairs` could not read back from a file."""
    doing = "reading the pair"
    try:
        pair = checked_pair((first, second), "the request")
    except SynonymError as error:
        raise Refused(422, doing=doing, found=error.found, expected=error.expected, remedy=error.remedy) from error
    if bad := next((word for word in pair if word != word.strip(" ")), None):
        raise Refused(
            422, doing=doing, found=f"spaces around {bad!r}", expected="a word that a veto file can hold",
            remedy="Remove the spaces",
        )  # fmt: skip
    if all(word.startswith("#") for word in pair):
        raise Refused(
            422, doing=doing, found="two words that begin with #, as comments do", expected="a pair that a veto file can hold",
            remedy="Veto it with: xlt-augment synonyms veto SET TARGET --pair FIRST,SECOND",
        )  # fmt: skip
    return pair


def remark(text: str, what: str, most: int) -> str:
    """An author or reason without spaces around it, 1 to `most` characters. Raises Refused (422)."""
    kept = text.strip()
    hidden = next((c for c in kept if not _shows(c)), None)
    if kept and len(kept) <= most and hidden is None:
        return kept
    found = f"{len(kept):,} characters" if hidden is None else f"the character U+{ord(hidden):04X}, which does not show"
    raise Refused(
        422, doing=f"reading the {what}", found=found, expected=f"one line of 1 to {most:,} characters that show",
        remedy="Correct it",
    )  # fmt: skip


def _shows(character: str) -> bool:
    return unicodedata.category(character) not in _HIDDEN or character in _JOINERS


def pair_line(pair: Pair) -> str:
    """The line of a veto file for a pair. A line that begins with # would be a comment, and a pair has no direction."""
    first, second = pair[::-1] if pair[0].startswith("#") else pair
    return f"{first}\t{second}\n"


def comment_line(text: str) -> str:
    """A comment of a veto file on one line, whatever stands in the text."""
    shown = text if text.isprintable() else "".join(c if _shows(c) else ascii(c)[1:-1] for c in text)
    return f"# {shown}\n"


def veto_text(head: Iterable[str], entries: Iterable[tuple[str, Pair]]) -> str:
    """A veto file: comments, then each pair below a comment of its own."""
    lines = [comment_line(text) for text in head]
    for text, pair in entries:
        lines += [comment_line(text), pair_line(pair)]
    return "".join(lines)
