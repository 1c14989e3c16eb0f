"""Aligners that are programs of their own: any that reads `source ||| target` lines and writes Pharaoh pairs (`0-0 2-1`)."""

import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from xlt_train.errors import AlignerError, UsageError
from xlt_train.probing.aligners import VECTOR_ALIGNERS, Aligner, Links, Mutual, Side

EFLOMAL = "eflomal"
_FORM = "what fast_align writes: one line for each line of input, of pairs such as 0-0 2-1, counted from 0"
_NO_SEPARATOR = re.compile(r"[\s|]+")  # a word stands between spaces, and the two sentences around |||
_LINK = re.compile(r"(\d+)-(\d+)")


def choose_aligner(name: str) -> Aligner:
    """The aligner of that name, or the program of that command line. Raises UsageError for a program that is not there."""
    if name in VECTOR_ALIGNERS:
        return Mutual(name, VECTOR_ALIGNERS[name])
    if name == EFLOMAL:
        return Program(name, _both_ways, [_found("eflomal-align")])
    try:
        words = shlex.split(name)
    except ValueError as error:
        raise _unusable(name, f"a command with {str(error).lower()}") from error
    if not words:
        raise _unusable(name, "an empty command")
    return Program(name, _through, [_found(words[0]), *words[1:]])


class Program:
    """A program as an aligner. Sentences without words are not shown to it."""

    uses_vectors = False

    def __init__(self, name: str, call: Callable[[list[str], str], list[str]], command: list[str]) -> None:
        self.name, self.call, self.command = name, call, command

    def align(self, sources: Sequence[Side], targets: Sequence[Side]) -> list[Links]:
        """The links of each pair of sentences. Raises AlignerError when the program fails, or writes no alignments of them."""
        shown = [k for k, (a, b) in enumerate(zip(sources, targets)) if a.words and b.words]
        found = [np.empty((0, 2), np.int64) for _ in sources]
        if shown:
            text = "".join(f"{_line(sources[k])} ||| {_line(targets[k])}\n" for k in shown)
            outputs = [_parsed(self.name, written, sources, targets, shown) for written in self.call(self.command, text)]
            for k, *links in zip(shown, *outputs):
                found[k] = np.array(sorted(set.intersection(*links)), np.int64).reshape(-1, 2)
        return found


def _line(side: Side) -> str:
    return " ".join(_NO_SEPARATOR.sub("_", word) for word in side.words)


def _through(command: list[str], text: str) -> list[str]:
    """What a program writes on standard output."""
    return [_run(command, text)]


def _both_ways(command: list[str], text: str) -> list[str]:
    """eflomal's links from source to target and from target to source: those that both have are kept.

    It works on files. Its random numbers cannot be seeded, so two calls differ a little.
    """
    with tempfile.TemporaryDirectory() as folder:
        files = [str(Path(folder) / name) for name in ("text", "forward", "reverse")]
        Path(files[0]).write_text(text, encoding="utf-8")
        _run([*command, "-i", files[0], "-f", files[1], "-r", files[2]], "")
        missing = [path for path in files[1:] if not Path(path).is_file()]
        if missing:
            raise AlignerError(f"aligning words with {EFLOMAL}", found="no links", expected=_FORM, remedy="Reinstall it")
        return [Path(path).read_text(encoding="utf-8") for path in files[1:]]


def _run(command: list[str], text: str) -> str:
    """Standard output of a command, without a shell. Raises AlignerError."""
    doing = f"aligning words with {Path(command[0]).name}"
    try:
        done = subprocess.run(command, input=text.encode(), capture_output=True, check=False)
    except OSError as error:
        raise AlignerError(
            doing, found=error.strerror or str(error), expected="a program that can be started", remedy="Check --aligner"
        ) from error
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["nothing on standard error"]
        raise AlignerError(
            doing,
            found=f"exit code {done.returncode} ({said[-1][:200]})",
            expected="exit code 0",
            remedy="Try the command by hand on a file of `source ||| target` lines",
        )
    return done.stdout.decode("utf-8", "replace")


def _parsed(
    name: str, text: str, sources: Sequence[Side], targets: Sequence[Side], shown: Sequence[int]
) -> list[set[tuple[int, int]]]:
    """The links of each sentence that was shown. Raises AlignerError for what is no alignment of them."""
    lines = text.removesuffix("\n").split("\n")
    if len(lines) != len(shown):
        raise _wrong(name, f"{len(lines) if text else 0:,} lines for {len(shown):,} pairs of sentences")
    found = []
    for number, (line, k) in enumerate(zip(lines, shown), 1):
        links = set()
        for word in line.split():
            match = _LINK.fullmatch(word)
            if match is None:
                raise _wrong(name, f"{word[:40]!r} in line {number:,}")
            link = int(match[1]), int(match[2])
            sizes = len(sources[k].words), len(targets[k].words)
            if link[0] >= sizes[0] or link[1] >= sizes[1]:
                raise _wrong(name, f"{word} in line {number:,}, of sentences of {sizes[0]} and {sizes[1]} words")
            links.add(link)
        found.append(links)
    return found


def _wrong(name: str, found: str) -> AlignerError:
    return AlignerError(f"reading the alignments of {name}", found=found, expected=_FORM, remedy="Check --aligner")


def _found(program: str) -> str:
    """Where a program is: on the path, or beside this Python. Raises UsageError when it is nowhere."""
    place = shutil.which(program) or shutil.which(program, path=str(Path(sys.executable).parent))
    if place is None:
        raise _unusable(program, "no such program")
    return place


def _unusable(name: str, found: str) -> UsageError:
    known = ", ".join((*VECTOR_ALIGNERS, EFLOMAL))
    remedy = (
        "Install it: pip install 'xlt[align]'"
        if name == "eflomal-align"
        else "Check --aligner, and that the program is installed"
    )
    return UsageError(
        f"choosing the aligner {name!r}",
        found=found,
        expected=f"{known}, or a command that reads `source ||| target` lines",
        remedy=remedy,
    )
