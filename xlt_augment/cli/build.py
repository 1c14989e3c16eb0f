"""`xlt-augment build`."""

import json
import os
import time
from dataclasses import replace
from typing import Any

import click

from xlt_augment.cli.compiler import load_compiler
from xlt_augment.cli.options import Help, Names, Probability, Size, Spaced, engine_options, joined

_DEFAULTS = {"m": 10, "p": 0.1, "words": "span", "case": "initial"}
_EXAMPLES = """Examples:
xlt-augment build                                      the embedded sample, all defaults
xlt-augment build train.tsv --m 10 --p 0.1             an XTREME file, 10 variants a row
xlt-augment build train.tsv --preset emnlp --m 3       as published at EMNLP, for XNLI
xlt-augment build train.tsv --method swap --p 0.2      word-order swaps
xlt-augment build polarity.tsv --columns sentence,label --text-columns sentence
xlt-augment build 'shards/*.jsonl' --text-columns premise,hypothesis --label-column gold
xlt-augment build hf:nyu-mll/glue/mrpc:train --out mrpc-10
xlt-augment build train.tsv --tokenizer bert-base-multilingual-cased
xlt-augment build train.tsv --engine ray --ray-address head:6379
xlt-augment build train.tsv --protect not --protect 're:[A-Z].*' --dry-run"""


@click.command(cls=Help, epilog=_EXAMPLES)
@click.argument("source", required=False)
@click.option("--m", type=click.IntRange(1, 32_767), help="Variants of each row.  [default: 10]")
@click.option(
    "--p",
    type=Probability(),
    help="Probability that an eligible word changes, or 'uniform': each is redrawn "
    "from itself and its neighbors.  [default: 0.1]",
)
@click.option(
    "--method",
    type=click.Choice(["synonym", "swap"]),
    default="synonym",
    show_default=True,
    help="Replace words by neighbors, or swap words with their right neighbour.",
)
@click.option(
    "--synonyms",
    metavar="NAME|PATH",
    help="Synonym set: an embedded name, or a .arrow, .json or .txt file.  [default: default]",
)
@click.option("--seed", type=click.IntRange(0, 2**64 - 1), default=0, show_default=True, help="Seed of all random choices.")
@click.option(
    "--words",
    type=click.Choice(["span", "space"]),
    help="What a word is: a run of letters, or what stands between spaces.  [default: span]",
)
@click.option(
    "--case",
    type=click.Choice(["exact", "initial", "any"]),
    help="Look words up as written, also a capitalised first word, or all in lower case.  [default: initial]",
)
@click.option(
    "--tokenizer",
    metavar="NAME|PATH",
    help="Add the token ids of each text, of this Hugging Face tokenizer, for xlt-train. Needs the extra tokenize.",
)
@click.option("--text-columns", type=Names(), multiple=True, callback=joined, help="Columns to perturb, separated by commas.")
@click.option("--label-column", help="Column with the label; '' for none.  [default: label, where there is one]")
@click.option(
    "--protect",
    multiple=True,
    metavar="WORD|re:PATTERN",
    help="Never change this word, or words that the pattern (RE2) matches as a whole. Repeatable.",
)
@click.option(
    "--preset",
    type=click.Choice(["arxiv-v1", "emnlp"]),
    help="Settings of m, p, words and case as published; single options still win.",
)
@click.option(
    "--header/--no-header",
    default=None,
    help="Whether line 1 of a TSV or CSV names the columns.  [default: a CSV yes; a TSV when line 1 holds a usual column name]",
)
@click.option(
    "--columns",
    type=Spaced(),
    multiple=True,
    callback=joined,
    help="Column names of a file without header.  [default: sentence1,sentence2,label]",
)
@click.option(
    "--labels",
    type=Names(),
    multiple=True,
    callback=joined,
    help="All labels in their order, separated by commas.  [default: numbers by value, else sorted]",
)
@click.option("--out", type=click.Path(), help="Folder to write.  [default: here, named after source and settings]")
@click.option(
    "--num-proc",
    type=click.IntRange(1),
    help="Worker threads, at most the cores; the result does not depend on it.  [default: all cores; a Ray worker 1]",
)
@engine_options("one for each 65,536 rows, at most 4,096")
@click.option(
    "--max-shard-size",
    type=Size(),
    default="500MB",
    show_default=True,
    help="Size of the Arrow files, which hold at most 65,536 source rows.",
)
@click.option("--overwrite", is_flag=True, help="Replace the dataset at the target, in one step once the new one is complete.")
@click.option("--dry-run", is_flag=True, help="Check everything, show what would be built, write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")  # fmt: skip
def build(source: str | None, **options: Any) -> None:
    """Write the m-way augmented dataset of SOURCE.

    SOURCE is a TSV, CSV, JSONL or Parquet file (also .gz, .bz2, .zst), a pattern in quotes, a folder that `datasets` saved, or
    hf:NAME[/CONFIG][:SPLIT]. Without it, the embedded sample is taken.
    """
    load_compiler()
    if options["num_proc"] == 1:
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # or whole texts are encoded by threads of the library's own
    from xlt_augment.cli.report import json_report, preparing, progress_bar, show_plan, show_report
    from xlt_augment.materialize.build import run_build
    from xlt_augment.materialize.engines.choose import open_engine
    from xlt_augment.materialize.plan import plan_build
    from xlt_augment.resources import resource

    start, settings = time.perf_counter(), _settings(options)
    operator = _operator(options["method"], settings, options)
    if source is None:
        source = str(resource("samples/paraphrase/train-en.tsv"))
        click.echo("no SOURCE given: taking the embedded sample, English sentence pairs written for XLT", err=True)
    engine = {name: options[name] for name in ("num_proc", "ray_address", "blocks")}
    with open_engine(options["engine"], **engine) as opened:
        with preparing():
            reading = {name: options[name] for name in ("text_columns", "label_column", "header", "columns", "labels")}
            plan = plan_build(
                source, operator, m=settings["m"], seed=options["seed"], tokenizer=options["tokenizer"],
                out=options["out"], overwrite=options["overwrite"], num_proc=options["num_proc"], **reading,
            )  # fmt: skip
        if options["dry_run"]:
            show_plan(plan, as_json=options["as_json"])
            return
        with progress_bar(plan.rows) as progress:
            report = run_build(
                plan, overwrite=options["overwrite"], max_shard_size=options["max_shard_size"], engine=opened, progress=progress
            )
    report = replace(report, seconds=time.perf_counter() - start)  # the reading before it counts too
    if options["as_json"]:
        click.echo(json.dumps(json_report(report), ensure_ascii=False, indent=2))
    else:
        show_report(report, plan)


