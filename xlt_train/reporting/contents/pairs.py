"""Accuracy on pairs of languages (Huang et al. 2021, Tables 4 to 9), and maps of differences to the baseline (Figures 4, 5)."""

from collections.abc import Sequence

import numpy as np

from xlt_train.reporting.blocks import Section
from xlt_train.reporting.contents.material import AVERAGE, Material, key_of, known, mean_of, printed_average
from xlt_train.reporting.drawing import Drawing
from xlt_train.reporting.figures.heat_map import heat_map
from xlt_train.reporting.tables import Cell, Column, Row, Table, best_in_columns, row
from xlt_train.results.systems import System


def pairs(material: Material) -> tuple[Section, list[Drawing]] | None:
    """Means inside and outside the diagonal, a matrix for each system, a map for each difference."""
    systems = [system for system in material.systems if system.all_pairs]
    if not systems:
        return None
    compared = [(system, base) for system, base in material.compared() if system.all_pairs and base.all_pairs]
    drawings = _maps(material, compared)
    lead = (
        "Text 1 is in the language of the row, text 2 in that of the column. The diagonal is the usual zero-shot "
        "result; beside it the texts of a pair are in different languages.",
    )
    blocks = (_means(material, systems), *(_matrix(material, system) for system in systems))
    return Section("Every pair of languages", lead, blocks), drawings


def split_means(material: Material, system: System) -> tuple[float, float, float]:
    """Mean over the diagonal, the rest, and all; NaN where a cell is missing."""
    matrix = system.matrix(material.languages)
    same = np.eye(len(matrix), dtype=bool)
    return mean_of(matrix[same]), mean_of(matrix[~same]), mean_of(matrix)


def _means(material: Material, systems: list[System]) -> Table:
    head = (
        Column("model", kind="text"),
        *(Column(label, group="accuracy") for label in ("one language", "two languages", "all pairs")),
        *(Column(label, unit="points", group="minus baseline") for label in ("one language ", "two languages ", "all pairs ")),
    )
    lines: list[Row] = []
    for system in systems:
        means, base = split_means(material, system), material.baseline(system)
        gains = (
            [one - other for one, other in zip(means, split_means(material, base))] if base and base.all_pairs else [np.nan] * 3
        )
        claims = _claims(material, system)
        cells = [
            Cell(known(gain), underlined=claims.get(what, False))
            for gain, what in zip(gains, ("diagonal", "off-diagonal", "all pairs"))
        ]
        lines.append(
            row(
                system.name,
                *(known(mean) for mean in means[:2]),
                Cell(known(means[2]), note=printed_average(system, means[2])),
                *cells,
                group=system.source or "these runs",
                signature=system.signature,
            )
        )
    table = Table(
        name=material.name("pairs"),
        title=f"Means over pairs of languages, {material.title}",
        head=head,
        rows=tuple(lines),
        caption="A mean with a missing cell is missing.",
        block=None,
    )
    for group in dict.fromkeys(line.group for line in lines):
        table = best_in_columns(table, rows=[k for k, line in enumerate(lines) if line.group == group])
    return table


def _claims(material: Material, system: System) -> dict[str, bool]:
    comparison = material.comparisons.get(key_of(system))
    return {} if comparison is None else {claim.what: claim.significant for claim in comparison.of_kind("mean")}


def _matrix(material: Material, system: System) -> Table:
    languages, matrix = material.languages, system.matrix(material.languages)
    lines = [
        row(language, *map(known, matrix[k]), known(mean_of(matrix[k])), _highest(languages, matrix[k]))
        for k, language in enumerate(languages)
    ]
    lines.append(row(AVERAGE, *(known(mean_of(column)) for column in matrix.T), known(mean_of(matrix)), None))
    axes = "text 1 down, text 2 across" if system.runs else "the paper does not say which of row and column is text 1"
    missing = int(np.isnan(matrix).sum())
    return Table(
        name=material.name("matrix", system.name, *(["published"] if system.source else [])),
        title=f"{system.name} on every pair of languages, {_set(material, system)}",
        head=(
            Column("", kind="text"),
            *(Column(language) for language in languages),
            Column(AVERAGE),
            Column("highest", kind="text"),
        ),
        rows=tuple(lines),
        caption=f"Accuracy in percent, {axes}."
        + (f" {missing} cells are missing, and so is every mean that they belong to." if missing else "")
        + (f" Source: {system.source}." if system.source else ""),
        block=None,
    )


def _set(material: Material, system: System) -> str:
    """What it was judged on; of published numbers the paper's test set, whatever the runs' is."""
    return "as published" if system.source and material.own else material.title


def _highest(languages: Sequence[str], line: np.ndarray) -> str | None:
    """The language of a row's highest number, several where they are equal; None where one is missing."""
    return None if np.isnan(line).any() else " ".join(name for name, value in zip(languages, line) if value == line.max())


def difference(material: Material, system: System, base: System) -> np.ndarray:
    """Accuracy of a system minus that of its baseline [L, L]; NaN where either lacks the cell."""
    found: np.ndarray = system.matrix(material.languages) - base.matrix(material.languages)
    return found


def _maps(material: Material, compared: list[tuple[System, System]]) -> list[Drawing]:
    """One for each system, all with the same colours."""
    found = [(system, base, difference(material, system, base)) for system, base in compared]
    found = [(system, base, values) for system, base, values in found if np.isfinite(values).any()]
    limit = max((float(np.nanmax(np.abs(values))) for _, _, values in found), default=0.0)
    return [
        heat_map(
            material.name("map", system.name, *(["published"] if system.source else [])),
            f"{system.name} minus {base.name} on every pair of languages, {_set(material, system)}",
            values,
            material.languages,
            material.languages,
            row_title="text 1" if system.runs else "row",
            column_title="text 2" if system.runs else "column",
            limit=limit or None,
            significant=_significant(material, system),
        )
        for system, base, values in found
    ]


def _significant(material: Material, system: System) -> np.ndarray | None:
    comparison = material.comparisons.get(key_of(system))
    if comparison is None:
        return None
    claims = {claim.what: claim.significant for claim in (*comparison.of_kind("language"), *comparison.of_kind("pair"))}
    return np.array([[claims.get(a if a == b else f"{a}-{b}", False) for b in material.languages] for a in material.languages])
