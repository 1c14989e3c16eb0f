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
from xlt_augment.store.intents import intent
from xlt_augment.store.kinds import Local, describe
from xlt_augment.store.names import Name
from xlt_augment.store.pieces import Crew, Progress, file_pieces, hashed
from xlt_augment.store.records import Damaged
from xlt_augment.store.repository import Reference, Store, object_path, reference_path, utc

THREADS = 4
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
    waiting: Callable[[], object] = lambda: None,
    progress: Progress = lambda count: None,
) -> Published:
    """Upload what the store lacks of the artifact at `path`, then create the reference, exclusively and last.

    The version is the next one, or that of the name, which must be the next one. Content that the name has already is not
    published twice. `again`: upload every object anew, also those that the store has, and mend a damaged reference. After an
    interruption the same call goes on where it was. `waiting` is called where a gc at work is waited for. Raises StoreError
    where the storage cannot create exclusively (unless `single_writer`), where another publisher was faster with other content,
    and where a file here is not what its manifest says.
    """
    if not (store.probe.safe or (single_writer and store.probe.bearable)):
        raise _unsafe(store)
    local = describe(path)
    content = local.artifact.to_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    reference = Reference(
        name=name, artifact=sha256, kind=local.artifact.kind, identity=local.artifact.identity, by=publisher(), at="",
        nonce=secrets.token_hex(8),
    )  # fmt: skip
    known = _known(store, reference, mend=again)
    same = next((reference for reference in known if reference.artifact == sha256), None)
    wanted = _next(store, name, known, same)
    sender = _Sender(store, local, {sha256: content}, Crew(threads, progress))
    if same is not None:
        files, n_bytes = sender.send(announce, again=again)
        return Published(reference=same, existed=True, files=files, bytes=n_bytes)
    with intent(store.storage, sender.sizes, waiting) as mine:
        files, n_bytes = sender.send(announce, again=again, keep=mine.keep)
        while not mine.keep():  # this process stood still for hours: look again
            sender.send(keep=mine.keep)
        reference = reference._replace(name=wanted, at=utc(store.storage.now()))
        stands = store.claim(reference, single_writer=single_writer)
        if stands.artifact != sha256:
            raise _lost(store, stands)
        sender.send()  # nothing, unless this process stood still just before the commit
    return Published(reference=stands, existed=stands != reference, files=files, bytes=n_bytes)


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
        self.sizes = {sha256: file.bytes for sha256, file in self._files.items()}
        self.sizes |= {sha256: len(content) for sha256, content in small.items()}

    def send(
        self, announce: Announce = lambda upload: None, *, again: bool = False, keep: Callable[[], object] = lambda: None
    ) -> tuple[int, int]:
        """Upload what is missing until nothing is; number and bytes of the objects sent. `keep` is called between requests."""
        keep()
        lacking = list(self.sizes) if again else self._lacking()
        sent: list[str] = []
        n_bytes = self._bytes(lacking)
        announce(Upload(files=len(lacking), bytes=n_bytes, all_files=len(self.sizes), all_bytes=sum(self.sizes.values())))
        rounds = 0
        while lacking:
            if rounds == _ROUNDS:
                raise self._gone(len(lacking))
            rounds += 1
            self._crew.run(lacking, lambda sha256: self._upload(sha256, keep))
            sent += lacking
            keep()
            lacking = self._lacking()
        return len(sent), self._bytes(sent)

    def _gone(self, count: int) -> StoreError:
        return StoreError(
            f"publishing to {self._store.url}",
            found=f"{count:,} objects gone again that were uploaded",
            expected="a store that keeps what it is given",
            remedy="See whether somebody removes objects, or a rule of the bucket does, then publish again",
        )

    def _bytes(self, sha256s: list[str]) -> int:
        return sum(self.sizes[sha256] for sha256 in sha256s)

    def _lacking(self) -> list[str]:
        """Objects that are absent or of another size."""
        standing = self._store.standing(self.sizes, self._crew)
        return [s for s, size in self.sizes.items() if s not in standing or standing[s].bytes != size]

    def _upload(self, sha256: str, keep: Callable[[], object]) -> None:
        keep()
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


def _known(store: Store, mine: Reference, *, mend: bool) -> list[Reference]:
    """All versions of a name. Raises StoreError for a damaged reference, unless it is to be mended and was of this content: as
    far as can be seen, or because the caller names that very version."""
    found = []
    for version in store.versions(mine.name):
        name = mine.name.at(version)
        try:
            found.append(store.reference(name))
        except Damaged:
            rest = store.storage.read(reference_path(name))
            known = any(hash.encode() in rest for hash in (mine.artifact, mine.identity))
            if not mend or not (known or mine.name == name):
                raise
            content = mine._replace(name=name, at=utc(store.storage.now())).to_bytes()
            store.storage.upload(reference_path(name), [content], len(content))
            found.append(store.reference(name))
    return found


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
