"""Keys of storage as files: made where they are not, copied once, and there for other machines where that is asked."""

from pathlib import Path

import anyio
import pytest

from akma_core.api.local_files import LocalFiles
from akma_core.storage import MissingKeyError
from akma_core.storage.folder import FileStorage

KEY = "songs/a/loudness-1.npy"


class Bucket(FileStorage):
    """A storage whose keys are no files of this machine."""

    def local_path(self, key: str) -> Path | None:  # noqa: ARG002
        return None


@pytest.mark.parametrize("kind", [FileStorage, Bucket])
def test_a_key_is_made_once_and_stored_again_where_it_was_cleared_away(kind: type[FileStorage], tmp_path: Path) -> None:
    storage, made = kind(tmp_path / "storage"), list[str]()
    files = LocalFiles(storage, tmp_path / "copies")

    async def make() -> None:
        made.append(KEY)
        storage.put_bytes(KEY, b"loud")

    async def nothing() -> None:
        pass

    async def use() -> None:
        for _ in range(2):
            async with files.held(KEY, make) as path:
                assert path.read_bytes() == b"loud"
        assert made == [KEY]
        storage.delete(KEY)  # a worker elsewhere needs it in storage, whatever was copied here
        await files.stored(KEY, make)
        await files.stored(KEY, make)
        assert made == [KEY, KEY]
        assert storage.exists(KEY)
        with pytest.raises(MissingKeyError):
            async with files.held("songs/b/peaks.npy", nothing):
                pass

    anyio.run(use)
