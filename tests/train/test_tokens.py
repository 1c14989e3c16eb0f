"""A dataset's token columns give the run that its texts give, or are refused, or left aside with a word about it."""

import json
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import datasets
import numpy as np
import pyarrow as pa
import pytest
from tokenizers import Tokenizer
from torch.utils.data import DataLoader
from transformers import AutoTokenizer

from tests.small_models import save_small_bert
from tests.train.conftest import Once
from tests.train.toy import Toy, add_tokens, checkpoints, fit_here, fit_words, run_train, sign, write_arrow
from tests.train.tokenizers_made import KINDS, framed
from xlt_train.data.dataset import TrainingSet
from xlt_train.data.encode import Encoder
from xlt_train.data.manifest import Manifest
from xlt_train.data.tokens import ids_of, tokenizer_sha256
from xlt_train.data.view import VariantView
from xlt_train.errors import DatasetError, XltError

FEW = {"max_steps": 12, "max_length": 16}  # some rows are cut


class Place(NamedTuple):
    """A saved encoder, another with another vocabulary, and datasets with token columns of the first."""

    bert: Path
    other: Path
    pairs: Path
    single: Path

    @property
    def tokenizer(self) -> Any:
        """Of the first encoder."""
        return AutoTokenizer.from_pretrained(self.bert)


@pytest.fixture(scope="session")
def place(toy: Toy, once: Once) -> Place:
    """The toy task with token columns."""

    def make(folder: Path) -> None:
        rows = datasets.load_from_disk(str(toy.synonym))
        save_small_bert(folder / "bert", [*rows["sentence1"], *rows["sentence2"]])
        save_small_bert(folder / "other", [*rows["sentence1"], "another quick brown vocabulary"])
        tokenizer = AutoTokenizer.from_pretrained(folder / "bert")
        add_tokens(toy.synonym, tokenizer, folder / "pairs")
        add_tokens(toy.single, tokenizer, folder / "single", by="words")

    folder = once("tokens", make)
    return Place(*(folder / name for name in Place._fields))


@pytest.fixture
def copy(place: Place, tmp_path: Path) -> Path:
    """A copy of the dataset of pairs, to spoil."""
    return Path(shutil.copytree(place.pairs, tmp_path / "copy"))


