"""Several training sets at once: the rows of each behind those of the one before, labels by name, all of it on record."""

import json
import shutil
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import datasets
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.train.conftest import Once, TokenToy
from tests.train.test_tokens import go_back
from tests.train.toy import ENGLISH, MADE_UP, Toy, add_tokens, fit_here, fit_words, pairs, run_train, write_tsv
from xlt_augment import Substitute, Swap, SynonymSet, build
from xlt_train import evaluate
from xlt_train.data.encode import Encoder
from xlt_train.data.sets import TrainingSets
from xlt_train.data.view import JoinedView, VariantView
from xlt_train.errors import DatasetError, RunError, UsageError
from xlt_train.methods.base import Method
from xlt_train.training.sampler import LengthGrouped

LABELS = ("tool", "music", "fruit")  # of the second set; those of the first stand in another order
FEW = {"max_steps": 4}


class Several(NamedTuple):
    """Two languages: other columns and m, and the labels in another order; one that goes with neither; the first as swaps."""

    first: Path
    second: Path
    other_labels: Path
    single: Path
    swap: Path
    halves: tuple[Path, Path]

    @property
    def both(self) -> list[str]:
        """As `fit` takes them."""
        return [str(self.first), str(self.second)]


def _make(folder: Path, toy: Toy) -> None:
    operator = Substitute(SynonymSet.load(toy.synonym.parent / "synonyms.json"), p=0.5)
    german = write_tsv(folder / "german.tsv", pairs(5, 17, MADE_UP))
    named = {"columns": ("eins", "zwei", "art"), "text_columns": ("eins", "zwei"), "label_column": "art"}
    build(german, operator, m=3, out=folder / "second", labels=LABELS, **named)  # type: ignore[arg-type]
    build(german, Swap(p=0.3), m=3, out=folder / "swap", labels=LABELS, **named)  # type: ignore[arg-type]
    others = [(one, two, {"tool": "gadget"}.get(label, label)) for one, two, label in pairs(6, 9, ENGLISH)]
    build(write_tsv(folder / "others.tsv", others), operator, m=1, out=folder / "other_labels")
    rows = pairs(0, 60, ENGLISH)  # as in the toy's training set
    for name, part in (("half-0", rows[:30]), ("half-1", rows[30:])):
        build(write_tsv(folder / f"{name}.tsv", part), operator, m=2, out=folder / name)


