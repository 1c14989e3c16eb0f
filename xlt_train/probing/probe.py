"""`probe`: the embedding space of a model at the words of parallel sentences, the whole way."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from xlt_train.data.dataset import TrainingSet
from xlt_train.data.examples import Layout
from xlt_train.data.parallel import AUTO
from xlt_train.errors import RunError, UsageError
from xlt_train.evaluation.predict import pick_device
from xlt_train.evaluation.result import run_of
from xlt_train.probing.compare import Compared, compare, in_words
from xlt_train.probing.distances import linked_rows, measured
from xlt_train.probing.drawing import Dot, synonym_dots
from xlt_train.probing.failures import Judged, judged_before, transfer_failures
from xlt_train.probing.ranks import Rank, translation_ranks
from xlt_train.probing.result import PROBE_FORMAT, AtDepth, LanguageProbe, Probe, SynonymProbe, write_probe
from xlt_train.probing.settings import DEPTHS, Settings
from xlt_train.probing.space import Space, sites_of
from xlt_train.probing.subject import Subject
from xlt_train.probing.synonyms import Replaced, replaced_words
from xlt_train.probing.texts import Key, Parallel
from xlt_train.probing.words import Sentence
from xlt_train.runs.record import software_versions

if TYPE_CHECKING:
    import torch

PROBES = "probes"
_NO_LABELS = "a file of the evaluation has no labels: no failures"


@dataclass(frozen=True)
class _Task:
    """All that is to be done, checked."""

    subject: Subject
    settings: Settings
    layout: Layout
    tests: Parallel
    judged: Judged | None
    replaced: tuple[TrainingSet, list[Replaced]] | None
    device: "torch.device"


@dataclass(frozen=True, kw_only=True)
class Probed:
    """A probe and the folder that it was written to."""

    path: Path
    probe: Probe


def probe(
    run: str | Path,
    test_dir: str | Path,
    *,
    base: bool = False,
    split: str = AUTO,
    rows: tuple[int, int] | None = None,
    columns: Sequence[str] | None = None,
    text_columns: Sequence[str] | None = None,
    source: str = "en",
    depth: str | Sequence[str] = DEPTHS,
    sentences: int = 500,
    words: int = 100,
    aligner: str = "mutual",
    align_depth: str | None = None,
    epsilon: float | Sequence[float] | None = None,
    norm: str | None = None,
    data: str | Path | None = None,
    failures: bool = True,
    batch_size: int = 64,
    device: str = "auto",
    out: str | Path | None = None,
    progress: Callable[[int, int], object] = lambda done, total: None,
) -> Probed:
    """Distances of aligned words between `source` and every other `SPLIT-LANG` file of `test_dir`, ranks, transfer failures.

    `run`: a run folder or checkpoint (`base`: the model that it was trained from), or any encoder's name or folder. `depth`:
    where vectors are read, `align_depth` those of the aligner. `sentences`: texts that words are ranked in; `words`: how many
    are drawn. `epsilon`, `norm`: the balls that distances are held against. `data`: a synonym dataset whose replaced words are
    drawn too. Results go to `out`, by default to the run's `probes`. `progress` hears of texts done, of how many. Raises an
    XltError for what cannot be used; all of the input is checked before a model is loaded.
    """
    subject = Subject.of(str(run), base=base)
    place = _place(subject, out)
    settings = Settings.of(
        subject,
        depth=depth,
        aligner=aligner,
        align_depth=align_depth,
        sentences=sentences,
        words=words,
        norm=norm,
        epsilon=epsilon,
    )
    layout = Layout.of(subject.text_columns, columns=columns, text_columns=text_columns, label_column="label")
    tests = Parallel.read(test_dir, split, layout, rows, source)
    judged = _judged(subject, tests, layout) if failures else None
    replaced = replaced_words(data, words) if data is not None else None
    task = _Task(subject, settings, layout, tests, judged, replaced, pick_device(device))
    result, dots = _found(task, {"split": tests.split, "rows": rows and list(rows)}, batch_size, progress)
    return _written(task, place, result, dots)


def _place(subject: Subject, out: str | Path | None) -> Path | None:
    """Where to write, None for a folder of the run that the result names. Raises UsageError, RunError."""
    if out is None:
        if subject.folder is None:
            raise UsageError(
                f"probing {subject.name}",
                found="a model that is no run, and no place for the results",
                expected="--out",
                remedy="Give --out FOLDER",
            )
        return None
    if Path(out).exists():
        raise RunError(
            f"writing the probe to {out}",
            found="a folder that is there already",
            expected="a new one",
            remedy="Choose another --out",
        )
    return Path(out)


def _judged(subject: Subject, tests: Parallel, layout: Layout) -> Judged | None:
    """The predictions of a run; there are none of a base or of a plain model."""
    if subject.kind != "run" or subject.folder is None or subject.record is None:
        return None
    return judged_before(subject.folder, run_of(subject.record, subject.folder), tests, layout)


def _found(
    task: _Task, asked: dict[str, Any], batch_size: int, progress: Callable[[int, int], object]
) -> tuple[Probe, list[Dot]]:
    """Load the model, compare, and put everything down."""
    loaded = task.subject.load()
    loaded.model.to(task.device)  # type: ignore[arg-type]
    settings, sites = sites_of(loaded, task.settings)
    done, total = 0, 0

    def count(texts: int) -> None:
        nonlocal done
        progress(done := done + texts, total)

    space = Space(loaded, sites, batch_size, count)
    cut = in_words(space, task.tests)
    total = sum(map(len, cut.values())) + (2 * len(task.replaced[1]) if task.replaced else 0)
    found = compare(space, cut, task.tests.source, settings)
    synonyms, more = _synonyms(space, task.replaced, settings, task.tests.source) if task.replaced else (None, [])
    columns, judged = task.layout.columns, task.judged
    result = Probe(
        format=PROBE_FORMAT,
        model=task.subject.described(),
        **asked,
        columns={"columns": columns and list(columns), "text_columns": list(task.layout.text_columns)},
        source=_file(task.tests, task.tests.source),
        settings=settings.to_json(loaded.max_length),
        evaluation=judged.name if judged else None,
        languages=[_language(task, language, cut, found, settings) for language in task.tests.targets],
        synonyms=synonyms,
        notes=[
            note for note in (loaded.note, task.tests.note, _NO_LABELS if judged and judged.right is None else None) if note
        ],
        device=str(task.device),
        versions=software_versions(),
    )
    return result, [*found.drawing.dots(), *more]


def _file(tests: Parallel, language: str) -> dict[str, Any]:
    return {"language": language, "file": tests.files[language].path.name, "sha256": tests.files[language].sha256}


def _language(
    task: _Task, language: str, cut: Mapping[str, Mapping[Key, Sentence]], found: Compared, settings: Settings
) -> LanguageProbe:
    """All figures of one language."""
    source, own, other = task.tests.source, cut[task.tests.source], cut[language]
    both, pairs = own.keys() & other.keys(), found.pairs[language]
    norm, epsilons = settings.norm, settings.epsilons
    failures = None
    if task.judged is not None and task.judged.right is not None:
        failures = transfer_failures(pairs, task.judged.right[source], task.judged.right[language], norm, epsilons)
    return LanguageProbe(
        **_file(task.tests, language),
        texts=len(both),
        skipped=len(task.tests.items) * len(task.layout.text_columns) - len(both),
        source_words=sum(len(own[key].words) for key in both),
        words=sum(len(other[key].words) for key in both),
        depths={
            depth: AtDepth(distances=pairs.figures(depth, norm, epsilons), rank=found.ranks[language][depth])
            for depth in settings.depths
        },
        failures=failures,
    )


def _synonyms(
    space: Space, replaced: tuple[TrainingSet, list[Replaced]], settings: Settings, language: str
) -> tuple[SynonymProbe, list[Dot]]:
    """Replaced words and their synonyms, each in its own sentence, as if they were words of two languages."""
    data, found = replaced
    originals = space.words_at([one.original for one in found], [one.before for one in found])
    variants = space.words_at([one.variant for one in found], [one.behind for one in found])
    before, behind = space.read(originals), space.read(variants)
    kept = [
        (text, word)
        for text, one in enumerate(found)
        for word in range(len(one.positions))
        if (originals[text].owners == word).any() and (variants[text].owners == word).any()  # not cut off
    ]
    rows = np.array([before.starts[text] + word for text, word in kept], np.int64)
    links = [np.array([(word, word) for k, word in kept if k == text], np.int64).reshape(-1, 2) for text in range(len(found))]
    places, both = linked_rows(originals, links, (before.starts, behind.starts))
    pairs = measured(places, both, before, behind, settings.depths)
    words, truth = [variants[text].words[word] for text, word in kept], np.arange(len(kept))
    depths = {}
    for depth in settings.depths:
        ranks = translation_ranks(before.by_depth[depth][rows], behind.by_depth[depth][rows], words, truth)
        distances = pairs.figures(depth, settings.norm, settings.epsilons)
        depths[depth] = AtDepth(distances=distances, rank=Rank.of(ranks, len(set(words))))
    about = {"name": data.path.name, "logical_hash": data.manifest.logical_hash}
    dots = synonym_dots(found, language, before, behind, kept, settings.depths)
    return SynonymProbe(dataset=about, pairs=len(kept), depths=depths), dots


def _written(task: _Task, place: Path | None, result: Probe, dots: Sequence[Dot]) -> Probed:
    names = (task.layout.text_columns, task.replaced[0].manifest.text_columns if task.replaced else ())
    folder = place if place is not None else Path(task.subject.folder or ".") / PROBES / result.name
    try:
        write_probe(folder, result, dots, names)
    except OSError as error:
        raise RunError(
            f"writing the probe to {folder}",
            found=error.strerror or str(error),
            expected="room and access",
            remedy="Choose another --out",
        ) from error
    return Probed(path=folder, probe=result)
