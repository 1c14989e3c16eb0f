"""Entry point of `xlt-train`: one line and an exit code for every error (2: wrong usage, 1: everything else)."""

import os
import signal
import sys
from pathlib import Path
from types import FrameType, TracebackType

import click

from xlt_train.cli.compare import compare
from xlt_train.cli.evaluate import evaluate
from xlt_train.cli.fit import fit
from xlt_train.cli.make_report import report
from xlt_train.cli.probe import probe
from xlt_train.cli.sweep import sweep
from xlt_train.errors import UsageError, XltError

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_INTERRUPTED = "interrupted; nothing half-written counts"
_GO_ON = {
    "fit": ". Complete checkpoints are kept: to go on, repeat the command with --resume_from_checkpoint true.",
    "evaluate": ". What was judged is kept: to go on, repeat the command.",
    "sweep": ". Finished runs and complete checkpoints are kept: to go on, repeat the command.",
}

_main = os.getpid()
_received: list[int] = []  # signals that asked to stop


class Interrupted(BaseException):
    """A signal asked to stop. No KeyboardInterrupt, for which click prints a line of its own."""


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="xlt", prog_name="xlt-train")
def cli() -> None:
    """Fine-tune multilingual encoders on the datasets of `xlt-augment build`, and judge them in every language.

    Start with:  xlt-train fit --data DATASET --method rs-da --model nano
    """


for command in (fit, evaluate, compare, report, probe, sweep):
    cli.add_command(command)


def main() -> None:
    """Run the command line and leave with its exit code."""
    for number in _SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:  # as under nohup
            signal.signal(number, _interrupt)
    os.register_at_fork(after_in_child=_be_a_quiet_orphan)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the caller
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115 - to the end of the process
    try:
        _check_arguments()
        code = cli.main(prog_name="xlt-train", standalone_mode=False)
        sys.stdout.flush()
    except XltError as error:
        _fail(str(error), error.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        sys.exit(2)
    except click.ClickException as error:
        _fail(_usage(error), 2)
    except (click.Abort, Interrupted):
        _fail(_INTERRUPTED + _GO_ON.get(" ".join(sys.argv[1:2]), ""), 130)
    except (SystemError, ImportError, RuntimeError):  # what compiled code makes of an exception of a signal handler
        if not _received:
            raise
        _fail(_INTERRUPTED + _GO_ON.get(" ".join(sys.argv[1:2]), ""), 130)
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
    if os.getpid() != _main:  # a worker that loads data: the terminal's Ctrl-C reaches it too, and its parent ends it
        if number != signal.SIGINT:
            os._exit(128 + number)
        sys.excepthook = _say_nothing  # its threads lose the parent in mid-word, which is no news
        return
    _received.append(number)
    for other in _SIGNALS:  # a second one must not disturb the clean-up
        signal.signal(other, signal.SIG_IGN)
    raise Interrupted


def _say_nothing(*_: object) -> None:
    """For a process that is being ended."""


def _be_a_quiet_orphan() -> None:
    """In a worker that loads data: its threads may find the parent gone before the signal that ended it arrives here."""
    before = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if not issubclass(kind, (ConnectionError, EOFError)):
            before(kind, error, trace)

    sys.excepthook = hook


def _fail(message: str, code: int) -> None:
    click.echo("xlt-train: " + " ".join(message.split("\n")), err=True)
    sys.exit(code)
