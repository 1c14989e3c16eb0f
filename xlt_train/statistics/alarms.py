"""Which cells of a method are at chance level."""

from collections.abc import Sequence
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
        return said([self])[0]


def said(found: Sequence[Alarm]) -> list[str]:
    """A sentence for all cells of a method with the same alarm, in the order of the first."""
    alike: dict[tuple, list[Alarm]] = {}
    for alarm in found:
        percent = f"{100 * alarm.majority:.1f}%"
        alike.setdefault((alarm.name, alarm.runs, alarm.even, alarm.below, alarm.of, percent), []).append(alarm)
    sentences = []
    for (name, runs, even, below, of, percent), group in alike.items():
        who = f"{runs} of {of} runs" if of > 1 else "the run"
        worse = "" if not below else " (below it)" if below == runs else f" ({below} below it)"
        more = (
            f", {'nor' if even == runs else f'{even} nor'} above even guessing ({100 * group[0].uniform:.1f}%)" if even else ""
        )
        sentences.append(
            f"{name}, {', '.join(alarm.pair for alarm in group)}: {who} not above always giving the most frequent label"
            f" ({percent}){worse}{more}"
        )
    return sentences


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
