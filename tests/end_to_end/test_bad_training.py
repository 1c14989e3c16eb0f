"""`xlt-train` refuses every bad input in one line and changes nothing; a run goes on after all that can stop it."""

import hashlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.command import SCRIPTS, Outcome, forked_python, run_here
from xlt_augment import Substitute, Swap, SynonymSet, build

ROWS = 12
NOBODY = "nobody/no-such-model-of-xlt"


class Case(NamedTuple):
    """Words behind `xlt-train`, the exit code, what the one line says, and what is done to the working folder before."""

    name: str
    words: str
    code: int
    says: tuple[str, ...]
    before: Callable[[], object] = lambda: None


FIT = "fit --data syn --method rs-da --model nano --max_steps 2 --per_device_train_batch_size 4 --output_dir new"
SWAP = FIT.replace("syn", "swap").replace("rs-da", "rs-syntax")
BASE = FIT.replace("rs-da", "baseline")
JUDGE = "evaluate run --test-dir tests"


def _write(name: str, content: str) -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(content, encoding="utf-8")


def _replace(name: str, old: str, new: str) -> None:
    path = Path(name)
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))


def _cut(name: str) -> None:
    path = Path(name)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


BAD_DATA = [
    Case("no --data", FIT.replace("--data syn", ""), 2, ("Missing option '--data'",)),
    Case("no --method", FIT.replace("--method rs-da", ""), 2, ("Missing option '--method'", "baseline", "rs-da", "rs-syntax")),
    Case("an unknown method", FIT.replace("rs-da", "rs-ad"), 2, ("rs-ad", "rs-da")),
    Case("no such folder", FIT.replace("syn", "sin"), 1, ("opening sin", "no such folder", "xlt-augment build")),
    Case("a folder that is no dataset", FIT.replace("syn", "tests"), 1, ("opening tests", "xlt.json", "xlt-augment build")),
    Case("a file", FIT.replace("syn", "train.tsv"), 1, ("opening train.tsv", "xlt.json")),
    Case("a run", FIT.replace("syn", "run"), 1, ("opening run", "xlt.json")),
    Case("a changed manifest", FIT, 1, ("syn/xlt.json", "a changed manifest"),
         lambda: _replace("syn/xlt.json", '"seed": 0', '"seed": 1')),
    Case("a changed file", FIT, 1, ("checking syn/README.md", "Fetch or build"), lambda: _replace("syn/README.md", "a", "b")),
    Case("a cut file", FIT, 1, ("checking syn/data-00000-of-00001.arrow", "bytes"),
         lambda: _cut("syn/data-00000-of-00001.arrow")),
    Case("a removed file", FIT, 1, ("checking syn/state.json", "No such file"), lambda: Path("syn/state.json").unlink()),
    Case("no labels", FIT.replace("syn", "bare"), 1, ("opening bare", "no labels", "--label-column")),
    Case("more variants than there are", FIT + " --variants 3", 1, ("2 variants", "at least 3", "--m 3")),
    Case("no variants", FIT + " --variants 0", 2, ("--variants", "0")),
    Case("rs-syntax on synonyms", SWAP.replace("swap", "syn"), 1, ("synonym-replaced", "word-order-swapped", "--method swap")),
    Case("rs-da on swaps", FIT.replace("syn", "swap"), 1, ("word-order-swapped", "synonym-replaced", "xlt-augment build")),
    Case("two sets of other labels", FIT + " --data three", 1,
         ("training on syn and three together", "the labels 0, 1, 2", "0, 1, as in the former", "--labels")),
    Case("the same set twice", FIT + " --data syn", 2, ("the same rows in syn and syn", "Leave out --data syn")),
    Case("a second set of swaps", FIT + " --data swap", 1, ("word-order-swapped", "synonym-replaced")),
    Case("no such second folder", FIT + " --data sin", 1, ("opening sin", "no such folder")),
    Case("a second set with a changed file", FIT + " --data three", 1, ("checking three/README.md",),
         lambda: _replace("three/README.md", "a", "b")),
    Case("pairs with originals", FIT.replace("rs-da", "ear") + " --include-original", 2, ("--include-original", "Leave out")),
    Case("pairs of swaps", FIT.replace("rs-da", "ear").replace("syn", "swap"), 1, ("ear", "word-order-swapped")),
    Case("baseline with variants", BASE + " --variants 1", 2, ("--variants 1", "Leave out", "rs-da")),
    Case("baseline with originals", BASE + " --include-original", 2, ("--include-original", "Leave out")),
]  # fmt: skip
BAD_MODELS = [
    Case("a folder without a model", FIT.replace("nano", "tests"), 1, ("the model tests", "config.json")),
    Case("a file", FIT.replace("nano", "train.tsv"), 1, ("the model train.tsv",)),
    Case("a dataset", FIT.replace("nano", "syn"), 1, ("the model syn", "config.json")),
    Case("no such path", FIT.replace("nano", "./no/model"), 1, ("the model ./no/model", "no such folder")),
    Case("no such name", FIT.replace("nano", NOBODY), 1, (NOBODY, f"hf download {NOBODY}", "--model PATH", "--model nano")),
    Case("no weights", FIT.replace("nano", "run"), 1, ("the model run",), lambda: Path("run/model.safetensors").unlink()),
    Case("cut weights", FIT.replace("nano", "run"), 1, ("the model run",), lambda: _cut("run/model.safetensors")),
    Case("no tokenizer", FIT.replace("nano", "run"), 1, ("run", "tokenizer"),
         lambda: [path.unlink() for path in Path("run").glob("tokenizer*")]),
    Case("a cut tokenizer", FIT.replace("nano", "run"), 1, ("the model run",), lambda: _cut("run/tokenizer.json")),
    Case("a cut configuration", FIT.replace("nano", "run"), 1, ("the model run",), lambda: _cut("run/config.json")),
    Case("a head for other labels", FIT.replace("nano", "run").replace("syn", "three"), 1,
         ("the head of run", "2 labels: 0, 1", "3: 0, 1, 2", "--labels")),
    Case("a model for shorter texts", FIT.replace("nano", "run") + " --max-length 500", 2, ("takes 128", "at most 128")),
]  # fmt: skip
BAD_DEV = [
    Case("no file", FIT + " --dev no.tsv", 1, ("no.tsv", "No such file")),
    Case("a folder", FIT + " --dev tests", 1, ("tests", "ending")),
    Case("an empty file", FIT + " --dev empty.tsv", 1, ("empty.tsv", "no rows"), lambda: _write("empty.tsv", "")),
    Case("unlabelled", FIT + " --dev u.tsv", 1, ("u.tsv", "no labels", "--dev"), lambda: _write("u.tsv", "a\tb\n")),
    Case("an unknown label", FIT + " --dev dev.tsv", 1, ("dev.tsv:2", "'2'", "one of 0, 1"),
         lambda: _write("dev.tsv", "a\tb\t1\na\tb\t2\n")),
    Case("too few fields", FIT + " --dev dev.tsv", 1, ("dev.tsv:2", "expected 3"), lambda: _write("dev.tsv", "a\tb\t1\na\n")),
    Case("rows outside", FIT + " --dev dev.tsv --dev-rows 5:13", 1, ("rows 5:13 of dev.tsv", "12 rows", "at least 13")),
    Case("rows that are no range", FIT + " --dev dev.tsv --dev-rows 5-9", 2, ("'--dev-rows'", "'5-9'", "FROM:TO")),
    Case("no such columns", FIT + " --dev dev.tsv --columns a,b,label --text-columns a,x", 2, ("a,x", "--columns")),
    Case("columns with an empty name", FIT + " --dev dev.tsv --columns a,,label", 2, ("--columns", "a,,label")),
    Case("a dev strategy without dev", FIT + " --eval_strategy steps", 2, ("--eval_strategy", "--dev FILE")),
]  # fmt: skip
BAD_PLACES = [
    Case("a finished run", FIT.replace("new", "run"), 1, ("a run in run", "a finished run", "another --output_dir")),
    Case("a run that was begun", FIT.replace("new", "begun"), 1, ("a run in begun", "--resume_from_checkpoint true"),
         lambda: _write("begun/xlt-run.json", Path("run/xlt-run.json").read_text().replace("finished", "started"))),
    Case("a foreign file", FIT.replace("new", "tests"), 1, ("a run in tests", "no run", "another --output_dir")),
    Case("the dataset", FIT.replace("new", "syn"), 1, ("a run in syn", "no run")),
    Case("a file", FIT.replace("new", "train.tsv"), 1, ("a run in train.tsv", "no run")),
    Case("below a file", FIT.replace("new", "train.tsv/new"), 1, ("train.tsv/new", "Not a directory")),
    Case("where nothing can be written", FIT.replace("new", "/proc/xlt/new"), 1, ("/proc/xlt/new", "No such file")),
    Case("a dangling link", FIT.replace("new", "link"), 1, ("a run in link",), lambda: Path("link").symlink_to("nowhere")),
    Case("here", FIT.replace("new", "."), 1, ("a run in .", "no run")),
    Case("foreign, resumed", FIT.replace("new", "tests --resume_from_checkpoint true"), 1, ("a run in tests", "no run")),
    Case("other settings, resumed", FIT.replace("new", "run --seed 1 --resume_from_checkpoint true"), 1,
         ("with run", "seed 42 (now 1)", "first command")),
    Case("other data, resumed", SWAP.replace("new", "run --resume_from_checkpoint true"), 1, ("with run", "dataset")),
    Case("no such checkpoint", FIT + " --resume_from_checkpoint no/checkpoint-1", 1, ("no/checkpoint-1", "no such folder")),
    Case("no checkpoint", FIT + " --resume_from_checkpoint syn", 1, ("syn", "xlt-run.json")),
]  # fmt: skip
BAD_OPTIONS = [
    Case("none of ours", FIT + " --nonsense 1", 2, ("--nonsense", "xlt-train fit --help")),
    Case("almost one", FIT + " --learning_rat 1", 2, ("--learning_rat", "--learning_rate")),
    Case("a stray word", FIT + " stray", 2, ("'stray'",)),
    Case("no number", FIT + " --max_steps many", 2, ("--max_steps", "many")),
    Case("no value", FIT + " --learning_rate", 2, ("--learning_rate", "expected one argument")),
    Case("no choice", FIT + " --lr_scheduler_type wild", 2, ("wild", "linear")),
    Case("a length of nothing", FIT + " --max-length 0", 2, ("--max-length",)),
    Case("batches of nothing", FIT.replace("batch_size 4", "batch_size 0"), 2, ("batch_size",)),
    Case("batches of less", FIT.replace("batch_size 4", "batch_size -1"), 2, ("batch_size",)),
    Case("no batches in a step", FIT + " --gradient_accumulation_steps 0", 2, ("gradient_accumulation_steps",)),
    Case("fewer workers than none", FIT + " --dataloader_num_workers -1", 2, ("workers",)),
    Case("a negative seed", FIT + " --seed -1", 2, ("seed",)),
    Case("a huge seed", FIT + " --seed 4294967296", 2, ("seed",)),
    Case("a rate that is no number", FIT + " --learning_rate nan", 2, ("learning_rate",)),
    Case("smoothing beyond one", FIT + " --label_smoothing_factor 2", 2, ("label_smoothing",)),
    Case("an unknown reporter", FIT + " --report_to nonsense", 2, ("nonsense",)),
    Case("a reporter that is not installed", FIT + " --report_to codecarbon", 2, ("codecarbon",)),
    Case("an optimizer that is not installed", FIT + " --optim galore_adamw", 2, ("galore",)),
    Case("sharding without processes", FIT + " --fsdp full_shard", 2, ("fsdp",)),
    Case("an unknown compiler", FIT + " --torch_compile_backend nonsense", 2, ("NONSENSE",)),
    Case("a score that is not taken", FIT + " --dev dev.tsv --metric_for_best_model f1", 2, ("f1", "accuracy or loss")),
    Case("no score at all", FIT + " --dev dev.tsv --prediction_loss_only true", 2, ("prediction_loss_only",)),
    Case("no subcommand of ours", "train", 2, ("'train'",)),
]  # fmt: skip
BAD_TESTS = [
    Case("no such run", "evaluate no --test-dir tests", 1, ("the run no", "no such folder")),
    Case("a dataset", "evaluate syn --test-dir tests", 1, ("the run syn", "xlt-run.json")),
    Case("no folder given", "evaluate run", 2, ("Missing option '--test-dir'",)),
    Case("no such folder", "evaluate run --test-dir no", 1, ("in no:", "No such file", "--test-dir")),
    Case("a file", "evaluate run --test-dir dev.tsv", 1, ("dev.tsv", "Not a directory")),
    Case("the other split", JUDGE + " --split dev", 1, ("dev-LANG.tsv", "splits test", "--split")),
    Case("no split", JUDGE + " --split train", 2, ("--split", "train")),
    Case("an unknown label", JUDGE, 1, ("tests/test-de.tsv:1", "'x'", "one of 0, 1"),
         lambda: _replace("tests/test-de.tsv", "\t0", "\tx")),
    Case("other rows", JUDGE, 1, ("tests/test-en.tsv", "13 rows", "12 as in test-de.tsv", "every language"),
         lambda: _write("tests/test-en.tsv", "a\tb\t1\n" * 13)),
    Case("two files of a language", JUDGE, 1, ("both test-en.jsonl and test-en.tsv",),
         lambda: _write("tests/test-en.jsonl", "")),
    Case("an empty file", JUDGE, 1, ("tests/test-en.tsv", "no rows"), lambda: _write("tests/test-en.tsv", "")),
    Case("rows outside", JUDGE + " --rows 0:13", 1, ("rows 0:13", "12 rows", "at least 13")),
    Case("rows that are no range", JUDGE + " --rows 5:5", 2, ("'5:5'", "FROM:TO")),
    Case("a lone surrogate", "evaluate run --test-dir j", 1, ("j/test-en.jsonl:1", "UTF-8"),
         lambda: _write("j/test-en.jsonl", '{"sentence1": "\\ud800", "sentence2": "b", "label": "1"}\n')),
    Case("no such device", JUDGE + " --device tpu", 2, ("tpu", "cpu")),
    Case("no name of a device", JUDGE + " --device cpu:x", 2, ("cpu:x",)),
    Case("batches of nothing", JUDGE + " --batch-size 0", 2, ("--batch-size",)),
    Case("none of ours", JUDGE + " --nonsense", 2, ("--nonsense",)),
    Case("results onto a file", JUDGE + " --out train.tsv", 1, ("train.tsv", "File exists", "--out")),
    Case("results nowhere", JUDGE + " --out /proc/xlt/out", 1, ("/proc/xlt/out", "--out")),
    Case("a record without keys", JUDGE, 1, ("run/xlt-run.json",), lambda: _write("run/xlt-run.json", json.dumps(
        json.loads(Path("run/xlt-run.json").read_text()) | {"model": {}}))),
    Case("another format", JUDGE, 1, ("run/xlt-run.json", "xlt-run/3", "Update"),
         lambda: _replace("run/xlt-run.json", "xlt-run/2", "xlt-run/3")),
]  # fmt: skip
TABLES = {
    "data": BAD_DATA, "model": BAD_MODELS, "dev": BAD_DEV, "place": BAD_PLACES, "option": BAD_OPTIONS, "test": BAD_TESTS
}  # fmt: skip
CASES = [pytest.param(case, id=f"{table}: {case.name}") for table, cases in TABLES.items() for case in cases]


