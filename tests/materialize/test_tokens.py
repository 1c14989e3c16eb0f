"""Token columns of a dataset: the tokenizer's own ids on every row, opened by plain `datasets`, part of what is verified."""

import json
from collections.abc import Callable
from pathlib import Path

import datasets
import pytest
from tokenizers import pre_tokenizers
from transformers import AutoTokenizer

from tests.command import run_here
from tests.tokens.made import byte_level, wordpiece
from xlt_augment import Substitute, Swap, SynonymSet, build
from xlt_augment.errors import DatasetError, SourceError
from xlt_augment.materialize import units
from xlt_augment.materialize.verify import verify

WORDS = SynonymSet.from_mapping({"good": ["fine", "nice"], "movie": ["film", "motion picture"], "happy": ["glad"]})
ROWS = [
    *(f"The movie number {k} was good .\tA happy  film, [MASK] {k}!\t{k % 2}" for k in range(30)),
    "\t \t0",
    "Ünïcödé\u00a0東京 서울 e\u0301 \u200b x\tgood, 'good' good.\t1",
]


@pytest.fixture(scope="session")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A WordPiece tokenizer, saved."""
    folder = tmp_path_factory.mktemp("tokenizers") / "small-bert"
    wordpiece(lowercase=False).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tokenizer that does not work word by word: nothing cuts its texts."""
    folder = tmp_path_factory.mktemp("tokenizers") / "uncut"
    byte_level(pre_tokenizers.ByteLevel(use_regex=False)).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("operator", [Substitute(WORDS, p=0.5), Swap(p=0.5)], ids=lambda o: o.method)
@pytest.mark.parametrize(("kind", "by"), [("bert", "words"), ("whole", "texts")])
def test_ids_are_those_of_the_tokenizer_on_every_row(
    kind: str, by: str, operator: Substitute | Swap, small_tsv: Callable[..., Path], request: pytest.FixtureRequest
) -> None:
    folder = request.getfixturevalue(kind)
    report = build(small_tsv(*ROWS), operator, m=4, tokenizer=folder, out="out")
    rows, tokenizer = datasets.load_from_disk("out"), AutoTokenizer.from_pretrained(folder)
    for name in ("sentence1", "sentence2"):
        assert rows.features[f"{name}_ids"] == datasets.List(datasets.Value("int32"))
        assert rows[f"{name}_ids"][:] == tokenizer(rows[name][:], add_special_tokens=False)["input_ids"]
    assert rows.column_names == "sentence1 sentence2 label sentence1_ids sentence2_ids source_id variant changed".split()
    assert report.manifest.tokenizer is not None
    assert (report.manifest.tokenizer["name"], report.manifest.tokenizer["by"]) == (folder.name, by)
    assert verify("out").manifest == report.manifest


