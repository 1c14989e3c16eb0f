"""`xlt-augment serve` in a process of its own."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

PYTHON = sys.executable  # which some tests put another in the place of
ENDS_WITHIN = 60.0  # seconds


class Served(NamedTuple):
    """A running service: `address` as it was printed, with the token that may write where there is one."""

    process: subprocess.Popen[str]
    address: str
    errors: IO[str]

    @property
    def url(self) -> str:
        """The address without a token."""
        return self.address.partition("/#")[0]

    def said(self) -> str:
        """What stands in stderr."""
        self.errors.seek(0)
        return self.errors.read()

    def end(self, number: int = signal.SIGTERM) -> int:
        """The exit code after this signal."""
        self.process.send_signal(number)
        return self.process.wait(ENDS_WITHIN)


def start(*words: object, home: Path, env: dict[str, str] | None = None) -> Served:
    """Start it on any free port, with data and temporary files below `home`; back when it is ready. Raises AssertionError."""
    home.mkdir(exist_ok=True)
    command = [PYTHON, "-m", "xlt_augment", "serve", "--port", "0", "--rate", "1000000", *map(str, words)]
    errors = tempfile.TemporaryFile("w+", dir=home)  # noqa: SIM115 - lives as long as the service
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=errors, text=True,
        env=os.environ | {"XDG_DATA_HOME": str(home), "TMPDIR": str(home)} | (env or {}),
    )  # fmt: skip
    assert process.stdout is not None
    found = Served(process, "", errors)
    for line in process.stdout:
        if (at := line.find("http://")) >= 0:
            return found._replace(address=line[at:].split()[0])
    process.wait(ENDS_WITHIN)
    raise AssertionError(f"no address, but: {found.said()}")


@contextmanager
def serving(*words: object, home: Path, env: dict[str, str] | None = None) -> Iterator[Served]:
    """The same, stopped in the end."""
    found = start(*words, home=home, env=env)
    try:
        yield found
    finally:
        if found.process.poll() is None:
            found.process.kill()
        found.process.communicate()
        found.errors.close()
