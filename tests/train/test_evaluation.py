"""An evaluation is what a plain loop over the rows finds, and says everything needed to repeat it."""

import hashlib
import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.command import Outcome, run_here
from xlt_augment import Swap, build
from xlt_train import evaluate, fit
from xlt_train.errors import ExamplesError, RunError, XltError
from xlt_train.models.nano import NOTE

LABELS = ("neutral", "contradiction", "entailment")  # not in the order of the alphabet
WORDS = dict(zip(LABELS, ("maybe", "never", "surely")))
FILL = {"en": "the boat is old", "de": "das Boot ist alt", "ko": "그 배는 낡았다", "zh-Hant": "那艘船很舊"}
MAX_LENGTH, ROWS = 24, 13
FILES = ["accuracy.json", "accuracy.md", "predictions.parquet"]
OPTIONS: dict[str, Any] = {
    "method": "baseline",
    "model": "nano",
    "max_length": MAX_LENGTH,
    "max_steps": 30,
    "per_device_train_batch_size": 8,
    "save_steps": 15,
    "save_strategy": "steps",
}


class Place(NamedTuple):
    """A dataset, a run on it, and test files in four languages."""

    data: Path
    run: Path
    tests: Path


def _rows(fill: str, count: int) -> list[tuple[str, str, str]]:
    """Pairs of many lengths, some of them longer than the model takes; one word tells the label, not always the right one."""
    labels = [LABELS[(k + (k % 4 == 3)) % 3] for k in range(count)]
    return [(" ".join([fill] * (k % 5 + 1)), f"{WORDS[LABELS[k % 3]]} {fill}", label) for k, label in enumerate(labels)]


def _write(path: Path, rows: Sequence[Sequence[str]]) -> Path:
    path.write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A run of thirty steps that has learnt to tell the labels apart, made once."""
    import torch

    root, threads = tmp_path_factory.mktemp("evaluation"), torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XLT_CACHE", str(root / "cache"))
        patch.setenv("TOKENIZERS_PARALLELISM", "false")
        torch.set_num_threads(1)  # several processes of pytest-xdist share the cores
        source = [(f"{FILL['en']} {k}", f"{WORDS[LABELS[k % 3]]} {FILL['en']}", LABELS[k % 3]) for k in range(24)]
        build(_write(root / "train.tsv", source), Swap(p=0.2), m=1, out=root / "data", labels=LABELS)
        (root / "tests").mkdir()
        for language, fill in FILL.items():
            _write(root / "tests" / f"test-{language}.tsv", _rows(fill, ROWS))
        fit(root / "data", output_dir=str(root / "run"), **OPTIONS)
        yield Place(root / "data", root / "run", root / "tests")
    torch.set_num_threads(threads)


@pytest.fixture
def place(made: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Copies that a test may change, with the working folder beside them."""
    monkeypatch.setenv("XLT_CACHE", str(tmp_path / "own-cache"))
    folder = tmp_path / "place"
    for path in made[1:]:
        shutil.copytree(path, folder / path.name)
    monkeypatch.chdir(folder)
    return Place(made.data, folder / "run", folder / "tests")


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[..., Outcome]]:
    """`xlt-train evaluate` in this process; the handlers of signals are put back."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    handlers = [signal.getsignal(number) for number in numbers]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("xlt_train.cli.main._received", [])
        yield lambda *args: run_here(capsys, "evaluate", *args, program="xlt-train")
    for number, handler in zip(numbers, handlers):
        signal.signal(number, handler)


def _table(folder: Path) -> list[dict[str, Any]]:
    return list(pq.read_table(folder / "predictions.parquet").to_pylist())


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _bytes(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def _plainly(run: Path, rows: Sequence[Sequence[str]], max_length: int = MAX_LENGTH) -> tuple[np.ndarray, list[str]]:
    """Logits and labels by nothing but transformers, one row at a time and so without padding."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model, tokenizer = AutoModelForSequenceClassification.from_pretrained(run).eval(), AutoTokenizer.from_pretrained(run)
    found = []
    with torch.no_grad():
        for first, second, *_ in rows:
            inputs = tokenizer(first, second, truncation=True, max_length=max_length, return_tensors="pt")
            assert inputs["attention_mask"].all()
            found.append(model(**inputs).logits[0].numpy())
    return np.array(found), [model.config.id2label[int(k)] for k in np.argmax(found, -1)]


