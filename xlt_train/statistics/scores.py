"""What a comparison is made of: the accuracies of one method over its seeds, and which predictions were right."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from xlt_train.errors import StatisticsError

Pair = tuple[str, str]  # languages of text 1 and text 2; the same twice for single texts


@dataclass(frozen=True, kw_only=True)
class Scores:
    """One method on one test set. S seeds, P pairs of languages, I items; NaN where a cell is missing or has no labels.

    `tests` is the identity of the test set, None for numbers that do not tell it, and `about` its words. `correct` is None for
    numbers without predictions, such as published ones; `items` are the rows of the files that it is about. `majority` is the
    share of the most frequent gold label, `classes` the number of labels; without them no alarm is raised.
    """

    name: str
    seeds: tuple[int, ...]
    pairs: tuple[Pair, ...]
    accuracy: np.ndarray  # [S, P], 0 to 1
    correct: np.ndarray | None = None  # [S, P, I], 0 or 1
    items: np.ndarray | None = None  # [I]
    majority: np.ndarray | None = None  # [P], 0 to 1
    classes: int | None = None
    tests: str | None = None
    about: str = "a test set"

    def __post_init__(self) -> None:
        """Raises StatisticsError for arrays that do not match, and for a seed given twice."""
        doing, shape = f"comparing {self.name}", (max(len(self.seeds), 1), len(self.pairs))
        if (
            self.accuracy.shape[1:] != shape[1:]
            or (self.seeds and len(self.accuracy) != len(self.seeds))
            or not self.accuracy.size
        ):
            raise _unlike(doing, f"accuracies in the shape {self.accuracy.shape}", f"{shape}: seeds and pairs")
        if self.correct is not None and (self.correct.ndim != 3 or self.correct.shape[:2] != self.accuracy.shape):
            raise _unlike(doing, f"predictions in the shape {self.correct.shape}", f"{self.accuracy.shape} and the items")
        if self.majority is not None and self.majority.shape != (len(self.pairs),):
            raise _unlike(doing, f"shares of labels in the shape {self.majority.shape}", f"one for each of {shape[1]} pairs")
        if len(set(self.seeds)) < len(self.seeds):
            raise _unlike(
                doing, f"the seeds {', '.join(map(str, self.seeds))}", "each seed once: the same again is nothing new"
            )

    @property
    def several_seeds(self) -> bool:
        """Whether anything can be said of new seeds; published means, which have no seeds here, cannot."""
        return len(self.accuracy) > 1


class Aligned(NamedTuple):
    """Two methods in one order of pairs and, where `paired`, of seeds; cells that one of them lacks are NaN."""

    a: Scores
    b: Scores
    paired: bool


def align(a: Scores, b: Scores) -> Aligned:
    """Bring two methods into one order.

    Seeds are paired where both have the same ones. Raises StatisticsError for different test sets, items, and for files
    without any label.
    """
    doing = f"comparing {a.name} with {b.name}"
    if a.tests is not None and b.tests is not None and a.tests != b.tests:
        raise StatisticsError(
            doing,
            found=f"different test sets: {a.about} ({a.tests[:8]}) and {b.about} ({b.tests[:8]})",
            expected="the same files and rows for both",
            remedy="Judge both on the same files: xlt-train evaluate RUN --test-dir DIR",
        )
    if a.correct is not None and b.correct is not None and a.correct.shape[2] != b.correct.shape[2]:
        raise _unlike(
            doing, f"predictions of {a.correct.shape[2]} and of {b.correct.shape[2]} items", "the same items for both"
        )
    if a.items is not None and b.items is not None and not np.array_equal(a.items, b.items):
        raise _unlike(doing, "predictions of other items", "the same items for both")
    for scores in (a, b):
        if np.isnan(scores.accuracy).all():
            raise StatisticsError(
                doing,
                found=f"no accuracy of {scores.name}: its test files have no labels",
                expected="labelled test files",
                remedy="Judge both on files with labels, such as --split dev",
            )
    pairs = tuple(dict.fromkeys([*a.pairs, *b.pairs]))
    paired = len(a.seeds) > 1 and sorted(a.seeds) == sorted(b.seeds)
    return Aligned(_in_order(a, pairs, sort=paired), _in_order(b, pairs, sort=paired), paired)


def _in_order(scores: Scores, pairs: tuple[Pair, ...], *, sort: bool) -> Scores:
    rows = np.argsort(scores.seeds) if sort else np.arange(len(scores.accuracy))
    places = [pairs.index(pair) for pair in scores.pairs]
    accuracy = np.full((len(rows), len(pairs)), np.nan)
    accuracy[:, places] = scores.accuracy[rows]
    correct, majority = None, None
    if scores.correct is not None:
        correct = np.full((len(rows), len(pairs), scores.correct.shape[2]), np.nan, np.float32)
        correct[:, places] = scores.correct[rows]
        correct[np.isnan(accuracy)] = np.nan
    if scores.majority is not None:
        majority = np.full(len(pairs), np.nan)
        majority[places] = scores.majority
    seeds = tuple(scores.seeds[k] for k in rows) if scores.seeds else ()
    return replace(scores, seeds=seeds, pairs=pairs, accuracy=accuracy, correct=correct, majority=majority)


def _unlike(doing: str, found: str, expected: str) -> StatisticsError:
    return StatisticsError(doing, found=found, expected=expected, remedy="Give runs that were judged alike")
