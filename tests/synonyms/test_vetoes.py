"""Vetoes: gone in both directions, for good, part of the identity, kept on disk, taken off again one by one."""

import json
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given

from tests.synonyms.sets import PAIRS, from_rows, sets, to_rows
from xlt_augment import SynonymSet
from xlt_augment.canonical import sha256_json
from xlt_augment.content_hash import ContentHasher
from xlt_augment.errors import SynonymError
from xlt_augment.synonyms.table import SCHEMA
from xlt_augment.synonyms.vetoes import occurring, read_pairs

SMALL = {"good": ["fine", "bad"], "bad": ["poor", "good"], "fine": ["good"], "lone": ["bad"]}


@given(synonyms=sets(), pairs=PAIRS)
def test_a_veto_removes_both_directions_and_nothing_else(synonyms: SynonymSet, pairs: list[tuple[str, str]]) -> None:
    after = synonyms.veto(pairs)
    banned = {frozenset(pair) for pair in pairs}
    expected = {}
    for word, (neighbors, distances) in to_rows(synonyms).items():
        kept = [k for k, n in enumerate(neighbors) if frozenset((word, n)) not in banned]
        expected[word] = ([neighbors[k] for k in kept], [distances[k] for k in kept] if distances else [])
    assert to_rows(after) == expected
    assert {frozenset(pair) for pair in after.vetoes} == {frozenset(pair) for pair in synonyms.vetoes} | banned
    assert list(after.vetoes) == sorted({(min(pair), max(pair)) for pair in after.vetoes})
    assert after.veto(pairs).sha256 == after.sha256


@given(synonyms=sets())
def test_vetoes_round_trip_through_a_file(synonyms: SynonymSet, tmp_path: Path) -> None:
    synonyms.save(tmp_path / "s.arrow")
    found = SynonymSet.load(tmp_path / "s.arrow")
    assert (found.vetoes, found.sha256, found.made) == (synonyms.vetoes, synonyms.sha256, synonyms.made)
    metadata = json.loads(pa.ipc.open_stream((tmp_path / "s.arrow").read_bytes()).schema.metadata[b"xlt"])
    assert ("vetoes" in metadata) == bool(synonyms.vetoes)


@given(synonyms=sets(), pairs=PAIRS)
def test_what_is_allowed_again_leaves_the_list_and_the_rows_alone(synonyms: SynonymSet, pairs: list[tuple[str, str]]) -> None:
    new = [pair for pair in pairs if (min(pair), max(pair)) not in synonyms.vetoes]
    vetoed = synonyms.veto(pairs)
    after = vetoed.allow(pair[::-1] for pair in new)
    assert after.vetoes == tuple(sorted({*synonyms.vetoes, *((min(p), max(p)) for p in pairs if p not in new)}))
    assert after.table.equals(vetoed.table)


def test_identity_without_vetoes_is_the_old_one_and_with_them_another() -> None:
    plain = SynonymSet.from_mapping({"a": ["b", "c"], "d": []})
    assert plain.sha256 == "5ae918ffe292face011ef18b4c6702a65450a368fdd397e3c2a7edd0409dd506"  # of xlt 0.1 before vetoes
    vetoed = plain.veto([("y", "x"), ("x", "y"), ("d", "a")])  # none of them occurs
    hasher = ContentHasher([("word", "string"), ("neighbors", "list<string>"), ("distance", "list<float>")])
    for batch in plain.table.to_batches():
        hasher.update(batch)
    recipe = {"vetoes": [["a", "d"], ["x", "y"]]}
    assert vetoed.sha256 == hasher.hexdigest(format="xlt-synonyms/1", recipe=recipe)
    assert len({plain.sha256, vetoed.sha256, plain.veto([("x", "z")]).sha256, vetoed.allow([("d", "a")]).sha256}) == 4
    assert vetoed.allow([("x", "y"), ("a", "d")]).sha256 == plain.sha256


def test_a_set_refuses_rows_that_its_vetoes_forbid() -> None:
    table = SynonymSet.from_mapping(SMALL).table
    with pytest.raises(SynonymError, match="bad and lone as neighbors"):
        SynonymSet(table, "odd", vetoes=[("lone", "bad")])
    assert occurring(table, [("bad", "good"), ("bad", "lone"), ("fine", "poor")]) == [("bad", "good"), ("bad", "lone")]
    assert SynonymSet.from_mapping(SMALL).veto([]).made == {}


