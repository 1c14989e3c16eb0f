"""Vectors and constraints in, a synonym set out: the recipe of it all."""

import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from xlt_augment.counterfit.constraints import Constraints, PairList, resolve
from xlt_augment.counterfit.filters import Filters, Relations, Vocabulary
from xlt_augment.counterfit.fit import CounterFit, Fitted, Terms, counter_fit
from xlt_augment.counterfit.kernel_dot import norms
from xlt_augment.counterfit.kernel_search import pair_dots
from xlt_augment.counterfit.lexicon import Lexicon
from xlt_augment.counterfit.neighbors import Neighborhood, Neighbors, find_neighbors
from xlt_augment.counterfit.pair_origins import pair_origins
from xlt_augment.counterfit.search import Nearest, nearest
from xlt_augment.counterfit.wordnet import WordNet
from xlt_augment.errors import UsageError
from xlt_augment.synonyms.synonym_set import SynonymSet
from xlt_augment.synonyms.table import table_from_rows
from xlt_augment.vectors.similarity import evaluate, read_ratings
from xlt_augment.vectors.word_vectors import WordVectors


@dataclass(frozen=True, kw_only=True)
class SynonymRecipe:
    """Settings of a synonym set. `senses` and `inflect` say which pairs WordNet gives: of the most frequent senses of a word,
    and of the inflected forms too. `language`: ISO 639-1, recorded, and the key to stemmer and word lists."""

    language: str = "en"
    senses: int = 2
    share: float = 0.0
    inflect: bool = True
    counter_fit: CounterFit = field(default_factory=CounterFit)
    neighbors: Neighborhood = field(default_factory=Neighborhood)
    filters: Filters = field(default_factory=Filters)

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise UsageError("reading --share", found=str(self.share), expected="a number from 0 to 1", remedy="Lower it")


class Steps(Protocol):
    """What `build_synonyms` tells about its progress."""

    def stage(self, name: str) -> None:
        """A stage begins."""

    def fitted(self, terms: Terms) -> None:
        """The terms before a step of counter-fitting, or after the last."""


class Built(NamedTuple):
    """The set, the counter-fitted vectors, and the terms of each step."""

    synonyms: SynonymSet
    vectors: WordVectors
    terms: tuple[Terms, ...]


def build_synonyms(
    vectors: WordVectors,
    known: Lexicon,
    *,
    synonyms: Sequence[PairList] = (),
    antonyms: Sequence[PairList] = (),
    wordnet: WordNet | None = None,
    recipe: SynonymRecipe | None = None,
    ratings: Sequence[str | Path] = (),
    threads: int | None = None,
    name: str = "synonyms",
    steps: Steps | None = None,
    search: Callable[..., Nearest] = nearest,
) -> Built:
    """A synonym set from vectors and pairs; the same for any number of threads, and for any `search` that does what
    `search.nearest` does.

    `ratings` are files of word similarities that the vectors are judged by before and after. Raises ConstraintError,
    VectorError, UsageError or SynonymError, each before anything is written.
    """
    recipe = recipe or SynonymRecipe()
    stage, fitted_step = (steps.stage, steps.fitted) if steps else (_silent, _silent)
    recipe.filters.check(known)
    judges = [read_ratings(path) for path in ratings]
    if wordnet:
        stage("pairs of WordNet")
        more = wordnet.pair_lists(vectors.words, senses=recipe.senses, share=recipe.share, inflect=recipe.inflect)
        synonyms, antonyms = [*synonyms, more[0]], [*antonyms, more[1]]
    constraints = resolve(vectors.index, synonyms, antonyms)
    stage("counter-fitting")
    fitted = counter_fit(
        vectors.matrix, constraints.synonyms, constraints.antonyms, recipe.counter_fit,
        threads=threads, progress=fitted_step,
    )  # fmt: skip
    stage("neighbors")
    vocabulary = Vocabulary(vectors.words, vectors.ranks, known)
    ranks = dict(zip(vectors.words, vectors.ranks.tolist()))
    relations = Relations.of(known, [p for source in antonyms for p in source.pairs], ranks)
    found = find_neighbors(fitted.matrix, vocabulary, relations, recipe.neighbors, recipe.filters, search)
    made = _made(vectors, known, constraints, fitted, found, recipe)
    for when, matrix in (("before", vectors.matrix), ("after", fitted.matrix)):
        made[f"similarity_{when}"] = {
            _label(path, ratings): evaluate(vectors, judge, matrix) | {"sha256": judge.sha256}
            for path, judge in zip(ratings, judges)
        }
    rows = [(word, [n for n, _ in row], [d for _, d in row]) for word, row in sorted(found.rows.items())]
    pairs = [(word, neighbor) for word, neighbors, _ in rows for neighbor in neighbors]
    origins = pair_origins(vectors, pairs, synonyms, constraints, recipe.neighbors.metric)
    fitted_vectors = WordVectors(vectors.words, fitted.matrix, vectors.ranks, vectors.made | {"counter_fitted": True})
    return Built(SynonymSet(table_from_rows(rows), name, made, origins=origins), fitted_vectors, fitted.terms)


def _label(path: str | Path, paths: Sequence[str | Path]) -> str:
    """The name of a file; its path where several have that name."""
    name = Path(path).name
    return name if sum(Path(other).name == name for other in paths) == 1 else str(path)


def _silent(_: object) -> None:
    """Nobody listens."""


def _made(
    vectors: WordVectors, known: Lexicon, constraints: Constraints, fitted: Fitted, found: Neighbors, recipe: SynonymRecipe
) -> dict[str, Any]:
    settings = asdict(recipe)
    return {
        "command": "build",
        "language": recipe.language,
        "vectors": vectors.made,
        "constraints": constraints.made,
        "counter_fit": settings["counter_fit"]
        | {"vsp_pairs": fitted.vsp_pairs, "terms": [terms._asdict() for terms in fitted.terms]},
        "pairs_with_cosine_above_half": _apart(vectors.matrix, fitted.matrix, constraints),
        "neighbors": settings["neighbors"] | {"threshold": recipe.neighbors.within, "candidates": recipe.neighbors.looked_at},
        "filters": settings["filters"] | {"lexicon": known.made, "counts": found.counts},
        "software": {"python": platform.python_version()}
        | {package: version(package) for package in ("xlt", "numpy", "numba", "scipy", "gensim", "nltk")},
    }


def _apart(before: np.ndarray, after: np.ndarray, constraints: Constraints) -> dict[str, Any]:
    """Share of the constraint pairs with a cosine above 0.5, before and after."""
    shares: dict[str, Any] = {}
    for kind, pairs in (("antonyms", constraints.antonyms), ("synonyms", constraints.synonyms)):
        for when, matrix in (("before", before), ("after", after)):
            lengths = norms(matrix)
            cosines = pair_dots(matrix, pairs) / (lengths[pairs[:, 0]] * lengths[pairs[:, 1]])
            shares[f"{kind}_{when}"] = round(float((cosines > 0.5).mean()), 4) if len(pairs) else None
    return shares
