"""What a build would do, checked before anything is written."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xlt_augment.canonical import sha256_file
from xlt_augment.errors import DatasetError, SourceError
from xlt_augment.materialize.corpus import Corpus, open_corpus
from xlt_augment.materialize.manifest import Manifest, token_column
from xlt_augment.materialize.publish import check_target
from xlt_augment.materialize.recipe import build_id, folder_name, make_recipe
from xlt_augment.perturb.augment import check_variants
from xlt_augment.perturb.operator import Operator
from xlt_augment.perturb.rng import check_seed
from xlt_augment.perturb.substitute import Substitute
from xlt_augment.tokens.tokenizer import Tokenizer, open_tokenizer
from xlt_augment.tokens.word_ids import WordIds
from xlt_augment.words.texts import Texts


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A build that was checked and not yet done.

    `tokens` makes the token columns, where they are wanted; `digest` is its id (`build_id`); `named` whether the target's
    name comes from it; `existing` is set when `target` holds that very dataset already.
    """

    corpus: Corpus
    operator: Operator
    recipe: dict[str, Any]
    synonyms: dict[str, Any] | None
    tokens: WordIds | None
    target: Path
    digest: str
    named: bool
    existing: Manifest | None

    @property
    def rows(self) -> int:
        """Rows of the dataset."""
        return self.corpus.rows * (int(self.recipe["m"]) + 1)

    @property
    def n_bytes(self) -> int:
        """About how many bytes the dataset takes."""
        per_byte = 2 if self.tokens else 1  # the ids take about as much as the texts
        return per_byte * self.corpus.n_bytes * (int(self.recipe["m"]) + 1) + 14 * self.rows

    @property
    def tokenizer(self) -> dict[str, Any] | None:
        """The manifest's entry on the tokenizer, None without one."""
        if self.tokens is None:
            return None
        columns = {name: token_column(name) for name in self.corpus.columns.text}
        used = self.tokens.tokenizer
        return {"name": used.name, "sha256": used.sha256, "columns": columns, "by": self.tokens.by}


def plan_build(
    source: str | Path,
    operator: Operator,
    *,
    m: int = 10,
    seed: int = 0,
    tokenizer: str | Path | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    num_proc: int | None = None,
    **reading: Any,
) -> Plan:
    """Check everything that `build` would do, reading the source once. Raises like `build`; writes nothing."""
    m, seed = check_variants(m), check_seed(seed)
    if out is not None:
        check_target(Path(out), overwrite=overwrite)
    opened = None if tokenizer is None else open_tokenizer(str(tokenizer))
    corpus = open_corpus(source, threads=thread_count(num_proc), **reading)
    tokens = None if opened is None else _tokens(opened, corpus)
    recipe = make_recipe(operator, m=m, seed=seed, text_columns=corpus.columns.text)
    synonyms = None
    if isinstance(operator, Substitute):
        synonyms = {"name": operator.synonyms.name, "sha256": operator.synonyms.sha256}
    hashes = synonyms["sha256"] if synonyms else None, opened.sha256 if opened else None
    digest = build_id(recipe, corpus.sha256, *hashes)
    target = Path(out) if out is not None else Path(folder_name(corpus.name, recipe, digest))
    existing = existing_build(target, digest) if out is None and not overwrite else None
    if existing is None:
        check_target(target, overwrite=overwrite)
    return Plan(
        corpus=corpus, operator=operator, recipe=recipe, synonyms=synonyms, tokens=tokens, target=target, digest=digest,
        named=out is None, existing=existing,
    )  # fmt: skip


def _tokens(tokenizer: Tokenizer, corpus: Corpus) -> WordIds:
    """What makes the token columns, tried out on the first texts. Raises SourceError where a column has the name of one."""
    names = {token_column(name) for name in corpus.columns.text}
    if taken := [field.name for field in corpus.columns.fields if field.name in names]:
        raise SourceError(
            f"adding token columns to {corpus.name}",
            found=f"a column {taken[0]!r} of its own",
            expected="none of that name",
            remedy="Rename or drop that column, or leave out --tokenizer",
        )
    tokens, head = WordIds(tokenizer), next(corpus.batches())
    for name in corpus.columns.text:
        tokens.check(Texts.from_arrow(head[name]))
    return tokens


def thread_count(num_proc: int | None) -> int:
    """How many threads to work with: as many as asked for, at most the cores, which are the default."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(num_proc or cores, cores))


def existing_build(target: Path, digest: str) -> Manifest | None:
    """The manifest of that very dataset, if it stands at `target` and all its files have their sha256."""
    try:
        found = Manifest.read(target)
    except DatasetError:
        return None
    hashes = ((part or {}).get("sha256") for part in (found.synonyms, found.tokenizer))
    same = build_id(found.recipe, found.source["sha256"], *hashes) == digest
    whole = all((target / f.path).is_file() and sha256_file(target / f.path) == f.sha256 for f in found.files)
    return found if same and whole else None
