"""The papers' numbers as systems, so that they go through the same code as runs do."""

import math
from collections.abc import Sequence

import numpy as np

from xlt_train.published.cells import PAPERS
from xlt_train.published.tables import Matrix, Table, matrices, tables
from xlt_train.published.tables import System as Printed
from xlt_train.reporting.contents.material import AVERAGE, BASELINE
from xlt_train.results.systems import System

MAIN = {  # the tables of results; the others are about one setting each
    "huang-2021-arxiv-v1": ("1", "2"),
    "huang-2021-emnlp": ("1", "2", "3"),
    "ding-2022-ear": ("1", "2"),
}
_OTHER = "baseline of another paper"


def tasks() -> dict[str, tuple[str, ...]]:
    """Task -> its languages, sorted."""
    return {table.task: tuple(sorted(table.languages)) for table in tables() if table.name in MAIN[table.paper]}


def task_of(languages: Sequence[str]) -> str | None:
    """The task whose languages hold all of these; None where that is none or several."""
    found = [task for task, known in tasks().items() if set(languages) <= set(known)]
    exact = [task for task in found if set(tasks()[task]) == set(languages)]
    return (exact or found)[0] if len(exact or found) == 1 else None


def printed_order(task: str) -> tuple[str, ...]:
    """The languages of a task as the headers of the papers' matrices have them: sorted by their distance from English."""
    return next(matrix.languages for matrix in matrices() if matrix.task == task)


def published_systems(task: str) -> list[System]:
    """The rows of the papers' tables of results, then their matrices."""
    found = [
        system for table in tables() if table.task == task and table.name in MAIN[table.paper] for system in of_table(table)
    ]
    return [*found, *(_of_matrix(matrix) for matrix in matrices() if matrix.task == task)]


def published_settings(task: str) -> list[System]:
    """The rows of their tables about one setting: ablations, weights, layers, dictionaries, source languages."""
    others = [table for table in tables() if table.task == task and table.name not in MAIN[table.paper]]
    return [system for table in others for system in of_table(table)]


def cite(paper: str) -> str:
    """Authors, year and place: what tells the three papers apart."""
    words = PAPERS[paper].split(", ")
    return ", ".join(dict.fromkeys([words[0], words[-1]] if len(words) > 2 else words[:1]))


def of_table(table: Table) -> list[System]:
    """A system for each row of a table by language."""
    source = f"{cite(table.paper)}, Table {table.name}"
    pairs = tuple((language, language) for language in table.languages)
    return [
        System(
            name=printed.name,
            method=_method(printed, table.systems),
            model=printed.encoder,
            settings=dict(printed.setting),
            languages=table.languages,
            pairs=pairs,
            accuracy=values[None] / 100,
            source=source,
            printed={} if math.isnan(average) else {AVERAGE: average / 100},
        )
        for printed, values, average in zip(table.systems, table.values, table.averages.tolist())
    ]


def _method(printed: Printed, others: Sequence[Printed]) -> str:
    """Of several baselines of one encoder the paper's own counts, not the one it took from elsewhere."""
    if printed.method != BASELINE:
        return printed.method
    own = [other for other in others if other.method == BASELINE and other.encoder == printed.encoder and not other.source]
    return BASELINE if not own or printed in own else _OTHER


def _of_matrix(matrix: Matrix) -> System:
    alike = [other.name for other in matrices() if other.task == matrix.task]
    return System(
        name=matrix.system.name,
        method=matrix.system.method,
        model=matrix.system.encoder,
        settings={},
        languages=matrix.languages,
        pairs=tuple((a, b) for a in matrix.languages for b in matrix.languages),
        accuracy=np.asarray(matrix.values).reshape(1, -1) / 100,
        source=f"{cite(matrix.paper)}, Tables {alike[0]} to {alike[-1]}",
        printed={AVERAGE: matrix.average / 100},
    )
