"""`xlt-augment synonyms`: import, export, info, lookup."""

import json
from pathlib import Path

import click

from xlt_augment.cli.options import Help
from xlt_augment.errors import OutputError

_LOOKUP_EXAMPLES = """Examples:
xlt-augment synonyms lookup movie wonderful
xlt-augment synonyms lookup movie --synonyms published.arrow --json"""


@click.group()
def synonyms() -> None:
    """Read, convert and look into synonym sets. A set is an embedded name (default) or a .arrow, .json or .txt file."""


@synonyms.command("import", cls=Help, epilog="Examples:\nxlt-augment synonyms import published.json published.arrow")
@click.argument("source", type=click.Path())
@click.argument("target", type=click.Path())
@click.option("--overwrite", is_flag=True, help="Replace a file at TARGET.")
def import_set(source: str, target: str, overwrite: bool) -> None:
    """Write the set in SOURCE (word -> list of words as JSON, or groups as .txt) to TARGET in the Arrow form."""
    from xlt_augment.synonyms.synonym_set import SynonymSet

    _check_target(target, ".arrow", overwrite)
    found = SynonymSet.load(source)
    found.save(target)
    click.echo(f"{target}: {len(found):,} words, sha256 {found.sha256}")


@synonyms.command("export", cls=Help, epilog="Examples:\nxlt-augment synonyms export published.arrow neighbors.json")
@click.argument("source", metavar="SET")
@click.argument("target", type=click.Path())
@click.option("--overwrite", is_flag=True, help="Replace a file at TARGET.")
def export_set(source: str, target: str, overwrite: bool) -> None:
    """Write SET to TARGET as JSON, word -> list of neighbors. Distances have no place in that layout."""
    from xlt_augment.synonyms.synonym_set import SynonymSet

    _check_target(target, ".json", overwrite)
    found = SynonymSet.load(source)
    found.save_json(target)
    if found.statistics()["pairs_with_distance"]:
        click.echo("note: the JSON layout holds no distances; they stay in the Arrow form", err=True)
    click.echo(f"{target}: {len(found):,} words")


@synonyms.command(cls=Help, epilog="Examples:\nxlt-augment synonyms info\nxlt-augment synonyms info published.arrow --json")
@click.argument("source", metavar="[SET]", default="default")
@click.option("--json", "as_json", is_flag=True, help="Print the facts as JSON.")
def info(source: str, as_json: bool) -> None:
    """Describe SET: how it was made, how many words and pairs it holds, its identity."""
    from xlt_augment.synonyms.synonym_set import SynonymSet

    found = SynonymSet.load(source)
    facts = {"name": found.name, "sha256": found.sha256, **found.statistics(), "made": found.made}
    if as_json:
        click.echo(json.dumps(facts, ensure_ascii=False, indent=2))
        return
    for key, value in facts.items():
        click.echo(f"{key.replace('_', ' '):<20}{f'{value:,}' if isinstance(value, int) else value}")


@synonyms.command(cls=Help, epilog=_LOOKUP_EXAMPLES)
@click.argument("words", nargs=-1, required=True)
@click.option("--synonyms", "source", metavar="NAME|PATH", default="default", show_default=True, help="Set to look in.")
@click.option("--json", "as_json", is_flag=True, help="Print word -> neighbors as JSON.")
def lookup(words: tuple[str, ...], source: str, as_json: bool) -> None:
    """Show the neighbors of WORDS, nearest first, with distances where the set knows them."""
    from xlt_augment.synonyms.synonym_set import SynonymSet

    found = SynonymSet.load(source)
    neighbors = {word: found.neighbors(word) for word in words}
    if as_json:
        facts = {word: [n._asdict() for n in row] for word, row in neighbors.items()}
        click.echo(json.dumps(facts, ensure_ascii=False, indent=2))
        return
    for word, row in neighbors.items():
        shown = [n.word if n.distance is None else f"{n.word} ({n.distance:.3f})" for n in row]
        click.echo(f"{word}: {', '.join(shown) or 'no neighbor'}")


def _check_target(target: str, ending: str, overwrite: bool) -> None:
    if not target.endswith(ending):
        raise click.UsageError(f"the target {target!r} should end in {ending}, which says what it holds.")
    if Path(target).exists() and not overwrite:
        raise OutputError(
            f"writing {target}", found="a file of that name", expected="a new file", remedy="Choose another, or say --overwrite"
        )
