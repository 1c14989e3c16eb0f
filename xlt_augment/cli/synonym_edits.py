"""`xlt-augment synonyms`: subset, merge, diff and veto, which make a set from others or compare two."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from xlt_augment.cli.options import Help
from xlt_augment.cli.synonyms import check_target

if TYPE_CHECKING:
    from xlt_augment.synonyms.diff import Change, SetDiff
    from xlt_augment.synonyms.synonym_set import Neighbor, SynonymSet

_SUBSET_EXAMPLES = """Examples:
xlt-augment synonyms subset default quarter.arrow --fraction 0.25
xlt-augment synonyms subset default half.arrow --fraction 0.5 --seed 0"""
_MERGE_EXAMPLES = "Examples:\nxlt-augment synonyms merge default published.arrow both.arrow --k 8"
_DIFF_EXAMPLES = """Examples:
xlt-augment synonyms diff default published.arrow
xlt-augment synonyms diff default published.arrow --limit 0"""
_VETO_EXAMPLES = """Examples:
xlt-augment synonyms veto default ours.arrow --pair movie,film --pair fair,just
xlt-augment synonyms veto ours.arrow ours.arrow --allow movie,film --overwrite"""
_overwrite = click.option("--overwrite", is_flag=True, help="Replace a file at TARGET.")


class PairOption(click.ParamType):
    """Two different words with a comma between them."""

    name = "word,word"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """The two words in sorted order."""
        words = sorted(word.strip() for word in str(value).split(","))
        if len(words) != 2 or "" in words or words[0] == words[1]:
            self.fail(f"{value!r} is no pair of two different words; give for example good,bad (or a file).", param, ctx)
        return words[0], words[1]


@click.command(cls=Help, epilog=_SUBSET_EXAMPLES)
@click.argument("source", metavar="SET")
@click.argument("target", type=click.Path())
@click.option("--fraction", type=float, required=True, help="Share of the words that have neighbors; above 0, at most 1.")
@click.option("--seed", type=click.IntRange(0, 2**64 - 1), default=0, show_default=True, help="Which words are chosen.")
@_overwrite
def subset(source: str, target: str, fraction: float, seed: int, overwrite: bool) -> None:
    """Write a share of the words of SET to TARGET (.arrow), with all their neighbors.

    With the same seed a smaller share is inside a larger one. Words without neighbors stay.
    """
    from xlt_augment.synonyms.subset import subset as take
    from xlt_augment.synonyms.synonym_set import SynonymSet

    check_target(target, ".arrow", overwrite)
    found = SynonymSet.load(source)
    part = take(found, fraction=fraction, seed=seed)
    part.save(target)
    kept, of = (s.statistics()["words_with_neighbors"] for s in (part, found))
    click.echo(f"kept {kept:,} of {of:,} words with neighbors")
    _say_written(target, part)


@click.command(cls=Help, epilog=_MERGE_EXAMPLES)
@click.argument("sources", metavar="SET SET [SET]...", nargs=-1)
@click.argument("target", type=click.Path())
@click.option("--k", type=click.IntRange(1), help="At most so many neighbors for each word; all unless given.")
@_overwrite
def merge(sources: tuple[str, ...], target: str, k: int | None, overwrite: bool) -> None:
    """Write the union of two or more SETs to TARGET (.arrow).

    Neighbors are ordered by their smallest distance where each SET that has neighbors for the word knows it; else
    those of the first SET come first, without distances. The vetoes of all SETs hold.
    """
    from xlt_augment.synonyms.merge import merge as unite
    from xlt_augment.synonyms.synonym_set import SynonymSet

    if len(sources) < 2:
        raise click.UsageError("give at least two sets to merge, and then the target.")
    check_target(target, ".arrow", overwrite)
    united = unite([SynonymSet.load(source) for source in sources], k=k)
    united.save(target)
    _say_written(target, united)


@click.command(cls=Help, epilog=_VETO_EXAMPLES)
@click.argument("source", metavar="SET")
@click.argument("target", type=click.Path())
@click.option("--pair", "given", type=PairOption(), multiple=True, help="A pair never to use. Repeatable.")
@click.option(
    "--pairs", "files", metavar="FILE", multiple=True, help="Pairs never to use, one a line, parted by white space or a tab; "
    "# opens a comment line. Repeatable."
)  # fmt: skip
@click.option(
    "--allow", type=PairOption(), multiple=True, help="Take a pair off the vetoes. Its neighbors come back only by building "
    "or merging the set again. Repeatable."
)  # fmt: skip
@_overwrite
def veto(
    source: str, target: str, given: tuple[tuple[str, str], ...], files: tuple[str, ...], allow: tuple[tuple[str, str], ...],
    overwrite: bool,
) -> None:  # fmt: skip
    """Write SET to TARGET (.arrow) without the given pairs, in either direction, and never to hold them again.

    The pairs stay with the set as its vetoes, part of its identity, whether they occur in it or not.
    """
    from xlt_augment.synonyms.synonym_set import SynonymSet
    from xlt_augment.synonyms.vetoes import occurring, read_pairs

    if not (given or files or allow):
        raise click.UsageError("give the pairs with --pair or --pairs, or take some off the list with --allow.")
    check_target(target, ".arrow", overwrite)
    pairs = {*given, *(pair for file in files for pair in read_pairs(file))}
    if both := sorted(pairs & set(allow)):
        raise click.UsageError(f"the pair {','.join(both[0])} is to be vetoed and allowed at once; choose one.")
    before = SynonymSet.load(source)
    after = before.allow(allow) if allow else before
    after = after.veto(pairs) if pairs else after
    after.save(target)
    if pairs:
        held = len(occurring(before.table, pairs))
        lost = before.statistics()["pairs"] - after.statistics()["pairs"]
        absent = f"{len(pairs) - held:,} did not occur in the set"
        click.echo(f"removed {_count(held, 'pair')} ({_count(lost, 'neighbor')}); {absent}")
    if allow:
        click.echo(f"took {_count(len(set(allow)), 'pair')} off the vetoes")
    _say_written(target, after)


@click.command(cls=Help, epilog=_DIFF_EXAMPLES)
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@click.option("--limit", type=click.IntRange(0), default=20, show_default=True, help="Words and vetoes shown; 0 for all.")
@click.option("--json", "as_json", is_flag=True, help="Print all that changed as JSON.")
def diff(a: str, b: str, limit: int, as_json: bool) -> None:
    """Show what changed from set A to set B, word by word. A leading - marks a word of A alone, + one of B alone."""
    from xlt_augment.synonyms.diff import diff as compare
    from xlt_augment.synonyms.synonym_set import SynonymSet

    sets = [SynonymSet.load(a), SynonymSet.load(b)]
    found = compare(*sets)
    if as_json:
        sides = {key: {"name": s.name, "words": len(s), "sha256": s.sha256} for key, s in zip("ab", sets)}
        click.echo(json.dumps({**sides, **found.to_json()}, ensure_ascii=False, indent=2))
        return
    for side, shown, synonyms in zip("AB", (a, b), sets):
        click.echo(f"{side}  {shown} ({len(synonyms):,} words, sha256 {synonyms.sha256[:12]})")
    lines = [*_words(found), *(f"veto + {'/'.join(p)}" for p in found.vetoes_added)]
    lines += [f"veto - {'/'.join(p)}" for p in found.vetoes_removed]
    for line in lines[: limit or None]:
        click.echo(line)
    if limit and len(lines) > limit:
        click.echo(f"... {len(lines) - limit:,} more; --limit 0 shows all")
    click.echo(_summary(found))


def _words(found: "SetDiff") -> Iterator[str]:
    for word in sorted({*found.only_in_a, *found.only_in_b, *found.changed}):
        if word in found.changed:
            yield f"  {word}: {'; '.join(_changes(found.changed[word]))}"
        else:
            sign, row = ("-", found.only_in_a[word]) if word in found.only_in_a else ("+", found.only_in_b[word])
            yield f"{sign} {word}: {_joined(row) or 'no neighbor'}"


def _changes(change: "Change") -> Iterator[str]:
    for verb, row in (("added", change.added), ("removed", change.removed)):
        if row:
            yield f"{verb} {_joined(row)}"
    if change.reordered:
        yield f"now in the order {_joined(change.after)}"
    for word, (before, after) in change.distances.items():
        yield f"distance of {word} {_distance(before)} -> {_distance(after)}"


def _summary(found: "SetDiff") -> str:
    if found.identical:
        return "identical: the same words, neighbors, distances and vetoes"
    n = found.counts()
    return (
        f"{_count(n['only_in_a'], 'word')} only in A, {n['only_in_b']:,} only in B, {n['changed']:,} changed, "
        f"{n['same']:,} the same; neighbors of changed words: {n['neighbors_added']:,} added, "
        f"{n['neighbors_removed']:,} removed, {_count(n['words_reordered'], 'word')} reordered, "
        f"{n['distances_changed']:,} with another distance; "
        f"vetoes: {n['vetoes_added']:,} added, {n['vetoes_removed']:,} removed"
    )


def _joined(row: "list[Neighbor]") -> str:
    return ", ".join(neighbor.word for neighbor in row)


def _distance(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.6f}"


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def _say_written(target: str, synonyms: "SynonymSet") -> None:
    vetoes = f", {_count(len(synonyms.vetoes), 'veto')}".replace("vetos", "vetoes") if synonyms.vetoes else ""
    click.echo(f"{target}: {len(synonyms):,} words{vetoes}, sha256 {synonyms.sha256}")
