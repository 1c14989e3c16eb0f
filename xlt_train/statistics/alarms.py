"""Which cells of a method are at chance level."""

from typing import NamedTuple

import numpy as np

from xlt_train.statistics.chance import chance_level
from xlt_train.statistics.scores import Scores


class Alarm(NamedTuple):
    """Runs of a method not shown to be above guessing in a cell, at 95%; given these trained models: new test items."""

    name: str
    pair: str
    runs: int  # not above always giving the most frequent label
    even: int  # of these, not above guessing evenly either
    below: int  # of these, below the most frequent label
    of: int
    accuracy: float  # mean over the runs
    majority: float
    uniform: float

    def __str__(self) -> str:
        """In one sentence."""
        runs = f"{self.runs} of {self.of} runs" if self.of > 1 else "the run"
        more = f", {'nor' if self.even == self.runs else f'{self.even} nor'} above even guessing ({100 * self.uniform:.1f}%)"
        worse = "" if not self.below else " (below it)" if self.below == self.runs else f" ({self.below} below it)"
        return (
            f"{self.name}, {self.pair}: {runs} at {100 * self.accuracy:.1f}% not above always giving the most frequent label"
            f" ({100 * self.majority:.1f}%){worse}{more if self.even else ''}"
        )


def alarms(scores: Scores) -> list[Alarm]:
    """One for each cell with a run at chance level, in the order of the pairs; none without predictions or gold labels."""
    if scores.correct is None or scores.majority is None or scores.classes is None:
        return []
    total = scores.correct.shape[2]
    found = chance_level(
        scores.correct.sum(2), np.full(scores.accuracy.shape, total), majority=scores.majority, classes=scores.classes
    )
    return [
        Alarm(
            scores.name,
            "-".join(dict.fromkeys(pair)),
            int(found.majority[:, k].sum()),
            int(found.uniform[:, k].sum()),
            int(found.below[:, k].sum()),
            len(scores.accuracy),
            float(np.mean(scores.accuracy[:, k])),
            float(scores.majority[k]),
            1 / scores.classes,
        )
        for k, pair in enumerate(scores.pairs)
        if found.majority[:, k].any()
    ]
