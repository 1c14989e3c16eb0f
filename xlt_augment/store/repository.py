"""A store: objects under their sha256, and references that name them (layout: docs/format.md)."""

import hashlib
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from xlt_augment.errors import StoreError
from xlt_augment.store.artifacts import KINDS, Artifact, is_hash, is_plain, read_artifact
from xlt_augment.store.names import Name, stored_name
from xlt_augment.store.pieces import Crew
from xlt_augment.store.probe import Probe
from xlt_augment.store.records import damaged, sealed, unsealed
from xlt_augment.store.storage import Entry, Missing, Storage, open_storage

STORE_FORMAT = "xlt-store/1"
REFERENCE_FORMAT = "xlt-reference/1"
STORE_RECORD = "xlt-store.json"
OBJECTS, REFERENCES = "objects", "references"
_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)
_RENEW = (
    f"Remove {STORE_RECORD} and run xlt-augment store init there: what is published stays, and caches fetch once more, "
    "since the store gets another id"
)
_LARGEST_MANIFEST = 256 << 20  # bytes: some million files


class Reference(NamedTuple):
    """`team/dataset@v3` and what it names, for ever: `artifact` is the sha256 of a manifest, `at` the store's time."""

    name: Name
    artifact: str
    kind: str
    identity: str
    by: str
    at: str
    nonce: str

    def to_bytes(self) -> bytes:
        """As it is stored."""
        rest = {key: value for key, value in self._asdict().items() if key != "name"}
        return sealed({"format": REFERENCE_FORMAT, "name": str(self.name), **rest})

    @classmethod
    def from_bytes(cls, content: bytes, where: str, remedy: str) -> "Reference":
        """Raises StoreError for a reference that was altered (with this remedy), or that is of another format."""

        def make(body: dict[str, Any]) -> Reference:
            found = cls(**{**body, "name": stored_name(body["name"], where)})
            if not (is_hash(found.artifact) and is_hash(found.identity) and found.kind in KINDS):
                raise ValueError("hash or kind")
            for key in ("by", "at", "nonce"):
                if not is_plain(getattr(found, key)):
                    raise ValueError(f"no sound {key}")
            return found

        return unsealed(content, REFERENCE_FORMAT, where, make, remedy)


def exists(url: str) -> bool:
    """Whether there is a store at an address. Raises StoreError where it cannot be reached."""
    return open_storage(url).size(STORE_RECORD) is not None


def object_path(sha256: str) -> str:
    """Where the object of that hash lies."""
    return f"{OBJECTS}/{sha256[:2]}/{sha256}"


def mending(name: Name) -> str:
    """What mends damage to a version, for people."""
    return f"Whoever has its source mends it: xlt-augment store publish SOURCE {name} --again"


def reference_path(name: Name) -> str:
    """Where the reference of a name with version lies."""
    return f"{REFERENCES}/{name.unversioned}/v{name.version}.json"


Step = Callable[[], object]


