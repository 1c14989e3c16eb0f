"""The datasets of a store: which there are, what is known of one, and its first rows, without pulling it."""

import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from rapidfuzz import process
from rapidfuzz.distance import OSA

from xlt_augment.errors import DatasetError, XltError
from xlt_augment.materialize.manifest import MANIFEST_NAME, FileEntry, Manifest
from xlt_augment.service.failures import Refused
from xlt_augment.service.head_rows import Head, Wanted, read_head
from xlt_augment.store.artifacts import Artifact, StoredFile
from xlt_augment.store.names import Name
from xlt_augment.store.pieces import Crew
from xlt_augment.store.records import damaged
from xlt_augment.store.repository import Reference, Store, object_path
from xlt_augment.store.storage.faults import Kind

T = TypeVar("T")
_LISTED = 3.0  # seconds that a listing of names holds
_REST = 5.0  # seconds in which a store that gave no answer is not asked again: each question takes a thread until it gives up
_THREADS = 8  # references read at once
_REFERENCES, _KEPT = 20_000, 32  # references and artifacts that are kept: neither ever changes
_LARGEST = 16 << 20  # bytes of a manifest
_LARGEST_CARD = 1 << 20
_LONGEST = 129  # characters of a name
_CARD = "README.md"
_PLACE = re.compile(r"(?:\w+:/|[/~\\])\S+")  # a path or an address
_PASSING = tuple(kind.value[0] for kind in (Kind.UNREACHABLE, Kind.BUSY))


