"""Files that FFmpeg writes: what goes wrong becomes one clear line, and nothing half written stays."""

from contextlib import AbstractContextManager, suppress
from pathlib import Path

import av
from av.container import OutputContainer

from akma_core import files


def writing(path: Path) -> AbstractContextManager[None]:
    """Like files.writing, for what FFmpeg writes as well."""
    return files.writing(path, av.FFmpegError)


def discard(container: OutputContainer, path: Path) -> None:
    """Closes a container whose end may be unwritten and removes its file, if it is still under that name."""
    with suppress(av.FFmpegError, OSError):
        container.close()
    path.unlink(missing_ok=True)
