"""Objects of renders in storage, believed only as far as the database knows their size and SHA-256."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from akma_core.database import SONG, Checksum, Database, Render
from akma_core.errors import FailureError, RequestError
from akma_core.files import sha256_of
from akma_core.storage import MAX_BYTES, MissingKeyError, Storage
from akma_core.storage.layout import render_key


class RenderStoppedError(Exception):
    """The render was cancelled, failed, deleted or reassigned meanwhile, or the process is about to end."""


class DamagedError(FailureError):
    """An object is gone, cut, or has other bytes than it was put with."""

    code = "storage_corrupt"
    gone = False


class RenderObjects:
    """Puts and gets objects by a render and a name such as chunks/00003.mp4.

    What the database knows nothing of, as an AKMA of before put it, is believed when it is read.
    """

    def __init__(self, database: Database, storage: Storage) -> None:
        self._database, self._storage = database, storage

    def put_file(self, render_id: str, name: str, path: Path, version: str) -> None:
        """Keep a file; RenderStoppedError, and nothing is put, where the render is over or another version's."""
        # First what it should be: a process that ends in between leaves what counts as gone.
        if not self._database.expect(render_id, name, checksum_of_file(path), version):
            raise RenderStoppedError
        self._storage.put_file(render_key(render_id, name), path)

    def put_bytes(self, render_id: str, name: str, data: bytes, version: str) -> None:
        """As put_file."""
        if not self._database.expect(render_id, name, checksum_of(data), version):
            raise RenderStoppedError
        self._storage.put_bytes(render_key(render_id, name), data)

    def get_song(self, render: Render, path: Path) -> None:
        """Make the file at `path`; RequestError, code song_lost, where it is not what was uploaded."""
        known = self._database.checksum(render.id, SONG)
        with suppress(MissingKeyError):
            self._storage.get_file(render.audio, path)
            if known in (None, checksum_of_file(path)):
                return
        message = "the service's storage has lost the song, or damaged it: submit it again"
        raise RequestError(message, code="song_lost", field="audio")

    def get_stem(self, key: str, path: Path) -> None:
        """Make the file at `path` of a song that is kept; RequestError, code song_lost, where it is gone."""
        with suppress(MissingKeyError):
            self._storage.get_file(key, path)
            return
        message = "the service's storage has lost a stem: upload it and submit the render again"
        raise RequestError(message, code="song_lost", field="stems")

    def get_file(self, render_id: str, name: str, path: Path) -> None:
        """Make the file at `path`; DamagedError, and no file, where the object is not what was put."""
        with _gone(render_id, name):
            self._storage.get_file(render_key(render_id, name), path)
        known = self._database.checksum(render_id, name)
        if known and known != checksum_of_file(path):
            path.unlink()
            raise _damaged(render_id, name)

    def get_bytes(self, render_id: str, name: str, limit: int = MAX_BYTES) -> bytes:
        """As get_file; beyond `limit` bytes it is damaged."""
        with _gone(render_id, name):
            data = self._storage.get_bytes(render_key(render_id, name), limit)
        known = self._database.checksum(render_id, name)
        if known and known != checksum_of(data):
            raise _damaged(render_id, name)
        return data

    def is_sound(self, render_id: str, name: str) -> bool:
        """True where it is there as it was put, read to its end; False as well where nobody knows what was put."""
        key, known = render_key(render_id, name), self._database.checksum(render_id, name)
        if known is None or self._storage.size(key) != known.bytes:
            return False
        digest = hashlib.sha256()
        with suppress(MissingKeyError):
            for piece in self._storage.open_range(key, 0, known.bytes):
                digest.update(piece)
        return digest.hexdigest() == known.sha256


@contextmanager
def _gone(render_id: str, name: str) -> Iterator[None]:
    """Report what is not there, or is larger than it can be, as damaged."""
    try:
        yield
    except RequestError as error:
        if not isinstance(error, MissingKeyError) and error.code != "too_large":
            raise
        damaged = _damaged(render_id, name)
        damaged.gone = isinstance(error, MissingKeyError)
        raise damaged from None


def _damaged(render_id: str, name: str) -> DamagedError:
    return DamagedError(f"{name} of render {render_id} is gone from storage, or not as it was put")


def checksum_of(data: bytes) -> Checksum:
    """Size and SHA-256 of bytes."""
    return Checksum(len(data), hashlib.sha256(data).hexdigest())


def checksum_of_file(path: Path) -> Checksum:
    """Size and SHA-256 of a file."""
    return Checksum(path.stat().st_size, sha256_of(path))