def _settings(options: dict[str, Any]) -> dict[str, Any]:
    """m, p, words and case: single options first, then the preset, then the defaults."""
    from xlt_augment.materialize.recipe import PRESETS

    if options["preset"] and options["method"] == "swap":
        raise click.UsageError("--preset holds the settings of synonym substitution; leave it out with --method swap.")
    chosen = {name: options[name] for name in _DEFAULTS if options[name] is not None}
    return _DEFAULTS | dict(PRESETS.get(options["preset"], {})) | chosen


def _operator(method: str, settings: dict[str, Any], options: dict[str, Any]) -> Any:
    from xlt_augment.perturb.substitute import Substitute
    from xlt_augment.perturb.swap import Swap
    from xlt_augment.synonyms.synonym_set import SynonymSet

    if method == "swap":
        for name in ("synonyms", "case"):
            if options[name] is not None:
                raise click.UsageError(f"--{name} has no meaning with --method swap; leave it out.")
        if settings["p"] == "uniform":
            raise click.UsageError("--p uniform has no meaning with --method swap; give a number from 0 to 1.")
        return Swap(p=settings["p"], words=settings["words"], protect=options["protect"])
    synonyms = SynonymSet.load(options["synonyms"]) if options["synonyms"] else SynonymSet.default()
    return Substitute(synonyms, p=settings["p"], words=settings["words"], case=settings["case"], protect=options["protect"])