def test_threads_shards_and_units_leave_the_dataset_alone(
    bert: Path, small_tsv: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, operator = small_tsv(*ROWS), Substitute(WORDS, p=0.5)
    one = build(path, operator, m=4, tokenizer=bert, out="one", num_proc=1)
    two = build(path, operator, m=4, tokenizer=bert, out="two", num_proc=2)
    assert one.manifest == two.manifest
    monkeypatch.setattr(units, "_UNIT_BYTES", 700)
    cut = build(path, operator, m=4, tokenizer=bert, out="cut", num_proc=2, max_shard_size=2_000)
    assert cut.manifest.logical_hash == one.manifest.logical_hash
    assert len(cut.manifest.data_files) > 1
    verify("cut")


def test_texts_and_source_are_those_of_a_build_without(bert: Path, small_tsv: Callable[..., Path]) -> None:
    path = small_tsv(*ROWS)
    plain, tokenised = build(path, Swap(), m=2, out="plain"), build(path, Swap(), m=2, tokenizer=bert, out="tokenised")
    ids = ["sentence1_ids", "sentence2_ids"]
    assert datasets.load_from_disk("tokenised").remove_columns(ids)[:] == datasets.load_from_disk("plain")[:]
    assert plain.manifest.source == tokenised.manifest.source
    assert plain.manifest.logical_hash != tokenised.manifest.logical_hash
    assert "tokenizer" not in json.loads(Path("plain/xlt.json").read_text())


def test_the_name_knows_the_tokenizer(bert: Path, small_tsv: Callable[..., Path], tmp_path: Path) -> None:
    wordpiece(lowercase=True).save_pretrained(tmp_path / "small-bert")
    path = small_tsv()
    names = {build(path, Swap(), m=2, tokenizer=t).path for t in (None, bert, tmp_path / "small-bert")}
    assert len(names) == 3
    assert build(path, Swap(), m=2, tokenizer=bert).existed


def test_a_source_that_has_such_a_column_is_refused(bert: Path, clean_folder: Path) -> None:
    Path("a.csv").write_text("text,text_ids\na b,1\n")
    with pytest.raises(SourceError, match="'text_ids' of its own"):
        build("a.csv", Swap(), tokenizer=bert, out="out")
    assert build("a.csv", Swap(), m=1, out="out").manifest.tokenizer is None
    assert not list(clean_folder.glob(".xlt*"))


def test_a_flipped_id_is_found(bert: Path, small_tsv: Callable[..., Path]) -> None:
    build(small_tsv(*ROWS), Swap(), m=2, tokenizer=bert, out="out")
    shard = next(Path("out").glob("*.arrow"))
    content = bytearray(shard.read_bytes())
    first = AutoTokenizer.from_pretrained(bert)("The movie", add_special_tokens=False)["input_ids"]
    place = bytes(content).index(b"".join(i.to_bytes(4, "little") for i in first))
    content[place] ^= 1
    shard.write_bytes(content)
    with pytest.raises(DatasetError, match="sha256"):
        verify("out")


@pytest.mark.parametrize("change", [{"columns": {"sentence1": "../x"}}, {"columns": None}, {"sha256": 3}, {"by": None}])
def test_a_manifest_with_another_entry_is_refused(
    change: dict[str, object], bert: Path, small_tsv: Callable[..., Path]
) -> None:
    from dataclasses import replace

    manifest = build(small_tsv(), Swap(), m=2, tokenizer=bert, out="out").manifest
    assert manifest.tokenizer is not None
    Path("out/xlt.json").write_bytes(replace(manifest, tokenizer=manifest.tokenizer | change).to_bytes())
    with pytest.raises(DatasetError, match="changed manifest"):
        verify("out")


def test_the_command_says_which_tokenizer_and_why_it_took_whole_texts(
    bert: Path, whole: Path, small_tsv: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    small_tsv()
    done = run_here(capsys, "build", "corpus.tsv", "--tokenizer", bert, "--out", "words")
    assert "tokens    small-bert (sha256 " in done.out
    assert "text by text" not in done.out
    done = run_here(capsys, "build", "corpus.tsv", "--tokenizer", whole, "--out", "texts")
    assert "encoded text by text: " in done.out
    assert "by texts" in run_here(capsys, "inspect", "texts").out
    facts = json.loads(run_here(capsys, "build", "corpus.tsv", "--tokenizer", bert, "--dry-run", "--json").out)
    assert facts["tokenizer"]["columns"] == {"sentence1": "sentence1_ids", "sentence2": "sentence2_ids"}
    assert "tokenizer: `small-bert`" in Path("words/README.md").read_text()


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("./nowhere", 1, "loading the tokenizer ./nowhere"),
        (".", 1, "a path that transformers cannot open"),
        ("", 2, "an empty name"),
        ("corpus.tsv", 2, "Give the folder"),
    ],
)
def test_what_is_no_tokenizer_is_one_line(
    name: str, code: int, words: str, small_tsv: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    small_tsv()
    done = run_here(capsys, "build", "corpus.tsv", "--tokenizer", name, "--out", "out")
    assert done.code == code
    assert done.err.count("\n") == 1
    assert words in done.err
    assert not Path("out").exists()
