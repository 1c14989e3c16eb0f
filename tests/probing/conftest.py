"""Runs made on the spot: the weights are random, so that some predictions are right and some wrong."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.command import Outcome, run_here
from tests.probing.made import save_run, write_parallel


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Threads of several processes wait for each other."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The Hub is never asked, receipts lie in a folder of the test, and one aligner is no other's."""
    monkeypatch.setenv("XLT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "false")
    monkeypatch.setenv("TRANSFORMERS_VERBOSITY", "error")


@pytest.fixture(params=["bert", "xlmr"])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A run of either kind of encoder."""
    return save_run(tmp_path / "run", request.param)


@pytest.fixture
def bert_run(tmp_path: Path) -> Path:
    """A run of a BERT."""
    return save_run(tmp_path / "run", "bert")


@pytest.fixture
def tests(tmp_path: Path) -> Path:
    """Parallel files in three languages."""
    return write_parallel(tmp_path / "tests")


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Outcome]]:
    """`xlt-train probe` in this process; the handlers of signals are put back."""
    import signal

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    handlers = [signal.getsignal(number) for number in numbers]
    yield lambda *args: run_here(capsys, "probe", *args, program="xlt-train")
    for number, handler in zip(numbers, handlers):
        signal.signal(number, handler)


@pytest.fixture
def aligner(tmp_path: Path) -> Callable[[str], str]:
    """`aligner(body)`: the command of a program whose lines of Python `body` turn the list `lines` into what it writes."""

    def write(body: str) -> str:
        script = tmp_path / "aligner.py"
        script.write_text(f"import sys\nlines = sys.stdin.buffer.read().decode().splitlines()\n{body}\n")
        return f"'{sys.executable}' '{script}'"

    return write
