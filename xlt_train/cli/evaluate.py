"""`xlt-train evaluate`."""

import json
from typing import Any

import click

from xlt_train.cli.extra import need_extra
from xlt_train.cli.options import Help, Names, Rows

_EXAMPLES = """Examples:
xlt-train evaluate run --test-dir xtreme/pawsx
xlt-train evaluate run --test-dir xtreme/pawsx --split dev --rows 1500:2000
xlt-train evaluate run --test-dir xtreme/pawsx --json --out results"""


@click.command(cls=Help, epilog=_EXAMPLES)
@click.argument("run", type=click.Path())
@click.option(
    "--test-dir",
    required=True,
    type=click.Path(),
    metavar="DIR",
    help="Folder with a file SPLIT-LANG.tsv (.csv, .jsonl, .parquet) for each language, parallel by row.",
)
@click.option("--split", type=click.Choice(["test", "dev"]), default="test", show_default=True, help="Which files.")
@click.option("--rows", type=Rows(), help="Rows of every file, counted from 0, TO not included.  [default: all]")
@click.option("--columns", type=Names(), help="Column names of files without header.  [default: the dataset's texts, label]")
@click.option("--text-columns", type=Names(), help="Columns with the texts.  [default: the dataset's names]")
@click.option("--label-column", default="label", show_default=True, help="Column with the label.")
@click.option("--batch-size", type=click.IntRange(1), default=64, show_default=True, help="Rows in a batch.")
@click.option("--device", default="auto", show_default=True, help="cpu, cuda or mps.")
@click.option("--out", type=click.Path(), metavar="FOLDER", help="Where to write the results.  [default: evaluations in RUN]")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def evaluate(run: str, as_json: bool, **options: Any) -> None:
    """Accuracy of RUN on every language of a test folder.

    RUN is a folder of xlt-train fit, or a checkpoint in it. Writes accuracy.json, accuracy.md and predictions.parquet. A file
    without labels gets predictions and no accuracy.
    """
    need_extra()
    from xlt_train.cli.report import progress_bar, quiet, show_evaluation
    from xlt_train.evaluation.evaluate import evaluate as judge

    quiet()
    with progress_bar() as progress:
        done = judge(run, progress=progress, **options)
    if as_json:
        click.echo(json.dumps({"path": str(done.path), **done.evaluation.to_json()}, ensure_ascii=False, indent=2))
    else:
        show_evaluation(done)
