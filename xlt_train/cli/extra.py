"""Whether the extra `train` is installed."""

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
