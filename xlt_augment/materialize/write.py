"""Do what was planned: read, perturb, tokenise, write and hash beside each other, then describe what is there."""

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from xlt_augment.canonical import canonical_json, pretty_json, sha256_file, sha256_json
from xlt_augment.content_hash import BLOCK_ROWS, ContentHasher, type_name
from xlt_augment.materialize.card import dataset_card
from xlt_augment.materialize.dataset import OURS, TOKENS, label_names
from xlt_augment.materialize.features import feature_of
from xlt_augment.materialize.manifest import (
    DATASET_FORMAT,
    MANIFEST_NAME,
    FileEntry,
    Manifest,
    software_versions,
    token_column,
)
from xlt_augment.materialize.pipeline import run_in_order
from xlt_augment.materialize.plan import Plan
from xlt_augment.materialize.shards import ShardWriter
from xlt_augment.materialize.statistics import Statistics
from xlt_augment.materialize.units import Result, Unit, cut_units, perturb_unit
from xlt_augment.sha256 import new_sha256, settle, works_in_pairs

Progress = Callable[[int], object]  # called with the number of rows that were written
Taker = Callable[[list[Result]], None]


def write_dataset(folder: Path, plan: Plan, threads: int, max_shard_size: int, progress: Progress) -> Manifest:
    """Write the dataset that `plan` describes into an empty folder, the manifest last. Raises SourceError and OSError."""
    m, text = int(plan.recipe["m"]), plan.corpus.columns.text
    ours = [(token_column(name), TOKENS) for name in text if plan.tokens] + list(OURS)
    features = plan.corpus.features() | {name: feature_of(kind) for name, kind in ours}
    schema = _schema(plan.corpus.columns.fields, ours, features)
    hasher, statistics = dataset_hasher(schema, m), Statistics(m)

    def make(unit: Unit) -> list[Result]:
        results = perturb_unit(unit, plan.operator, int(plan.recipe["seed"]), text, plan.tokens)
        return [result._replace(batch=result.batch.cast(schema)) for result in results]

    plan.operator.prepare()
    with ShardWriter(folder, schema, max_shard_size) as shards:
        takers = [*_writing(shards, hasher, schema), _counting(statistics, progress)]
        units = cut_units(plan.corpus.batches(), m, tokens=plan.tokens is not None)
        run_in_order(units, make, takers, threads=threads)
        data_files = shards.files()
    logical_hash = hasher.hexdigest(format=DATASET_FORMAT, recipe=plan.recipe)
    source = {name: getattr(plan.corpus, name) for name in ("name", "rows", "sha256", "label_names", "files")}
    parts: dict[str, Any] = {"recipe": plan.recipe, "source": source, "synonyms": plan.synonyms, "tokenizer": plan.tokenizer}
    software = software_versions(*(("tokenizers", "transformers") if plan.tokens else ()))
    parts |= {"logical_hash": logical_hash, "statistics": statistics.to_json(), "software": software}
    parts = json.loads(pretty_json(parts))  # as it will be read back: lists for tuples
    draft = Manifest(**parts, files=tuple(data_files))
    texts = {
        "state.json": pretty_json(_state(data_files, logical_hash)),
        "dataset_info.json": pretty_json(
            dict.fromkeys(("description", "citation", "homepage", "license"), "") | {"features": features}
        ),
        "README.md": dataset_card(draft, folder, plan.corpus.columns.text).encode(),
    }
    for name, content in texts.items():
        (folder / name).write_bytes(content)
    others = [FileEntry(name, len(content), None, sha256_file(folder / name)) for name, content in texts.items()]
    manifest = Manifest(**parts, files=(*data_files, *others))
    (folder / MANIFEST_NAME).write_bytes(manifest.to_bytes())
    return manifest


def _schema(fields: Sequence[pa.Field], ours: Sequence[tuple[str, pa.DataType]], features: dict[str, Any]) -> pa.Schema:
    kinds = [(f.name, f.type) for f in fields] + list(ours)
    return pa.schema(kinds, metadata={"huggingface": json.dumps({"info": {"features": features}})})


def dataset_hasher(schema: pa.Schema, m: int) -> ContentHasher:
    """Hasher of a dataset's rows for the logical hash; class names are part of a type, blocks are cut by source rows."""
    names = label_names(schema)
    label = {"label": f"class_label<{canonical_json(names).decode()}>"} if names else {}
    return ContentHasher([(f.name, label.get(f.name) or type_name(f.type)) for f in schema], BLOCK_ROWS * (m + 1), new_sha256)


def _state(data_files: Sequence[FileEntry], logical_hash: str) -> dict[str, Any]:
    return {
        "_data_files": [{"filename": entry.path} for entry in data_files],
        "_fingerprint": sha256_json([logical_hash, [entry.sha256 for entry in data_files]])[:16],
        "_format_columns": None,
        "_format_kwargs": {},
        "_format_type": None,
        "_output_all_columns": False,
        "_split": None,
    }


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
