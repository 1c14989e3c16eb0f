"""Judge vectors by people: Spearman's rank correlation of cosines with ratings of how similar two words are."""

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from xlt_augment.canonical import sha256_file
from xlt_augment.errors import UsageError
from xlt_augment.vectors.streams import refuse
from xlt_augment.vectors.word_vectors import WordVectors

_FIRST, _SECOND = {"word1", "word 1"}, {"word2", "word 2"}
_SCORE = {"simlex999", "human (mean)"}
_EXPECTED = "two words and a rating a line (SimLex-999 or WordSim-353), separated by tabs or commas"
_FEWEST = 3  # pairs: two always correlate perfectly


@dataclass(frozen=True, eq=False)
class Ratings:
    """Pairs of words in a file's order and people's ratings of them, float64 [P]; `name` is that of the file."""

    name: str
    sha256: str
    pairs: tuple[tuple[str, str], ...]
    scores: np.ndarray


def read_ratings(path: str | Path) -> Ratings:
    """Ratings of word pairs: SimLex-999 and WordSim-353 as distributed, or three columns without header; # begins a comment.

    Raises VectorError, naming FILE:LINE, for a line without two words and a finite number, and for a file without a pair.
    """
    path = Path(path)
    pairs: list[tuple[str, str]] = []
    scores: list[float] = []
    columns: tuple[int, int, int] | None = None
    for number, fields in _records(path):
        where = f"{path}:{number}"
        if columns is None:
            columns = _columns(where, fields)
            if _score(fields[columns[2]]) is None:
                continue
        if len(fields) <= max(columns):
            refuse(where, f"{len(fields)} field{'s' * (len(fields) != 1)}", _EXPECTED, "Repair that line")
        first, second, rating = (fields[c].strip() for c in columns)
        score = _score(rating)
        if score is None or not math.isfinite(score):
            refuse(where, f"the rating {rating!r}", "a finite number", "Repair that line")
        if not first or not second:
            refuse(where, "an empty word", "two words and a rating", "Repair that line")
        pairs.append((first, second))
        scores.append(score)
    if not pairs:
        refuse(str(path), "no pair of words", _EXPECTED, "Check the file")
    return Ratings(path.name, sha256_file(path), tuple(pairs), np.array(scores))


def _records(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Line numbers and fields; blank lines and comments left out."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        bad = error.object.count(b"\n", 0, error.start) + 1
        refuse(f"{path}:{bad}", f"{error.object[error.start : error.start + 4]!r}, not UTF-8", _EXPECTED, "Save it as UTF-8")
    except OSError as error:
        refuse(str(path), (error.strerror or str(error)).lower(), "a file of similarity ratings", "Check the path")
    for number, line in enumerate(text.split("\n"), start=1):
        line = line.removesuffix("\r")
        if line.strip() and not line.startswith("#"):
            yield number, line.split("\t") if "\t" in line else next(csv.reader([line]))


def _columns(where: str, fields: list[str]) -> tuple[int, int, int]:
    """Where the two words and the rating stand, by the first line: a header, or a pair."""
    names = [name.strip().lower() for name in fields]
    found = [next((k for k, name in enumerate(names) if name in known), None) for known in (_FIRST, _SECOND, _SCORE)]
    first, second, score = found
    if first is not None and second is not None and score is not None:
        return first, second, score
    if len(fields) == 3 and _score(fields[2]) is not None:
        return 0, 1, 2
    shown = ", ".join(fields)[:80]
    refuse(where, f"the line {shown!r}", f"a header that names word1, word2 and SimLex999, or {_EXPECTED}", "Check the file")


def _score(field: str) -> float | None:
    try:
        return float(field)
    except ValueError:
        return None


def evaluate(vectors: WordVectors, ratings: Ratings, matrix: np.ndarray | None = None) -> dict[str, Any]:
    """Spearman's ρ of the cosines of `matrix` ([V, D], else that of `vectors`) with the ratings, ties by mean rank.

    A word is looked up as written, then in lower case. Returns `rho`, rounded to 4 digits and None where fewer than 3 pairs are
    known or either side is constant; `pairs`, those used; `missing`, those with a word that has no vector.
    Raises UsageError where scipy is not installed.
    """
    matrix = vectors.matrix if matrix is None else matrix
    rows = [(_row(vectors, first), _row(vectors, second)) for first, second in ratings.pairs]
    known = [k for k, (left, right) in enumerate(rows) if left is not None and right is not None]
    scores = ratings.scores[known]
    facts = {"rho": None, "pairs": len(known), "missing": len(rows) - len(known)}
    if len(known) < _FEWEST:
        return facts
    left, right = (matrix[np.array([rows[k][side] for k in known], np.int64)].astype(np.float64) for side in (0, 1))
    norms = np.sqrt((left * left).sum(axis=1) * (right * right).sum(axis=1))
    cosines = np.divide((left * right).sum(axis=1), norms, out=np.zeros(len(known)), where=norms > 0)
    if np.ptp(cosines) == 0 or np.ptp(scores) == 0:
        return facts
    return facts | {"rho": round(_spearman(cosines, scores), 4)}


def _row(vectors: WordVectors, word: str) -> int | None:
    row = vectors.index.get(word)
    return vectors.index.get(word.lower()) if row is None else row


def _spearman(one: np.ndarray, other: np.ndarray) -> float:
    try:
        from scipy.stats import spearmanr
    except ImportError as error:
        raise UsageError(
            "loading scipy", found="no such package", expected="it installed", remedy="Run: pip install 'xlt[synonyms]'"
        ) from error
    return float(spearmanr(one, other).statistic)