def test_predictions_are_those_of_a_plain_loop(place: Place) -> None:
    done = evaluate(place.run, place.tests, batch_size=5)
    table = _table(done.path)
    for language, fill in FILL.items():
        mine = [row for row in table if row["language_1"] == language]
        logits, labels = _plainly(place.run, _rows(fill, ROWS))
        assert np.abs(np.array([row["logits"] for row in mine]) - logits).max() < 1e-5
        assert [row["predicted"] for row in mine] == labels
    assert {row["predicted"] for row in table} == set(LABELS)  # a model that says one thing would hide a mix-up


def test_a_head_in_another_order_is_read_by_name(made: Place, place: Place) -> None:
    """A run that goes on from another one keeps the order of its head, whatever the order of its own dataset."""
    source = [(FILL["en"], f"{WORDS[label]} {k}", label) for k, label in enumerate(LABELS * 2)]
    build(_write(Path("other.tsv"), source), Swap(), m=1, out="other", labels=sorted(LABELS))
    run = fit("other", output_dir="second", **OPTIONS | {"model": str(place.run), "max_steps": 1, "save_strategy": "no"})
    done = evaluate(run.path, place.tests)
    logits, labels = _plainly(run.path, _rows(FILL["de"], ROWS))
    mine = [row for row in _table(done.path) if row["language_1"] == "de"]
    assert [row["predicted"] for row in mine] == labels
    assert np.abs(np.array([row["logits"] for row in mine]) - logits).max() < 1e-5
    about = json.loads(pq.read_schema(done.path / "predictions.parquet").metadata[b"xlt"])
    assert about["labels"] == list(LABELS)
    assert about["run"]["model"]["labels"] == sorted(LABELS)
    assert done.evaluation.note == NOTE  # it began as nano


def test_the_result_says_all_that_it_should(place: Place) -> None:
    from importlib.metadata import version

    done = evaluate(place.run, place.tests, rows=(2, 9), batch_size=3, device="cpu")
    assert sorted(path.name for path in done.path.iterdir()) == FILES
    assert done.path.parent == place.run / "evaluations"
    assert done.path.name.startswith("test-2-9-")
    found = json.loads((done.path / "accuracy.json").read_bytes())
    assert found == done.evaluation.to_json()
    record = json.loads((place.run / "xlt-run.json").read_bytes())
    weights = hashlib.sha256((place.run / "model.safetensors").read_bytes()).hexdigest()
    assert found["format"] == "xlt-evaluation/3"
    assert found["run"] == {
        "status": "finished",
        "method": {"name": "baseline", "paired": False, "variants": [[0, 0]], "label_smoothing": 0.0},
        "data": record["data"],
        "model": record["model"],
        "weights": {"model.safetensors": weights},
        "seed": 42,
        "steps": 30,
        "identity": _digest({"weights": {"model.safetensors": weights}, "seed": 42, "method": record["method"]})[:16],
    }
    hashes = {language: hashlib.sha256((place.tests / f"test-{language}.tsv").read_bytes()).hexdigest() for language in FILL}
    columns = {"columns": None, "text_columns": ["sentence1", "sentence2"], "label_column": "label"}
    tests = {"files": hashes, "rows": [2, 9], "columns": columns, "placeholders": "keep"}
    assert (found["tests"], found["columns"], found["placeholders"]) == (_digest(tests)[:16], columns, "keep")
    assert found["items"] == {"total": 7, "kept": 7, "placeholders": 0, "differing_labels": 0, "missing": 0}
    assert (found["pairs"], found["precision"]) == ("same", "float32")
    assert found["average_of_pairs"] is found["smoothing"] is None
    assert found["cells"] == [
        dict.fromkeys(("language_1", "language_2"), entry["language"]) | {k: entry[k] for k in ("rows", "correct", "accuracy")}
        for entry in found["languages"]
    ]
    manifest = json.loads((place.data / "xlt.json").read_bytes())
    assert found["run"]["data"][0]["logical_hash"] == manifest["logical_hash"]
    assert (found["split"], found["rows"], found["batch_size"], found["device"]) == ("test", [2, 9], 3, "cpu")
    assert found["note"] == NOTE
    assert {name: found["versions"][name] for name in ("xlt", "torch", "transformers")} == {
        name: version(name) for name in ("xlt", "torch", "transformers")
    }
    table = _table(done.path)
    assert [entry["language"] for entry in found["languages"]] == sorted(FILL)
    for entry in found["languages"]:
        file = place.tests / f"test-{entry['language']}.tsv"
        assert (entry["file"], entry["sha256"]) == (file.name, hashlib.sha256(file.read_bytes()).hexdigest())
        mine = [row for row in table if row["language_1"] == entry["language"]]
        source = [line.split("\t") for line in file.read_text(encoding="utf-8").split("\n")[2:9]]
        assert [row["item"] for row in mine] == list(range(2, 9))
        assert [row["gold"] for row in mine] == [row[2] for row in source]
        assert all(row["language_2"] == row["language_1"] for row in mine)
        assert entry["rows"] == len(mine) == 7
        assert entry["correct"] == sum(row["gold"] == row["predicted"] for row in mine)
        assert entry["accuracy"] == entry["correct"] / 7
    assert found["average"] == pytest.approx(sum(entry["accuracy"] for entry in found["languages"]) / len(FILL))
    assert 0 < found["average"] < 1