@pytest.fixture(scope="session")
def several(toy: Toy, once: Once) -> Several:
    """Datasets that go together, and some that do not."""
    folder = once("several", lambda folder: _make(folder, toy))
    halves = (folder / "half-0", folder / "half-1")
    return Several(toy.synonym, folder / "second", folder / "other_labels", toy.single, folder / "swap", halves)


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The batches that reach the loss."""
    seen: list[Any] = []
    plain = Method.loss

    def watched(self: Any, model: Any, batch: Any) -> Any:
        seen.append(batch)
        return plain(self, model, batch)

    monkeypatch.setattr(Method, "loss", watched)
    return seen


def _expected(paths: list[str], variants: list[set[int]]) -> dict[int, tuple[str, ...]]:
    """Row number -> texts and class name, as plain `datasets` has them."""
    found, start = {}, 0
    for path, wanted in zip(paths, variants):
        rows = datasets.load_from_disk(path)
        names, texts = rows.features["label"].names, rows.column_names[:2]
        for k, row in enumerate(rows):
            if row["variant"] in wanted:
                found[start + k] = (*(row[name] for name in texts), names[row["label"]])
        start += len(rows)
    return found


# ---- the sets, and one view over all


def test_the_first_set_gives_the_names(several: Several) -> None:
    data = TrainingSets.open(several.both)
    manifests = [part.manifest for part in data.parts]
    assert manifests[0].text_columns != manifests[1].text_columns
    assert data.text_columns == manifests[0].text_columns == ("sentence1", "sentence2")
    assert data.label_names == manifests[0].label_names != manifests[1].label_names == LABELS
    assert data.starts == (0, 180)
    assert TrainingSets.open([several.second, several.first]).starts == (0, 17 * 4)
    assert TrainingSets.open([several.first]).starts == (0,)


def test_texts_are_those_of_all_sets(several: Several) -> None:
    found = TrainingSets.open(several.both).texts(20)
    wanted = [
        datasets.load_from_disk(path).filter(lambda row: row["variant"] == 0, keep_in_memory=True) for path in several.both
    ]
    rows = [wanted[0].select(range(20)), wanted[1]]
    assert found == list(chain.from_iterable(part[name] for part in rows for name in part.column_names[:2]))


def _joined(data: TrainingSets, variants: list[list[int]]) -> JoinedView:
    def write_out(columns: Any) -> list[dict[str, Any]]:
        return [{"texts": texts} for texts in zip(*columns)]

    codes = {name: 10 + k for k, name in enumerate(data.label_names)}
    views = [
        VariantView(part, wanted, write_out, [codes[name] for name in part.label_names], first_row=start)
        for part, wanted, start in zip(data.parts, variants, data.starts)
    ]
    return JoinedView(views, in_bytes=True)


@given(data=st.data())
def test_items_are_the_rows_of_all_sets_one_after_the_other(data: st.DataObject, several: Several) -> None:
    variants = [sorted(data.draw(st.sets(st.integers(0, m), min_size=1))) for m in (2, 3)]
    sets = TrainingSets.open(several.both)
    view = _joined(sets, variants)
    expected = list(_expected(several.both, [set(wanted) for wanted in variants]).items())
    assert len(view) == len(expected) == 60 * len(variants[0]) + 17 * len(variants[1])
    items = data.draw(st.lists(st.integers(0, len(view) - 1), max_size=30))
    for item, found in zip(items, view.__getitems__(items), strict=True):
        row, (one, two, label) = expected[item]
        assert found == {"texts": (one, two), "labels": 10 + sets.label_names.index(label), "rows": row}
        assert view[item] == view[item - len(view)] == found
    lengths = view.lengths()
    assert lengths.tolist() == [len((one + two).encode()) for _, (one, two, _) in expected]
    assert (lengths.dtype, all(type(item) is int for item in _rows_of(view))) == (np.int32, True)


def _rows_of(view: JoinedView) -> list[int]:
    return [int(item["rows"]) for item in view.__getitems__(range(0, len(view), 7)) if isinstance(item, dict)]


def test_items_outside_are_refused(several: Several) -> None:
    view = _joined(TrainingSets.open(several.both), [[1], [1]])
    assert len(list(iter(view))) == len(view) == 77
    for item in (77, -78):
        with pytest.raises(IndexError):
            view[item]


# ---- a run


def test_a_run_sees_every_row_of_every_set_once(several: Several, tmp_path: Path, batches: list[Any]) -> None:
    settings = {"max_steps": -1, "num_train_epochs": 2, "max_length": 64}
    run = fit_here(several.both, "rs-da", tmp_path / "run", **settings)  # type: ignore[arg-type]
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    encode = Encoder(AutoTokenizer.from_pretrained(run.path), 64)
    classes = AutoModelForSequenceClassification.from_pretrained(run.path).config.id2label
    expected = _expected(several.both, [{1, 2}, {1, 2, 3}])
    rows = torch.cat([batch.rows for batch in batches]).tolist()
    assert len(rows) == 2 * len(expected) == 2 * (120 + 51)
    assert sorted(rows[: len(rows) // 2]) == sorted(rows[len(rows) // 2 :]) == sorted(expected)
    for batch in batches:
        for row, label, ids, mask in zip(batch.rows, batch.labels, batch.inputs["input_ids"], batch.inputs["attention_mask"]):
            one, two, name = expected[int(row)]
            assert classes[int(label)] == name
            assert ids[mask.bool()].tolist() == encode([[one], [two]])[0]["input_ids"]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_two_halves_are_the_whole(order: tuple[int, int], place: TokenToy, toy: Toy, several: Several, tmp_path: Path) -> None:
    """The originals of two sets in their order are those of one set with the same rows: the same batches, the same weights."""
    settings = {"model": str(place.bert), "max_steps": 8}
    whole = fit_here(toy.synonym, "baseline", tmp_path / "whole", **settings)
    halves: Any = [several.halves[k] for k in order]
    parts = fit_here(halves, "baseline", tmp_path / "parts", **settings)
    assert (parts.record.weights == whole.record.weights) == (order == (0, 1))


def test_all_of_it_is_on_record(several: Several, toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from xlt_train.data.manifest import Manifest

    run = fit_here(several.both, "rs-da", tmp_path / "run", dev=toy.dev, eval_strategy="steps", eval_steps=4, **FEW)  # type: ignore[arg-type]
    record = json.loads((run.path / "xlt-run.json").read_bytes())
    manifests = [Manifest.read(Path(path)) for path in several.both]
    assert record["format"] == "xlt-run/2"
    assert record["data"] == [manifest.provenance() | {"store": None} for manifest in manifests]
    assert record["method"]["variants"] == [[1, 2], [1, 3]]
    assert record["method"]["paired"] is False
    assert record["results"]["tokens_from"] == ["texts", "texts"]
    assert (record["text_columns"], record["model"]["labels"]) == (["sentence1", "sentence2"], ["fruit", "music", "tool"])
    card = (run.path / "README.md").read_text()
    assert "# rs-da on train and german\n" in card
    assert "on variants 1 to 2 of set 1, variants 1 to 3 of set 2 |" in card
    for k, manifest in enumerate(manifests, 1):
        assert (
            f"| dataset {k} | {manifest.source['name']}, {manifest.source_rows} rows, logical hash `{manifest.logical_hash}`"
            in card
        )
        assert f"| recipe {k} | method=synonym, p=0.5, m={manifest.m}," in card
    judged = evaluate(run.path, toy.tests)
    assert judged.evaluation.run["data"] == record["data"]
    for manifest in manifests:
        assert f"{manifest.source['name']}, logical hash {manifest.logical_hash}" in judged.evaluation.markdown()
    done = run_train(capsys, "evaluate", run.path, "--test-dir", toy.tests, "--out", tmp_path / "out")
    assert done.code == 0
    assert [line.split()[-1] for line in done.out.splitlines() if line.startswith("data ")] == [
        m.logical_hash for m in manifests
    ]


def test_a_run_is_shown_set_by_set(several: Several, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from xlt_train.cli.report import begin_fit, begin_note, show_run
    from xlt_train.methods.base import Choice
    from xlt_train.training.fit import run_fit
    from xlt_train.training.plan import plan_fit

    plan = plan_fit(
        several.both, method="rs-da", model="nano", choice=Choice(2, True), dev=None, max_length=32, rehash=False, settings={},
        training={"output_dir": str(tmp_path / "run"), "max_steps": 2, "save_strategy": "no"},
    )  # fmt: skip
    begin_fit(plan)
    run = run_fit(plan, lambda note: begin_note(plan, note))
    printed = capsys.readouterr()
    assert [line for line in printed.err.splitlines() if "hashed" in line] == [
        f"{path}: 4 files hashed" for path in several.both
    ]
    show_run(run, plan)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith(("data", "hash"))]
    what = "the originals and variants 1 to 2"
    assert lines[::2] == [
        f"data      {several.first}, 60 rows, {what}: 180 rows an epoch",
        f"data      {several.second}, 17 rows, {what}: 51 rows an epoch",
    ]
    assert lines[1::2] == [f"hash      {part.manifest.logical_hash} (4 files hashed)" for part in plan.data.parts]


def test_the_default_folder_names_all_sets(several: Several, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from xlt_train import fit

    monkeypatch.chdir(tmp_path)
    names = set()
    for data in (several.both, several.both[::-1], several.both[:1]):
        run = fit(data, method="rs-da", model="nano", max_steps=1, save_strategy="no", max_length=32)
        names.add(run.path.name.rsplit("-", 1)[0])
    assert names == {"rs-da-nano-train-german", "rs-da-nano-german-train", "rs-da-nano-train"}


def test_a_run_goes_on_with_the_same_sets_alone(several: Several, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"max_steps": 9, "save_strategy": "steps", "save_steps": 3, "save_total_limit": 9}
    whole = fit_here(several.both, "rs-da", tmp_path / "run", **settings)  # type: ignore[arg-type]
    go_back(whole.path, 6)
    for others in (several.both[::-1], several.both[:1], [*several.both, several.halves[0]]):
        with pytest.raises(RunError, match="other settings: .*dataset"):
            fit_here(others, "rs-da", whole.path, **settings, resume_from_checkpoint="true")  # type: ignore[arg-type]
    again = fit_here(several.both, "rs-da", whole.path, **settings, resume_from_checkpoint="true")  # type: ignore[arg-type]
    assert again.record.results["resumed_from"] == "checkpoint-6"
    assert again.record.weights == whole.record.weights


# ---- tokens and lengths


@pytest.fixture(scope="session")
def tokenised(several: Several, place: TokenToy, once: Once) -> Path:
    """The second set with token columns of the toy's tokenizer."""
    return once("several-tokens", lambda folder: add_tokens(several.second, place.tokenizer, folder / "d")) / "d"


