"""A dataset on the Hugging Face Hub: folder, Parquet rendering and card in one commit."""

import hashlib
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xlt_augment.canonical import sha256_file
from xlt_augment.errors import DatasetError, StoreError
from xlt_augment.materialize.card import dataset_card
from xlt_augment.materialize.manifest import MANIFEST_NAME, Manifest
from xlt_augment.materialize.parquet import verify_parquet, write_parquet
from xlt_augment.materialize.rendering import RENDERING_NAME
from xlt_augment.materialize.verify import check_file
from xlt_augment.store.names import stored_name
from xlt_augment.store.pull import PULL_FORMAT
from xlt_augment.store.records import unsealed

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_OURS = re.compile(
    r"arrow/(data-\d+-of-\d+\.arrow|(state|dataset_info|xlt)\.json|README\.md)"
    r"|parquet/(data-\d+-of-\d+\.parquet|xlt-parquet\.json|README\.md)"
)
_REMEDIES = {
    401: "Log in with a token that may write: hf auth login, or set HF_TOKEN",
    403: "Take a token that may write there, or another repository",
    404: "Check name and branch; a private repository is there only for those with a token that may read it",
    412: "Somebody else changed the branch meanwhile: export again",
    413: "The files are too large for it; export a smaller dataset",
    429: "Wait some minutes, then export again",
}
_LOADING = """\
The Parquet files, for which any reader of Parquet will do:

```python
from datasets import load_dataset

rows = load_dataset("OWNER/NAME", split="train")
```

The dataset folder, opened by memory map, which `xlt-train fit --data` takes and `xlt-augment verify` checks:

```python
from datasets import load_from_disk
from huggingface_hub import snapshot_download

folder = snapshot_download("OWNER/NAME", repo_type="dataset", allow_patterns="arrow/*") + "/arrow"
rows = load_from_disk(folder)
```"""


@dataclass(frozen=True, kw_only=True)
class Exported:
    """A dataset on the Hub: `repo` with its owner, `revision`: the commit's sha, `existed`: it was there already, unchanged."""

    repo: str
    url: str
    revision: str
    logical_hash: str
    files: int
    existed: bool


def export_to_hub(
    folder: Path,
    repo: str,
    *,
    revision: str | None = None,
    private: bool | None = None,
    parquet: Path | None = None,
    endpoint: str | None = None,
) -> Exported:
    """Upload a dataset folder as `arrow/`, its Parquet rendering as `parquet/` and a card, in one commit.

    `repo`: `OWNER/NAME`, made where there is none; `revision`: a branch, likewise (default: main); `private`: True makes a new
    repository private and refuses one that is public; `parquet`: a rendering that is there already, else one is made for the
    upload; `endpoint`: address of the Hub. What an older export left there is removed in the same commit, other files stay.
    Raises DatasetError for a dataset or rendering that is damaged, StoreError for everything about the Hub.
    """
    manifest = Manifest.read(folder)
    for entry in manifest.files:
        check_file(folder, entry)
    api = _api(repo, endpoint)
    with tempfile.TemporaryDirectory(prefix="xlt-hub-") as made:
        files = _files(folder, manifest, parquet, Path(made) / "parquet")
        with _errors(repo, api.token):
            repo = _repository(api, repo, revision, private)
            card = Path(made) / "README.md"
            card.write_text(_card(manifest, folder, repo), encoding="utf-8")
            found, existed = _commit(api, repo, revision, files | {"README.md": card}, manifest.logical_hash)
    return Exported(
        repo=repo,
        url=f"{api.endpoint}/datasets/{repo}/tree/{found}",
        revision=found,
        logical_hash=manifest.logical_hash,
        files=len(files) + 1,
        existed=existed,
    )


def _api(repo: str, endpoint: str | None) -> "HfApi":
    """The Hub's interface, with a token. Raises StoreError where there is none, or the repository's name is none."""
    try:
        from huggingface_hub import HfApi, constants, get_token, utils
    except ImportError as error:
        raise StoreError(
            "loading huggingface_hub", found="no such package", expected="it installed", remedy="Run: pip install 'xlt[hf]'"
        ) from error
    checks: Any = utils  # its stubs name less than there is
    try:
        checks.validate_repo_id(repo)
    except ValueError as error:
        raise _refused(
            repr(repo[:100]),
            "no name of a repository",
            "OWNER/NAME, letters and digits with - _ . between",
            "Choose another --hub",
        ) from error
    if constants.HF_HUB_OFFLINE:
        raise _refused(repo, "HF_HUB_OFFLINE set", "a way to the Hub", "Unset HF_HUB_OFFLINE")
    token = get_token()
    if token is None:
        raise _refused(repo, "no token", "one that may write there", _REMEDIES[401])
    return HfApi(endpoint=endpoint, token=token, library_name="xlt")


