"""The sweeps that come with the package: one TOML file for each row of the papers' tables."""

from importlib.resources import files

from xlt_train.errors import UsageError
from xlt_train.sweep.spec import Sweep, nearest

_FOLDER = "presets"


def preset_names() -> list[str]:
    """Their names, sorted."""
    found = (entry.name for entry in files(__package__).joinpath(_FOLDER).iterdir())
    return sorted(name.removesuffix(".toml") for name in found if name.endswith(".toml"))


def preset_text(name: str) -> str:
    """The TOML of a preset. Raises UsageError, with the nearest name, where there is none."""
    names = preset_names()
    if name not in names:
        raise UsageError(
            "choosing a preset",
            found=repr(name),
            expected="the name of a preset, or a TOML file",
            remedy=f"{nearest(name, names)}See xlt-train sweep --list",
        )
    return files(__package__).joinpath(_FOLDER, f"{name}.toml").read_text(encoding="utf-8")


def preset(name: str) -> Sweep:
    """The preset of that name. Raises UsageError."""
    return Sweep.parse(preset_text(name), name, f"preset {name}")
