"""Where neighbors come from: kept by all that is done to a set, beside its identity, refused where a bit is flipped."""

import base64
import hashlib
import json
import random
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.command import run_here
from tests.damage import flipped
from tests.synonyms.sets import PAIRS, WORDS, Row, from_rows, rows, to_rows
from xlt_augment import SynonymSet
from xlt_augment.canonical import canonical_json
from xlt_augment.errors import SynonymError
from xlt_augment.synonyms import synonym_set
from xlt_augment.synonyms.diff import diff
from xlt_augment.synonyms.merge import merge
from xlt_augment.synonyms.origins import Origin, Origins, origins_sha256
from xlt_augment.synonyms.subset import subset
from xlt_augment.synonyms.table import SCHEMA

LISTS = st.lists(st.sampled_from(["ppdb.txt", "WordNet", "naïve, list"]), max_size=2, unique=True).map(tuple)
BEFORE = st.sampled_from([0.0, 0.25, 1.5]) | st.none()
ORIGINS = st.none() | st.builds(Origin, st.sampled_from(["constraint", "vectors"]), LISTS, BEFORE)
Known = dict[str, list[Origin | None]]
MOVIE = Origin("constraint", ("ppdb.txt", "WordNet"), 0.5)
NEAR = Origin("vectors", (), 0.25)


@st.composite
def traced(draw: st.DrawFn, known: bool | None = None) -> SynonymSet:
    """Sets of at most seven words with an origin for each neighbor, known or not."""
    found: dict[str, Row] = draw(st.dictionaries(WORDS, rows(known), min_size=1, max_size=7))
    plain = from_rows(found)
    count = sum(len(neighbors) for neighbors, _ in found.values())
    origins = draw(st.lists(ORIGINS, min_size=count, max_size=count))
    return SynonymSet(plain.table, "traced", {"by": "hand"}, (), Origins.of(origins))


def origins_of(synonyms: SynonymSet) -> dict[str, dict[str, Origin | None]]:
    """word -> neighbor -> origin."""
    found = {}
    for word in to_rows(synonyms):
        origins = synonyms.origins(word)
        assert origins is not None
        found[word] = dict(zip([n.word for n in synonyms.neighbors(word)], origins, strict=True))
    return found


def small() -> SynonymSet:
    plain = from_rows({"movie": (["film", "cinema"], [0.125, 0.25]), "film": (["movie"], [0.125]), "x": ([], [])})
    return SynonymSet(plain.table, "small", {"by": "hand"}, (), Origins.of([MOVIE, MOVIE, NEAR]))


@given(synonyms=traced())
def test_a_file_holds_them_beside_the_identity(synonyms: SynonymSet, tmp_path: Path) -> None:
    plain = SynonymSet(synonyms.table, synonyms.name, synonyms.made)
    path, again = tmp_path / "traced.arrow", tmp_path / "again.arrow"
    synonyms.save(path)
    found = SynonymSet.load(path)
    assert (found.has_origins, plain.has_origins) == (True, False)
    assert plain.origins(next(iter(to_rows(plain)))) is None
    assert found.sha256 == synonyms.sha256 == plain.sha256
    assert (found.table.schema, found.made) == (plain.table.schema, plain.made)
    assert origins_of(found) == origins_of(synonyms)
    found.save(again)
    assert again.read_bytes() == path.read_bytes()
    SynonymSet(found.table, "other", found.made, (), found.all_origins).save(again)  # packed anew
    assert again.read_bytes() == path.read_bytes()
    assert diff(synonyms, plain).identical


def test_a_reader_of_before_finds_what_it_checks_and_files_without_are_as_before(tmp_path: Path) -> None:
    small().save(tmp_path / "with.arrow")
    plain = SynonymSet(small().table, "small", {"by": "hand"})
    plain.save(tmp_path / "without.arrow")
    tables = [pa.ipc.open_stream((tmp_path / f"{name}.arrow").read_bytes()).read_all() for name in ("with", "without")]
    assert tables[0].schema.remove_metadata() == tables[1].schema.remove_metadata() == SCHEMA
    assert tables[0].equals(tables[1])
    facts = [json.loads(table.schema.metadata[b"xlt"]) for table in tables]
    assert facts[0] == facts[1] | {"origins": facts[0]["origins"]}
    assert (facts[1]["format"], facts[1]["sha256"]) == ("xlt-synonyms/1", plain.sha256)
    assert list(tables[1].schema.metadata) == [b"xlt"]
    assert set(facts[1]) == {"format", "sha256", "made", *plain.statistics()}
    sink = pa.BufferOutputStream()
    schema = SCHEMA.with_metadata({b"xlt": canonical_json(facts[1])})
    with pa.ipc.new_stream(sink, schema) as writer:
        writer.write_table(plain.table.replace_schema_metadata(schema.metadata))
    assert (tmp_path / "without.arrow").read_bytes() == sink.getvalue().to_pybytes()