def test_the_parquet_is_typed_as_promised(place: Place) -> None:
    done = evaluate(place.run, place.tests)
    schema = pq.read_schema(done.path / "predictions.parquet")
    assert [f"{field.name}: {field.type}" for field in schema] == [
        "item: int64", "language_1: string", "language_2: string", "gold: string", "predicted: string",
        "logits: list<element: float>", "run: string",
    ]  # fmt: skip
    about = json.loads(schema.metadata[b"xlt"])
    assert about == {"labels": list(LABELS), "run": done.evaluation.run}
    whole = pq.read_metadata(done.path / "predictions.parquet")
    assert whole.num_rows == ROWS * len(FILL)
    for k in range(whole.num_columns):
        column = whole.row_group(0).column(k)
        assert column.physical_type != "BYTE_ARRAY" or column.has_dictionary_page
    assert {row["run"] for row in _table(done.path)} == {done.evaluation.run["identity"]}


def test_the_table_says_the_same_numbers(place: Place, command: Callable[..., Outcome]) -> None:
    outcome = command("run", "--test-dir", "tests", "--rows", "0:10")
    assert (outcome.code, outcome.err) == (0, "")
    (path,) = (place.run / "evaluations").iterdir()
    found = json.loads((path / "accuracy.json").read_bytes())
    card, markdown = (place.run / "README.md").read_text(), (path / "accuracy.md").read_text()
    for entry in found["languages"]:
        row = f"| {entry['language']} | 10 | {entry['accuracy']:.4f} |"
        assert row in card
        assert row in markdown
        assert [entry["language"], "10", f"{entry['accuracy']:.4f}"] in [line.split() for line in outcome.out.split("\n")]
    for text in (card, markdown):
        assert f"| average |  | {found['average']:.4f} |" in text
    assert ["average", f"{found['average']:.4f}"] in [line.split() for line in outcome.out.split("\n")]
    facts = ["baseline", "nano", found["run"]["data"][0]["logical_hash"], "0:10"]
    weights = found["run"]["weights"]["model.safetensors"]
    for fact in [*facts, f"seed: {found['run']['seed']}", weights, f"torch {found['versions']['torch']}", "on cpu"]:
        assert fact in markdown
    for fact in [*facts, "evaluations/test-0-10-"]:
        assert fact in outcome.out


