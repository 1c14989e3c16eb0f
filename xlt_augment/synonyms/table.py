"""The rows of a synonym set: schema, checks, hash and counts."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from xlt_augment.arrays import number_array, number_numpy, scalar, string_array
from xlt_augment.content_hash import ContentHasher, type_name
from xlt_augment.errors import SynonymError

FORMAT = "xlt-synonyms/1"
SCHEMA = pa.schema(
    [
        pa.field("word", pa.string(), nullable=False),
        pa.field("neighbors", pa.list_(pa.field("item", pa.string(), nullable=False)), nullable=False),
        pa.field("distance", pa.list_(pa.field("item", pa.float32(), nullable=False)), nullable=False),
    ]
)
_BREAKS = "[\\t\\n\\r\\x00]"  # would break the files that texts are kept in


def table_from_mapping(neighbors: Mapping[str, Sequence[str]]) -> pa.Table:
    """Rows without distances from word -> neighbors. Raises SynonymError for neighbors that are no strings."""
    if strange := next(
        (row for row in neighbors.values() if isinstance(row, str) or not all(isinstance(n, str) for n in row)), None
    ):
        raise SynonymError(
            "making a synonym set",
            found=f"{strange!r} as neighbors",
            expected="a list of str",
            remedy="Pass word -> [neighbors]",
        )
    return table_from_rows((word, row, ()) for word, row in neighbors.items())


def table_from_rows(rows: Iterable[tuple[str, Sequence[str], Sequence[float]]]) -> pa.Table:
    """Rows from (word, neighbors, distances), the distances empty where they are not known."""
    words, neighbors, distances = zip(*rows) if (rows := list(rows)) else ((), (), ())
    listed = pa.ListArray.from_arrays(_cuts(neighbors), string_array([n for row in neighbors for n in row]))
    numbers = number_array(np.array([d for row in distances for d in row], np.float32))
    known = pa.ListArray.from_arrays(_cuts(distances), numbers)
    return pa.Table.from_arrays([string_array(words), listed, known], names=SCHEMA.names).cast(SCHEMA)


def _cuts(rows: Sequence[Sequence[object]]) -> pa.Array:
    """Where each list begins and the last one ends, int32 [len(rows) + 1]."""
    counts = np.fromiter(map(len, rows), np.int32, len(rows))
    return number_array(np.concatenate((np.zeros(1, np.int32), np.cumsum(counts, dtype=np.int32))))


def table_rows(table: pa.Table) -> Iterator[tuple[str, list[str], list[float]]]:
    """The rows as (word, neighbors, distances); float32 distances as they are, in Python's floats."""
    return zip(*(table[name].to_pylist() for name in SCHEMA.names))


def pair_starts(table: pa.Table) -> np.ndarray:
    """Where the neighbors of each row begin among all of them, and the last ones end, int64 [rows + 1]."""
    counts = pc.list_value_length(table["neighbors"]).combine_chunks()
    return np.concatenate((np.zeros(1, np.int64), np.cumsum(number_numpy(counts), dtype=np.int64)))


def table_sha256(table: pa.Table, vetoes: Sequence[tuple[str, str]] = ()) -> str:
    """Identity of a set: hash of the sorted rows and of the vetoes, whatever the file and however it was made.

    Without vetoes there is no recipe in the hash, as before there were any.
    """
    hasher = ContentHasher([(field.name, type_name(field.type)) for field in SCHEMA])
    for batch in table.to_batches():
        hasher.update(batch)
    return hasher.hexdigest(format=FORMAT, recipe={"vetoes": [list(pair) for pair in vetoes]} if vetoes else None)


def table_statistics(table: pa.Table) -> dict[str, int]:
    """Counts: words, words with a neighbor, pairs, most neighbors of one word, pairs with a known distance."""
    counts = pc.list_value_length(table["neighbors"])
    return {
        "words": int(table.num_rows),
        "words_with_neighbors": int(pc.sum(pc.greater(counts, scalar(0))).as_py() or 0),
        "pairs": pc.sum(counts).as_py() or 0,
        "most_neighbors": pc.max(counts).as_py() or 0,
        "pairs_with_distance": pc.sum(pc.list_value_length(table["distance"])).as_py() or 0,
    }


def table_mapping(table: pa.Table) -> dict[str, list[str]]:
    """word -> neighbors, in the order of the words; distances are left out."""
    return dict(zip(table["word"].to_pylist(), table["neighbors"].to_pylist()))


def groups_to_mapping(lines: Iterable[str]) -> dict[str, list[str]]:
    """Groups of interchangeable words, one a line, to word -> all other words of its groups; `#` opens a comment line."""
    found: dict[str, list[str]] = {}
    for line in lines:
        group = [] if line.lstrip().startswith("#") else line.split()
        for word in group:
            known = found.setdefault(word, [])
            known += [other for other in group if other != word and other not in known]
    return found


def _is_sorted(table: pa.Table) -> bool:
    words = table["word"]
    one_chunk = words.num_chunks == 1
    return one_chunk and bool(pc.all(pc.less_equal(words.slice(0, len(words) - 1), words.slice(1))).as_py())


def checked_table(table: pa.Table, name: str) -> pa.Table:
    """The table sorted by word, its rows in one chunk; every problem that would spoil a build is refused here.

    A table that has them so already keeps its memory, which may be that of a mapped file.
    """
    table = table.select(SCHEMA.names).cast(SCHEMA)
    if not _is_sorted(table):
        table = table.sort_by("word").combine_chunks()
    words, neighbors = table["word"], table["neighbors"]

    def refuse(found: str, remedy: str) -> SynonymError:
        expected = "distinct words, each with neighbors that are single runs of text"
        return SynonymError(f"reading the synonym set {name}", found=found, expected=expected, remedy=remedy)

    if len(table) == 0:
        raise refuse("no word at all", "Give a set with at least one word")
    repeated = pc.equal(words.slice(1), words.slice(0, len(words) - 1))
    if pc.any(repeated).as_py():
        raise refuse(f"the word {words[pc.index(repeated, True).as_py()].as_py()!r} twice", "Merge its neighbors into one row")
    for column, what in ((words, "word"), (pc.list_flatten(neighbors), "neighbor")):
        bad = column.filter(pc.or_(pc.equal(column, scalar("")), pc.match_substring_regex(column, _BREAKS)))
        if len(bad):
            raise refuse(f"the {what} {bad[0].as_py()!r}", "Remove it, or the line break, tab or NUL in it")
    counts, distances = pc.list_value_length(neighbors), pc.list_value_length(table["distance"])
    odd = pc.and_(pc.not_equal(distances, scalar(0)), pc.not_equal(distances, counts))
    if pc.any(odd).as_py():
        word = words[pc.index(odd, True).as_py()].as_py()
        raise refuse(f"other counts of neighbors and distances for {word!r}", "Give one distance a neighbor, or none")
    if pc.any(pc.invert(pc.is_finite(pc.list_flatten(table["distance"])))).as_py():
        raise refuse("a distance that is not finite", "Give one distance a neighbor, or none")
    return table
