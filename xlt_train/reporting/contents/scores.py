"""Accuracy in each language, the papers' main table, and the tests against the baseline."""

from collections.abc import Iterator

import numpy as np

from xlt_train.reporting.blocks import Note, Section
from xlt_train.reporting.contents.material import AVERAGE, Material, key_of, known, printed_average
from xlt_train.reporting.drawing import Drawing, Scores
from xlt_train.reporting.tables import Cell, Column, Row, Table, best_in_columns, row
from xlt_train.results.systems import System, beside_the_method
from xlt_train.statistics.claims import ALPHA, Claim, Outcome
from xlt_train.statistics.compare import ONE_SEED, PAIRED, Comparison
from xlt_train.statistics.seeds import spread

_MOST_DOTS = 6  # systems that one figure can tell apart
OWN = "these runs"


def accuracy(material: Material) -> tuple[Section, list[Drawing]]:
    """The main table, a figure of it, and alarms."""
    table = accuracy_table(material)
    drawings = list(_dots(material))
    lead = [
        "Each number is the accuracy on one language, both texts in it; languages stand by their distance from "
        f"{material.source}, the source language."
    ]
    if any(len(system.runs) > 1 for system in material.own):
        lead.append("Means over training seeds; the small number is the standard deviation over them.")
    return Section("Accuracy in each language", tuple(lead), (*_alarms(material), table)), drawings


def accuracy_table(material: Material) -> Table:
    """Systems down, languages across, the mean over languages last; best of a group bold, significant gains underlined."""
    head = (Column("model", kind="text"), *(Column(language) for language in material.languages), Column(AVERAGE))
    table = Table(
        name=material.name("accuracy"),
        title=f"Accuracy in each language, {material.title}",
        head=head,
        rows=tuple(_row(material, system) for system in material.systems if not (system.source and system.all_pairs)),
        caption=_caption(material),
        block=10,
        spread=any(len(system.runs) > 1 for system in material.own),
    )
    for group in dict.fromkeys(line.group for line in table.rows):
        table = best_in_columns(table, rows=[k for k, line in enumerate(table.rows) if line.group == group])
    return table


def _row(material: Material, system: System) -> Row:
    found = spread(system.diagonal(material.languages))
    claims = _claims(material.comparisons.get(key_of(system)))
    cells = [_cell(mean, sd, claims.get(language)) for language, mean, sd in zip(material.languages, found.mean, found.sd)]
    average = spread(system.diagonal(material.languages).mean(1, keepdims=True))
    last = _cell(average.mean[0], average.sd[0], claims.get(AVERAGE), note=printed_average(system, average.mean[0]))
    return row(system.name, *cells, last, group=system.source or OWN, signature=system.signature)


def _claims(comparison: Comparison | None) -> dict[str, Claim]:
    if comparison is None:
        return {}
    found = {claim.what: claim for claim in comparison.of_kind("language")}
    means = [claim for claim in comparison.of_kind("mean") if claim.what in ("average", "diagonal")]
    return found | ({AVERAGE: means[0]} if means else {})


def _cell(mean: float, sd: float, claim: Claim | None, note: str = "") -> Cell:
    better = claim is not None and claim.significant and claim.difference > 0
    p = None if claim is None or claim.seeds is None else known(claim.seeds.adjusted)
    return Cell(known(mean), sd=known(sd), underlined=better, p=p, note=note)


def _caption(material: Material) -> str:
    said = ["Accuracy in percent; the best is that of a group of rows."]
    tested = [comparison for comparison in material.comparisons.values() if comparison.design != ONE_SEED]
    if tested:
        test = "paired t-test" if all(one.design == PAIRED for one in tested) else "t-test"
        said.append(
            f"Underlined: better than the baseline by a {test} over seeds, p ≤ {ALPHA:.2f} after Benjamini-Hochberg over the "
            "languages, given these test items."
        )
    elif material.comparisons:
        said.append("Nothing is underlined: one seed shows nothing about a method.")
    return " ".join(said)


def _dots(material: Material) -> Iterator[Drawing]:
    from xlt_train.reporting.figures.language_dots import language_dots

    there = [system for system in material.own if not np.isnan(system.diagonal(material.languages)).all()]
    systems = there[:_MOST_DOTS]
    if systems:
        found = [spread(system.diagonal(material.languages)) for system in systems]
        scores = [Scores(name=s.name, mean=f.mean, low=f.low, high=f.high) for s, f in zip(systems, found)]
        part = f"the first {len(systems)} of {len(there)} systems, " if len(there) > len(systems) else ""
        title = f"Accuracy in each language, {part}{material.title}"
        yield language_dots(material.name("accuracy-dots"), title, material.languages, scores)


