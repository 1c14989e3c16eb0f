"""Stands in for `python` where tests start programs that load torch: `client.py FOLDER OWNER PYTHON WORDS`.

WORDS, such as `-m MODULE`, run in a fork of a process that has loaded the libraries already (`server.py`), with the arguments,
the working folder, the environment and the standard streams of this one. Signals that arrive here are handed on, and this
process ends as the program does. Where this one is killed so is the program, a moment later; asked by SIGUSR1, it kills the
program first. PYTHON is what calls this, and is `sys.executable` there. With other options than `-m` and `-c` the real python
runs; `-u` changes nothing.

Servers live in FOLDER, one for each environment, as libraries read it when they are imported, and end with the process OWNER.
"""

import fcntl
import json
import os
import signal
import socket
import sys
import zlib
from pathlib import Path

# What libraries do not read when they are imported: most of it changes all the time, and differs in the processes of torchrun.
UNREAD = ("PYTEST_", "XLT_", "PWD=", "OLDPWD=", "SHLVL=", "_=", "PYTHON_EXEC=", "TOKENIZERS_PARALLELISM=")
UNREAD += ("RANK=", "LOCAL_", "GROUP_", "ROLE_", "WORLD_SIZE=", "MASTER_", "TORCHELASTIC_", "TORCH_NCCL_")


def main() -> None:
    """Run the program and end as it does."""
    folder, owner, shown, *words = sys.argv[1:]
    words = words[1:] if words[:1] == ["-u"] else words
    if not words or (words[0] not in ("-m", "-c") and words[0].startswith("-")):
        os.execv(sys.executable, [sys.executable, *words])
    connection = connect(Path(folder), owner)
    job = {"words": words, "cwd": str(Path.cwd()), "env": dict(os.environ), "executable": shown}
    body = json.dumps(job).encode()
    socket.send_fds(connection, [len(body).to_bytes(4, "big")], [0, 1, 2])
    connection.sendall(body)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
        sent = signal.SIGKILL if number == signal.SIGUSR1 else number
        signal.signal(number, lambda *_, sent=sent: connection.sendall(bytes([sent])))
    with connection.makefile("rb") as answer:
        status = answer.read(4)
    if len(status) < 4:
        sys.exit(f"the server in {folder} is gone; what it said last is in its log there")
    end(os.waitstatus_to_exitcode(int.from_bytes(status, "big")))


def end(code: int) -> None:
    """With an exit code, or by a signal where it is negative."""
    if code < 0:
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


def connect(folder: Path, owner: str) -> socket.socket:
    """A connection to the server for this environment, which is started where there is none."""
    read = sorted(f"{key}={value}" for key, value in os.environ.items() if not f"{key}=".startswith(UNREAD))
    place = folder / f"{zlib.crc32(chr(0).join(read).encode('utf-8', 'surrogateescape')):08x}"
    with place.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            start(place, owner)
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(place))
    return connection


def start(place: Path, owner: str) -> None:
    """Start a server that listens at `place`: it takes connections at once, and answers when it has loaded the libraries."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(place))
    listener.listen(64)
    if os.fork():
        return
    os.setsid()
    if os.fork():  # so that nobody waits for it
        os._exit(0)
    log = os.open(place.with_suffix(".log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for number, target in enumerate((os.open(os.devnull, os.O_RDWR), log, log)):
        os.dup2(target, number)
    os.set_inheritable(listener.fileno(), True)
    server = Path(__file__).resolve().with_name("server.py")
    os.execv(sys.executable, [sys.executable, str(server), str(listener.fileno()), owner])


if __name__ == "__main__":
    main()