def _files(folder: Path, manifest: Manifest, parquet: Path | None, place: Path) -> dict[str, Path]:
    """Path in the repository -> file, but for the card; `place`: where a rendering is made if `parquet` is none."""
    rendering = write_parquet(folder, place) if parquet is None else verify_parquet(parquet)
    if rendering.manifest_sha256 != manifest.to_json()["manifest_sha256"]:
        raise DatasetError(
            f"exporting {folder}",
            found=f"the Parquet files of another dataset in {parquet}",
            expected=f"those of {manifest.logical_hash[:12]}",
            remedy="Choose another --parquet",
        )
    arrow = {f"arrow/{name}": folder / name for name in (*(entry.path for entry in manifest.files), MANIFEST_NAME)}
    names = (*(entry.path for entry in rendering.files), RENDERING_NAME)
    return arrow | {f"parquet/{name}": (parquet or place) / name for name in names}


def _repository(api: "HfApi", repo: str, revision: str | None, private: bool | None) -> str:
    """Make repository and branch where there are none; the full name. Raises StoreError for a public one, if `private`."""
    repo = api.create_repo(repo, repo_type="dataset", private=private or None, exist_ok=True).repo_id
    if private and not api.repo_info(repo, repo_type="dataset").private:
        raise _refused(
            repo, "a public repository", "a private one, as --private says", "Make it private on its page, or choose another"
        )
    if revision is not None:
        api.create_branch(repo, branch=revision, repo_type="dataset", exist_ok=True)
    return repo


def _commit(api: "HfApi", repo: str, revision: str | None, files: dict[str, Path], logical_hash: str) -> tuple[str, bool]:
    """Bring the branch to these files in one commit: its sha, and whether they were there already, so that there was none."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    head = str(api.repo_info(repo, repo_type="dataset", revision=revision).sha)
    tree = {entry.path: entry for entry in api.list_repo_tree(repo, recursive=True, revision=head, repo_type="dataset")}
    changed = [name for name, path in sorted(files.items()) if not _is_there(tree.get(name), path)]
    stale = [name for name in sorted(tree) if _OURS.fullmatch(name) and name not in files]
    if not changed and not stale:
        return head, True
    commit = api.create_commit(
        repo,
        [CommitOperationDelete(name) for name in stale] + [CommitOperationAdd(name, str(files[name])) for name in changed],
        commit_message=f"XLT dataset, logical hash {logical_hash[:12]}",
        repo_type="dataset",
        revision=revision,
        parent_commit=head,  # what was looked at is what is changed
    )
    return str(commit.oid), False


def _is_there(entry: Any, path: Path) -> bool:
    """Whether the repository's entry holds these very bytes: by sha256 for large files, by git's own hash for others."""
    if getattr(entry, "size", None) != path.stat().st_size:
        return False
    if entry.lfs is not None:
        return bool(entry.lfs.sha256 == sha256_file(path))
    content = path.read_bytes()
    return bool(entry.blob_id == hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest())


def _card(manifest: Manifest, folder: Path, repo: str) -> str:
    reference = pulled_reference(folder, manifest)
    facts = [f"- reference: `{reference}`"] if reference else []
    texts = manifest.recipe["text_columns"]
    loading = _LOADING.replace("OWNER/NAME", repo)
    return dataset_card(manifest, folder, texts, data_files="parquet/data-*.parquet", loading=loading, facts=facts)


def pulled_reference(folder: Path, manifest: Manifest) -> str | None:
    """`team/name@v3` where `store pull` left a record of this very dataset beside the folder, else None."""
    place = folder.resolve()
    record = place.with_name(f"{place.name}.json")
    try:
        body = unsealed(record.read_bytes(), PULL_FORMAT, str(record), dict)
        name = str(stored_name(body.get("reference"), str(record)))
    except (OSError, StoreError):
        return None
    same = body.get("manifest_sha256") == manifest.to_json()["manifest_sha256"]
    return name if same and name.rpartition("/")[2] == place.name else None


@contextmanager
def _errors(repo: str, token: Any) -> Iterator[None]:
    """Whatever goes wrong on the way to the Hub is a StoreError that never shows the token."""
    from huggingface_hub import errors

    names: Any = errors
    try:
        yield
    except (names.HTTPError, OSError, ValueError, RuntimeError) as error:
        cause = error if hasattr(error, "response") else error.__cause__ or error  # uploads are wrapped once
        status = getattr(getattr(cause, "response", None), "status_code", None)
        said = str(cause) if status is None else str(getattr(cause, "server_message", None) or "")
        found = " ".join(part for part in (type(cause).__name__, str(status or ""), _harmless(said, token)) if part)
        remedy = _REMEDIES.get(
            status or 0, "Try again; what was uploaded already is not sent twice, and nothing is visible yet"
        )
        raise _refused(repo, found, "a Hub that takes the dataset", remedy) from None


def _harmless(said: str, token: Any) -> str:
    """What a server said, in one short line without the token and without signed addresses."""
    shown = " ".join(re.sub(r"\?\S*", "?...", said.replace(str(token), "***")).split())[:200]
    return f"({shown})" if shown and shown.isprintable() else ""


def _refused(repo: str, found: str, expected: str, remedy: str) -> StoreError:
    return StoreError(f"exporting to {repo} on the Hugging Face Hub", found=found, expected=expected, remedy=remedy)
