"""The record that `xlt-augment store pull` leaves beside a dataset folder (docs/format.md, "Store")."""

import json
import os
import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

from xlt_train.data.manifest import FETCH_AGAIN, Manifest
from xlt_train.errors import DatasetError
from xlt_train.files import pretty_json, sha256_json

PULL_FORMAT = "xlt-pull/1"
_WORD = r"(?=[a-z0-9-]{1,64}(?![a-z0-9-]))[a-z][a-z0-9]*(?:-[a-z0-9]+)*"
_FOLDER = re.compile(rf"{_WORD}@v[1-9][0-9]{{0,17}}")
_REFERENCE = re.compile(rf"{_WORD}/{_FOLDER.pattern}")
_STORE_ID, _SHA256 = re.compile(r"[0-9a-f]{32}"), re.compile(r"[0-9a-f]{64}")
_PASSWORD = re.compile(r"//[^/]*:[^/]*@")
_AT_MOST = 64 << 10  # bytes of a record; one of ours has less than 1,000
_KEYS = ("reference", "artifact", "id", "url")


@dataclass(frozen=True, kw_only=True)
class Pulled:
    """Where a dataset folder came from: its name in a store (`team/name@v3`), the sha256 of its artifact manifest there, and
    the store's id and address. `identity`: the dataset's logical hash, `manifest_sha256`: that of its `xlt.json`."""

    reference: str
    artifact: str
    store_id: str
    store_url: str
    identity: str
    manifest_sha256: str

    def __str__(self) -> str:
        return f"{self.reference} of {self.store_url}"

    def provenance(self) -> dict[str, str]:
        """What a run's record says of it."""
        return dict(zip(_KEYS, (self.reference, self.artifact, self.store_id, self.store_url), strict=True))

    @property
    def remedy(self) -> str:
        """What mends a damaged copy."""
        return f"Pull it again: xlt-augment store pull {self.reference} --store {shlex.quote(self.store_url)}"

    def check(self, folder: Path, manifest: Manifest) -> None:
        """Raises DatasetError where the dataset in `folder` is another than the one that was pulled."""
        if (manifest.sha256, manifest.logical_hash) != (self.manifest_sha256, self.identity):
            raise DatasetError(
                f"checking {folder} against {record_of(folder)}",
                found=f"the dataset {manifest.logical_hash[:12]} (manifest {manifest.sha256[:12]})",
                expected=f"{self.reference}, which is {self.identity[:12]} (manifest {self.manifest_sha256[:12]})",
                remedy=self.remedy,
            )

    @classmethod
    def beside(cls, folder: Path) -> "Pulled | None":
        """The record of a folder that is named as pulled ones are, `NAME@vN`; None where there is none.

        Raises DatasetError for a record that cannot be read, is of another format, or says what no pull writes.
        """
        path = record_of(folder)
        if path is None:
            return None
        try:
            with path.open("rb") as stream:
                content = stream.read(_AT_MOST + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _no_record(path, error.strerror or str(error)) from error
        try:
            body = json.loads(content)
            found_format = body["format"]
            rest = {key: value for key, value in body.items() if key != "sha256"}
            if found_format == PULL_FORMAT and pretty_json(body) == content and sha256_json(rest) == body["sha256"]:
                return cls._of(body, path.stem)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise _no_record(path, f"none that a pull writes ({' '.join(repr(error).split())[:200]})") from error
        if found_format == PULL_FORMAT:
            raise _no_record(path, "a changed record")
        raise DatasetError(
            f"reading {path}",
            found=f"the format {str(found_format)[:40]!a}",
            expected=PULL_FORMAT,
            remedy="Update xlt, or pull the dataset again with this version",
        )

    @classmethod
    def _of(cls, body: dict[str, Any], name: str) -> "Pulled":
        """The record's values. Raises ValueError, KeyError or TypeError for others than a pull writes."""
        found = cls(
            reference=body["reference"],
            artifact=body["artifact"],
            store_id=body["store"]["id"],
            store_url=body["store"]["url"],
            identity=body["identity"],
            manifest_sha256=body["manifest_sha256"],
        )
        if body["kind"] != "dataset":
            raise ValueError(f"the kind {str(body['kind'])[:40]!a}")
        if not is_provenance(found.provenance()):
            raise ValueError("a reference, an artifact or a store that is none")
        if found.reference.partition("/")[2] != name:
            raise ValueError(f"the reference {found.reference} beside a folder {name}")
        if not all(_is(_SHA256, value) for value in (found.identity, found.manifest_sha256)):
            raise ValueError("a hash of the dataset that is none")
        return found


def is_provenance(value: Any) -> TypeGuard[dict[str, str]]:
    """Whether this is what `Pulled.provenance` gives: plain names and hashes, an address without password or query."""
    if not isinstance(value, dict) or value.keys() != set(_KEYS):
        return False
    reference, artifact, store_id, url = (value[key] for key in _KEYS)
    plain = isinstance(url, str) and 0 < len(url) <= 2_048 and url.isprintable()  # no control or direction characters
    secret = plain and (_PASSWORD.search(url) or ("?" in url and "://" in url))
    named = _is(_REFERENCE, reference) and _is(_SHA256, artifact) and _is(_STORE_ID, store_id)
    return named and plain and not secret


def record_of(folder: Path) -> Path | None:
    """Where the record of a pulled folder lies, beside what `folder` leads to; None for a folder with another kind of name."""
    place = Path(os.path.realpath(folder))
    return place.with_name(f"{place.name}.json") if _FOLDER.fullmatch(place.name) else None


@contextmanager
def pull_again(pulled: Pulled | None) -> Iterator[None]:
    """Errors of a damaged dataset that was pulled say how to pull it again."""
    try:
        yield
    except DatasetError as error:
        if pulled is None or error.remedy not in FETCH_AGAIN:
            raise
        raise DatasetError(error.doing, found=error.found, expected=error.expected, remedy=pulled.remedy) from error


def _is(pattern: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _no_record(path: Path, found: str) -> DatasetError:
    return DatasetError(
        f"reading {path}",
        found=found,
        expected=f"the record ({PULL_FORMAT}) that xlt-augment store pull wrote",
        remedy="Pull the dataset again with xlt-augment store pull, or remove the record",
    )
