"""A store in a container of Azure Blob Storage: `abfs://CONTAINER/PREFIX`.

The account and its credentials come from the environment: AZURE_STORAGE_CONNECTION_STRING, or AZURE_STORAGE_ACCOUNT_NAME with
AZURE_STORAGE_ACCOUNT_KEY, a SAS token or a service principal, else whatever azure-identity finds, such as `az login`.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from xlt_augment.store.storage.faults import Advice, Kind, chain, code_of, kind_of_os_error
from xlt_augment.store.storage.remote import Listing, ObjectStorage
from xlt_augment.store.storage.timing import timeout_seconds

_KINDS = {
    **dict.fromkeys("AuthenticationFailed NoAuthenticationInformation InvalidAuthenticationInfo 401".split(), Kind.CREDENTIALS),
    **dict.fromkeys("AuthorizationFailure AuthorizationPermissionMismatch PublicAccessNotPermitted 403".split(), Kind.DENIED),
    **dict.fromkeys("InsufficientAccountPermissions AccountIsDisabled ResourceTypeMismatch".split(), Kind.DENIED),
    **dict.fromkeys("BlobNotFound ResourceNotFound 404".split(), Kind.MISSING),
    **dict.fromkeys("ContainerNotFound InvalidResourceName".split(), Kind.CONTAINER),
    **dict.fromkeys(
        "ServerBusy InternalError OperationTimedOut ContainerBeingDeleted 408 429 500 502 503 504".split(), Kind.BUSY
    ),
}
_TAKEN = {"BlobAlreadyExists", "ConditionNotMet", "UnauthorizedBlobOverwrite", "409", "412"}


@dataclass
class _Upload:
    key: str
    ids: list[str] = field(default_factory=list)


class AzureStorage(ObjectStorage):
    """The blobs below a prefix of a container. adlfs finds the credentials; the requests are those of its client."""

    advice = Advice(
        container="container",
        credentials="Check AZURE_STORAGE_CONNECTION_STRING, or AZURE_STORAGE_ACCOUNT_NAME and _KEY, or az login",
        network="Check the network and the account's name; XLT_STORE_TIMEOUT gives more seconds",
        denied="Check the key in the environment, or ask the owner of the container for the role Storage Blob Data Contributor",
    )

    def __init__(self, url: str, container: str, prefix: str, account: str | None) -> None:
        super().__init__(url, container, prefix)
        self._account = account

    def _open(self) -> Any:
        from adlfs import AzureBlobFileSystem

        names = ("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT"), ("AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_KEY")
        account, key = (next((os.environ[name] for name in pair if os.environ.get(name)), None) for pair in names)
        account = self._account or account
        return AzureBlobFileSystem(account, key, use_listings_cache=False, skip_instance_cache=True)

    def _kind(self, error: Exception) -> Kind | None:
        names = {kind.__name__ for link in chain(error) for kind in type(link).__mro__}
        code = code_of(error)
        if code:
            by_status = {"ClientAuthenticationError": Kind.CREDENTIALS, "ResourceNotFoundError": Kind.MISSING}
            return _KINDS.get(code) or next((by_status[name] for name in by_status if name in names), Kind.OTHER)
        if names & {"ClientAuthenticationError", "AzureSigningError", "CredentialUnavailableError"}:
            return Kind.CREDENTIALS
        if names & {"ServiceRequestError", "ServiceResponseError", "FSTimeoutError"}:
            return Kind.UNREACHABLE
        if "AzureError" in names:
            return Kind.OTHER
        if isinstance(error, ValueError):  # no account, or a connection string or key that cannot be read
            return Kind.CREDENTIALS
        return kind_of_os_error(error) or (Kind.OTHER if isinstance(error, OSError) else None)

    def _blob(self, key: str, method: str, *arguments: Any, **options: Any) -> Any:
        """The result of a method of the blob's client; the retries are ours alone."""
        from fsspec.asyn import sync

        fs, limits = self.fs, _limits()

        async def call() -> Any:
            async with fs.service_client.get_blob_client(self._container, key) as client:
                answer = await getattr(client, method)(*arguments, **options, **limits)
                return await answer.readall() if method == "download_blob" else answer

        return sync(fs.loop, call)

    def _info(self, key: str) -> tuple[int, float]:
        found = self._blob(key, "get_blob_properties")
        return int(found.size), found.last_modified.timestamp()

    def _get(self, key: str, start: int, end: int) -> bytes:
        return bytes(self._blob(key, "download_blob", start, end - start))

    def _put(self, key: str, content: bytes) -> None:
        self._blob(key, "upload_blob", BytesIO(content), length=len(content), overwrite=True)

    def _create(self, key: str, content: bytes) -> bool:
        try:
            self._blob(key, "upload_blob", content, overwrite=False)  # sends If-None-Match: *
        except Exception as error:
            if code_of(error) in _TAKEN:
                return False
            raise
        return True

    def _delete(self, key: str) -> None:
        self._blob(key, "delete_blob")

    def _list(self, prefix: str) -> Iterator[tuple[str, int, float]]:
        from fsspec.asyn import sync

        fs, limits = self.fs, _limits()

        async def gather() -> list[tuple[str, int, float]]:
            async with fs.service_client.get_container_client(self._container) as client:
                blobs = client.list_blobs(name_starts_with=prefix, include=["metadata"], **limits)
                # accounts with a hierarchical namespace list folders too, and those in an order of their own
                folder = "hdi_isfolder"
                return sorted(
                    [(b.name, b.size, b.last_modified.timestamp()) async for b in blobs if folder not in (b.metadata or {})]
                )

        return Listing(lambda token: (sync(fs.loop, gather), None))

    def _check_container(self) -> None:
        from fsspec.asyn import sync

        fs, limits = self.fs, _limits()

        async def ask() -> None:
            async with fs.service_client.get_container_client(self._container) as client:
                async for _ in client.list_blobs(name_starts_with=self._prefix, results_per_page=1, **limits):
                    return

        sync(fs.loop, ask)

    def _begin(self, key: str, size: int) -> _Upload:
        return _Upload(key)

    def _part(self, upload: _Upload, number: int, start: int, content: bytes) -> None:
        name = f"{number:032d}"
        self._blob(upload.key, "stage_block", name, BytesIO(content), length=len(content))
        upload.ids.append(name)

    def _complete(self, upload: _Upload) -> None:
        from azure.storage.blob import BlobBlock

        self._blob(upload.key, "commit_block_list", [BlobBlock(name) for name in upload.ids])

    def _abandon(self, upload: _Upload) -> None:
        """Blocks that were never committed are not visible, and Azure drops them within a week."""


def _limits() -> dict[str, Any]:
    seconds = timeout_seconds()
    return {"retry_total": 0, "connection_timeout": seconds, "read_timeout": 3 * seconds}