def _alarms(material: Material) -> Iterator[Note]:
    """Cells at chance level, a line a system; what the runs themselves say of their numbers."""
    seen: dict[str, list[str]] = {}
    for alarm in material.alarms:
        seen.setdefault(alarm.name, []).append(alarm.pair)
    for name, cells in seen.items():
        every = len(cells) == next(len(system.pairs) for system in material.own if system.name == name)
        shown = ", ".join(cells[:12]) + (f" and {len(cells) - 12:,} more" if len(cells) > 12 else "")
        shown = "everywhere" if every else f"in {shown}"
        yield Note(
            f"At chance level: {name}, {shown}. There its runs are not shown to be above always giving the most frequent "
            "label, so differences between such cells mean nothing.",
            "alarm",
        )
    for note in dict.fromkeys(run.body["note"] for system in material.own for run in system.runs if run.body.get("note")):
        yield Note(f"{note[0].upper()}{note[1:]}.", "alarm")
    bare = [name for k, name in enumerate(material.languages) if material.own and _unlabelled(material, k)]
    if bare:
        yield Note(f"No accuracy for {', '.join(bare)}: their files have no labels, or no run was judged on them.")
    for text in material.order.notes():
        yield Note(text)


def _unlabelled(material: Material, k: int) -> bool:
    return all(bool(np.isnan(system.diagonal(material.languages)[:, k]).all()) for system in material.own)


def against_baseline(material: Material) -> Section | None:
    """A table of tests for each system with a baseline."""
    tables: list[Table | Note] = []
    for system, base in material.compared():
        comparison = material.comparisons.get(key_of(system))
        if comparison is not None:
            tables.append(_tests(material, comparison))
            tables += [Note(f"{note[0].upper()}{note[1:]}.") for note in comparison.notes]
            if more := beside_the_method(system, base):
                tables.append(Note(f"{system.name} and {base.name} differ in more than the method: {', '.join(more)}."))
    if not tables:
        return None
    lead = (
        "Two questions are kept apart. Over seeds: would the method be better if it were trained again, on these test items? "
        "Over items: are these trained models better on other items of the same kind? An item counts once, in however many "
        "languages.",
    )
    return Section("Tests against the baseline", lead, tuple(tables))


def _tests(material: Material, comparison: Comparison) -> Table:
    head = (
        Column("language", kind="text"),
        Column("verdict", kind="text"),
        Column("difference", unit="points", digits=2, group="this minus baseline"),
        Column("from", unit="points", digits=2, group="this minus baseline"),
        Column("to", unit="points", digits=2, group="this minus baseline"),
        Column("t-test", unit="", digits=3, group="p over seeds"),
        Column("adjusted", unit="", digits=3, group="p over seeds"),
        Column("bootstrapped", unit="", digits=3, group="p over seeds"),
        Column("bootstrap", unit="", digits=3, group="p over items"),
        Column("McNemar", unit="", digits=3, group="p over items"),
        Column("baseline", group="accuracy"),
        Column("this", group="accuracy"),
    )
    claims = sorted(comparison.of_kind("language"), key=lambda claim: material.languages.index(claim.what))
    lines = [_line(claim) for claim in [*claims, *comparison.of_kind("mean")]]
    decides = "the cluster bootstrap over items" if comparison.design == ONE_SEED else f"the {comparison.design} over seeds"
    return Table(
        name=material.name("tests", comparison.b),
        title=f"{comparison.b} against {comparison.a}, {material.title}",
        head=head,
        rows=tuple(lines),
        caption=f"{_seeds(comparison)}, {comparison.items or 0:,} items. The interval is that of {decides}, 95%, not adjusted. "
        "Adjusted: Benjamini-Hochberg over the languages. Bootstrapped: the papers' bootstrapped paired t-test, not adjusted. "
        f"Over items: cluster bootstrap of {comparison.draws:,} draws, seed {comparison.seed}, not adjusted.",
        block=None,
    )


def _line(claim: Claim) -> Row:
    low, high = claim.interval
    return row(
        claim.what,
        claim.verdict,
        Cell(known(claim.difference), underlined=claim.significant),
        known(low),
        known(high),
        _p(claim.seeds),
        known(claim.seeds.adjusted) if claim.seeds else None,
        _p(claim.papers),
        _p(claim.items),
        _p(claim.mcnemar),
        known(claim.a),
        known(claim.b),
    )


def _seeds(comparison: Comparison) -> str:
    first, second = len(comparison.seeds_a), len(comparison.seeds_b)
    return "One seed on each side" if first == second == 1 else f"{first} and {second} seeds"


def _p(outcome: Outcome | None) -> float | None:
    return None if outcome is None else known(outcome.p)
