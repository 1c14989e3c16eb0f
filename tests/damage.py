"""Single flipped bits in files."""

import random
from collections.abc import Iterator, Sequence
from pathlib import Path


def flip(path: Path, chance: random.Random) -> None:
    """Flip one bit of a file, which may be read-only."""
    content = bytearray(path.read_bytes())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    path.chmod(0o644)
    path.write_bytes(content)


def flipped(files: Sequence[Path], times: int) -> Iterator[Path]:
    """The files in turn, so many times, each with one bit flipped while it is looked at."""
    chance = random.Random(0)
    for k in range(times):
        path = files[k % len(files)]
        content = path.read_bytes()
        flip(path, chance)
        yield path
        path.write_bytes(content)
