"""Cases that a reviewer broke once: each had lost data, stored something wrong, or taken all memory."""

import datetime
import json
import subprocess
import sys
import threading
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from xlt_augment import Substitute, Swap, SynonymSet, augment, build, verify
from xlt_augment.errors import OutputError, SourceError, SynonymError, UsageError
from xlt_augment.materialize.build import plan_build, run_build
from xlt_augment.materialize.marks import mark_changes, shorten
from xlt_augment.materialize.publish import new_folder

WORDS = SynonymSet.from_mapping({"movie": ["motion picture"], "film": ["movie"]})


def test_a_folder_made_during_the_build_is_kept(clean_folder: Path) -> None:
    def build_beside_a_colleague() -> None:
        with new_folder(Path("out"), overwrite=True):
            Path("out").mkdir()
            Path("out/thesis.tex").write_text("years of work")

    with pytest.raises(OutputError, match="made meanwhile"):
        build_beside_a_colleague()
    assert Path("out/thesis.tex").exists()
    assert [p.name for p in clean_folder.iterdir()] == ["out"]


def test_overwrite_refuses_a_dataset_with_foreign_files(small_tsv: Callable[..., Path]) -> None:
    path = small_tsv()
    build(path, Swap(), m=1, out="out")
    path.rename("out/source.tsv")
    with pytest.raises(OutputError, match="source.tsv"):
        build("out/source.tsv", Swap(), m=2, out="out", overwrite=True)
    assert Path("out/source.tsv").exists()


def test_parents_that_a_failed_build_made_are_removed(clean_folder: Path) -> None:
    with pytest.raises(ZeroDivisionError), new_folder(Path("a/b/out"), overwrite=False):
        _ = 1 / 0
    assert list(clean_folder.iterdir()) == []


def test_the_current_folder_can_be_replaced(small_tsv: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    path = small_tsv()
    build(path, Swap(), m=1, out="out")
    monkeypatch.chdir("out")
    build(path, Swap(), m=2, out=".", overwrite=True)
    assert verify(path.parent / "out").manifest.recipe["m"] == 2


def test_a_twin_built_meanwhile_is_taken(small_tsv: Callable[..., Path]) -> None:
    path = small_tsv()
    plans = [plan_build(path, Swap(), m=2) for _ in range(3)]
    reports = []
    threads = [threading.Thread(target=lambda p=plan: reports.append(run_build(p))) for plan in plans]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(report.existed for report in reports) == [False, True, True]


def _labelled(path: str, names: list[str], label: int) -> None:
    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=names)})
    datasets.Dataset.from_dict({"text": ["great movie"], "label": [label]}, features=features).to_parquet(path)


def test_files_with_other_class_names_are_not_mixed(clean_folder: Path) -> None:
    _labelled("p1.parquet", ["neg", "pos"], 1)
    _labelled("p2.parquet", ["pos", "neg"], 0)
    with pytest.raises(SourceError, match="p2.parquet.*'pos', 'neg'.*'neg', 'pos'"):
        build("p?.parquet", Swap(), m=1, out="out")


@pytest.mark.parametrize("label", [0, -1])
def test_a_carried_class_label_verifies(label: int, clean_folder: Path) -> None:
    _labelled("p.parquet", ["neg", "pos"], label)
    build("p.parquet", Swap(), m=1, out="out", label_column="")
    verify("out")
    assert datasets.load_from_disk("out")["label"][:] == [label, label]


COLUMNS = {
    "int8": pa.array([1], pa.int8()), "uint64": pa.array([2**63], pa.uint64()), "half": pa.array([np.float16(1)]),
    "float": pa.array([0.5], pa.float32()), "bool": pa.array([True]), "date32": pa.array([datetime.date(2020, 1, 1)]),
    "date64": pa.array([datetime.date(2020, 1, 1)], pa.date64()), "time": pa.array([datetime.time(1)], pa.time64("us")),
    "stamp": pa.array([datetime.datetime(2020, 1, 1)], pa.timestamp("ns")), "decimal": pa.array([Decimal("1.5")]),
    "zone": pa.array([datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)], pa.timestamp("us", "UTC")),
    "span": pa.array([datetime.timedelta(1)], pa.duration("us")), "bytes": pa.array([b"x"]), "null": pa.array([None]),
    "two bytes": pa.array([b"ab"], pa.binary(2)),
    "large": pa.array(["x"], pa.large_string()), "view": pa.array(["x"], pa.string_view()),
    "views": pa.array([["x"]], pa.list_(pa.string_view())), "list": pa.array([[1]]),
    "fixed": pa.array([[1, 2]], pa.list_(pa.int8(), 2)),
    "biglist": pa.array([["x"]], pa.large_list(pa.string())), "struct": pa.array([{"a": 1, "b": ["x"]}]),
    "dictionary": pa.array(["x"]).dictionary_encode(),
}  # fmt: skip


