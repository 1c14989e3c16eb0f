"""A sweep as a value: settings of `fit`, a grid of them, and the numbers that a paper printed for it."""

import difflib
import math
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from xlt_train.errors import UsageError

_TABLES = {"about": str, "fit": dict, "grid": dict, "source": dict, "published": list}
_SOURCE = dict.fromkeys(("paper", "section", "note"), str)
_PUBLISHED = {"task": str, "table": str, "row": str, "at": dict, "accuracy": dict, "average": object, "note": str}
_KINDS: dict[type, str] = {str: "text", dict: "a table", list: "a list of tables"}


@dataclass(frozen=True, kw_only=True)
class Published:
    """A row of a paper's table: accuracy in percent by language, and their average where it was printed.

    `at`: the settings of the grid that the row is about, none where it is about the whole sweep.
    """

    task: str
    table: str
    row: str
    accuracy: dict[str, float]
    average: float | None
    at: dict[str, Any]
    note: str | None

    def fits(self, options: Mapping[str, Any], languages: Iterable[str]) -> bool:
        """Whether the row is about a run with these options, and about these languages."""
        settings = all(name in options and same(options[name], value) for name, value in self.at.items())
        return settings and bool(self.accuracy) and set(self.accuracy) <= set(languages)


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """`fit`: settings of every run; `grid`: name -> values, whose product is run, the last name fastest."""

    name: str
    about: str
    fit: dict[str, Any]
    grid: dict[str, list[Any]]
    source: dict[str, Any]
    published: tuple[Published, ...]

    @classmethod
    def parse(cls, text: str, name: str, place: str) -> "Sweep":
        """A sweep from its TOML; `place` is what a message calls it. Raises UsageError."""
        doing = f"reading the sweep {place}"
        try:
            body = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise UsageError(
                doing, found=f"no TOML ({error})", expected="[fit] and [grid]", remedy="See docs/sweep.md"
            ) from error
        _check_keys(doing, body, _TABLES)
        grid = body.get("grid", {})
        for key, value in body.get("fit", {}).items():
            _check_value(doing, key, value)
        for key, values in grid.items():
            _check_values(doing, key, values)
            if key in body.get("fit", {}):
                raise UsageError(
                    doing, found=f"{key} in [fit] and in [grid]", expected="each setting once", remedy="Take one of them out"
                )
        _check_keys(f"{doing}, [source]", body.get("source", {}), _SOURCE)
        return cls(
            name=name,
            about=body.get("about", ""),
            fit=body.get("fit", {}),
            grid=grid,
            source=body.get("source", {}),
            published=tuple(_published(doing, entry) for entry in body.get("published", [])),
        )

    def with_fixed(self, given: Mapping[str, Any]) -> "Sweep":
        """The sweep with these settings for every run, lists as they are."""
        grid = {key: values for key, values in self.grid.items() if key not in given}
        return replace(self, fit=self.fit | dict(given), grid=grid)

    def changed(self, changes: Sequence[tuple[str, Any]]) -> "Sweep":
        """The sweep with other settings: a list becomes part of the grid, any other value holds for every run."""
        fit, grid = dict(self.fit), dict(self.grid)
        for key, value in changes:
            if isinstance(value, list):
                _check_values(f"reading --set {key}", key, value)
                fit.pop(key, None)
                grid[key] = value
            else:
                _check_value(f"reading --set {key}", key, value)
                grid.pop(key, None)
                fit[key] = value
        return replace(self, fit=fit, grid=grid)


def read_sweep(path: str | Path) -> Sweep:
    """The sweep of a TOML file, named after it. Raises UsageError."""
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "no UTF-8 text"
        raise UsageError(
            f"reading the sweep {path}", found=reason, expected="a TOML file", remedy="Check the path; --list shows the presets"
        ) from error
    return Sweep.parse(text, path.stem, str(path))


def parse_set(word: str) -> tuple[str, Any]:
    """KEY=VALUE of `--set`; VALUE as in TOML, a bare word is text. Raises UsageError for a word without key or value."""
    key, equals, value = word.partition("=")
    key = key.strip().replace("-", "_")
    if not (equals and key.isidentifier() and value.strip()):
        raise UsageError(
            "reading --set", found=repr(word), expected="KEY=VALUE", remedy="Give for example --set epsilon=0.1, or [0.01, 0.1]"
        )
    try:
        found = tomllib.loads(f"value = {value}")
    except (tomllib.TOMLDecodeError, RecursionError):
        return key, value.strip()
    return key, found["value"] if found.keys() == {"value"} else value


def same(one: Any, other: Any) -> bool:
    """Whether two settings are one: 1 and 1.0 are, and so are 6 and "6", which a command line cannot tell apart."""
    return plain(one) == plain(other) or str(plain(one)) == str(plain(other))


def plain(value: Any) -> Any:
    """A setting in the one form that names and comparisons go by: whole floats as whole numbers, tuples as lists."""
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def nearest(name: str, names: Iterable[str]) -> str:
    """'Did you mean ...? ' for the closest of the names, or nothing."""
    close = difflib.get_close_matches(name, list(names), n=1)
    return f"Did you mean {close[0]}? " if close else ""


def _published(doing: str, entry: Any) -> Published:
    doing = f"{doing}, [[published]]"
    if not isinstance(entry, dict):
        raise UsageError(doing, found=repr(entry), expected="a table", remedy="See docs/sweep.md")
    _check_keys(doing, entry, _PUBLISHED)
    for key, value in entry.get("at", {}).items():
        _check_value(doing, key, value)
    accuracy, average = entry.get("accuracy", {}), entry.get("average")
    for value in [*accuracy.values(), *([] if average is None else [average])]:
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100:
            raise UsageError(doing, found=repr(value), expected="accuracies in percent by language", remedy="Correct it")
    return Published(
        task=entry.get("task", ""),
        table=entry.get("table", ""),
        row=entry.get("row", ""),
        accuracy={language: float(value) for language, value in accuracy.items()},
        average=None if average is None else float(average),
        at=entry.get("at", {}),
        note=entry.get("note"),
    )


def _check_keys(doing: str, found: Mapping[str, Any], kinds: Mapping[str, type]) -> None:
    for key, value in found.items():
        if key not in kinds:
            remedy = f"{nearest(key, kinds)}See docs/sweep.md"
            raise UsageError(doing, found=f"the key {key!r}", expected=f"only {', '.join(kinds)}", remedy=remedy)
        if not isinstance(value, kinds[key]):
            raise UsageError(doing, found=f"{key} = {value!r}", expected=_KINDS[kinds[key]], remedy="See docs/sweep.md")


def _check_values(doing: str, key: str, values: Any) -> None:
    if not isinstance(values, list) or not values:
        raise UsageError(doing, found=f"{key} = {values!r}", expected="a list of values to try", remedy="Write one")
    for k, value in enumerate(values):
        _check_value(doing, key, value)
        if any(same(value, other) for other in values[:k]):
            raise UsageError(doing, found=f"{key} = {value!r} twice", expected="each value once", remedy="Take one of them out")


def _check_value(doing: str, key: str, value: Any) -> None:
    parts = value if isinstance(value, list) else value.values() if isinstance(value, dict) else [value]
    for part in parts:
        if not isinstance(part, str | int | float) or (isinstance(part, float) and not math.isfinite(part)):
            raise UsageError(
                doing, found=f"{key} = {value}", expected="texts, finite numbers, true or false", remedy="Correct it"
            )
