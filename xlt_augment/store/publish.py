"""`publish`: what lies here becomes `team/dataset@vN` for everybody, whole or not at all."""

import getpass
import hashlib
import os
import platform
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from xlt_augment.errors import StoreError
from xlt_augment.store.artifacts import StoredFile, plain
from xlt_augment.store.kinds import Local, describe
from xlt_augment.store.names import Name
from xlt_augment.store.pieces import Crew, Progress, file_pieces, hashed
from xlt_augment.store.repository import Reference, Store, object_path, utc

THREADS = 4
_FRESH = 12 * 3600  # seconds: half of the shortest grace of gc; an object younger than that is safe from it until the commit
_ROUNDS = 3  # of looking for objects that are missing; one is enough unless somebody removes them meanwhile


@dataclass(frozen=True, kw_only=True)
class Upload:
    """What is about to be sent: files and bytes that the store lacks, and all there are."""

    files: int
    bytes: int
    all_files: int
    all_bytes: int


Announce = Callable[[Upload], object]  # called once, before anything is sent


@dataclass(frozen=True, kw_only=True)
class Published:
    """`existed`: the reference was there before, of the same content. `files` and `bytes` were uploaded now."""

    reference: Reference
    existed: bool
    files: int
    bytes: int


def publish(
    store: Store,
    path: str | Path,
    name: Name,
    *,
    single_writer: bool = False,
    again: bool = False,
    threads: int = THREADS,
    announce: Announce = lambda upload: None,
    progress: Progress = lambda count: None,
) -> Published:
    """Upload what the store lacks of the artifact at `path`, then create the reference, exclusively and last.

    The version is the next one, or that of the name, which must be the next one. Content that the name has already is not
    published twice. `again`: upload every object anew, also those that the store has. After an interruption the same call goes
    on where it was. Raises StoreError where the storage cannot create exclusively (unless `single_writer`), where another
    publisher was faster with other content, and where a file here is not what its manifest says.
    """
    if not (store.probe.safe or (single_writer and store.probe.bearable)):
        raise _unsafe(store)
    local = describe(path)
    content = local.artifact.to_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    known = [store.reference(name.at(version)) for version in store.versions(name)]
    same = next((reference for reference in known if reference.artifact == sha256), None)
    wanted = _next(store, name, known, same)
    sender = _Sender(store, local, {sha256: content}, Crew(threads, progress))
    files, n_bytes = sender.send(announce, again=again)
    if same is not None:
        return Published(reference=same, existed=True, files=files, bytes=n_bytes)
    mine = Reference(
        name=wanted, artifact=sha256, kind=local.artifact.kind, identity=local.artifact.identity, by=publisher(),
        at=utc(store.storage.now()), nonce=secrets.token_hex(8),
    )  # fmt: skip
    stands = store.claim(mine, single_writer=single_writer)
    if stands.artifact != sha256:
        raise _lost(store, stands)
    sender.send()  # what a gc removed between the last look and the commit, if anything
    return Published(reference=stands, existed=stands != mine, files=files, bytes=n_bytes)


def publisher() -> str:
    """Who publishes, as the store will say: XLT_PUBLISHER, else the user and the machine."""
    if chosen := os.environ.get("XLT_PUBLISHER"):
        return plain(chosen)
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a container without such a user
        user = "somebody"
    return plain(f"{user}@{platform.node() or 'somewhere'}")


