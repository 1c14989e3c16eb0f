"""Names in a store: `team/dataset@v3`, checked wherever one comes in."""

import re
from typing import NamedTuple

from xlt_augment.errors import StoreError, UsageError

_WORD = r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*"
_NAME = re.compile(rf"({_WORD})/({_WORD})(?:@v([1-9][0-9]{{0,8}}))?", re.ASCII)
_LONGEST = 64  # characters of a word


class Name(NamedTuple):
    """What a team calls a dataset; `version` None where the newest is meant."""

    team: str
    dataset: str
    version: int | None = None

    @property
    def unversioned(self) -> str:
        """`team/dataset`."""
        return f"{self.team}/{self.dataset}"

    def at(self, version: int) -> "Name":
        """The name of that version."""
        return self._replace(version=version)

    def __str__(self) -> str:
        return self.unversioned + (f"@v{self.version}" if self.version is not None else "")


def parse_name(text: str) -> Name:
    """The parts of `team/dataset` or `team/dataset@v3`. Raises UsageError for anything else."""
    if (name := _parsed(text)) is None:
        raise UsageError(
            "reading a name",
            found=repr(text[:100]),
            expected="team/dataset or team/dataset@v3: lower-case words of letters, digits and single hyphens, "
            f"at most {_LONGEST} characters each",
            remedy="Rename it, for example nli-team/pawsx-m10",
        )
    return name


def stored_name(text: object, where: str) -> Name:
    """A name with its version as it stands in a store. Raises StoreError for one that no publisher of ours wrote."""
    name = _parsed(text) if isinstance(text, str) else None
    if name is None or name.version is None:
        raise StoreError(
            f"reading {where}",
            found=f"the name {str(text)[:100]!r}",
            expected="one like team/dataset@v3",
            remedy="Nothing of it was used; ask whoever keeps the store",
        )
    return name


def is_name(text: str) -> bool:
    """Whether this is a name, with or without a version."""
    return _parsed(text) is not None


def _parsed(text: str) -> Name | None:
    found = _NAME.fullmatch(text)
    if found is None or max(len(found[1]), len(found[2])) > _LONGEST:
        return None
    return Name(found[1], found[2], int(found[3]) if found[3] else None)
