"""`report`: runs, and the papers' numbers, to one page with its tables and figures."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from xlt_train.errors import UsageError
from xlt_train.languages.distance import DEFAULT_METRIC, Distances
from xlt_train.reporting.blocks import Note, Page, Picture, Section
from xlt_train.reporting.contents.by_distance import by_distance
from xlt_train.reporting.contents.from_published import published_settings, published_systems, task_of, tasks
from xlt_train.reporting.contents.material import Key, Material, baselines_of, key_of
from xlt_train.reporting.contents.ordering import PRINTED, ranked
from xlt_train.reporting.contents.pairs import pairs
from xlt_train.reporting.contents.scores import accuracy, against_baseline
from xlt_train.reporting.contents.settings import settings
from xlt_train.reporting.contents.summary import foot, summary, title_of
from xlt_train.reporting.contents.words import Probed, probes_of, words
from xlt_train.reporting.drawing import Drawing
from xlt_train.reporting.page import pictures, tables
from xlt_train.reporting.publish import publish
from xlt_train.reporting.write import write_report
from xlt_train.results.collect import choose_tests, find_runs, systems_of
from xlt_train.results.scores import scores_of
from xlt_train.results.systems import System
from xlt_train.runs.record import software_versions
from xlt_train.statistics.alarms import Alarm, alarms
from xlt_train.statistics.compare import Comparison, compare

REPORT_FORMAT = "xlt-report/2"
PUBLISHED = "published"
Part = tuple[Section, list[Drawing]]


@dataclass(frozen=True, kw_only=True)
class Report:
    """What was written, and where."""

    path: Path
    summary: str
    tables: tuple[str, ...]
    figures: tuple[str, ...]


def report(
    runs: Sequence[str | Path] = (),
    *,
    out: str | Path,
    against: str | None = None,
    tests: str | None = None,
    baseline: str | None = None,
    source: str = "en",
    metric: str | None = None,
    distances: str | Path | None = None,
    draws: int = 10_000,
    seed: int = 0,
    progress: Callable[[str], object] = lambda what: None,
) -> Report:
    """Write a page, its tables (CSV, Markdown, LaTeX) and figures (SVG, PNG) into the folder `out`.

    `runs`: as words of the command line: run folders, folders of runs, results, `NAME=RUN,RUN`. `against="published"` adds
    the papers' numbers, and stands alone without runs. `metric` sorts the languages by their
    distance from `source`: one of URIEL's or of the table `distances`, "probe" for what was measured in the embeddings,
    "published" for the order of the papers' tables (the default without runs, else `DEFAULT_METRIC`).

    Raises XltError; nothing is half-written.
    """
    if against not in (None, PUBLISHED):
        raise UsageError(
            "choosing numbers to stand beside", found=str(against), expected=PUBLISHED, remedy="Give --against published"
        )
    if not runs and against is None:
        raise UsageError("making a report", found="no run", expected="runs, or --against published", remedy="Name a run folder")
    progress("reading runs")
    found = find_runs([str(run) for run in runs])
    own = systems_of(found, choose_tests(found, tests)) if found else []
    probes = probes_of(own)
    known = Distances.read(distances)
    materials = [
        _material(own, task, source=source, metric=metric, known=known, probes=probes, baseline=baseline)
        for task in _tasks(own, against)
    ]
    materials = [_tested(material, draws, seed, progress) for material in materials]
    sections, drawings = _content(materials, probes, bool(against), progress)
    page = Page(title=title_of(materials), summary=summary(materials), sections=tuple(sections), foot=foot(materials))
    progress("writing")
    record = _record(materials, page)
    publish(Path(out), record, lambda folder: write_report(page, drawings, folder))
    return Report(path=Path(out), summary=page.summary, tables=tuple(record["tables"]), figures=tuple(record["figures"]))


def _tasks(own: Sequence[System], against: str | None) -> list[str | None]:
    """The tasks whose published numbers come in: that of the runs' languages, or all without runs."""
    if against is None:
        return [None]
    return [task_of(own[0].languages)] if own else list(tasks())