def test_the_note_stands_everywhere(place: Place, command: Callable[..., Outcome]) -> None:
    outcome = command("run", "--test-dir", "tests")
    (path,) = (place.run / "evaluations").iterdir()
    texts = [
        outcome.out,
        *(file.read_text() for file in (path / "accuracy.md", path / "accuracy.json", place.run / "README.md")),
    ]
    for text in texts:
        assert NOTE[1:] in text
    printed = json.loads(command("run", "--test-dir", "tests", "--json").out)
    assert printed["note"] == NOTE
    assert {key: printed[key] for key in printed if key != "path"} == json.loads((path / "accuracy.json").read_bytes())
    assert printed["path"] == str(path.relative_to(Path.cwd()))


def test_a_model_that_is_no_nano_has_no_note(place: Place, command: Callable[..., Outcome]) -> None:
    for name in ("xlt-run.json", "config.json"):
        found = json.loads(Path("run", name).read_text())
        if name == "xlt-run.json":
            found["model"]["randomly_initialised"] = False
            del found["files"]["config.json"]
        else:
            del found["xlt_randomly_initialised"]
        Path("run", name).write_text(json.dumps(found))
    outcome = command("run", "--test-dir", "tests")
    (path,) = (place.run / "evaluations").iterdir()
    for text in (outcome.out, (path / "accuracy.md").read_text(), (place.run / "README.md").read_text()):
        assert NOTE[1:] not in text
    assert json.loads((path / "accuracy.json").read_bytes())["note"] is None


def test_evaluating_again_gives_the_same_bytes_and_others_another_folder(place: Place) -> None:
    first = evaluate(place.run, place.tests)
    before = _bytes(place.run)
    assert evaluate(place.run, place.tests).path == first.path
    assert _bytes(place.run) == before
    paths = {first.path}
    for rows in ((0, 5), (5, 10)):
        paths.add(evaluate(place.run, place.tests, rows=rows).path)
    shutil.copytree(place.tests, "dev")
    for path in Path("dev").iterdir():
        path.rename(path.with_name(path.name.replace("test", "dev")))
    paths.add(evaluate(place.run, "dev", split="dev").path)
    (place.tests / "test-zh-Hant.tsv").unlink()
    paths.add(evaluate(place.run, place.tests).path)
    assert len(paths) == len(list((place.run / "evaluations").iterdir())) == 5
    now = _bytes(place.run)
    assert {name: now[name] for name in before if name != "README.md"} == {
        name: before[name] for name in before if name != "README.md"
    }
    card = now["README.md"].decode()
    headings = [line for line in card.split("\n") if line.startswith("### ")]
    assert sorted(headings) == ["### dev", "### test", "### test", "### test, rows 0:5", "### test, rows 5:10"]
    for path in paths:
        for line in (path / "accuracy.md").read_text().split("\n"):
            assert not line.startswith("| ") or line in card


def test_the_card_keeps_what_it_said(place: Place) -> None:
    before = (place.run / "README.md").read_text()
    evaluate(place.run, place.tests)
    assert (place.run / "README.md").read_text().startswith(before)


@pytest.mark.parametrize("batch_size", [1, 3, 1000])
def test_the_batch_size_changes_nothing(batch_size: int, place: Place) -> None:
    usual = _table(evaluate(place.run, place.tests, out="usual").path)
    other = _table(evaluate(place.run, place.tests, batch_size=batch_size, out="other").path)
    logits = [np.array([row.pop("logits") for row in table]) for table in (usual, other)]
    assert np.abs(logits[0] - logits[1]).max() < 1e-5
    assert usual == other


def test_progress_is_told(place: Place) -> None:
    heard: list[tuple[int, int]] = []
    evaluate(place.run, place.tests, batch_size=4, progress=lambda done, total: heard.append((done, total)))
    assert [done for done, _ in heard] == sorted(done for done, _ in heard)
    assert heard[-1] == (ROWS * len(FILL), ROWS * len(FILL))
    assert {total for _, total in heard} == {ROWS * len(FILL)}


