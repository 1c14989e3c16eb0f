"""The files of a test folder: `SPLIT-LANG.ENDING`, one language each, parallel by row (the XTREME layout)."""

import re
from pathlib import Path

from xlt_train.data.examples import ENDINGS
from xlt_train.errors import ExamplesError

_LANGUAGE = r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]+)*"


def language_files(folder: str | Path, split: str) -> dict[str, Path]:
    """Language -> file, sorted by language. Raises ExamplesError for a folder without any, or with two for one language."""
    folder = Path(folder)
    pattern = re.compile(rf"{re.escape(split)}-({_LANGUAGE})")
    try:
        names = sorted(p for p in folder.iterdir() if p.suffix in ENDINGS and p.is_file())
    except OSError as error:
        raise ExamplesError(
            f"looking for language files in {folder}",
            found=error.strerror or str(error),
            expected="a folder",
            remedy="Check --test-dir",
        ) from error
    found: dict[str, Path] = {}
    for path in names:
        if match := pattern.fullmatch(path.stem):
            if match[1] in found:
                raise ExamplesError(
                    f"looking for language files in {folder}",
                    found=f"both {found[match[1]].name} and {path.name}",
                    expected="one file for each language",
                    remedy="Move one of them away",
                )
            found[match[1]] = path
    if not found:
        others = sorted({p.stem.split("-")[0] for p in names if "-" in p.stem})
        raise ExamplesError(
            f"looking for language files in {folder}",
            found=f"no file {split}-LANG.tsv" + (f", but files of the splits {', '.join(others)}" if others else ""),
            expected=f"one for each language, such as {split}-en.tsv",
            remedy="Check --test-dir and --split",
        )
    return dict(sorted(found.items()))