class Kept(Generic[T]):
    """The values last used, at most `most`, by keys that never mean anything else. Any thread may call it."""

    def __init__(self, most: int) -> None:
        self._most, self._lock, self._values = most, threading.Lock(), OrderedDict[object, T]()

    def get(self, key: object, make: Callable[[], T]) -> T:
        """The value of a key, made where it is not known; by several threads at once where they ask at once."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
        made = make()
        with self._lock:
            self._values[key] = made
            while len(self._values) > self._most:
                self._values.popitem(last=False)
        return made


class _Known(NamedTuple):
    """What is kept of a dataset: `facts` of `schemas.DatasetDetail`, and what its first rows are read by."""

    facts: dict[str, Any]
    wanted: Wanted
    first: StoredFile


class Catalogue:
    """The datasets of the store at `url`, which is opened when it is first asked for.

    Raises Refused: 404 for what it does not have, 502 where it cannot be read, 503 where it gives no answer. No message holds
    its address.
    """

    def __init__(self, url: str) -> None:
        self._url, self._lock = url, threading.Lock()
        self._store: Store | None = None
        self._listed_at, self._names = -_LISTED, dict[str, list[Name]]()
        self._rest_until = 0.0
        self._references: Kept[Reference] = Kept(_REFERENCES)
        self._known: Kept[_Known] = Kept(_KEPT)
        self._heads: Kept[Head] = Kept(_KEPT)

    def page(self, after: str | None, limit: int) -> tuple[list[dict[str, Any]], bool]:
        """`schemas.DatasetEntry` of at most `limit` datasets behind the name `after`; and whether there are more."""
        with self._faults("listing the datasets"):
            versions, found = self._listed(), list[Reference]()
            rest = sorted(name for name in versions if after is None or name > after)
            while rest and len(found) <= limit:
                step = limit + 1 - len(found)
                newest = Crew(_THREADS).run(rest[:step], lambda name: self._newest(versions[name]))
                found += [reference for reference in newest if reference is not None]
                rest = rest[step:]
            return [_entry(one, _up_to(one.name, versions[one.name.unversioned])) for one in found[:limit]], len(found) > limit

    def detail(self, name: str, version: int | None) -> dict[str, Any]:
        """`schemas.DatasetDetail` of a version, by default the newest."""
        with self._faults(f"reading the dataset {name}"):
            reference, versions = self._find(name, version)
            return _entry(reference, versions) | self._about(reference).facts

    def samples(self, name: str, version: int | None, limit: int) -> dict[str, Any]:
        """`schemas.DatasetSamples` of a version: at most `limit` source rows, from its first file alone."""
        with self._faults(f"reading samples of the dataset {name}"):
            reference, _ = self._find(name, version)
            known = self._about(reference)
            pieces = self._opened().storage.pieces
            path = object_path(known.first.sha256)
            head = self._heads.get(reference.artifact, lambda: read_head(pieces(path), known.first, known.wanted))
            facts = {"name": name, "version": reference.name.version, "checked": head.checked}
            return facts | {"samples": head.samples[:limit]}

    def _opened(self) -> Store:
        with self._lock:
            if self._store is None:
                self._store = Store.open(self._url)
            return self._store

    def _listed(self) -> dict[str, list[Name]]:
        """Every name with its versions, ascending, as of a few seconds ago at most."""
        store = self._opened()
        with self._lock:
            if time.monotonic() - self._listed_at > _LISTED:
                names: dict[str, list[Name]] = {}
                for name in store.every_name():
                    names.setdefault(name.unversioned, []).append(name)
                if not names:  # a folder that is gone lists nothing either
                    self._store = Store.open(self._url)
                self._names, self._listed_at = names, time.monotonic()
            return self._names

    def _reference(self, name: Name) -> Reference:
        return self._references.get(name, lambda: self._opened().reference(name))

    def _newest(self, versions: list[Name]) -> Reference | None:
        """The newest version that is a dataset."""
        found = (self._reference(name) for name in reversed(versions))
        return next((reference for reference in found if reference.kind == "dataset"), None)

    def _find(self, name: str, version: int | None) -> tuple[Reference, list[Name]]:
        names = self._listed()
        versions = names.get(name, [])
        reference = newest = self._newest(versions)
        if newest is not None and version is not None:
            reference = next((self._reference(one) for one in versions if one.version == version), None)
        if newest is not None and reference is not None and reference.kind == "dataset":
            return reference, _up_to(newest.name, versions)
        found = "no dataset of that name" if newest is None else f"no dataset in version {version}"
        raise Refused(
            404, doing=f"looking for the dataset {name[:_LONGEST]}", found=found, expected="one of the store's",
            remedy="See GET /v1/datasets", close=self._close(name, names),
        )  # fmt: skip

    def _close(self, name: str, names: dict[str, list[Name]]) -> list[str]:
        """At most five datasets whose names are spelled like this one."""
        near = process.extract(
            name[:_LONGEST].lower(), list(names), scorer=OSA.normalized_similarity, limit=5, score_cutoff=0.5, processor=None
        )
        return [one for one, _, _ in near if self._newest(names[one])]

    def _about(self, reference: Reference) -> _Known:
        return self._known.get(reference.artifact, lambda: self._read(reference))

    def _read(self, reference: Reference) -> _Known:
        artifact = self._artifact(reference)
        files = {file.path: file for file in artifact.files}
        manifest = Manifest.from_bytes(self._file(files, MANIFEST_NAME, _LARGEST), Path(MANIFEST_NAME))
        facts = {
            "bytes": artifact.n_bytes, "files": len(artifact.files), "about": artifact.about,
            "parents": [parent.to_json() for parent in artifact.parents], "recipe": manifest.recipe,
            "statistics": manifest.statistics, "synonyms": manifest.synonyms,
            "card": self._file(files, _CARD, _LARGEST_CARD).decode(errors="replace") if _CARD in files else "",
        }  # fmt: skip
        return _Known(facts, Wanted.of(manifest), _first_file(manifest, files))

    def _artifact(self, reference: Reference) -> Artifact:
        store, path = self._opened(), object_path(reference.artifact)
        if (store.storage.size(path) or 0) > _LARGEST:
            raise damaged(path, "a very large manifest", f"at most {_LARGEST:,} bytes")
        return store.artifact(reference)

    def _file(self, files: dict[str, StoredFile], name: str, at_most: int) -> bytes:
        """A small file of a dataset, checked against its sha256."""
        file = files.get(name)
        if file is None or file.bytes > at_most:
            raise damaged(name, "no such file" if file is None else f"{file.bytes:,} bytes", f"at most {at_most:,} bytes of it")
        return self._opened().object(file.sha256, name, "")

    @contextmanager
    def _faults(self, doing: str) -> Iterator[None]:
        """Turn what a store does wrong into an answer; what it was exactly goes to the log, with the address of the store."""
        if time.monotonic() < self._rest_until:
            raise _unanswered(doing, _PASSING[0])
        try:
            yield
        except Refused:
            raise
        except XltError as error:
            if error.found.startswith(_PASSING):
                self._rest_until = time.monotonic() + _REST
                raise _unanswered(doing, error.found) from error
            raise Refused(
                502, doing=doing, found=_PLACE.sub("...", error.found)[:200],
                expected="a store as its publishers wrote it",
                remedy="Tell whoever keeps the service; the reason stands in its log",
            ) from error  # fmt: skip


def _unanswered(doing: str, found: str) -> Refused:
    return Refused(
        503, doing=doing, found=f"a store with {found}" if found.startswith("no ") else found, expected="a store that answers",
        remedy="Try again in a moment; if that does not help, tell whoever keeps the service", retry_after=int(_REST),
    )  # fmt: skip


def _entry(reference: Reference, versions: list[Name]) -> dict[str, Any]:
    """`schemas.DatasetEntry`."""
    return {
        "name": reference.name.unversioned, "version": reference.name.version, "versions": [one.version for one in versions],
        "identity": reference.identity, "by": reference.by, "at": reference.at,
    }  # fmt: skip


def _up_to(newest: Name, versions: list[Name]) -> list[Name]:
    """The versions that are not newer: those that are are something else than datasets."""
    return versions[: versions.index(newest) + 1]


def _first_file(manifest: Manifest, files: dict[str, StoredFile]) -> StoredFile:
    """The file that holds the first rows. Raises DatasetError where there is none."""
    first: FileEntry | None = next(iter(manifest.data_files), None)
    if first is None or first.path not in files:
        raise DatasetError("reading a dataset", found="no file with rows", expected="at least one", remedy="Publish it again")
    return files[first.path]