def _fit_saying(data: list[Any], folder: Path, **settings: Any) -> tuple[Any, list[str]]:
    from tests.train.toy import SETTINGS
    from xlt_train.methods.base import Choice
    from xlt_train.training.fit import run_fit
    from xlt_train.training.plan import plan_fit

    training = {name: value for name, value in (SETTINGS | settings).items() if name not in ("model", "max_length")}
    plan = plan_fit(
        data, method="rs-da", model=settings["model"], choice=Choice(), dev=None, max_length=32, rehash=False, settings={},
        training=training | {"output_dir": str(folder)},
    )  # fmt: skip
    notes: list[str] = []
    return run_fit(plan, notes.append), notes


def test_each_set_has_its_own_way_to_tokens(several: Several, place: TokenToy, tokenised: Path, tmp_path: Path) -> None:
    settings = {"model": str(place.bert), "max_steps": 6}
    texts, silence = _fit_saying(several.both, tmp_path / "texts", **settings)
    mixed, one = _fit_saying([several.first, tokenised], tmp_path / "mixed", **settings)
    ids, two = _fit_saying([place.pairs, tokenised], tmp_path / "ids", **settings)
    assert silence == []
    assert one == [f"{tokenised}: token columns of toy used"]
    assert two == [f"{path}: token columns of toy used" for path in (place.pairs, tokenised)]
    found = [run.record.results["tokens_from"] for run in (texts, mixed, ids)]
    assert found == [["texts", "texts"], ["texts", "dataset"], ["dataset", "dataset"]]
    assert texts.record.weights == mixed.record.weights == ids.record.weights


