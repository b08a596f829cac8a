"""Private files behind one contract of signed URLs: an S3 bucket when one is configured, else a local folder.

Whoever hands out a URL has checked the permission and written the audit entry; the URL itself is the only
credential, and expires. An upload URL fixes key, type and largest size. It works until it expires, so an
uploaded object stays quarantined under its upload key; what a worker has checked goes under another.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from time import time
from typing import IO, Final, Literal, Protocol, TypedDict, cast
from urllib.parse import quote

from django.conf import settings
from django.core import signing
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from apps.core.errors import DependencyDown, DomainError

DOWNLOAD_SECONDS: Final = 60
UPLOAD_SECONDS: Final = 300
PLAIN_TYPE: Final = "application/octet-stream"

_SEGMENT = r"[A-Za-z0-9][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*"
_KEY = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})*")
_KEY_LENGTH: Final = 200
_CONTENT_TYPE = re.compile(r"[a-z]+/[a-z0-9][a-z0-9.+-]{0,99}")
_CHUNK: Final = 1024 * 1024


class FileMissing(DomainError):
    """No file has this key."""

    code = "FILE_MISSING"
    status = 404
    message = _("This file does not exist.")


class FileTooLarge(DomainError):
    """The upload is larger than its URL allows."""

    code = "PAYLOAD_TOO_LARGE"
    status = 413
    message = _("This file is too large.")


class LinkRefused(DomainError):
    """The signed URL is forged, expired, or made for something else."""

    code = "LINK_REFUSED"
    status = 403
    message = _("This link is not valid any more.")


class StorageDown(DependencyDown):
    """The file store does not answer."""


class Upload(TypedDict):
    """How a client sends a file straight to the store: a multipart form of `fields` and then `file`."""

    url: str
    method: Literal["POST"]
    fields: dict[str, str]
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class StoredFile:
    """What the store knows of a file."""

    size: int
    content_type: str


class Store(Protocol):
    """What a private store can do; every method raises `StorageDown` when it cannot be reached."""

    def put(self, key: str, data: bytes | IO[bytes], content_type: str) -> None:
        """Store a file whole or not at all, replacing what the key held."""

    def read(self, key: str) -> bytes:
        """Return a file's bytes; raise `FileMissing`."""

    def open(self, key: str) -> IO[bytes]:
        """Open a file for streaming; raise `FileMissing`."""

    def stat(self, key: str) -> StoredFile:
        """Return size and type; raise `FileMissing`."""

    def exists(self, key: str) -> bool:
        """Say whether the key holds a file."""

    def delete(self, key: str) -> None:
        """Remove a file; a key that holds none is no error."""

    def download_url(self, key: str, *, filename: str, expires: int = DOWNLOAD_SECONDS) -> str:
        """Return a URL that downloads the file as an attachment named `filename`, for `expires` seconds."""

    def presign_upload(
        self, key: str, *, content_type: str, max_size: int, expires: int = UPLOAD_SECONDS
    ) -> Upload:
        """Return the form that uploads this key and type, at most `max_size` bytes, within `expires` s."""

    def check(self) -> None:
        """Raise `StorageDown` unless the store can be written."""


def private_store() -> Store:
    """Return the configured store: S3 when S3_BUCKET is set, else the folder PRIVATE_FILES_ROOT."""
    if settings.S3_BUCKET:
        return _s3_store(
            settings.S3_BUCKET,
            settings.S3_ENDPOINT_URL,
            settings.S3_REGION,
            settings.S3_ACCESS_KEY_ID,
            settings.S3_SECRET_ACCESS_KEY,
        )
    return LocalStore(Path(settings.PRIVATE_FILES_ROOT))


def valid_key(key: str) -> str:
    """Return a key made of plain segments; raise ValueError on anything that could name another place."""
    if len(key) > _KEY_LENGTH or not _KEY.fullmatch(key):
        raise ValueError("a key consists of segments of letters, digits, - _ and single dots")
    return key


