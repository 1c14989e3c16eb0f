"""What `xlt-augment synonyms build` prints."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from xlt_augment.counterfit.build import Built
    from xlt_augment.counterfit.fit import Terms


def show_built(built: "Built", target: Path, seconds: float, *, as_json: bool) -> None:
    """The result, for people or as JSON."""
    made, synonyms = built.synonyms.made, built.synonyms
    if as_json:
        facts = {"path": str(target), "sha256": synonyms.sha256, "seconds": round(seconds, 3), **synonyms.statistics()}
        click.echo(json.dumps(facts | {"made": made}, ensure_ascii=False, indent=2))
        return
    counts, apart, used = made["filters"]["counts"], made["pairs_with_cosine_above_half"], made["constraints"]
    first, last = built.terms[0], built.terms[-1]
    lines = [
        ("set", f"{target}: {len(synonyms):,} words, {synonyms.statistics()['pairs']:,} pairs, sha256 {synonyms.sha256}"),
        ("vectors", f"{made['vectors']['name']}: {len(built.vectors.words):,} words x {built.vectors.matrix.shape[1]}"),
        ("pairs", f"{used['synonyms_used']:,} of synonyms, {used['antonyms_used']:,} of antonyms, with vectors for both words"),
        ("fitted", ", ".join(f"{n.upper()} {getattr(first, n):,.1f} -> {getattr(last, n):,.1f}" for n in ("ar", "sa", "vsp"))),
        ("antonyms", f"with a cosine above 0.5: {_share(apart, 'antonyms')}"),
        ("synonyms", f"with a cosine above 0.5: {_share(apart, 'synonyms')}"),
        ("removed", _removed(counts["words"]["removed"]) + " words"),
        ("", _removed(counts["pairs"]["removed"]) + f" of {counts['pairs']['near']:,} near pairs"),
    ]
    for name, after in made["similarity_after"].items():
        before = made["similarity_before"][name]
        pairs = f"{after['pairs']:,} pairs, {after['missing']:,} without vectors"
        lines.append(("ratings", f"{name}: Spearman's rho {before['rho']} -> {after['rho']} ({pairs})"))
    lines += [("time", f"{seconds:.1f} s"), ("next", f"xlt-augment build train.tsv --synonyms {target}")]
    for head, text in lines:
        click.echo(f"{head:<10}{text}")


def _share(apart: dict[str, Any], kind: str) -> str:
    before, after = apart[f"{kind}_before"], apart[f"{kind}_after"]
    return "no pair" if before is None else f"{before:.1%} before, {after:.1%} after"


def _removed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in counts.items() if count) or "none"


class StepLog:
    """Progress on a terminal, on standard error: the stage, and the terms of each step of counter-fitting."""

    def __init__(self) -> None:
        self.visible = sys.stderr.isatty()

    def __enter__(self) -> "StepLog":
        return self

    def __exit__(self, *_: object) -> None:
        if self.visible:
            click.echo("\r\033[K", err=True, nl=False)

    def stage(self, name: str) -> None:
        """Say what is being done."""
        if self.visible:
            click.echo(f"\r\033[K{name} ...", err=True, nl=False)

    def fitted(self, terms: "Terms") -> None:
        """The terms of a step."""
        line = f"step {terms.step:>3}  AR {terms.ar:.3f}  SA {terms.sa:.3f}  VSP {terms.vsp:.3f}  total {terms.total:.3f}"
        click.echo(f"\r\033[K{line}" if self.visible else line, err=True)
