"""`xlt-augment store verify`, `lineage` and `gc`."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from xlt_augment.cli.options import Help, shown
from xlt_augment.cli.store_options import NameType, bytes_bar, count, line, step, store_option, threads_option

if TYPE_CHECKING:
    from xlt_augment.store.lineage import Node
    from xlt_augment.store.names import Name


@click.command(cls=Help, epilog="Examples:\nxlt-augment store verify\nxlt-augment store verify nli-team/pawsx@v3 --threads 8")
@click.argument("names", metavar="[NAME]...", type=NameType(), nargs=-1)
@store_option
@threads_option
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_context
def verify(ctx: click.Context, names: tuple["Name", ...], url: str, threads: int, as_json: bool) -> None:
    """Read every object that NAME reaches, by default every name of the store, and check that it is what was published.

    The exit code is 1 where anything is damaged; each damaged file is named, with what mends it.
    """
    from xlt_augment.store.repository import Store
    from xlt_augment.store.verify import verify_store

    opened = Store.open(url)
    with bytes_bar() as bar:
        found = verify_store(opened, names or None, threads=threads, progress=bar.update)
    if as_json:
        facts = {"store": opened.url, "versions": found.references, "objects": found.objects, "bytes": found.bytes}
        click.echo(json.dumps(facts | {"damages": [damage._asdict() for damage in found.damages]}, indent=2))
    else:
        for damage in found.damages:
            line("damaged", damage.message)
        said = "all as published" if not found.damages else f"{len(found.damages):,} damaged"
        what = f"{count(found.references, 'version')}, {count(found.objects, 'object')}, {found.bytes:,} bytes"
        line("verified", f"{opened.url}: {what}; {said}")
    ctx.exit(1 if found.damages else 0)


@click.command(cls=Help, epilog="Examples:\nxlt-augment store lineage nli-team/pawsx@v3")
@click.argument("name", type=NameType())
@store_option
@click.option("--json", "as_json", is_flag=True, help="Print the chain as JSON.")
def lineage(name: "Name", url: str, as_json: bool) -> None:
    """Show what NAME was made from, up to vectors and constraints, and what was made from it, down to checkpoints and reports.

    What is in no store is named by its hash.
    """
    from xlt_augment.store.lineage import lineage as trace
    from xlt_augment.store.repository import Store

    found = trace(Store.open(url), name)
    if as_json:
        click.echo(json.dumps(found.to_json(), ensure_ascii=False, indent=2))
        return
    click.echo(_described(found.node))
    _show_parents(found.node, "")
    if found.descendants:
        click.echo("made from it:")
    for node in found.descendants:
        click.echo(f"  {_described(node)}")


def _show_parents(node: "Node", before: str) -> None:
    """The tree above a node, the recipe first where it has one."""
    recipe = node.recipe
    if recipe:
        settings = " ".join(f"{key}={_short(value)}" for key, value in recipe.items())
        click.echo(shown(f"{before}{'├─ ' if node.parents else '└─ '}recipe {settings}"))
    for k, parent in enumerate(node.parents, 1):
        last = k == len(node.parents)
        click.echo(f"{before}{'└─ ' if last else '├─ '}{_described(parent)}")
        _show_parents(parent, before + ("   " if last else "│  "))


def _described(node: "Node") -> str:
    names = f" {', '.join(node.names)}" if node.names else f" {node.title}"
    return f"{node.kind}{names} ({node.identity[:12]}{'' if node.names else ', in no store'})"


def _short(value: object) -> str:
    if isinstance(value, dict):
        return ",".join(str(entry) for listed in value.values() for entry in listed) or "none"
    return ",".join(map(str, value)) if isinstance(value, Sequence) and not isinstance(value, str) else str(value)


class Grace(click.ParamType):
    """A time as a number of days or hours: 7d, 36h."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The time in seconds."""
        text = str(value)
        number, unit = text[:-1], {"d": 86_400, "h": 3_600}.get(text[-1:])
        if unit is None or not (number.isascii() and number.isdecimal() and 0 < int(number) <= 36_500):
            self.fail(f"{text!r} is no time; give for example 7d or 36h.", param, ctx)
        return float(int(number) * unit)


@click.command(cls=Help, epilog="Examples:\nxlt-augment store gc\nxlt-augment store gc --grace 30d --apply")
@store_option
@click.option("--grace", type=Grace(), default="7d", show_default=True, help="Keep what is younger; at least 1d.")
@click.option("--apply", is_flag=True, help="Remove it. Without this nothing is removed, only shown.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def gc(url: str, grace: float, apply: bool, as_json: bool) -> None:
    """Find what no reference reaches, such as the rest of an interrupted publish, and remove it with --apply.

    What a reference reaches is never removed.
    """
    from xlt_augment.store.gc import collect
    from xlt_augment.store.repository import Store

    opened = Store.open(url)
    found = collect(opened, grace=grace, apply=apply)
    sizes = {key: sum(entry.bytes for entry in getattr(found, key)) for key in ("garbage", "young", "removed")}
    if as_json:
        facts = {key: {"bytes": sizes[key], "paths": [entry.path for entry in getattr(found, key)]} for key in sizes}
        click.echo(json.dumps({"store": opened.url, "applied": apply, **facts}, indent=2))
        return
    for entry in found.garbage if not apply else ():
        click.echo(f"  {entry.path}  {entry.bytes:,} bytes")
    if apply:
        line("removed", f"{count(len(found.removed), 'object')}, {sizes['removed']:,} bytes")
    else:
        line("garbage", f"{count(len(found.garbage), 'object')}, {sizes['garbage']:,} bytes")
    line("kept", f"{count(len(found.young), 'object')} that nothing reaches yet, {sizes['young']:,} bytes, in their grace")
    if found.garbage and not apply:
        step(url, f"gc --grace {int(grace) // 3_600}h --apply")
