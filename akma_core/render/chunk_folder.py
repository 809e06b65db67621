"""Finished chunks of a video on a local disk: `.VIDEO.mp4.parts/<plan digest>` until the video is whole.

Under the final name there is a whole video or none; whatever stops a render, the same command goes on where it was.
"""

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from akma_core.errors import RequestError
from akma_core.files import lock_file, write_whole, writing
from akma_core.media.segment import segment_info
from akma_core.render.manifest import Plan, manifest, publish
from akma_core.timeline import Chunk


class ChunkFolder:
    """The folder of one video's finished chunks, owned by one process at a time."""

    def __init__(self, video: Path, plan: Plan) -> None:
        self.video = video
        self.plan = plan
        self._root = video.with_name(f".{video.name}.parts")
        self._folder = self._root / plan.digest

    @contextmanager
    def owned(self) -> Iterator[None]:
        """Hold the folder; RequestError while another process does."""
        with writing(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            lock = lock_file(self._root / "lock")
        if lock is None:
            message = f"another akma render is writing {self.video}: wait for it"
            raise RequestError(message, code="output_busy", field="output")
        with lock:
            for leftover in self._folder.glob("*.tmp"):
                leftover.unlink()
            yield

    def path(self, chunk: Chunk) -> Path:
        """Path of a chunk's segment."""
        return self._folder / f"chunk{chunk.index:05d}.mp4"

    def keep(self, name: str, data: bytes) -> None:
        """Put `data` beside the chunks, whole or not at all."""
        write_whole(self._folder / name, lambda path: path.write_bytes(data))

    def missing(self) -> list[Chunk]:
        """Chunks that have no whole segment yet; what is broken is removed."""
        todo = []
        for chunk in self.plan.chunks():
            info = segment_info(self.path(chunk))
            if info is None or info.frames != chunk.frames:
                self.path(chunk).unlink(missing_ok=True)
                todo.append(chunk)
        return todo

    def publish(self, whole: Path, notes: Iterable[str], flashes: dict[str, Any] | None = None) -> Path:
        """Put the finished video and its manifest in place; returns the manifest. `notes` are on top of the plan's."""
        final = publish(self.video, whole, manifest(self.plan, notes, whole, flashes))
        shutil.rmtree(self._root, ignore_errors=True)
        return final

    @property
    def whole(self) -> Path:
        """Path that the whole video is written to, beside its chunks."""
        return self._folder / f"video{self.video.suffix}"
