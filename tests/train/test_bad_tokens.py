"""Token columns that are not what they say are refused in one line; what cannot be built of them is left to the tokenizer."""

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.train.conftest import TokenToy
from tests.train.tokenizers_made import framed
from tests.train.toy import Toy, add_tokens, fit_here, fit_words, run_train, sign, write_arrow
from xlt_train.data.dataset import TrainingSet
from xlt_train.data.encode import Encoder
from xlt_train.data.manifest import Manifest
from xlt_train.data.tokens import ids_of
from xlt_train.errors import DatasetError, XltError

FEW = {"max_steps": 12, "max_length": 16}
IDS = pa.list_(pa.int32())


@pytest.fixture
def copy(place: TokenToy, tmp_path: Path) -> Path:
    """A copy of the dataset of pairs, to spoil."""
    return Path(shutil.copytree(place.pairs, tmp_path / "copy"))


def _manifest(data: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((data / "xlt.json").read_bytes())
    return found


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


def test_a_tokenizer_that_cuts_in_another_way_is_left_to_itself(place: TokenToy, monkeypatch: pytest.MonkeyPatch) -> None:
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


def _with(table: pa.Table, name: str, values: list[Any], kind: pa.DataType = IDS) -> pa.Table:
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
    what: str, place: TokenToy, copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
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


def test_an_id_that_the_model_does_not_know_is_refused_in_training(place: TokenToy, copy: Path, tmp_path: Path) -> None:
    """In a row that the first look does not take."""
    for wrong in (-1, 10**6):
        _edit(copy, partial(_ids, row=4, ids=[5, wrong]))
        with pytest.raises(DatasetError, match=rf"ids .*{wrong:,}.*which the model knows"):
            fit_here(copy, "rs-da", tmp_path / str(wrong), **(FEW | {"model": str(place.bert), "max_steps": 8}))


def test_lists_that_point_outside_are_refused(place: TokenToy, monkeypatch: pytest.MonkeyPatch) -> None:
    data = TrainingSet.open(place.pairs)
    for start, stop in ((-1, 3), (3, 1), (0, 10**6)):
        one = data.rows._tokens[0][0]
        offsets = one.offsets.copy()
        offsets[:2] = start, stop
        monkeypatch.setattr(data.rows, "_tokens", [[type(one)(offsets, one.values, one.name)] * 2])
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
