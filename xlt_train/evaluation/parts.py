"""What is judged already, kept unit by unit until the whole is done, so that an interruption costs one unit at most."""

import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from xlt_train.evaluation.predict import Judged
from xlt_train.files import write_whole

_PREFIX = ".parts-"


@dataclass(frozen=True)
class Parts:
    """The units of one evaluation in `folder`; `identity` is of all that their numbers depend on."""

    folder: Path
    identity: str

    @property
    def place(self) -> Path:
        """Where they lie."""
        return self.folder / f"{_PREFIX}{self.identity}"

    def read(self, unit: int, rows: int) -> Judged | None:
        """A unit of so many rows, None where it is not there, or not whole."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            table = pq.read_table(self._path(unit))
        except (OSError, pa.ArrowException):
            return None
        if len(table) != rows:
            return None
        votes = table["votes"].combine_chunks() if "votes" in table.column_names else None
        return Judged(
            _matrix(table["logits"].combine_chunks(), rows),
            table["predicted"].to_numpy(),
            None if votes is None else _matrix(votes, rows),
        )

    def write(self, unit: int, judged: Judged) -> None:
        """Keep a unit, whole or not at all. Raises OSError."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        columns = {"logits": list_array(judged.logits), "predicted": pa.array(judged.predicted)}
        if judged.votes is not None:
            columns["votes"] = list_array(judged.votes)
        sink = pa.BufferOutputStream()
        pq.write_table(pa.table(columns), sink)
        self.place.mkdir(exist_ok=True)
        write_whole(self._path(unit), sink.getvalue().to_pybytes())

    def clear(self) -> None:
        """Remove them, and those of evaluations that were never finished here."""
        for path in self.folder.glob(f"{_PREFIX}*"):
            with suppress(OSError):
                shutil.rmtree(path)

    def _path(self, unit: int) -> Path:
        return self.place / f"unit-{unit:05}.parquet"


def list_array(values: np.ndarray) -> Any:
    """[R, C] as an Arrow array of R lists."""
    import pyarrow as pa

    offsets = np.arange(len(values) + 1, dtype=np.int32) * values.shape[1]
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(values.reshape(-1)))


def _matrix(lists: Any, rows: int) -> np.ndarray:
    found: np.ndarray = lists.flatten().to_numpy().reshape(rows, -1)
    return found
