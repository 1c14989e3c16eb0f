"""A stand-in of the Hugging Face Hub on loopback: branches, commits, large files, and the errors that it is told."""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import huggingface_hub
import pytest

DEPRECATED = "ignore:Use 'content=:DeprecationWarning"  # how huggingface_hub sends large files
TOKEN = "hf_geheimGEHEIMgeheim"
_LARGE = (".arrow", ".parquet")
Tree = dict[str, bytes]


@dataclass
class Repository:
    """Commits by sha, and the branches that name them."""

    private: bool = False
    commits: dict[str, Tree] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)

    def commit(self, tree: Tree, branch: str, message: str) -> str:
        """A new commit, the head of `branch`."""
        names = json.dumps([message, len(self.commits), sorted((k, hashlib.sha1(v).hexdigest()) for k, v in tree.items())])
        sha = hashlib.sha1(names.encode()).hexdigest()
        self.commits[sha], self.branches[branch] = tree, sha
        self.messages.append(message)
        return sha

    def sha(self, revision: str) -> str | None:
        """The commit that a branch or a sha names."""
        return self.branches.get(revision) or (revision if revision in self.commits else None)


@dataclass
class Hub:
    """What the server knows. `refuse`: pattern of method and path -> status; `before`: called before a request is answered."""

    url: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    large: dict[str, bytes] = field(default_factory=dict)
    refuse: dict[str, int] = field(default_factory=dict)
    before: Callable[[str], object] = lambda request: None
    log: list[str] = field(default_factory=list)
    created: list[dict[str, Any]] = field(default_factory=list)  # what creations asked for

    def make(self, name: str, *, private: bool = False, **files: bytes) -> Repository:
        """A repository with a first commit, as the Hub makes them."""
        found = self.repositories[name] = Repository(private)
        found.commit({".gitattributes": b"*.arrow filter=lfs\n"} | files, "main", "initial commit")
        return found

    def requests(self, pattern: str) -> list[str]:
        """Those of the log that match."""
        return [request for request in self.log if re.search(pattern, request)]


def download(repository: Repository, revision: str, folder: Path) -> Path:
    """The files of a commit, as a snapshot of it."""
    for name, content in repository.commits[revision].items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Transfer-Encoding") == "chunked":
            while (size := int(self.rfile.readline(), 16)) >= 0:
                body += self.rfile.read(size)
                self.rfile.readline()
                if size == 0:
                    break
        path = unquote(urlsplit(self.path).path)
        request = f"{self.command} {path}"
        self.hub.log.append(request)
        self.hub.before(request)
        for pattern, status in self.hub.refuse.items():
            if re.search(pattern, request):
                return self._send(status, {"error": f"no: {self.headers.get('Authorization')} at {self.path}?X-Signature=abc"})
        if not path.startswith("/large/") and self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self._send(401, {"error": "Invalid username or password."})
        for pattern, act in _ROUTES:
            if found := re.fullmatch(pattern, request):
                return self._send(*act(self.hub, body, *found.groups()))
        return self._send(404, {"error": "no such address"})

    do_GET = do_POST = do_PUT = _answer

    def _send(self, status: int, answer: Any) -> None:
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


Answer = tuple[int, Any]


def _create(hub: Hub, body: bytes) -> Answer:
    asked = json.loads(body)
    hub.created.append(asked)
    name = f"{asked.get('organization') or 'ann'}/{asked['name']}"
    there = name in hub.repositories
    if not there:
        hub.make(name, private=asked.get("visibility") == "private" or bool(asked.get("private")))
    return (409 if there else 200), {"url": f"{hub.url}/datasets/{name}", "error": "You already created this dataset repo"}


def _info(hub: Hub, body: bytes, name: str, revision: str | None = None) -> Answer:
    found = hub.repositories.get(name)
    sha = found and found.sha(revision or "main")
    if found is None or sha is None:
        return 404, {"error": "Revision not found"}
    return 200, {"id": name, "sha": sha, "private": found.private, "tags": [], "siblings": []}


def _branch(hub: Hub, body: bytes, name: str, branch: str) -> Answer:
    found = hub.repositories[name]
    if branch in found.branches:
        return 409, {"error": "Reference already exists"}
    found.branches[branch] = found.branches["main"]
    return 200, {}


