"""Where the small embedded defaults (`data/` of the project) lie: inside an installed wheel, or beside a clone."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def resource(relative: str) -> Path:
    """Path of an embedded file, for example `resource("samples/paraphrase/train-en.tsv")`.

    Raises FileNotFoundError when the installation lacks it.
    """
    for folder in (_PACKAGE / "data", _PACKAGE.parent / "data"):
        if (folder / relative).is_file():
            return folder / relative
    raise FileNotFoundError(f"this installation of xlt lacks its embedded file data/{relative}; install xlt again")