@pytest.mark.parametrize("name", COLUMNS)
def test_every_type_that_is_taken_opens_with_datasets(name: str, clean_folder: Path) -> None:
    pq.write_table(pa.table({"text": ["good movie"], name: COLUMNS[name]}), "p.parquet")
    build("p.parquet", Swap(), m=1, out="out")
    verify("out")
    rows = list(datasets.load_from_disk("out"))
    assert [row[name] for row in rows] == [rows[0][name]] * 2


def test_a_type_that_datasets_cannot_hold_is_refused(clean_folder: Path) -> None:
    pq.write_table(pa.table({"text": ["a"], "x": pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int8()))}), "p.parquet")
    with pytest.raises(SourceError, match="map<string"):
        build("p.parquet", Swap(), m=1, out="out")


def test_stale_features_of_a_parquet_file_are_not_believed(clean_folder: Path) -> None:
    info = {"info": {"features": {"x": {"dtype": "int32", "_type": "Value"}, "text": ["odd"]}}}
    table = pa.table({"text": ["a"], "x": ["b"]}).replace_schema_metadata({"huggingface": json.dumps(info)})
    pq.write_table(table, "p.parquet")
    build("p.parquet", Swap(), m=1, out="out")
    assert datasets.load_from_disk("out")["x"][:] == ["b", "b"]


HEADERS = [
    ("a.csv", b"text,label\ngood,1\n", {"columns": ["text", "label"]}),
    ("a.tsv", b"q1\tq2\tkind\na\tb\t1\nc\td\t0\n", {}),
    ("a.tsv", b"question1\tquestion2\na b\tc d\n", {}),
    ("a.tsv", b"text\tgold\n" + b"some text\tpos\nother text\tneg\n" * 9, {}),
    ("a.tsv", b"some text\tpos\nother text\tneg\n" * 9, {}),
]


@pytest.mark.parametrize(("name", "content", "reading"), HEADERS)
def test_a_header_never_becomes_a_row(name: str, content: bytes, reading: dict[str, list[str]], clean_folder: Path) -> None:
    Path(name).write_bytes(content)
    with pytest.raises(SourceError, match="--header|--columns"):
        build(name, Swap(), m=1, out="out", **reading)


def test_a_repeated_key_is_refused(clean_folder: Path) -> None:
    Path("a.jsonl").write_text('{"text": "good", "text": "other"}\n')
    with pytest.raises(SourceError, match="a.jsonl:1.*'text' twice"):
        build("a.jsonl", Swap(), m=1, out="out")
    for line in ('{"\\ud800": 1}', "[" * 100_000):
        Path("a.jsonl").write_text(line + "\n")
        with pytest.raises(SourceError, match="a.jsonl:1"):
            build("a.jsonl", Swap(), m=1, out="out")


def test_layout_options_are_not_ignored(clean_folder: Path) -> None:
    Path("a.jsonl").write_text('{"text": "good"}\n')
    for reading in ({"columns": ["text"]}, {"header": True}, {"header": False}):
        with pytest.raises(UsageError, match="TSV and CSV"):
            build("a.jsonl", Swap(), m=1, out="out", **reading)


