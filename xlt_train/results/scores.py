"""A system as the statistics see it: accuracies over its seeds, and which predictions were right."""

import numpy as np

from xlt_train.errors import RunError
from xlt_train.results.systems import System
from xlt_train.statistics.scores import Scores


def scores_of(system: System) -> Scores:
    """The arrays of a system. Reads the predictions of its runs; published numbers have none.

    A cell that a run lacks, or whose files have no labels, is NaN. Raises RunError for a file of predictions that is missing or
    damaged, and for runs of other items.
    """
    if not system.runs:
        return Scores(name=system.name, seeds=(), pairs=system.pairs, accuracy=system.accuracy)
    first = system.runs[0]
    items = first.predictions.items
    correct = np.full((len(system.runs), len(system.pairs), len(items)), np.nan, np.float32)
    majority = np.full(len(system.pairs), np.nan)
    for s, run in enumerate(system.runs):
        found = run.predictions
        if not np.array_equal(found.items, items):
            raise RunError(
                f"comparing {first.path} with {run.path}",
                found="predictions of other items",
                expected="the same items in every run",
                remedy="Judge the runs again: xlt-train evaluate",
            )
        places = [system.pairs.index(pair) for pair in run.pairs]
        known = ~np.isnan(run.accuracy)
        correct[s, places] = np.where(known[:, None], found.correct, np.nan)
        majority[places] = np.where(known, [_majority(gold) for gold in found.gold], np.nan)
    return Scores(
        name=system.name,
        seeds=system.seeds,
        pairs=system.pairs,
        accuracy=system.accuracy,
        correct=correct,
        items=items,
        majority=majority,
        classes=len(first.run["model"]["labels"]),
        tests=first.tests,
        about=first.about_tests,
    )


def _majority(gold: np.ndarray) -> float:
    """Share of the most frequent label."""
    return float(np.unique(gold, return_counts=True)[1].max() / len(gold))
