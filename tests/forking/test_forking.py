"""A program in a fork is told, says and ends as it would in a python of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.command import forked_python

TOLD = """
import json, os, sys
print(json.dumps({"argv": sys.argv, "cwd": os.getcwd(), "env": dict(os.environ), "path": sys.path[0], "name": __name__}))
print(sys.stdin.read(), file=sys.stderr)
print(sorted(name for name in sys.modules if name.startswith(("xlt_", "tests"))), file=sys.stderr)
"""
ENDS = {"return": "", "exit": "raise SystemExit(7)", "words": "import sys; sys.exit('no')", "error": "1 / 0"}
ENDS |= {"kill": "import os; os.kill(os.getpid(), 9)", "at exit": "import atexit, os; atexit.register(os._exit, 5)"}


@pytest.mark.parametrize("form", ["-c", "-m", "script"])
def test_it_is_told_the_same(form: str, tmp_path: Path) -> None:
    (tmp_path / "told.py").write_text(TOLD)
    words = {"-c": ["-c", TOLD], "-m": ["-m", "told"], "script": [str(tmp_path / "told.py")]}[form]
    env = os.environ | {"XLT_CACHE": "\udcff é", "PWD": "no"}
    found = []
    for python in (sys.executable, forked_python()):
        done = subprocess.run([python, *words, "a b", ""], cwd=tmp_path, env=env, input="given", capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        for shell in ("_", "SHLVL", "PWD", "OLDPWD", "LC_CTYPE"):
            told["env"].pop(shell, None)
        found.append((told, done.stderr))
    assert found[0] == found[1]
    assert found[0][0]["argv"][1:] == ["a b", ""]


@pytest.mark.parametrize("code", ENDS.values(), ids=ENDS)
def test_it_ends_the_same(code: str) -> None:
    ways = [subprocess.run([p, "-c", code], capture_output=True, text=True) for p in (sys.executable, forked_python())]
    assert ways[0].returncode == ways[1].returncode
    last = [way.stderr.splitlines()[-1:] for way in ways]
    assert last[0] == last[1]


STAYS = """
import os, sys, time
try:
    print(os.getpid(), flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    sys.exit(9)
"""


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (signal.SIGINT, 9),
        (signal.SIGTERM, -signal.SIGTERM),
        (signal.SIGUSR1, -signal.SIGKILL),
        (signal.SIGKILL, -signal.SIGKILL),
    ],
)
def test_a_signal_reaches_it(sent: signal.Signals, code: int) -> None:
    with subprocess.Popen([forked_python(), "-c", STAYS], stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        pid = int(running.stdout.readline())
        assert pid != running.pid
        running.send_signal(sent)
        assert running.wait(30) == code
    end = time.monotonic() + (10 if sent == signal.SIGKILL else 0)  # otherwise it is gone by now
    while there(pid) and time.monotonic() < end:
        time.sleep(0.01)
    assert not there(pid)


def there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
