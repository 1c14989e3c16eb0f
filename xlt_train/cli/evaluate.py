"""`xlt-train evaluate`."""

import json
from typing import Any

import click

from xlt_train.cli.extra import need_extra
from xlt_train.cli.options import Help, Names, Rows

_EXAMPLES = """Examples:
xlt-train evaluate run --test-dir xtreme/pawsx
xlt-train evaluate run --test-dir xtreme/pawsx --split dev --rows 1500:2000
xlt-train evaluate run --test-dir xtreme/pawsx --pairs all --placeholders drop
xlt-train evaluate run --test-dir xtreme/pawsx --smooth 10 --epsilon 0.1
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
@click.option(
    "--split", type=click.Choice(["auto", "test", "dev"]), default="auto", show_default=True,
    help="Which files; auto: test where they have labels, else dev where there is one for each of these languages.",
)  # fmt: skip
@click.option("--languages", type=Names(), help="Languages to judge, such as en,de.  [default: every file's]")
@click.option("--rows", type=Rows(), help="Rows of every file, counted from 0, TO not included.  [default: all]")
@click.option(
    "--placeholders", type=click.Choice(["keep", "drop"]), default="keep", show_default=True,
    help="Items with a text NS, labels that differ or a missing row in any language: keep, or drop in all languages.",
)  # fmt: skip
@click.option(
    "--pairs", type=click.Choice(["same", "all"]), default="same", show_default=True,
    help="Both texts of a row in one language, or every pair of languages.",
)  # fmt: skip
@click.option("--columns", type=Names(), help="Column names of files without header.  [default: the dataset's texts, label]")
@click.option("--text-columns", type=Names(), help="Columns with the texts.  [default: the dataset's names]")
@click.option("--label-column", default="label", show_default=True, help="Column with the label.")
@click.option(
    "--smooth", type=click.IntRange(0), default=0, metavar="N",
    help="Predict by N draws of noise on the embeddings, as rs-rp draws it.  [default: without]",
)  # fmt: skip
@click.option("--epsilon", type=float, help="Radius of that noise.  [default: as the run was trained]")
@click.option("--norm", type=click.Choice(["linf", "l2"]), help="Its norm.  [default: as the run was trained, else linf]")
@click.option(
    "--noise", type=click.Choice(["uniform", "gaussian"]), help="Its kind.  [default: as the run was trained, else uniform]"
)
@click.option("--depth", help="Where it is added, as of fit.  [default: as the run was trained, else embeddings]")
@click.option("--seed", type=click.IntRange(0), help="Its seed.  [default: 0]")
@click.option(
    "--batch-size",
    type=click.IntRange(1),
    help="Rows of full length in a batch, shorter ones are more.  [default: 32, on a GPU 512]",
)
@click.option(
    "--precision", type=click.Choice(["auto", "float32", "bfloat16"]), default="auto", show_default=True,
    help="Auto: bfloat16 on a GPU that has it.",
)  # fmt: skip
@click.option("--device", default="auto", show_default=True, help="cpu, cuda or mps.")
@click.option("--out", type=click.Path(), metavar="FOLDER", help="Where to write the results.  [default: evaluations in RUN]")
@click.option("--again", is_flag=True, help="Judge anew where the same results are there already.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def evaluate(run: str, as_json: bool, **options: Any) -> None:
    """Accuracy of RUN on every language of a test folder, or on every pair of languages.

    RUN is a folder of xlt-train fit, or a checkpoint in it. Writes accuracy.json, accuracy.md and predictions.parquet. A file
    without labels gets predictions and no accuracy. After an interruption the same command goes on.
    """
    need_extra()
    from xlt_train.cli.report import progress_bar, quiet, show_evaluation
    from xlt_train.evaluation.evaluate import evaluate as judge

    quiet()
    with progress_bar() as progress:
        done = judge(run, progress=progress, say=lambda note: click.echo(note, err=True), **options)
    if as_json:
        click.echo(json.dumps({"path": str(done.path), **done.evaluation.to_json()}, ensure_ascii=False, indent=2))
    else:
        show_evaluation(done)