def test_any_arrow_reads_them(tmp_path: Path) -> None:
    small().save(tmp_path / "s.arrow")
    metadata = pa.ipc.open_stream((tmp_path / "s.arrow").read_bytes()).schema.metadata
    text = metadata[b"xlt-origins"]
    table = pa.ipc.open_stream(base64.b64decode(text.decode("ascii"))).read_all()
    assert table.to_pydict() == {"kind": [0, 0, 1], "before": [0.5, 0.5, 0.25]}
    assert json.loads(table.schema.metadata[b"kinds"]) == [["constraint", ["ppdb.txt", "WordNet"]], ["vectors", []]]
    stated = json.loads(metadata[b"xlt"])
    assert stated["origins"] == hashlib.sha256(stated["sha256"].encode() + b"\n" + text).hexdigest()


def test_nothing_is_decoded_before_somebody_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small().save(tmp_path / "s.arrow")
    asked = []
    unpacked = synonym_set.unpacked
    monkeypatch.setattr(synonym_set, "unpacked", lambda *args: asked.append(args) or unpacked(*args))
    found = SynonymSet.load(tmp_path / "s.arrow")
    found.neighbors("movie")
    found.save(tmp_path / "t.arrow")
    assert found.has_origins
    assert asked == []
    assert found.origins("film") == [MOVIE]
    assert found.origins("movie") == [MOVIE, NEAR]
    assert found.origins("x") == []
    assert len(asked) == 1
    with pytest.raises(SynonymError, match="no such word"):
        found.origins("books")


@given(synonyms=traced(), pairs=PAIRS, fraction=st.floats(0.3, 1))
def test_a_neighbor_that_stays_keeps_its_origin(synonyms: SynonymSet, pairs: list[tuple[str, str]], fraction: float) -> None:
    before, struck = origins_of(synonyms), {frozenset(pair) for pair in pairs}
    vetoed = synonyms.veto(pairs)
    left = {w: {n: o for n, o in row.items() if frozenset((w, n)) not in struck} for w, row in before.items()}
    assert origins_of(vetoed) == left
    if pairs:
        assert origins_of(vetoed.allow(pairs[:1])) == left
    if any(before.values()):
        try:
            part = subset(synonyms, fraction=fraction, seed=3)
        except SynonymError:
            return
        assert origins_of(part) == {word: before[word] for word in to_rows(part)}


def expected_merge(many: list[SynonymSet], struck: set[frozenset[str]]) -> dict[str, dict[str, Origin | None]]:
    """By the words of docs/format.md, neighbor by neighbor."""
    found: dict[str, dict[str, Origin | None]] = {word: {} for synonyms in many for word in to_rows(synonyms)}
    for word, row in found.items():
        entries = [
            (n.word, n.distance, o)
            for s in many
            if word in s
            for n, o in zip(s.neighbors(word), s.origins(word) or [None] * len(s.neighbors(word)), strict=True)
            if frozenset((word, n.word)) not in struck
        ]
        for name in {entry[0] for entry in entries}:
            own = [(d, o) for n, d, o in entries if n == name]
            if all(d is not None for _, d, _ in entries):
                least = min(d for d, _ in own if d is not None)
                known = [o for d, o in own if d == least and o]
                row[name] = min(known, key=lambda o: (*o[:2], float("inf") if o.before is None else o.before), default=None)
            else:
                row[name] = own[0][1]
    return found


@given(
    many=st.lists(traced(), min_size=1, max_size=3) | st.lists(traced(known=True), min_size=1, max_size=3),
    plain=st.booleans(), pairs=PAIRS, k=st.none() | st.integers(1, 3),
)  # fmt: skip
def test_a_merge_takes_the_origin_with_the_distance(
    many: list[SynonymSet], plain: bool, pairs: list[tuple[str, str]], k: int | None
) -> None:
    vetoes = from_rows({"a": ([], [])}).veto(pairs)
    sets = [*many, vetoes, *([SynonymSet(many[0].table, "plain")] if plain else [])]
    merged = merge(sets, k=k)
    expected = expected_merge(sets, {frozenset(pair) for pair in pairs})
    assert origins_of(merged) == {w: {n.word: expected[w][n.word] for n in merged.neighbors(w)} for w in expected}
    assert merged.sha256 == merge([SynonymSet(s.table, s.name, {}, s.vetoes) for s in sets], k=k).sha256


