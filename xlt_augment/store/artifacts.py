"""An artifact: what a store holds of a dataset, synonym set, veto list, report or run, and what it was made from."""

import json
import re
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from xlt_augment.canonical import pretty_json
from xlt_augment.store.records import check_format, damaged

ARTIFACT_FORMAT = "xlt-artifact/1"
KINDS = ("dataset", "synonyms", "vetoes", "report", "run")
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_PREFIX = re.compile(r"[0-9a-f]{16,64}", re.ASCII)  # runs are known by their first 16 digits too
_LONGEST_TEXT = 500  # characters of a name
_DEEPEST = 32  # generations of parents
_PATH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,200}(?:/[A-Za-z0-9][A-Za-z0-9._-]{0,200}){0,3}", re.ASCII)
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?|.*\.", re.ASCII | re.IGNORECASE)  # by Windows


class StoredFile(NamedTuple):
    """A file of an artifact; its bytes are the object of that sha256."""

    path: str
    bytes: int
    sha256: str


class Parent(NamedTuple):
    """What an artifact was made from, and what that was made from in its turn, as far as the artifact knows.

    `kind` may also be of something that no store holds, such as `vectors` or `source`.
    """

    kind: str
    name: str
    identity: str
    parents: tuple["Parent", ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As it stands in the manifest."""
        return {"kind": self.kind, "name": self.name, "identity": self.identity, "parents": [p.to_json() for p in self.parents]}

    @classmethod
    def from_json(cls, body: dict[str, Any], depth: int = 0) -> "Parent":
        """Raises ValueError, KeyError or TypeError for what is no parent."""
        kind, name, identity = body["kind"], body["name"], body["identity"]
        if depth > _DEEPEST or not (is_plain(kind) and is_plain(name) and is_hash(identity, _PREFIX)):
            raise ValueError("a parent without kind, name and hash")
        return cls(kind, name, identity, tuple(cls.from_json(parent, depth + 1) for parent in body["parents"]))


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """The manifest `xlt-artifact/1`. It says neither when nor by whom, so the same content has the same bytes.

    `identity`: the hash by which the kind knows its content (of a dataset the logical hash); `about`: facts for people.
    """

    format: str = ARTIFACT_FORMAT
    kind: str
    identity: str
    files: tuple[StoredFile, ...]
    parents: tuple[Parent, ...]
    about: dict[str, Any]

    @property
    def n_bytes(self) -> int:
        """Size of all files."""
        return sum(file.bytes for file in self.files)

    def to_bytes(self) -> bytes:
        """The manifest as it is stored."""
        body = asdict(self)
        body |= {"files": [f._asdict() for f in self.files], "parents": [p.to_json() for p in self.parents]}
        return pretty_json(body)


def read_artifact(content: bytes, where: str) -> Artifact:
    """The artifact of a manifest whose sha256 was checked already.

    Raises StoreError for a newer format and for whatever could lead a reader astray, such as a path out of its folder.
    """
    try:
        body = json.loads(content)
        found = body.get("format")
    except (ValueError, AttributeError, RecursionError) as error:
        raise damaged(where, "no manifest", f"{ARTIFACT_FORMAT} as xlt-augment wrote it") from error
    check_format(found, ARTIFACT_FORMAT, where)
    try:
        files = tuple(StoredFile(**entry) for entry in body.pop("files"))
        parents = tuple(Parent.from_json(entry) for entry in body.pop("parents"))
        artifact = Artifact(files=files, parents=parents, **body)
        problem = _problem(artifact)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise damaged(where, f"a manifest of another shape ({error})", f"the keys of {ARTIFACT_FORMAT}") from error
    if problem:
        raise damaged(where, problem, f"a manifest as {ARTIFACT_FORMAT} says")
    return artifact


def checked(artifact: Artifact, where: str) -> Artifact:
    """The artifact again, as its reader will see it: what could not be read back is refused before it is stored."""
    return read_artifact(artifact.to_bytes(), where)


def _problem(artifact: Artifact) -> str | None:
    """What is wrong with a manifest, None for a sound one."""
    if artifact.kind not in KINDS:
        return f"the kind {str(artifact.kind)[:40]!r}"
    if not is_hash(artifact.identity):
        return "an identity that is no sha256"
    for file in artifact.files:
        if not is_path(file.path):
            return f"the path {str(file.path)[:100]!r}, which not all systems can have"
        if type(file.bytes) is not int or file.bytes < 0 or not is_hash(file.sha256):
            return f"no size and sha256 for {file.path}"
    paths = [file.path.lower() for file in artifact.files]
    folders = {path[:k] for path in paths for k in range(len(path)) if path[k] == "/"}
    if not paths or len({*paths}) < len(paths) or folders & {*paths}:
        return "no file" if not paths else "two files of one name"
    return None if isinstance(artifact.about, dict) else "no facts about it"


def is_path(text: object) -> bool:
    """Whether something is a path that a file of an artifact may have: plain, relative, and possible on every system."""
    known = isinstance(text, str) and _PATH.fullmatch(text)
    return bool(known and not any(_RESERVED.fullmatch(part) for part in known[0].split("/")))


def is_hash(text: object, form: re.Pattern[str] = _SHA256) -> bool:
    """Whether something is a sha256 in lower-case hexadecimal digits, or what another `form` asks for."""
    return isinstance(text, str) and bool(form.fullmatch(text))


def is_plain(text: object) -> bool:
    """Whether something is a text that a terminal shows as it is: nothing in it moves a cursor or hides the rest."""
    return isinstance(text, str) and len(text) <= _LONGEST_TEXT and text.isprintable()


def plain(text: object) -> str:
    """A text that `is_plain`, as near to the given one as can be."""
    return "".join(c if c.isprintable() else "?" for c in str(text))[:_LONGEST_TEXT]
