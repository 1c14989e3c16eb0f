"""Units and files depend on the rows alone: not on how the reader cut its chunks, nor on the block that somebody starts at."""

import json
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engines.small_blocks import set_block_rows
from xlt_augment.materialize import units
from xlt_augment.materialize.row_sizes import row_sizes
from xlt_augment.materialize.units import Unit, cut_units

TEXTS = st.lists(st.one_of(st.text("aé👍", max_size=12), st.just("x" * 300)), min_size=1, max_size=60)
CUTS = st.lists(st.integers(1, 20), min_size=1, max_size=12)


def pieces(table: pa.Table, cuts: list[int]) -> Iterator[pa.RecordBatch]:
    """The rows in batches of these lengths, over and over."""
    start, k = 0, 0
    while start < table.num_rows:
        yield from table.slice(start, cuts[k % len(cuts)]).combine_chunks().to_batches()
        start, k = start + cuts[k % len(cuts)], k + 1


def shapes(found: Iterator[Unit]) -> list[tuple[int, range, list[dict[str, object]]]]:
    return [(unit.first_id, unit.variants, unit.batch.to_pylist()) for unit in found]


@given(texts=TEXTS, cuts=CUTS, m=st.integers(1, 6), unit=st.integers(1, 4_000), rows=st.integers(1, 25), data=st.data())
def test_any_chunks_give_the_same_units(
    texts: list[str], cuts: list[int], m: int, unit: int, rows: int, data: st.DataObject
) -> None:
    table = pa.table({"text": texts, "n": list(range(len(texts)))})
    with pytest.MonkeyPatch.context() as patch:
        set_block_rows(patch, rows)
        patch.setattr(units, "_UNIT_BYTES", unit)
        whole = shapes(cut_units(table.to_batches(), m))
        assert shapes(cut_units(pieces(table, cuts), m)) == whole
        block = data.draw(st.integers(0, (len(texts) - 1) // rows))
        rest = shapes(cut_units(pieces(table.slice(block * rows), cuts), m, first_id=block * rows))
    assert rest == [one for one in whole if one[0] >= block * rows]
    ids = [(k, variant) for first, variants, batch in whole for k in range(first, first + len(batch)) for variant in variants]
    assert ids == [(k, variant) for k in range(len(texts)) for variant in range(m + 1)]
    for first, variants, batch in whole:
        size = sum((len(str(row["text"]).encode()) + 8 + 64) * (m + 1) for row in batch)
        assert size <= unit or len(batch) == 1
        assert len(batch) == 1 or variants == range(m + 1)
        assert first // rows == (first + len(batch) - 1) // rows  # no unit lies across two blocks


def test_units_hold_as_many_rows_as_fit() -> None:
    batch = pa.record_batch({"text": ["x" * 936] * 9_000})  # 1,000 bytes a row with what it costs beside its text
    found = [unit.batch.num_rows for unit in cut_units(pieces(pa.table(batch), [700]), 0)]
    assert found == [4 * 1024 * 1024 // 1000, 4 * 1024 * 1024 // 1000, 9_000 - 2 * (4 * 1024 * 1024 // 1000)]


NESTED = pa.table(
    {
        "text": pa.array(["a", None, "abc", ""] * 5),
        "large": pa.array(["a", None, "abc", ""] * 5, pa.large_string()),
        "bytes": pa.array([b"1", b"22", None, b""] * 5),
        "flag": pa.array([True, None, False, True] * 5),
        "number": pa.array([1, 2, None, 3] * 5, pa.int16()),
        "nothing": pa.nulls(20),
        "list": pa.array([["a", "bb"], None, [], [None, "c"]] * 5),
        "fixed": pa.array([[1, 2], None, [3, None], [4, 5]] * 5, pa.list_(pa.int32(), 2)),
        "struct": pa.array([{"a": "xyz", "b": [1]}, None, {"a": None, "b": []}, {"a": "", "b": None}] * 5),
        "deep": pa.array([[[["a"]], []], [], None, [[["bc", "d"], ["e"]]]] * 5),
    }
)


def test_sizes_of_all_types_are_those_of_the_values() -> None:
    sizes = {name: row_sizes(NESTED.select([name]).to_batches()[0]).tolist()[:4] for name in NESTED.column_names}
    assert json.loads(json.dumps(sizes)) == {
        "text": [1, 0, 3, 0],
        "large": [1, 0, 3, 0],
        "bytes": [1, 2, 0, 0],
        "flag": [1, 1, 1, 1],
        "number": [2, 2, 2, 2],
        "nothing": [0, 0, 0, 0],
        "list": [3, 0, 0, 1],
        "fixed": [8, 0, 8, 8],
        "struct": [11, 0, 0, 0],
        "deep": [1, 0, 0, 4],
    }


@pytest.mark.parametrize("name", NESTED.column_names)
@given(cuts=CUTS)
def test_sizes_do_not_depend_on_the_cut(name: str, cuts: list[int]) -> None:
    table = NESTED.select([name])
    found = np.concatenate([row_sizes(batch) for batch in pieces(table, cuts)])
    sliced = np.concatenate([row_sizes(batch) for batch in table.to_batches(max_chunksize=cuts[0])])
    assert found.tolist() == sliced.tolist() == row_sizes(table.to_batches()[0]).tolist()


def test_pieces_of_every_type_are_put_together() -> None:
    found = list(cut_units(pieces(NESTED, [3]), 1))
    assert len(found) == 1
    assert pa.table(found[0].batch) == NESTED.combine_chunks()


@pytest.mark.parametrize("cuts", [[1], [2], [5], [10]])
def test_no_unit_lies_across_two_blocks(cuts: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    set_block_rows(monkeypatch, 3)
    table = pa.table({"text": ["a"] * 10})
    found = [(unit.first_id, unit.batch.num_rows) for unit in cut_units(pieces(table, cuts), 1, first_id=6)]
    assert found == [(6, 3), (9, 3), (12, 3), (15, 1)]
