"""The settings of a method among the options of `fit`: its own fields, apart from the arguments of the Trainer."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from xlt_train.errors import UsageError
from xlt_train.methods.base import Method
from xlt_train.methods.registry import METHODS

_NOT_OPTIONS = ("label_smoothing", "max_length")  # fields that `fit` fills from options of its own


def setting_names(kind: type[Method]) -> tuple[str, ...]:
    """The settings that a user may choose."""
    return tuple(field.name for field in fields(kind) if field.name not in _NOT_OPTIONS)


def split_settings(kind: type[Method], options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The options that are settings of the method, and the others, which are training arguments.

    Raises UsageError for a setting of other methods.
    """
    from transformers import TrainingArguments

    known = {field.name for field in fields(TrainingArguments)}
    settings = {name: value for name, value in options.items() if name in setting_names(kind)}
    training = {name: value for name, value in options.items() if name not in settings}
    for name in training:
        if name not in known and _methods_with(name):
            raise _not_of(kind, name)
    return settings, training


def configured(kind: type[Method], settings: Mapping[str, Any], *, max_length: int) -> Method:
    """The method with these settings; `max_length` goes to a method that has such a field (T of annex C of the design).

    Raises UsageError for a setting that it lacks, and as the method itself for a value that it does not take.
    """
    for name in settings:
        if name not in setting_names(kind):
            raise _not_of(kind, name)
    length = {"max_length": max_length} if "max_length" in {field.name for field in fields(kind)} else {}
    return kind(**length, **settings)


def recorded(method: Method) -> dict[str, Any]:
    """All settings of a method as JSON has them, so that a record that was read compares as equal."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(method).items()}


def _methods_with(setting: str) -> list[str]:
    return [name for name, kind in METHODS.items() if setting in setting_names(kind)]


def _not_of(kind: type[Method], setting: str) -> UsageError:
    option, methods, own = f"--{setting.replace('_', '-')}", _methods_with(setting), setting_names(kind)
    with_it = f"a method that has it: {', '.join(methods)}" if methods else "a setting of a method"
    return UsageError(
        f"setting up the method {kind.name}",
        found=f"{option}, which it has not",
        expected=f"{with_it}; those of {kind.name} are {', '.join(own)}" if own else f"{with_it}; {kind.name} has none",
        remedy=f"Leave out {option}" + (", or choose another --method" if methods else ""),
    )
