"""`xlt-augment store publish` and `pull`."""

import json
from typing import TYPE_CHECKING

import click

from xlt_augment.cli.options import Help, Size
from xlt_augment.cli.store_options import NameType, bytes_bar, count, going_on, line, step, store_option, threads_option

if TYPE_CHECKING:
    from xlt_augment.store.names import Name
    from xlt_augment.store.publish import Published, Upload
    from xlt_augment.store.pull import Download, Pulled

_PUBLISH = """Examples:
xlt-augment store publish train-10 nli-team/pawsx --store /mnt/team/store
xlt-augment store publish words.arrow nli-team/words
xlt-augment store publish train-10 nli-team/pawsx --single-writer --threads 8
xlt-augment store publish train-10 nli-team/pawsx --again"""

_PULL = """Examples:
xlt-augment store pull nli-team/pawsx --store /mnt/team/store
xlt-train fit --data "$(xlt-augment store pull nli-team/pawsx@v3)" --method rs-da --model nano --output_dir pulled
xlt-augment store pull nli-team/pawsx --max-size 50GB --threads 8"""


@click.command(cls=Help, epilog=_PUBLISH)
@click.argument("path", metavar="DATASET", type=click.Path())
@click.argument("name", type=NameType())
@store_option
@click.option(
    "--single-writer",
    is_flag=True,
    help="Publish to a storage that failed the probe: you say that nobody else publishes there.",
)
@click.option("--again", is_flag=True, help="Upload every object anew, also those that the store has: mends damaged ones.")
@threads_option
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def publish(path: str, name: "Name", url: str, single_writer: bool, again: bool, threads: int, as_json: bool) -> None:
    """Publish DATASET as the next version of TEAM/NAME: a dataset, run or report folder, a synonym set or a veto list.

    Only what the store lacks is uploaded. The version appears when all is there; until then nobody sees anything of it.
    After an interruption the same command goes on. Content that TEAM/NAME has already is not published twice.
    """
    from xlt_augment.store.publish import publish as send
    from xlt_augment.store.repository import Store

    opened = Store.open(url)
    with going_on(), bytes_bar() as bar:

        def announce(upload: "Upload") -> None:
            bar.total = upload.bytes
            there = upload.all_bytes - upload.bytes
            click.echo(
                f"sending {upload.bytes:,} bytes in {count(upload.files, 'object')} to {opened.url}, which has {there:,} of "
                f"{upload.all_bytes:,} bytes",
                err=True,
            )

        def waiting() -> None:
            click.echo("gc is at work in the store; waiting for it ...", err=True)

        done = send(
            opened,
            path,
            name,
            single_writer=single_writer,
            again=again,
            threads=threads,
            announce=announce,
            waiting=waiting,
            progress=bar.update,
        )
    _show_published(done, opened.url, url, as_json=as_json)


def _show_published(done: "Published", url: str, given: str, *, as_json: bool) -> None:
    reference = done.reference
    if as_json:
        facts = reference._asdict() | {"name": str(reference.name)}
        facts |= {"store": url, "existed": done.existed, "objects_sent": done.files, "bytes_sent": done.bytes}
        click.echo(json.dumps(facts, indent=2))
        return
    there = f" is there already, published by {reference.by} at {reference.at}; it is this very content" if done.existed else ""
    line("published", f"{reference.name}{there}")
    line(reference.kind, reference.identity)
    line("sent", f"{done.bytes:,} bytes in {count(done.files, 'object')}")
    step(given, f"pull {reference.name}")


@click.command(cls=Help, epilog=_PULL)
@click.argument("name", type=NameType())
@store_option
@click.option("--max-size", type=Size(), help="Refuse, before anything is fetched, to let the cache grow beyond this.")
@threads_option
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def pull(name: "Name", url: str, max_size: int | None, threads: int, as_json: bool) -> None:
    """Fetch NAME, by default in its newest version, and print where it lies: for `xlt-train fit --data`.

    Every file is checked before it appears in the cache (XLT_CACHE, else ~/.cache/xlt), which all processes share; what is
    there already is checked again and not fetched.
    """
    from xlt_augment.store.pull import pull as fetch
    from xlt_augment.store.repository import Store

    opened = Store.open(url)
    with going_on(), bytes_bar() as bar:

        def announce(download: "Download") -> None:
            bar.total = download.bytes
            click.echo(
                f"{download.reference.name}: {download.all_bytes:,} bytes in {count(download.all_files, 'file')}, of which "
                f"{download.bytes:,} are fetched into {download.root} ({download.cache_bytes:,} bytes now)",
                err=True,
            )

        def waiting() -> None:
            click.echo("another process is pulling the same; waiting for it ...", err=True)

        done = fetch(opened, name, max_size=max_size, threads=threads, announce=announce, waiting=waiting, progress=bar.update)
    for file in done.mended:
        click.echo(f"note: {file} was damaged in the cache, and was fetched anew", err=True)
    click.echo(json.dumps(_facts(done, opened.url), indent=2) if as_json else str(done.path))


def _facts(done: "Pulled", url: str) -> dict[str, object]:
    return {
        "path": str(done.path), "reference": str(done.reference.name), "store": url, "kind": done.artifact.kind,
        "identity": done.artifact.identity, "artifact": done.reference.artifact, "files_fetched": done.files,
        "bytes_fetched": done.bytes, "mended": list(done.mended),
    }  # fmt: skip