@pytest.mark.parametrize("what", ["ids", "mixed", "turned"])
def test_lengths_are_counted_alike_in_all_sets(
    what: str, several: Several, place: TokenToy, tokenised: Path, tmp_path: Path, batches: list[Any]
) -> None:
    """In tokens where all sets have them of one tokenizer, else in bytes."""
    paths = [str(place.pairs if what == "ids" else several.first), str(tokenised)][:: -1 if what == "turned" else 1]
    settings = {"model": str(place.bert), "max_steps": -1, "num_train_epochs": 1, "per_device_train_batch_size": 4}
    run = fit_here(paths, "rs-da", tmp_path / "run", **settings, train_sampling_strategy="group_by_length")  # type: ignore[arg-type]
    found = []
    for path in paths:
        rows = datasets.load_from_disk(path).filter(lambda row: row["variant"] > 0, keep_in_memory=True)
        names = rows.column_names[:2] if what != "ids" else [name for name in rows.column_names if name.endswith("_ids")]
        found += [sum(len(row[name]) for name in names) for row in rows]
    addresses = sorted(_expected(paths, [{1, 2, 3}] * 2))
    order = list(LengthGrouped(np.asarray(found, np.int32), 4, seed=7, epoch=lambda: 0))
    assert torch.cat([batch.rows for batch in batches]).tolist() == [addresses[item] for item in order]
    said = run.record.training["lengths_in"]
    assert said == "bytes" if what != "ids" else said.startswith("tokens of toy, sha256 ")