def test_files_without_labels_get_predictions_alone(place: Place, command: Callable[..., Outcome]) -> None:
    whole = _table(evaluate(place.run, place.tests, out="whole").path)
    for language in ("de", "ko"):
        _write(place.tests / f"test-{language}.tsv", [row[:2] for row in _rows(FILL[language], ROWS)])
    outcome = command("run", "--test-dir", "tests", "--out", "bare")
    assert outcome.code == 0
    assert outcome.err == "no labels in test-de.tsv, test-ko.tsv: predictions without accuracy\n"
    assert "average" not in outcome.out
    found = json.loads(Path("bare/accuracy.json").read_bytes())
    assert found["average"] is None
    for entry in found["languages"]:
        bare = entry["language"] in ("de", "ko")
        assert (entry["correct"] is None, entry["accuracy"] is None) == (bare, bare)
        assert [entry["language"], str(ROWS), *("no labels".split() if bare else [f"{entry['accuracy']:.4f}"])] in [
            line.split() for line in outcome.out.split("\n")
        ]
    assert "| de | 13 | no labels |" in Path("bare/accuracy.md").read_text()
    table = _table(Path("bare"))
    assert [row["gold"] is None for row in table] == [row["language_1"] in ("de", "ko") for row in table]
    assert [row["predicted"] for row in table] == [row["predicted"] for row in whole]


def test_no_labels_at_all(place: Place) -> None:
    for language, fill in FILL.items():
        _write(place.tests / f"test-{language}.tsv", [row[:2] for row in _rows(fill, ROWS)])
    done = evaluate(place.run, place.tests)
    assert done.evaluation.average is None
    assert {row["gold"] for row in _table(done.path)} == {None}


def test_single_texts_have_one_language(place: Place) -> None:
    rows = [(f"{WORDS[LABELS[k % 3]]} {k}", LABELS[k % 3]) for k in range(9)]
    build(_write(Path("s.tsv"), rows), Swap(), m=1, out="s", columns=("text", "label"), text_columns=("text",))
    run = fit("s", output_dir="single", **OPTIONS | {"max_steps": 1, "save_strategy": "no"})
    Path("t").mkdir()
    _write(Path("t/test-en.tsv"), rows)
    table = _table(evaluate(run.path, "t").path)
    assert [(row["item"], row["language_1"], row["language_2"]) for row in table] == [(k, "en", None) for k in range(9)]


def test_columns_are_chosen_by_name(place: Place) -> None:
    usual = evaluate(place.run, place.tests, out="usual")
    Path("other").mkdir()
    for language, fill in FILL.items():
        rows = [(label, second, "x", first) for first, second, label in _rows(fill, ROWS)]
        _write(Path("other") / f"test-{language}.tsv", rows)
    columns = ("gold", "two", "id", "one")
    found = evaluate(place.run, "other", columns=columns, text_columns=("one", "two"), label_column="gold", out="found")
    assert _table(found.path) == _table(usual.path)


def test_a_checkpoint_is_judged_like_a_run(place: Place, command: Callable[..., Outcome]) -> None:
    (checkpoint,) = place.run.glob("checkpoint-*")  # one is kept, the last
    found = evaluate(checkpoint, place.tests)
    assert found.path.parent == checkpoint / "evaluations"
    assert _table(found.path) == _table(evaluate(place.run, place.tests).path)  # without a development set it is the last
    assert found.evaluation.run["status"] == "checkpoint"
    assert "### test" in (checkpoint / "README.md").read_text()
    outcome = command(checkpoint, "--test-dir", "tests", "--json")
    assert (outcome.code, json.loads(outcome.out)["run"]["steps"]) == (0, 30)


def test_results_go_where_they_are_wanted(place: Place) -> None:
    before = _bytes(place.run)
    done = evaluate(place.run, place.tests, out="some/where")
    assert done.path == Path("some/where")
    assert sorted(path.name for path in done.path.iterdir()) == FILES
    assert _bytes(place.run) == before  # the model card too is left alone


