"""`xlt-augment serve`."""

import gc
import os
import sys
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from xlt_augment.cli.options import Help
from xlt_augment.errors import UsageError

_EXAMPLES = """Examples:
xlt-augment serve                                      the embedded set, on http://127.0.0.1:8765
xlt-augment serve default ours=words.arrow --port 8800
xlt-augment serve nli-team/words --store /mnt/team/store
xlt-augment serve default --host 0.0.0.0 --allowed-host synonyms.example.org --tokens tokens.txt
xlt-augment serve default --vetoes vetoes.sqlite --rate 500 --no-access-log"""


@click.command(cls=Help, epilog=_EXAMPLES)
@click.argument("sets", metavar="[SET]...", nargs=-1)
@click.option(
    "--host", default="127.0.0.1", show_default=True,
    help="Address to listen on. Any but loopback needs a token; 0.0.0.0, which is all, needs --allowed-host too.",
)  # fmt: skip
@click.option("--port", type=click.IntRange(0, 65_535), default=8_765, show_default=True, help="Port; 0 for any that is free.")
@click.option(
    "--store", envvar="XLT_STORE", show_envvar=True, metavar="URL",
    help="Address of a store: sets may come from it, and its datasets are shown.",
)  # fmt: skip
@click.option(
    "--vetoes", type=click.Path(path_type=Path), envvar="XLT_VETOES", show_envvar=True, metavar="FILE",
    help="SQLite file of the veto lists, made where there is none.  [default: xlt/vetoes.sqlite in XDG_DATA_HOME or "
    "~/.local/share]",
)  # fmt: skip
@click.option("--no-vetoes", is_flag=True, help="Keep no veto lists, and no file for them.")
@click.option(
    "--tokens", type=click.Path(path_type=Path), metavar="FILE",
    help="File with a line 'read TOKEN' or 'write TOKEN' each, which nobody else may read (mode 0600). Besides, "
    "XLT_SERVICE_READ_TOKEN and XLT_SERVICE_WRITE_TOKEN are read.",
)  # fmt: skip
@click.option(
    "--allowed-host", "allowed_hosts", metavar="NAME", multiple=True,
    help="Answer requests for this host too: the name or address by which others reach the service. Repeatable.",
)  # fmt: skip
@click.option(
    "--trusted-proxy", "trusted_proxies", metavar="ADDRESS", multiple=True,
    help="IP address of a proxy that adds the client's address to X-Forwarded-For; limits then hold for each of its clients. "
    "Repeatable.",
)  # fmt: skip
@click.option(
    "--rate", type=click.FloatRange(1, 1e6), default=3_000, show_default=True,
    help="Lookups a second that one client may make on average; heavy requests count as 20.",
)  # fmt: skip
@click.option("--access-log/--no-access-log", default=True, show_default=True, help="Write a line for each request to stderr.")
def serve(
    sets: tuple[str, ...], host: str, port: int, store: str | None, vetoes: Path | None, no_vetoes: bool, tokens: Path | None,
    allowed_hosts: tuple[str, ...], trusted_proxies: tuple[str, ...], rate: float, access_log: bool,
) -> None:  # fmt: skip
    """Serve synonym sets: a page to look at them and try sentences, and an HTTP API (docs/service.md).

    A SET is an embedded name (default), a file, or a name in the store; NAME=SET gives it another name. SIGHUP opens all
    again; SIGTERM and Ctrl-C end what was begun, then stop.
    """
    if no_vetoes and click.get_current_context().get_parameter_source("vetoes") is ParameterSource.COMMANDLINE:
        raise click.UsageError("--vetoes and --no-vetoes exclude one another; give one of them.")
    gc.disable()  # what is imported and opened stays, and looking at it again and again takes a quarter of a second
    try:
        _run(
            sets or ("default",), host=host, port=port, store=store, vetoes=None if no_vetoes else vetoes or _vetoes_home(),
            tokens=tokens, allowed_hosts=allowed_hosts, trusted_proxies=trusted_proxies, rate=rate, access_log=access_log,
        )  # fmt: skip
    finally:
        gc.enable()


def _run(sets: tuple[str, ...], *, host: str, tokens: Path | None, rate: float, **settings: Any) -> None:
    try:
        from xlt_augment.service.server import serve as run
    except ModuleNotFoundError as error:
        raise UsageError(
            "starting the service", found=f"no package {error.name}", expected="those of the extra service",
            remedy="Install them with: pip install 'xlt[service]'",
        ) from error  # fmt: skip
    from dataclasses import replace

    from xlt_augment.service.settings import Limits, Settings
    from xlt_augment.service.tokens import read_tokens, with_write_token

    limits = replace(Limits(), rate=rate)
    told, made = with_write_token(
        Settings(sets=sets, host=host, limits=limits, tokens=read_tokens(os.environ, tokens), **settings)
    )
    page = f"/#token={made}" if made else ""
    if host in {"0.0.0.0", "::"} and not told.allowed_hosts:
        click.echo(f"others cannot ask on {host} yet: give --allowed-host NAME, the name or address they reach it by", err=True)
    run(told, ready=lambda address: _tell(f"serving {', '.join(sets)} on {address}{page}"))


def _tell(line: str) -> None:
    """Print it; who closed what is printed to wants the service all the same."""
    try:
        click.echo(line)
    except OSError:
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 - to the end of the process


def _vetoes_home() -> Path:
    try:
        return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "xlt" / "vetoes.sqlite"
    except RuntimeError as error:
        raise UsageError(
            "looking for the veto lists", found="no home folder", expected="one", remedy="Give --vetoes FILE, or --no-vetoes"
        ) from error
