"""The named sets of a service, each opened once; a reload puts a new one in the place of the old in one step."""

import difflib
import functools
import re
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from xlt_augment.canonical import sha256_json
from xlt_augment.errors import OutputError, SynonymError, UsageError, XltError
from xlt_augment.service.failures import Refused
from xlt_augment.store.names import is_name, parse_name
from xlt_augment.synonyms.files import EMBEDDED
from xlt_augment.synonyms.synonym_set import SynonymSet

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)


@dataclass(frozen=True)
class Shelved:
    """A set as it was opened. `source` tells people from what, without folders; `tag` changes with all that is served of it."""

    name: str
    source: str
    synonyms: SynonymSet
    opened_at: str

    @functools.cached_property
    def tag(self) -> str:
        """Value of its ETags, without quotes: the hash of the set, then one of what its identity leaves out."""
        rest = [self.source, self.synonyms.made, self.synonyms.origins_sha256]
        return f"{self.synonyms.sha256}-{sha256_json(rest)[:16]}"

    @functools.cached_property
    def statistics(self) -> dict[str, int]:
        """Counts of the set."""
        return self.synonyms.statistics()

    @functools.cached_property
    def words(self) -> list[str]:
        """All words in order, as Python strings: for comparing spellings alone."""
        return list(self.synonyms.table["word"].to_pylist())

    @functools.cached_property
    def lowered(self) -> list[str]:
        """The words in lower case, in the same order."""
        return [word.lower() for word in self.words]


class Shelf:
    """Sets by name, in the order given. Raises UsageError, SynonymError or StoreError for one that cannot be opened."""

    def __init__(self, sources: Iterable[str], store: str | None = None) -> None:
        self._store = store
        self._sources = _named(sources)
        self._sets = {name: self._open(name) for name in self._sources}

    def names(self) -> list[str]:
        """Names of the sets; the first is taken where a request names none."""
        return list(self._sets)

    def get(self, name: str | None) -> Shelved:
        """The set of that name. Raises Refused (404)."""
        found = self._sets.get(self.names()[0] if name is None else name)
        if found is None:
            close = difflib.get_close_matches(str(name), self.names(), n=3, cutoff=0.5)
            raise Refused(
                404, doing="finding the synonym set", found=f"no set called {str(name)[:64]!r}",
                expected=f"one of {', '.join(self.names())}", remedy="See GET /v1/sets", close=close,
            )  # fmt: skip
        return found

    def reload(self, name: str) -> tuple[Shelved, Shelved]:
        """Open a set again from its source: (before, now). The old one stays when that fails. Raises Refused."""
        before = self.get(name)
        try:
            now = self._open(name)
        except XltError as error:
            kept = "The set as it was before is still served; mend its source, then reload again"
            raise Refused(
                409, doing=f"opening the set {name} again from {before.source}",
                found=_without_folders(error.found), expected=_without_folders(error.expected), remedy=kept,
            ) from error  # fmt: skip
        self._sets[name] = now
        return before, now

    def _open(self, name: str) -> Shelved:
        source, opened_at = self._sources[name], datetime.now(UTC).isoformat(timespec="seconds")
        if source == "default" or source in EMBEDDED:
            return Shelved(name, source, SynonymSet.load(source), opened_at)
        path, shown = Path(source), Path(source).name
        if is_name(source) and not path.exists():
            path, shown = self._pulled(source)
        return Shelved(name, shown, _load(path), opened_at)

    def _pulled(self, source: str) -> tuple[Path, str]:
        """The file of a set of the store, and its name with version."""
        from xlt_augment.store.pull import pull
        from xlt_augment.store.repository import Store

        if self._store is None:
            raise UsageError(
                f"opening the synonym set {source}", found="a name in a store, but no store", expected="the address of one",
                remedy="Give --store URL, or set XLT_STORE",
            )  # fmt: skip
        done = pull(Store.open(self._store), parse_name(source))
        if done.artifact.kind != "synonyms":
            raise UsageError(
                f"opening {done.reference.name}", found=f"a {done.artifact.kind}", expected="a synonym set",
                remedy="See what the store holds with: xlt-augment store list",
            )  # fmt: skip
        return done.path, str(done.reference.name)


def _named(sources: Iterable[str]) -> dict[str, str]:
    """name -> source, from SOURCE or NAME=SOURCE each. Raises UsageError."""
    named: dict[str, str] = {}
    for given in sources:
        name, equals, source = given.partition("=")
        if not equals or not _NAME.fullmatch(name):
            source, name = given, _name_of(given)
        if not _NAME.fullmatch(name) or not source:
            raise UsageError(
                f"reading the set {given}", found=f"the name {name!r}",
                expected="letters, digits, dots, hyphens and underscores, at most 64",
                remedy="Give it another name: NAME=SOURCE, for example ours=words.arrow",
            )  # fmt: skip
        if name in named:
            raise UsageError(
                f"reading the set {given}", found=f"the name {name} twice", expected="a name for each set",
                remedy=f"Give it another name: NAME=SOURCE, for example {name}-2={source}",
            )  # fmt: skip
        named[name] = source
    if not named:
        raise UsageError("opening the sets", found="none", expected="at least one", remedy="Name one, for example default")
    return named


def _name_of(source: str) -> str:
    """`default`, the stem of a file, or the second word of `team/name@v3`."""
    if source in EMBEDDED or source == "default":
        return source
    if is_name(source) and not Path(source).exists():
        return parse_name(source).dataset
    return Path(source).stem


def _load(path: Path) -> SynonymSet:
    """A set from a file. The Arrow form is mapped, as a copy that nobody else reaches: a mapped file that somebody cuts short
    ends the process."""
    if path.suffix != ".arrow" or not path.is_file():
        return SynonymSet.load(path)
    with _temporary_folder() as folder:
        copy = Path(folder) / path.name
        try:
            shutil.copyfile(path, copy)
        except OSError as error:
            raise OutputError(
                f"copying {path} into {folder}", found=error.strerror or str(error), expected="a readable file, and room",
                remedy="Make room there, or name another folder: set TMPDIR",
            ) from error  # fmt: skip
        try:
            return SynonymSet.load(copy)
        except SynonymError as error:
            parts = {key: getattr(error, key).replace(str(copy), str(path)) for key in ("found", "expected", "remedy")}
            raise SynonymError(error.doing.replace(str(copy), str(path)), **parts) from error


def _temporary_folder() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(prefix="xlt-set-")


def _without_folders(text: str) -> str:
    return re.sub(r"(?:/[^\s/]+)+/(?=[^\s/])", "", text)