@dataclass(frozen=True)
class Store:
    """An opened store. `id` tells it from all others; `probe` says whether its storage creates exclusively."""

    storage: Storage
    id: str
    created: str
    probe: Probe

    @property
    def url(self) -> str:
        """Its address, without credentials."""
        return self.storage.url

    @classmethod
    def open(cls, url: str) -> "Store":
        """The store at an address. Raises StoreError where there is none, or one of a newer format."""
        storage = open_storage(url)
        try:
            content = storage.read(STORE_RECORD)
        except Missing as error:
            raise StoreError(
                f"opening the store {storage.url}",
                found=f"no {STORE_RECORD} there",
                expected="a store",
                remedy="Check the address, or make a store there: xlt-augment store init",
            ) from error
        return unsealed(content, STORE_FORMAT, f"{storage.url}/{STORE_RECORD}", lambda body: cls._of(storage, body), _RENEW)

    @classmethod
    def _of(cls, storage: Storage, body: dict[str, Any]) -> "Store":
        if not (_ID.fullmatch(body["id"]) and is_plain(body["created"])):
            raise ValueError("id or time")
        return cls(storage, body["id"], body["created"], Probe.from_json(body["probe"]))

    @classmethod
    def init(cls, url: str, probe: Probe) -> "Store":
        """Make a store at an address, or open the one that is there. Raises StoreError."""
        storage = open_storage(url)
        if storage.size(STORE_RECORD) is None:
            body = {
                "format": STORE_FORMAT,
                "id": secrets.token_hex(16),
                "created": utc(storage.now()),
                "probe": probe.to_json(),
            }
            storage.create(STORE_RECORD, sealed(body))
        return cls.open(url)

    def names(self) -> list[str]:
        """All `team/dataset`, sorted."""
        return sorted({name.unversioned for name in self.every_name()})

    def versions(self, name: Name) -> list[int]:
        """The versions of a name that there are, ascending."""
        return sorted(int(found.version or 0) for found in self._names(f"{REFERENCES}/{name.unversioned}"))

    def _names(self, prefix: str) -> Iterator[Name]:
        """The name of each reference below a folder. Raises StoreError for a file that is none."""
        for entry in self.storage.entries(prefix):
            words, version = entry.path.removeprefix(f"{REFERENCES}/").rpartition("/")[::2]
            yield stored_name(f"{words}@{version.removesuffix('.json')}", f"{self.url}/{entry.path}")

    def resolve(self, name: Name) -> Name:
        """The name with its version, the newest where none is given. Raises StoreError for a name that is not there."""
        versions = self.versions(name)
        if not versions or (name.version is not None and name.version not in versions):
            among = (
                f"{name.unversioned} in versions {', '.join(f'v{v}' for v in versions)}" if versions else self._nearest(name)
            )
            raise StoreError(
                f"looking for {name} in {self.url}",
                found=among,
                expected="that name",
                remedy="See what there is: xlt-augment store list",
            )
        return name if name.version is not None else name.at(versions[-1])

    def _nearest(self, name: Name) -> str:
        import difflib

        near = difflib.get_close_matches(name.unversioned, self.names(), n=3)
        return f"no such name; near it {', '.join(near)}" if near else "no such name"

    def reference(self, name: Name) -> Reference:
        """The reference of a name with version. Raises Missing, and StoreError for one that was altered."""
        path = reference_path(name)
        found = Reference.from_bytes(self.storage.read(path), f"{self.url}/{path}", mending(name))
        if found.name != name:
            raise damaged(f"{self.url}/{path}", f"the reference of {found.name}", f"that of {name}", mending(name))
        return found

    def every_name(self) -> list[Name]:
        """Every name with every version, sorted."""
        return sorted(self._names(REFERENCES))

    def references(self) -> Iterator[Reference]:
        """Every reference there is, by name and version. Raises StoreError for one that was altered."""
        return map(self.reference, self.every_name())

    def artifact(self, reference: Reference) -> Artifact:
        """What a reference names. Raises StoreError for a manifest that is missing or was altered."""
        where = f"{self.url}/{object_path(reference.artifact)}, the manifest of {reference.name}"
        artifact = read_artifact(self.object(reference.artifact, where, mending(reference.name)), where)
        if (artifact.kind, artifact.identity) != (reference.kind, reference.identity):
            expected = f"{reference.kind} {reference.identity[:12]}"
            raise damaged(where, f"{artifact.kind} {artifact.identity[:12]}", expected, mending(reference.name))
        return artifact

    def object(self, sha256: str, where: str, remedy: str) -> bytes:
        """A small object, checked. Raises StoreError, with this remedy for one that is missing or was altered."""
        try:
            content = self.storage.read(object_path(sha256), _LARGEST_MANIFEST)
        except Missing as error:
            raise damaged(where, "nothing", "the object that a reference names", remedy) from error
        if (found := hashlib.sha256(content).hexdigest()) != sha256:
            raise damaged(where, f"sha256 {found[:12]}", f"sha256 {sha256[:12]}", remedy)
        return content

    def standing(self, sha256s: Iterable[str], crew: Crew) -> dict[str, Entry]:
        """Those of the objects that the store has."""
        wanted = set(sha256s)
        folders = sorted({object_path(sha256).rpartition("/")[0] for sha256 in wanted})
        listed: Sequence[list[Entry]] = crew.run(folders, lambda folder: list(self.storage.entries(folder)))
        found = {entry.path: entry for entries in listed for entry in entries}
        return {sha256: found[path] for sha256 in wanted if (path := object_path(sha256)) in found}

    def reached(self, step: Step = lambda: None) -> dict[str, Name]:
        """Every object that a reference reaches, and the first name that does; `step` is called after each reference. Raises
        StoreError for a damaged manifest."""
        found: dict[str, Name] = {}
        for reference in self.references():
            step()
            for sha256 in (reference.artifact, *(file.sha256 for file in self.artifact(reference).files)):
                found.setdefault(sha256, reference.name)
        return found

    def claim(self, reference: Reference, *, single_writer: bool) -> Reference:
        """Put a reference where none is, and give back the one that stands there then: the same, or that of who was faster.

        `single_writer`: without exclusive creation, where the caller says that nobody else writes. What stands is read back, so
        an answer that is lost after the storage did its work is no failure.
        """
        path, content = reference_path(reference.name), reference.to_bytes()
        try:
            if not single_writer:
                self.storage.create(path, content)
            elif self.storage.size(path) is None:
                self.storage.upload(path, [content], len(content))
        except StoreError:
            if self.storage.size(path) is None:
                raise
        return self.reference(reference.name)


def utc(seconds: float) -> str:
    """A time of a store for records, to the second."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
