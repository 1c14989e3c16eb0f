"""`xlt-augment synonyms`: import, export, info, lookup; what changes a set is in `synonym_edits`."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from xlt_augment.cli.options import Help
from xlt_augment.errors import OutputError

if TYPE_CHECKING:
    from xlt_augment.synonyms.origins import Origin
    from xlt_augment.synonyms.synonym_set import Neighbor

_LOOKUP_EXAMPLES = """Examples:
xlt-augment synonyms lookup movie wonderful
xlt-augment synonyms lookup movie --synonyms published.arrow --json"""

_LIFTED = ("similarity_before", "similarity_after")  # entries of `made` that stand beside it in what `info` prints
_SHOWN = 6  # items of a list in `made`
_WIDTH = 22  # of the column with the names


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

    check_target(target, ".arrow", overwrite)
    found = SynonymSet.load(source)
    found.save(target)
    click.echo(f"{target}: {len(found):,} words, sha256 {found.sha256}")


@synonyms.command("export", cls=Help, epilog="Examples:\nxlt-augment synonyms export published.arrow neighbors.json")
@click.argument("source", metavar="SET")
@click.argument("target", type=click.Path())
@click.option("--overwrite", is_flag=True, help="Replace a file at TARGET.")
def export_set(source: str, target: str, overwrite: bool) -> None:
    """Write SET to TARGET as JSON, word -> list of neighbors. Distances, origins and vetoes have no place in that layout."""
    from xlt_augment.synonyms.synonym_set import SynonymSet

    check_target(target, ".json", overwrite)
    found = SynonymSet.load(source)
    found.save_json(target)
    if found.statistics()["pairs_with_distance"]:
        click.echo("note: the JSON layout holds no distances; they stay in the Arrow form", err=True)
    if found.has_origins:
        click.echo("note: the JSON layout does not hold where neighbors come from; that stays in the Arrow form", err=True)
    if found.vetoes:
        click.echo("note: the JSON layout holds no vetoes; they stay in the Arrow form", err=True)
    click.echo(f"{target}: {len(found):,} words")


@synonyms.command(cls=Help, epilog="Examples:\nxlt-augment synonyms info\nxlt-augment synonyms info published.arrow --json")
@click.argument("source", metavar="[SET]", default="default")
@click.option("--json", "as_json", is_flag=True, help="Print the facts as JSON.")
def info(source: str, as_json: bool) -> None:
    """Describe SET: its identity, how many words and pairs it holds, where these come from, its vetoes, how it was made."""
    from xlt_augment.synonyms.synonym_set import SynonymSet

    found = SynonymSet.load(source)
    lifted = {key: found.made[key] for key in _LIFTED if key in found.made}
    origins = found.all_origins.counts() if found.all_origins is not None else None
    head = {"name": found.name, "sha256": found.sha256, **found.statistics()}
    if as_json:
        click.echo(
            json.dumps(
                {**head, "origins": origins, **lifted, "vetoes": found.vetoes, "made": found.made}, ensure_ascii=False, indent=2
            )
        )
        return
    listed = ", ".join(f"{count:,} {name}" for name, count in origins.items() if count) if origins else "not recorded"
    for key, value in {**head, "origins": listed}.items():
        click.echo(f"{key.replace('_', ' '):<{_WIDTH}}{f'{value:,}' if isinstance(value, int) else value}")
    shown = [f"{first}/{second}" for first, second in found.vetoes]
    rest = {key: value for key, value in found.made.items() if key not in lifted}
    for line in _lines({**({"vetoes": shown} if shown else {}), **lifted, "made": rest}):
        click.echo(line)


def _lines(facts: dict[str, Any], indent: int = 0) -> Iterator[str]:
    """Nested values, one a line, the inner ones indented and last; of lists longer than `_SHOWN` only the ends."""
    for key, value in sorted(facts.items(), key=lambda item: _has_lines(item[1])):  # stable
        label = f"{' ' * indent}{key.replace('_', ' ')}"
        if isinstance(value, dict) and value:
            yield label
            yield from _lines(value, indent + 2)
        elif not _has_lines(value):
            shown = ", ".join(_shortened([_scalar(item) for item in value])) if isinstance(value, list) else _scalar(value)
            yield f"{label:<{_WIDTH - 1}} {shown or 'none'}"
        elif any(isinstance(inner, dict | list) for item in value for inner in item.values()):
            for number in _shortened([str(k + 1) for k in range(len(value))]):
                yield f"{label} {number}"
                yield from _lines(value[int(number) - 1], indent + 2) if number.isdecimal() else ()
        else:
            yield label
            yield from (f"{' ' * indent}  {line}" for line in _shortened([_scalar(item) for item in value]))


def _has_lines(value: object) -> bool:
    """Whether a value takes more than a line: facts, or a list of facts."""
    listed = isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)
    return listed or (isinstance(value, dict) and bool(value))


def _shortened(items: list[str]) -> list[str]:
    if len(items) <= _SHOWN:
        return items
    return [*items[: _SHOWN - 1], f"({len(items) - _SHOWN:,} more)", items[-1]]


def _scalar(value: object) -> str:
    if isinstance(value, dict):
        return "  ".join(f"{key.replace('_', ' ')} {_scalar(item)}" for key, item in value.items()) or "none"
    if isinstance(value, list | tuple):
        return "/".join(map(_scalar, value)) or "none"
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    return f"{value:.6g}" if isinstance(value, float) else " ".join(str(value).split())


@synonyms.command(cls=Help, epilog=_LOOKUP_EXAMPLES)
@click.argument("words", nargs=-1, required=True)
@click.option("--synonyms", "source", metavar="NAME|PATH", default="default", show_default=True, help="Set to look in.")
@click.option("--json", "as_json", is_flag=True, help="Print word -> neighbors as JSON.")
def lookup(words: tuple[str, ...], source: str, as_json: bool) -> None:
    """Show the neighbors of WORDS, nearest first, with distances where the set knows them, and where they come from where it
    recorded that: the distance before counter-fitting, and the lists of synonyms that name the pair, or "vectors"."""
    from xlt_augment.synonyms.synonym_set import SynonymSet

    found = SynonymSet.load(source)
    rows = {word: [*zip(row := found.neighbors(word), found.origins(word) or [None] * len(row))] for word in words}
    if as_json:
        facts = {word: [_entry(*pair, asked=found.has_origins) for pair in row] for word, row in rows.items()}
        click.echo(json.dumps(facts, ensure_ascii=False, indent=2))
        return
    for word, pairs in rows.items():
        click.echo(f"{word}: {', '.join(_shown(*pair) for pair in pairs) or 'no neighbor'}")


def _entry(neighbor: "Neighbor", origin: "Origin | None", *, asked: bool) -> dict[str, Any]:
    """A neighbor as JSON values, with `origin` where the set recorded any."""
    return neighbor._asdict() | ({"origin": origin and origin._asdict()} if asked else {})


def _shown(neighbor: "Neighbor", origin: "Origin | None") -> str:
    """film (0.005, before 0.359; WordNet), as far as it is known."""
    numbers = [] if neighbor.distance is None else [f"{neighbor.distance:.3f}"]
    if origin and origin.before is not None:
        numbers.append(f"before {origin.before:.3f}")
    lists = (", ".join(origin.lists) or "constraint" if origin.source == "constraint" else "vectors") if origin else ""
    inside = "; ".join(filter(None, (", ".join(numbers), lists)))
    return f"{neighbor.word} ({inside})" if inside else neighbor.word


def check_target(target: str, endings: str | tuple[str, ...], overwrite: bool) -> None:
    """Raises UsageError for another ending, and OutputError without its folder, and for a file of that name unless
    `overwrite`."""
    if not target.endswith(endings):
        expected = endings if isinstance(endings, str) else " or ".join(endings)
        raise click.UsageError(f"the target {target!r} should end in {expected}, which says what it holds.")
    folder, doing = Path(target).parent, f"writing {target}"
    if not folder.is_dir():
        raise OutputError(doing, found=f"no folder {folder}", expected="one that is there", remedy="Make it, or choose another")
    if Path(target).is_dir() or not os.access(folder, os.W_OK):
        raise OutputError(
            doing,
            found="a folder" if Path(target).is_dir() else f"no right to write in {folder}",
            expected="a file that can be written",
            remedy="Choose another",
        )
    if Path(target).exists() and not overwrite:
        raise OutputError(
            doing, found="a file of that name", expected="a new file", remedy="Choose another, or say --overwrite"
        )
