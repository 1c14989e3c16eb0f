"""Which runs of a grid are chosen: by the accuracy on the source language's development set, and by nothing else."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from xlt_train.sweep.points import Point


class Scored(NamedTuple):
    """A run and its accuracy on the development set, None where it has none (yet)."""

    point: Point
    dev_accuracy: float | None


class Chosen(NamedTuple):
    """Positions of the best run of each seed, and of the runs of the setting with the best mean over all seeds."""

    per_seed: frozenset[int]
    of_all: frozenset[int]


def choose(runs: Sequence[Scored]) -> Chosen:
    """The choice of each sweep among `runs`; of equal ones the earlier.

    Per seed, as Huang et al. 2021 (section 4.1) search in each of their ten runs. For the mean, a setting counts when all
    its seeds have an accuracy.
    """
    per_seed: set[int] = set()
    of_all: set[int] = set()
    for sweep in dict.fromkeys(run.point.sweep for run in runs):
        here = [k for k, run in enumerate(runs) if run.point.sweep == sweep]
        per_seed |= _best_per_seed(runs, here)
        of_all |= _best_mean(runs, here)
    return Chosen(frozenset(per_seed), frozenset(of_all))


def _best_per_seed(runs: Sequence[Scored], here: Sequence[int]) -> set[int]:
    best: dict[int, tuple[float, int]] = {}
    for k in here:
        accuracy, seed = runs[k].dev_accuracy, runs[k].point.seed
        if accuracy is not None and (seed not in best or accuracy > best[seed][0]):
            best[seed] = (accuracy, k)
    return {k for _, k in best.values()}


def _best_mean(runs: Sequence[Scored], here: Sequence[int]) -> set[int]:
    settings: dict[str, list[int]] = {}
    for k in here:
        settings.setdefault(runs[k].point.setting, []).append(k)
    best: tuple[float, list[int]] = (-math.inf, [])
    for group in settings.values():
        known = [accuracy for k in group if (accuracy := runs[k].dev_accuracy) is not None]
        if len(known) == len(group) and (mean := math.fsum(known) / len(known)) > best[0]:
            best = (mean, group)
    return set(best[1])
