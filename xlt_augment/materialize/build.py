"""`build`: a corpus and a synonym set go in, a dataset folder comes out."""

import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from xlt_augment.canonical import canonical_json, pretty_json, sha256_file, sha256_json
from xlt_augment.content_hash import BLOCK_ROWS, ContentHasher, type_name
from xlt_augment.errors import DatasetError, OutputError, UsageError
from xlt_augment.materialize.card import dataset_card
from xlt_augment.materialize.corpus import Corpus, open_corpus
from xlt_augment.materialize.dataset import OURS, label_names
from xlt_augment.materialize.features import feature_of
from xlt_augment.materialize.manifest import DATASET_FORMAT, MANIFEST_NAME, FileEntry, Manifest, software_versions
from xlt_augment.materialize.pipeline import run_in_order
from xlt_augment.materialize.publish import check_target, new_folder
from xlt_augment.materialize.recipe import build_id, folder_name, make_recipe
from xlt_augment.materialize.shards import ShardWriter
from xlt_augment.materialize.statistics import Statistics
from xlt_augment.materialize.units import Result, Unit, cut_units, perturb_unit
from xlt_augment.perturb.augment import check_variants
from xlt_augment.perturb.operator import Operator
from xlt_augment.perturb.rng import check_seed
from xlt_augment.perturb.substitute import Substitute

DEFAULT_SHARD_BYTES = 500 << 20
Progress = Callable[[int], object]  # called with the number of rows that were written


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A build that was checked and not yet done.

    `digest` is its id (`build_id`); `named` whether the target's name comes from it; `existing` is set when `target`
    holds that very dataset already.
    """

    corpus: Corpus
    operator: Operator
    recipe: dict[str, Any]
    synonyms: dict[str, Any] | None
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
        return self.corpus.n_bytes * (int(self.recipe["m"]) + 1) + 14 * self.rows


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a build left: the folder, its manifest, the time it took, and whether it had been there before."""

    path: Path
    manifest: Manifest
    seconds: float
    existed: bool


def build(
    source: str | Path,
    operator: Operator,
    *,
    m: int = 10,
    seed: int = 0,
    out: str | Path | None = None,
    overwrite: bool = False,
    num_proc: int | None = None,
    max_shard_size: int = DEFAULT_SHARD_BYTES,
    **reading: Any,
) -> Report:
    """Write the m-way dataset of a source; `reading` are the options of `open_corpus`.

    Without `out` the folder lies here, is named after source and recipe, and is taken as it is when that very dataset is
    there already. The result does not depend on `num_proc` (threads, at most the cores, which are the default) nor on
    `max_shard_size` (bytes).
    Raises UsageError, SourceError and OutputError; nothing half-written is ever left under the final name.
    """
    plan = plan_build(source, operator, m=m, seed=seed, out=out, overwrite=overwrite, **reading)
    return run_build(plan, overwrite=overwrite, num_proc=num_proc, max_shard_size=max_shard_size)


def plan_build(
    source: str | Path,
    operator: Operator,
    *,
    m: int = 10,
    seed: int = 0,
    out: str | Path | None = None,
    overwrite: bool = False,
    **reading: Any,
) -> Plan:
    """Check everything that `build` would do, reading the source once. Raises like `build`; writes nothing."""
    m, seed = check_variants(m), check_seed(seed)
    if out is not None:
        check_target(Path(out), overwrite=overwrite)
    corpus = open_corpus(source, **reading)
    recipe = make_recipe(operator, m=m, seed=seed, text_columns=corpus.columns.text)
    synonyms = None
    if isinstance(operator, Substitute):
        synonyms = {"name": operator.synonyms.name, "sha256": operator.synonyms.sha256}
    digest = build_id(recipe, corpus.sha256, synonyms["sha256"] if synonyms else None)
    target = Path(out) if out is not None else Path(folder_name(corpus.name, recipe, digest))
    existing = _existing(target, digest) if out is None and not overwrite else None
    if existing is None:
        check_target(target, overwrite=overwrite)
    return Plan(
        corpus=corpus, operator=operator, recipe=recipe, synonyms=synonyms, target=target, digest=digest,
        named=out is None, existing=existing,
    )  # fmt: skip