class _Sender:
    """Makes sure that all objects of an artifact stand in the store. `small`: objects that are not files, by hash."""

    def __init__(self, store: Store, local: Local, small: Mapping[str, bytes], crew: Crew) -> None:
        self._store, self._local, self._small, self._crew = store, local, small, crew
        self._files = {file.sha256: file for file in local.artifact.files}  # one upload for files of one content
        self._sizes = {sha256: file.bytes for sha256, file in self._files.items()}
        self._sizes |= {sha256: len(content) for sha256, content in small.items()}

    def send(self, announce: Announce = lambda upload: None, *, again: bool = False) -> tuple[int, int]:
        """Upload what is missing until nothing is; the number of objects, and their bytes."""
        lacking = list(self._sizes) if again else self._lacking()
        sent: list[str] = []
        n_bytes = self._bytes(lacking)
        announce(Upload(files=len(lacking), bytes=n_bytes, all_files=len(self._sizes), all_bytes=sum(self._sizes.values())))
        for _ in range(_ROUNDS):
            if not lacking:
                return len(sent), self._bytes(sent)
            self._crew.run(lacking, self._upload)
            sent += lacking
            lacking = self._lacking()
        raise StoreError(
            f"publishing to {self._store.url}",
            found=f"{len(lacking):,} objects gone again that were uploaded",
            expected="a store that keeps what it is given",
            remedy="See whether somebody removes objects, or a rule of the bucket does, then publish again",
        )

    def _bytes(self, sha256s: list[str]) -> int:
        return sum(self._sizes[sha256] for sha256 in sha256s)

    def _lacking(self) -> list[str]:
        """Objects that are absent, of another size, or so old that a gc under way might be about to remove them."""
        standing = self._store.standing(self._sizes, self._crew)
        lacking = [s for s, size in self._sizes.items() if s not in standing or standing[s].bytes != size]
        limit = self._store.storage.now() - _FRESH
        if old := [sha256 for sha256, entry in standing.items() if entry.modified < limit and sha256 not in lacking]:
            reached = self._store.reached()
            lacking += [sha256 for sha256 in old if sha256 not in reached]
        return lacking

    def _upload(self, sha256: str) -> None:
        if sha256 in self._small:
            content = self._small[sha256]
            self._store.storage.upload(object_path(sha256), [content], len(content))
            return
        file = self._files[sha256]
        path = self._local.paths[file.path]

        def changed(found: str) -> StoreError:
            return _changed(path, found, file)

        pieces = hashed(file_pieces(path, changed), sha256, file.bytes, changed)
        self._store.storage.upload(object_path(sha256), self._crew.watch(pieces), file.bytes)


def _next(store: Store, name: Name, known: list[Reference], same: Reference | None) -> Name:
    """The name that is to be created, or that has this content already."""
    last = int(known[-1].name.version or 0) if known else 0
    if name.version is None or (same is not None and same.name == name):
        return same.name if same is not None else name.at(last + 1)
    taken = next((reference for reference in known if reference.name == name), None)
    if taken is not None:
        raise StoreError(
            f"publishing {name} to {store.url}",
            found=f"other content under that name, published by {taken.by} at {taken.at}",
            expected="a version that is free",
            remedy=f"References never change: leave out the version, and v{last + 1} is taken",
        )
    if name.version != last + 1 or same is not None:
        raise StoreError(
            f"publishing {name} to {store.url}",
            found=f"this very content as {same.name}" if same else f"{last or 'no'} version{'s' * (last != 1)} of that name",
            expected=f"v{last + 1} next" if same is None else "content that has no version yet",
            remedy="Leave out the version",
        )
    return name


def _unsafe(store: Store) -> StoreError:
    alone = "; or, if you are sure that nobody else publishes there, say --single-writer" if store.probe.bearable else ""
    return StoreError(
        f"publishing to {store.url}",
        found=f"a storage that failed the probe of {store.probe.at}: {'; '.join(store.probe.faults)}",
        expected="one where exactly one of several publishers can create a name",
        remedy=f"Use another storage{alone}",
    )


def _lost(store: Store, winner: Reference) -> StoreError:
    return StoreError(
        f"publishing {winner.name} to {store.url}",
        found=f"other content, which {winner.by} published under that name at {winner.at}, a moment before",
        expected="to be the only publisher of that version",
        remedy=f"See theirs (xlt-augment store show {winner.name}); publish again, and yours becomes the next version",
    )


def _changed(path: Path, found: str, file: StoredFile) -> StoreError:
    return StoreError(
        f"publishing {path}",
        found=found,
        expected=f"{file.bytes:,} bytes with sha256 {file.sha256[:12]}, as it was described",
        remedy="It was changed or damaged; build it again, and do not write to it while it is published",
    )
