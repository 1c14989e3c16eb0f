"""A probe in a run's folder, made without a model."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from xlt_train.probing.distances import Distances
from xlt_train.probing.drawing import Dot
from xlt_train.probing.failures import Failures, Group
from xlt_train.probing.ranks import Rank
from xlt_train.probing.result import PROBE_FORMAT, AtDepth, LanguageProbe, Probe, write_probe

DEPTH = "final"


def _distances(value: float) -> Distances:
    return Distances(pairs=20, euclidean=value, quartiles=[value] * 3, linf=value / 2, inside=[0.25])


def made_probe(run: Path, *, languages: Sequence[str], shift: float) -> Path:
    """The distance of the k-th language is k times `shift`; of its 8 items right in the source 4 fail."""
    found = [
        LanguageProbe(
            language=language,
            file=f"test-{language}.tsv",
            sha256="a" * 64,
            texts=20,
            skipped=0,
            source_words=20,
            words=20,
            depths={
                DEPTH: AtDepth(
                    distances=_distances(k * shift), rank=Rank(words=20, pairs=20, mean=k * 2.0, reciprocal=0.5, first=0.5)
                )
            },
            failures=Failures(
                items=10,
                failed={DEPTH: Group(items=4, distances=_distances(k * shift + 1), items_inside=[0.0])},
                kept={DEPTH: Group(items=4, distances=_distances(k * shift), items_inside=[0.5])},
            ),
        )
        for k, language in enumerate(languages, 1)
    ]
    probe = Probe(
        format=PROBE_FORMAT,
        model={"kind": "run", "name": run.name},
        split="test",
        rows=None,
        columns={},
        source={"language": "en", "file": "test-en.tsv", "sha256": "a" * 64},
        settings={"depths": [DEPTH], "aligner": "mutual", "epsilons": [0.1], "norm": "linf"},
        evaluation=None,
        languages=found,
        synonyms=None,
        notes=[],
        device="cpu",
        versions={},
    )
    draw = np.random.default_rng(0)
    dots = []
    for item in range(12):
        vector = draw.normal(size=8).astype(np.float32)
        dots.append(Dot(f"word{item}", "en", "word", item, 0, None, 0, None, {DEPTH: vector}))
        if item % 3:  # some words have no partner
            at = {DEPTH: vector + np.float32(shift)}
            dots += [Dot(f"{name}{item}", name, "word", item, 0, None, 0, 0, at) for name in languages]
    folder = run / "probes" / probe.name
    write_probe(folder, probe, dots, (["sentence1", "sentence2"], ["sentence1", "sentence2"]))
    return folder
