"""Aligned words of parallel sentences (from `xlt-train probe`): distances, ranks, transfer failures, and words on a plane."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from xlt_train.errors import RunError
from xlt_train.probing.result import WORDS_NAME, Probe, read_probe
from xlt_train.reporting.blocks import Note, Section
from xlt_train.reporting.contents.material import Material
from xlt_train.reporting.drawing import Cloud, Drawing
from xlt_train.reporting.tables import Column, Row, Table, row
from xlt_train.results.systems import System

PROBES = "probes"
_PANELS = 3  # in one figure
_BEFORE = "before training"


class Probed(NamedTuple):
    """A probe, whose it is (a system, or the model before training), and its folder."""

    name: str
    probe: Probe
    folder: Any


def probes_of(systems: Sequence[System]) -> list[Probed]:
    """One probe for each system, of its first seed that has one, and one of the model before training; all measured alike.

    Of several ways in which runs were probed the one that most systems share counts; of several models each has its own
    "before". Raises RunError for a damaged probe.
    """
    several = len({system.model for system in systems}) > 1
    before = {system.name: f"{system.model} {_BEFORE}" if several else _BEFORE for system in systems}
    found: dict[str, list[Probed]] = {}
    for system in systems:
        for run in system.runs:
            for path in sorted((run.home / PROBES).glob("*/probe.json")):
                probe = read_probe(path.parent)
                base = probe.model["kind"] == "base"
                found.setdefault(_way(probe), []).append(
                    Probed(before[system.name] if base else system.name, probe, path.parent)
                )
    best = max(found.values(), key=lambda probes: len({one.name for one in probes}), default=[])
    first = {one.name: one for one in reversed(best)}
    order = [*before.values(), *(system.name for system in systems)]
    return sorted(first.values(), key=lambda one: order.index(one.name))


def _way(probe: Probe) -> str:
    """What must be the same in two probes, to be compared: files and settings, but for the radii that are counted in."""
    settings = {key: value for key, value in probe.settings.items() if key not in ("epsilons", "norm")}
    files = {one.language: one.sha256 for one in probe.languages}
    return repr((probe.split, probe.rows, probe.columns, probe.source, settings, files))


def _of_judged_files(material: Material, probe: Probe) -> bool:
    """Whether the words are of the very files and rows that were judged."""
    body = material.own[0].runs[0].body
    judged = {one["language"]: one.get("sha256") for one in body["languages"]}
    probed = {str(probe.source["language"]): probe.source["sha256"]} | {one.language: one.sha256 for one in probe.languages}
    return judged == probed and body.get("rows") == probe.rows


def words(material: Material, probes: Sequence[Probed]) -> tuple[Section, list[Drawing]] | None:
    """Tables by depth, failures by system, and two figures."""
    if not probes:
        return None
    lead = (
        f"Words of parallel sentences that an aligner brings together, in {material.source} and each other language, at a "
        "depth of the model: how far apart they lie, and how many other words of that language lie nearer than the translation "
        "does (a mean rank of 1 is perfect). One training seed each.",
    )
    tables = [
        _by_depth(
            material, probes, "distance", "Mean Euclidean distance of aligned words", lambda found: found.distances.euclidean, 2
        ),
        _by_depth(material, probes, "rank", "Mean rank of the true translation", lambda found: found.rank.mean, 1),
        *(table for one in probes if (table := _failures(material, one)) is not None),
    ]
    notes = [Note(text) for text in dict.fromkeys(note for one in probes for note in one.probe.notes)]
    if not _of_judged_files(material, probes[0].probe):
        notes.append(Note("The words are not of the files and rows of the accuracies: the models were probed on others."))
    return Section("Words and their translations", lead, (*tables, *notes)), list(_figures(material, probes))


def _others(material: Material, probe: Probe) -> list[str]:
    there = {one.language for one in probe.languages}
    return [language for language in material.languages if language in there]


def _by_depth(material: Material, probes: Sequence[Probed], name: str, title: str, of: Any, digits: int) -> Table:
    """Systems down in a block for each depth, languages across."""
    languages = _others(material, probes[0].probe)
    lines: list[Row] = []
    for depth in probes[0].probe.settings["depths"]:
        for one in probes:
            values = [of(one.probe.language(language).depths[depth]) for language in languages]
            lines.append(row(one.name, *values, group=f"depth {depth}"))
    settings = probes[0].probe.settings
    ranked = {found.words for one in probes[0].probe.languages for found in [next(iter(one.depths.values())).rank]}
    among = f" Among {min(ranked):,} to {max(ranked):,} distinct words." if name == "rank" and ranked else ""
    return Table(
        name=material.name("words", name),
        title=f"{title}, {material.title}",
        head=(Column("model", kind="text"), *(Column(language, unit="", digits=digits) for language in languages)),
        rows=tuple(lines),
        caption=f"Against {material.source}; aligner: {settings['aligner']}.{among} A lower number is closer. "
        "Where the aligner looks at vectors, each model chooses its own pairs.",
        block=10,
    )


def _failures(material: Material, one: Probed) -> Table | None:
    """Items right in the source language and wrong in another (Huang et al. 2021, Eq. 1), with the distances of their words."""
    probe, depth = one.probe, one.probe.settings["depths"][0]
    languages = [language for language in _others(material, probe) if probe.language(language).failures is not None]
    if not languages:
        return None
    epsilons = probe.settings["epsilons"]
    inside = [(f"inside {epsilon:g}", part) for epsilon in epsilons for part in ("failed", "kept")]
    head = (
        Column("language", kind="text"),
        Column("items", unit="", digits=0),
        Column("failed", unit="", digits=0),
        Column("failed, %", unit="percent"),
        *(Column(part, unit="", digits=2, group="distance") for part in ("failed ", "kept ")),
        *(Column(f"{part}{' ' * (k + 2)}", group=group) for k, (group, part) in enumerate(inside)),
    )
    return Table(
        name=material.name("failures", one.name),
        title=f"Transfer failures of {one.name}, {material.title}",
        head=head,
        rows=tuple(_failed(language, probe, depth, len(epsilons)) for language in languages),
        caption=f"Failed: right in {material.source}, wrong here; kept: right in both. Distance: mean Euclidean distance of "
        f"their aligned words, at the depth {depth}. Inside: share of those words whose {probe.settings['norm']} distance is "
        "at most that radius.",
        block=None,
    )


def _failed(language: str, probe: Probe, depth: str, radii: int) -> Row:
    found = probe.language(language).failures
    if found is None:
        return row(language, *[None] * (5 + 2 * radii))
    failed, kept = found.failed[depth], found.kept[depth]
    inside = [
        None if part.distances.inside is None else part.distances.inside[k] for k in range(radii) for part in (failed, kept)
    ]
    judged = failed.items + kept.items  # right in the source
    share = failed.items / judged if judged else None
    ends = (failed.distances.euclidean, kept.distances.euclidean)
    return row(language, float(found.items), float(failed.items), share, *ends, *inside)


def _figures(material: Material, probes: Sequence[Probed]) -> Iterator[Drawing]:
    from xlt_train.reporting.figures.embeddings import embeddings

    shown = [*probes[:1], *probes[-(_PANELS - 1) :]] if len(probes) > _PANELS else list(probes)
    depths = probes[0].probe.settings["depths"]
    language = next(iter(reversed(_others(material, probes[0].probe))), None)
    if language is not None:
        clouds = [cloud for one in shown if (cloud := _translations(one, language, depths[-1])) is not None]
        if clouds:
            title = f"Words in {material.source} and {language}, depth {depths[-1]}, {material.title}"
            yield embeddings(material.name("plane", language), title, clouds, group_1=material.source, group_2=language)
    clouds = [cloud for one in shown if (cloud := _synonyms(one, depths[0])) is not None]
    if clouds:
        title = f"Words and their synonyms, depth {depths[0]}, {material.title}"
        yield embeddings(material.name("plane", "synonyms"), title, clouds, group_1="word", group_2="synonym")


def _translations(one: Probed, language: str, depth: str) -> Cloud | None:
    source = one.probe.source["language"]
    dots = [dot for dot in _dots(one, depth) if dot["kind"] == "word"]
    first = [dot for dot in dots if dot["language"] == source]
    second = [dot for dot in dots if dot["language"] == language]
    rank = one.probe.language(language).depths[depth].rank
    return _cloud(one.name, first, second, rank.mean, rank.words)


def _synonyms(one: Probed, depth: str) -> Cloud | None:
    found = one.probe.synonyms
    if found is None:
        return None
    dots = [dot for dot in _dots(one, depth) if dot["kind"] == "synonym"]
    first = [dot for dot in dots if dot["aligned_to"] is None]
    second = [dot for dot in dots if dot["aligned_to"] is not None]
    rank = found.depths[depth].rank
    return _cloud(one.name, first, second, rank.mean, rank.words)


def _cloud(
    name: str, first: Sequence[Mapping[str, Any]], second: Sequence[Mapping[str, Any]], rank: float | None, words: int
) -> Cloud | None:
    """None where either group is empty."""
    if not first or not second:
        return None
    places = {(dot["item"], dot["column"], dot["position"]): k for k, dot in enumerate(first)}
    links = [
        (places[key], k) for k, dot in enumerate(second) if (key := (dot["item"], dot["column"], dot["aligned_to"])) in places
    ]
    return Cloud(
        title=name,
        words_1=[dot["word"] for dot in first],
        words_2=[dot["word"] for dot in second],
        vectors_1=np.array([dot["vector"] for dot in first], np.float32),
        vectors_2=np.array([dot["vector"] for dot in second], np.float32),
        links=links,
        mean_rank=rank,
        candidates=words,
    )


def _dots(one: Probed, depth: str) -> list[dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    place = one.folder / WORDS_NAME
    try:
        rows: list[dict[str, Any]] = pq.read_table(place, filters=[("depth", "==", depth)]).to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise RunError(
            f"reading {place}", found=str(error), expected="what xlt-train probe wrote", remedy="Probe the run again"
        ) from error
    return rows