def test_groups_with_comments_and_byte_order_mark(clean_folder: Path) -> None:
    Path("s.txt").write_bytes(b"\xef\xbb\xbfmovie film\n  # a comment\n")
    assert SynonymSet.load("s.txt").to_mapping() == {"film": ["movie"], "movie": ["film"]}
    Path("s.txt").write_text("good fine # nice\n")
    with pytest.raises(SynonymError, match="'#'"):
        SynonymSet.load("s.txt")


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss, which others have, starts at what the parent had")
def test_carried_texts_count_towards_memory(clean_folder: Path) -> None:
    body = "x" * 10_000
    Path("a.csv").write_text("text,body,label\n" + f"good movie,{body},1\n" * 100)
    code = (
        "from xlt_augment import *\n"
        "build('a.csv', Swap(p=0.5), m=1000, out='out', num_proc=1)\n"
        "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 900_000  # kB; the dataset has 1 GB


def test_long_texts_are_shown_shortened() -> None:
    long = "the movie was a film " * 20_000
    after = augment([long], Substitute(WORDS, p=1.0), m=1)[0][0]
    assert len(mark_changes(shorten(long), shorten(after))) < 1_000


def test_no_jit_gives_the_same(clean_folder: Path, small_tsv: Callable[..., Path]) -> None:
    small_tsv()
    operator = "x.Substitute(x.SynonymSet.default(), p=0.5)"
    code = f"import xlt_augment as x; print(x.build('corpus.tsv', {operator}, m=2, out=%r).manifest.logical_hash)"
    hashes = []
    for flag in ("0", "1"):
        env = {"NUMBA_DISABLE_JIT": flag, "PATH": "/usr/bin:/bin"}
        command = [sys.executable, "-W", "ignore", "-c", code % f"out{flag}"]
        hashes.append(subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout)
    assert hashes[0] == hashes[1]


def test_wrong_arguments_of_the_library_are_usage_errors(small_tsv: Callable[..., Path]) -> None:
    path = small_tsv()
    wrong: list[Callable[[], object]] = [
        lambda: Substitute("default"),  # type: ignore[arg-type]
        lambda: Swap(protect=[1]),  # type: ignore[list-item]
        lambda: Swap(protect=["two words"]),
        lambda: Swap(protect=["re:\\Qnot"]),
        lambda: augment(["a"], Swap(), first_id=2**63),
        lambda: augment(["a"], Swap(), column="\ud800"),
        lambda: build(path, Swap(), labels="01"),
        lambda: build(path, Swap(), columns="abc"),
    ]
    for call in wrong:
        with pytest.raises(UsageError):
            call()
    for mapping in ({"a": "bc"}, {"a": [1]}):
        with pytest.raises(SynonymError):
            SynonymSet.from_mapping(mapping)  # type: ignore[arg-type]
    assert len(augment(["a b"], Swap(), m=np.int64(3))[0]) == 3


def test_a_long_name_in_another_script_is_cut(small_tsv: Callable[..., Path]) -> None:
    small_tsv(name="한" * 80 + ".tsv")
    assert len(build("한" * 80 + ".tsv", Swap(), m=1).path.name.encode()) < 255


def test_labels_with_white_space_around_are_refused(small_tsv: Callable[..., Path]) -> None:
    with pytest.raises(SourceError, match="corpus.tsv:2.*'1 '"):
        build(small_tsv("a\tb\t1", "a\tb\t1 "), Swap(), m=1, out="out")


def test_numbers_in_a_column_that_the_file_names_are_text(clean_folder: Path) -> None:
    Path("a.jsonl").write_text('{"text": "42"}\n{"text": "1984"}\n')
    build("a.jsonl", Swap(), m=1, out="out")
    assert datasets.load_from_disk("out")["text"][::2] == ["42", "1984"]
    Path("a.tsv").write_text("42\t1984\n")
    build("a.tsv", Swap(), m=1, out="named", columns=["text", "other"])
    with pytest.raises(SourceError, match="numbers alone"):
        build("a.tsv", Swap(), m=1, out="guessed")


def test_class_names_inside_lists_are_kept(clean_folder: Path) -> None:
    tag = datasets.ClassLabel(names=["O", "B"])
    features = datasets.Features({"text": datasets.Value("string"), "tags": datasets.List(tag), "meta": {"tag": tag}})
    rows = {"text": ["good movie"], "tags": [[0, 1]], "meta": [{"tag": 1}]}
    datasets.Dataset.from_dict(rows, features=features).save_to_disk("saved")
    build("saved", Swap(), m=1, out="out")
    found = datasets.load_from_disk("out")
    assert found.features["tags"] == features["tags"]
    assert found.features["meta"] == features["meta"]
    assert found["tags"][:] == [[0, 1]] * 2
