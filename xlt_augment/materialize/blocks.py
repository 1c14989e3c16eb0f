"""The work of a build on a run of whole hash blocks: what one process does alone, and what many divide among themselves."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from xlt_augment.canonical import canonical_json
from xlt_augment.content_hash import BLOCK_ROWS, ContentHasher, type_name
from xlt_augment.materialize.corpus import Corpus
from xlt_augment.materialize.dataset import OURS, TOKENS, label_names
from xlt_augment.materialize.features import feature_of
from xlt_augment.materialize.manifest import FileEntry, token_column
from xlt_augment.materialize.pipeline import run_in_order
from xlt_augment.materialize.plan import Plan
from xlt_augment.materialize.shards import ShardWriter
from xlt_augment.materialize.statistics import Statistics
from xlt_augment.materialize.units import Result, Unit, cut_units, perturb_unit
from xlt_augment.perturb.operator import Operator
from xlt_augment.sha256 import new_sha256, settle, works_in_pairs
from xlt_augment.tokens.word_ids import WordIds

Progress = Callable[[int], object]  # called with the number of rows that were written
Taker = Callable[[list[Result]], None]


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is to be written, whole and picklable: rows of `corpus` in `m` variants, by `schema`."""

    corpus: Corpus
    operator: Operator
    m: int
    seed: int
    tokens: WordIds | None
    features: dict[str, Any]
    schema: pa.Schema
    max_shard_size: int

    @classmethod
    def of(cls, plan: Plan, max_shard_size: int) -> "Job":
        """The work that a plan asks for."""
        corpus = plan.corpus
        ours = [(token_column(name), TOKENS) for name in corpus.columns.text if plan.tokens] + list(OURS)
        features = corpus.features() | {name: feature_of(kind) for name, kind in ours}
        return cls(
            corpus=corpus, operator=plan.operator, m=int(plan.recipe["m"]), seed=int(plan.recipe["seed"]), tokens=plan.tokens,
            features=features, schema=_schema(corpus.columns.fields, ours, features), max_shard_size=max_shard_size,
        )  # fmt: skip


class Written(NamedTuple):
    """What lies there after a run of blocks: its files in order, the hash of each block, and the counts of its rows."""

    files: list[FileEntry]
    blocks: list[str]
    counts: dict[str, int]


def write_blocks(
    folder: Path, name: str, job: Job, *, first: int = 0, stop: int | None = None, threads: int = 1,
    progress: Progress = lambda rows: None,
) -> Written:  # fmt: skip
    """Write the hash blocks `first <= k < stop`, or all, into files `NAME-K.partial` of `folder`.

    A block's bytes depend on its rows alone, so any division of the blocks among processes gives the same files. Raises
    SourceError and OSError.
    """
    hasher, statistics = dataset_hasher(job.schema, job.m), Statistics(job.m)

    def make(unit: Unit) -> list[Result]:
        results = perturb_unit(unit, job.operator, job.seed, job.corpus.columns.text, job.tokens)
        return [result._replace(batch=result.batch.cast(job.schema)) for result in results]

    job.operator.prepare()
    block_rows = BLOCK_ROWS * (job.m + 1)
    with ShardWriter(folder, name, job.schema, max_bytes=job.max_shard_size, block_rows=block_rows) as shards:
        takers = [*_writing(shards, hasher, job.schema), _counting(statistics, progress)]
        batches = job.corpus.batches(first, stop)
        units = cut_units(batches, job.m, first_id=first * BLOCK_ROWS, tokens=job.tokens is not None)
        run_in_order(units, make, takers, threads=threads)
        return Written(shards.files(), hasher.blocks(), statistics.counts)


def join(parts: Iterable[Written]) -> Written:
    """Runs of blocks that follow one another as one."""
    files: list[FileEntry] = []
    blocks: list[str] = []
    statistics = Statistics(0)
    for part in parts:
        files += part.files
        blocks += part.blocks
        statistics.add_counts(part.counts)
    return Written(files, blocks, statistics.counts)


def _schema(fields: Sequence[pa.Field], ours: Sequence[tuple[str, pa.DataType]], features: dict[str, Any]) -> pa.Schema:
    kinds = [(f.name, f.type) for f in fields] + list(ours)
    return pa.schema(kinds, metadata={"huggingface": json.dumps({"info": {"features": features}})})


def dataset_hasher(schema: pa.Schema, m: int) -> ContentHasher:
    """Hasher of a dataset's rows for the logical hash; class names are part of a type, blocks are cut by source rows."""
    names = label_names(schema)
    label = {"label": f"class_label<{canonical_json(names).decode()}>"} if names else {}
    return ContentHasher([(f.name, label.get(f.name) or type_name(f.type)) for f in schema], BLOCK_ROWS * (m + 1), new_sha256)


def _each(take: Callable[[pa.RecordBatch], object]) -> Taker:
    def taker(results: list[Result]) -> None:
        for result in results:
            take(result.batch)

    return taker


def _writing(shards: ShardWriter, hasher: ContentHasher, schema: pa.Schema) -> list[Taker]:
    """Write, hash the files, hash the content: in one taker where two hashes go in the time of one, else in many."""
    if not works_in_pairs():
        return [_each(shards.write), *_hashing(hasher, schema)]

    def write(batch: pa.RecordBatch) -> None:
        shards.write(batch)
        hasher.update(batch)
        settle((*shards.open(), *hasher.open()))

    return [_each(write)]


def _hashing(hasher: ContentHasher, schema: pa.Schema) -> list[Taker]:
    """One taker for each column of texts or token ids, which are the large ones, and one for the others."""
    large = [[k] for k, field in enumerate(schema) if field.type in (pa.string(), TOKENS)]
    small = [k for k in range(len(schema)) if [k] not in large]

    def hash_columns(columns: list[int], batch: pa.RecordBatch) -> None:
        for k in columns:
            hasher.columns[k].update(batch.column(k))

    return [_each(partial(hash_columns, columns)) for columns in (*large, small)]


def _counting(statistics: Statistics, progress: Progress) -> Taker:
    def count(results: list[Result]) -> None:
        for result in results:
            statistics.add(result)
            progress(result.batch.num_rows)

    return count
