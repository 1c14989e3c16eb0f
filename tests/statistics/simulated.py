"""Simulated runs: items of different difficulty that all runs, seeds and languages share, so that nothing is independent."""

import numpy as np

LANGUAGES = ("de", "en", "es", "fr", "ja", "ko", "zh")
PAIRS = tuple((language, language) for language in LANGUAGES)
NOISE = 0.06  # of a seed, and of a seed in a language, in logits: with chance in single items 0.5 points of accuracy


def judged(
    numbers: np.random.Generator, *, gain: float = 0.0, seeds: int = 5, items: int = 2_000, languages: int = 7
) -> tuple[np.ndarray, np.ndarray]:
    """Right or wrong of a method and of one that is better by about `gain` of accuracy, each [S, L, I].

    An item is easy or hard in all languages; a seed moves a run as a whole and in each language.
    """
    hard = 6 * numbers.normal(size=items) + 2 * numbers.normal(size=(languages, items)) + 6
    slope = 0.0383  # share of items right that one logit more adds, at this spread of items
    sides = []
    for shift in (0.0, gain / slope):
        noise = NOISE * (numbers.normal(size=(seeds, 1, 1)) + numbers.normal(size=(seeds, languages, 1)))
        right = 1 / (1 + np.exp(-(hard + shift + noise)))
        sides.append(numbers.random(right.shape) < right)
    return sides[0], sides[1]
