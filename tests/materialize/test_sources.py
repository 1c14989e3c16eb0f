"""The same rows from every kind of source give the same dataset; what a source says of itself is kept."""

import bz2
import csv
import gzip
import json
from collections.abc import Callable
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from xlt_augment import Swap, build
from xlt_augment.errors import SourceError
from xlt_augment.materialize.corpus import Corpus, open_corpus

ROWS = [
    ('"Quoted" start , the good movie', "A bad film\u2028still one line", "1"),
    ("", "empty first text 👩‍👩‍👧 ", "0"),
    ("naïve cafe\u0301 , 'tis", 'a "b" ""c""', "1"),
    ("tab free, comma full, ok", " leading and trailing ", "0"),
]
COLUMNS = ("sentence1", "sentence2", "label")


def _tsv(path: Path, *, head: str = "", end: str = "\n") -> Path:
    path.write_bytes((head + "".join("\t".join(row) + end for row in ROWS)).encode())
    return path


def _csv(path: Path) -> Path:
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([COLUMNS, *ROWS])
    return path


def _jsonl(path: Path) -> Path:
    path.write_text("".join(json.dumps(dict(zip(COLUMNS, row))) + "\n" for row in ROWS), encoding="utf-8")
    return path


def _parquet(path: Path, label: Callable[[str], object] = str) -> Path:
    table = pa.table(
        {"label": [label(r[2]) for r in ROWS], "sentence1": [r[0] for r in ROWS], "sentence2": [r[1] for r in ROWS]}
    )
    pq.write_table(table.set_column(1, "sentence1", table["sentence1"].dictionary_encode()), path)
    return path


def _saved(path: Path) -> Path:
    rows = datasets.Dataset.from_dict({name: [row[k] for row in ROWS] for k, name in enumerate(COLUMNS)})
    rows.class_encode_column("label").save_to_disk(path)
    return path


def _compressed(path: Path) -> Path:
    plain = _tsv(path.with_suffix(""))
    path.write_bytes((gzip if path.suffix == ".gz" else bz2).compress(plain.read_bytes()))
    return path


def _hub(path: Path) -> str:
    path.mkdir()
    _jsonl(path / "train.jsonl")
    return f"hf:{path}:train"


