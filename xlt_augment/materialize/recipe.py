"""The recipe: every setting that decides the rows of a dataset, and nothing else."""

from collections.abc import Mapping, Sequence
from typing import Any

from xlt_augment.canonical import sha256_json
from xlt_augment.perturb.operator import Operator
from xlt_augment.words.unicode import UNICODE_VERSION

# Huang et al. 2021: the arXiv version (section 4.2: m=10, p=0.1), and the EMNLP version with its released code, which
# redraws every word from its synonym set. Both cut at spaces and look words up as written.
PRESETS: Mapping[str, Mapping[str, Any]] = {
    "arxiv-v1": {"m": 10, "p": 0.1, "words": "space", "case": "exact"},
    "emnlp": {"m": 10, "p": "uniform", "words": "space", "case": "exact"},
}


def make_recipe(operator: Operator, *, m: int, seed: int, text_columns: Sequence[str]) -> dict[str, Any]:
    """The recipe as it stands in the manifest and goes into the logical hash."""
    return {**operator.recipe(), "m": m, "seed": seed, "text_columns": list(text_columns), "unicode": UNICODE_VERSION}


def build_id(recipe: Mapping[str, Any], source_sha256: str, synonyms_sha256: str | None, tokenizer_sha256: str | None) -> str:
    """Hex hash of recipe, source, synonym set and tokenizer: two builds with one id have the same rows."""
    parts = {"recipe": recipe, "source": source_sha256, "synonyms": synonyms_sha256}
    return sha256_json(parts | ({"tokenizer": tokenizer_sha256} if tokenizer_sha256 else {}))


def folder_name(source: str, recipe: Mapping[str, Any], digest: str) -> str:
    """Name of a dataset's folder: source, method, m, p and the first digits of its id."""
    short = source.encode()[:80].decode(errors="ignore")
    return f"{short}-{recipe['method']}-m{recipe['m']}-p{recipe['p']}-{digest[:8]}"
