"""Which words and pairs of near words may enter a synonym set: each filter by name, in the order they are applied."""

import math
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import product

import numpy as np

from xlt_augment.counterfit.lexicon import Lexicon
from xlt_augment.errors import UsageError
from xlt_augment.words.split import find_words
from xlt_augment.words.texts import Texts


@dataclass(frozen=True, kw_only=True)
class Filters:
    """Settings: what is left out. `max_rank`: words beyond this row of the vectors file, None for no limit. `agreement`: pairs
    whose second word cannot stand in every usual part of speech and form of the first. `rarity`: neighbors more than so many
    times further down the vectors file than their word, None for no limit.
    """

    one_word: bool = True
    max_rank: int | None = 50_000
    numbers: bool = True
    function_words: bool = True
    foreign: bool = True
    antonyms: bool = True
    same_lemma: bool = True
    agreement: bool = False
    rarity: float | None = None
    mutual: bool = False

    def __post_init__(self) -> None:
        if self.rarity is not None and not 0 < self.rarity < math.inf:
            raise UsageError("reading --rarity", found=str(self.rarity), expected="a number above 0", remedy="Or leave it out")

    def check(self, known: Lexicon) -> None:
        """Raises UsageError when agreement is asked for and nothing tells the forms of words."""
        if self.agreement and known.forms is None:
            raise UsageError(
                "reading --agreement",
                found="no source of parts of speech",
                expected="WordNet",
                remedy="Add --wordnet, or leave --agreement out",
            )


@dataclass(frozen=True)
class Vocabulary:
    """What word filters look at: `words`, their `ranks` int64 [V] in the vectors file, and the lexicon."""

    words: Sequence[str]
    ranks: np.ndarray
    known: Lexicon
    max_rank: int | None = None


def one_word(vocabulary: Vocabulary) -> np.ndarray:
    """Entries that are exactly one word by the project's rule (`words="span"`)."""
    texts = Texts.from_strings(list(vocabulary.words))
    found = find_words(texts, "span")
    single = np.diff(found.first) == 1
    at = np.minimum(found.first[:-1], max(len(found.starts) - 1, 0))
    if not len(found.starts):
        return np.zeros(len(vocabulary.words), bool)
    return np.asarray(single & (found.starts[at] == texts.offsets[:-1]) & (found.stops[at] == texts.offsets[1:]))


def frequent(vocabulary: Vocabulary) -> np.ndarray:
    """Entries that stand early enough in the vectors file."""
    return np.asarray(vocabulary.ranks <= (vocabulary.max_rank or np.iinfo(np.int64).max))


def no_numbers(vocabulary: Vocabulary) -> np.ndarray:
    """Entries without a digit that are no number, ordinal, day or month of the language's list."""
    numbers = vocabulary.known.numbers
    return _mask(vocabulary, lambda word: word.lower() not in numbers and not any(c.isdigit() for c in word))


def no_function_words(vocabulary: Vocabulary) -> np.ndarray:
    """Entries outside the list of function words."""
    function = vocabulary.known.function
    return _mask(vocabulary, lambda word: word.lower() not in function)


def of_the_language(vocabulary: Vocabulary) -> np.ndarray:
    """Entries of two letters or more, in the script of most entries, that the source of words knows, where there is one."""
    known = vocabulary.known.known
    script = _main_script(vocabulary.words)

    def belongs(word: str) -> bool:
        letters = [c for c in word if c.isalpha()]
        shaped = len(letters) >= min(2, _least_letters(script)) and all(_script(c) == script for c in letters)
        return shaped and (known is None or known(word) or known(word.lower()))

    return _mask(vocabulary, belongs)


def _mask(vocabulary: Vocabulary, keep: Callable[[str], bool]) -> np.ndarray:
    return np.fromiter(map(keep, vocabulary.words), bool, len(vocabulary.words))


_WITH_HAN = ("HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA")


@cache
def _script(letter: str) -> str:
    """Script of a letter: the first word of its Unicode name, which never changes."""
    name = unicodedata.name(letter, "?").split()[0]
    return "CJK" if name in _WITH_HAN else name  # Japanese words mix them


def _main_script(words: Sequence[str]) -> str:
    counts = Counter(script for word in words for script in {_script(c) for c in word if c.isalpha()})
    return min(counts, key=lambda script: (-counts[script], script)) if counts else "?"


def _least_letters(script: str) -> int:
    return 1 if script in ("CJK", "HANGUL") else 2


WORD_FILTERS: dict[str, Callable[[Vocabulary], np.ndarray]] = {
    "one_word": one_word,
    "max_rank": frequent,
    "numbers": no_numbers,
    "function_words": no_function_words,
    "foreign": of_the_language,
}


@dataclass(frozen=True)
class Relations:
    """What pair filters look at: the lexicon, the antonyms as given, both ways, the words' ranks and how much rarer a
    neighbor may be."""

    known: Lexicon
    antonyms: frozenset[tuple[str, str]]
    ranks: Mapping[str, int] = field(default_factory=dict)
    rarity: float = math.inf

    @classmethod
    def of(
        cls,
        known: Lexicon,
        antonyms: Sequence[tuple[str, str]],
        ranks: Mapping[str, int] | None = None,
    ) -> "Relations":
        """With the antonyms of all lemmas of each pair, so that their inflections count too."""
        found = set(antonyms)
        for a, b in antonyms:
            found |= set(product(known.lemmas(a), known.lemmas(b)))
        return cls(known, frozenset(found | {(b, a) for a, b in found}), ranks or {})


def not_antonyms(relations: Relations, a: str, b: str) -> bool:
    """Neither they nor any of their lemmas are antonyms."""
    lemmas = relations.known.lemmas
    return (a, b) not in relations.antonyms and relations.antonyms.isdisjoint(product(lemmas(a) | {a}, lemmas(b) | {b}))


def other_lemma(relations: Relations, a: str, b: str) -> bool:
    """They are not forms of one lemma."""
    return relations.known.lemmas(a).isdisjoint(relations.known.lemmas(b))


def same_form(relations: Relations, a: str, b: str) -> bool:
    """In every part of speech and grammatical form that a often has, b can stand for it."""
    forms, common = relations.known.forms, relations.known.common_forms
    assert forms is not None  # Filters.check
    assert common is not None
    wanted = {(f.part, f.form) for f in common(a)}
    return bool(wanted) and wanted <= {(f.part, f.form) for f in forms(b)}


def as_usual(relations: Relations, a: str, b: str) -> bool:
    """b is not too much rarer than a; frequencies fall with the rank (Zipf's law)."""
    return relations.ranks[b] <= relations.rarity * relations.ranks[a]


PAIR_FILTERS: dict[str, Callable[[Relations, str, str], bool]] = {
    "antonyms": not_antonyms,
    "same_lemma": other_lemma,
    "agreement": same_form,
    "rarity": as_usual,
}
