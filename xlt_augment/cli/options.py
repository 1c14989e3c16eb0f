"""Option types that several commands share."""

import re
from collections.abc import Callable
from typing import Any

import click


def shown(text: str) -> str:
    """A text for a terminal: what would move a cursor, hide the rest or break the line stands there as an escape."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


class Names(click.ParamType):
    """Several names in one word, separated by commas."""

    name = "a,b"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """The names as a tuple."""
        if isinstance(value, tuple):
            return value
        names = tuple(part.strip() for part in str(value).split(","))
        if "" in names:
            self.fail(f"{value!r} holds an empty name; give for example sentence1,sentence2.", param, ctx)
        return names


class Probability(click.ParamType):
    """A number between 0 and 1, or `uniform`."""

    name = "number|uniform"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float | str:
        """The number as a float, or "uniform"."""
        if value == "uniform":
            return "uniform"
        try:
            number = float(str(value))
        except ValueError:
            number = -1.0
        if not 0 <= number <= 1:
            self.fail(f"{value!r} is neither a number from 0 to 1 nor 'uniform'.", param, ctx)
        return number


class Size(click.ParamType):
    """A number of bytes, with KB, MB or GB (powers of 1000)."""

    name = "size"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The size in bytes."""
        found = re.fullmatch(r"([1-9][0-9]*)([KMG]?)B?", str(value).upper(), re.ASCII)
        if found is None:
            self.fail(f"{value!r} is no size; give for example 500MB.", param, ctx)
        return int(found[1]) * {"": 1, "K": 10**3, "M": 10**6, "G": 10**9}[found[2]]


class Spaced(Names):
    """Names separated by commas, or by spaces where there is no comma."""

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """The names as a tuple."""
        return super().convert(value if "," in str(value) else ",".join(str(value).split()), param, ctx)


def joined(ctx: click.Context, param: click.Parameter, value: tuple[tuple[str, ...], ...]) -> tuple[str, ...] | None:
    """The names of an option that may be repeated, None where it was not given."""
    return tuple(name for names in value for name in names) or None


def engine_options(blocks: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """--engine and what belongs to it; `blocks` says how many parts there are by default."""

    def apply(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in (
            click.option(
                "--blocks",
                type=click.IntRange(1),
                metavar="N",
                help=f"With ray: how many parts the work is cut into; the result does not depend on it.  [default: {blocks}]",
            ),
            click.option(
                "--ray-address",
                metavar="HOST:PORT",
                help="With ray: a running cluster that this machine is part of.  "
                "[default: RAY_ADDRESS, else one of this machine's cores]",
            ),
            click.option(
                "--engine",
                type=click.Choice(["local", "ray"]),
                default="local",
                show_default=True,
                help="Who does the work: threads of this process, or a Ray cluster. The bytes are the same.",
            ),
        ):
            function = option(function)
        return function

    return apply


class Help(click.Command):
    """A command whose epilog (its examples) keeps its line breaks."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples line by line."""
        if self.epilog:
            formatter.write_paragraph()
            for line in self.epilog.splitlines():
                formatter.write(f"  {line}\n" if line != "Examples:" else "Examples:\n")
