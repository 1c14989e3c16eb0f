"""`xlt-train sweep`."""

import json
import shlex
from typing import Any

import click

from xlt_train.cli.extra import need_extra
from xlt_train.cli.fit import fit
from xlt_train.cli.options import Help, Names, Rows
from xlt_train.errors import UsageError
from xlt_train.sweep.command import JudgedOn, Spelling
from xlt_train.sweep.presets import preset, preset_names, preset_text
from xlt_train.sweep.spec import Sweep, parse_set, read_sweep

_EXAMPLES = """Examples:
xlt-train sweep --list
xlt-train sweep --show mbert-rs-rp
xlt-train sweep mbert-rs-rp --data train-10 --dev dev-en.tsv --out sweep --dry-run
xlt-train sweep ear --data train-10 --dev dev-en.tsv --out sweep --set model=nano --set max_steps=3"""


@click.command(cls=Help, epilog=_EXAMPLES)
@click.argument("sweeps", nargs=-1, metavar="FILE|PRESET...")
@click.option(
    "--data",
    multiple=True,
    type=click.Path(),
    metavar="DATASET",
    help="Training set, instead of the sweep's own; repeated, several at once.",
)
@click.option(
    "--dev",
    type=click.Path(),
    metavar="FILE",
    help="Development set of the source language; it alone chooses checkpoints and runs.",
)
@click.option("--test-dir", type=click.Path(), metavar="DIR", help="Judge each finished run on the SPLIT-LANG files there.")
@click.option("--split", type=click.Choice(["test", "dev"]), default="test", show_default=True, help="Which of these files.")
@click.option("--rows", type=Rows(), help="Rows of each of them, counted from 0, TO not included.  [default: all]")
@click.option("--out", type=click.Path(), metavar="DIR", help="Folder of the runs and of the table.")
@click.option(
    "--set", "changes", multiple=True, metavar="KEY=VALUE",
    help="Another setting of fit, for every run; a list in square brackets becomes part of the grid.",
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Check everything and print the commands; write nothing.")
@click.option("--list", "listing", is_flag=True, help="Print the presets, and exit.")
@click.option("--show", metavar="PRESET", help="Print the file of a preset, and exit.")
@click.option("--json", "as_json", is_flag=True, help="Print the table as JSON.")
def sweep(sweeps: tuple[str, ...], listing: bool, show: str | None, as_json: bool, dry_run: bool, **options: Any) -> int:
    """Train every run of a grid, choose by the development set, and write one table.

    FILE is TOML, as docs/sweep.md shows it; a PRESET is a row of a paper's table. Each run is a process and a folder of its
    own. What is finished is skipped, so the same command goes on after an interruption. A run that fails does not end the
    others.
    """
    if listing:
        for name in preset_names():
            click.echo(f"{name:<22}{preset(name).about}")
        return 0
    if show is not None:
        click.echo(preset_text(show), nl=False)
        return 0
    need_extra()
    from xlt_train.cli.sweep_report import show_commands, show_sweep
    from xlt_train.sweep.run import check_sweep, plan_sweep, run_sweep

    if not sweeps or options["out"] is None:
        raise click.UsageError("Name a TOML file or a preset, and --out DIR." if not sweeps else "Missing option '--out'.")
    if options["test_dir"] is None and (options["rows"] is not None or options["split"] != "test"):
        raise click.UsageError("--split and --rows say how to take the test files; name them with --test-dir.")
    tests = None if options["test_dir"] is None else JudgedOn(options["test_dir"], options["split"], options["rows"])
    plan = plan_sweep(
        _sweeps(sweeps, options["data"], options["dev"], options["changes"]),
        out=options["out"],
        spellings=spellings(),
        tests=tests,
    )
    check_sweep(plan)
    if dry_run:
        show_commands(plan)
        return 0
    found = run_sweep(plan, say=lambda note: click.echo(note, err=True))
    if as_json:
        click.echo(json.dumps(found.rows, ensure_ascii=False, indent=2))
    else:
        show_sweep(found)
    for run, error in found.failed.items():
        click.echo(f"failed: {run}: {error} (all of it: {shlex.quote(str(plan.log(run)))})", err=True)
    return 1 if found.failed else 0


def spellings() -> dict[str, Spelling]:
    """How each option of `fit` is written on the command line, by its name in a sweep."""
    found = {}
    for option in fit.params:
        if isinstance(option, click.Option) and option.name != "as_json":
            kind = "flag" if option.is_flag else "repeated" if option.multiple else "one"
            kind = "commas" if isinstance(option.type, Names) else "range" if isinstance(option.type, Rows) else kind
            found[str(option.name)] = Spelling(option.opts[0], kind)  # type: ignore[arg-type]
    return found


def _sweeps(names: tuple[str, ...], data: tuple[str, ...], dev: str | None, changes: tuple[str, ...]) -> list[Sweep]:
    """The sweeps of the command line, with its changes. Raises UsageError."""
    found = [read_sweep(name) if name.endswith(".toml") else preset(name) for name in names]
    twice = [one.name for k, one in enumerate(found) if one.name in [other.name for other in found[:k]]]
    if twice:
        raise UsageError(
            "reading the sweeps", found=f"{twice[0]} twice", expected="each once, under its own name", remedy="Leave one out"
        )
    given: dict[str, Any] = ({"data": list(data)} if data else {}) | ({"dev": dev} if dev else {})
    fixed = [sweep.with_fixed(given) for sweep in found]
    return [sweep.changed([parse_set(word) for word in changes]) for sweep in fixed]
