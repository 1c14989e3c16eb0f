"""`xlt-train fit`."""

import json
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any, TypeVar

import click

from xlt_train.cli.extra import need_extra
from xlt_train.cli.options import Help, Names, Rows
from xlt_train.methods.base import Choice
from xlt_train.methods.registry import METHODS
from xlt_train.methods.settings import SETTINGS, split_settings
from xlt_train.models.load import DEFAULT_MODEL
from xlt_train.training.arguments import LISTED

if TYPE_CHECKING:
    from xlt_train.training.plan import Plan

_EXAMPLES = """Examples:
xlt-train fit --data train-10 --method rs-da --dev dev-en.tsv
xlt-train fit --data train-10 --method baseline --model xlm-roberta-base --dev dev-en.tsv
xlt-train fit --data train-10 --method rs-da --variants 3 --include-original --num_train_epochs 1
xlt-train fit --data train-swap --method rs-syntax --model nano --max_steps 20
xlt-train fit --data train-10 --method rs-da --model nano --output_dir run --resume_from_checkpoint true"""
_PASSED_ON = (
    "Every option of transformers.TrainingArguments is passed on under its own name (--max_steps 100, --weight_decay 0.01). "
    "These are the ones that matter most, with the defaults that differ from the library's:"
)


class Fit(Help):
    """`fit`, with the training options that it passes on."""

    passed_on = (_PASSED_ON, LISTED)


Command = TypeVar("Command", bound=Callable[..., Any])


def method_settings(command: Command) -> Command:
    """An option for each setting of a method, left None where it was not said."""
    for setting in reversed(SETTINGS.values()):
        whose: dict[str, list[str]] = {}
        for name, default in setting.defaults.items():
            whose.setdefault("" if default is None or setting.kind is bool else f" {default}", []).append(name)
        text = f"{setting.text}  [{'; '.join(', '.join(names) + default for default, names in whose.items())}]"
        if setting.kind is bool:
            option = click.option(setting.option, is_flag=True, default=None, help=text)
        else:
            kind = click.Choice(setting.kind) if isinstance(setting.kind, tuple) else setting.kind
            option = click.option(setting.option, type=kind, help=text)
        command = option(command)
    return command


@click.command(cls=Fit, epilog=_EXAMPLES, context_settings={"ignore_unknown_options": True})
@click.option(
    "--data",
    required=True,
    multiple=True,
    type=click.Path(),
    metavar="DATASET",
    help="Folder that xlt-augment build wrote; given several times, one for each source language.",
)
@click.option(
    "--method",
    required=True,
    type=click.Choice(list(METHODS)),
    help="; ".join(f"{name}: {method.summary}" for name, method in METHODS.items()) + ".",
)
@click.option(
    "--model",
    default=DEFAULT_MODEL,
    show_default=True,
    metavar="NAME|PATH",
    help="Encoder for sequence classification: a name on the Hugging Face Hub or a folder; or nano, a small BERT with random "
    "weights and a byte-level vocabulary from the dataset's own text, for trying things out.",
)
@method_settings
@click.option(
    "--variants", type=click.IntRange(1), metavar="K", help="Train on the first K variants of each row.  [default: all]"
)
@click.option("--include-original", is_flag=True, help="Train on the originals too.")
@click.option(
    "--dev", type=click.Path(), metavar="FILE", help="Development set of the source language; it chooses the checkpoint."
)
@click.option("--dev-rows", type=Rows(), help="Rows of it, counted from 0, TO not included.  [default: all]")
@click.option(
    "--columns", type=Names(), help="Column names of a --dev file without header.  [default: the dataset's texts, label]"
)
@click.option("--text-columns", type=Names(), help="Columns of it with the texts.  [default: the dataset's names]")
@click.option("--label-column", default="label", show_default=True, help="Column of it with the label.")
@click.option(
    "--max-length", type=click.IntRange(8), default=128, show_default=True, help="Tokens of a row; longer ones are cut."
)
@click.option("--rehash", is_flag=True, help="Hash the dataset's files even where nothing has changed since they last were.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.argument("training", nargs=-1, type=click.UNPROCESSED, metavar="[TRAINING OPTIONS]...")
def fit(training: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Fine-tune a classifier on a dataset of `xlt-augment build`.

    The dataset's files are checked against its manifest first. The run folder holds the chosen weights, a model card and a
    record of everything needed to repeat it.
    """
    need_extra()
    from xlt_train.cli.report import begin_fit, begin_note, quiet, show_run
    from xlt_train.training.fit import run_fit

    quiet()
    plan = planned(training, **options)
    begin_fit(plan)
    with redirect_stdout(sys.stderr):  # the Trainer prints its log
        run = run_fit(plan, say=lambda note: begin_note(plan, note))
    if as_json:
        found = {"path": str(run.path), "existed": run.existed, **run.record.to_json()}
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
    else:
        show_run(run, plan)


def planned(training: tuple[str, ...], **options: Any) -> "Plan":
    """What the options of the command ask for, opened and checked. Raises XltError, or click's UsageError."""
    from xlt_train.training.arguments import parse_arguments
    from xlt_train.training.plan import DevFile, plan_fit

    path, rows = options.pop("dev"), options.pop("dev_rows")
    columns_of = {name: options.pop(name) for name in ("columns", "text_columns", "label_column")}
    named = {"--dev-rows": rows, "--columns": columns_of["columns"], "--text-columns": columns_of["text_columns"]}
    said = [name for name, value in named.items() if value] + ["--label-column"] * (columns_of["label_column"] != "label")
    if path is None and said:
        raise click.UsageError(f"{said[0]} says how to read the development set; name that with --dev.")
    dev = None if path is None else DevFile(path=path, rows=rows, columns_of=columns_of)
    choice = Choice(options.pop("variants"), options.pop("include_original"))
    said_settings = {name: value for name in SETTINGS if (value := options.pop(name)) is not None}
    settings, _ = split_settings(METHODS[options["method"]], said_settings)
    return plan_fit(settings=settings, choice=choice, dev=dev, training=parse_arguments(training), **options)
