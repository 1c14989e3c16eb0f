"""Over many draws, words are replaced and moved as often as the papers say. Seeds are fixed, so nothing here is flaky."""

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import pytest
from scipy.stats import chi2_contingency, chisquare

from xlt_augment import Substitute, Swap, SynonymSet, augment

NEIGHBORS = {
    "good": ["fine", "nice", "great"],
    "film": ["movie"],
    "bad": ["poor", "weak", "awful", "dire", "low", "grim", "sad"],
    "lone": [],
}
SYNONYMS = SynonymSet.from_mapping(NEIGHBORS)
ROWS, M = 3_000, 10
DRAWS = ROWS * M


def many(text: str, operator: Substitute | Swap, seed: int = 1) -> list[str]:
    """DRAWS variants of one text: M of each of ROWS equal rows."""
    return [variant for row in augment([text] * ROWS, operator, m=M, seed=seed) for variant in row]


def counts_by_position(variants: Iterable[str]) -> list[Counter[str]]:
    """How often each word stands at each position of variants that have single spaces between words."""
    return [Counter(column) for column in zip(*(variant.split(" ") for variant in variants), strict=True)]


def within_four_standard_errors(count: int, p: float, draws: int = DRAWS) -> bool:
    return abs(count - draws * p) <= 4 * (draws * p * (1 - p)) ** 0.5


def test_uniform_draws_each_word_evenly_from_itself_and_its_neighbors() -> None:
    text = "good film , bad lone good other"
    variants = many(text, Substitute(SYNONYMS, p="uniform"))
    for word, counts in zip(text.split(" "), counts_by_position(variants), strict=True):
        candidates = [word, *NEIGHBORS.get(word, [])]
        assert set(counts) == set(candidates)
        assert len(candidates) == 1 or chisquare([counts[c] for c in candidates]).pvalue > 1e-4


@pytest.mark.parametrize("p", [0.01, 0.1, 0.5, 0.9])
def test_words_are_replaced_with_probability_p_and_neighbors_are_chosen_evenly(p: float) -> None:
    text = "bad good film bad"
    variants = many(text, Substitute(SYNONYMS, p=p))
    for word, counts in zip(text.split(" "), counts_by_position(variants), strict=True):
        assert within_four_standard_errors(DRAWS - counts[word], p)
        chosen = [counts[neighbor] for neighbor in NEIGHBORS[word]]
        assert sum(chosen) == DRAWS - counts[word]
        assert len(chosen) == 1 or chisquare(chosen).pvalue > 1e-4


def test_words_of_one_text_are_replaced_independently() -> None:
    both = Counter(tuple(variant.split()) for variant in many("film film", Substitute(SYNONYMS, p=0.3)))
    for pair, expected in {("movie", "movie"): 0.09, ("movie", "film"): 0.21, ("film", "movie"): 0.21}.items():
        assert within_four_standard_errors(both[pair], expected)


@pytest.mark.parametrize("p", [0.1, 0.5])
def test_words_swap_with_probability_p_unless_they_have_just_moved(p: float) -> None:
    words = ["zero", "one", "two", "three", "four", "five", "six"]
    variants = [variant.split() for variant in many(" ".join(words), Swap(p=p))]
    just_moved = 0.0
    for i in range(len(words) - 1):
        chance = (1 - just_moved) * p
        swapped = sum(variant[i] == words[i + 1] and variant[i + 1] == words[i] for variant in variants)
        assert within_four_standard_errors(swapped, chance)
        just_moved = chance
    assert all(sorted(variant) == sorted(words) for variant in variants)


def test_swap_with_p_one_swaps_every_pair() -> None:
    assert augment(["a b c d e"], Swap(p=1.0), m=2) == [["b a d c e"] * 2]


def published(text: str, neighbors: Mapping[str, Sequence[str]], generator: random.Random) -> str:
    """The released code of the EMNLP paper, in short: every word of the set is redrawn from itself and its neighbors."""
    words = text.split(" ")
    return " ".join(generator.choice([word, *neighbors[word]]) if neighbors.get(word) else word for word in words)


@pytest.mark.parametrize(
    "text",
    [
        "good film bad",
        "Good film , bad. lone  good ",
        " film film film good good",
        "GOOD\tgood\nfilm film-bad bad",
        "film  film\u00a0good (bad) don't good .",
    ],
)
def test_emnlp_settings_draw_from_the_distribution_of_the_published_code(text: str) -> None:
    ours = Counter(many(text, Substitute(SYNONYMS, p="uniform", words="space", case="exact"), seed=11))
    generator = random.Random(5)
    theirs = Counter(published(text, NEIGHBORS, generator) for _ in range(DRAWS))
    outcomes = sorted(theirs)  # whole texts, so that the words are compared jointly
    assert set(ours) == set(outcomes)
    if len(outcomes) > 1:
        assert chi2_contingency([[counts[o] for o in outcomes] for counts in (ours, theirs)]).pvalue > 1e-4
