"""Entry point of `xlt-augment`: one line and an exit code for every error (2: wrong usage, 1: everything else)."""

import os
import signal
import sys
from pathlib import Path
from types import FrameType

import click

from xlt_augment.cli.build import build
from xlt_augment.cli.datasets import inspect, verify
from xlt_augment.cli.synonyms import synonyms
from xlt_augment.errors import XltError


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="xlt", prog_name="xlt-augment")
def cli() -> None:
    """Build and inspect augmented training sets for robust cross-lingual transfer.

    Start with:  xlt-augment build --m 10 --p 0.1
    """


for command in (build, inspect, verify, synonyms):
    cli.add_command(command)


def main() -> None:
    """Run the command line and leave with its exit code."""
    signal.signal(signal.SIGTERM, _terminate)
    nowhere = Path(os.devnull).open("w")  # noqa: SIM115 - to the end of the process, where the caller has closed an output
    sys.stdout, sys.stderr = sys.stdout or nowhere, sys.stderr or nowhere
    try:
        code = cli.main(prog_name="xlt-augment", standalone_mode=False)
        sys.stdout.flush()
    except XltError as error:
        _fail(str(error), error.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        sys.exit(2)
    except click.ClickException as error:
        _fail(_usage(error), 2)
    except (click.Abort, KeyboardInterrupt):
        _fail("interrupted; nothing half-written was left behind", 130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # a reader such as head has seen enough
        sys.exit(1)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is still held back cannot be written either
        _fail(f"writing the result: found {error.strerror}; expected a place that takes it. Send the output elsewhere.", 1)
    sys.exit(code if isinstance(code, int) else 0)


def _usage(error: click.ClickException) -> str:
    message = " ".join(error.format_message().split())
    if isinstance(error, click.UsageError) and error.ctx is not None:
        message += f" See {error.ctx.command_path} --help."
    return message


def _terminate(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _fail(message: str, code: int) -> None:
    click.echo("xlt-augment: " + " ".join(message.split("\n")), err=True)
    sys.exit(code)
