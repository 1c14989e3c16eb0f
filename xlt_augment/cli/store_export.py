"""`xlt-augment store export`."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from xlt_augment.cli.options import Help

_EXAMPLES = """Examples:
xlt-augment store export train-10 --parquet train-10-parquet
xlt-augment store export nli-team/pawsx@v3 --store /mnt/team/store --parquet pawsx-parquet
xlt-augment store export train-10 --hub nli-team/pawsx-synonym --private
xlt-augment store export train-10 --hub nli-team/pawsx-synonym --revision m10 --parquet train-10-parquet --json"""


@click.command(cls=Help, epilog=_EXAMPLES)
@click.argument("source")
@click.option("--parquet", type=click.Path(), metavar="OUT", help="New folder for the dataset as Parquet files.")
@click.option("--hub", metavar="REPO", help="OWNER/NAME on the Hugging Face Hub, made where there is none. Needs the extra hf.")
@click.option("--revision", metavar="BRANCH", help="Branch of REPO, made where there is none.  [default: main]")
@click.option("--private", is_flag=True, help="Make REPO private; one that is public is refused.")
@click.option("--store", metavar="URL", help="Store of a SOURCE that is a name.  [default: XLT_STORE]")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def export(
    source: str, parquet: str | None, hub: str | None, revision: str | None, private: bool, store: str | None, as_json: bool
) -> None:
    """Render SOURCE as Parquet files, or put it on the Hugging Face Hub.

    SOURCE is a dataset folder, or a name TEAM/NAME[@vN] of a store. The Parquet files have the dataset's logical hash, which
    is checked before they appear. On the Hub, dataset folder, Parquet files and card come in one commit; its revision is
    printed.
    """
    if parquet is None and hub is None:
        raise click.UsageError("Say where to: --parquet OUT, --hub REPO, or both.")
    if hub is None and (revision is not None or private):
        raise click.UsageError("--revision and --private go with --hub.")
    folder = _folder(source, store)
    facts: dict[str, dict[str, Any]] = {}
    if parquet is not None:
        facts |= {"parquet": _rendered(folder, Path(parquet))}
    if hub is not None:
        facts |= {"hub": _uploaded(folder, hub, revision, private, None if parquet is None else Path(parquet))}
    if as_json:
        click.echo(json.dumps({"source": str(folder), **facts}, ensure_ascii=False, indent=2))
        return
    for line in (line for found in facts.values() for line in _lines(found)):
        click.echo(line)


def _folder(source: str, store: str | None) -> Path:
    """The dataset folder that SOURCE is, or that a store's dataset of that name is pulled to."""
    from xlt_augment.errors import StoreError
    from xlt_augment.store.names import is_name, parse_name

    known = store or os.environ.get("XLT_STORE")
    if not known or (store is None and (Path(source).exists() or not is_name(source))):
        return Path(source)
    from xlt_augment.store.pull import pull
    from xlt_augment.store.repository import Store

    opened, name = Store.open(known), parse_name(source)
    found = opened.reference(opened.resolve(name))
    if found.kind != "dataset":
        raise StoreError(
            f"exporting {found.name}",
            found=f"the kind {found.kind}",
            expected="a dataset",
            remedy="Name one: xlt-augment store list",
        )
    return pull(opened, found.name).path


def _rendered(folder: Path, out: Path) -> dict[str, Any]:
    from xlt_augment.materialize.manifest import Manifest
    from xlt_augment.materialize.parquet import write_parquet

    with _progress(Manifest.read(folder).rows) as progress:
        found = write_parquet(folder, out, progress=progress)
    size = sum(entry.bytes for entry in found.files)
    facts = {"files": len(found.data_files), "bytes": size, "rows": found.rows, "logical_hash": found.logical_hash}
    return {"path": str(out), **facts}


def _uploaded(folder: Path, repo: str, revision: str | None, private: bool, parquet: Path | None) -> dict[str, Any]:
    from dataclasses import asdict

    from xlt_augment.store.hub import export_to_hub

    if not sys.stderr.isatty():
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")  # read when the library is loaded
    return asdict(export_to_hub(folder, repo, revision=revision, private=private, parquet=parquet))


@contextmanager
def _progress(rows: int) -> Iterator[Callable[[int], object]]:
    """A bar over rows on standard error, on a terminal and for work over a second only."""
    from tqdm import tqdm

    with tqdm(total=rows, unit="row", unit_scale=True, disable=None, delay=1, leave=False, file=sys.stderr) as bar:
        yield bar.update


def _lines(found: dict[str, Any]) -> Iterator[str]:
    if "path" in found:
        yield f"parquet   {found['path']} ({found['bytes']:,} bytes, {found['files']} Parquet file(s), {found['rows']:,} rows)"
    else:
        there = ", there already: nothing was committed" if found["existed"] else ""
        yield f"hub       {found['url']} ({found['files']} files{there})"
        yield f"revision  {found['revision']}"
    yield f"hash      {found['logical_hash']}"
