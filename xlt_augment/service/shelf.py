"""The named sets of a service, each opened once; a reload puts a new one in the place of the old in one step."""

import difflib
import functools
import re
import shutil
import tempfile
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from xlt_augment.canonical import sha256_json
from xlt_augment.errors import OutputError, SynonymError, UsageError, XltError
from xlt_augment.service.failures import Refused
from xlt_augment.store.names import is_name, parse_name
from xlt_augment.synonyms.files import EMBEDDED
from xlt_augment.synonyms.synonym_set import SynonymSet

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_FOLDERS = re.compile(r"(?:/[^\s/]+)+/(?=[^\s/])")


@dataclass(frozen=True)
class Shelved:
    """A set as it was opened. `source` tells people from what, without folders; `tag` changes with all that is served of it."""

    name: str
    source: str
    synonyms: SynonymSet
    opened_at: str

    @functools.cached_property
    def tag(self) -> str:
        """Value of its ETags, without quotes: the hash of the set, then one of what its identity leaves out, and of
        the version that makes the answers."""
        rest = [version("xlt"), self.source, self.synonyms.made, self.synonyms.origins_sha256]
        return f"{self.synonyms.sha256}-{sha256_json(rest)[:16]}"

    @functools.cached_property
    def statistics(self) -> dict[str, int]:
        """Counts of the set."""
        return self.synonyms.statistics()

    @functools.cached_property
    def file(self) -> bytes:
        """The file that `SynonymSet.save` writes: made once, so that all who fetch it share the bytes."""
        with _temporary_folder() as folder:
            path = Path(folder) / "set.arrow"
            self.synonyms.save(path)
            return path.read_bytes()

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
        self._opening = threading.Lock()

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
        with self._opening:  # one at a time: of two, the one that began first and saw the older file might end last
            before = self.get(name)
            try:
                now = self._open(name)
            except XltError as error:
                found, expected = (self._without_folders(name, part) for part in (error.found, error.expected))
                raise Refused(
                    409, doing=f"opening the set {name} again from {before.source}", found=found, expected=expected,
                    remedy="The set as it was before is still served; mend its source, then reload again",
                ) from error  # fmt: skip
            self._sets[name] = now
        return before, now

    def _without_folders(self, name: str, text: str) -> str:
        """A message without the folders of its files, whatever signs are in their names, and without the store's address."""
        for hidden in (self._sources[name], str(Path(self._sources[name]).resolve()), self._store):
            if hidden and "/" in hidden:
                text = text.replace(hidden, Path(hidden).name)
        return _FOLDERS.sub("", text)

    def _open(self, name: str) -> Shelved:
        source, opened_at = self._sources[name], datetime.now(UTC).isoformat(timespec="seconds")
        if source == "default" or source in EMBEDDED:
            return _ready(Shelved(name, source, SynonymSet.load(source), opened_at))
        path, shown = Path(source), Path(source).name
        if is_name(source) and not path.exists():
            path, shown = self._pulled(source)
        return _ready(Shelved(name, shown, _load(path), opened_at))

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


def _ready(shelved: Shelved) -> Shelved:
    """The set with all worked out that every request asks of it, which for a large one takes a while.

    Raises SynonymError for origins that cannot be read.
    """
    _ = shelved.tag, shelved.statistics, shelved.synonyms.all_origins
    return shelved


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
