"""Words, look-up, substitution, swap and random numbers once more: slow, obvious, and sharing no code with the product.

Written from the definitions alone (docs/format.md), with Python's own strings, integers and Unicode tables. It speaks of
the Unicode version of the interpreter; see `SAME_UNICODE`.
"""

import hashlib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

SAME_UNICODE = unicodedata.unidata_version == "14.0.0"  # else this reference and the product know other characters

Neighbors = Mapping[str, Sequence[str]]

# ---------------------------------------------------------------------------------------------------- random numbers

MASK = 2**64 - 1
GOLDEN = 0x9E3779B97F4A7C15


def mix(z: int) -> int:
    """The finaliser of splitmix64 (Steele et al. 2014)."""
    z ^= z >> 30
    z = z * 0xBF58476D1CE4E5B9 & MASK
    z ^= z >> 27
    z = z * 0x94D049BB133111EB & MASK
    return z ^ z >> 31


def draw(seed: int, column: str, source_id: int, variant: int, position: int) -> int:
    """The 64-bit number of one word."""
    c = int.from_bytes(hashlib.sha256(column.encode()).digest()[:8], "little")
    r = mix(mix(seed + GOLDEN & MASK) ^ mix(c + source_id * GOLDEN & MASK))
    v = mix(r + variant * 0xD1B54A32D192ED03 & MASK)
    return mix(v + position * GOLDEN & MASK)


class Place(NamedTuple):
    """Everything that a random number depends on, but the position of the word."""

    seed: int = 0
    column: str = "text"
    source_id: int = 0
    variant: int = 1

    def acts(self, position: int, p: float) -> bool:
        """Whether something happens to the word here."""
        return draw(*self, position) >> 32 < int(p * 2**32)

    def choice(self, position: int, n: int) -> int:
        """One of 0 ... n - 1."""
        return (draw(*self, position) & 0xFFFFFFFF) * n >> 32


# ------------------------------------------------------------------------------------------------------------- words


def is_letter(character: str) -> bool:
    return unicodedata.category(character).startswith("L")


def is_mark(character: str) -> bool:
    return unicodedata.category(character).startswith("M")


def is_letter_or_digit(character: str) -> bool:
    return is_letter(character) or unicodedata.category(character) == "Nd"


def skip_marks_back(text: str, i: int) -> int:
    """The nearest place at or before i that holds no mark; -1 when there is none."""
    while i >= 0 and is_mark(text[i]):
        i -= 1
    return i


def connects(text: str, i: int) -> bool:
    """Whether an apostrophe or hyphen at i ties a letter or digit, with its marks, to the next one."""
    base = skip_marks_back(text, i - 1)
    ties_left = base >= 0 and is_letter_or_digit(text[base])
    ties_right = i + 1 < len(text) and is_letter_or_digit(text[i + 1])
    return text[i] in "'’-" and ties_left and ties_right


def goes_on(text: str, i: int) -> bool:
    """Whether a word that has begun before i takes the character at i in."""
    return is_letter_or_digit(text[i]) or is_mark(text[i]) or text[i] in "\u200c\u200d" or connects(text, i)


def split(text: str, mode: str) -> tuple[list[str], list[str]]:
    """Words and gaps: `gaps[0] + words[0] + gaps[1] + ... + gaps[-1] == text`."""
    words: list[str] = []
    gaps = [""]
    for i, character in enumerate(text):
        inside = len(words) == len(gaps)  # the last piece is a word
        in_span = goes_on(text, i) if inside else is_letter_or_digit(character)
        is_word = character != " " if mode == "space" else in_span
        if is_word and inside:
            words[-1] += character
        elif is_word:
            words.append(character)
        elif inside:
            gaps.append(character)
        else:
            gaps[-1] += character
    return words, gaps + [""] * (len(words) - len(gaps) + 1)


def join(words: Sequence[str], gaps: Sequence[str]) -> str:
    """The text of which `split` gave these."""
    return gaps[0] + "".join(word + gap for word, gap in zip(words, gaps[1:], strict=True))


# -------------------------------------------------------------------------------------------------------------- case


def is_upper(character: str) -> bool:
    return simple_lower(character) != character


def is_lower(character: str) -> bool:
    return not is_upper(character) and character.upper() != character


def simple_lower(character: str) -> str:
    """One character for one character: İ gives i, without the dot above that the full mapping adds."""
    return "i" if character == "İ" else character.lower()


def lower(word: str) -> str:
    """The word in lower case, with the Greek sigma in the form of its place."""
    lowered = ""
    for i, character in enumerate(word):
        before = skip_marks_back(word, i - 1)
        follows_letter = before >= 0 and is_letter(word[before])
        precedes_letter = i + 1 < len(word) and is_letter(word[i + 1])
        lowered += "ς" if character == "Σ" and follows_letter and not precedes_letter else simple_lower(character)
    return lowered


def style(word: str) -> Literal["title", "upper", "other"]:
    n_upper = sum(map(is_upper, word))
    if n_upper == 1 and is_upper(word[0]):
        return "title"
    return "upper" if n_upper >= 2 and not any(map(is_lower, word)) else "other"


# ----------------------------------------------------------------------------------------------------------- methods


def is_protected(word: str, protect: Sequence[str]) -> bool:
    """Patterns are read by Python here: use only those that mean the same in RE2."""
    for form in (word, lower(word)):
        for item in protect:
            if re.fullmatch(item[3:], form, re.ASCII) if item.startswith("re:") else item == form:
                return True
    return False


def replacements(word: str, position: int, neighbors: Neighbors, case: str, protect: Sequence[str]) -> list[str]:
    """What may stand for this word of a text; empty when the word is not eligible."""
    if is_protected(word, protect):
        return []
    if neighbors.get(word) or case == "exact":
        return list(neighbors.get(word, []))
    if case == "initial" and not (position == 0 and style(word) == "title"):
        return []
    found = neighbors.get(lower(word), [])
    if style(word) == "title":
        return [neighbor[0].title() + neighbor[1:] for neighbor in found]
    return [neighbor.upper() if style(word) == "upper" else neighbor for neighbor in found]


def substitute(words: Sequence[str], place: Place, p: float | str, candidates: Sequence[Sequence[str]]) -> list[str]:
    """The words of one variant; `candidates[i]` is what `replacements` gives for word i."""
    drawn = list(words)
    for i, others in enumerate(candidates):
        if p == "uniform":
            drawn[i] = [words[i], *others][place.choice(i, len(others) + 1)]
        elif others and place.acts(i, float(p)):
            drawn[i] = others[place.choice(i, len(others))]
    return drawn


def swap(words: Sequence[str], place: Place, p: float, fixed: Sequence[bool]) -> list[str]:
    """The words of one variant; word i stays where it is when `fixed[i]`."""
    moved = list(words)
    i = 0
    while i + 1 < len(moved):
        if not fixed[i] and not fixed[i + 1] and place.acts(i, p):
            moved[i], moved[i + 1] = moved[i + 1], moved[i]
            i += 1
        i += 1
    return moved