def _tsv(label: Callable[[int], object]) -> str:
    return "".join(f"A good movie number {k}\tThe film {k} is fine\t{label(k)}\n" for k in range(ROWS))


def run_train(capsys: pytest.CaptureFixture[str], *words: object) -> Outcome:
    """`xlt-train` in this process; the handlers of signals are put back, which another test may need."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    handlers = [signal.getsignal(number) for number in numbers]
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("xlt_train.cli.main._received", [])
            return run_here(capsys, *words, program="xlt-train")
    finally:
        for number, handler in zip(numbers, handlers):
            signal.signal(number, handler)


@pytest.fixture(scope="module", autouse=True)
def one_thread(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One thread, no network, receipts in a folder of ours."""
    import huggingface_hub.constants
    import torch

    threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XLT_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("TOKENIZERS_PARALLELISM", "false")
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)  # it was read when the Hub's library was imported
        torch.set_num_threads(1)
        yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def made(one_thread: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder with datasets, a finished run, a development file and test files."""
    from xlt_train import fit

    folder = tmp_path_factory.mktemp("bad") / "work"
    (folder / "tests").mkdir(parents=True)
    content = _tsv(lambda k: k % 2)
    for name in ("train.tsv", "dev.tsv", "tests/test-de.tsv", "tests/test-en.tsv"):
        (folder / name).write_text(content)
    substitute = Substitute(SynonymSet.default(), p=0.5)
    build(folder / "train.tsv", substitute, m=2, out=folder / "syn")
    build(folder / "train.tsv", Swap(p=0.5), m=2, out=folder / "swap")
    (folder / "t.tsv").write_text(_tsv(lambda k: k % 3))
    build(folder / "t.tsv", substitute, m=1, out=folder / "three")
    (folder / "t.tsv").write_text("a good movie\tthe film\n")
    build(folder / "t.tsv", substitute, m=1, out=folder / "bare")
    (folder / "t.tsv").unlink()
    options = {"max_steps": 2, "per_device_train_batch_size": 4, "save_strategy": "no"}
    fit(folder / "syn", method="rs-da", model="nano", output_dir=str(folder / "run"), **options)
    return folder


@pytest.fixture
def work(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it to work in."""
    folder = Path(shutil.copytree(made, tmp_path / "work", symlinks=True))
    monkeypatch.chdir(folder)
    return folder


def _snapshot(folder: Path) -> dict[str, str]:
    found = {}
    for path in sorted(folder.rglob("*")):
        what = f"-> {path.readlink()}" if path.is_symlink() else "folder"
        found[str(path.relative_to(folder))] = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else what
    return found


def _one_line(err: str) -> str:
    """The line of the error; beside it only the one that says how the files were checked, and the Trainer's log."""
    lines = [line for line in err.split("\n")[:-1] if " files hashed" not in line and " files unchanged" not in line]
    lines = [line for line in lines if not line.startswith("{'")]
    assert len(lines) == 1, err
    assert lines[0].startswith("xlt-train: ")
    assert "Traceback" not in err
    return lines[0]


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_refused_and_changes_nothing(case: Case, work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case.before()
    before = _snapshot(work)
    outcome = run_train(capsys, *case.words.split())
    line = _one_line(outcome.err)
    assert (outcome.code, outcome.out) == (case.code, ""), line
    for part in case.says:
        assert part in line
    assert _snapshot(work) == before


def test_a_mended_command_goes_through_after_a_refusal(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A refused option leaves no begun run behind, which would be in the way of the mended command."""
    assert run_train(capsys, *FIT.split(), "--report_to", "nonsense").code == 2
    outcome = run_train(capsys, *FIT.split())
    assert outcome.code == 0, outcome.err


def test_help_is_printed_without_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = run_train(capsys)
    assert (outcome.code, outcome.out) == (2, "")
    assert "Usage: xlt-train" in outcome.err


STEPS = ["--save_strategy", "steps", "--save_steps", "1"]
RESUME = ["--resume_from_checkpoint", "true"]


def _weights(folder: Path) -> str:
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def uninterrupted(made: Path) -> str:
    """sha256 of the weights that `FIT` with `STEPS` ends at."""
    from xlt_train import fit

    options: dict[str, Any] = {"max_steps": 2, "per_device_train_batch_size": 4, "save_strategy": "steps", "save_steps": 1}
    return _weights(fit(made / "syn", method="rs-da", model="nano", output_dir=str(made.parent / "whole"), **options).path)


@pytest.fixture
def file_limit() -> Iterator[Callable[[int | None], None]]:
    """Sets the largest size that a file of this process may grow to: what a full disk is, for any user."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    def limit(size: int | None) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (old[0] if size is None else size, old[1]))

    yield limit
    limit(None)
    signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("kilobytes", [0, 500, 2_500], ids=["start", "weights", "optimizer"])
def test_a_file_that_may_not_grow_is_one_line_and_the_run_goes_on(
    kilobytes: int,
    work: Path,
    uninterrupted: str,
    file_limit: Callable[[int | None], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert 500_000 < (work / "run/model.safetensors").stat().st_size < 2_500_000  # the optimizer's state is twice that
    before = _snapshot(work)
    file_limit(kilobytes * 1_000)
    try:
        outcome = run_train(capsys, *FIT.split(), *STEPS)
    finally:
        file_limit(None)
    line = _one_line(outcome.err)
    assert (outcome.code, outcome.out) == (1, "")
    assert "new" in line
    now = _snapshot(work)
    assert {name: now.get(name) for name in before} == before
    assert set(now) - set(before) <= {"new", "new/xlt-run.json"}  # at most a run that was begun; no half of a checkpoint
    again = run_train(capsys, *FIT.split(), *STEPS, *RESUME)
    assert again.code == 0, again.err
    assert _weights(work / "new") == uninterrupted


@pytest.fixture
def small_disk() -> Iterator[Callable[[int], Path]]:
    """A disk of so many kilobytes; asked again, the same disk with another size. Outside of pytest's own folders, which it
    could not clear away if the test were killed."""
    folder, mounted = Path(tempfile.mkdtemp(prefix="xlt-disk-")), False

    def mount(kilobytes: int) -> Path:
        nonlocal mounted
        option = f"{'remount,' if mounted else ''}size={kilobytes}k"
        command = ["mount", *(() if mounted else ("-t", "tmpfs")), "-o", option, *(() if mounted else ("tmpfs",)), str(folder)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            pytest.skip("there is no command mount here")
        if done.returncode:
            pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")
        mounted = True
        return folder

    yield mount
    if mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)  # a failed write may hold a file open
    folder.rmdir()


# Kilobytes beyond the weights at which a full disk meets, one after the other, what is written into a checkpoint.
@pytest.mark.parametrize("beyond", [-200, 12, 20, 28, 36, 200, 3_800, 5_900, 6_000])
def test_a_full_disk_is_one_line_and_the_run_goes_on(
    beyond: int,
    work: Path,
    uninterrupted: str,
    small_disk: Callable[[int], Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    size = -(-(work / "run/model.safetensors").stat().st_size // 4096) * 4
    new = small_disk(size + beyond) / "new"
    command = [*FIT.split()[:-1], str(new)]
    outcome = run_train(capsys, *command, *STEPS)
    line = _one_line(outcome.err)
    assert (outcome.code, outcome.out) == (1, "")
    assert str(new) in line
    for word in ("room", "--resume_from_checkpoint true"):
        assert word in line
    small_disk(64_000)
    again = run_train(capsys, *command, *STEPS, *RESUME)
    assert again.code == 0, again.err
    assert _weights(new) == uninterrupted


def test_results_that_cannot_be_written_are_one_line(
    work: Path, file_limit: Callable[[int | None], None], capsys: pytest.CaptureFixture[str]
) -> None:
    file_limit(1_000)
    try:
        outcome = run_train(capsys, *JUDGE.split())
    finally:
        file_limit(None)
    line = _one_line(outcome.err)
    assert (outcome.code, outcome.out) == (1, "")
    assert "run/evaluations/test-" in line
    assert not [path for path in work.glob("run/evaluations/*/*") if not path.name.startswith(".parts-")]  # to go on from
    assert run_train(capsys, *JUDGE.split()).code == 0


LONG = FIT.replace("--max_steps 2", "--max_steps 120").split() + ["--save_strategy", "steps", "--save_steps", "10"]


def _interrupted(number: int, words: list[str], *, group: bool) -> Outcome:
    """Start a long run, send it a signal once it has a checkpoint."""
    running = subprocess.Popen(
        [str(SCRIPTS / "xlt-train"), *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    deadline = time.monotonic() + 60
    while not list(Path("new").glob("checkpoint-*/xlt-run.json")) and running.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    (os.killpg if group else os.kill)(running.pid, number)
    out, err = running.communicate(timeout=60)
    return Outcome(running.returncode, out, err)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=str)
def test_a_signal_in_mid_training_leaves_a_run_to_go_on_with(
    number: signal.Signals, work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = _snapshot(work)
    outcome = _interrupted(number, LONG, group=False)
    line = _one_line(outcome.err)
    assert (outcome.code, outcome.out) == (130, "")
    assert line.startswith("xlt-train: interrupted")
    assert "--resume_from_checkpoint true" in line
    now = _snapshot(work)
    assert {name: now.get(name) for name in before} == before
    assert not list(Path("new").glob("model.safetensors"))
    again = run_train(capsys, *LONG, *RESUME, "--json")
    assert again.code == 0, again.err
    found = json.loads(again.out)
    assert found["status"] == "finished"
    assert found["results"]["steps"] == 120
    assert found["results"]["resumed_from"].startswith("checkpoint-")


def test_ctrl_c_reaches_the_workers_too_and_is_still_one_line(work: Path) -> None:
    """A terminal sends it to all processes at once."""
    outcome = _interrupted(signal.SIGINT, [*LONG, "--dataloader_num_workers", "2"], group=True)
    assert outcome.code == 130, outcome.err
    assert _one_line(outcome.err).startswith("xlt-train: interrupted")


@pytest.mark.parametrize(("redirection", "code"), [(">/dev/full", 1), ("| true", 1), (">&-", 0)])
def test_an_output_that_takes_nothing(redirection: str, code: int, work: Path) -> None:
    python = sys.executable if "&-" in redirection else forked_python()
    command = f"set -o pipefail; {python} -m xlt_train {JUDGE} {redirection}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr
    assert len(list(work.glob("run/evaluations/*/accuracy.json"))) == 1