KINDS: dict[str, Callable[[Path], object]] = {
    "TSV, CRLF": lambda d: _tsv(d / "x.tsv", end="\r\n"),
    "TSV, header": lambda d: _tsv(d / "x.tsv", head="\t".join(COLUMNS) + "\n"),
    "TSV, byte order mark": lambda d: _tsv(d / "x.tsv", head="\ufeff"),
    "CSV": lambda d: _csv(d / "x.csv"),
    "JSONL": lambda d: _jsonl(d / "x.jsonl"),
    "Parquet": lambda d: _parquet(d / "x.parquet"),
    "Parquet, integer labels": lambda d: _parquet(d / "x.parquet", int),
    "saved dataset": lambda d: _saved(d / "x"),
    "gzip": lambda d: _compressed(d / "x.tsv.gz"),
    "bzip2": lambda d: _compressed(d / "x.tsv.bz2"),
    "hf: local folder": lambda d: _hub(d / "x"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_source_gives_the_same_dataset(kind: str, clean_folder: Path) -> None:
    plain = build(_tsv(clean_folder / "plain.tsv"), Swap(p=0.5), m=3, out="plain")
    other = build(str(KINDS[kind](clean_folder)), Swap(p=0.5), m=3, out="other")
    assert other.manifest.logical_hash == plain.manifest.logical_hash
    assert other.manifest.source["sha256"] == plain.manifest.source["sha256"]
    texts = [(row["sentence1"], row["sentence2"]) for row in datasets.load_from_disk("other") if row["variant"] == 0]
    assert texts == [row[:2] for row in ROWS]


def test_a_file_cut_into_several_is_the_same_source(clean_folder: Path) -> None:
    whole = open_corpus(_tsv(clean_folder / "whole.tsv"))
    lines = (clean_folder / "whole.tsv").read_bytes().splitlines(keepends=True)
    for k, line in enumerate(lines):
        (clean_folder / f"part-{k}.tsv").write_bytes(line)
    parts = open_corpus("part-*.tsv")
    assert (parts.sha256, parts.rows, len(parts.files)) == (whole.sha256, len(ROWS), len(ROWS))


def test_a_csv_field_keeps_its_line_breaks(clean_folder: Path) -> None:
    Path("a.csv").write_bytes(b'text,label\r\n"one\r\ntwo\n\nthree",1\r\nfour,0\r\n')
    texts = [text for batch in open_corpus("a.csv").batches() for text in batch["text"].to_pylist()]
    assert texts == ["one\r\ntwo\n\nthree", "four"]


@pytest.mark.parametrize(
    ("labels", "declared", "names"),
    [
        (["entailment", "neutral", "contradiction"], None, ("contradiction", "entailment", "neutral")),
        (["10", "9", "-1"], None, ("-1", "9", "10")),
        (["b", "a"], ("b", "a", "never"), ("b", "a", "never")),
    ],
)
def test_labels_have_a_stated_order(
    labels: list[str], declared: tuple[str, ...] | None, names: tuple[str, ...], small_tsv: Callable[..., Path]
) -> None:
    path = small_tsv(*(f"a\tb\t{label}" for label in labels * 2))
    build(path, Swap(), m=1, out="out", labels=declared)
    rows = datasets.load_from_disk("out")
    assert tuple(rows.features["label"].names) == names
    assert [rows.features["label"].int2str(code) for code in rows["label"]][::2] == labels * 2


def test_other_columns_are_carried_untouched(clean_folder: Path) -> None:
    nested = [{"id": k, "tags": ["x"] * k, "meta": {"score": k / 3}, "text": f"the movie {k}", "when": None} for k in range(4)]
    Path("a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in nested))
    report = build("a.jsonl", Swap(p=0.5), m=2, out="out")
    rows = datasets.load_from_disk("out")
    for k, row in enumerate(rows):
        assert {name: row[name] for name in ("id", "tags", "meta", "when")} == {
            name: nested[k // 3][name] for name in ("id", "tags", "meta", "when")
        }
    assert "label" not in rows.column_names
    assert report.manifest.source["rows"] == 4


@pytest.mark.parametrize("name", ["source_id", "variant", "changed"])
@pytest.mark.parametrize("text", [True, False], ids=["text", "carried"])
def test_a_column_named_like_one_of_ours_is_refused(clean_folder: Path, name: str, text: bool) -> None:
    (clean_folder / "rows.jsonl").write_text(json.dumps({name: "a film", "text": "a movie"}) + "\n")
    with pytest.raises(SourceError, match=f"'{name}'.*named like one of ours"):
        build("rows.jsonl", Swap(), m=1, text_columns=[name] if text else ["text"])


def test_a_label_column_can_be_carried_as_it_is(clean_folder: Path) -> None:
    Path("a.jsonl").write_text('{"text": "a b", "label": 0.5}\n{"text": "c", "label": 1.5}\n')
    build("a.jsonl", Swap(), m=1, out="out", label_column="")
    assert datasets.load_from_disk("out")["label"][:] == [0.5, 0.5, 1.5, 1.5]


def test_class_names_of_a_parquet_file_by_datasets_are_kept(clean_folder: Path) -> None:
    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["no", "yes"])})
    datasets.Dataset.from_dict({"text": ["a", "b"], "label": [1, 1]}, features=features).to_parquet("a.parquet")
    assert open_corpus("a.parquet").label_names == ("no", "yes")


def test_an_unlabelled_class_is_refused(clean_folder: Path) -> None:
    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["no", "yes"])})
    datasets.Dataset.from_dict({"text": ["a", "b"], "label": [1, -1]}, features=features).to_parquet("a.parquet")
    with pytest.raises(SourceError, match="row 1 .*the label -1"):
        open_corpus("a.parquet")


def test_hub_names_are_resolved_and_splits_asked_for(clean_folder: Path) -> None:
    _hub(clean_folder / "x")
    _jsonl(clean_folder / "x" / "test.jsonl")
    with pytest.raises(SourceError, match="2 splits.*train, test"):
        open_corpus(f"hf:{clean_folder}/x")
    with pytest.raises(SourceError, match="no split 'dev'"):
        open_corpus(f"hf:{clean_folder}/x:dev")
    assert open_corpus(f"hf:{clean_folder}/x:test").rows == len(ROWS)


def test_an_unknown_hub_dataset_is_one_clear_error(clean_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(SourceError, match="hf:nobody/nothing"):
        open_corpus("hf:nobody/nothing:train")


def _read(corpus: Corpus) -> list[dict[str, object]]:
    return [row for batch in corpus.batches() for row in batch.to_pylist()]


def test_long_lines_and_many_blocks_read_alike(clean_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [f"{'long ' * (k % 50)}text {k}\tother\t{k % 2}" for k in range(300)]
    Path("a.tsv").write_text("\n".join(lines))  # without a last line end
    whole = _read(open_corpus("a.tsv"))
    monkeypatch.setattr("xlt_augment.materialize.sources.lines._READ", 37)
    assert _read(open_corpus("a.tsv")) == whole
    assert [row["sentence1"] for row in whole] == [line.split("\t")[0] for line in lines]
