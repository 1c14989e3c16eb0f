"""Ctrl-C, SIGTERM, a file size limit: nothing half-written is ever visible, and one line says what happened."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import xlt_augment.cli.main
from tests.command import SCRIPTS, run_command, run_here

ROWS = 150_000


@pytest.fixture
def large_tsv(small_tsv: Callable[..., Path]) -> Path:
    path = small_tsv(*(f"A good movie about number {k} and a happy end\tA fine film\t{k % 2}" for k in range(500)))
    path.write_bytes(path.read_bytes() * (ROWS // 500))
    return path


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _wait_for_work(folder: Path) -> None:
    """Until a build has begun to write."""
    deadline = time.monotonic() + 60
    while not any(name.startswith(".xlt-partial") for name in _names(folder)) and time.monotonic() < deadline:
        time.sleep(0.005)


@pytest.mark.parametrize("numbers", [[signal.SIGINT], [signal.SIGTERM], [signal.SIGHUP], [signal.SIGINT] * 3], ids=str)
def test_a_signal_at_any_moment_leaves_nothing(numbers: list[signal.Signals], large_tsv: Path, clean_folder: Path) -> None:
    command = [SCRIPTS / "xlt-augment", "build", large_tsv, "--m", "20", "--p", "0.5", "--out", "out"]
    chance, codes = random.Random(len(numbers) + int(numbers[0])), []
    for k in range(5):
        running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if k % 2:
            time.sleep(0.5 + chance.random())
        else:
            _wait_for_work(clean_folder)
            time.sleep(0.2 * chance.random())
        for number in numbers:
            running.send_signal(number)
            time.sleep(0.02)
        _, err = running.communicate(timeout=120)
        codes.append(running.returncode)
        if (
            running.returncode != -numbers[0] or not (clean_folder / "out").exists()
        ):  # else it came after the last line of Python
            assert (running.returncode, err) in (
                (0, ""),
                (130, "xlt-augment: interrupted; nothing half-written was left behind\n"),
            )
        names = _names(clean_folder)
        if "out" in names:  # the signal came when the dataset was complete
            assert run_command("xlt-augment", "verify", "out").code == 0
            shutil.rmtree("out")
            names.remove("out")
        assert names == ["corpus.tsv"], err
    assert 130 in codes


def test_a_signal_while_replacing_keeps_the_old_dataset(large_tsv: Path, clean_folder: Path) -> None:
    small = clean_folder / "small.tsv"
    small.write_text("old movie\told film\t1\n")
    assert run_command("xlt-augment", "build", small, "--out", "out").code == 0
    before = (clean_folder / "out" / "xlt.json").read_bytes()
    command = [SCRIPTS / "xlt-augment", "build", large_tsv, "--out", "out", "--overwrite"]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _wait_for_work(clean_folder)
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert (clean_folder / "out" / "xlt.json").read_bytes() == before
    assert run_command("xlt-augment", "verify", "out").code == 0
    assert [name for name in _names(clean_folder) if not name.startswith(".")] == ["corpus.tsv", "out", "small.tsv"]


def test_a_file_that_may_not_grow_is_one_clear_error(large_tsv: Path, clean_folder: Path) -> None:
    limited = f"ulimit -f 2000; exec {SCRIPTS / 'xlt-augment'} build {large_tsv} --out out"
    done = subprocess.run(["bash", "-c", limited], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "writing out" in done.stderr
    assert _names(clean_folder) == ["corpus.tsv"]


@pytest.mark.parametrize("kind", [RuntimeError, SystemError, ImportError])
def test_what_python_makes_of_a_signal_is_an_interruption_too(
    kind: type[Exception], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def turned(**options: object) -> None:  # as a class that is being made does with what is raised inside it
        xlt_augment.cli.main._received.append(signal.SIGINT)
        raise kind("Error calling __set_name__")

    ended: list[int] = []
    monkeypatch.setattr(xlt_augment.cli.main, "_received", [])
    monkeypatch.setattr(xlt_augment.cli.main.build, "callback", turned)
    monkeypatch.setattr(os, "_exit", lambda code: ended.append(code) or sys.exit(code))
    done = run_here(capsys, "build")
    assert (done.code, ended) == (130, [130])
    assert done.err == "xlt-augment: interrupted; nothing half-written was left behind\n"
