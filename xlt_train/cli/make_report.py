"""`xlt-train report`."""

import json
import shlex
import sys
from typing import Any

import click

from xlt_train.cli.extra import need_report
from xlt_train.cli.options import Help

_EXAMPLES = """Examples:
xlt-train report seeds --out report
xlt-train report mBERT=seeds/baseline-1,seeds/baseline-2 mBERT-RS-DA=seeds/rs-da-1,seeds/rs-da-2 --out report
xlt-train report --against published --out papers"""


@click.command(cls=Help, epilog=_EXAMPLES)
@click.argument("runs", nargs=-1, type=click.Path())
@click.option("--out", required=True, type=click.Path(), metavar="DIR", help="Folder to write; an earlier report is replaced.")
@click.option("--against", type=click.Choice(["published"]), help="Put the papers' numbers beside the runs.")
@click.option("--tests", metavar="NAME", help="Which test set, of several: how its identity or its result's folder begins.")
@click.option("--baseline", metavar="NAME", help="What is measured against.  [default: the method baseline of the same model]")
@click.option("--source", default="en", show_default=True, metavar="LANG", help="Language that was trained on.")
@click.option(
    "--metric",
    metavar="NAME",
    help="Distance that sorts languages: one of URIEL's, probe (as measured by xlt-train probe), or published (the order of "
    "the papers' tables).  [default: syntactic; published without RUNS]",
)
@click.option("--distances", type=click.Path(), metavar="FILE", help="Table of distances to take in place of URIEL's.")
@click.option("--draws", type=click.IntRange(99), default=10_000, show_default=True, help="Samples of each bootstrap.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the bootstraps.")
@click.option("--json", "as_json", is_flag=True, help="Print what was written as JSON.")
def report(runs: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """One page with tables and figures of RUNS, for reading and for a paper.

    RUNS are folders of xlt-train fit that were judged, folders of such folders, results of xlt-train evaluate, or groups that
    you name, NAME=RUN,RUN. Runs that differ in the seed alone are one row. Writes index.html, which needs no network, every
    table as CSV, Markdown and LaTeX, every figure as SVG and PNG. Without RUNS, --against published shows the papers' numbers.
    """
    need_report()
    from xlt_train.reporting.build import report as make

    done = make(runs, progress=_say, **options)
    if as_json:
        found = {"path": str(done.path), "tables": done.tables, "figures": done.figures}
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
        return
    click.echo(done.summary)
    click.echo()
    click.echo(f"written   {done.path}: index.html, tables: {len(done.tables)}, figures: {len(done.figures)}")
    click.echo(f"next      open {shlex.quote(str(done.path / 'index.html'))} in a browser")


def _say(what: str) -> None:
    if sys.stderr.isatty():
        click.echo(f"{what} ...", err=True)
