"""The unit of work: some source rows and some of their variants, perturbed by a pure function in any thread."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from xlt_augment.arrays import number_array
from xlt_augment.content_hash import BLOCK_ROWS
from xlt_augment.materialize.manifest import token_column
from xlt_augment.materialize.row_sizes import row_sizes
from xlt_augment.perturb.operator import Operator, Part, Perturbed, perturb_in_parts
from xlt_augment.tokens.word_ids import WordIds
from xlt_augment.words.texts import Texts

_UNIT_BYTES = 4 << 20  # of output: stays in a cache while it is hashed and written, and a few in flight are little
_ROW_BYTES = 64  # what a row costs beside its text


class Unit(NamedTuple):
    """Source rows `first_id ...` of `batch`, of which the variants `variants` are asked for."""

    batch: pa.RecordBatch
    first_id: int
    variants: range


class Result(NamedTuple):
    """Rows of the dataset; `signature` uint64 [source rows, variants] tells duplicates; `counts` go to the statistics."""

    batch: pa.RecordBatch
    signature: np.ndarray
    counts: dict[str, int]


def cut_units(batches: Iterable[pa.RecordBatch], m: int, *, first_id: int = 0, tokens: bool = False) -> Iterator[Unit]:
    """Units of about `_UNIT_BYTES` of output, token ids included: by rows, and by variants where one row alone is larger.

    A unit holds as many rows as fit, counted from the start of its hash block, of which `first_id` is one: the cut depends on
    the rows alone, whatever the batches, and wherever somebody else starts.
    """
    held: list[pa.RecordBatch] = []
    size = 0  # of what is held
    for batch in batches:
        ends = np.cumsum((row_sizes(batch) * (1 + tokens) + _ROW_BYTES) * (m + 1))  # ids take about as much as the texts
        start = done = 0
        while start < batch.num_rows:
            rows = sum(part.num_rows for part in held)
            room = BLOCK_ROWS - (first_id + rows) % BLOCK_ROWS
            fits = int(np.searchsorted(ends, done + _UNIT_BYTES - size, side="right"))
            stop = min(max(fits, start + (not held)), start + room)
            if stop > start:
                held.append(batch.slice(start, stop - start))
                size, start, done = size + int(ends[stop - 1]) - done, stop, int(ends[stop - 1])
                rows += held[-1].num_rows
            if start < batch.num_rows or (first_id + rows) % BLOCK_ROWS == 0:
                yield from _units(held, first_id, size, m)
                held, size, first_id = [], 0, first_id + rows
    if held:
        yield from _units(held, first_id, size, m)


def _units(held: list[pa.RecordBatch], first_id: int, size: int, m: int) -> Iterator[Unit]:
    batch = held[0] if len(held) == 1 else pa.Table.from_batches(held).combine_chunks().to_batches()[0]
    step = max(1, (m + 1) * _UNIT_BYTES // size) if batch.num_rows == 1 else m + 1
    for first in range(0, m + 1, step):
        yield Unit(batch, first_id, range(first, min(first + step, m + 1)))


def perturb_unit(
    unit: Unit, operator: Operator, seed: int, text_columns: tuple[str, ...], tokens: WordIds | None = None
) -> list[Result]:
    """The rows of one unit, in order; more than one result only where 32-bit offsets ask for it."""
    texts = {name: Texts.from_arrow(unit.batch[name]) for name in text_columns}
    parts = perturb_in_parts(operator, texts, seed, unit.first_id, unit.variants)
    return [_result(unit, part, perturbed, tokens) for part, perturbed in parts]


def _result(unit: Unit, part: Part, perturbed: dict[str, Perturbed], tokens: WordIds | None) -> Result:
    n, width = part.end - part.start, part.stop - part.first
    source = np.repeat(np.arange(part.start, part.end), width)
    rest = [name for name in unit.batch.schema.names if name not in perturbed]
    arrays: dict[str, pa.Array] = {name: p.texts.to_arrow() for name, p in perturbed.items()}
    arrays |= {name: unit.batch[name].take(number_array(source)) for name in rest}
    if tokens is not None:
        arrays |= {token_column(name): tokens.ids(p.texts) for name, p in perturbed.items()}
    changed: np.ndarray = sum((p.changed for p in perturbed.values()), np.zeros(n * width, np.int32))
    arrays["source_id"] = number_array(unit.first_id + source)
    arrays["variant"] = number_array(np.tile(np.arange(part.first, part.stop, dtype=np.int16), n))
    arrays["changed"] = number_array(changed)
    batch = pa.RecordBatch.from_arrays(list(arrays.values()), names=list(arrays))
    signature = np.sum([p.signature for p in perturbed.values()], axis=0, dtype=np.uint64)
    return Result(batch, signature.reshape(n, width), _counts(part, perturbed, changed, batch))


def _counts(part: Part, perturbed: dict[str, Perturbed], changed: np.ndarray, batch: pa.RecordBatch) -> dict[str, int]:
    counts = {"changed_words": int(changed.sum())}
    if part.first == 0:  # what is counted once a source row
        words = [p.words for p in perturbed.values()]
        eligible = [p.eligible for p in perturbed.values()]
        empty = sum(int(np.count_nonzero(np.diff(p.texts.offsets)[:: part.stop] == 0)) for p in perturbed.values())
        counts |= {
            "texts": sum(map(len, words)),
            "empty_texts": empty,
            "texts_without_eligible_words": sum(int(np.count_nonzero(e == 0)) for e in eligible),
            "words": sum(int(w.sum()) for w in words),
            "eligible_words": sum(int(e.sum()) for e in eligible),
        }
    originals = part.end - part.start if part.first == 0 else 0
    return counts | {"unchanged_variants": int(np.count_nonzero(changed == 0)) - originals}
