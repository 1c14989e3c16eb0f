"""Accuracy over one setting: m (Huang et al. 2021, Figure 3), weights, layers, synonyms (EAR Tables 3 to 6, A.1 to A.4)."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from xlt_train.reporting.blocks import Section
from xlt_train.reporting.contents.material import AVERAGE, Material, known, printed_average
from xlt_train.reporting.drawing import Drawing, Series
from xlt_train.reporting.tables import Cell, Column, Row, Table, best_in_columns, row
from xlt_train.results.systems import System, plain_key, telling, varying
from xlt_train.statistics.seeds import Spread, spread

M = "method.variants"
_FOLLOWS = ("words",)  # says in another unit what the setting before it says


class Varied(NamedTuple):
    """Systems of one method that differ in one setting alone, in its order."""

    key: str
    method: str
    others: str
    systems: tuple[System, ...]
    values: tuple[Any, ...]

    @property
    def title(self) -> str:
        """The setting as papers write it."""
        return plain_key(self.key)

    @property
    def numeric(self) -> bool:
        """Whether all its values are numbers."""
        return all(isinstance(value, int | float) for value in self.values)

    @property
    def label(self) -> str:
        """The method, with what else tells it from others."""
        return f"{self.method} ({self.others})" if self.others else self.method


def settings(material: Material) -> tuple[Section, list[Drawing]] | None:
    """A table and a figure for each setting that was varied, and the papers' tables of that kind."""
    own = varied(material.own)
    printed = [one for one in varied(material.ablations) if one.numeric]
    tables = [*(_table(material, one) for one in own), *_printed_tables(material)]
    if not tables:
        return None
    drawings = []
    for found, slug in ((own, []), (printed, ["published"])):
        for key in dict.fromkeys(one.key for one in found):
            drawings.append(_drawn(material, key, [one for one in found if one.key == key], slug))
    lead = (
        "Each table changes one setting and keeps all others. What is chosen by looking here is chosen on test data: say so.",
    )
    return Section("Settings", lead, tuple(tables)), drawings


def _printed_tables(material: Material) -> Iterator[Table]:
    """The papers' tables about settings, row by row as printed."""
    for source in dict.fromkeys(system.source for system in material.ablations):
        lines = [_line(material, system, system.name) for system in material.ablations if system.source == source]
        yield _framed(material, lines, ["setting", str(source), "published"], f"Published settings, {source}", "row")


def _line(material: Material, system: System, label: str) -> Row:
    found = _over_seeds(material, system)
    cells = [Cell(known(mean), sd=known(sd)) for mean, sd in zip(found.mean, found.sd)]
    cells[-1] = replace(cells[-1], note=printed_average(system, found.mean[-1]))
    return row(label, *cells, signature=system.signature)


def _framed(material: Material, lines: Sequence[Row], name: Sequence[str], title: str, label: str) -> Table:
    head = (
        Column(label, kind="text"),
        *(Column(language, digits=2) for language in material.languages),
        Column(AVERAGE, digits=2),
    )
    return best_in_columns(
        Table(
            name=material.name(*name),
            title=f"{title}, {material.title}",
            head=head,
            rows=tuple(lines),
            caption="Accuracy in percent.",
            block=10,
            spread=any(cell.sd is not None for line in lines for cell in line.cells),
        )
    )


def varied(systems: Sequence[System]) -> list[Varied]:
    """Every setting with two or more values among systems that are alike in all else; a sweep over several gives several."""
    found = []
    for source, method in dict.fromkeys((system.source, system.method) for system in systems):
        alike = [system for system in systems if (system.source, system.method) == (source, method)]
        keys = [key for key in telling(varying(alike)) if key not in _FOLLOWS]
        for key in keys:
            rest = [other for other in keys if other != key]
            groups: dict[str, list[System]] = {}
            for system in alike:
                groups.setdefault(", ".join(f"{plain_key(other)} {_value(other, system)}" for other in rest), []).append(system)
            for others, members in groups.items():
                if len({_value(key, system) for system in members}) == len(members) > 1:
                    ordered = sorted(members, key=lambda system: _rank(_value(key, system)))
                    found.append(Varied(key, method, others, tuple(ordered), tuple(_value(key, s) for s in ordered)))
    return found


def _value(key: str, system: System) -> Any:
    """A number where it is one; m where it is the variants; else text."""
    value = system.settings.get(key)
    if key == M and value:
        return value[0][1] if len(value) == 1 else "+".join(str(last) for _, last in value)
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    if isinstance(value, list | tuple):
        return value[0] if len(value) == 1 else ", ".join(map(str, value))
    return value if isinstance(value, int | float) else str(value)


def _rank(value: Any) -> tuple[bool, float, str]:
    return (False, float(value), "") if isinstance(value, int | float) else (True, 0.0, str(value))


def _over_seeds(material: Material, system: System) -> Spread:
    """Of each language, and of their mean last: of rows that a paper gives the average of alone, that one."""
    values = system.diagonal(material.languages)
    means = values.mean(1) if system.pairs else np.array([system.printed.get(AVERAGE, np.nan)])
    return spread(np.column_stack([values, means]))


def _table(material: Material, one: Varied) -> Table:
    lines = [_line(material, system, _number(value)) for system, value in zip(one.systems, one.values)]
    return _framed(
        material, lines, ["setting", one.key.rpartition(".")[2], one.label], f"{one.label} by {one.title}", one.title
    )


def _drawn(material: Material, key: str, found: Sequence[Varied], slug: Sequence[str]) -> Drawing:
    from xlt_train.reporting.figures.against_m import accuracy_against_m
    from xlt_train.reporting.figures.hyper_parameter import hyper_parameter

    numeric = all(one.numeric for one in found)
    names = None if numeric else list(dict.fromkeys(str(value) for one in found for value in one.values))
    series = [_series(material, one, names) for one in found]
    name, title = material.name("figure", key.rpartition(".")[2], *slug), f"Accuracy by {found[0].title}, {material.title}"
    base = _baseline(material, found)
    if key == M and numeric:
        return accuracy_against_m(name, title, series, baseline=base)
    places = [float(value) for one in found for value in one.values] if numeric else []
    far = bool(places) and min(places) > 0 and max(places) >= 50 * min(places)
    return hyper_parameter(name, title, series, x_title=found[0].title, baseline=base, x_names=names, logarithmic=far)


def _series(material: Material, one: Varied, names: Sequence[str] | None) -> Series:
    found = [_over_seeds(material, system) for system in one.systems]
    x = [float(value) for value in one.values] if names is None else [float(names.index(str(value))) for value in one.values]
    return Series(
        name=f"{one.label}, {one.systems[0].source}" if one.systems[0].source else one.label,
        x=np.array(x),
        mean=np.array([part.mean[-1] for part in found]),
        low=np.array([part.low[-1] for part in found]),
        high=np.array([part.high[-1] for part in found]),
        seeds=[len(system.runs) for system in one.systems if system.runs],
    )


def _baseline(material: Material, found: Sequence[Varied]) -> float | None:
    """Its average, where all are measured against one."""
    bases = {id(base): base for one in found for system in one.systems if (base := material.baseline(system)) is not None}
    if len(bases) != 1:
        return None
    return known(float(next(iter(bases.values())).diagonal(material.languages).mean()))


def _number(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
