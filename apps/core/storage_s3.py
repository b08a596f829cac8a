"""The private store on any S3-compatible bucket, through django-storages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import IO, Any, Final, cast

from botocore.client import Config
from botocore.exceptions import BotoCoreError, ClientError
from storages.backends.s3 import S3Storage

from apps.core.errors import DomainError
from apps.core.storage import (
    DOWNLOAD_SECONDS,
    PLAIN_TYPE,
    UPLOAD_SECONDS,
    FileMissing,
    StorageDown,
    StoredFile,
    Upload,
    attachment,
    valid_key,
)

_MISSING: Final = {"404", "NoSuchKey", "NotFound"}
_OBJECT_IN_MEMORY: Final = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class S3Store:
    """A bucket nobody can list or read without a signature."""

    storage: S3Storage

    @classmethod
    def connect(
        cls, bucket: str, endpoint_url: str, region: str, access_key_id: str, secret_access_key: str
    ) -> S3Store:
        """Return a store on a bucket; no request is made yet. Empty strings leave boto3's own defaults."""
        return cls(
            S3Storage(
                bucket_name=bucket,
                endpoint_url=endpoint_url or None,
                region_name=region or None,
                access_key=access_key_id or None,
                secret_key=secret_access_key or None,
                default_acl=None,
                file_overwrite=True,
                querystring_auth=True,
                max_memory_size=_OBJECT_IN_MEMORY,
                client_config=Config(
                    signature_version="s3v4",
                    s3={"addressing_style": "path" if endpoint_url else "auto"},
                    connect_timeout=3,
                    read_timeout=20,
                    retries={"max_attempts": 2, "mode": "standard"},
                    # Checksum trailers of newer SDKs are not understood by every compatible server.
                    request_checksum_calculation="when_required",
                    response_checksum_validation="when_required",
                ),
            )
        )

    def put(self, key: str, data: bytes | IO[bytes], content_type: str) -> None:
        """Store a file; the bucket shows it whole or not at all."""
        body = BytesIO(data) if isinstance(data, bytes) else data
        with _reported():
            self._client.upload_fileobj(
                body, self._bucket, valid_key(key), ExtraArgs={"ContentType": content_type}
            )

    def read(self, key: str) -> bytes:
        """Return a file's bytes; raise `FileMissing`."""
        with _reported():
            answer = self._client.get_object(Bucket=self._bucket, Key=valid_key(key))
            return cast("bytes", answer["Body"].read())

    def open(self, key: str) -> IO[bytes]:
        """Open a file for streaming; raise `FileMissing`."""
        with _reported():
            file = self.storage.open(valid_key(key), "rb")
            file.size  # noqa: B018 - asks the bucket now, so that a missing file is known here
            return cast("IO[bytes]", file)

    def stat(self, key: str) -> StoredFile:
        """Return size and type; raise `FileMissing`."""
        with _reported():
            head = self._client.head_object(Bucket=self._bucket, Key=valid_key(key))
        return StoredFile(size=head["ContentLength"], content_type=head.get("ContentType", PLAIN_TYPE))

    def exists(self, key: str) -> bool:
        """Say whether the key holds a file."""
        try:
            self.stat(key)
        except FileMissing:
            return False
        return True

    def delete(self, key: str) -> None:
        """Remove a file; a key that holds none is no error."""
        with _reported():
            self._client.delete_object(Bucket=self._bucket, Key=valid_key(key))

    def download_url(self, key: str, *, filename: str, expires: int = DOWNLOAD_SECONDS) -> str:
        """Return a presigned GET that the bucket answers as an attachment."""
        parameters = {
            "ResponseContentDisposition": attachment(filename),
            "ResponseCacheControl": "private, no-store",
        }
        with _reported():
            return cast("str", self.storage.url(valid_key(key), parameters=parameters, expire=expires))

    def presign_upload(
        self, key: str, *, content_type: str, max_size: int, expires: int = UPLOAD_SECONDS
    ) -> Upload:
        """Return a presigned POST whose policy fixes key, type and size."""
        with _reported():
            form = self._client.generate_presigned_post(
                self._bucket,
                valid_key(key),
                Fields={"Content-Type": content_type},
                Conditions=[{"Content-Type": content_type}, ["content-length-range", 1, max_size]],
                ExpiresIn=expires,
            )
        return {"url": form["url"], "method": "POST", "fields": form["fields"], "headers": {}}

    def check(self) -> None:
        """Ask for the bucket."""
        with _reported(missing=StorageDown):
            self._client.head_bucket(Bucket=self._bucket)

    @property
    def _client(self) -> Any:
        return self.storage.connection.meta.client

    @property
    def _bucket(self) -> str:
        return cast("str", self.storage.bucket_name)


@contextmanager
def _reported(missing: type[DomainError] = FileMissing) -> Iterator[None]:
    """Turn what the SDK raises into the store's refusals."""
    try:
        yield
    except FileNotFoundError:
        raise missing from None
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in _MISSING:
            raise missing from None
        raise StorageDown from error
    except BotoCoreError as error:
        raise StorageDown from error
