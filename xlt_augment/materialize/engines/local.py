"""The engine of one machine: threads of this process."""

from dataclasses import dataclass
from pathlib import Path

from xlt_augment.materialize.blocks import Job, Progress, Written, write_blocks
from xlt_augment.materialize.shards import name_shards


@dataclass(frozen=True)
class LocalEngine:
    """`threads` threads of this process."""

    threads: int

    def write(self, folder: Path, job: Job, progress: Progress) -> Written:
        """See `Engine.write`."""
        written = write_blocks(folder, "data", job, threads=self.threads, progress=progress)
        return written._replace(files=name_shards(folder, folder, written.files))
