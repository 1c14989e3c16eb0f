"""What `build`, `inspect` and `verify` print."""

import json
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

from xlt_augment.materialize.build import Report
from xlt_augment.materialize.dataset import AugmentedDataset, Sample
from xlt_augment.materialize.manifest import Manifest
from xlt_augment.materialize.marks import mark_changes, shorten
from xlt_augment.materialize.plan import Plan
from xlt_augment.perturb.augment import augment


@contextmanager
def preparing() -> Iterator[None]:
    """Say on a terminal, on standard error, that work goes on before there is anything to count."""
    if not sys.stderr.isatty():
        yield
        return
    click.echo("reading the source and loading the kernels (compiled on first use) ...", err=True, nl=False)
    try:
        yield
    finally:
        click.echo("\r\033[K", err=True, nl=False)


@contextmanager
def progress_bar(rows: int) -> Iterator[Callable[[int], object]]:
    """A bar over the dataset's rows on standard error, on a terminal and for work over a second only."""
    from tqdm import tqdm

    with tqdm(total=rows, unit="row", unit_scale=True, disable=None, delay=1, leave=False, file=sys.stderr) as bar:
        yield bar.update


def show_report(report: Report, plan: Plan) -> None:
    """The result of a build, for people."""
    manifest, path = report.manifest, str(report.path)
    if report.existed:
        _line("dataset", f"{path} is there already, and it is this very dataset; nothing was written")
    else:
        _line("dataset", f"{path} ({sum(f.bytes for f in manifest.files):,} bytes, {len(manifest.data_files)} Arrow file(s))")
    _show_source(plan)
    show_statistics(manifest)
    show_samples(AugmentedDataset(report.path, manifest).samples(3), manifest.recipe["words"])
    _line("hash", manifest.logical_hash)
    _line("time", f"{report.seconds:.2f} s")
    _line("next", f"xlt-augment verify {shlex.quote(path)}")


def show_statistics(manifest: Manifest) -> None:
    """Rows and words of a dataset."""
    s, m = manifest.statistics, manifest.recipe["m"]
    _line("rows", f"{s['rows']:,} = {s['source_rows']:,} originals + {s['source_rows']:,} x {m} variants")
    _line("words", f"{s['words']:,} in the originals, eligible {s['eligible_share']:.1%}")
    of_eligible = f"{s['changed_share_of_eligible']:.1%} of the eligible"
    _line("changed", f"{s['changed_words']:,} words, {s['changed_share']:.1%} of the variants' words, {of_eligible}")
    _line("repeats", f"{s['unchanged_variants']:,} variants equal their original, {s['duplicate_variants']:,} any earlier row")
    odd = [f"{s[key]:,} {key.replace('_', ' ')}" for key in ("empty_texts", "texts_without_eligible_words") if s[key]]
    if odd:
        _line("note", ", ".join(odd) + ": kept, with unchanged copies")


def show_samples(samples: Sequence[Sample], words: str) -> None:
    """Rows before and after, changed words marked."""
    styled = sys.stdout.isatty()
    mark: Callable[[str], str] = (lambda w: click.style(f"[{w}]", bold=True, fg="green")) if styled else "[{}]".format
    for sample in samples:
        click.echo(f"\n  source {sample.source_id}, variant {sample.variant}")
        for name, before in sample.before.items():
            click.echo(f"    {name}  before  {shorten(before)}")
            click.echo(
                f"    {' ' * len(name)}  after   {mark_changes(shorten(before), shorten(sample.after[name]), words, mark)}"
            )
    click.echo()


def show_plan(plan: Plan, *, as_json: bool) -> None:
    """What a build would do."""
    facts = {
        "target": str(plan.target), "exists": plan.existing is not None, "rows": plan.rows, "bytes": plan.n_bytes,
        "recipe": plan.recipe, "source": {"name": plan.corpus.name, "rows": plan.corpus.rows, "sha256": plan.corpus.sha256},
        "labels": plan.corpus.label_names, "synonyms": plan.synonyms, "tokenizer": plan.tokenizer,
    }  # fmt: skip
    if as_json:
        click.echo(json.dumps(facts, ensure_ascii=False, indent=2))
        return
    _line("dry run", f"{plan.target}{' is there already' if plan.existing else ' would be written'}")
    _show_source(plan)
    _line("rows", f"{plan.rows:,}, about {plan.n_bytes:,} bytes")
    _line("recipe", json.dumps(plan.recipe, ensure_ascii=False))
    show_samples(_preview(plan), plan.recipe["words"])


def _preview(plan: Plan) -> list[Sample]:
    """Variant 1 of the first rows, made in memory."""
    head = next(plan.corpus.batches()).slice(0, 3)
    texts = {name: head[name].to_pylist() for name in plan.recipe["text_columns"]}
    after = {n: augment(t, plan.operator, m=1, seed=plan.recipe["seed"], column=n) for n, t in texts.items()}
    return [
        Sample(k, 1, None, {n: texts[n][k] for n in texts}, {n: after[n][k][0] for n in texts}) for k in range(head.num_rows)
    ]


def _show_source(plan: Plan) -> None:
    corpus = plan.corpus
    _line("source", f"{corpus.name}: {corpus.rows:,} rows, {corpus.source.remark}")
    others = [f.name for f in corpus.columns.fields if f.name not in (*corpus.columns.text, "label")]
    labels = f"; label {' '.join(corpus.label_names)}" if corpus.label_names else "; no label"
    _line("columns", f"text {', '.join(corpus.columns.text)}{labels}" + (f"; carried {', '.join(others)}" if others else ""))
    if plan.synonyms:
        _line("synonyms", f"{plan.synonyms['name']} (sha256 {plan.synonyms['sha256'][:12]})")
    if plan.tokenizer:
        whole = f", encoded text by text: {plan.tokens.reason}" if plan.tokens and plan.tokens.reason else ""
        _line("tokens", f"{plan.tokenizer['name']} (sha256 {plan.tokenizer['sha256'][:12]}){whole}")


def json_report(report: Report) -> dict[str, Any]:
    """The result of a build, for programs."""
    manifest = report.manifest.to_json()
    samples = [s._asdict() for s in AugmentedDataset(report.path, report.manifest).samples(3)]
    return {
        "path": str(report.path), "existed": report.existed, "seconds": round(report.seconds, 3),
        **{key: manifest[key] for key in ("logical_hash", "recipe", "source", "synonyms", "statistics", "files")},
        "tokenizer": manifest.get("tokenizer"), "samples": samples,
    }  # fmt: skip


def _line(head: str, text: str) -> None:
    click.echo(f"{head:<10}{text}")
