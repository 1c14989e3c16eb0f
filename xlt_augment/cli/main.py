"""Entry point of `xlt-augment`: one line and an exit code for every error (2: wrong usage, 1: everything else)."""

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from types import FrameType

import click

from xlt_augment.cli.build import build
from xlt_augment.cli.datasets import inspect, verify
from xlt_augment.cli.options import shown
from xlt_augment.cli.serve import serve
from xlt_augment.cli.store import store
from xlt_augment.cli.store_care import gc, lineage
from xlt_augment.cli.store_care import verify as verify_store
from xlt_augment.cli.store_export import export
from xlt_augment.cli.store_transfer import publish, pull
from xlt_augment.cli.synonym_edits import diff, merge, subset, veto
from xlt_augment.cli.synonyms import synonyms
from xlt_augment.cli.synonyms_build import build_set
from xlt_augment.cli.vectors import fetch_vectors
from xlt_augment.errors import UsageError, XltError

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_INTERRUPTED = "interrupted; nothing half-written was left behind"  # where the exception carries no note that says more

_received: list[int] = []  # signals that asked to stop


class Interrupted(BaseException):
    """A signal asked to stop. No KeyboardInterrupt, for which click prints a line of its own."""


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="xlt", prog_name="xlt-augment")
def cli() -> None:
    """Build and inspect augmented training sets for robust cross-lingual transfer.

    Start with:  xlt-augment build --m 10 --p 0.1
    """


for command in (build, inspect, verify, synonyms, store, serve):
    cli.add_command(command)
for command in (build_set, fetch_vectors, subset, merge, diff, veto):
    synonyms.add_command(command)
for command in (publish, pull, verify_store, lineage, gc, export):
    store.add_command(command)


def main() -> None:
    """Run the command line and leave with its exit code."""
    for number in _SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:  # as under nohup
            signal.signal(number, _interrupt)
    sys.unraisablehook = _swallowed
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the caller
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115 - to the end of the process
    try:
        _check_arguments()
        code = cli.main(prog_name="xlt-augment", standalone_mode=False)
        sys.stdout.flush()
    except XltError as error:
        _fail(str(error), error.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        sys.exit(2)
    except click.ClickException as error:
        _fail(_usage(error), 2)
    except (click.Abort, Interrupted) as error:
        notes = getattr(error, "__notes__", None)
        _fail(f"interrupted; {notes[0]}" if notes else _INTERRUPTED, 130)
    except (SystemError, ImportError, RuntimeError):  # what C code, modules and classes make of one of a signal handler
        if not _received:
            raise
        _fail(_INTERRUPTED, 130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # a reader such as head has seen enough
        sys.exit(1)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is still held back cannot be written either
        place = f"using {error.filename}" if error.filename else "printing the result"
        _fail(f"{place}: found {error.strerror or error}; expected access and room. Choose another place.", 1)
    sys.exit(code if isinstance(code, int) else 0)


def _usage(error: click.ClickException) -> str:
    message = " ".join(error.format_message().split())
    if isinstance(error, click.UsageError) and error.ctx is not None:
        message += f" See {error.ctx.command_path} --help."
    return message


def _check_arguments() -> None:
    bad = [word for word in sys.argv[1:] if not word.isascii() and word != word.encode("utf-8", "replace").decode()]
    if bad:
        shown = bad[0].encode("utf-8", "backslashreplace").decode()
        raise UsageError("reading the arguments", found=f"{shown}, which is not UTF-8", expected="UTF-8", remedy="Rename it")


def _interrupt(number: int, frame: FrameType | None) -> None:
    _received.append(number)
    for other in _SIGNALS:  # a second one must not disturb the clean-up
        signal.signal(other, signal.SIG_IGN)
    raise Interrupted


def _swallowed(caught: "sys.UnraisableHookArgs") -> None:
    """Code called back from C, as numba's is by its compiler, cannot pass the exception on: raise it again a moment later."""
    if caught.exc_type is not Interrupted:
        sys.__unraisablehook__(caught)
        return
    signal.signal(signal.SIGALRM, _interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.01)


def _fail(message: str, code: int) -> None:
    click.echo("xlt-augment: " + shown(" ".join(message.split("\n"))), err=True)
    if _received and code == 130:  # all is cleaned up, and an interpreter stopped inside other libraries may hang at its end
        with suppress(OSError, ValueError):
            sys.stdout.flush()
        os._exit(code)
    sys.exit(code)