@pytest.mark.parametrize("turn", [1, -1])
def test_of_equal_distances_the_best_known_origin_is_taken(turn: int) -> None:
    ranked = [Origin("constraint", ("a",), 0.0), Origin("constraint", ("a",), None), Origin("vectors", (), 0.0), None]
    table = from_rows({"a": (["b"], [0.5])}).table
    for best in range(3):
        sets = [SynonymSet(table, f"{k}", origins=Origins.of([ranked[k]])) for k in range(best, 4)]
        assert merge(sets[::turn]).origins("a") == [ranked[best]]


def test_sets_without_any_merge_to_one_without() -> None:
    plain = from_rows({"a": (["b"], [0.5])})
    assert not merge([plain, plain]).has_origins
    assert not plain.veto([("a", "c")]).has_origins
    both = merge([plain, SynonymSet(plain.table, "known", origins=Origins.of([NEAR]))])
    assert both.origins("a") == [NEAR]


def test_flipped_bits_are_found_or_harmless(tmp_path: Path) -> None:
    plain = from_rows({f"word{k}": ([f"other{k}"], [0.5]) for k in range(60)})
    chance = random.Random(1)
    kept = Origins.of(Origin("vectors", (), chance.random()) for _ in range(60))
    path = tmp_path / "s.arrow"
    original = SynonymSet(plain.table, "s", {}, (), kept)
    original.save(path)
    known, refused = origins_of(original), 0
    for _ in flipped([path], 300):
        try:
            assert origins_of(SynonymSet.load(path)) == known
        except SynonymError:
            refused += 1
    assert refused > 150
    content = path.read_bytes()
    start = content.index(base64.b64encode(b"\xff\xff\xff\xff")[:5])
    length = len(kept.packed())
    assert content[start : start + length] == kept.packed()
    for at in range(start, start + length, 7):
        path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        with pytest.raises(SynonymError, match="origins with sha256"):
            SynonymSet.load(path)


def rewrite(path: Path, packed: bytes | None, stated: str | None) -> None:
    """Put other origins, or none, into a file, and say that they have this hash, or nothing."""
    table = pa.ipc.open_stream(path.read_bytes()).read_all()
    facts = {k: v for k, v in json.loads(table.schema.metadata[b"xlt"]).items() if k != "origins"}
    metadata = {b"xlt": canonical_json(facts | ({"origins": stated} if stated else {}))}
    metadata |= {b"xlt-origins": packed} if packed else {}
    with pa.ipc.new_stream(str(path), SCHEMA.with_metadata(metadata)) as writer:
        writer.write_table(table.replace_schema_metadata(metadata))


@pytest.mark.parametrize("case", ["of other rows", "without hash", "hash alone"])
def test_origins_belong_to_their_rows(case: str, tmp_path: Path) -> None:
    path, own = tmp_path / "s.arrow", small()
    own.save(path)
    packed = Origins.of([MOVIE, MOVIE, NEAR]).packed()
    other = from_rows({"a": (["b", "c", "d"], [])}).sha256
    stated = {"of other rows": origins_sha256(packed, other), "without hash": None}
    rewrite(path, None if case == "hash alone" else packed, stated.get(case, origins_sha256(packed, own.sha256)))
    with pytest.raises(SynonymError, match=r"origins with sha256|no origins"):
        SynonymSet.load(path)
    rewrite(path, packed, origins_sha256(packed, own.sha256))
    assert SynonymSet.load(path).origins("film") == [MOVIE]


def stream(columns: dict[str, pa.Array], kinds: object) -> bytes:
    table = pa.table(columns).replace_schema_metadata({b"kinds": json.dumps(kinds).encode()})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return base64.b64encode(sink.getvalue())


