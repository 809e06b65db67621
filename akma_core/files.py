"""Files that are there whole or not at all, on a disk that may be full: what goes wrong becomes one clear line."""

import errno
import fcntl
import hashlib
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from akma_core.errors import FailureError

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def writing(path: Path, *also: type[Exception]) -> Iterator[None]:
    """Turns an OSError, or one of `also` that has an errno, into a FailureError, code disk_full or write_failed."""
    kinds: tuple[type[Exception], ...] = (OSError, *also)
    try:
        yield
    except kinds as caught:
        error: Any = caught
        if error.errno in FULL:
            message = f"no room left to write {path}: free some space on that disk and run the same again"
            raise FailureError(message, code="disk_full") from error
        raise FailureError(f"cannot write {path}: {error.strerror or error}", code="write_failed") from error


def sync(path: Path) -> None:
    """Returns when the file's bytes are on the disk."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def temporary(path: Path) -> Path:
    """A name beside `path` that no other writer has, for what becomes `path` when it is whole; ends in ".tmp"."""
    return path.with_name(f"{path.name}.{uuid.uuid4().hex[:8]}.tmp")


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Make a file by `write(temporary)`, put it on the disk and in place at once.

    FailureError where the disk does not take it; `path` is then as it was.
    """
    new = temporary(path)
    try:
        with writing(path):
            write(new)
            sync(new)
            new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def lock_file(path: Path) -> IO[str] | None:
    """Open and lock `path`, made where it is missing; None while another process has it. Closing it frees it."""
    file = path.open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    return file


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes: 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
