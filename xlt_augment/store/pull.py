"""`pull`: an artifact of a store as a local folder, every file checked before it appears."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xlt_augment.errors import StoreError
from xlt_augment.store.artifacts import Artifact, StoredFile
from xlt_augment.store.cache import Cache, cache_root
from xlt_augment.store.names import Name
from xlt_augment.store.pieces import Crew, Progress, hashed
from xlt_augment.store.records import sealed, unsealed
from xlt_augment.store.repository import Reference, Store, mending, object_path
from xlt_augment.store.storage import Missing

PULL_FORMAT = "xlt-pull/1"
THREADS = 4
_SINGLE = ("synonyms", "vetoes")  # kinds that are one file


@dataclass(frozen=True, kw_only=True)
class Download:
    """What is about to be fetched: files and bytes that the cache lacks, all there are, and what the cache holds now."""

    reference: Reference
    files: int
    bytes: int
    all_files: int
    all_bytes: int
    cache_bytes: int
    root: Path


@dataclass(frozen=True, kw_only=True)
class Pulled:
    """`path`: the folder, of a synonym set or veto list the file. `mended`: damaged files of the cache, fetched anew."""

    path: Path
    reference: Reference
    artifact: Artifact
    files: int
    bytes: int
    mended: tuple[str, ...]


def pull(
    store: Store,
    name: Name,
    *,
    cache: Cache | None = None,
    max_size: int | None = None,
    threads: int = THREADS,
    announce: Callable[[Download], object] = lambda download: None,
    waiting: Callable[[], object] = lambda: None,
    progress: Progress = lambda count: None,
) -> Pulled:
    """Fetch what the cache lacks of an artifact, check every file, then make its folder appear.

    Without a version the newest is taken. `max_size` (bytes): the cache is not to grow beyond that. What the cache holds
    already is hashed again, and fetched anew where it is damaged. Several processes may pull at once. Raises StoreError.
    """
    reference = store.reference(store.resolve(name))
    artifact = store.artifact(reference)
    cache = cache or Cache(cache_root())
    folder = cache.root / store.id[:12] / reference.name.team / f"{reference.name.dataset}@v{reference.name.version}"
    fetch = _Fetch(store, reference, artifact, cache, Crew(threads, progress))
    record, body = folder.with_name(f"{folder.name}.json"), _body(store, reference, artifact)
    known = _alike(_recorded(record, reference), body)
    if not (known and fetch.stands(folder)):
        with cache.locked(reference.artifact[:32], waiting):
            fetch.all(announce, max_size)
            if not known:
                fetch.mended += [str(record)] if record.exists() else []
                cache.put(record, sealed(body))
            cache.link([(file.path, file.sha256) for file in artifact.files], folder)
            cache.sweep()
    path = folder / artifact.files[0].path if artifact.kind in _SINGLE else folder
    return Pulled(
        path=path, reference=reference, artifact=artifact, files=len(fetch.fetched), bytes=sum(f.bytes for f in fetch.fetched),
        mended=tuple(fetch.mended),
    )  # fmt: skip


class _Fetch:
    """Brings the files of one artifact into the cache."""

    def __init__(self, store: Store, reference: Reference, artifact: Artifact, cache: Cache, crew: Crew) -> None:
        self._store, self._reference, self._cache, self._crew = store, reference, cache, crew
        self._artifact = artifact
        self._files = list({file.sha256: file for file in artifact.files}.values())
        self.fetched: list[StoredFile] = []
        self.mended: list[str] = []

    def stands(self, folder: Path) -> bool:
        """Whether all is there, linked and undamaged: then nothing is written, and a cache that is read-only will do."""
        linked = self._cache.linked(((file.path, file.sha256) for file in self._artifact.files), folder)
        return linked and all(self._crew.run(self._files, lambda file: self._cache.sound(file.sha256)))

    def all(self, announce: Callable[[Download], object], max_size: int | None) -> None:
        """Fetch what is missing or damaged. Raises StoreError, also where the cache would grow beyond `max_size`."""
        lacking = [file for file in self._files if not self._cache.holds(file.sha256, file.bytes)]
        n_bytes, held = sum(file.bytes for file in lacking), self._cache.n_bytes()
        announce(
            Download(
                reference=self._reference, files=len(lacking), bytes=n_bytes, all_files=len(self._files),
                all_bytes=sum(file.bytes for file in self._files), cache_bytes=held, root=self._cache.root,
            )
        )  # fmt: skip
        if max_size is not None and n_bytes and held + n_bytes > max_size:
            raise StoreError(
                f"pulling {self._reference.name}",
                found=f"{n_bytes:,} bytes to fetch into a cache of {held:,}",
                expected=f"at most {max_size:,} in {self._cache.root}",
                remedy="Raise --max-size, remove the cache and pull what you need, or set XLT_CACHE to another place",
            )
        self._crew.run(self._files, self._one)

    def _one(self, file: StoredFile) -> None:
        held = self._cache.holds(file.sha256, file.bytes)
        if held and self._cache.sound(file.sha256):
            return
        if held or self._cache.path(file.sha256).exists():
            self.mended.append(f"{file.path} ({self._cache.path(file.sha256)})")
        where = f"{self._store.url}/{object_path(file.sha256)}, {file.path} of {self._reference.name}"

        def wrong(found: str) -> StoreError:
            return damaged_object(where, found, file, self._reference)

        try:
            pieces = self._store.storage.pieces(object_path(file.sha256))
            self._cache.add(file.sha256, self._crew.watch(hashed(pieces, file.sha256, file.bytes, wrong)))
        except Missing as error:
            raise wrong("nothing") from error
        self.fetched.append(file)


def damaged_object(where: str, found: str, file: StoredFile, reference: Reference) -> StoreError:
    """The error for an object that is missing or not what the manifest says."""
    return StoreError(
        f"reading {where}",
        found=found,
        expected=f"{file.bytes:,} bytes with sha256 {file.sha256[:12]}",
        remedy=f"It was damaged in the store. {mending(reference.name)}",
    )


def _body(store: Store, reference: Reference, artifact: Artifact) -> dict[str, Any]:
    """`xlt-pull/1`: where a folder came from, for those who use it (docs/format.md)."""
    about = artifact.about.get("manifest_sha256") if artifact.kind == "dataset" else None
    return {
        "format": PULL_FORMAT, "reference": str(reference.name), "store": {"id": store.id, "url": store.url},
        "kind": artifact.kind, "identity": artifact.identity, "artifact": reference.artifact, "manifest_sha256": about,
    }  # fmt: skip


def _recorded(path: Path, reference: Reference) -> dict[str, Any] | None:
    """The record beside a folder that was pulled before, None where there is none, or a damaged one, which is written anew.

    Raises StoreError when that name was another artifact then: references never change.
    """
    try:
        before = unsealed(path.read_bytes(), PULL_FORMAT, str(path), dict)
    except (OSError, StoreError):
        return None
    if before.get("artifact") not in (None, reference.artifact):
        raise StoreError(
            f"pulling {reference.name}",
            found=f"artifact {reference.artifact[:12]} in the store",
            expected=f"{str(before['artifact'])[:12]}, which it was when it was pulled before: a reference never changes",
            remedy=f"Ask whoever keeps the store what happened; to take the new one, remove {path} and the folder beside it",
        )
    return before


def _alike(before: dict[str, Any] | None, body: dict[str, Any]) -> bool:
    """Whether two records say the same; one store may have several addresses."""
    return before is not None and before | {"format": PULL_FORMAT, "store": None} == body | {"store": None}
