"""The content hash sees values and types, and nothing of how they are stored."""

import datetime
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xlt_augment.content_hash import ContentHasher, type_name

TYPES: dict[str, tuple[pa.DataType, list[object], list[object]]] = {
    "string": (pa.string(), ["a", "", "né", None], ["a", "", "ne", None]),
    "string null or empty": (pa.string(), ["", "x"], [None, "x"]),
    "string cut": (pa.string(), ["ab", "c"], ["a", "bc"]),
    "large string": (pa.large_string(), ["a", "b"], ["a", "c"]),
    "string view": (pa.string_view(), ["a", "a long string that is not inlined"], ["a", "another string that is not inlined"]),
    "binary": (pa.binary(), [b"\0", b""], [b"", b"\0"]),
    "int": (pa.int16(), [1, None, 3], [1, 0, 3]),
    "double": (pa.float64(), [0.0, 1.5], [-0.0, 1.5]),
    "bool": (pa.bool_(), [True, False, None] * 5, [True, True, None] * 5),
    "date": (pa.date32(), [datetime.date(2020, 1, 1)], [datetime.date(2020, 1, 2)]),
    "timestamp": (pa.timestamp("us", "UTC"), [datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)], [None]),
    "decimal": (pa.decimal128(5, 2), [Decimal("1.25")], [Decimal("1.26")]),
    "fixed binary": (pa.binary(2), [b"ab", None], [b"ab", b"cd"]),
    "list": (pa.list_(pa.string()), [["a"], [], None, ["b", None]], [["a"], None, [], ["b", None]]),
    "list cut": (pa.list_(pa.int8()), [[1, 2], [3]], [[1], [2, 3]]),
    "large list": (pa.large_list(pa.int8()), [[1], []], [[], [1]]),
    "fixed list": (pa.list_(pa.float32(), 2), [[1, 2], [3, 4]], [[1, 2], [3, 5]]),
    "struct": (pa.struct([("a", pa.int8()), ("b", pa.string())]), [{"a": 1, "b": "x"}, None], [{"a": 1, "b": None}, None]),
    "map": (pa.map_(pa.string(), pa.int8()), [[("k", 1)]], [[("k", 2)]]),
    "null": (pa.null(), [None], [None, None]),
    "dictionary": (pa.dictionary(pa.int8(), pa.string()), ["a", "b", "a"], ["a", "b", "b"]),
}


def digest(array: pa.Array, cuts: list[int] | None = None, block_rows: int = 3) -> str:
    hasher = ContentHasher([("x", type_name(array.type))], block_rows)
    edges = [0, *sorted(cuts or []), len(array)]
    for start, stop in zip(edges, edges[1:]):
        hasher.update(pa.RecordBatch.from_arrays([array.slice(start, stop - start)], names=["x"]))
    return hasher.hexdigest(format="test/1")


@pytest.mark.parametrize("name", TYPES)
def test_each_type_tells_its_values_apart(name: str) -> None:
    kind, values, others = TYPES[name]
    assert digest(pa.array(values, kind)) == digest(pa.array(values, kind))
    assert digest(pa.array(values, kind)) != digest(pa.array(others, kind))


@pytest.mark.parametrize("name", TYPES)
@given(data=st.data())
def test_chunks_and_offsets_play_no_part(name: str, data: st.DataObject) -> None:
    kind, values, _ = TYPES[name]
    longer = values * 4
    whole = digest(pa.array(longer, kind))
    cuts = data.draw(st.lists(st.integers(0, len(longer)), max_size=5))
    shifted = pa.array([*values, *longer, *values], kind).slice(len(values), len(longer))
    assert digest(pa.array(longer, kind), cuts) == whole
    assert digest(shifted, cuts) == whole


def test_encodings_of_one_value_are_one() -> None:
    words = ["a", None, "bb", "a"]
    encodings = [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())]
    assert len({digest(pa.array(words, kind)) for kind in encodings}) == 1
    assert digest(pa.array([[1], [2]], pa.list_(pa.int8()))) == digest(pa.array([[1], [2]], pa.list_(pa.int8(), 1)))


def test_types_names_and_order_count() -> None:
    assert digest(pa.array([1], pa.int8())) != digest(pa.array([1], pa.int16()))
    assert digest(pa.array(["a"], pa.string())) != digest(pa.array([b"a"], pa.binary()))
    rows = pa.array(["a", "b", "c", "d", "e"])
    assert digest(rows) != digest(rows.take(pa.array([1, 0, 2, 3, 4])))
    assert ContentHasher([("x", "string")]).hexdigest(format="a") != ContentHasher([("y", "string")]).hexdigest(format="a")


def test_block_edges_and_recipe_count() -> None:
    rows = pa.array(["a", "b", "c", "d"])
    assert digest(rows, block_rows=2) != digest(rows, block_rows=4)
    one, two = ContentHasher([("x", "string")]), ContentHasher([("x", "string")])
    assert one.hexdigest(format="a", recipe={"p": 0.1}) != two.hexdigest(format="a", recipe={"p": 0.2})


def test_a_type_without_canonical_form_is_refused() -> None:
    with pytest.raises(TypeError):
        type_name(pa.run_end_encoded(pa.int32(), pa.string()))


def test_the_hash_is_the_documented_one() -> None:
    """An independent computation of docs/format.md for one column of strings with a null."""
    import hashlib
    import json
    import struct

    def sha(data: bytes) -> bytes:
        return hashlib.sha256(data).digest()

    def column(values: list[str | None]) -> bytes:
        nulls = b"".join(struct.pack("<q", k) for k, v in enumerate(values) if v is None)
        texts = [v.encode() for v in values if v is not None]
        lengths = b"".join(struct.pack("<I", len(t)) for t in texts)
        return sha(struct.pack("<Q", len(values)) + sha(nulls) + sha(lengths) + sha(b"".join(texts)))

    values = ["a", None, "né", "d"]
    blocks = [sha(column(values[:3])).hex(), sha(column(values[3:])).hex()]
    head = {"format": "test/1", "fields": [["x", "string"]], "rows": 4, "recipe": None, "blocks": blocks}
    text = json.dumps(head, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert digest(pa.array(values)) == hashlib.sha256(text.encode()).hexdigest()