def _preupload(hub: Hub, body: bytes, name: str, revision: str) -> Answer:
    files = json.loads(body)["files"]
    modes = [(entry["path"], "lfs" if entry["path"].endswith(_LARGE) else "regular") for entry in files]
    return 200, {"files": [{"path": path, "uploadMode": mode, "shouldIgnore": False} for path, mode in modes]}


def _batch(hub: Hub, body: bytes, name: str) -> Answer:
    objects = []
    for entry in json.loads(body)["objects"]:
        upload = {"actions": {"upload": {"href": f"{hub.url}/large/{entry['oid']}?X-Signature=abc"}}}
        objects.append(entry | ({} if entry["oid"] in hub.large else upload))
    return 200, {"transfer": "basic", "objects": objects}


def _put(hub: Hub, body: bytes, oid: str) -> Answer:
    if hashlib.sha256(body).hexdigest() != oid:
        return 400, {"error": "another sha256"}
    hub.large[oid] = body
    return 200, {}


def _commit(hub: Hub, body: bytes, name: str, revision: str) -> Answer:
    found, lines = hub.repositories[name], [json.loads(line) for line in body.splitlines()]
    head = found.branches[revision]
    if lines[0]["value"].get("parentCommit") not in (None, head):
        return 412, {"error": "A commit has happened since. Please refresh and try again."}
    tree = dict(found.commits[head])
    for line in lines[1:]:
        path = line["value"]["path"]
        if line["key"] == "deletedFile":
            del tree[path]
        elif line["key"] == "file":
            tree[path] = base64.b64decode(line["value"]["content"])
        else:
            tree[path] = hub.large[line["value"]["oid"]]
    sha = found.commit(tree, revision, lines[0]["value"]["summary"])
    return 200, {"success": True, "commitOid": sha, "commitUrl": f"{hub.url}/datasets/{name}/commit/{sha}", "hookOutput": ""}


def _tree(hub: Hub, body: bytes, name: str, revision: str) -> Answer:
    sha = hub.repositories[name].sha(revision)
    entries: list[dict[str, Any]] = []
    for path, content in hub.repositories[name].commits[sha or ""].items():
        blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        entry: dict[str, Any] = {"type": "file", "path": path, "size": len(content), "oid": blob}
        if path.endswith(_LARGE):
            entry["lfs"] = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 134}
        entries.append(entry)
    folders = {str(Path(entry["path"]).parent) for entry in entries} - {"."}
    return 200, [*entries, *({"type": "directory", "path": path, "oid": "0" * 40} for path in folders)]


_NAME = r"([^/]+/[^/]+)"
_ROUTES: list[tuple[str, Callable[..., Answer]]] = [
    (r"POST /api/repos/create", _create),
    (r"POST /api/validate-yaml", lambda hub, body: (200, {"warnings": [], "errors": []})),
    (rf"GET /api/datasets/{_NAME}", _info),
    (rf"GET /api/datasets/{_NAME}/revision/(.+)", _info),
    (rf"POST /api/datasets/{_NAME}/branch/(.+)", _branch),
    (rf"POST /api/datasets/{_NAME}/preupload/(.+)", _preupload),
    (rf"POST /datasets/{_NAME}\.git/info/lfs/objects/batch", _batch),
    (r"PUT /large/([0-9a-f]{64})", _put),
    (rf"POST /api/datasets/{_NAME}/commit/(.+)", _commit),
    (rf"GET /api/datasets/{_NAME}/tree/([^/]+)", _tree),
]


@contextmanager
def standing_in(patch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A stand-in that this process takes for the Hub, with a token; transfers go by plain HTTP.

    Tests need `pytest.mark.filterwarnings(DEPRECATED)`.
    """
    patch.setenv("HF_TOKEN", TOKEN)
    patch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    patch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)
    with serving() as found:
        patch.setattr(huggingface_hub.constants, "ENDPOINT", found.url)
        yield found


@contextmanager
def serving() -> Iterator[Hub]:
    """A Hub on a port of its own."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
