"""The settings of all methods by name: what the command line offers, and to which methods each belongs."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from xlt_train.errors import UsageError
from xlt_train.methods.base import Method, wrong_setting
from xlt_train.methods.registry import METHODS


@dataclass(frozen=True)
class Setting:
    """One name that the user can set: its help, its kind (`base.setting`), and the default of each method that has it."""

    name: str
    text: str
    kind: Any
    defaults: dict[str, Any]

    @property
    def option(self) -> str:
        """Its spelling on the command line."""
        return f"--{self.name.replace('_', '-')}"


def _collected() -> dict[str, Setting]:
    found: dict[str, Setting] = {}
    for method in METHODS.values():
        for name, one in _own(method).items():
            known = found.setdefault(name, Setting(name, one.metadata["text"], one.metadata["kind"], {}))
            known.defaults[method.name] = one.default
    return found


def _own(method: type[Method]) -> dict[str, Any]:
    return {one.name: one for one in fields(method) if "text" in one.metadata}


SETTINGS: dict[str, Setting] = _collected()


def split_settings(method: type[Method], options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Options of `fit` into the method's settings and the rest. Raises UsageError for a setting of other methods only, and
    for a value of another kind."""
    own = _own(method)
    for name in options:
        if name in SETTINGS and name not in own:
            raise UsageError(
                f"reading {SETTINGS[name].option}",
                found=f"a setting that {method.name} does not have",
                expected=f"--method {' or '.join(SETTINGS[name].defaults)} with it",
                remedy=f"Leave out {SETTINGS[name].option}, or choose one of them",
            )
    chosen = {name: _checked(SETTINGS[name], value) for name, value in options.items() if name in own}
    return chosen, {name: value for name, value in options.items() if name not in own}


def _checked(setting: Setting, value: Any) -> Any:
    """The value as the method takes it: of a Python caller, who may give a number or several for a text of numbers.

    Raises UsageError for a value of another kind.
    """
    kind = str if isinstance(setting.kind, tuple) else setting.kind
    if kind is str and setting.kind is str and not isinstance(value, bool | str):
        many = value if isinstance(value, list | tuple) else [value]
        if many and all(isinstance(part, int) and not isinstance(part, bool) for part in many):
            return ",".join(map(str, many))
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if value is None and None in setting.defaults.values():
        return None
    if type(value) is not kind:
        raise wrong_setting(
            setting.name, repr(value), {float: "a number", int: "a whole number", bool: "true or false"}.get(kind, "text")
        )
    return value
