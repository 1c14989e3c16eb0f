"""Do what was planned by an engine, then describe what is there."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from xlt_augment.canonical import pretty_json, sha256_file, sha256_json
from xlt_augment.content_hash import content_sha256
from xlt_augment.materialize.blocks import Job, Progress, dataset_hasher
from xlt_augment.materialize.card import dataset_card
from xlt_augment.materialize.engines import Engine
from xlt_augment.materialize.manifest import DATASET_FORMAT, MANIFEST_NAME, FileEntry, Manifest, software_versions
from xlt_augment.materialize.plan import Plan
from xlt_augment.materialize.statistics import Statistics


def write_dataset(folder: Path, plan: Plan, engine: Engine, max_shard_size: int, progress: Progress) -> Manifest:
    """Write the dataset that `plan` describes into an empty folder, the manifest last. Raises SourceError and OSError."""
    job = Job.of(plan, max_shard_size)
    written = engine.write(folder, job, progress)
    hasher, statistics, data_files = dataset_hasher(job.schema, job.m), Statistics(job.m), written.files
    statistics.add_counts(written.counts)
    logical_hash = content_sha256(
        hasher.fields, written.counts["rows"], written.blocks, format=DATASET_FORMAT, recipe=plan.recipe
    )
    source = {name: getattr(plan.corpus, name) for name in ("name", "rows", "sha256", "label_names", "files")}
    parts: dict[str, Any] = {"recipe": plan.recipe, "source": source, "synonyms": plan.synonyms, "tokenizer": plan.tokenizer}
    software = software_versions(*(("tokenizers", "transformers") if plan.tokens else ()))
    parts |= {"logical_hash": logical_hash, "statistics": statistics.to_json(), "software": software}
    parts = json.loads(pretty_json(parts))  # as it will be read back: lists for tuples
    draft = Manifest(**parts, files=tuple(data_files))
    texts = {
        "state.json": pretty_json(_state(data_files, logical_hash)),
        "dataset_info.json": pretty_json(
            dict.fromkeys(("description", "citation", "homepage", "license"), "") | {"features": job.features}
        ),
        "README.md": dataset_card(draft, folder, plan.corpus.columns.text).encode(),
    }
    for name, content in texts.items():
        (folder / name).write_bytes(content)
    others = [FileEntry(name, len(content), None, sha256_file(folder / name)) for name, content in texts.items()]
    manifest = Manifest(**parts, files=(*data_files, *others))
    (folder / MANIFEST_NAME).write_bytes(manifest.to_bytes())
    return manifest


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
