"""Entry point of `xlt-train`."""

import click


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="xlt", prog_name="xlt-train")
def main() -> None:
    """Fine-tune multilingual encoders on the datasets of `xlt-augment build`.

    This version has no training command yet. The datasets open with plain `datasets.load_from_disk`.
    """
    click.echo("xlt-train: this version has no training command yet; see xlt-train --help", err=True)
    raise SystemExit(2)