def _manifest(data: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((data / "xlt.json").read_bytes())
    return found


# ---- the same run


def test_the_toy_sets_are_what_the_format_says(place: Place) -> None:
    rows = datasets.load_from_disk(str(place.pairs))
    assert list(rows.features) == [
        "sentence1", "sentence2", "label", "sentence1_ids", "sentence2_ids", "source_id", "variant", "changed",
    ]  # fmt: skip
    assert rows.features["sentence1_ids"] == datasets.List(datasets.Value("int32"))
    assert len(TrainingSet.open(place.pairs).rows.paths) == 1
    found = Manifest.read(place.pairs).tokens
    assert found is not None
    assert found.columns == ("sentence1_ids", "sentence2_ids")
    assert found.sha256 == tokenizer_sha256(place.tokenizer)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("what", ["pairs", "single"])
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded, use of fork.*:DeprecationWarning")
def test_weights_are_those_of_the_texts_bit_for_bit(
    what: str, workers: int, place: Place, toy: Toy, tmp_path: Path, trainers: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "false")
    settings = FEW | {"model": str(place.bert), "dataloader_num_workers": workers}
    if what == "pairs":
        settings |= {"dev": toy.dev, "eval_strategy": "steps", "eval_steps": 6, "save_strategy": "steps"}
    texts = fit_here(toy.synonym if what == "pairs" else toy.single, "rs-da", tmp_path / "texts", **settings)
    ids = fit_here(getattr(place, what), "rs-da", tmp_path / "ids", **settings)
    assert [trainer.train_dataset.from_ids for trainer in trainers] == [False, True]
    assert ids.record.weights == texts.record.weights
    assert [run.record.results["tokens_from"] for run in (texts, ids)] == ["texts", "dataset"]
    assert ids.record.settings() == texts.record.settings()
    assert ids.record.results["dev_accuracy"] == texts.record.results["dev_accuracy"]
    other = fit_here(getattr(place, what), "rs-da", tmp_path / "other", **settings, seed=8)
    assert other.record.weights != ids.record.weights


@pytest.mark.parametrize(("first", "second"), [("texts", "ids"), ("ids", "texts")])
def test_a_run_goes_on_from_the_other_way(first: str, second: str, place: Place, toy: Toy, tmp_path: Path) -> None:
    data = {"texts": toy.synonym, "ids": place.pairs}
    settings = FEW | {"model": str(place.bert), "save_strategy": "steps", "save_steps": 5, "save_total_limit": 9}
    whole = fit_here(data[first], "rs-da", tmp_path / "run", **settings)
    go_back(whole.path, 5)
    again = fit_here(data[second], "rs-da", tmp_path / "run", **settings, resume_from_checkpoint="true")
    assert again.record.results["resumed_from"] == "checkpoint-5"
    assert again.record.results["tokens_from"] == {"texts": "texts", "ids": "dataset"}[second]
    assert again.record.weights == whole.record.weights


def go_back(run: Path, step: int) -> None:
    """Make of a finished run one that was killed behind that step."""
    for path in checkpoints(run):
        if path.name != f"checkpoint-{step}":
            shutil.rmtree(path)
    (run / "model.safetensors").unlink()
    record = json.loads((run / "xlt-run.json").read_bytes())
    (run / "xlt-run.json").write_text(json.dumps(record | {"status": "started", "weights": {}, "files": {}, "results": {}}))


def test_columns_of_another_tokenizer_are_left_aside_and_that_is_said(
    place: Place, toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = {}
    for name, data in (("texts", toy.synonym), ("columns", place.pairs)):
        words = fit_words(data, "rs-da", **(FEW | {"model": place.other}))
        done[name] = run_train(capsys, *words, "--output_dir", tmp_path / name, "--json")
        assert done[name].code == 0, done[name].err
    records = {name: json.loads(one.out) for name, one in done.items()}
    assert records["columns"]["weights"] == records["texts"]["weights"]
    assert records["columns"]["results"]["tokens_from"] == "texts"
    said = [line for line in done["columns"].err.splitlines() if "token columns" in line]
    assert len(said) == 1
    own, theirs = (tokenizer_sha256(AutoTokenizer.from_pretrained(path)) for path in (place.other, place.bert))
    assert str(own)[:12] in said[0]
    assert str(theirs)[:12] in said[0]
    assert "texts are tokenised" in said[0]
    assert "token columns" not in done["texts"].err


def test_columns_that_are_used_are_named(place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = fit_words(place.pairs, "rs-da", **(FEW | {"model": place.bert}))
    done = run_train(capsys, *words, "--output_dir", tmp_path / "run")
    assert done.code == 0, done.err
    assert f"{place.pairs}: token columns of toy used" in done.err.splitlines()


def test_nano_makes_a_vocabulary_of_its_own(place: Place, toy: Toy, tmp_path: Path) -> None:
    texts, columns = (fit_here(data, "rs-da", tmp_path / data.name, **FEW) for data in (toy.synonym, place.pairs))
    assert columns.record.weights == texts.record.weights
    assert columns.record.results["tokens_from"] == "texts"


# ---- the rows of a view


def _views(data: TrainingSet, tokenizer: Any, length: int) -> tuple[VariantView, VariantView]:
    """By ids, and by texts."""
    ids = ids_of(data, tokenizer, length, len(tokenizer))
    assert ids.from_ids, ids.note
    variants, codes = range(data.manifest.m + 1), [2, 0, 1]
    by_ids = VariantView(data, variants, ids.encode, codes, from_ids=True)
    return by_ids, VariantView(data, variants, Encoder(tokenizer, length), codes)


def _plain(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: np.asarray(value).tolist() for name, value in item.items()} for item in items]


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("what", ["synonym", "single"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_row_is_that_of_the_texts(kind: str, what: str, side: str, toy: Toy, tmp_path: Path) -> None:
    tokenizer = KINDS[kind]()
    tokenizer.truncation_side = side
    data = TrainingSet.open(add_tokens(getattr(toy, what), tokenizer, tmp_path / "d"))
    for length in (9, 12, 128):
        by_ids, by_texts = _views(data, tokenizer, length)
        items = list(range(len(by_ids)))
        assert _plain(by_ids.__getitems__(items)) == _plain(by_texts.__getitems__(items))
    assert by_ids.rows(items) == list(range(len(data.rows)))


@pytest.mark.parametrize("context", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded, use of fork.*:DeprecationWarning")
def test_workers_give_the_same_rows(context: str, place: Place) -> None:
    view, _ = _views(TrainingSet.open(place.pairs), place.tokenizer, 16)
    loader: Any = DataLoader(view, batch_size=50, collate_fn=list, num_workers=2, multiprocessing_context=context)  # type: ignore[arg-type]
    found = [item for batch in loader for item in batch]
    assert _plain(found) == _plain(view.__getitems__(range(len(view))))


def test_lengths_are_those_of_the_columns_or_of_the_bytes(place: Place, toy: Toy) -> None:
    rows = datasets.load_from_disk(str(place.pairs))
    tokens = [len(a) + len(b) for a, b in zip(rows["sentence1_ids"], rows["sentence2_ids"])]
    texts = [len(a.encode()) + len(b.encode()) for a, b in zip(rows["sentence1"], rows["sentence2"])]
    for path, expected in ((place.pairs, tokens), (toy.synonym, texts)):
        data = TrainingSet.open(path)
        assert data.rows.lengths().tolist() == expected
        for variants in ((0,), (1, 2), (0, 2)):
            view = VariantView(data, variants, list, (0, 1, 2))  # type: ignore[arg-type]
            assert view.lengths().tolist() == [expected[row] for row in view.rows(range(len(view)))]


# ---- the identity of a tokenizer


@cache
def _hash(kind: str) -> str:
    return str(tokenizer_sha256(KINDS[kind]()))


def test_a_tokenizer_is_known_by_its_content_alone(place: Place, tmp_path: Path) -> None:
    assert len({_hash(kind) for kind in KINDS if kind != "no mask"}) == len(KINDS) - 1  # each frame is another
    tokenizer = place.tokenizer
    before = tokenizer_sha256(tokenizer)
    tokenizer(["a b"] * 3, truncation=True, max_length=4, padding="max_length")
    assert json.loads(tokenizer.backend_tokenizer.to_str())["truncation"] is not None
    assert tokenizer_sha256(tokenizer) == before
    tokenizer.save_pretrained(tmp_path / "again")
    assert tokenizer_sha256(AutoTokenizer.from_pretrained(tmp_path / "again")) == before
    tokenizer.add_tokens(["new"])
    assert tokenizer_sha256(tokenizer) != before


def test_a_tokenizer_without_a_file_has_no_identity(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow:
        """As one written in Python."""

    assert tokenizer_sha256(Slow()) is None  # type: ignore[arg-type]
    monkeypatch.setattr("xlt_train.data.tokens.tokenizer_sha256", lambda tokenizer: None)
    found = ids_of(TrainingSet.open(place.pairs), place.tokenizer, 16, 10**6)
    assert not found.from_ids
    assert "is not a fast one" in str(found.note)


# ---- what is refused, and what is left aside


@pytest.mark.parametrize("pair", ["<s> $B $A", "<s> $A $A $B"])
def test_an_exotic_frame_is_left_to_the_tokenizer(pair: str, toy: Toy, tmp_path: Path) -> None:
    tokenizer = framed("<s> $A", pair)
    data = TrainingSet.open(add_tokens(toy.synonym, tokenizer, tmp_path / "d"))
    found = ids_of(data, tokenizer, 16, len(tokenizer))
    assert not found.from_ids
    assert "in a way of its own" in str(found.note)
    assert isinstance(found.encode, Encoder)


def test_a_frame_longer_than_the_length_is_left_to_the_tokenizer(toy: Toy, tmp_path: Path) -> None:
    tokenizer = framed("<s> $A", "<s> <s> <s> <s> $A <s> <s> <s> $B <s>")
    data = TrainingSet.open(add_tokens(toy.synonym, tokenizer, tmp_path / "d"))
    assert [ids_of(data, tokenizer, length, 10**6).from_ids for length in (8, 9)] == [False, True]


def test_a_tokenizer_that_cuts_in_another_way_is_left_to_itself(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a later version of the library might."""
    data = TrainingSet.open(place.pairs)
    assert ids_of(data, place.tokenizer, 128, 10**6).from_ids
    monkeypatch.setattr("xlt_train.data.pairs.longest_first", lambda n1, n2, room: (min(n1, room - 1), min(n2, 1)))
    assert not ids_of(data, place.tokenizer, 128, 10**6).from_ids


def _edit(data: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    """Other rows under a manifest that is signed for them."""
    (path,) = data.glob("*.arrow")
    write_arrow(path, change(pa.ipc.open_stream(path.read_bytes()).read_all()))
    sign(data, _manifest(data))


def _with(table: pa.Table, name: str, values: list[Any], kind: pa.DataType = pa.list_(pa.int32())) -> pa.Table:
    return table.set_column(table.schema.get_field_index(name), pa.field(name, kind), pa.array(values, kind))


def _ids(table: pa.Table, row: int, ids: Any) -> pa.Table:
    values = table["sentence1_ids"].to_pylist()
    return _with(table, "sentence1_ids", [*values[:row], ids, *values[row + 1 :]])


ROWS_SPOILT: dict[str, tuple[Callable[[pa.Table], pa.Table], tuple[str, ...]]] = {
    "no column": (lambda t: t.drop_columns(["sentence2_ids"]), ("opening", "sentence2_ids: list<", "among them")),
    "int64": (
        lambda t: _with(t, "sentence1_ids", t["sentence1_ids"].to_pylist(), pa.list_(pa.int64())),
        ("opening", "sentence1_ids: list<item: int64>", "expected sentence1_ids: list<item: int32>"),
    ),
    "large lists": (
        lambda t: _with(t, "sentence1_ids", t["sentence1_ids"].to_pylist(), pa.large_list(pa.int32())),
        ("opening", "large_list", "expected sentence1_ids: list<item: int32>"),
    ),
    "a missing row": (lambda t: _ids(t, 7, None), ("sentence1_ids", "missing", "token ids for every row")),
    "a missing id": (lambda t: _ids(t, 7, [5, None]), ("sentence1_ids", "missing", "token ids for every row")),
    "another id": (lambda t: _ids(t, 0, [1, 2]), ("in row 0, sentence1_ids, token 0: 1", "as the tokenizer gives")),
    "an id more": (
        lambda t: _ids(t, 0, [*t["sentence1_ids"][0].as_py(), 9]),
        ("in row 0, sentence1_ids, token 8: 9", "expected none, as the tokenizer gives"),
    ),
    "none": (lambda t: _ids(t, 179, []), ("in row 179, sentence1_ids, token 0: none", "Build the dataset again")),
    "turned round": (
        lambda t: _with(t, "sentence1_ids", t["sentence1_ids"].to_pylist()[::-1]),
        ("in row 0, sentence1_ids", "as the tokenizer gives"),
    ),
}


@pytest.mark.parametrize("what", ROWS_SPOILT)
def test_token_columns_that_lie_are_refused(
    what: str, place: Place, copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change, says = ROWS_SPOILT[what]
    _edit(copy, change)
    words = fit_words(copy, "rs-da", **(FEW | {"model": place.bert}))
    done = run_train(capsys, *words, "--output_dir", tmp_path / "run")
    assert done.code == 1
    line = done.err.splitlines()[-1]
    assert line.startswith("xlt-train: ")
    assert all(word in line for word in says), line
    assert "Traceback" not in done.err
    assert not (tmp_path / "run").exists()


def test_an_id_that_the_model_does_not_know_is_refused_in_training(place: Place, copy: Path, tmp_path: Path) -> None:
    """In a row that the first look does not take."""
    for wrong in (-1, 10**6):
        _edit(copy, lambda table: _ids(table, 4, [5, wrong]))
        with pytest.raises(DatasetError, match=rf"ids .*{wrong:,}.*which the model knows"):
            fit_here(copy, "rs-da", tmp_path / str(wrong), **(FEW | {"model": str(place.bert), "max_steps": 8}))


def test_lists_that_point_outside_are_refused(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    data = TrainingSet.open(place.pairs)
    for start, stop in ((-1, 3), (3, 1), (0, 10**6)):
        one = data.rows._tokens[0][0]
        offsets = one.offsets.copy()
        offsets[:2] = start, stop
        monkeypatch.setitem(data.rows._tokens[0], 0, type(one)(offsets, one.values, one.name))  # type: ignore[call-overload]
        with pytest.raises(DatasetError, match=rf"sentence1_ids.*offsets {start} to {stop} in row 0"):
            data.take_ids([0])
        monkeypatch.undo()
    for rows in ([-1], [180]):
        with pytest.raises(IndexError):
            data.take_ids(rows)


GOOD = {
    "name": "toy",
    "sha256": "0" * 64,
    "columns": {"sentence1": "sentence1_ids", "sentence2": "sentence2_ids"},
    "by": "texts",
}
SAID_WRONG: list[Any] = [
    *({key: value for key, value in GOOD.items() if key != left} for left in GOOD),
    *(GOOD | {"name": name} for name in ("", 7, None, "a\nb", "a\x1b[31mb", ["x"])),
    *(GOOD | {"sha256": sha256} for sha256 in ("", "0" * 63, "A" * 64, 7, None, "0" * 64 + "\n")),
    *(GOOD | {"columns": columns} for columns in (None, [], {}, 7, "sentence1", ["sentence1", "sentence2"])),
    GOOD | {"columns": {"sentence1": "sentence1_ids"}},
    GOOD | {"columns": GOOD["columns"] | {"third": "third_ids"}},  # type: ignore[operator]
    *(
        GOOD | {"columns": {"sentence1": "sentence1_ids", "sentence2": name}}
        for name in ("sentence1_ids", "sentence1", "sentence2", "label", "source_id", "variant", 7, None, ["x"], {})
    ),
    *(GOOD | {"by": by} for by in ("", "word", None, 1)),
    *([], 7, "bert", True),
]


@pytest.mark.parametrize("said", SAID_WRONG, ids=lambda said: json.dumps(said)[:70])
def test_a_manifest_that_says_nonsense_of_its_tokens_is_refused(said: Any, copy: Path) -> None:
    sign(copy, _manifest(copy) | {"tokenizer": said})
    with pytest.raises(XltError) as error:
        TrainingSet.open(copy)
    assert type(error.value) is DatasetError
    assert f"reading {copy / 'xlt.json'}: found a manifest without what training needs" in str(error.value)
    assert "\n" not in str(error.value)
    assert "\x1b" not in str(error.value)


def test_a_manifest_may_say_null_or_nothing(copy: Path, toy: Toy) -> None:
    sign(copy, _manifest(copy) | {"tokenizer": None})
    assert Manifest.read(copy).tokens is None
    assert Manifest.read(toy.synonym).tokens is None
    sign(copy, _manifest(copy) | {"tokenizer": GOOD})
    assert Manifest.read(copy).tokens is not None
    assert not ids_of(TrainingSet.open(copy), framed("", ""), 16, 9).from_ids


def test_a_whole_tokenizer_file_is_read_as_it_is(place: Place) -> None:
    """The identity is that of tokenizer.json beside a model, where nobody set truncation or padding."""
    own = Tokenizer.from_file(str(place.bert / "tokenizer.json"))
    assert tokenizer_sha256(type("Fast", (), {"backend_tokenizer": own})()) == tokenizer_sha256(place.tokenizer)  # type: ignore[arg-type]
