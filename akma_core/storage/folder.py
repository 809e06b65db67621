"""Storage in a folder of a disk. POSIX: it relies on rename and link being atomic."""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from io import BytesIO
from itertools import takewhile
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO
from uuid import uuid4

from akma_core.errors import FailureError, RequestError
from akma_core.files import writing
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

PIECE = 1 << 20  # bytes at a time
ATTEMPTS = 100  # to find a folder that others empty and remove at the same time
LEFTOVER = 24 * 3600  # seconds without a write, after which nobody is writing any more


class FileStorage(Storage):
    """Keys are the files below `root`, which is made when the first is put. Symbolic links below it are refused."""

    def __init__(self, root: Path) -> None:
        self.root = Path(os.path.realpath(root))
        self._incoming = self.root / ".incoming"  # in no listing, as no key begins with a dot

    def url(self, key: str) -> str:
        return (self.root / check_key(key)).as_uri()

    def put_file(self, key: str, path: Path, content_type: str | None = None) -> None:  # noqa: ARG002
        with reading(path), path.open("rb") as source:
            self._put(key, source, if_absent=False)

    def put_bytes(self, key: str, data: bytes, *, if_absent: bool = False) -> bool:
        return self._put(key, BytesIO(data), if_absent=if_absent)

    def get_file(self, key: str, path: Path) -> None:
        with self._opened(key) as source, receiving(path) as file:
            shutil.copyfileobj(source, file, PIECE)

    def get_bytes(self, key: str, limit: int = MAX_BYTES) -> bytes:
        with self._opened(key) as file:
            data = file.read(limit + 1)
        if len(data) > limit:
            raise too_large(self.url(key), limit)
        return data

    def local_path(self, key: str) -> Path | None:
        return self._path(key)

    def _pieces(self, key: str, start: int, stop: int) -> Iterator[bytes]:
        with self._opened(key) as file:
            yield b""
            file.seek(start)
            while start < stop and (piece := file.read(min(PIECE, stop - start))):
                yield piece
                start += len(piece)

    def size(self, key: str) -> int | None:
        path = self._path(key)
        with reading(path):
            try:
                info = path.lstat()
            except (FileNotFoundError, NotADirectoryError):
                return None
        return info.st_size if S_ISREG(info.st_mode) else None

    def list(self, prefix: str = "") -> Iterator[Entry]:
        return self._walk(self._path(prefix[:-1]) if check_prefix(prefix) else self.root, prefix)

    def delete(self, key: str) -> None:
        path = self._path(key)
        if self.size(key) is not None:
            with writing(path):
                path.unlink(missing_ok=True)
        with suppress(OSError):  # not empty: a folder is there as long as a key is in it, as in a bucket
            for folder in self._folders(path):
                folder.rmdir()

    def signed_url(self, key: str, seconds: int) -> str | None:  # noqa: ARG002
        check_key(key)
        return None

    def check(self) -> None:
        try:
            super().check()
            with writing(self.root):
                for leftover in self._incoming.iterdir():  # of processes that were killed
                    with suppress(FileNotFoundError):
                        if leftover.lstat().st_mtime < time.time() - LEFTOVER:
                            leftover.unlink()
        except FailureError as error:
            if error.code == "disk_full":
                raise
            message = f"storage folder {self.root} cannot be used ({error}): choose another with AKMA_STORAGE"
            raise RequestError(message, code="bad_storage", field="storage") from error

    def _path(self, key: str) -> Path:
        path = self.root / check_key(key)
        with reading(path):
            if path.is_symlink() or any(folder.is_symlink() for folder in self._folders(path)):
                raise RequestError(f"{path} is behind a symbolic link, which is not followed", code="bad_key")
        return path

    def _folders(self, path: Path) -> Iterator[Path]:
        """Folders that `path` is in, from the inner ones on, without the root."""
        return takewhile(lambda folder: folder != self.root, path.parents)

    @contextmanager
    def _opened(self, key: str) -> Iterator[BinaryIO]:
        if self.size(key) is None:
            raise MissingKeyError(f"there is no {self.url(key)}")
        path = self._path(key)
        with reading(path), path.open("rb") as file:
            yield file

    def _put(self, key: str, source: BinaryIO, *, if_absent: bool) -> bool:
        path, temporary = self._path(key), self._incoming / uuid4().hex
        with writing(path):
            self._incoming.mkdir(parents=True, exist_ok=True)
            try:
                with temporary.open("xb") as file:
                    shutil.copyfileobj(source, file, PIECE)
                    file.flush()
                    os.fsync(file.fileno())
                placed = self._place(temporary, path, if_absent=if_absent)
            finally:
                temporary.unlink(missing_ok=True)
            # Also where another one was first: True and False both say that the key outlives a power cut.
            self._sync_folders(path)
        return placed

    def _place(self, temporary: Path, path: Path, *, if_absent: bool) -> bool:
        for _ in range(ATTEMPTS):
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                if not if_absent:
                    temporary.replace(path)
                    return True
                try:
                    path.hardlink_to(temporary)
                    return True
                except FileExistsError:
                    if not path.is_dir():
                        return False
            except (FileNotFoundError, FileExistsError, IsADirectoryError, NotADirectoryError):
                pass  # either somebody deleted the last key beside it at this moment, or:
            if path.is_dir() or any(folder.is_file() for folder in self._folders(path)):
                message = f"{path} is or is below another key: a key cannot be a folder of keys as well"
                raise RequestError(message, code="bad_key")
        raise FailureError(f"cannot write {path}: its folder is removed all the time", code="write_failed")

    def _sync_folders(self, path: Path) -> None:
        for folder in (*self._folders(path), self.root):
            with suppress(FileNotFoundError):
                handle = os.open(folder, os.O_RDONLY)
                try:
                    os.fsync(handle)
                finally:
                    os.close(handle)

    def _walk(self, folder: Path, prefix: str) -> Iterator[Entry]:
        with reading(folder):
            try:
                # A folder sorts as its keys do, among which "a-b" < "a/b" < "a_b".
                names = sorted(item.name + "/" * (item.is_dir() and not item.is_symlink()) for item in folder.iterdir())
            except (FileNotFoundError, NotADirectoryError):
                return
        for name in names:
            with suppress(RequestError, FileNotFoundError):  # not one of ours, or removed a moment ago
                if name.endswith("/"):
                    yield from self._walk(folder / name, check_prefix(prefix + name))
                    continue
                key, info = check_key(prefix + name), (folder / name).lstat()
                if S_ISREG(info.st_mode):
                    yield Entry(key, info.st_size, datetime.fromtimestamp(info.st_mtime, UTC))
