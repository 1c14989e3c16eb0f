"""One command in a process of its own: its memory is given back when it ends, and its crash is its own."""

import ctypes
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

_GRACE = 60  # seconds that a command has to end in when it is asked to
_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def run_logged(words: Sequence[str], log: Path) -> str | None:
    """Run `xlt-train` with these words to its end; all that it prints is added to `log`. None, or what it said last.

    What interrupts the waiting ends the command too; on Linux a kill of this process does. Raises OSError when the log cannot
    be written.
    """
    with log.open("ab") as stream:
        stream.write(f"$ xlt-train {shlex.join(words)}\n".encode())
        stream.flush()
        start = stream.tell()
        command = [sys.executable, "-m", "xlt_train", *words]
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, preexec_fn=_end_with(os.getpid())
        )
        try:
            code = child.wait()
        finally:
            if child.poll() is None:
                _end(child)
    return None if code == 0 else _reason(code, log, start)


def _end_with(parent: int) -> Callable[[], None] | None:
    """What a new process calls so that it is asked to end when `parent` does; None where the system has no such call."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None).prctl  # looked up before the fork

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGTERM))
        if os.getppid() != parent:  # it was gone before
            os._exit(1)

    return ask


def _end(child: subprocess.Popen) -> None:
    child.terminate()
    try:
        child.wait(_GRACE)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _reason(code: int, log: Path, start: int) -> str:
    """The last line that the command wrote, and the signal that ended it, if one did."""
    lines = [line for line in log.read_bytes()[start:].decode(errors="replace").splitlines() if line.strip()]
    said = lines[-1].strip().removeprefix("xlt-train: ") if lines else f"exit code {code}, and no word"
    if code < 0:
        return f"ended by {_signal_name(-code)}" + (f", after: {said}" if lines else "")
    return said


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
