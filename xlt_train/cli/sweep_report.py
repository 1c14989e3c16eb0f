"""What `sweep` prints."""

import math
import shlex
from collections.abc import Sequence

import click

from xlt_train.models.nano import NOTE
from xlt_train.sweep.run import SweepPlan, Swept
from xlt_train.sweep.spec import Published, Sweep
from xlt_train.sweep.table import CSV, PARQUET


def show_commands(plan: SweepPlan) -> None:
    """What would be called, ready for a shell."""
    for words in plan.commands():
        click.echo(f"xlt-train {shlex.join(words)}")
    done = sum(1 for point in plan.distinct() if not plan.trains(point))
    click.echo(f"{len(plan.distinct()):,} runs, {done:,} of them finished; nothing was done", err=True)


def show_sweep(found: Swept) -> None:
    """The table, for people, with the papers' numbers."""
    for sweep in found.plan.sweeps:
        _show_one(found, sweep)
    if any(state.record is not None and state.record.model["randomly_initialised"] for state in found.states):
        _line("note", NOTE)
    _line("written", f"{found.plan.out}: {PARQUET}, {CSV}")


def _show_one(found: Swept, sweep: Sweep) -> None:
    here = [k for k, point in enumerate(found.plan.points) if point.sweep == sweep.name]
    names = list(sweep.grid)
    languages = sorted({language for k in here for language in found.states[k].accuracy})
    head = ["", *(names or ["run"]), "status", "dev", *languages, *(["average"] if languages else [])]
    rows = []
    for k in here:
        point, state = found.plan.points[k], found.states[k]
        mark = "**" if k in found.chosen.of_all and k in found.chosen.per_seed else "*" if k in found.chosen.per_seed else ""
        mark = mark or ("+" if k in found.chosen.of_all else "")
        settings = [_setting(point.options[name]) for name in names] or [point.name]
        dev = None if state.record is None else state.record.results.get("dev_accuracy")
        accuracies = [_percent(state.accuracy.get(language)) for language in languages]
        rows.append(
            [mark, *settings, state.status, _percent(dev), *accuracies, *([_percent(state.average)] if languages else [])]
        )
    click.echo(f"{sweep.name}: {sweep.about}\n" if sweep.about else f"{sweep.name}\n")
    _aligned([head, *rows, *_means(found, here, len(names or "1"), languages)])
    click.echo()
    _explain(found, here)
    for row in sweep.published:
        _line("published", _printed(row, sweep))
    click.echo()


def _means(found: Swept, here: Sequence[int], settings: int, languages: Sequence[str]) -> list[list[str]]:
    """The mean over seeds of what was chosen, both ways, as the papers report it."""
    lines = []
    for name, chosen in (("*", found.chosen.per_seed), ("+", found.chosen.of_all)):
        states = [found.states[k] for k in here if k in chosen]
        if len(states) > 1:
            devs = [state.record.results["dev_accuracy"] for state in states if state.record is not None]
            columns = [[state.accuracy.get(language) for state in states] for language in languages]
            columns += [[state.average for state in states]] if languages else []
            means = [_percent(_mean(column)) for column in columns]
            lines.append([name, "mean", *[""] * (settings - 1), f"{len(states)} runs", _percent(_mean(devs)), *means])
    return lines


def _explain(found: Swept, here: Sequence[int]) -> None:
    waiting = sum(1 for k in here if found.states[k].status != "finished")
    unscored = all(found.states[k].record is None or found.states[k].record.dev is None for k in here)  # type: ignore[union-attr]
    if unscored:
        _line("choice", "none: there is no development set (--dev FILE)")
        return
    _line("choice", "by the development set alone; * best of its seed, + best mean over the seeds, ** both")
    if waiting:
        _line("", f"among the finished runs: {waiting:,} are not")


def _printed(row: Published, sweep: Sweep) -> str:
    """A paper's row in one line."""
    at = "".join(f", {name} {value}" for name, value in row.at.items())
    numbers = " ".join(f"{language} {value}" for language, value in row.accuracy.items())
    average = "" if row.average is None else f" average {row.average}"
    note = f" ({row.note})" if row.note else ""
    paper = str(sweep.source.get("paper", "")).partition(",")[0]
    return f"{paper}, {row.table}, {row.task}, {row.row}{at}: {numbers}{average}{note}"


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known and len(known) == len(values) else None


def _setting(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _percent(accuracy: float | None) -> str:
    return "" if accuracy is None else f"{100 * accuracy:.2f}"


def _aligned(rows: Sequence[Sequence[str]]) -> None:
    """Columns as wide as they must be, words to the left and numbers to the right."""
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    for row in rows:
        cells = [cell.rjust(w) if _is_number(cell) else cell.ljust(w) for cell, w in zip(row, widths)]
        click.echo("  ".join(cells).rstrip())


def _is_number(cell: str) -> bool:
    return cell.replace(".", "", 1).isdigit()


def _line(head: str, text: str) -> None:
    click.echo(f"{head:<10}{text}")
