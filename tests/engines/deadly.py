"""A perturbation that ends its own process, or its node, midway; on a first attempt alone, or always."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path

from xlt_augment import Swap
from xlt_augment.errors import UsageError
from xlt_augment.perturb.operator import Perturbed
from xlt_augment.perturb.rng import Stream
from xlt_augment.words.texts import Texts

FUSES = ("worker", "node", "always", "error", "bug")


@dataclass(frozen=True)
class Deadly(Swap):
    """`Swap`, whose recipe it has, with a fuse for each of some source rows: `fuses` are (row, kind, file).

    Whoever perturbs that row first takes the file away, and then: "worker" loses its process, "node" the machine's daemon;
    "error" raises an error of ours, "bug" one of Python's. "always" leaves the file.
    """

    fuses: tuple[tuple[int, str, str], ...] = ()

    def perturb(self, texts: Texts, stream: Stream, first: int, stop: int) -> Perturbed:
        """See `Operator.perturb`."""
        rows = range(stream.first_id, stream.first_id + len(texts.offsets) - 1)
        for row, kind, file in self.fuses:
            if row in rows and Path(file).exists():
                self._burn(kind, Path(file))
        return super().perturb(texts, stream, first, stop)

    def _burn(self, kind: str, file: Path) -> None:
        if kind == "always":
            os.kill(os.getpid(), signal.SIGKILL)
        file.unlink()
        if kind == "error":
            raise UsageError("perturbing", found="a fuse", expected="none", remedy="Take it out")
        if kind == "bug":
            raise ZeroDivisionError("a bug")
        if kind == "node":
            os.kill(os.getppid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)
