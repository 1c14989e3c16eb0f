"""A store in a bucket of S3 or of anything that speaks like it: `s3://BUCKET/PREFIX`.

Credentials, profile, region and endpoint come from the environment and the files of AWS (AWS_PROFILE, AWS_ENDPOINT_URL ...).
Exclusive creation is `If-None-Match: *`, which AWS has known since 2024 and others ignore; the probe finds out.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from xlt_augment.store.storage.faults import Advice, Kind, chain, code_of, kind_of_os_error
from xlt_augment.store.storage.remote import Listing, ObjectStorage
from xlt_augment.store.storage.timing import timeout_seconds

_CREDENTIALS = "InvalidAccessKeyId SignatureDoesNotMatch ExpiredToken InvalidToken AuthorizationHeaderMalformed".split()
_KINDS = {
    **dict.fromkeys(_CREDENTIALS, Kind.CREDENTIALS),
    **dict.fromkeys(("RequestTimeTooSkewed", "TokenRefreshRequired", "InvalidClientTokenId"), Kind.CREDENTIALS),
    **dict.fromkeys(("AccessDenied", "AllAccessDisabled", "403", "Forbidden", "AccountProblem"), Kind.DENIED),
    **dict.fromkeys(("NoSuchKey", "404", "NotFound"), Kind.MISSING),
    **dict.fromkeys(("NoSuchBucket", "InvalidBucketName"), Kind.CONTAINER),
    **dict.fromkeys(("NotImplemented", "501"), Kind.UNSUPPORTED),
    **dict.fromkeys(("QuotaExceeded", "XMinioStorageFull", "InsufficientCapacity", "507"), Kind.SPACE),
    **dict.fromkeys(
        "SlowDown ServiceUnavailable InternalError RequestTimeout Throttling 500 502 503 504 429".split(), Kind.BUSY
    ),
    **dict.fromkeys(("ConditionalRequestConflict", "OperationAborted", "409"), Kind.BUSY),
}
_NO_CREDENTIALS = {"NoCredentialsError", "PartialCredentialsError", "ProfileNotFound", "CredentialRetrievalError"}
_NO_CREDENTIALS |= {"TokenRetrievalError", "SSOTokenLoadError", "UnauthorizedSSOTokenError", "LoginRefreshRequired"}
_TAKEN = ("PreconditionFailed", "412")


_loaders: list[Any] = []


def _session() -> Any:
    """A session of its own, so with the credentials of now, but with the descriptions of the services read once a process."""
    from aiobotocore.session import AioSession

    session = AioSession()
    if _loaders:
        session.register_component("data_loader", _loaders[0])
    else:
        _loaders.append(session.get_component("data_loader"))
    return session


@dataclass
class _Upload:
    key: str
    id: str
    parts: list[dict[str, Any]] = field(default_factory=list)


class S3Storage(ObjectStorage):
    """The objects below a prefix of a bucket, through s3fs."""

    advice = Advice(
        container="bucket",
        credentials="Check AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and this machine's clock",
        network="Check the network and AWS_ENDPOINT_URL; XLT_STORE_TIMEOUT gives more seconds",
        denied="Check AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; where they are right, ask the owner of the "
        "bucket for s3:GetObject, PutObject, DeleteObject and ListBucket below this prefix",
    )

    def _open(self) -> Any:
        import s3fs

        seconds = timeout_seconds()
        settings = {
            "connect_timeout": seconds,
            "read_timeout": 3 * seconds,
            "retries": {"total_max_attempts": 1, "mode": "standard"},  # ours are the only ones
            # checksums in trailers, which many that speak S3 do not know; every object is checked by its sha256
            "request_checksum_calculation": "when_required",
            "response_checksum_validation": "when_required",
        }
        fs = s3fs.S3FileSystem(session=_session(), config_kwargs=settings, use_listings_cache=False, skip_instance_cache=True)
        fs.retries = 1
        return fs

    def _kind(self, error: Exception) -> Kind | None:
        code = code_of(error)
        if code:
            return _KINDS.get(code, Kind.OTHER)
        names = {kind.__name__ for link in chain(error) for kind in type(link).__mro__}
        if names & _NO_CREDENTIALS:
            return Kind.CREDENTIALS
        if names & {
            "HTTPClientError",
            "ConnectionError",
            "ClientError",
            "ResponseParserError",
            "FSTimeoutError",
            "IncompleteRead",
        }:
            return Kind.UNREACHABLE
        if names & {"BotoCoreError", "ParamValidationError"}:
            return Kind.OTHER
        if "ValueError" in names:  # an AWS_ENDPOINT_URL that is no address
            return Kind.UNREACHABLE
        return kind_of_os_error(error) or (Kind.OTHER if isinstance(error, OSError) else None)

    def _s3(self, method: str, **parameters: Any) -> Any:
        return self.fs.call_s3(method, Bucket=self._container, **parameters)

    def _info(self, key: str) -> tuple[int, float]:
        head = self._s3("head_object", Key=key)
        return int(head["ContentLength"]), head["LastModified"].timestamp()

    def _get(self, key: str, start: int, end: int) -> bytes:
        return bytes(self.fs.cat_file(f"{self._container}/{key}", start=start, end=end))

    def _put(self, key: str, content: bytes) -> None:
        self._s3("put_object", Key=key, Body=content)

    def _create(self, key: str, content: bytes) -> bool:
        try:
            self._s3("put_object", Key=key, Body=content, IfNoneMatch="*")
        except OSError as error:
            if code_of(error) in _TAKEN:
                return False
            raise
        return True

    def _delete(self, key: str) -> None:
        self._s3("delete_object", Key=key)

    def _list(self, prefix: str) -> Iterator[tuple[str, int, float]]:
        return Listing(lambda token: self._page(prefix, token))

    def _page(self, prefix: str, token: str | None) -> tuple[list[tuple[str, int, float]], str | None]:
        page = self._s3("list_objects_v2", Prefix=prefix, **({"ContinuationToken": token} if token else {}))
        items = [(item["Key"], int(item["Size"]), item["LastModified"].timestamp()) for item in page.get("Contents", [])]
        return items, page["NextContinuationToken"] if page.get("IsTruncated") else None

    def _check_container(self) -> None:
        self._s3("list_objects_v2", Prefix=self._prefix, MaxKeys=1)

    def _begin(self, key: str, size: int) -> _Upload:
        return _Upload(key, self._s3("create_multipart_upload", Key=key)["UploadId"])

    def _part(self, upload: _Upload, number: int, start: int, content: bytes) -> None:
        answer = self._s3("upload_part", Key=upload.key, UploadId=upload.id, PartNumber=number + 1, Body=content)
        upload.parts.append({"PartNumber": number + 1, "ETag": answer["ETag"]})

    def _complete(self, upload: _Upload) -> None:
        parts = {"Parts": upload.parts}
        self._s3("complete_multipart_upload", Key=upload.key, UploadId=upload.id, MultipartUpload=parts)

    def _abandon(self, upload: _Upload) -> None:
        self._s3("abort_multipart_upload", Key=upload.key, UploadId=upload.id)
