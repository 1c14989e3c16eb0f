"""Engines: who does the work of a build. All give the same bytes; the folder is made visible elsewhere, by one place alone."""

from pathlib import Path
from typing import Protocol

from xlt_augment.materialize.blocks import Job, Progress, Written


class Engine(Protocol):
    """What divides a job among threads or machines."""

    def write(self, folder: Path, job: Job, progress: Progress) -> Written:
        """Write all blocks into the empty `folder` as `data-K-of-N.arrow`. Raises XltError and OSError."""
