"""Show what a variant changed: the words that differ from the original, between marks."""

from collections.abc import Callable
from difflib import SequenceMatcher

from xlt_augment.words.split import split_text

_LONGEST = 400  # characters; a comparison of whole books would take hours


def shorten(text: str) -> str:
    """The beginning of a text on one line, for people to look at."""
    flat = " ".join(text[: 2 * _LONGEST].splitlines())
    return flat if len(flat) <= _LONGEST else flat[:_LONGEST] + " ..."


def mark_changes(before: str, after: str, words: str = "span", mark: Callable[[str], str] = "[{}]".format) -> str:
    """`after` with every word that differs from `before` passed through `mark`."""
    old, _ = split_text(before, words)
    new, gaps = split_text(after, words)
    changed: set[int] = set()
    if len(old) == len(new):
        changed = {k for k, (a, b) in enumerate(zip(old, new)) if a != b}
    else:  # a neighbor of several words
        for tag, _, _, start, stop in SequenceMatcher(a=old, b=new, autojunk=False).get_opcodes():
            changed |= set(range(start, stop)) if tag != "equal" else set()
    pieces = [gaps[0]]
    for k, (word, gap) in enumerate(zip(new, gaps[1:])):
        pieces += [mark(word) if k in changed else word, gap]
    return "".join(pieces)