def _material(
    own: Sequence[System],
    task: str | None,
    *,
    source: str,
    metric: str | None,
    known: Distances,
    probes: Sequence[Probed],
    baseline: str | None,
) -> Material:
    systems = [*own, *(published_systems(task) if task else [])]
    languages = tuple(dict.fromkeys(language for system in own for language in system.languages)) or tasks()[task or ""]
    by = ranked(languages, source, metric, known, probes, default=DEFAULT_METRIC if own else PRINTED)
    return Material(
        title=own[0].runs[0].about_tests if own else str(task),
        slug="" if own else str(task),
        systems=tuple(systems),
        order=by.order,
        source=source,
        distance=by.about,
        baselines=baselines_of(systems, baseline),
        ablations=tuple(published_settings(task)) if task else (),
    )


def _tested(material: Material, draws: int, seed: int, progress: Callable[[str], object]) -> Material:
    """With the tests of each run system against its baseline, and the alarms of all."""
    found: dict[Key, Comparison] = {}
    raised: list[Alarm] = []
    for system in material.own:
        if np.isnan(system.accuracy).all():
            continue
        progress(f"testing {system.name}")
        scores, base = scores_of(system), material.baseline(system)
        raised += alarms(scores)
        if base is not None:
            found[key_of(system)] = compare(scores_of(base), scores, draws=draws, seed=seed)
    return replace(material, comparisons=found, alarms=tuple(raised))


def _content(
    materials: Sequence[Material], probes: Sequence[Probed], against: bool, progress: Callable[[str], object]
) -> tuple[list[Section], list[Drawing]]:
    """All sections with their figures in them, and the figures."""
    from xlt_train.reporting.figures.save import svg_text

    sections, drawings = [], []
    for material in materials:
        for part in _parts(material, probes if material.own else ()):
            if part is None:
                continue
            section, drawn = part
            progress(f"drawing {section.title.lower()}")
            pictures = [
                Picture(
                    name=d.name, title=d.title, caption=d.caption, description=d.description, numbers=d.numbers, svg=svg_text(d)
                )
                for d in drawn
            ]
            title = section.title if len(materials) == 1 else f"{material.title}: {section.title[0].lower()}{section.title[1:]}"
            sections.append(replace(section, title=title, blocks=(*section.blocks, *pictures)))
            drawings += drawn
        if against and material.own:
            sections[0] = replace(sections[0], blocks=(*sections[0].blocks, _about_published(material)))
    return sections, drawings


def _parts(material: Material, probes: Sequence[Probed]) -> Iterator[Part | None]:
    yield accuracy(material)
    tests = against_baseline(material)
    yield None if tests is None else (tests, [])
    yield pairs(material)
    yield by_distance(material)
    yield settings(material)
    yield words(material, probes)


def _about_published(material: Material) -> Note:
    if any(system.source for system in material.systems):
        return Note(
            "The published numbers are of PAWS-X and XNLI test sets; whether your files are those, the page cannot know."
        )
    return Note(f"No paper at hand has numbers for just these languages: {', '.join(material.languages)}.")


def _runs(materials: Sequence[Material]) -> list[dict[str, str]]:
    """What the numbers are of: each run by its folder's name and its identity, once."""
    judgements = [run for material in materials for system in material.systems for run in system.runs]
    return [
        {"name": name, "identity": key} for key, name in sorted({run.identity: run.home.name for run in judgements}.items())
    ]


def _record(materials: Sequence[Material], page: Page) -> dict[str, Any]:
    """`report.json`: what the page was made of, and every test."""
    return {
        "format": REPORT_FORMAT,
        "title": page.title,
        "summary": page.summary,
        "parts": [
            {
                "title": material.title,
                "source": material.source,
                "distance": material.distance,
                "languages": list(material.languages),
                "systems": [
                    {"name": s.name, "source": s.source, "seeds": list(s.seeds), "signature": s.signature}
                    for s in material.systems
                ],
                "comparisons": [comparison.to_json() for comparison in material.comparisons.values()],
            }
            for material in materials
        ],
        "runs": _runs(materials),
        "tables": [table.name for table in tables(page)],
        "figures": [picture.name for picture in pictures(page)],
        "versions": software_versions(),
    }