def test_changed_weights_are_refused(place: Place) -> None:
    path = place.run / "model.safetensors"
    content = path.read_bytes()
    for other in (content[:-1] + bytes([content[-1] ^ 1]), content[:100], b""):
        path.write_bytes(other)
        with pytest.raises(RunError, match=r"checking the weights run/model\.safetensors|checking the weights .*as the run's"):
            evaluate(place.run, place.tests)
    path.unlink()
    with pytest.raises(RunError, match="no such file"):
        evaluate(place.run, place.tests)
    assert not (place.run / "evaluations").exists()


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json", "config.json", "model.safetensors"])
@pytest.mark.parametrize("harm", ["removed", "cut"])
def test_a_damaged_checkpoint_is_refused(name: str, harm: str, place: Place) -> None:
    """Never judged with an empty tokenizer or new weights, which would give numbers that look like any others."""
    (folder,) = place.run.glob("checkpoint-*")
    path = folder / name
    if harm == "removed":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(XltError) as error:
        evaluate(folder, place.tests)
    assert str(folder) in str(error.value)
    assert not (folder / "evaluations").exists()


def test_a_run_without_its_tokenizer_is_refused(place: Place) -> None:
    for path in place.run.glob("tokenizer*"):
        path.unlink()
    with pytest.raises(XltError):
        evaluate(place.run, place.tests)


def test_an_unfinished_run_is_refused(place: Place, command: Callable[..., Outcome]) -> None:
    path = place.run / "xlt-run.json"
    record = json.loads(path.read_bytes())
    path.write_text(json.dumps(record | {"status": "started"}))
    outcome = command("run", "--test-dir", "tests")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.startswith("xlt-train: evaluating run: found a run that was not finished")
    assert "--resume_from_checkpoint true" in outcome.err
    path.unlink()
    with pytest.raises(RunError, match=r"xlt-run\.json"):
        evaluate(place.run, place.tests)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b"null", b'{"format": "xlt-run/2"}'])
def test_a_record_that_is_none_is_refused(content: bytes, place: Place) -> None:
    (place.run / "xlt-run.json").write_bytes(content)
    with pytest.raises(RunError, match=r"reading .*xlt-run\.json"):
        evaluate(place.run, place.tests)


def test_bad_test_files_are_refused_before_a_model_is_loaded(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object) -> None:
        raise AssertionError("loaded")

    monkeypatch.setattr("xlt_train.evaluation.task.load", fail)
    last = place.tests / "test-zh-Hant.tsv"
    good = last.read_bytes()
    for content, says in (
        (good.replace(b"neutral", b"maybe", 1), "the label 'maybe'"),
        (good * 2, "26 rows"),
        (b"", "no rows"),
    ):
        last.write_bytes(content)
        with pytest.raises(ExamplesError, match=f"test-zh-Hant.tsv.*found {says}"):
            evaluate(place.run, place.tests)
    with pytest.raises(ExamplesError, match="no file dev-LANG"):
        evaluate(place.run, place.tests, split="dev")
    last.write_bytes(good)
    with pytest.raises(ExamplesError, match="13 rows; expected at least 14"):
        evaluate(place.run, place.tests, rows=(0, 14))


def test_an_interrupt_speaks_of_what_was_interrupted(
    place: Place, command: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _bytes(Path())
    interrupt = lambda *args: os.kill(os.getpid(), signal.SIGINT)  # noqa: E731
    monkeypatch.setattr("xlt_train.evaluation.predict.Judge.__call__", interrupt)
    outcome = command("run", "--test-dir", "tests")
    assert (outcome.code, outcome.out) == (130, "")
    assert outcome.err.startswith("xlt-train: interrupted")
    assert outcome.err.count("\n") == 1
    assert _bytes(Path()) == before
    assert "--resume_from_checkpoint" not in outcome.err  # an option of `fit` alone


def test_a_garbage_result_of_another_time_is_one_error_at_most(place: Place) -> None:
    folder = place.run / "evaluations" / "mine"
    folder.mkdir(parents=True)
    for content in (b"{", b"{}", b"[]"):
        (folder / "accuracy.json").write_bytes(content)
        try:
            done = evaluate(place.run, place.tests)
        except XltError as error:
            assert "accuracy.json" in str(error)  # noqa: PT017 - an error that names the file, or none, is right
        else:
            assert sorted(path.name for path in done.path.iterdir()) == FILES
