"""Writing to a disk that may be full: what goes wrong becomes one clear line."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

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
