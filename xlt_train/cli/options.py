"""Option types and the help layout that the commands share."""

import click

from xlt_train.data.examples import parse_rows


class Names(click.ParamType):
    """Several names in one word, separated by commas."""

    name = "a,b"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """The names as a tuple."""
        if isinstance(value, tuple):
            return value
        names = tuple(part.strip() for part in str(value).split(","))
        if "" in names:
            self.fail(f"{value!r} holds an empty name; give for example sentence1,sentence2,label.", param, ctx)
        return names


class Rows(click.ParamType):
    """A range of rows, FROM:TO."""

    name = "from:to"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """First row, and the row behind the last."""
        if isinstance(value, tuple):
            return value
        try:
            return parse_rows(str(value))
        except ValueError as error:
            self.fail(f"{error}.", param, ctx)


class Numbers(click.ParamType):
    """Several numbers in one word, separated by commas."""

    name = "number,..."

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        """The numbers as a tuple."""
        if isinstance(value, tuple):
            return value
        try:
            return tuple(float(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is no number, nor several; give for example 0.01,0.1.", param, ctx)


class Help(click.Command):
    """A command whose epilog (its examples) keeps its line breaks, with a second list of options that it passes on."""

    passed_on: tuple[str, dict[str, str]] | None = None  # introduction, and option -> what it does

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Our options, then those passed on."""
        super().format_options(ctx, formatter)
        if self.passed_on is not None:
            introduction, options = self.passed_on
            with formatter.section("Training options"):
                formatter.write_text(introduction)
                formatter.write_dl([(f"--{name}", text) for name, text in options.items()])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples line by line."""
        if self.epilog:
            formatter.write_paragraph()
            for line in self.epilog.splitlines():
                formatter.write(f"  {line}\n" if line != "Examples:" else "Examples:\n")
