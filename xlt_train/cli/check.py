"""`python -m xlt_train.cli.check`: whether runs of `fit` would start; what `sweep` asks before its first one.

Reads a JSON list of {"names": options as a sweep names them, "words": the command} from standard input, and prints null, or
the first error with the position of its run.
"""

import dataclasses
import json
import sys
from collections.abc import Sequence
from typing import Any

import click

from xlt_train.cli.fit import fit, planned
from xlt_train.errors import UsageError, XltError
from xlt_train.sweep.spec import nearest


def first_error(runs: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The first error among the runs, None where all would start."""
    known = known_names()
    for k, run in enumerate(runs):
        try:
            _check_names(run["names"], known)
            context = fit.make_context("fit", run["words"][1:])
            with context:
                planned(**{name: value for name, value in context.params.items() if name != "as_json"})
        except XltError as error:
            parts = {name: getattr(error, name) for name in ("doing", "found", "expected", "remedy", "exit_code")}
            return {"run": k, **parts}
        except click.ClickException as error:
            return {
                "run": k,
                "doing": "reading its options",
                "found": " ".join(error.format_message().split()).rstrip("."),
                "expected": "options of xlt-train fit",
                "remedy": "Correct it in the sweep, or by --set",
                "exit_code": 2,
            }
    return None


def known_names() -> set[str]:
    """Every option that a sweep may name: ours and the Trainer's."""
    from transformers import TrainingArguments

    ours = {str(option.name) for option in fit.params if isinstance(option, click.Option)}
    return (ours | {field.name for field in dataclasses.fields(TrainingArguments)}) - {"as_json"}


def _check_names(names: Sequence[str], known: set[str]) -> None:
    for name in names:
        if name not in known:
            raise UsageError(
                "reading its options",
                found=f"{name}, which is none",
                expected="options of xlt-train fit, or of transformers.TrainingArguments",
                remedy=f"{nearest(name, known)}See xlt-train fit --help",
            )


if __name__ == "__main__":
    from xlt_train.cli.report import quiet

    quiet()
    click.echo(json.dumps(first_error(json.load(sys.stdin))))
