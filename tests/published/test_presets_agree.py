"""The presets hold some of the same numbers, transcribed on another day: each is one row of `data/published`, and the same."""

import re

import numpy as np
import pytest

from xlt_train.published.tables import System, Table, tables
from xlt_train.sweep.presets import preset, preset_names
from xlt_train.sweep.spec import Published

NAMES = [name for name in preset_names() if any(row.accuracy or row.average for row in preset(name).published)]


def _table(paper: str, row: Published) -> Table:
    name = row.table.removeprefix("Table ")
    author = "ding" if paper.startswith("Ding") else "huang"
    version = "arxiv-v1" if name.endswith(" of arXiv v1") else "ear" if author == "ding" else "emnlp"
    (found,) = (
        t for t in tables() if (t.paper.split("-")[0], t.name) == (author, name.split()[0]) and t.paper.endswith(version)
    )
    assert found.task == row.task
    return found


def _holds(found: Table, k: int, row: Published) -> bool:
    """Whether printed row k has just the numbers of the preset's row, and gaps where that has none."""
    printed = dict(zip(found.languages, found.values[k]))
    same = {language: value for language, value in printed.items() if not np.isnan(value)} == row.accuracy
    average = None if np.isnan(found.averages[k]) else float(found.averages[k])
    return same and average == row.average


def _plain(text: str) -> str:
    return re.sub(r" \(.*\)$|, .*$|[*†‡ ]", "", text.replace("(reproduce)", "").replace("mBERT +", "+").replace("XLM-R +", "+"))


def _same_name(system: System, row: Published) -> bool:
    return _plain(system.model) == _plain(row.row)


@pytest.mark.parametrize("name", NAMES)
def test_the_numbers_of_a_preset_are_those_of_one_printed_row(name: str) -> None:
    sweep = preset(name)
    for row in sweep.published:
        if not row.accuracy and row.average is None:
            continue
        found = _table(sweep.source["paper"], row)
        (k,) = (k for k in range(len(found.systems)) if _holds(found, k, row))
        system = found.systems[k]
        assert _same_name(system, row), (system.model, row.row)
        assert system.method == sweep.fit.get("method", system.method)
        assert system.encoder == ("xlm-r" if name.startswith("xlmr") else "mbert")
        for key, value in row.at.items():
            assert float(system.setting[key.removesuffix("s")]) == float(value)
        for key in system.setting.keys() & sweep.fit.keys() & {"alpha", "beta", "push", "pull"}:
            assert system.setting[key] in (str(sweep.fit[key]), str(sweep.fit[key]).removesuffix(".0"))


def test_presets_hold_every_row_of_methods_that_are_trained_here() -> None:
    """But for EAR's reprints of Huang et al. and the rows that are the best one again."""
    held = sum(bool(row.accuracy or row.average) for name in NAMES for row in preset(name).published)
    again = [  # reprints
        *[s for t in tables() if t.paper.startswith("ding") for s in t.systems if s.source],
        *[s for t in tables() if t.paper.endswith("emnlp") and t.name == "3" for s in t.systems[:3]],
        *[s for t in tables() for s in t.systems if s.model in ("Ours", "EPT + APT") or s.setting.get("source") == "en"],
        *[s for t in tables() if t.paper.endswith("arxiv-v1") for s in t.systems if s.source],
    ]
    assert held == sum(len(t.systems) for t in tables()) - len(again)
