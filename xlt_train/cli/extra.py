"""Whether the extras `train` and `report` are installed."""

from importlib.util import find_spec

from xlt_train.errors import XltError


def need_extra() -> None:
    """Raises XltError, with the command to type, when a package of the extra `train` is missing."""
    missing = [name for name in ("torch", "transformers", "accelerate") if find_spec(name) is None]
    if missing:
        raise XltError(
            "starting to train",
            found=f"no {' and no '.join(missing)} in this environment",
            expected="the packages of the extra train",
            remedy="Install them: pip install 'xlt[train]'",
        )


def need_report() -> None:
    """Raises XltError, with the command to type, when a package of the extra `report` is missing."""
    missing = [name for name in ("scipy", "pyarrow") if find_spec(name) is None]
    if missing:
        raise XltError(
            "starting to compare",
            found=f"no {' and no '.join(missing)} in this environment",
            expected="the packages of the extra report",
            remedy="Install them: pip install 'xlt[report]'",
        )
