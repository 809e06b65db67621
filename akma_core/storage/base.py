"""Interface of every storage, and the rules of its keys."""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from akma_core.errors import FailureError, RequestError
from akma_core.files import sync, writing

# No dot in front: that rules out `..`, and keeps such names for what is being written. No spaces, wildcards or letters
# that file systems fold: the same key is the same name on every disk, in a bucket, in a URL and for gcloud.
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
MAX_NAME = 200  # characters; file systems take 255 bytes
MAX_KEY = 500  # characters; a bucket takes 1024 bytes, with a prefix as long as that
MAX_BYTES = 16 << 20  # what get_bytes reads unless told otherwise


class MissingKeyError(RequestError):
    """Nothing is kept under that key. HTTP 404."""

    code = "not_found"


@dataclass(frozen=True)
class Entry:
    """One key of a listing."""

    key: str
    size: int
    """Bytes."""
    modified: datetime
    """Moment at which it was put, with its time zone, UTC."""


class Storage(ABC):
    """Bytes under keys: relative names such as `renders/ID/chunks/00003.mp4`. One object serves any number of threads.

    A key is letters, digits and `. _ -` in parts of up to 200 characters joined by `/`, none beginning with a dot, 500
    characters in all; it is never a folder of other keys as well. Every method raises RequestError (code bad_key) for
    another, and FailureError (disk_full, write_failed, storage_unreachable, no_rights, no_bucket, ...) in one line
    without secrets where the storage fails for good. What may pass is tried again before that.
    """

    @abstractmethod
    def url(self, key: str) -> str:
        """Address for people: file:///... or gs://..."""

    @abstractmethod
    def put_file(self, key: str, path: Path, content_type: str | None = None) -> None:
        """Keep what the file at `path` holds, in place of what is there; returns when the bytes are safe.

        Memory does not grow with the file. `content_type`: a MIME type for browsers, from the key's suffix if None.
        """

    @abstractmethod
    def put_bytes(self, key: str, data: bytes, *, if_absent: bool = False) -> bool:
        """Keep `data`; returns when it is safe. With `if_absent`, False and nothing done where the key is there:
        of all that put it at once, exactly one gets True."""

    @abstractmethod
    def get_file(self, key: str, path: Path) -> None:
        """Make the file at `path`, whole or not at all. MissingKeyError where there is no such key."""

    @abstractmethod
    def get_bytes(self, key: str, limit: int = MAX_BYTES) -> bytes:
        """All of it. MissingKeyError; RequestError (code too_large) beyond `limit` bytes."""

    def open_range(self, key: str, start: int, stop: int) -> Iterator[bytes]:
        """Bytes `start` up to but without `stop`, in pieces of a few MiB, all of one version of the key; less where it
        is shorter. MissingKeyError at once, not in the middle. ValueError unless 0 <= start <= stop."""
        if not 0 <= start <= stop:
            raise ValueError(f"no range: {start} to {stop}")
        pieces = self._pieces(check_key(key), start, stop)
        next(pieces)
        return pieces

    @abstractmethod
    def _pieces(self, key: str, start: int, stop: int) -> Iterator[bytes]:
        """As open_range, after an empty piece that says that the key was found."""

    @abstractmethod
    def size(self, key: str) -> int | None:
        """Bytes; None where there is no such key."""

    def exists(self, key: str) -> bool:
        """True where the key is there, whole."""
        return self.size(key) is not None

    @abstractmethod
    def list(self, prefix: str = "") -> Iterator[Entry]:
        """List what is below `prefix`, empty or ending with "/", in the order of the keys, fetched as it is used."""

    @abstractmethod
    def delete(self, key: str) -> None:
        """Remove it, if it is there."""

    def delete_prefix(self, prefix: str) -> None:
        """Remove all below `prefix`, which ends with "/". It may stop half-way: remove a marker on its own before."""
        check_key(prefix[:-1])
        for entry in self.list(prefix):
            self.delete(entry.key)

    @abstractmethod
    def signed_url(self, key: str, seconds: int) -> str | None:
        """A link that anyone may fetch the key from for 1 to 604800 seconds; None where the storage cannot make one."""

    def local_path(self, key: str) -> Path | None:  # noqa: ARG002
        """The file that holds the key, to read where it is, on storages that have one; None on others."""
        return None

    def check(self) -> None:
        """Put, get, list and delete a small key; FailureError or RequestError that says which of them cannot be."""
        key, data = f"check/{uuid4().hex}", b"AKMA writes this to see that it can.\n"
        self.put_bytes(key, data, if_absent=True)
        try:
            if self.get_bytes(key) != data or key not in (entry.key for entry in self.list("check/")):
                raise FailureError(f"{self.url(key)} is not what was put there", code="storage_corrupt")
        finally:
            self.delete(key)

    def now(self) -> datetime:
        """Moment by the clock that `modified` of a listing is of, UTC: that of a key put just now."""
        key = f"check/{uuid4().hex}"
        self.put_bytes(key, b"AKMA reads the time of this.\n")
        try:
            return next(entry.modified for entry in self.list("check/") if entry.key == key)
        finally:
            self.delete(key)


def check_key(key: str) -> str:
    """The key, or RequestError."""
    parts = key.split("/")
    if len(key) > MAX_KEY or not all(NAME.fullmatch(part) and len(part) <= MAX_NAME for part in parts):
        message = f"{key[:80]!a} is no key: letters, digits, '.', '_' and '-' in parts joined by '/', no dot in front"
        raise RequestError(message, code="bad_key")
    return key


def check_prefix(prefix: str) -> str:
    """The prefix, or RequestError where it is neither empty nor a key and a "/"."""
    if prefix and not prefix.endswith("/"):
        raise RequestError(f"{prefix[:80]!a} is no prefix: it ends with '/'", code="bad_key")
    if prefix:
        check_key(prefix[:-1])
    return prefix


def too_large(url: str, limit: int) -> RequestError:
    return RequestError(f"{url} is larger than {limit} bytes", code="too_large")


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turns what goes wrong while `path` is read into a FailureError, code read_failed."""
    try:
        yield
    except OSError as error:
        raise FailureError(f"cannot read {path}: {error.strerror or error}", code="read_failed") from error


@contextmanager
def receiving(path: Path) -> Iterator[BinaryIO]:
    """A local file that is at `path` once the block has ended well, and nowhere if it has not."""
    temporary = path.with_name(f".{uuid4().hex}.tmp")
    with writing(path):
        try:
            with temporary.open("xb") as file:
                yield file
            sync(temporary)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
