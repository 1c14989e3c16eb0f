"""What `probe` prints."""

import click

from xlt_train.probing.failures import Group
from xlt_train.probing.probe import Probed
from xlt_train.probing.result import Probe


def show_probe(done: Probed) -> None:
    """A table for each depth, for people."""
    found = done.probe
    rows = "" if found.rows is None else f", rows {found.rows[0]}:{found.rows[1]}"
    settings = found.settings
    click.echo(f"{found.model['name']} ({found.model['kind']}), on {found.split}{rows}, against {found.source['language']}\n")
    for depth in settings["depths"]:
        _show_depth(found, depth)
    if found.synonyms is not None:
        for depth, figures in found.synonyms.depths.items():
            apart, rank = _number(figures.distances.euclidean), _number(figures.rank.mean, 1)
            click.echo(f"synonyms  {found.synonyms.pairs:,} at {depth}: distance {apart}, mean rank {rank}")
        click.echo()
    for note in found.notes:
        click.echo(f"note      {note}")
    at = f", at depth {settings['align_depth']}" if settings["align_depth"] else ""
    click.echo(f"aligned   by {settings['aligner']}{at}; balls in {settings['norm']}")
    if found.evaluation is not None:
        click.echo(f"failures  of evaluation {found.evaluation}: right in {found.source['language']}, wrong in the other")
    click.echo(f"written   {done.path}: probe.json, languages.csv, words.parquet")


def _show_depth(found: Probe, depth: str) -> None:
    epsilons = found.settings["epsilons"]
    click.echo(f"depth {depth}")
    heads = [f"{'language':<10}{'pairs':>9}{'distance':>10}{'rank':>9}{'of':>8}", *(f"{f'in {e:g}':>10}" for e in epsilons)]
    failures = found.evaluation is not None and all(one.failures for one in found.languages)
    click.echo("".join(heads) + (f"{'failed':>9}{'distance':>10}{'kept':>9}{'distance':>10}" if failures else ""))
    for one in found.languages:
        figures = one.depths[depth]
        apart, rank = figures.distances, figures.rank
        line = f"{one.language:<10}{apart.pairs:>9,}{_number(apart.euclidean):>10}{_number(rank.mean, 1):>9}{rank.words:>8,}"
        shares = [f"{share:.1%}" for share in apart.inside] if apart.inside else ["-"] * len(epsilons)
        line += "".join(f"{share:>10}" for share in shares)
        if one.failures is not None:
            line += _group(one.failures.failed[depth]) + _group(one.failures.kept[depth])
        click.echo(line)
    click.echo()


def _group(group: Group) -> str:
    return f"{group.items:>9,}{_number(group.distances.euclidean):>10}"


def _number(value: float | None, digits: int = 3) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
