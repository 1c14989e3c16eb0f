"""How a model is probed, checked before it is loaded."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from xlt_train.errors import UsageError
from xlt_train.perturbation.depth import EMBEDDINGS, FINAL, check_depth
from xlt_train.probing.aligners import Aligner
from xlt_train.probing.programs import choose_aligner
from xlt_train.probing.subject import Subject

GRID = (0.001, 0.01, 0.1, 1.0)  # radii that the papers searched
NORMS = ("linf", "l2")
DEPTHS = (EMBEDDINGS, FINAL)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """`align_depth`: where the aligner's vectors are from, None for an aligner without; "auto" until the model is known.

    `sentences`: texts that words are ranked in; `words`: how many are drawn; `norm` and `epsilons`: the balls that distances
    are held against.
    """

    depths: tuple[str, ...]
    aligner: Aligner
    align_depth: str | None
    sentences: int
    words: int
    norm: str
    epsilons: tuple[float, ...]

    @classmethod
    def of(
        cls,
        subject: Subject,
        *,
        depth: str | Sequence[str],
        aligner: str,
        align_depth: str | None,
        sentences: int,
        words: int,
        norm: str | None,
        epsilon: float | Sequence[float] | None,
    ) -> "Settings":
        """Without `epsilon`, the ball that the run's method trained in, else the grid of the papers. Raises UsageError."""
        depths = tuple(dict.fromkeys(part.strip() for part in depth.split(",")) if isinstance(depth, str) else depth)
        for one in (*depths, *filter(None, [align_depth])):
            check_depth(one)
        if min(sentences, words) < 1:
            raise _wrong("the sample", f"{sentences} sentences, {words} words", "at least 1 of each", "--sentences and --words")
        chosen = choose_aligner(aligner)
        if align_depth is not None and not chosen.uses_vectors:
            raise _wrong(
                "--align-depth", f"--aligner {aligner}", "an aligner that uses the model's vectors", "--aligner mutual"
            )
        own_norm, own = subject.regions
        given = [epsilon] if isinstance(epsilon, int | float) else epsilon
        radii = tuple(sorted({float(radius) for radius in (own or GRID if given is None else given)}))
        if not radii or not all(math.isfinite(radius) and radius >= 0 for radius in radii):
            raise _wrong("--epsilon", f"{given}", "numbers of at least 0", "--epsilon 0.01,0.1")
        norm = norm or own_norm or NORMS[0]
        if norm not in NORMS:
            raise _wrong("--norm", norm, " or ".join(NORMS), f"--norm {NORMS[0]}")
        return cls(
            depths=depths,
            aligner=chosen,
            align_depth=(align_depth or "auto") if chosen.uses_vectors else None,
            sentences=sentences,
            words=words,
            norm=norm,
            epsilons=radii,
        )

    @property
    def all_depths(self) -> tuple[str, ...]:
        """Every depth that is read."""
        return tuple(dict.fromkeys((*self.depths, *filter(None, [self.align_depth]))))

    def to_json(self, max_length: int) -> dict[str, Any]:
        """As it stands in `probe.json`."""
        return {
            "depths": list(self.depths),
            "aligner": self.aligner.name,
            "align_depth": self.align_depth,
            "sentences": self.sentences,
            "words": self.words,
            "norm": self.norm,
            "epsilons": list(self.epsilons),
            "max_length": max_length,
        }


def _wrong(what: str, found: str, expected: str, remedy: str) -> UsageError:
    return UsageError(f"reading {what}", found=found, expected=expected, remedy=f"Give for example {remedy}")
