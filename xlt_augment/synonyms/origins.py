"""Where the neighbors of a set come from, pair by pair: kept beside its rows and outside its identity."""

import base64
import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from xlt_augment.arrays import number_array, number_numpy
from xlt_augment.canonical import canonical_json
from xlt_augment.errors import SynonymError

Source: TypeAlias = Literal["constraint", "vectors"]
Kind: TypeAlias = tuple[Source, tuple[str, ...]]

_SOURCES: tuple[Source, ...] = ("constraint", "vectors")
_SCHEMA = pa.schema([pa.field("kind", pa.int32()), pa.field("before", pa.float32())])
_KINDS_KEY = b"kinds"
_NOWHERE = -1  # kind of a pair whose origin is not known


class Origin(NamedTuple):
    """Where a neighbor comes from.

    `source`: "constraint" where the pair is among the synonyms that counter-fitting draws together, else "vectors", near by
    the vectors alone. `lists`: names of the lists of synonyms that hold the pair, in either direction. `before`: its distance
    before counter-fitting by the metric of the set, a float32; None where it is not known.
    """

    source: Source
    lists: tuple[str, ...]
    before: float | None


class Origins:
    """The origins of all neighbors of a set, in the order of its sorted rows.

    `kinds`: what the pairs have in common; `kind` int32 [pairs]: which of them a pair is, -1 where its origin is not known;
    `before` float32 [pairs], NaN where it is not known. Nothing in it is changed afterwards.
    """

    def __init__(self, kinds: Sequence[Kind], kind: np.ndarray, before: np.ndarray) -> None:
        self.kinds, self.kind, self.before = tuple(kinds), kind, before

    @classmethod
    def of(cls, origins: Iterable[Origin | None]) -> "Origins":
        """From one origin a neighbor, None where it is not known."""
        known = list(origins)
        kinds: list[Kind] = sorted({(o.source, o.lists) for o in known if o})
        place = {kind: number for number, kind in enumerate(kinds)}
        kind = np.fromiter((place[o.source, o.lists] if o else _NOWHERE for o in known), np.int32, len(known))
        nothing = float("nan")
        before = (nothing if o is None or o.before is None else o.before for o in known)
        return cls(kinds, kind, np.fromiter(before, np.float32, len(known)))

    def __len__(self) -> int:
        return len(self.kind)

    def part(self, start: int, stop: int) -> list[Origin | None]:
        """The origins of the pairs from `start` up to `stop`."""
        pairs = zip(self.kind[start:stop].tolist(), self.before[start:stop].tolist())
        return [None if k == _NOWHERE else self._origin(k, before) for k, before in pairs]

    def _origin(self, kind: int, before: float) -> Origin:
        source, lists = self.kinds[kind]
        return Origin(source, lists, None if math.isnan(before) else before)

    def only(self, kept: np.ndarray) -> "Origins":
        """Those of the pairs where `kept`, bool [pairs], is true."""
        return Origins(self.kinds, self.kind[kept], self.before[kept])

    def counts(self) -> dict[str, int]:
        """How many pairs come from where: `constraint`, `vectors`, `unknown`."""
        found = dict.fromkeys((*_SOURCES, "unknown"), 0)
        for number, count in zip(*np.unique(self.kind, return_counts=True)):
            found["unknown" if number == _NOWHERE else self.kinds[number][0]] += int(count)
        return found

    def packed(self) -> bytes:
        """An Arrow stream with compressed buffers, in base64: metadata of Arrow is text."""
        metadata = {_KINDS_KEY: canonical_json([[source, list(lists)] for source, lists in self.kinds])}
        columns = [_nullable(self.kind, self.kind != _NOWHERE), _nullable(self.before, ~np.isnan(self.before))]
        table = pa.Table.from_arrays(columns, schema=_SCHEMA.with_metadata(metadata))
        sink, options = pa.BufferOutputStream(), pa.ipc.IpcWriteOptions(compression="zstd")
        with pa.ipc.new_stream(sink, table.schema, options=options) as writer:
            writer.write_table(table)
        return base64.b64encode(sink.getvalue())


def unpacked(packed: bytes, pairs: int, name: str) -> Origins:
    """What `Origins.packed` made, of a set `name` with so many pairs. Raises SynonymError for anything else."""
    try:
        stream = pa.py_buffer(base64.b64decode(packed, validate=True))
        table = pa.ipc.open_stream(stream).read_all().combine_chunks()
        table.validate(full=True)
        kinds = [_checked_kind(entry) for entry in json.loads((table.schema.metadata or {})[_KINDS_KEY])]
        if table.schema.remove_metadata() != _SCHEMA:
            raise ValueError(f"the columns {', '.join(table.schema.names)}")
        found = Origins(kinds, _filled(table["kind"], np.int32(_NOWHERE)), _filled(table["before"], np.float32("nan")))
        if len(found) != pairs or not np.all((found.kind >= _NOWHERE) & (found.kind < len(kinds))):
            raise ValueError(f"{len(found):,} of them, of {len(kinds)} kinds")
        if np.isinf(found.before).any():
            raise ValueError("an infinite distance")
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise SynonymError(
            f"reading where the neighbors of the synonym set {name} come from",
            found=f"no readable origins ({(str(error) or type(error).__name__).splitlines()[0]})",
            expected=f"one for each of its {pairs:,} neighbors, as xlt-augment writes them",
            remedy="Fetch the file again, or build the set again",
        ) from error
    return found


def origins_sha256(packed: bytes, identity: str) -> str:
    """What a file states of its origins: a hash of them and of the set's identity, so that they fit no other rows."""
    return hashlib.sha256(identity.encode() + b"\n" + packed).hexdigest()


def _checked_kind(entry: object) -> Kind:
    match entry:
        case ["constraint" | "vectors" as source, list(lists)] if all(isinstance(name, str) for name in lists):
            return source, tuple(lists)
    raise ValueError(f"the kind {str(entry)[:60]}")


def _nullable(values: np.ndarray, valid: np.ndarray) -> pa.Array:
    """Numbers as an Arrow array with nulls where they are not valid."""
    bits = pa.py_buffer(np.packbits(valid, bitorder="little"))
    values = np.where(valid, values, values.dtype.type(0))
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), [bits, pa.py_buffer(values)])


def _filled(column: pa.ChunkedArray, otherwise: np.generic) -> np.ndarray:
    """The numbers of a column, with another in the place of nulls."""
    instead = number_array(np.array([otherwise]))[0]
    filled = pc.fill_null(column, instead)
    return np.concatenate([np.empty(0, otherwise.dtype), *(number_numpy(chunk) for chunk in filled.chunks)])
