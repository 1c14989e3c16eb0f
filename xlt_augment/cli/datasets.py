"""`xlt-augment inspect` and `xlt-augment verify`."""

import json
from pathlib import Path

import click

from xlt_augment.cli.options import Help


@click.command(cls=Help, epilog="Examples:\nxlt-augment inspect train-synonym-m10-p0.1-1a2b3c4d --samples 5")
@click.argument("dataset", type=click.Path())
@click.option("--samples", type=click.IntRange(0), default=3, show_default=True, help="Rows to show, before and after.")
@click.option("--json", "as_json", is_flag=True, help="Print manifest and samples as JSON.")
def inspect(dataset: str, samples: int, as_json: bool) -> None:
    """Show what DATASET is: recipe, source, statistics and sample rows. Nothing is checked; that is `verify`."""
    from xlt_augment.cli.report import show_samples, show_statistics
    from xlt_augment.materialize.dataset import AugmentedDataset

    opened = AugmentedDataset.open(dataset)
    manifest, rows = opened.manifest, opened.samples(samples) if samples else []
    if as_json:
        facts = manifest.to_json() | {"samples": [row._asdict() for row in rows]}
        click.echo(json.dumps(facts, ensure_ascii=False, indent=2))
        return
    source, synonyms, size = manifest.source, manifest.synonyms, sum(f.bytes for f in manifest.files)
    tokenizer = manifest.tokenizer
    pairs = [
        ("dataset", f"{dataset} ({manifest.format}, {size:,} bytes in {len(manifest.files)} files)"),
        ("source", f"{source['name']}: {source['rows']:,} rows, content sha256 {source['sha256'][:12]}"),
        ("synonyms", f"{synonyms['name']} (sha256 {synonyms['sha256'][:12]})" if synonyms else "none"),
        *([("tokens", f"{tokenizer['name']} (sha256 {tokenizer['sha256'][:12]}), by {tokenizer['by']}")] if tokenizer else []),
        ("recipe", json.dumps(manifest.recipe, ensure_ascii=False)),
        ("software", ", ".join(f"{name} {version}" for name, version in manifest.software.items())),
        ("hash", manifest.logical_hash),
    ]
    for head, text in pairs:
        click.echo(f"{head:<10}{text}")
    show_statistics(manifest)
    show_samples(rows, manifest.recipe["words"])


@click.command(cls=Help, epilog="Examples:\nxlt-augment verify train-synonym-m10-p0.1-1a2b3c4d")
@click.argument("dataset", type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def verify(dataset: str, as_json: bool) -> None:
    """Check that DATASET is what its manifest says: every file's sha256, rows, order, schema, variants, content hashes.

    A folder that `store export --parquet` wrote is checked likewise, down to the logical hash of its rows.
    """
    from xlt_augment.materialize.rendering import RENDERING_NAME
    from xlt_augment.materialize.verify import verify as check

    if (Path(dataset) / RENDERING_NAME).is_file():
        _verify_rendering(dataset, as_json=as_json)
        return
    found = check(dataset)
    manifest = found.manifest
    if as_json:
        facts = {"path": dataset, "verified": True, "rows": manifest.rows, "logical_hash": manifest.logical_hash}
        click.echo(json.dumps(facts | {"files": len(manifest.files), "unlisted": list(found.unlisted)}, indent=2))
        return
    click.echo(f"verified  {dataset}: {len(manifest.files)} files and {manifest.rows:,} rows are as the manifest says")
    click.echo(f"hash      {manifest.logical_hash}")
    if found.unlisted:
        click.echo(f"note: not part of the dataset: {', '.join(found.unlisted)}", err=True)


def _verify_rendering(folder: str, *, as_json: bool) -> None:
    from xlt_augment.materialize.parquet import verify_parquet

    found = verify_parquet(folder)
    if as_json:
        facts = {"path": folder, "verified": True, "rows": found.rows, "logical_hash": found.logical_hash}
        click.echo(json.dumps(facts | {"files": len(found.files), "unlisted": []}, indent=2))
        return
    click.echo(f"verified  {folder}: {len(found.files)} files and {found.rows:,} rows are those of the dataset")
    click.echo(f"hash      {found.logical_hash}")
