"""A store in a bucket of Google Cloud Storage: `gs://BUCKET/PREFIX`.

Credentials are Google's application default: GOOGLE_APPLICATION_CREDENTIALS, `gcloud auth application-default login`, or
those of the machine. The requests are those of the JSON API, sent by gcsfs; exclusive creation is `ifGenerationMatch=0`.
"""

import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import Any
from urllib.parse import quote

from xlt_augment.store.storage.faults import Advice, Kind, chain, kind_of_os_error
from xlt_augment.store.storage.remote import Listing, ObjectStorage
from xlt_augment.store.storage.timing import timeout_seconds

_STATUS = {
    401: Kind.CREDENTIALS,
    403: Kind.DENIED,
    404: Kind.MISSING,
    **dict.fromkeys((408, 429, 500, 502, 503, 504), Kind.BUSY),
}
_FIELDS = "items(name,size,updated),nextPageToken"


@dataclass
class _Upload:
    location: str
    size: int


class GoogleStorage(ObjectStorage):
    """The objects below a prefix of a bucket, through gcsfs."""

    advice = Advice(
        container="bucket",
        credentials="Check GOOGLE_APPLICATION_CREDENTIALS, or run gcloud auth application-default login",
        network="Check the network; XLT_STORE_TIMEOUT gives more seconds",
        denied="Ask the owner of the bucket for the role Storage Object User",
    )

    def __init__(self, url: str, container: str, prefix: str) -> None:
        super().__init__(url, container, prefix)
        self._answered = False

    def _open(self) -> Any:
        from gcsfs.core import GCSFileSystem

        logger = logging.getLogger("gcsfs")
        if logger.level == logging.NOTSET:
            logger.setLevel(logging.CRITICAL)  # it logs every failure with the server's text
        # an emulator wants no credentials, and must not be given any
        token = "anon" if os.environ.get("STORAGE_EMULATOR_HOST") else "google_default"
        fs = GCSFileSystem(token=token, use_listings_cache=False, skip_instance_cache=True)
        fs.credentials.maybe_refresh()  # here, because in a request gcsfs would try bad ones for half a minute
        return fs

    def _kind(self, error: Exception) -> Kind | None:
        names = {kind.__name__ for link in chain(error) for kind in type(link).__mro__}
        status = getattr(error, "code", None)
        if "HttpError" in names and isinstance(status, int):
            return _STATUS.get(status, Kind.OTHER)
        if isinstance(error, FileNotFoundError):
            return Kind.MISSING
        if names & {"GoogleAuthError", "NonRetryableError"}:
            return Kind.CREDENTIALS if "TransportError" not in names else Kind.UNREACHABLE
        if names & {"ClientError", "RequestException", "FSTimeoutError"}:
            return Kind.UNREACHABLE
        if isinstance(error, OSError) and str(error).startswith("Forbidden"):
            return Kind.DENIED
        if isinstance(error, ValueError):  # how gcsfs says that a request was bad
            return Kind.OTHER
        return kind_of_os_error(error) or (Kind.OTHER if isinstance(error, OSError) else None)

    def _request(self, method: str, path: str, *names: str, **options: Any) -> Any:
        """A request; until the first answer it may take a few seconds only, because gcsfs tries for half a minute."""
        from fsspec.asyn import sync

        fs = self.fs
        limit = None if self._answered else timeout_seconds()
        answer = sync(fs.loop, fs._call, method, path, *names, timeout=limit, **options)
        self._answered = True
        return answer

    def _object(self, method: str, key: str, **options: Any) -> Any:
        return self._request(method, "b/{}/o/{}", self._container, key, **options)

    def _info(self, key: str) -> tuple[int, float]:
        found = self._object("GET", key, json_out=True, fields="size,updated")
        return int(found["size"]), _seconds(found["updated"])

    def _get(self, key: str, start: int, end: int) -> bytes:
        return bytes(self._object("GET", key, alt="media", headers={"Range": f"bytes={start}-{end - 1}"})[1])

    def _put(self, key: str, content: bytes) -> None:
        self._send(content, uploadType="media", name=key)

    def _create(self, key: str, content: bytes) -> bool:
        try:
            self._send(content, uploadType="media", name=key, ifGenerationMatch="0")
        except FileExistsError:
            return False
        return True

    def _send(self, content: bytes, **options: Any) -> Any:
        headers = {"Content-Type": "application/octet-stream"}
        place = self.fs.base.replace("/storage/v1/", "/upload/storage/v1/") + f"b/{quote(self._container)}/o"
        return self._request("POST", place, data=BytesIO(content), headers=headers, **options)

    def _delete(self, key: str) -> None:
        self._object("DELETE", key)

    def _list(self, prefix: str) -> Iterator[tuple[str, int, float]]:
        return Listing(lambda token: self._page(prefix, token))

    def _page(self, prefix: str, token: str | None) -> tuple[list[tuple[str, int, float]], str | None]:
        page = self._request("GET", "b/{}/o", self._container, json_out=True, prefix=prefix, pageToken=token, fields=_FIELDS)
        items = [(item["name"], int(item["size"]), _seconds(item["updated"])) for item in page.get("items", [])]
        return items, page.get("nextPageToken")

    def _check_container(self) -> None:
        self._request("GET", "b/{}/o", self._container, maxResults="1", fields="nextPageToken")

    def _begin(self, key: str, size: int) -> _Upload:
        headers, _ = self._send(b"", uploadType="resumable", name=key)
        return _Upload(headers["Location"], size)

    def _part(self, upload: _Upload, number: int, start: int, content: bytes) -> None:
        end = start + len(content)
        while start < end:
            span = f"bytes {start}-{end - 1}/{upload.size}"
            headers, _ = self._request("PUT", upload.location, data=BytesIO(content), headers={"Content-Range": span})
            if "Range" not in headers:  # the last part: the object is there
                return
            kept = int(headers["Range"].rpartition("-")[2]) + 1  # fewer than were sent, now and then
            content, start = content[kept - start :], kept

    def _complete(self, upload: _Upload) -> None:
        """The last part made the object appear."""

    def _abandon(self, upload: _Upload) -> None:
        self._request("DELETE", upload.location)


def _seconds(time: str) -> float:
    return datetime.fromisoformat(time).timestamp()
