"""`xlt-train probe`."""

import json
from typing import Any

import click

from xlt_train.cli.extra import need_extra
from xlt_train.cli.options import Help, Names, Numbers, Rows

_EXAMPLES = """Examples:
xlt-train probe run --test-dir xtreme/pawsx --no-failures
xlt-train probe run --test-dir xtreme/pawsx --no-failures --split dev --rows 0:40 --epsilon 0.1,1 --norm l2
xlt-train probe bert-base-multilingual-cased --test-dir xtreme/pawsx --split dev --rows 0:40 --out before"""


@click.command(cls=Help, epilog=_EXAMPLES)
@click.argument("run", type=click.Path())
@click.option(
    "--test-dir",
    required=True,
    type=click.Path(),
    metavar="DIR",
    help="Folder with a file SPLIT-LANG.tsv (.csv, .jsonl, .parquet) for each language, parallel by row.",
)
@click.option("--base", is_flag=True, help="Probe the model that RUN was trained from.")
@click.option(
    "--split", type=click.Choice(["auto", "test", "dev"]), default="auto", show_default=True,
    help="Which files; auto: as xlt-train evaluate.",
)  # fmt: skip
@click.option("--rows", type=Rows(), help="Rows of every file, counted from 0, TO not included.  [default: all]")
@click.option("--columns", type=Names(), help="Column names of files without header.  [default: the texts, label]")
@click.option("--text-columns", type=Names(), help="Columns with the texts.  [default: the dataset's names]")
@click.option("--source", default="en", show_default=True, metavar="LANG", help="Language that the others are held against.")
@click.option(
    "--depth",
    type=Names(),
    default="embeddings,final",
    show_default=True,
    help="Where vectors are read: word-embeddings, embeddings, K (input of layer K), final.",
)
@click.option(
    "--sentences", type=click.IntRange(1), default=500, show_default=True, help="Texts that translations are ranked in."
)
@click.option(
    "--words", type=click.IntRange(1), default=100, show_default=True, help="Words whose vectors are kept to be drawn."
)
@click.option(
    "--aligner",
    default="mutual",
    show_default=True,
    metavar="NAME|COMMAND",
    help="mutual or mutual-euclidean (nearest neighbors of the vectors), eflomal (extra align), or a command that reads "
    "`source ||| target` lines and writes pairs such as 0-0 2-1.",
)
@click.option("--align-depth", metavar="DEPTH", help="Where these vectors are read.  [default: two thirds of the way up]")
@click.option("--epsilon", type=Numbers(), help="Radii of the ball.  [default: the run's own, else 0.001,0.01,0.1,1]")
@click.option("--norm", type=click.Choice(["linf", "l2"]), help="Norm of the ball.  [default: the run's own, else linf]")
@click.option("--data", type=click.Path(), metavar="DATASET", help="A synonym dataset: keep words that were replaced, too.")
@click.option("--no-failures", "failures", is_flag=True, default=True, flag_value=False, help="Do not look at predictions.")
@click.option("--batch-size", type=click.IntRange(1), default=64, show_default=True, help="Texts in a batch.")
@click.option("--device", default="auto", show_default=True, help="cpu, cuda or mps.")
@click.option("--out", type=click.Path(), metavar="FOLDER", help="Where to write the results.  [default: probes in RUN]")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def probe(run: str, as_json: bool, **options: Any) -> None:
    """Look into the embedding space of RUN at the words of parallel sentences.

    RUN is a folder of xlt-train fit, a checkpoint in it, or any encoder by name or path. Says how far aligned words lie apart,
    how translations rank among all words, and, from the predictions of an evaluation on the same files, how far words lie apart
    where transfer fails. Writes probe.json, languages.csv and words.parquet.
    """
    need_extra()
    from xlt_train.cli.probe_report import show_probe
    from xlt_train.cli.report import progress_bar, quiet
    from xlt_train.probing.probe import probe as look

    quiet()
    with progress_bar() as progress:
        done = look(run, progress=progress, **options)
    if as_json:
        click.echo(json.dumps({"path": str(done.path), **done.probe.to_json()}, ensure_ascii=False, indent=2))
    else:
        show_probe(done)