def run_build(
    plan: Plan,
    *,
    overwrite: bool = False,
    num_proc: int | None = None,
    max_shard_size: int = DEFAULT_SHARD_BYTES,
    progress: Progress = lambda rows: None,
) -> Report:
    """Do what `plan_build` planned: read, perturb, write and hash beside the target, then move it there."""
    if max_shard_size < 1 or (num_proc is not None and num_proc < 1):
        raise UsageError(
            "reading num_proc and max_shard_size",
            found=f"{num_proc} and {max_shard_size}",
            expected="numbers from 1",
            remedy="Leave them out for the defaults",
        )
    start = time.perf_counter()
    if plan.existing is not None:
        return Report(path=plan.target, manifest=plan.existing, seconds=0.0, existed=True)
    try:
        with new_folder(plan.target, overwrite=overwrite) as folder:
            manifest = _write(folder, plan, min(num_proc or _cores(), _cores()), max_shard_size, progress)
    except OutputError:
        if plan.named and (twin := _existing(plan.target, plan.digest)):  # another process built it meanwhile
            return Report(path=plan.target, manifest=twin, seconds=time.perf_counter() - start, existed=True)
        raise
    return Report(path=plan.target, manifest=manifest, seconds=time.perf_counter() - start, existed=False)


def _existing(target: Path, digest: str) -> Manifest | None:
    """The manifest of that very dataset, if it stands at `target` and all its files have their sha256."""
    try:
        found = Manifest.read(target)
    except DatasetError:
        return None
    same = build_id(found.recipe, found.source["sha256"], (found.synonyms or {}).get("sha256")) == digest
    whole = all((target / f.path).is_file() and sha256_file(target / f.path) == f.sha256 for f in found.files)
    return found if same and whole else None


def _write(folder: Path, plan: Plan, threads: int, max_shard_size: int, progress: Progress) -> Manifest:
    m, text = int(plan.recipe["m"]), plan.corpus.columns.text
    features = plan.corpus.features() | {name: feature_of(kind) for name, kind in OURS}
    schema = _schema(plan.corpus.columns.fields, features)
    hasher, statistics = dataset_hasher(schema, m), Statistics(m)

    def make(unit: Unit) -> list[Result]:
        results = perturb_unit(unit, plan.operator, int(plan.recipe["seed"]), text)
        return [result._replace(batch=result.batch.cast(schema)) for result in results]

    with ShardWriter(folder, schema, max_shard_size) as shards:
        takers = [_each(shards.write), *_hashing(hasher, len(text)), _counting(statistics, progress)]
        run_in_order(cut_units(plan.corpus.batches(), m), make, takers, threads=threads)
        data_files = shards.files()
    logical_hash = hasher.hexdigest(format=DATASET_FORMAT, recipe=plan.recipe)
    source = {name: getattr(plan.corpus, name) for name in ("name", "rows", "sha256", "label_names", "files")}
    parts: dict[str, Any] = {"recipe": plan.recipe, "source": source, "synonyms": plan.synonyms}
    parts |= {"logical_hash": logical_hash, "statistics": statistics.to_json(), "software": software_versions()}
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


def _schema(fields: Sequence[pa.Field], features: dict[str, Any]) -> pa.Schema:
    kinds = [(f.name, f.type) for f in fields] + list(OURS)
    return pa.schema(kinds, metadata={"huggingface": json.dumps({"info": {"features": features}})})


def dataset_hasher(schema: pa.Schema, m: int) -> ContentHasher:
    """Hasher of a dataset's rows for the logical hash; class names are part of a type, blocks are cut by source rows."""
    names = label_names(schema)
    label = {"label": f"class_label<{canonical_json(names).decode()}>"} if names else {}
    return ContentHasher([(f.name, label.get(f.name) or type_name(f.type)) for f in schema], BLOCK_ROWS * (m + 1))


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


Taker = Callable[[list[Result]], None]


def _each(take: Callable[[pa.RecordBatch], object]) -> Taker:
    def taker(results: list[Result]) -> None:
        for result in results:
            take(result.batch)

    return taker


def _hashing(hasher: ContentHasher, texts: int) -> list[Taker]:
    """One taker for each of the first `texts` columns, which are the large ones, and one for the others."""

    def hash_columns(first: int, stop: int, batch: pa.RecordBatch) -> None:
        for k in range(first, stop):
            hasher.columns[k].update(batch.column(k))

    cuts = [*range(texts), texts, len(hasher.columns)]
    return [_each(partial(hash_columns, *cut)) for cut in zip(cuts, cuts[1:])]


def _counting(statistics: Statistics, progress: Progress) -> Taker:
    def count(results: list[Result]) -> None:
        for result in results:
            statistics.add(result)
            progress(result.batch.num_rows)

    return count


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