def test_sets_of_two_tokenizers_are_counted_in_bytes(several: Several, place: TokenToy, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    other = add_tokens(several.second, AutoTokenizer.from_pretrained(place.other), tmp_path / "other")
    assert TrainingSets.open([place.pairs, other]).tokens is None
    assert TrainingSets.open([other, place.pairs]).tokens is None
    found = TrainingSets.open([place.pairs]).tokens
    assert found is not None
    assert found.name == "toy"


# ---- what is refused


def _refused(data: list[Any], kind: type[Exception], says: str, folder: Path, method: str = "rs-da", **settings: Any) -> None:
    with pytest.raises(kind, match=says):
        fit_here(data, method, folder, **FEW, **settings)  # type: ignore[arg-type]
    assert not folder.exists()


def test_sets_that_do_not_go_together(several: Several, tmp_path: Path) -> None:
    both = f"training on {several.first} and"
    run = tmp_path / "run"
    _refused(
        [several.first, several.other_labels],
        DatasetError,
        f"{both} .*gadget.* in the latter; expected fruit, music, tool,.*--labels",
        run,
    )
    _refused(
        [several.first, several.second, several.single],
        DatasetError,
        f"{both} {several.single} .*1 text column in.*: text; expected 2",
        run,
    )
    _refused([several.first, several.swap], DatasetError, "word-order-swapped variants; expected synonym-replaced", run)
    _refused(several.both, DatasetError, "2 variants of each row; expected at least 3", run, variants=3)
    _refused([*several.both, several.first], UsageError, "the same rows in .*each dataset once", run)
    _refused([], UsageError, "opening the training sets: found none", run)
    _refused([several.first, tmp_path / "no"], DatasetError, "opening .*no: found no such folder", run)


def test_the_same_rows_from_a_copy_are_refused(several: Several, tmp_path: Path) -> None:
    """What counts is the hash, not the path."""
    copy = Path(shutil.copytree(several.first, tmp_path / "copy"))
    message = f"the same rows in {several.first} and {copy} .*Leave out --data {copy}"
    _refused([several.first, copy], UsageError, message, tmp_path / "run")


def test_variants_may_differ_where_all_are_asked_for(several: Several, tmp_path: Path) -> None:
    run = fit_here(several.both, "rs-da", tmp_path / "run", variants=2, include_original=True, **FEW)  # type: ignore[arg-type]
    assert run.record.method["variants"] == [[0, 2], [0, 2]]
    assert "`rs-da`, on the originals and variants 1 to 2 |" in (run.path / "README.md").read_text()


def test_a_head_without_a_label_of_the_sets_is_refused(several: Several, toy: Toy, tmp_path: Path) -> None:
    head = fit_here(several.both, "rs-da", tmp_path / "head", **FEW)  # type: ignore[arg-type]
    again = fit_here([several.second, several.first], "rs-da", tmp_path / "again", **FEW | {"model": str(head.path)})  # type: ignore[arg-type]
    assert again.record.model["labels"] == list(LABELS)
    assert json.loads((again.path / "config.json").read_bytes())["id2label"] == {"0": "fruit", "1": "music", "2": "tool"}
    with pytest.raises(Exception, match="a head for 3 labels: fruit, music, tool; expected the training set's 3: .*gadget"):
        fit_here(several.other_labels, "rs-da", tmp_path / "other", **FEW | {"model": str(head.path)})
    assert not (tmp_path / "other").exists()


def test_the_words_of_one_set_are_as_before(toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = run_train(capsys, *fit_words(toy.synonym, "rs-da", output_dir=tmp_path / "run", **FEW))
    assert done.code == 0, done.err
    assert f"data      {toy.synonym}, 60 rows, variants 1 to 2: 120 rows an epoch\n" in done.out
    card = (tmp_path / "run" / "README.md").read_text()
    assert "`rs-da`, on variants 1 to 2 |" in card
    assert "| dataset | train, 60 rows," in card
