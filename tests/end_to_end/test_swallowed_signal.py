"""A signal that arrives while C code calls back into Python, where its exception cannot go on: it is raised again."""

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import ctypes, os, signal, sys, time
from xlt_augment.cli import main as program

@ctypes.CFUNCTYPE(None)
def called_back():
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(0.05)  # the handler runs in here, and ctypes drops what it raises

def work(**options):
    called_back()
    time.sleep(30)

program.cli.main = work
sys.argv = ["xlt-augment"]
program.main()
"""


def test_the_command_ends_all_the_same(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, cwd=tmp_path, timeout=25, check=False
    )
    assert (done.returncode, done.stderr) == (130, "xlt-augment: interrupted; nothing half-written was left behind\n")
