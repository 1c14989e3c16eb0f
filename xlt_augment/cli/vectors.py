"""`xlt-augment synonyms fetch-vectors`."""

import json
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from xlt_augment.cli.options import Help

_FETCH_EXAMPLES = """Examples:
xlt-augment synonyms fetch-vectors glove.6B
xlt-augment synonyms fetch-vectors glove.6B --to vectors --json"""
NAMES = ("glove.6B", "glove.840B")  # the keys of vectors.fetch.ARCHIVES, which costs an import


@click.command("fetch-vectors", cls=Help, epilog=_FETCH_EXAMPLES)
@click.argument("name", type=click.Choice(NAMES))
@click.option("--to", "folder", type=click.Path(), default=".", help="Folder for the archive.  [default: the working folder]")
@click.option("--url", metavar="URL", help="Fetch from this address (http, https) instead of the official one.")
@click.option("--sha256", metavar="HEX", help="Digest that the archive must have.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def fetch_vectors(name: str, folder: str, url: str | None, sha256: str | None, as_json: bool) -> None:
    """Fetch the archive NAME of word vectors (GloVe): 0.9 GB for glove.6B, 2.2 GB for glove.840B.

    The same command goes on where an interrupted one stopped. The archive's sha256 is checked against --sha256 and against
    the one recorded beside the archive when it was first fetched.
    """
    from xlt_augment.vectors.fetch import fetch

    done = fetch(name, folder=Path(folder), url=url, sha256=sha256, progress=_bar)
    if as_json:
        click.echo(json.dumps({**done._asdict(), "path": str(done.path)}, ensure_ascii=False, indent=2))
        return
    how = " is there already; nothing was fetched" if done.existed else ""
    how += f", gone on after {done.resumed_from:,} bytes" if done.resumed_from else ""
    _line("archive", f"{done.path} ({done.bytes:,} bytes){how}")
    _line("sha256", f"{done.sha256}, as recorded in {done.path}.sha256")
    _line("next", f"xlt-augment synonyms build --vectors {shlex.quote(str(done.path))} ...")


@contextmanager
def _bar(name: str, done: int, total: int | None) -> Iterator[Callable[[int], object]]:
    """A bar over bytes on standard error, on a terminal only."""
    from tqdm import tqdm

    with tqdm(
        desc=name, initial=done, total=total, unit="B", unit_scale=True, disable=None, delay=1, leave=False, file=sys.stderr
    ) as bar:
        yield bar.update


def _line(head: str, text: str) -> None:
    click.echo(f"{head:<10}{text}")
