"""What a build gives: the same bytes for any workers and shards, and rows that are what the definitions say."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import datasets
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xlt_augment import Substitute, Swap, SynonymSet, augment, build
from xlt_augment.errors import DatasetError, OutputError, UsageError
from xlt_augment.materialize import units
from xlt_augment.materialize.build import plan_build, run_build
from xlt_augment.materialize.verify import verify
from xlt_augment.perturb.operator import Operator

WORDS = SynonymSet.from_mapping({"good": ["fine", "nice"], "movie": ["film", "motion picture"], "bad": ["poor"], "alone": []})
OPERATORS: list[Operator] = [Substitute(WORDS, p=0.5), Substitute(WORDS, p="uniform", words="space", case="any"), Swap(p=0.5)]
TEXTS = st.lists(st.sampled_from(["good", "Movie", "bad", "it", ",", "👍", "\u200f", " "]), max_size=9).map(" ".join)


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda o: f"{o.method}-{o.words}")
def test_rows_are_those_of_augment(operator: Operator, small_tsv: Callable[..., Path]) -> None:
    path = small_tsv(*(f"A good movie number {k}\tbad , bad Movie {k}\t{k % 2}" for k in range(40)))
    build(path, operator, m=4, seed=7, out="out")
    rows = datasets.load_from_disk("out")
    source = [line.split("\t") for line in path.read_text().splitlines()]
    for c, name in enumerate(("sentence1", "sentence2")):
        variants = augment([row[c] for row in source], operator, m=4, seed=7, column=name)
        assert rows[name][:] == [text for row, copies in zip(source, variants) for text in (row[c], *copies)]
    assert rows["source_id"][:] == [k for k in range(40) for _ in range(5)]
    assert rows["variant"][:] == list(range(5)) * 40
    assert [str(code) for code in rows["label"][::5]] == [row[2] for row in source]


@given(rows=st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=8), m=st.integers(1, 4), unit=st.integers(1, 2_000))
def test_any_cut_into_units_gives_the_same_rows(
    rows: list[tuple[str, str]], m: int, unit: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("cut")
    path = folder / "a.tsv"
    path.write_text("".join(f"{a}\t{b}\t0\n" for a, b in rows), encoding="utf-8")
    whole = build(path, OPERATORS[0], m=m, out=folder / "whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(units, "_UNIT_BYTES", unit)
        cut = build(path, OPERATORS[0], m=m, out=folder / "cut", num_proc=3, max_shard_size=300)
    assert cut.manifest.logical_hash == whole.manifest.logical_hash
    assert cut.manifest.statistics == whole.manifest.statistics
    assert len(cut.manifest.data_files) >= len(whole.manifest.data_files)
    verify(cut.path)


def test_offsets_beyond_32_bits_cut_a_unit(small_tsv: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    path = small_tsv(*(f"good movie {k} bad\tbad bad bad good\t0" for k in range(9)))
    whole = build(path, OPERATORS[0], m=5, out="whole")
    monkeypatch.setattr("xlt_augment.perturb.operator.MAX_BYTES", 120)  # one text of one variant still fits
    cut = build(path, OPERATORS[0], m=5, out="cut")
    assert cut.manifest.logical_hash == whole.manifest.logical_hash
    assert cut.manifest.statistics == whole.manifest.statistics


@pytest.mark.parametrize("changes", [{"num_proc": 2}, {"max_shard_size": 1}, {"max_shard_size": 5_000}, {"num_proc": 5}])
def test_workers_and_shards_leave_the_hash_alone(changes: dict[str, int], small_tsv: Callable[..., Path]) -> None:
    path = small_tsv(*(f"A good movie number {k}\tbad movie\t{k % 2}" for k in range(60)))
    first = build(path, OPERATORS[0], m=3, num_proc=1, out="first")
    other = build(path, OPERATORS[0], m=3, out="other", **changes)
    assert first.manifest.logical_hash == other.manifest.logical_hash
    assert datasets.load_from_disk("first")[:] == datasets.load_from_disk("other")[:]
    verify("other")


def test_the_same_build_twice_gives_the_same_bytes(small_tsv: Callable[..., Path]) -> None:
    path = small_tsv()
    for name in ("one", "two"):
        build(path, OPERATORS[0], m=3, out=name)
    assert {p.name: p.read_bytes() for p in Path("one").iterdir()} == {p.name: p.read_bytes() for p in Path("two").iterdir()}


def test_the_hash_seed_of_python_plays_no_part(small_tsv: Callable[..., Path]) -> None:
    path = small_tsv()
    operator = "x.Substitute(x.SynonymSet.default(), p=0.5)"
    code = f"import sys, xlt_augment as x; print(x.build(sys.argv[1], {operator}, out=sys.argv[2]).manifest.logical_hash)"
    hashes = {
        subprocess.run(
            [sys.executable, "-c", code, path, f"out-{seed}"],
            env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("0", "1")
    }  # fmt: skip
    assert len(hashes) == 1


def test_variants_of_a_small_m_are_those_of_a_large_one(small_tsv: Callable[..., Path]) -> None:
    path = small_tsv()
    build(path, OPERATORS[0], m=3, out="three")
    build(path, OPERATORS[0], m=10, out="ten")
    few, many = datasets.load_from_disk("three"), datasets.load_from_disk("ten")
    kept = [k for k, variant in enumerate(many["variant"]) if variant <= 3]
    assert few[:] == many.select(kept)[:]


def test_equal_rows_differ_and_so_do_seeds(small_tsv: Callable[..., Path]) -> None:
    path = small_tsv(*["good movie bad good movie\tgood movie bad\t0"] * 30)
    build(path, OPERATORS[0], m=2, out="one")
    build(path, OPERATORS[0], m=2, seed=1, out="two")
    one, two = datasets.load_from_disk("one")["sentence1"][:], datasets.load_from_disk("two")["sentence1"][:]
    assert len(set(one)) > 10
    assert one != two


def test_statistics_count_what_is_there(small_tsv: Callable[..., Path]) -> None:
    path = small_tsv("good movie\tnothing here\t0", "\t\t0")
    report = build(path, Substitute(WORDS, p=1, protect=["movie"]), m=6, out="out")
    rows = datasets.load_from_disk("out")
    statistics = report.manifest.statistics
    assert statistics["words"] == 4
    assert statistics["eligible_words"] == 1
    assert statistics["changed_words"] == sum(rows["changed"]) == 6
    assert (statistics["texts"], statistics["empty_texts"], statistics["texts_without_eligible_words"]) == (4, 2, 3)
    assert statistics["unchanged_variants"] == 6
    distinct = len({tuple(row[name] for name in ("source_id", "sentence1", "sentence2")) for row in rows})
    assert statistics["duplicate_variants"] == len(rows) - distinct


def test_a_text_of_megabytes_is_legal(small_tsv: Callable[..., Path]) -> None:
    long = "good movie " * 300_000
    path = small_tsv(f"{long}\tbad\t0", "short\tbad\t1")
    report = build(path, Swap(p=0.1), m=8, out="out")
    assert [len(text) for text in datasets.load_from_disk("out")["sentence1"]][:9] == [len(long)] * 9
    assert report.manifest.rows == 18


def test_many_variants_of_one_row(small_tsv: Callable[..., Path]) -> None:
    report = build(small_tsv("good movie\tbad\t0"), OPERATORS[0], m=32_767, out="out")
    assert verify("out").manifest.rows == 32_768
    assert report.manifest.statistics["duplicate_variants"] > 30_000


def test_the_named_folder_is_taken_as_it_is(small_tsv: Callable[..., Path]) -> None:
    path = small_tsv()
    first = build(path, OPERATORS[0], m=2)
    assert str(first.path).startswith("corpus-synonym-m2-p0.5-")
    again = build(path, OPERATORS[0], m=2)
    assert (first.existed, again.existed, again.path) == (False, True, first.path)
    others = [build(path, OPERATORS[0], m=2, seed=1), build(path, Substitute(WORDS, p=0.5, protect=["bad"]), m=2)]
    small_tsv("other\trow\t1")
    others.append(build(path, OPERATORS[0], m=2))
    assert len({report.path for report in [first, *others]}) == 4
    (others[0].path / "xlt.json").write_bytes(b"{}")
    (first.path / first.manifest.data_files[0].path).write_bytes(b"")
    small_tsv()
    with pytest.raises(OutputError, match="--overwrite"):
        build(path, OPERATORS[0], m=2, seed=1)
    with pytest.raises(OutputError, match="--overwrite"):
        build(path, OPERATORS[0], m=2)


def test_overwrite_exchanges_and_keeps_the_old_one_until_then(
    small_tsv: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = small_tsv()
    old = build(path, OPERATORS[0], m=2, out="out")
    with monkeypatch.context() as patch:
        patch.setattr("xlt_augment.materialize.write.dataset_card", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            build(path, OPERATORS[0], m=3, out="out", overwrite=True)
    assert verify("out").manifest == old.manifest
    build(path, OPERATORS[0], m=3, out="out", overwrite=True)
    assert verify("out").manifest.recipe["m"] == 3
    assert sorted(p.name for p in Path().iterdir()) == ["corpus.tsv", "out"]


def test_a_full_disk_is_one_clear_error(small_tsv: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: object, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("xlt_augment.materialize.shards._HashingFile.write", full)
    with pytest.raises(OutputError, match="no space left.*Make room"):
        build(small_tsv(), OPERATORS[0], m=2, out="out")
    assert [p.name for p in Path().iterdir()] == ["corpus.tsv"]


def test_a_plan_writes_nothing(small_tsv: Callable[..., Path]) -> None:
    plan = plan_build(small_tsv(), OPERATORS[0], m=2)
    assert plan.rows == 15
    assert [p.name for p in Path().iterdir()] == ["corpus.tsv"]
    assert run_build(plan).manifest.rows == 15


def test_bad_numbers_are_refused(small_tsv: Callable[..., Path]) -> None:
    path = small_tsv()
    for change in ({"m": 0}, {"m": True}, {"seed": -1}, {"num_proc": 0}, {"max_shard_size": 0}):
        with pytest.raises(UsageError):
            build(path, OPERATORS[0], out="out", **change)
    with pytest.raises(DatasetError):
        verify(".")


def test_a_dataset_of_ours_is_no_source(small_tsv: Callable[..., Path]) -> None:
    build(small_tsv(), OPERATORS[0], m=2, out="out")
    with pytest.raises(Exception, match="'source_id'"):
        build("out", OPERATORS[0], m=2, out="again")


def test_the_schema_is_the_documented_one(small_tsv: Callable[..., Path]) -> None:
    build(small_tsv(), OPERATORS[0], m=2, out="out")
    with pa.memory_map("out/data-00000-of-00001.arrow") as stream:
        schema = pa.ipc.open_stream(stream).schema
    assert [(f.name, str(f.type)) for f in schema] == [
        ("sentence1", "string"), ("sentence2", "string"), ("label", "int64"),
        ("source_id", "int64"), ("variant", "int16"), ("changed", "int32"),
    ]  # fmt: skip


def test_class_names_are_part_of_the_hash(small_tsv: Callable[..., Path]) -> None:
    one = build(small_tsv(), OPERATORS[0], m=2, out="one", labels=["0", "1"])
    two = build(small_tsv(), OPERATORS[0], m=2, out="two", labels=["0", "1", "2"])
    assert one.manifest.logical_hash != two.manifest.logical_hash
    verify("two")
