"""Loads what `xlt-train` loads of others, and forks a child for each command that `client.py` asks for.

A child is as fresh as one can be: no module of XLT is loaded, and nothing has been run. Call it with the number of a listening
socket and of the process with which it ends.
"""

import gc
import importlib
import json
import os
import runpy
import select
import shutil
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

# What a run on nano and its judging load; what is missing here is loaded by each command for itself.
LIBRARIES = """
    click tqdm.auto numpy pyarrow pyarrow.parquet pyarrow.dataset torch torch._dynamo safetensors.torch datasets accelerate
    multiprocessing.spawn transformers.trainer transformers.hf_argparser transformers.models.auto.modeling_auto
    transformers.models.bert.modeling_bert
""".split()


class Job(NamedTuple):
    """A command, and the three standard streams of who asked for it."""

    words: list[str]
    cwd: str
    env: dict[str, str]
    executable: str
    streams: list[int]


def main() -> None:
    """Serve to the end; in a child, become the command."""
    listener, owner = socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2])
    place = Path(listener.getsockname())
    for name in LIBRARIES:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # so that the children share these pages
    try:
        job = serve(listener, owner)
    except BaseException:
        place.unlink(missing_ok=True)
        raise
    if job is None:
        shutil.rmtree(place.parent, ignore_errors=True)  # the tests are over
        return
    become(job)


def serve(listener: socket.socket, owner: int) -> Job | None:
    """The job of this child, or None in the server, when `owner` has ended."""
    woken, wake = socket.socketpair()
    for end in (woken, wake):
        end.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake.fileno())
    running: dict[int, socket.socket] = {}
    while alive(owner):
        ready = select.select([listener, woken, *running.values()], [], [], 1.0)[0]
        for pid, connection in list(running.items()):
            if connection in ready:
                hand_on(pid, connection)
        if woken in ready:
            woken.recv(4096)
        reap(running)
        if listener in ready:
            connection = listener.accept()[0]
            job = receive(connection)
            pid = os.fork() if job else 0
            if job and pid == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                for one in (listener, woken, wake, connection, *running.values()):
                    one.close()
                return job
            if job:
                running[pid] = connection
                for number in job.streams:
                    os.close(number)
    return None


def alive(owner: int) -> bool:
    """Whether that process is still there."""
    try:
        os.kill(owner, 0)
    except ProcessLookupError:
        return False
    return True


def receive(connection: socket.socket) -> Job | None:
    """What a client asks for; None where it was gone before it had said so."""
    try:
        head, streams, _, _ = socket.recv_fds(connection, 4, 3)
        with connection.makefile("rb") as stream:
            fields: dict[str, Any] = json.loads(stream.read(int.from_bytes(head, "big")))
        return Job(**fields, streams=streams)
    except (OSError, ValueError):
        connection.close()
        return None


def hand_on(pid: int, connection: socket.socket) -> None:
    """Send a child the signals that its client was sent; SIGKILL where the client is gone."""
    try:
        numbers = connection.recv(16)
    except OSError:
        numbers = b""
    for number in numbers or [signal.SIGKILL]:
        os.kill(pid, number)


def reap(running: dict[int, socket.socket]) -> None:
    """Tell the clients of all children that have ended how they did."""
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        with running.pop(pid) as connection:
            with suppress(OSError):  # it was killed
                connection.sendall(status.to_bytes(4, "big"))


def become(job: Job) -> None:
    """Run the command as `python` does."""
    for number, stream in enumerate(job.streams):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(job.env)
    os.chdir(job.cwd)
    sys.modules["numpy"].random.seed()
    sys.executable = job.executable
    if job.words[0] == "-m":
        sys.argv, sys.path[0] = job.words[1:], job.cwd
        runpy.run_module(job.words[1], run_name="__main__", alter_sys=True)
    elif job.words[0] == "-c":
        sys.argv, sys.path[0] = ["-c", *job.words[2:]], ""
        exec(job.words[1], sys.modules["__main__"].__dict__)
    else:
        sys.argv, sys.path[0] = job.words, str(Path(job.words[0]).resolve().parent)
        runpy.run_path(job.words[0], run_name="__main__")


if __name__ == "__main__":
    main()