KIND, BEFORE_3 = pa.array([0, 0, 1], pa.int32()), pa.array([0.5, None, 0.25], pa.float32())
TWO = [["constraint", ["a"]], ["vectors", []]]
GOOD = stream({"kind": KIND, "before": BEFORE_3}, TWO)
STRANGE = {
    "no base64": b"%%%",
    "no Arrow": base64.b64encode(b"a" * 64),
    "cut off": base64.b64encode(base64.b64decode(GOOD)[:-40]),
    "too few": stream({"kind": KIND[:2], "before": BEFORE_3[:2]}, TWO),
    "other columns": stream({"kind": KIND, "after": BEFORE_3}, TWO),
    "other types": stream({"kind": KIND.cast(pa.int64()), "before": BEFORE_3}, TWO),
    "a kind too many": stream({"kind": pa.array([0, 0, 2], pa.int32()), "before": BEFORE_3}, TWO),
    "a kind below zero": stream({"kind": pa.array([0, 0, -2], pa.int32()), "before": BEFORE_3}, TWO),
    "infinite": stream({"kind": KIND, "before": pa.array([0.5, float("inf"), 0], pa.float32())}, TWO),
    "another source": stream({"kind": KIND, "before": BEFORE_3}, [["hearsay", []], ["vectors", []]]),
    "lists of numbers": stream({"kind": KIND, "before": BEFORE_3}, [["constraint", [1]], ["vectors", []]]),
    "no kinds": stream({"kind": KIND, "before": BEFORE_3}, 7),
}


@pytest.mark.parametrize("packed", [GOOD, *STRANGE.values()], ids=["good", *STRANGE])
def test_strange_origins_with_a_right_hash_are_refused_when_asked_for(packed: bytes, tmp_path: Path) -> None:
    path, own = tmp_path / "s.arrow", small()
    own.save(path)
    rewrite(path, packed, origins_sha256(packed, own.sha256))
    found = SynonymSet.load(path)
    if packed == GOOD:
        assert found.origins("movie") == [Origin("constraint", ("a",), None), NEAR]
        return
    with pytest.raises(SynonymError, match="where the neighbors of the synonym set s come from"):
        found.origins("movie")


def test_one_origin_a_neighbor() -> None:
    with pytest.raises(SynonymError, match="2 origins"):
        SynonymSet(small().table, "few", origins=Origins.of([MOVIE, NEAR]))


def test_the_commands_show_them(clean_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    partly = Origins.of([None, MOVIE, Origin("vectors", ("a.txt",), None)])
    SynonymSet(small().table, "s", origins=partly).save("s.arrow")
    shown = run_here(capsys, "synonyms", "lookup", "movie", "film", "x", "--synonyms", "s.arrow").out
    assert shown == (
        "movie: film (0.125, before 0.500; ppdb.txt, WordNet), cinema (0.250; vectors)\nfilm: movie (0.125)\nx: no neighbor\n"
    )
    facts = json.loads(run_here(capsys, "synonyms", "lookup", "movie", "film", "--synonyms", "s.arrow", "--json").out)
    assert facts["film"] == [{"word": "movie", "distance": 0.125, "origin": None}]
    assert facts["movie"][0]["origin"] == {"source": "constraint", "lists": ["ppdb.txt", "WordNet"], "before": 0.5}
    assert "origins 1 constraint, 1 vectors, 1 unknown" in " ".join(run_here(capsys, "synonyms", "info", "s.arrow").out.split())
    facts = json.loads(run_here(capsys, "synonyms", "info", "s.arrow", "--json").out)
    assert facts["origins"] == {"constraint": 1, "vectors": 1, "unknown": 1}
    exported = run_here(capsys, "synonyms", "export", "s.arrow", "s.json")
    assert "where neighbors come from" in exported.err
    plain = run_here(capsys, "synonyms", "info", "s.json")
    assert "origins not recorded" in " ".join(plain.out.split())
    assert json.loads(run_here(capsys, "synonyms", "info", "s.json", "--json").out)["origins"] is None
    entries = json.loads(run_here(capsys, "synonyms", "lookup", "film", "--synonyms", "s.json", "--json").out)["film"]
    assert entries == [{"word": "movie", "distance": None}]


def test_the_default_set_knows_them() -> None:
    default = SynonymSet.default()
    assert default.all_origins is not None
    counts = default.all_origins.counts()
    assert counts["unknown"] == 0
    assert counts["constraint"] > 50 * counts["vectors"] > 0
    [film] = default.origins("movie") or []
    assert film is not None
    assert film[:2] == ("constraint", ("WordNet",))
    before = film.before
    assert before is not None
    assert before > 10 * (default.neighbors("movie")[0].distance or 0)
