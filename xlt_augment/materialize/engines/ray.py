"""The engine of many machines: Ray runs the same work on runs of hash blocks; what comes of it is put together here.

Workers read the source and write into a folder beside the target, on storage that all of them share. A worker writes under a
name of its own attempt, and only the files of an attempt that came back whole are taken: what a lost worker left, or one that
was given up and goes on writing, is never part of a dataset.
"""

import copy
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from xlt_augment.cluster import Cluster, here
from xlt_augment.errors import ClusterError, SourceError
from xlt_augment.materialize.blocks import Job, Progress, Written, join, write_blocks
from xlt_augment.materialize.corpus import Corpus
from xlt_augment.materialize.manifest import software_versions
from xlt_augment.materialize.shards import name_shards

MOST_RUNS = 4_096  # by default: enough for any cluster, and few enough for one scheduler
_TOKEN = "token"


class Run(NamedTuple):
    """Hash blocks `first <= k < stop`: what a worker takes at once, and takes again when it was lost."""

    first: int
    stop: int


class _Shared(NamedTuple):
    """What all workers need: the job, the folder they write into and what is written there, the versions they must have."""

    job: Job
    folder: Path
    token: str
    software: dict[str, str]
    threads: int


@dataclass(frozen=True)
class RayEngine:
    """A cluster; the source is cut into `blocks` runs of hash blocks, by default one each; `threads` of a worker."""

    cluster: Cluster
    blocks: int | None = None
    threads: int = 1

    def write(self, folder: Path, job: Job, progress: Progress) -> Written:
        """See `Engine.write`. Raises ClusterError too."""
        runs = cut_runs(len(job.corpus.blocks), self.blocks)
        parts: dict[int, Written] = {}
        with _working_folder(folder, self.cluster) as (work, token):
            travelling = replace(job, corpus=_for_others(job.corpus))
            shared = _Shared(travelling, work.absolute(), token, software_versions(), self.threads)
            for number, written in self.cluster.map(write_run, runs, shared=shared, cpus=self.threads):
                parts[number] = written
                progress(written.counts["rows"])
            whole = join(parts[number] for number in range(len(runs)))
            for entry in whole.files:
                _check_arrived(work / entry.path, entry.bytes)
            return whole._replace(files=name_shards(work, folder, whole.files))


def cut_runs(blocks: int, wanted: int | None) -> list[Run]:
    """So many runs of equal length, as far as there are blocks."""
    count = max(1, min(blocks, wanted or MOST_RUNS))
    return [Run(blocks * k // count, blocks * (k + 1) // count) for k in range(count)]


def write_run(shared: _Shared, run: Run) -> Written:
    """Write one run of blocks, in any process that sees source and target."""
    _check_software(shared.software)
    _check_target(shared.folder, shared.token)
    _check_source(shared.job.corpus)
    name = f"{run.first:08d}-{secrets.token_hex(4)}"
    return write_blocks(shared.folder, name, shared.job, first=run.first, stop=run.stop, threads=shared.threads)


@contextmanager
def _working_folder(folder: Path, cluster: Cluster) -> Iterator[tuple[Path, str]]:
    """A hidden folder beside `folder` that workers know by a token in it. It is removed at the end, and once more when no
    worker can write any longer."""
    work, token = folder.with_name(f"{folder.name}-work"), secrets.token_hex(16)
    remove = partial(shutil.rmtree, work, ignore_errors=True)
    cluster.afterwards(remove)
    try:
        work.mkdir()
        (work / _TOKEN).write_text(token)
        yield work, token
    finally:
        remove()


def _for_others(corpus: Corpus) -> Corpus:
    """The corpus as another process can read it: files by their whole paths, no rows held."""
    source: Any = copy.copy(corpus.source)
    source.files = tuple(path.absolute() for path in source.files)
    return replace(corpus, source=source, held=None)


def _check_software(wanted: dict[str, str]) -> None:
    found = software_versions()
    if other := [f"{name} {found.get(name)}" for name in wanted if found.get(name) != wanted[name]]:
        raise ClusterError(
            f"starting work on {here()}",
            found=", ".join(other),
            expected=", ".join(f"{name} {wanted[name]}" for name in wanted if found.get(name) != wanted[name]),
            remedy="Install the same versions on all nodes",
        )


def _check_target(folder: Path, token: str) -> None:
    try:
        found = (folder / _TOKEN).read_text()
    except OSError:
        found = ""
    if found != token:
        raise ClusterError(
            f"looking for the target on {here()}",
            found=f"no folder {folder.parent} with the work of this build",
            expected="storage that all nodes share, under one path",
            remedy="Give a shared folder with --out",
        )


def _check_source(corpus: Corpus) -> None:
    for path, known in zip(corpus.source.files, corpus.files):
        size = path.stat().st_size if path.is_file() else None
        if size is None:
            raise ClusterError(
                f"looking for the source on {here()}",
                found=f"no file {path}",
                expected="storage that all nodes share, under one path",
                remedy="Put the source on shared storage",
            )
        if size != known["bytes"]:
            raise SourceError(
                f"reading {path} on {here()}",
                found=f"{size:,} bytes",
                expected=f"{known['bytes']:,}, as when it was checked",
                remedy="Build again when nothing writes to it, from storage that all nodes share",
            )


def _check_arrived(path: Path, size: int) -> None:
    """A worker's file may come late, or not at all, where storage is shared in name only."""
    found = path.stat().st_size if path.is_file() else 0
    if found != size:
        raise ClusterError(
            f"collecting {path}",
            found=f"{found:,} bytes",
            expected=f"{size:,}, which a worker wrote",
            remedy="Use shared storage that shows a closed file to all nodes",
        )