def test_a_word_that_loses_all_its_neighbors_stays() -> None:
    after = SynonymSet.from_mapping(SMALL).veto([("bad", "lone"), ("good", "fine")])
    assert after.to_mapping() == {"good": ["bad"], "bad": ["poor", "good"], "fine": [], "lone": []}
    kept = from_rows({"a": (["b", "c", "d"], [0.125, 0.25, 0.5])}).veto([("c", "a")])
    assert kept.neighbors("a") == [("b", 0.125), ("d", 0.5)]


def test_made_says_all_edits_and_what_they_began_with() -> None:
    before = SynonymSet.from_mapping(SMALL, name="small", made={"by": "hand"})
    after = before.veto([("lone", "bad")]).veto([("good", "bad")]).allow([("bad", "lone")])
    assert after.made == {
        "command": "veto",
        "edits": [{"veto": [["bad", "lone"]]}, {"veto": [["bad", "good"]]}, {"allow": [["bad", "lone"]]}],
        "from": {"name": "small", "sha256": before.sha256, "made": {"by": "hand"}},
    }
    for _ in range(1_000):  # not a nest that JSON would give up on
        after = after.veto([("x", "y")])
    assert len(sha256_json(after.made)) == 64


@pytest.mark.parametrize(
    ("pair", "says"),
    [(("a", "a"), "twice"), (("a", ""), "empty"), (("a",), "'a'"), ("ab", "'ab'"), (("a", "b", "c"), "'c'"),
     (("a", 1), "1"), (("a", "b\n"), "line break"), (("a", "\ud800"), "surrogate"), (None, "None")],
)  # fmt: skip
def test_what_is_no_pair_is_refused(pair: object, says: str) -> None:
    with pytest.raises(SynonymError, match=says):
        SynonymSet.from_mapping(SMALL).veto([pair])  # type: ignore[list-item]


def test_allowing_what_is_not_vetoed_is_refused() -> None:
    vetoed = SynonymSet.from_mapping(SMALL).veto([("a", "b")])
    with pytest.raises(SynonymError, match="bad and good, which is not vetoed"):
        vetoed.allow([("a", "b"), ("good", "bad")])


def test_pairs_are_read_from_text(tmp_path: Path) -> None:
    path = tmp_path / "pairs.txt"
    path.write_bytes("\ufeff# ours\r\ngood  bad\r\n\r\n  # more\nNew York\tParis\n naïve ähnlich\n".encode())
    assert read_pairs(path) == [("bad", "good"), ("New York", "Paris"), ("naïve", "ähnlich")]


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"a b\nlone\n", "pairs.txt:2: found 1 word"), (b"a b c\n", "pairs.txt:1: found 3 words"),
     (b"a b\n\na\tb\tc", "pairs.txt:3"), (b"a b\nc\t\n", "pairs.txt:2"), (b"a b\nc c\n", "pairs.txt:2: found 'c' twice"),
     (b"a b\n\xff c\n", "pairs.txt:2: found the byte 0xff"), (b"a b\0\n", "pairs.txt:1"), (b"a b # no\n", "pairs.txt:1"),
     (b"", "pairs.txt: found no pair at all"), (b"# a b\n\n", "no pair at all")],
)  # fmt: skip
def test_a_bad_line_of_pairs_is_named(content: bytes, says: str, clean_folder: Path) -> None:
    Path("pairs.txt").write_bytes(content)
    with pytest.raises(SynonymError, match=f"vetoes of .*{says}"):
        read_pairs("pairs.txt")


def test_vetoes_in_a_file_are_checked(tmp_path: Path) -> None:
    path = tmp_path / "s.arrow"
    SynonymSet.from_mapping({"a": ["b"]}).veto([("x", "y")]).save(path)
    table = pa.ipc.open_stream(path.read_bytes()).read_all()
    metadata = json.loads(table.schema.metadata[b"xlt"])
    for vetoes, says in (([], "sha256"), ([["x", "z"]], "sha256"), (7, "readable"), ([["x"]], "two different words")):
        changed = table.replace_schema_metadata({b"xlt": json.dumps(metadata | {"vetoes": vetoes}).encode()})
        with pa.OSFile(str(path), "wb") as stream, pa.ipc.new_stream(stream, changed.schema) as writer:
            writer.write_table(changed)
        with pytest.raises(SynonymError, match=says):
            SynonymSet.load(path)
    assert table.select(SCHEMA.names).num_rows == 1


@pytest.mark.parametrize("distance", [float("nan"), float("inf")])
def test_a_distance_that_is_not_finite_is_refused(distance: float) -> None:
    with pytest.raises(SynonymError, match="not finite"):
        from_rows({"a": (["b"], [distance])})
