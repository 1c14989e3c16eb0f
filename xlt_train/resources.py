"""Where the small embedded files (`data/` of the project) lie: inside an installed wheel, or beside a clone."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def resource(relative: str) -> Path:
    """Path of an embedded file, for example `resource("languages/distances.csv")`.

    A wheel holds them in `resources_data`, because `data` is a package here. Raises FileNotFoundError when the installation
    lacks it.
    """
    for folder in (_PACKAGE / "resources_data", _PACKAGE.parent / "data"):
        if (folder / relative).is_file():
            return folder / relative
    raise FileNotFoundError(f"this installation of xlt lacks its embedded file data/{relative}; install xlt again")
