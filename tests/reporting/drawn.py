"""A figure of each kind, of made-up values of a realistic size."""

from collections.abc import Callable, Sequence

import numpy as np

from xlt_train.reporting.drawing import Cloud, Drawing, Line, Scores, Series
from xlt_train.reporting.figures.against_m import accuracy_against_m
from xlt_train.reporting.figures.embeddings import embeddings
from xlt_train.reporting.figures.heat_map import heat_map
from xlt_train.reporting.figures.hyper_parameter import hyper_parameter
from xlt_train.reporting.figures.language_dots import language_dots
from xlt_train.reporting.figures.regression import regression

L7 = "en es de fr zh ko ja".split()
L15 = "en es de fr bg ru el th sw vi ar zh hi ur tr".split()


def _differences(n: int, seed: int) -> np.ndarray:
    values = np.random.default_rng(seed).normal(0.03, 0.03, (n, n)).clip(-0.039, 0.12)
    values[0, 0], values[-1, 0] = -0.04, 0.123  # the widest numbers, at both ends
    return values


SEVEN, FIFTEEN = _differences(7, 1), _differences(15, 2)
SEVEN[2, 5] = SEVEN[4, 4] = np.nan
DISTANCES = dict(zip(L15, [0.0, 0.28, 0.41, 0.44, 0.48, 0.49, 0.5, 0.52, np.nan, 0.57, 0.58, 0.6, 0.61, 0.66, 0.68]))
GAINS = {name: 0.06 * (distance if distance == distance else 0.5) - 0.012 for name, distance in DISTANCES.items()} | {
    "zz": 0.01
}
_WORDS = "movie house water friend run happy".split()


def line(p: float = 0.018) -> Line:
    x = np.linspace(0, 0.7, 20)
    y = 0.06 * x - 0.012
    return Line(x=x, y=y, low=y - 0.004, high=y + 0.004, slope=0.06, intercept=-0.012, r=-0.62, p=p, n=14)


def series(name: str, x: Sequence[float], mean: Sequence[float]) -> Series:
    values = np.array(mean)
    return Series(name=name, x=np.array(x), mean=values, low=values - 0.004, high=values + 0.004, seeds=[10] * len(x))


def cloud(
    title: str = "Before", words_2: Sequence[str] = ("Film", "Haus", "Wasser", "Freund", "laufen", "froh"), bad: str = ""
) -> Cloud:
    rng = np.random.default_rng(5)
    first = rng.normal(size=(6, 16))
    second = first + 0.2 * rng.normal(size=(6, 16))
    if bad == "nan":
        second[0, 0] = np.nan
    words = [*_WORDS, "more"] if bad == "words" else _WORDS
    links = [(k, k) for k in range(6)] + ([(0, 6)] if bad == "link" else [])
    return Cloud(
        title=title,
        words_1=words,
        words_2=words_2,
        vectors_1=first,
        vectors_2=second,
        links=links,
        mean_rank=12.3,
        candidates=500,
    )


def _scores(name: str, shift: float) -> Scores:
    mean = np.linspace(0.82, 0.5, 15) + shift
    mean[8] = np.nan if shift else mean[8]
    return Scores(name=name, mean=mean, low=mean - 0.01, high=mean + 0.01)


M = [1, 2, 3, 5, 10, 20, 30]
ALL: dict[str, Callable[[], Drawing]] = {
    "heat-7": lambda: heat_map(
        "heat-7", "Pairs", SEVEN, L7, L7, row_title="text 1", column_title="text 2", significant=np.nan_to_num(SEVEN) > 0.08
    ),
    "heat-15": lambda: heat_map(
        "heat-15", "Pairs", FIFTEEN, L15, L15, row_title="row", column_title="column", significant=FIFTEEN > 0.05
    ),
    "gain": lambda: regression(
        "gain",
        "Gain",
        GAINS,
        DISTANCES,
        line(),
        distance_title="syntactic distance",
        spread={"de": (0.01, 0.02), "tr": (0.02, 0.04)},
    ),
    "m": lambda: accuracy_against_m(
        "m",
        "Accuracy against m",
        [series("RS-DA", M, np.linspace(0.83, 0.85, 7).tolist()), series("EAR", M, np.linspace(0.84, 0.86, 7).tolist())],
        baseline=0.834,
    ),
    "layer": lambda: hyper_parameter(
        "layer",
        "Layer",
        [series("EAR", range(13), np.linspace(0.66, 0.69, 13).tolist())],
        x_title="layer",
        x_names=[*map(str, range(1, 13)), "all"],
    ),
    "words": lambda: embeddings("words", "Words", [cloud(), cloud("After")], group_1="English", group_2="German", labels=4),
    "dots": lambda: language_dots(
        "dots", "Accuracy", L15, [_scores("mBERT", 0.0), _scores("RS-RP", 0.01), _scores("RS-DA", 0.02)]
    ),
}
