"""The words of the commands that a sweep starts."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from xlt_train.errors import UsageError

if TYPE_CHECKING:
    from xlt_train.sweep.points import Point
    from xlt_train.sweep.spec import Sweep


class Spelling(NamedTuple):
    """How an option of `xlt-train fit` is written: its name there, and what becomes of a list."""

    option: str
    kind: Literal["flag", "repeated", "commas", "range", "one"] = "one"


class JudgedOn(NamedTuple):
    """The test files that runs are judged on, as `xlt-train evaluate` takes them."""

    folder: str
    split: str = "test"
    rows: tuple[int, int] | None = None


def check_kinds(sweep: "Sweep", spellings: Mapping[str, Spelling]) -> None:
    """Whether each of our options has one value, or several, as `fit` takes it; the Trainer's are for the Trainer.

    Raises UsageError for the first that has not.
    """
    tried = [(name, value) for name, values in sweep.grid.items() for value in values]
    for name, value in (*sweep.fit.items(), *tried):
        if name not in spellings:
            continue
        kind = spellings[name].kind
        if kind == "flag" and not isinstance(value, bool):
            expected, remedy = "true or false", "Write it without quotes"
        elif isinstance(value, dict) or (isinstance(value, list) and kind == "one"):
            expected = "one value for a run" if kind == "one" else "a value or a list of them"
            remedy = "Write a value; several to try go into [grid]" if kind == "one" else "Write it so"
        else:
            continue
        raise UsageError(f"planning the sweep {sweep.name}", found=f"{name} = {value!r}", expected=expected, remedy=remedy)


def fit_words(point: "Point", spellings: Mapping[str, Spelling], folder: Path) -> list[str]:
    """`fit` with the point's settings, in `folder`, going on with what is there."""
    words = ["fit"]
    for name, value in point.options.items():
        words += _option(spellings.get(name, Spelling(f"--{name}", "one")), value, known=name in spellings)
    return [*words, "--output_dir", str(folder), "--resume_from_checkpoint", "true"]


def evaluate_words(folder: Path, tests: JudgedOn) -> list[str]:
    """`evaluate` of the run in `folder`."""
    rows = [] if tests.rows is None else ["--rows", f"{tests.rows[0]}:{tests.rows[1]}"]
    return ["evaluate", str(folder), "--test-dir", tests.folder, "--split", tests.split, *rows]


def _option(spelling: Spelling, value: Any, *, known: bool) -> list[str]:
    option, kind = spelling
    if kind == "flag":
        return [option] if value else []
    parts = [_word(part) for part in value] if isinstance(value, list) else [_word(value)]
    if kind == "repeated":
        return [word for part in parts for word in (option, part)]
    if known:
        return [option, (":" if kind == "range" else ",").join(parts)]
    return [option, *parts]  # one of the Trainer's, which take several words


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value) if isinstance(value, dict) else str(value)
