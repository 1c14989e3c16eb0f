"""`xlt-augment store`: make a store, see what it is and what it holds."""

import json
from typing import TYPE_CHECKING, Any

import click

from xlt_augment.cli.options import Help
from xlt_augment.cli.store_options import NameType, count, line, step, store_option

if TYPE_CHECKING:
    from xlt_augment.store.artifacts import Artifact
    from xlt_augment.store.names import Name
    from xlt_augment.store.probe import Probe
    from xlt_augment.store.repository import Reference


@click.group()
def store() -> None:
    """Share datasets, synonym sets, veto lists, runs and reports between teams.

    A store is a folder, bucket or server. What is published there never changes, and is checked to the last bit when it
    is pulled.
    """


_INIT = """Examples:
xlt-augment store init --store /mnt/team/store
xlt-augment store init --store s3://bucket/xlt"""


@store.command(cls=Help, epilog=_INIT)
@store_option
def init(url: str) -> None:
    """Make a store at URL, after probing whether its storage can be trusted.

    A store that is there already stays as it is.
    """
    from xlt_augment.store.probe import probe as run_probe
    from xlt_augment.store.repository import Store, exists
    from xlt_augment.store.storage import open_storage

    if exists(url):
        found = Store.open(url)
        line("store", f"{found.url} is a store already, made at {found.created}; nothing was changed")
    else:
        found = Store.init(url, run_probe(open_storage(url)))
        line("store", f"{found.url} (id {found.id[:12]})")
    _show_probe(found.probe)
    step(url, "publish DATASET TEAM/NAME" + ("" if found.probe.safe else " --single-writer"))


@store.command(cls=Help, epilog="Examples:\nxlt-augment store probe --store sftp://me@host/srv/xlt")
@store_option
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_context
def probe(ctx: click.Context, url: str, as_json: bool) -> None:
    """Try out whether the storage at URL can hold a store: whole uploads, true listings, one winner of several creators.

    Nothing of it stays. The exit code is 1 for a storage that is not safe.
    """
    from xlt_augment.store.probe import probe as run_probe
    from xlt_augment.store.storage import open_storage

    storage = open_storage(url)
    found = run_probe(storage)
    if as_json:
        click.echo(json.dumps({"store": storage.url, "safe": found.safe, **found.to_json()}, indent=2))
    else:
        line("store", storage.url)
        _show_probe(found)
    ctx.exit(0 if found.safe else 1)


def _show_probe(found: "Probe") -> None:
    won = f"one winner in each of {len(found.winners)} races, whole uploads, true listings"
    line("probe", f"safe: {won} ({found.at})" if found.safe else f"NOT SAFE: {'; '.join(found.faults)} ({found.at})")
    if not found.safe and found.bearable:
        click.echo(
            "note: publish refuses this store, unless you say --single-writer: that nobody else publishes there", err=True
        )


@store.command(name="list", cls=Help, epilog="Examples:\nxlt-augment store list\nxlt-augment store list nli-team/pawsx")
@click.argument("name", type=NameType(), required=False)
@store_option
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
def list_names(name: "Name | None", url: str, as_json: bool) -> None:
    """List every name of the store, or of NAME alone, with its versions, newest last."""
    from xlt_augment.store.repository import Store

    opened = Store.open(url)
    if name is not None:
        newest = opened.resolve(name)
        names = [newest] if name.version else [newest.at(version) for version in opened.versions(newest)]
    else:
        names = opened.every_name()
    found = [opened.reference(entry) for entry in names]
    if as_json:
        click.echo(json.dumps([_reference_facts(reference) for reference in found], indent=2))
        return
    width = max((len(str(reference.name)) for reference in found), default=0)
    for reference in found:
        click.echo(
            f"{reference.name!s:<{width}}  {reference.kind:<8}  {reference.identity[:12]}  {reference.at}  {reference.by}"
        )
    if not found:
        click.echo("nothing is published here yet; the next step: xlt-augment store publish DATASET TEAM/NAME", err=True)


@store.command(
    cls=Help, epilog="Examples:\nxlt-augment store show nli-team/pawsx\nxlt-augment store show nli-team/pawsx@v3 --json"
)
@click.argument("name", type=NameType())
@store_option
@click.option("--json", "as_json", is_flag=True, help="Print reference and manifest as JSON.")
def show(name: "Name", url: str, as_json: bool) -> None:
    """Show what NAME is, by default in its newest version. Nothing is checked; that is `store verify`."""
    from xlt_augment.store.repository import Store

    opened = Store.open(url)
    reference = opened.reference(opened.resolve(name))
    artifact = opened.artifact(reference)
    if as_json:
        facts = {"store": opened.url, "reference": _reference_facts(reference), "artifact": json.loads(artifact.to_bytes())}
        click.echo(json.dumps(facts, ensure_ascii=False, indent=2))
        return
    line("name", f"{reference.name}, published by {reference.by} at {reference.at}")
    line("store", opened.url)
    line(artifact.kind, artifact.identity)
    line("size", f"{artifact.n_bytes:,} bytes in {count(len(artifact.files), 'file')}")
    for parent in artifact.parents:
        line("from", f"{parent.kind} {parent.name} ({parent.identity[:12]})")
    _show_facts(artifact)


_SHORT = {"manifest_sha256": "manifest"}  # facts whose name is too long for a column


def _show_facts(artifact: "Artifact") -> None:
    for key, value in artifact.about.items():
        told = (
            f"{value:,}"
            if isinstance(value, int)
            else value
            if isinstance(value, str)
            else json.dumps(value, ensure_ascii=False)
        )
        line(_SHORT.get(key, key[:9]), " ".join(told.split()))


def _reference_facts(reference: "Reference") -> dict[str, Any]:
    return reference._asdict() | {"name": str(reference.name)}
