"""Files of word pairs, one a line: constraints, vetoes."""

import re
from pathlib import Path
from typing import NamedTuple

from xlt_augment.errors import XltError


class PairLine(NamedTuple):
    """Two words, and where they stand: "FILE:LINE"."""

    first: str
    second: str
    where: str


def read_pair_lines(path: str | Path, *, doing: str, error: type[XltError]) -> list[PairLine]:
    """The pairs of a UTF-8 text file: two words separated by spaces, or by a tab where words hold spaces.

    Blank lines and lines that begin with # are left out. `doing` opens the message of `error`, which is raised, with file and
    line, for any other line, and for a file that cannot be read or holds no pair.
    """

    def refuse(where: str, found: str, expected: str, remedy: str) -> XltError:
        return error(f"{doing} {where}", found=found, expected=expected, remedy=remedy)

    try:
        lines = Path(path).read_bytes().removeprefix(b"\xef\xbb\xbf").split(b"\n")
    except OSError as problem:
        raise refuse(
            str(path), str(problem.strerror or problem), "a text file with a pair a line", "Check its name"
        ) from problem
    pairs = []
    for number, raw in enumerate(lines, 1):
        where = f"{path}:{number}"
        try:
            line = raw.decode().strip(" \t\r")
        except UnicodeDecodeError as problem:
            raise refuse(where, f"the byte 0x{raw[problem.start]:02x}", "UTF-8", "Save the file as UTF-8") from problem
        if not line or line.startswith("#"):
            continue
        words = [word.strip(" ") for word in line.split("\t")] if "\t" in line else re.split(" +", line)
        if len(words) != 2 or not all(words):
            found = f"{len(words)} word{'s' * (len(words) != 1)} ({line[:60]!r})"
            raise refuse(
                where, found, "two words", "Put one pair on each line, with a space or, where words hold spaces, a tab"
            )
        pairs.append(PairLine(words[0], words[1], where))
    if not pairs:
        raise refuse(str(path), "no pair at all", "a pair of words a line", "Check how the file was made, or leave it out")
    return pairs
