"""Storage in a Google Cloud Storage bucket. STORAGE_EMULATOR_HOST points it at an emulator."""

import mimetypes
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta
from http.client import HTTPException
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import requests
import urllib3
from google.api_core.exceptions import (
    Forbidden,
    GoogleAPICallError,
    GoogleAPIError,
    NotFound,
    PreconditionFailed,
    RetryError,
    Unauthorized,
)
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError, InvalidOperation, RefreshError
from google.cloud.storage import Blob, Client  # type: ignore[import-untyped]
from google.cloud.storage.exceptions import DataCorruption, InvalidResponse  # type: ignore[import-untyped]
from google.cloud.storage.retry import DEFAULT_RETRY  # type: ignore[import-untyped]

from akma_core.errors import FailureError, RequestError
from akma_core.storage.base import (
    MAX_BYTES,
    Entry,
    MissingKeyError,
    Storage,
    check_key,
    check_prefix,
    reading,
    receiving,
    too_large,
)

PIECE = 4 << 20  # bytes of one ranged request
UPLOAD_PIECE = 8 << 20  # bytes of one request of a resumable upload, held in memory; a multiple of 256 KiB
WRITER = "akma-writer"  # metadata: who put a key that may be put once
DELETERS = 8  # requests at once

# Else the library asks for the bucket's metadata in a thread of its own, for traces that nobody collects.
os.environ.setdefault("DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA", "true")


