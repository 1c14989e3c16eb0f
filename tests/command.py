"""Run the commands as a user does: in a process of their own, or in this one where many cases are run."""

import os
import socket
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import NamedTuple

import pytest

import xlt_augment.cli.main
import xlt_train.cli.main

PROGRAMS = {"xlt-augment": xlt_augment.cli.main.main, "xlt-train": xlt_train.cli.main.main}
SCRIPTS = Path(sysconfig.get_path("scripts"))
# What a script would do, but without the seconds in which torch is loaded: see tests/forking.
MODULES = {"xlt-train": "xlt_train"}


class Outcome(NamedTuple):
    """Exit code and what was printed."""

    code: int
    out: str
    err: str


def forked_python() -> str:
    """What runs `-m MODULE WORDS`, or a script, as `sys.executable` does, in the fork of a process that has torch already.

    For commands whose start is not what is tested. Where `xlt-train sweep` runs in it, so do the commands that this starts.
    """
    return os.environ["XLT_TESTS_PYTHON"] if hasattr(socket, "send_fds") else sys.executable


def run_command(*args: object, cwd: Path | None = None, env: dict[str, str] | None = None) -> Outcome:
    """Run `args[0]` of this environment, with the rest as arguments, in a process of its own."""
    name = str(args[0])
    start = [forked_python(), "-m", MODULES[name]] if name in MODULES else [str(SCRIPTS / name)]
    command = [*start, *map(str, args[1:])]
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=env, timeout=240, check=False)
    return Outcome(done.returncode, done.stdout, done.stderr)


def run_here(capsys: pytest.CaptureFixture[str], *args: object, program: str = "xlt-augment") -> Outcome:
    """Run a program with these arguments in this process."""
    capsys.readouterr()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [program, *map(str, args)])
        with pytest.raises(SystemExit) as end:
            PROGRAMS[program]()
    printed = capsys.readouterr()
    code = end.value.code
    return Outcome(code if isinstance(code, int) else 0, printed.out, printed.err)
