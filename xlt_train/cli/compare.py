"""`xlt-train compare`."""

import json
from typing import TYPE_CHECKING

import click

from xlt_train.cli.extra import need_report
from xlt_train.cli.options import Help

if TYPE_CHECKING:
    from xlt_train.results.systems import System

_EXAMPLES = """Examples:
xlt-train compare seeds/baseline-1 seeds/rs-da-1
xlt-train compare 'seeds/baseline-*' 'seeds/rs-da-*'
xlt-train compare seeds/baseline-1,seeds/baseline-2 mine=seeds/rs-da-1,seeds/rs-da-2 --json"""


@click.command(cls=Help, epilog=_EXAMPLES)
@click.argument("a")
@click.argument("b")
@click.option("--tests", metavar="NAME", help="Which test set, of several: how its identity or its result's folder begins.")
@click.option("--pairs", is_flag=True, help="Every pair of languages too, of runs judged with --pairs all.")
@click.option("--draws", type=click.IntRange(99), default=10_000, show_default=True, help="Samples of each bootstrap.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the bootstraps.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def compare(a: str, b: str, tests: str | None, pairs: bool, draws: int, seed: int, as_json: bool) -> None:
    """Whether B is better than A: in every language, with interval, p and verdict.

    A and B are each a run of xlt-train fit, several that differ in the seed alone (with commas between them, a quoted
    pattern, or the folder that holds them), a group that you name, NAME=RUN,RUN, or a folder of results of xlt-train evaluate.
    Both must have been judged on the same files. With several seeds on each side, the methods are tested over seeds; with one
    seed, nothing but these runs can be compared.
    """
    need_report()
    from xlt_train.cli.compare_report import need_pairs, show_comparison
    from xlt_train.results.scores import scores_of
    from xlt_train.statistics.compare import compare as test

    systems = _systems(a, b, tests)
    if pairs:
        need_pairs(systems)
    found = test(*(scores_of(system) for system in systems), draws=draws, seed=seed)
    if as_json:
        click.echo(json.dumps(found.to_json(), ensure_ascii=False, indent=2, allow_nan=False))
    else:
        show_comparison(found, systems, pairs=pairs)


def _systems(a: str, b: str, tests: str | None) -> "tuple[System, System]":
    from xlt_train.results.collect import choose_tests
    from xlt_train.results.sides import find_side, one_system, told_apart

    sides = find_side(a), find_side(b)
    chosen = choose_tests([*sides[0], *sides[1]], tests)
    return told_apart(one_system(sides[0], chosen, a), one_system(sides[1], chosen, b))
