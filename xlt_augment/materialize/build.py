"""`build`: a corpus and a synonym set go in, a dataset folder comes out."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xlt_augment.errors import OutputError, UsageError
from xlt_augment.materialize.blocks import Progress
from xlt_augment.materialize.engines import Engine
from xlt_augment.materialize.engines.choose import open_engine
from xlt_augment.materialize.engines.local import LocalEngine
from xlt_augment.materialize.manifest import Manifest
from xlt_augment.materialize.plan import Plan, existing_build, plan_build, thread_count
from xlt_augment.materialize.publish import new_folder
from xlt_augment.materialize.write import write_dataset
from xlt_augment.perturb.operator import Operator

DEFAULT_SHARD_BYTES = 500 << 20


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
    tokenizer: str | Path | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    num_proc: int | None = None,
    max_shard_size: int = DEFAULT_SHARD_BYTES,
    engine: str = "local",
    ray_address: str | None = None,
    blocks: int | None = None,
    **reading: Any,
) -> Report:
    """Write the m-way dataset of a source; `reading` are the options of `open_corpus`.

    `tokenizer` (a name on the Hub, or a folder) adds a column of token ids for each text column. Without `out` the folder
    lies here, is named after source and recipe, and is taken as it is when that very dataset is there already. The result
    does not depend on `num_proc` (threads, at most the cores, which are the default) nor on `max_shard_size` (bytes of a
    file, which holds at most 65,536 source rows), nor on `engine`, "local" or "ray", with its options (see `open_engine`).
    Raises UsageError, SourceError, OutputError and ClusterError; nothing half-written is ever left under the final name.
    """
    with open_engine(engine, num_proc=num_proc, ray_address=ray_address, blocks=blocks) as opened:
        plan = plan_build(
            source, operator, m=m, seed=seed, tokenizer=tokenizer, out=out, overwrite=overwrite, num_proc=num_proc, **reading
        )
        return run_build(plan, overwrite=overwrite, max_shard_size=max_shard_size, engine=opened)


def run_build(
    plan: Plan,
    *,
    overwrite: bool = False,
    max_shard_size: int = DEFAULT_SHARD_BYTES,
    engine: Engine | None = None,
    progress: Progress = lambda rows: None,
) -> Report:
    """Do what `plan_build` planned: read, perturb, write and hash beside the target, then move it there.

    Without `engine` on all cores of this machine.
    """
    if max_shard_size < 1:
        raise UsageError("reading max_shard_size", found=str(max_shard_size), expected="a number from 1", remedy="Leave it out")
    start = time.perf_counter()
    if plan.existing is not None:
        return Report(path=plan.target, manifest=plan.existing, seconds=0.0, existed=True)
    try:
        with new_folder(plan.target, overwrite=overwrite) as folder:
            manifest = write_dataset(folder, plan, engine or LocalEngine(thread_count(None)), max_shard_size, progress)
    except OutputError:
        if plan.named and (twin := existing_build(plan.target, plan.digest)):  # another process built it meanwhile
            return Report(path=plan.target, manifest=twin, seconds=time.perf_counter() - start, existed=True)
        raise
    return Report(path=plan.target, manifest=manifest, seconds=time.perf_counter() - start, existed=False)