def attachment(filename: str) -> str:
    """Return a Content-Disposition that saves under `filename` (RFC 6266), whatever characters it has."""
    name = re.sub(r"[\x00-\x1f\x7f/\\]", "_", filename).strip() or "file"
    plain = re.sub(r"[^A-Za-z0-9 ._-]", "_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


@dataclass(frozen=True, slots=True)
class Grant:
    """What a local signed URL allows."""

    method: Literal["GET", "POST"]
    key: str
    expires_at: int
    filename: str = ""
    content_type: str = ""
    max_size: int = 0

    def token(self) -> str:
        """Return the signed form, safe in a URL path."""
        return _signer().sign_object(asdict(self))

    @classmethod
    def read(cls, token: str) -> Grant:
        """Return what a token allows; raise `LinkRefused`."""
        try:
            grant = cls(**_signer().unsign_object(token))
        except signing.BadSignature:
            raise LinkRefused from None
        if grant.expires_at <= time():
            raise LinkRefused
        return grant


@dataclass(frozen=True, slots=True)
class LocalStore:
    """A folder: `objects/` holds the bytes, `types/` the content types beside them."""

    root: Path

    def put(self, key: str, data: bytes | IO[bytes], content_type: str) -> None:
        """Write beside the target, flush to the disk, rename: readers see the old file or the new one."""
        if not _CONTENT_TYPE.fullmatch(content_type):
            raise ValueError("not a content type")
        with self._reported(missing=StorageDown):
            self._write(self._path("types", key), content_type.encode())
            self._write(self._path("objects", key), data)

    def read(self, key: str) -> bytes:
        """Return a file's bytes; raise `FileMissing`."""
        with self.open(key) as file:
            return file.read()

    def open(self, key: str) -> IO[bytes]:
        """Open a file for streaming; raise `FileMissing`."""
        with self._reported():
            return self._path("objects", key).open("rb")

    def stat(self, key: str) -> StoredFile:
        """Return size and type; raise `FileMissing`."""
        with self._reported():
            size = self._path("objects", key).stat().st_size
            return StoredFile(size=size, content_type=self._path("types", key).read_text())

    def exists(self, key: str) -> bool:
        """Say whether the key holds a file."""
        with self._reported():
            return self._path("objects", key).is_file()

    def delete(self, key: str) -> None:
        """Remove a file; a key that holds none is no error."""
        with self._reported():
            self._path("objects", key).unlink(missing_ok=True)
            self._path("types", key).unlink(missing_ok=True)

    def download_url(self, key: str, *, filename: str, expires: int = DOWNLOAD_SECONDS) -> str:
        """Return a URL of this site that downloads the file."""
        return _url(Grant("GET", valid_key(key), int(time()) + expires, filename=filename))

    def presign_upload(
        self, key: str, *, content_type: str, max_size: int, expires: int = UPLOAD_SECONDS
    ) -> Upload:
        """Return a form of this site that takes what the bucket's own would."""
        if not _CONTENT_TYPE.fullmatch(content_type):
            raise ValueError("not a content type")
        grant = Grant(
            "POST", valid_key(key), int(time()) + expires, content_type=content_type, max_size=max_size
        )
        fields = {"key": key, "Content-Type": content_type}
        return {"url": _url(grant), "method": "POST", "fields": fields, "headers": {}}

    def check(self) -> None:
        """Write and remove a file of no content."""
        with self._reported(missing=StorageDown):
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            with tempfile.NamedTemporaryFile(dir=self.root, prefix=".check-"):
                pass

    def _path(self, folder: str, key: str) -> Path:
        return self.root / folder / valid_key(key)

    def _write(self, path: Path, data: bytes | IO[bytes]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Segments of a key never begin with a dot, so a half-written file is no key's file.
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".part-")
        try:
            with os.fdopen(descriptor, "wb") as file:
                for chunk in _chunks(data):
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)

    @contextmanager
    def _reported(self, missing: type[DomainError] = FileMissing) -> Iterator[None]:
        try:
            yield
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            raise missing from None
        except OSError as error:
            raise StorageDown from error


def _chunks(data: bytes | IO[bytes]) -> Iterator[bytes]:
    if isinstance(data, bytes):
        yield data
        return
    while chunk := data.read(_CHUNK):
        yield chunk


def _sync_folder(folder: Path) -> None:
    """Make a rename survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _signer() -> signing.Signer:
    return signing.Signer(key=settings.LINK_SIGNING_KEY, salt="core.storage.grant")


def _url(grant: Grant) -> str:
    return f"{settings.PUBLIC_URL}{reverse('private-file', args=[grant.token()])}"


@lru_cache(maxsize=4)
def _s3_store(*configuration: str) -> Store:
    # boto3 takes a tenth of a second to import; a site without a bucket never pays it.
    from apps.core.storage_s3 import S3Store

    return cast("Store", S3Store.connect(*configuration))
