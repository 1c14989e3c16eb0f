"""What lies at a local path, as an artifact: its files with their hashes, its identity, and what it was made from."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from xlt_augment.canonical import sha256_file, sha256_json
from xlt_augment.errors import StoreError
from xlt_augment.store.artifacts import Artifact, Parent, StoredFile, checked, is_path, plain

_RUN, _REPORT, _DATASET = "xlt-run.json", "report.json", "xlt.json"
_OF_CHECKPOINTS = ("checkpoint-", ".")  # of a run: to go on from, and hidden parts; not shared


class Local(NamedTuple):
    """An artifact and where its files lie now."""

    artifact: Artifact
    paths: Mapping[str, Path]


def describe(path: str | Path) -> Local:
    """The artifact at `path`: a dataset, report or run folder, a synonym set (.arrow), or a veto list (.tsv, .txt).

    Raises StoreError for anything else, and what reading it raises (DatasetError, SynonymError) for one that is damaged.
    """
    place = Path(path)
    if place.is_dir():
        for name, make in ((_DATASET, _dataset), (_RUN, _run), (_REPORT, _report)):
            if (place / name).is_file():
                local = make(place)
                break
        else:
            raise _unknown(
                place, "a folder that is neither dataset, run nor report" if any(place.iterdir()) else "an empty folder"
            )
    elif place.suffix == ".arrow" and place.is_file():
        local = _synonyms(place)
    elif place.suffix in (".tsv", ".txt") and place.is_file():
        local = _vetoes(place)
    else:
        raise _unknown(place, "no such file or folder" if not place.exists() else "a file of another kind")
    checked(local.artifact, str(place))
    return local


def _unknown(place: Path, found: str) -> StoreError:
    return StoreError(
        f"publishing {place}",
        found=found,
        expected="a folder of xlt-augment build, xlt-train fit or report; a synonym set (.arrow); a veto list (.tsv, .txt)",
        remedy="Check the path; a synonym set in JSON or text is turned into .arrow by: xlt-augment synonyms import",
    )


def _dataset(folder: Path) -> Local:
    from xlt_augment.materialize.manifest import MANIFEST_NAME, Manifest

    manifest = Manifest.read(folder)
    own = folder / MANIFEST_NAME
    files = [StoredFile(f.path, f.bytes, f.sha256) for f in manifest.files]
    files.append(StoredFile(MANIFEST_NAME, own.stat().st_size, sha256_file(own)))
    source = manifest.source
    parents = [Parent("source", plain(source["name"]), source["sha256"])]
    for kind, entry in (("synonyms", manifest.synonyms), ("tokenizer", manifest.tokenizer)):
        parents += [Parent(kind, plain(entry["name"]), entry["sha256"])] if entry else []
    about = {
        "rows": manifest.rows, "source": {key: source[key] for key in ("name", "rows", "label_names")},
        "recipe": manifest.recipe, "manifest_sha256": manifest.to_json()["manifest_sha256"],
    }  # fmt: skip
    return _local(folder, "dataset", manifest.logical_hash, files, parents, about)


def _synonyms(path: Path) -> Local:
    from xlt_augment.synonyms.files import read_arrow
    from xlt_augment.synonyms.table import table_sha256, table_statistics

    found = read_arrow(path)
    about = {"name": found.name, "command": found.made.get("command"), **table_statistics(found.table)}
    file = StoredFile(_plain(path, "synonyms.arrow"), path.stat().st_size, sha256_file(path))
    artifact = Artifact(
        kind="synonyms", identity=table_sha256(found.table, found.vetoes), files=(file,),
        parents=_made_from(found.made), about=about | {"vetoes": len(found.vetoes)},
    )  # fmt: skip
    return Local(artifact, {file.path: path})


def _made_from(made: Any) -> tuple[Parent, ...]:
    """What a set's `made` names (docs/format.md): sets with their own parents, vectors, constraints, vetoes.

    What another program wrote there is skipped.
    """
    if not isinstance(made, dict):
        return ()
    before, constraints = made.get("from"), made.get("constraints")
    named = [("synonyms", origin) for origin in _listed(before)] + [("vectors", made.get("vectors"))]
    if isinstance(constraints, dict):
        named += [("constraints", entry) for kind in ("synonyms", "antonyms") for entry in _listed(constraints.get(kind))]
    found = [
        Parent(kind, plain(entry.get("name", kind)), entry["sha256"], _made_from(entry.get("made")))
        for kind, entry in named
        if isinstance(entry, dict) and isinstance(entry.get("sha256"), str)
    ]
    for edit in _listed(made.get("edits")):
        if isinstance(edit, dict) and edit.get("veto"):
            found.append(Parent("vetoes", f"{len(edit['veto']):,} pairs", sha256_json(edit["veto"])))
    return tuple(dict.fromkeys(found))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _vetoes(path: Path) -> Local:
    from xlt_augment.synonyms.vetoes import checked_vetoes, read_pairs

    pairs = [list(pair) for pair in checked_vetoes(read_pairs(path), str(path))]
    file = StoredFile(_plain(path, "vetoes.tsv"), path.stat().st_size, sha256_file(path))
    artifact = Artifact(kind="vetoes", identity=sha256_json(pairs), files=(file,), parents=(), about={"pairs": len(pairs)})
    return Local(artifact, {file.path: path})


def _run(folder: Path) -> Local:
    body = _json(folder / _RUN)
    try:
        if body["status"] != "finished":
            raise _unknown(folder, f"a run with the status {str(body['status'])[:20]!r}")
        data = body["data"] if isinstance(body["data"], list) else [body["data"]]
        parents = [Parent("dataset", plain(entry["source"]["name"]), entry["logical_hash"]) for entry in data]
        identity = sha256_json({"weights": body["weights"], "seed": body["training"]["seed"], "method": body["method"]})
        about = {"method": body["method"]["name"], "model": body["model"]["name"], "seed": body["training"]["seed"]}
    except (KeyError, TypeError) as error:
        raise _unknown(folder, f"a record of a run without {error}") from error
    files = list(_walk(folder, skip=_OF_CHECKPOINTS))
    found = {file.path: file.sha256 for file in files}
    for name, sha256 in {**body["weights"], **body.get("files", {})}.items():
        if found.get(name) != sha256:
            raise StoreError(
                f"publishing {folder / name}",
                found=f"sha256 {found[name][:12]}" if name in found else "no such file",
                expected=f"one with sha256 {str(sha256)[:12]}, as {_RUN} says",
                remedy="Train it again, or publish another run",
            )
    return _local(folder, "run", identity, files, parents, about)


def _report(folder: Path) -> Local:
    body = _json(folder / _REPORT)
    files = list(_walk(folder, skip=(".",)))
    try:
        parents = [Parent("run", plain(run["name"]), str(run["identity"])) for run in body.get("runs", [])]
    except (KeyError, TypeError) as error:
        raise _unknown(folder, f"a record of a report whose runs are without {error}") from error
    identity = sha256_json({file.path: file.sha256 for file in files})
    return _local(folder, "report", identity, files, parents, {"title": body.get("title"), "summary": body.get("summary")})


def _walk(folder: Path, skip: tuple[str, ...]) -> Iterator[StoredFile]:
    """Every regular file below a folder, but for children of it whose names begin with one of `skip`."""
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if relative.parts[0].startswith(skip) or any(part.startswith(".") for part in relative.parts):
            continue
        if path.is_symlink():
            raise _unknown(path, "a link")
        if path.is_file():
            yield StoredFile(relative.as_posix(), path.stat().st_size, sha256_file(path))


def _local(
    folder: Path, kind: str, identity: str, files: list[StoredFile], parents: list[Parent], about: dict[str, Any]
) -> Local:
    artifact = Artifact(
        kind=kind, identity=identity, files=tuple(sorted(files)), parents=tuple(dict.fromkeys(parents)), about=about
    )
    return Local(artifact, {file.path: folder / file.path for file in files})


def _json(path: Path) -> dict[str, Any]:
    try:
        body = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise _unknown(path, "no readable JSON") from error
    if not isinstance(body, dict):
        raise _unknown(path, "another JSON value than an object")
    return body


def _plain(path: Path, otherwise: str) -> str:
    """A file's name where a store takes it, else one that says what it holds."""
    return path.name if is_path(path.name) else otherwise
