"""What the commands of `store` share: the address, names, a bar over bytes."""

import os
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from xlt_augment.cli.options import shown

if TYPE_CHECKING:
    from xlt_augment.store.names import Name

F = TypeVar("F", bound=Callable[..., Any])


def store_option(command: F) -> F:
    """`--store URL`, or XLT_STORE."""
    return click.option(
        "--store", "url", envvar="XLT_STORE", show_envvar=True, required=True, metavar="URL",
        help="Address of the store: a folder, s3://BUCKET/PATH, gs://, abfs://CONTAINER/PATH, sftp://USER@HOST/PATH. "
        "Credentials come from the environment or a profile.",
    )(command)  # fmt: skip


def threads_option(command: F) -> F:
    """`--threads N`."""
    return click.option(
        "--threads", type=click.IntRange(1, 64), default=4, show_default=True, help="Files that are transferred at a time."
    )(command)


class NameType(click.ParamType):
    """`team/dataset`, with or without `@v3`."""

    name = "team/name[@vN]"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> "Name":
        """The name in its parts. Raises UsageError."""
        from xlt_augment.store.names import parse_name

        return parse_name(str(value))


@contextmanager
def bytes_bar() -> Iterator[Any]:
    """A bar over bytes on standard error, on a terminal and for work over a second only; set its `total`."""
    from tqdm import tqdm

    with tqdm(unit="B", unit_scale=True, disable=None, delay=1, leave=False, file=sys.stderr) as bar:
        yield bar


@contextmanager
def going_on() -> Iterator[None]:
    """An interruption says that nothing is lost."""
    try:
        yield
    except BaseException as error:
        error.add_note("what is complete was kept, and the same command goes on")
        raise


def count(n: int, noun: str) -> str:
    """`1 file`, `2 files`."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def step(url: str, command: str) -> None:
    """What to run next, with the store's address where XLT_STORE does not name it."""
    line(
        "next", f"xlt-augment store {command}" + ("" if os.environ.get("XLT_STORE") == url else f" --store {shlex.quote(url)}")
    )


def line(head: str, text: str) -> None:
    """A fact on a line of its own."""
    click.echo(shown(f"{head:<10}{text}"))