class BucketStorage(Storage):
    """Keys are the objects of `bucket` whose names begin with `prefix`, which is empty or ends with "/"."""

    def __init__(self, bucket: str, prefix: str = "", *, deadline: float) -> None:
        self._root = f"gs://{bucket}/{prefix}"
        self._prefix = prefix
        self._deadline = deadline
        # The last attempt starts in the first half; to connect and to be answered it may then wait a quarter each.
        retry = DEFAULT_RETRY.with_delay(initial=0.25, maximum=deadline / 8).with_timeout(deadline / 2)
        self._calls: dict[str, Any] = {"retry": retry, "timeout": (deadline / 4, deadline / 4)}
        try:
            self._client = Client(project=None)
        except DefaultCredentialsError:
            message = "no Google Cloud credentials: run 'gcloud auth application-default login' or set "
            raise FailureError(message + "GOOGLE_APPLICATION_CREDENTIALS", code="no_credentials") from None
        self._bucket = self._client.bucket(bucket)

    def url(self, key: str) -> str:
        return self._root + check_key(key)

    def put_file(self, key: str, path: Path, content_type: str | None = None) -> None:
        blob = self._blob(key, chunk_size=UPLOAD_PIECE)
        with reading(path), path.open("rb") as file, self._told(key):
            size = os.fstat(file.fileno()).st_size
            blob.upload_from_file(file, size=size, content_type=content_type or _guess(key), **self._calls)

    def put_bytes(self, key: str, data: bytes, *, if_absent: bool = False) -> bool:
        blob = self._blob(key, chunk_size=UPLOAD_PIECE)
        blob.metadata = {WRITER: uuid4().hex} if if_absent else None
        generation = 0 if if_absent else None
        with self._told(key):
            try:
                blob.upload_from_string(data, _guess(key), if_generation_match=generation, **self._calls)
            except PreconditionFailed:
                # It may be there because it was put here and the answer was lost: then sending it again fails.
                there = self._bucket.get_blob(blob.name, **self._calls)
                return there is not None and (there.metadata or {}).get(WRITER) == blob.metadata[WRITER]
        return True

    def get_file(self, key: str, path: Path) -> None:
        blob = self._blob(key)
        with receiving(path) as file, self._told(key, missing=True):
            blob.download_to_file(file, **self._calls)

    def get_bytes(self, key: str, limit: int = MAX_BYTES) -> bytes:
        sink = _Bounded(limit, too_large(self.url(key), limit))
        with self._told(key, missing=True):
            self._blob(key).download_to_file(sink, **self._calls)
        return sink.getvalue()

    def _pieces(self, key: str, start: int, stop: int) -> Iterator[bytes]:
        with self._told(key):
            blob = self._bucket.get_blob(self._prefix + key, **self._calls)
        if blob is None:
            raise self._missing(key)
        yield b""
        stop = min(stop, blob.size)
        while start < stop:
            end = min(start + PIECE, stop)
            version = {"if_generation_match": blob.generation}
            with self._told(key):
                try:
                    piece = blob.download_as_bytes(start=start, end=end - 1, **version, **self._calls)
                except (NotFound, PreconditionFailed):
                    message = f"{self.url(key)} was put again or deleted while it was read"
                    raise FailureError(message, code="storage_changed") from None
            yield piece
            start = end

    def size(self, key: str) -> int | None:
        with self._told(key):
            blob = self._bucket.get_blob(self._blob(key).name, **self._calls)
        return None if blob is None else blob.size

    def list(self, prefix: str = "") -> Iterator[Entry]:
        return self._entries(check_prefix(prefix))

    def delete(self, key: str) -> None:
        with self._told(key), suppress(NotFound):
            self._blob(key).delete(**self._calls)

    def delete_prefix(self, prefix: str) -> None:
        check_key(prefix[:-1])
        with ThreadPoolExecutor(DELETERS) as pool:
            for _ in pool.map(self.delete, [entry.key for entry in self.list(prefix)]):
                pass  # raises what one of them raised

    def signed_url(self, key: str, seconds: int) -> str | None:
        try:
            url: str = self._blob(key).generate_signed_url(version="v4", expiration=timedelta(seconds=seconds))
        except (AttributeError, GoogleAuthError):  # the first is what the library says of credentials without a key
            return None
        return url

    def _blob(self, key: str, chunk_size: int | None = None) -> Blob:
        return self._bucket.blob(self._prefix + check_key(key), chunk_size=chunk_size)

    def _entries(self, prefix: str) -> Iterator[Entry]:
        with self._told(prefix):
            for blob in self._client.list_blobs(self._bucket, prefix=self._prefix + prefix, **self._calls):
                with suppress(RequestError):  # not one of ours
                    yield Entry(check_key(blob.name.removeprefix(self._prefix)), blob.size, blob.updated)

    def _missing(self, key: str) -> MissingKeyError:
        return MissingKeyError(f"there is no {self.url(key)}")

    @contextmanager
    def _told(self, key: str, *, missing: bool = False) -> Iterator[None]:
        """Turn the library's errors into one line of ours: its own have URLs in them that let others write.

        `missing`: 404 is the key's, not the bucket's."""
        try:
            yield
        except NotFound:
            if missing:
                raise self._missing(key) from None
            message = f"bucket {self._bucket.name} does not exist: make it, or mend AKMA_STORAGE"
            raise FailureError(message, code="no_bucket") from None
        except (Forbidden, Unauthorized, RefreshError, InvalidOperation) as error:
            message = (
                f"no right to do that with {self._root}{key} ({_reason(error)}): give the service account the role "
            )
            raise FailureError(message + "roles/storage.objectUser on the bucket", code="no_rights") from None
        except DataCorruption:
            raise FailureError(f"{self._root}{key}: checksums differ", code="storage_corrupt") from None
        except REMOTE as error:
            message = f"no success with {self._root}{key} within {self._deadline:g} s: {_reason(error)}"
            raise FailureError(message, code="storage_unreachable") from None


REMOTE = (
    GoogleAPIError,
    GoogleAuthError,
    InvalidResponse,
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    HTTPException,
    ConnectionError,
)


def _reason(error: BaseException | None) -> str:
    if isinstance(error, RetryError):
        return _reason(error.cause)
    if isinstance(error, GoogleAPICallError):
        return f"HTTP {error.code}"
    if isinstance(error, InvalidResponse):
        return f"HTTP {error.response.status_code}"
    if isinstance(error, requests.Timeout):
        return "no answer"
    if isinstance(error, requests.ConnectionError | ConnectionError):
        return "no connection"
    return type(error).__name__


def _guess(key: str) -> str:
    return mimetypes.guess_type(key)[0] or "application/octet-stream"


class _Bounded(BytesIO):
    """Raises `refusal` rather than hold more than `limit` bytes."""

    def __init__(self, limit: int, refusal: RequestError) -> None:
        super().__init__()
        self._limit = limit
        self._refusal = refusal

    def write(self, data: Any, /) -> int:
        if self.tell() + len(data) > self._limit:
            raise self._refusal
        return super().write(data)
